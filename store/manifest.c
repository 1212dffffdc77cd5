/* store/manifest.c -- the append log behind CURRENT. */
#include "store/manifest.h"

#include "base/byteorder.h"
#include "base/hash.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { CURRENT_SIZE_MAX = 256 };

static void current_line(uint64_t number, char out[64])
{
    char name[40];

    (void)snprintf(name, sizeof(name), "MANIFEST-%016" PRIx64, number);
    (void)snprintf(out, 64, "%s %016" PRIx64 "\n", name, hash64(name, strlen(name)));
}

/* Number in CURRENT; 0 if it is missing or damaged. It is missing after a crash in the very first
 * start: then a torn manifest is no damage either. */
static uint64_t read_current(struct manifest *manifest, const struct manifest_visitor *visitor,
                             bool *missing)
{
    struct buf text = buf_empty(CURRENT_SIZE_MAX);
    char path[PATH_SIZE_MAX], expected[64];
    struct error err = {0};
    uint64_t number = 0;
    enum status status;

    path_join(path, manifest->dir, "CURRENT");
    status = io_read_file(manifest->io, path, &text, &err);
    if (status == STATUS_OK && text.len > 26) {
        number = strtoull(text.data + 9, NULL, 16);
        current_line(number, expected);
        if (!slice_is(buf_slice(&text), expected))
            number = 0;
    }
    *missing = status == STATUS_NOT_FOUND;
    if (number == 0 && !*missing)
        visitor->damage(visitor->user, "CURRENT is damaged: the newest manifest is taken");
    buf_release(&text);
    return number;
}

static bool newest_number(void *user, const char *name)
{
    uint64_t *newest = user, number;
    char tail;

    if (sscanf(name, "MANIFEST-%16" SCNx64 "%c", &number, &tail) == 1 && number > *newest)
        *newest = number;
    return true;
}

static enum status read_header(struct manifest *manifest, struct slice file, uint64_t number,
                               struct error *err)
{
    if (file.len < MANIFEST_HEADER_SIZE || memcmp(file.data, MANIFEST_MAGIC, 8) != 0 ||
        get_le64(file.data + 24) != hash64(file.data, 24) || get_le64(file.data + 16) != number)
        return error_set(err, STATUS_CORRUPT, "the header of manifest %" PRIu64 " is damaged",
                         number);
    if (get_le32(file.data + 8) > MANIFEST_VERSION ||
        get_le32(file.data + 8) < MANIFEST_VERSION_OLDEST)
        return error_set(err, STATUS_INVALID,
                         "the store in %s has version %u, this program knows version %d: "
                         "use the newer program",
                         manifest->dir, get_le32(file.data + 8), MANIFEST_VERSION);
    manifest->version = get_le32(file.data + 8);
    return STATUS_OK;
}

/* The record at `at`, if one is there. */
static bool record_at(struct slice file, size_t at, struct slice *payload, uint64_t *number)
{
    uint64_t length;

    if (file.len < MANIFEST_RECORD_HEADER_SIZE || at > file.len - MANIFEST_RECORD_HEADER_SIZE)
        return false;
    length = get_le64(file.data + at);
    *number = get_le64(file.data + at + 8);
    if (*number == 0 || length > file.len - at - MANIFEST_RECORD_HEADER_SIZE)
        return false;
    *payload = slice_sub(file, at + MANIFEST_RECORD_HEADER_SIZE, (size_t)length);
    return get_le64(file.data + at + 24) ==
           hash64_seed(payload->data, payload->len, hash64(file.data + at, 24));
}

static size_t record_size(struct slice payload)
{
    return MANIFEST_RECORD_HEADER_SIZE + ((payload.len + 7) & ~(size_t)7);
}

/* False: there is none. A file that a crash cut before its snapshot must not pass as an empty
 * store. */
static bool read_records(struct slice file, const struct manifest_visitor *visitor)
{
    size_t at = MANIFEST_HEADER_SIZE;
    bool any = false;
    struct slice payload;
    uint64_t number;
    char line[500];

    while (at < file.len) {
        struct error err = {0};
        size_t bad_at = at;

        while (at < file.len && !record_at(file, at, &payload, &number))
            at += 8;
        if (at >= file.len)
            return any; /* a torn tail */
        if (at > bad_at) {
            (void)snprintf(line, sizeof(line), "manifest: bytes %zu to %zu are damaged", bad_at,
                           at);
            visitor->damage(visitor->user, line);
        }
        if (manifest_visit(payload, visitor, &err) != STATUS_OK)
            visitor->damage(visitor->user, err.message);
        any = true;
        at += record_size(payload);
    }
    return any;
}

/* NOT_FOUND, CORRUPT: try another one. */
static enum status read_one(struct manifest *manifest, uint64_t number,
                            const struct manifest_visitor *visitor, struct error *err)
{
    struct buf file = buf_empty(MANIFEST_SIZE_MAX);
    char path[PATH_SIZE_MAX];
    enum status status;

    path_manifest(path, manifest->dir, number);
    status = io_read_file(manifest->io, path, &file, err);
    if (status == STATUS_OK)
        status = read_header(manifest, buf_slice(&file), number, err);
    if (status == STATUS_OK && !read_records(buf_slice(&file), visitor))
        status = error_set(err, STATUS_CORRUPT, "manifest %" PRIu64 " has no valid record", number);
    buf_release(&file);
    return status;
}

enum status manifest_read(struct manifest *manifest, struct io *io, const char *dir,
                          const struct manifest_visitor *visitor, struct error *err)
{
    uint64_t current, newest = 0;
    enum status status;
    bool missing;
    int done;

    *manifest = (struct manifest){.io = io, .fd = -1};
    if ((size_t)snprintf(manifest->dir, sizeof(manifest->dir), "%s", dir) >= sizeof(manifest->dir))
        return error_set(err, STATUS_TOO_LARGE, "the path %s is too long", dir);
    done = io->path->list(io, dir, newest_number, &newest);
    if (done < 0)
        return error_set_errno(err, -done, "cannot list %s", dir);
    manifest->last_tried = newest;
    if (newest == 0)
        return error_set(err, STATUS_NOT_FOUND,
                         "%s has no manifest: expected the data directory of a collector, or the "
                         "folder \"store\" in it",
                         dir);
    current = read_current(manifest, visitor, &missing);
    if (current == 0)
        current = newest;
    status = read_one(manifest, current, visitor, err);
    /* The one before is kept for this; what is missing in it comes from the WAL and the folders. */
    while (status != STATUS_OK && status != STATUS_INVALID && current > 1) {
        if (!missing)
            visitor->damage(visitor->user, err->message);
        status = read_one(manifest, --current, visitor, err);
    }
    manifest->number = current;
    if (status == STATUS_CORRUPT || status == STATUS_IO) {
        if (!missing)
            visitor->damage(visitor->user, err->message);
        status = STATUS_NOT_FOUND;
    }
    return status;
}

static enum status append_record(struct manifest *manifest, struct slice record,
                                 struct error *err)
{
    struct buf bytes = buf_empty(MANIFEST_SIZE_MAX);
    size_t size = record_size(record);
    uint64_t checksum;
    enum status status;

    if (!buf_reserve(&bytes, size))
        return buf_check(&bytes, "a manifest record", err);
    memset(bytes.data, 0, size);
    put_le64(bytes.data, record.len);
    put_le64(bytes.data + 8, manifest->next_record);
    put_le64(bytes.data + 16, manifest->previous);
    checksum = hash64_seed(record.data, record.len, hash64(bytes.data, 24));
    put_le64(bytes.data + 24, checksum);
    if (record.len > 0)
        memcpy(bytes.data + MANIFEST_RECORD_HEADER_SIZE, record.data, record.len);
    status = io_write_all(manifest->io, manifest->fd, bytes.data, size, manifest->offset,
                          "the manifest", err);
    buf_release(&bytes);
    if (status == STATUS_OK)
        status = io_sync(manifest->io, manifest->fd, "the manifest", err);
    if (status != STATUS_OK)
        return status;
    manifest->offset += size;
    manifest->previous = checksum;
    manifest->next_record++;
    return STATUS_OK;
}

static enum status begin_file(struct manifest *manifest, uint64_t number, const char *path,
                              struct slice snapshot, struct error *err)
{
    char header[MANIFEST_HEADER_SIZE] = MANIFEST_MAGIC;
    enum status status = io_open(manifest->io, path, IO_READ | IO_WRITE | IO_CREATE | IO_TRUNCATE,
                                 &manifest->fd, err);

    put_le32(header + 8, MANIFEST_VERSION);
    put_le64(header + 16, number);
    put_le64(header + 24, hash64(header, 24));
    if (status == STATUS_OK)
        status = io_write_all(manifest->io, manifest->fd, header, sizeof(header), 0, path, err);
    manifest->offset = sizeof(header);
    manifest->next_record = 1;
    manifest->previous = get_le64(header + 24);
    return status == STATUS_OK ? append_record(manifest, snapshot, err) : status;
}

struct sweep {
    struct manifest *manifest;
    uint64_t keep_from;
};

static bool sweep_one(void *user, const char *name)
{
    struct sweep *sweep = user;
    char path[PATH_SIZE_MAX], tail;
    uint64_t number;

    if (sscanf(name, "MANIFEST-%16" SCNx64 "%c", &number, &tail) == 1 &&
        number < sweep->keep_from) {
        path_manifest(path, sweep->manifest->dir, number);
        file_remove(sweep->manifest->io, path);
    }
    return true;
}

/* A number is never used twice: after a failed roll nobody knows whether CURRENT names it. */
enum status manifest_roll(struct manifest *manifest, struct slice snapshot, struct error *err)
{
    uint64_t number = ++manifest->last_tried;
    struct sweep sweep = {.manifest = manifest, .keep_from = manifest->number};
    char path[PATH_SIZE_MAX], current[PATH_SIZE_MAX], line[64];
    enum status status;

    io_close(manifest->io, &manifest->fd);
    manifest->broken = true; /* until all of it succeeded */
    path_manifest(path, manifest->dir, number);
    status = begin_file(manifest, number, path, snapshot, err);
    if (status == STATUS_OK)
        status = io_sync_dir(manifest->io, manifest->dir, err);
    current_line(number, line);
    path_join(current, manifest->dir, "CURRENT");
    if (status == STATUS_OK)
        status = io_replace_file(manifest->io, current, slice_of(line), err);
    if (status != STATUS_OK)
        return status;
    manifest->broken = false;
    manifest->snapshot_size = manifest->offset;
    manifest->number = number;
    (void)manifest->io->path->list(manifest->io, manifest->dir, sweep_one, &sweep);
    return STATUS_OK;
}

bool manifest_wants_roll(const struct manifest *manifest)
{
    return manifest->broken || manifest->fd < 0 ||
           manifest->offset > manifest->snapshot_size * 2 + MANIFEST_ROLL_SIZE;
}

enum status manifest_commit(struct manifest *manifest, struct slice record, struct error *err)
{
    enum status status;

    if (manifest->broken || manifest->fd < 0)
        return error_set(err, STATUS_IO, "the manifest could not be written before");
    status = append_record(manifest, record, err);
    if (status != STATUS_OK)
        manifest->broken = true;
    return status;
}

void manifest_release(struct manifest *manifest)
{
    io_close(manifest->io, &manifest->fd);
}
