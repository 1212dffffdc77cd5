/* shipper/content.c -- plain reads, and gzip as a stream that knows its position. */
#include "shipper/content.h"

#include "base/compress.h"
#include "base/message.h"
#include "shipper/limits.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { GZ_INPUT_SIZE = 16 * 1024, GZ_SKIP_SIZE = 16 * 1024 };

struct gz_reader {
    struct unpacker *unpacker;
    uint64_t position;    /* of the next byte that comes out */
    uint64_t file_offset; /* of the next packed byte to read */
    struct slice input;   /* read and not inflated: a part of `bytes` */
    size_t history_len;   /* bytes before `position` that are kept, at the end of `history` */
    char history[TAIL_SIZE_MAX]; /* every read looks back as far as a tail hash does */
    char bytes[GZ_INPUT_SIZE];
};

/* Look at what was opened; `fd` may be -errno. */
static enum status take_file(struct io *io, const char *path, int fd, struct content_opened *out,
                             struct error *err)
{
    int failed;

    *out = (struct content_opened){.content = content_closed(), .errno_value = fd < 0 ? -fd : 0};
    if (fd == -ELOOP)
        return error_set(err, STATUS_INVALID, "%s is a symbolic link", path);
    if (fd == -EXDEV)
        return error_set(err, STATUS_INVALID, "%s leads out of the directory of its pattern", path);
    if (fd < 0)
        return error_set_errno(err, -fd, "cannot open %s", path);
    failed = io->file->info(io, fd, &out->info);
    if (failed == 0 && S_ISREG(out->info.mode)) {
        out->content.fd = fd;
        return STATUS_OK;
    }
    io_close(io, &fd);
    out->errno_value = -failed;
    return failed != 0 ? error_set_errno(err, -failed, "cannot look at %s", path)
                       : error_set(err, STATUS_INVALID, "%s is not a regular file", path);
}

enum status content_open(struct io *io, const char *path, bool follow_link,
                         struct content_opened *out, struct error *err)
{
    int flags = IO_READ | IO_NO_BLOCK | (follow_link ? 0 : IO_NO_FOLLOW);

    return take_file(io, path, io->file->open(io, path, flags), out, err);
}

enum status content_open_beneath(struct io *io, const char *path, uint32_t root_len,
                                 struct content_opened *out, struct error *err)
{
    char marked[GLOB_SIZE_MAX + 2];
    int len = snprintf(marked, sizeof(marked), "%.*s/.%s", (int)root_len, path, path + root_len);
    int fd = len < 0 || (size_t)len >= sizeof(marked)
                 ? -ENAMETOOLONG
                 : io->file->open(io, marked, IO_READ | IO_NO_BLOCK | IO_BENEATH);

    return take_file(io, path, fd, out, err);
}

static void gz_free(struct gz_reader *gz)
{
    if (gz == NULL)
        return;
    unpacker_free(gz->unpacker);
    free(gz);
}

static enum status gz_new(struct gz_reader **out, struct error *err)
{
    struct gz_reader *gz = calloc(1, sizeof(*gz));
    enum status status;

    if (gz == NULL)
        return error_set(err, STATUS_NO_MEMORY, "no memory to read a gzip file");
    status = unpacker_new(CODEC_GZIP, &gz->unpacker, err);
    if (status == STATUS_OK)
        *out = gz;
    else
        gz_free(gz);
    return status;
}

enum status content_inflate(struct content *content, struct error *err)
{
    return content->gz != NULL ? STATUS_OK : gz_new(&content->gz, err);
}

void content_close(struct io *io, struct content *content)
{
    io_close(io, &content->fd);
    gz_free(content->gz);
    content->gz = NULL;
}

static void remember(struct gz_reader *gz, const char *data, size_t len)
{
    size_t keep = sizeof(gz->history);

    gz->position += len;
    if (len >= keep) {
        memcpy(gz->history, data + len - keep, keep);
        gz->history_len = keep;
        return;
    }
    memmove(gz->history, gz->history + len, keep - len);
    memcpy(gz->history + keep - len, data, len);
    gz->history_len = gz->history_len + len < keep ? gz->history_len + len : keep;
}

/* Bytes from `offset` that are behind us and still known; their count. */
static size_t recall(const struct gz_reader *gz, char *data, size_t len, uint64_t offset)
{
    uint64_t back = gz->position - offset;

    if (offset >= gz->position || back > gz->history_len)
        return 0;
    if (len > back)
        len = (size_t)back;
    memcpy(data, gz->history + sizeof(gz->history) - back, len);
    return len;
}

/* One step of inflating: the count written, 0 at the end of the file, or -errno. */
static ssize_t gz_step(struct io *io, int fd, struct gz_reader *gz, char *data, size_t size)
{
    for (;;) {
        size_t before = gz->input.len, len = 0;
        ssize_t got;

        if (unpacker_step(gz->unpacker, &gz->input, data, size, &len, NULL) != STATUS_OK)
            return -EBADMSG;
        if (len > 0) {
            remember(gz, data, len);
            return (ssize_t)len;
        }
        if (gz->input.len > 0 && gz->input.len == before)
            return -EBADMSG; /* neither eats nor writes: what follows is not gzip */
        if (gz->input.len > 0)
            continue;
        got = io->file->read_at(io, fd, gz->bytes, sizeof(gz->bytes), gz->file_offset);
        if (got <= 0)
            return got;
        gz->file_offset += (uint64_t)got;
        gz->input = slice_make(gz->bytes, (size_t)got);
    }
}

static int gz_seek(struct io *io, struct content *content, uint64_t offset)
{
    char skipped[GZ_SKIP_SIZE];

    if (offset < content->gz->position) {
        struct gz_reader *fresh = NULL;

        if (gz_new(&fresh, NULL) != STATUS_OK || fresh == NULL)
            return -ENOMEM;
        gz_free(content->gz);
        content->gz = fresh;
    }
    while (content->gz->position < offset) {
        uint64_t missing = offset - content->gz->position;
        size_t size = missing < sizeof(skipped) ? (size_t)missing : sizeof(skipped);
        ssize_t got = gz_step(io, content->fd, content->gz, skipped, size);

        if (got <= 0)
            return (int)got;
    }
    return 1;
}

static ssize_t gz_read(struct io *io, struct content *content, char *data, size_t len,
                       uint64_t offset)
{
    size_t done = recall(content->gz, data, len, offset);
    int found = gz_seek(io, content, offset + done);

    if (found <= 0 && done == 0)
        return found;
    while (done < len && found > 0) {
        ssize_t got = gz_step(io, content->fd, content->gz, data + done, len - done);

        if (got < 0)
            return done > 0 ? (ssize_t)done : got;
        if (got == 0)
            break;
        done += (size_t)got;
    }
    return (ssize_t)done;
}

ssize_t content_read(struct io *io, struct content *content, void *data, size_t len,
                     uint64_t offset)
{
    size_t done = 0;

    if (content->gz != NULL)
        return gz_read(io, content, data, len, offset);
    while (done < len) {
        ssize_t got =
            io->file->read_at(io, content->fd, (char *)data + done, len - done, offset + done);

        if (got < 0)
            return done > 0 ? (ssize_t)done : got;
        if (got == 0)
            break;
        done += (size_t)got;
    }
    return (ssize_t)done;
}

bool content_name_is_gz(const char *path)
{
    return slice_ends(slice_of(path), SLICE_LITERAL(".gz"));
}
