/* store/wal.c -- write groups of records to preallocated files. Reading is in wal_replay.c. */
#include "store/wal.h"

#include "store/paths.h"
#include "store/wal_format.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static void file_path(const struct wal *wal, uint64_t number, char out[600])
{
    (void)snprintf(out, 600, "%s/%016" PRIx64 ".wal", wal->dir, number);
}

static uint64_t first_size(const struct wal *wal)
{
    return wal->file_size < WAL_FILE_SIZE_FIRST ? wal->file_size : WAL_FILE_SIZE_FIRST;
}

enum status wal_init(struct wal *wal, struct io *io, const char *dir, uint64_t incarnation,
                     uint64_t file_size, struct error *err)
{
    *wal = (struct wal){
        .io = io,
        .incarnation = incarnation,
        .file_size = file_size == 0 ? WAL_FILE_SIZE_DEFAULT : file_size,
        .fd = -1,
        .direct_fd = -1,
        .next_record = 1,
        .next_file = 1,
    };
    wal->size_next = first_size(wal);
    if ((size_t)snprintf(wal->dir, sizeof(wal->dir), "%s", dir) >= sizeof(wal->dir))
        return error_set(err, STATUS_TOO_LARGE, "the path %s is too long", dir);
    return STATUS_OK;
}

static void close_file(struct wal *wal)
{
    io_close(wal->io, &wal->fd);
    io_close(wal->io, &wal->direct_fd);
}

void wal_release(struct wal *wal)
{
    close_file(wal);
}

/* Open the file that will carry `number`: a recycled one under its new name, or a new one. */
static enum status open_file(struct wal *wal, uint64_t number, int *fd, struct error *err)
{
    char path[600], spare[600];

    file_path(wal, number, path);
    if (wal->spare_count > 0) {
        struct error ignored = {0};

        file_path(wal, wal->spares[--wal->spare_count], spare);
        if (io_rename(wal->io, spare, path, &ignored) == STATUS_OK &&
            io_open(wal->io, path, IO_READ | IO_WRITE, fd, &ignored) == STATUS_OK)
            return STATUS_OK;
    }
    return io_open(wal->io, path, IO_READ | IO_WRITE | IO_CREATE | IO_TRUNCATE, fd, err);
}

/* Space, header and directory entry are durable before the first record goes in. */
static enum status begin_file(struct wal *wal, int fd, uint64_t number, uint64_t size,
                              struct error *err)
{
    struct wal_file_header header = {
        .file_number = number, .incarnation = wal->incarnation, .acked = wal->acked};
    char bytes[WAL_FILE_HEADER_SIZE], path[600];
    enum status status = STATUS_OK;
    int done = wal->io->file->allocate(wal->io, fd, size);

    file_path(wal, number, path);
    /* EOPNOTSUPP: a file system without preallocation; the writes then find the full disk. */
    if (done < 0 && done != -EOPNOTSUPP)
        return error_set_errno(err, -done, "cannot allocate %s", path);
    io_random(wal->io, &header.salt, sizeof(header.salt));
    wal_file_header_put(bytes, &header);
    status = io_write_all(wal->io, fd, bytes, sizeof(bytes), 0, path, err);
    if (status == STATUS_OK)
        status = io_sync(wal->io, fd, path, err);
    if (status == STATUS_OK)
        status = io_sync_dir(wal->io, wal->dir, err);
    if (status != STATUS_OK)
        return status;
    wal->file_number = number;
    wal->size_now = size;
    wal->offset = WAL_FILE_HEADER_SIZE;
    wal->salt = header.salt;
    wal->previous = header.checksum;
    return STATUS_OK;
}

/* The file once more, for framed records; that it cannot be had is no error. */
static void open_direct(struct wal *wal, const char *path)
{
    struct error ignored = {0};

    if (!wal->direct_refused &&
        io_open(wal->io, path, IO_WRITE | IO_DIRECT, &wal->direct_fd, &ignored) != STATUS_OK)
        wal->direct_fd = -1;
}

/* A file with room for a group that ends at `group_end` when it is the first. */
static enum status next_file(struct wal *wal, uint64_t group_end, struct error *err)
{
    uint64_t number = wal->next_file;
    uint64_t size = wal->size_next;
    char path[600];
    int fd = -1;
    enum status status;

    if (wal->live_count == WAL_FILES_MAX)
        return error_set(err, STATUS_DISK_FULL, "%d WAL files wait for their segments",
                         WAL_FILES_MAX);
    if (wal->spare_count > 0 && wal->spare_sizes[wal->spare_count - 1] > size)
        size = wal->spare_sizes[wal->spare_count - 1]; /* it has the space already */
    if (size < group_end)
        size = group_end;
    status = open_file(wal, number, &fd, err);
    if (status != STATUS_OK)
        return status;
    status = begin_file(wal, fd, number, size, err);
    file_path(wal, number, path);
    if (status != STATUS_OK) {
        io_close(wal->io, &fd);
        file_remove(wal->io, path);
        return status;
    }
    close_file(wal);
    wal->fd = fd;
    open_direct(wal, path);
    wal->next_file = number + 1;
    wal->size_next = size * 2 < wal->file_size ? size * 2 : wal->file_size;
    wal->live_sizes[wal->live_count] = size;
    wal->live[wal->live_count++] = number;
    return STATUS_OK;
}

/* All bytes of the parts, going on after short writes. `parts` is used up. 0 or -errno. */
static int write_parts(struct wal *wal, int fd, struct iovec *parts, int count, uint64_t offset)
{
    while (count > 0) {
        ssize_t done = wal->io->file->write_at(wal->io, fd, parts, count, offset);

        if (done <= 0)
            return done == 0 ? -EIO : (int)done;
        offset += (uint64_t)done;
        while (count > 0 && (size_t)done >= parts->iov_len) {
            done -= (ssize_t)parts->iov_len;
            parts++;
            count--;
        }
        if (count > 0) {
            parts->iov_base = (char *)parts->iov_base + done;
            parts->iov_len -= (size_t)done;
        }
    }
    return 0;
}

/* A group on its way to the file. Parts are collected as long as one call can write them. */
struct group {
    char headers[WAL_GROUP_RECORDS_MAX][WAL_RECORD_HEADER_SIZE];
    struct iovec parts[WAL_GROUP_RECORDS_MAX * 3];
    int count;
    bool direct;       /* the parts are */
    uint64_t from, at; /* in the file: of the first part, behind the last */
    uint64_t previous; /* checksum of the last record */
};

static uint64_t page_end(uint64_t at)
{
    return (at + WAL_PAGE_SIZE - 1) & ~(uint64_t)(WAL_PAGE_SIZE - 1);
}

/* Write the parts. A file system may let a file be opened for direct writes and then refuse them. */
static enum status write_run(struct wal *wal, struct group *group, struct error *err)
{
    struct iovec parts[COUNT_OF(group->parts)];
    int done = 0;

    if (group->count > 0 && group->direct) {
        memcpy(parts, group->parts, (size_t)group->count * sizeof(*parts));
        done = write_parts(wal, wal->direct_fd, parts, group->count, group->from);
        if (done == -EINVAL) {
            wal->direct_refused = true;
            io_close(wal->io, &wal->direct_fd);
            group->direct = false;
        }
    }
    if (group->count > 0 && !group->direct)
        done = write_parts(wal, wal->fd, group->parts, group->count, group->from);
    group->count = 0;
    return done == 0 ? STATUS_OK
                     : error_set_errno(err, -done, "cannot write WAL file %" PRIu64,
                                       wal->file_number);
}

static void add_part(struct group *group, const char *bytes, size_t len)
{
    if (len > 0)
        group->parts[group->count++] = (struct iovec){(void *)(uintptr_t)bytes, len};
    group->at += len;
}

static void put_header(struct wal *wal, struct group *group, struct wal_record *record,
                       uint32_t index, char *to)
{
    struct wal_record_header header = {
        .length = (uint32_t)record->payload.len,
        .type = record->type,
        .shard = record->shard,
        .file_number = wal->file_number,
        .record_number = wal->next_record + index,
        .group = wal->next_record,
        .previous = group->previous,
    };

    wal_record_header_put(to, &header, record->payload, wal->salt);
    group->previous = header.checksum;
    record->record_number = header.record_number;
    record->file_number = wal->file_number;
}

/* Add a record, after writing those that the same call cannot write. */
static enum status add_record(struct wal *wal, struct group *group, struct wal_record *record,
                              uint32_t index, struct error *err)
{
    static const char zeros[8];
    size_t len = record->payload.len;
    bool direct = record->framed && wal->direct_fd >= 0;
    enum status status = direct == group->direct ? STATUS_OK : write_run(wal, group, err);

    if (status != STATUS_OK)
        return status;
    direct = record->framed && wal->direct_fd >= 0; /* that may have ended just now */
    if (group->count == 0) {
        group->direct = direct;
        group->from = group->at = direct ? page_end(group->at) : group->at;
    }
    if (direct) {
        char *frame = (char *)(uintptr_t)record->payload.data - WAL_RECORD_HEADER_SIZE;

        put_header(wal, group, record, index, frame);
        add_part(group, frame, (size_t)page_end(WAL_RECORD_HEADER_SIZE + len));
        return STATUS_OK;
    }
    put_header(wal, group, record, index, group->headers[index]);
    add_part(group, group->headers[index], WAL_RECORD_HEADER_SIZE);
    add_part(group, record->payload.data, len);
    add_part(group, zeros, wal_padded(len) - len);
    return STATUS_OK;
}

static enum status write_records(struct wal *wal, struct wal_record *records, uint32_t count,
                                 struct error *err)
{
    struct group *group = malloc(sizeof(*group));
    enum status status = STATUS_OK;

    if (group == NULL)
        return error_set(err, STATUS_NO_MEMORY, "no memory for a WAL group");
    group->count = 0;
    group->direct = false;
    group->from = group->at = wal->offset;
    group->previous = wal->previous;
    wal->written = true;
    for (uint32_t i = 0; i < count && status == STATUS_OK; i++)
        status = add_record(wal, group, &records[i], i, err);
    if (status == STATUS_OK)
        status = write_run(wal, group, err);
    if (status == STATUS_OK)
        status = io_sync(wal->io, wal->fd, "the WAL", err);
    if (status == STATUS_OK) {
        wal->offset = group->at;
        wal->previous = group->previous;
        wal->next_record += count;
        wal->acked = wal->next_record - 1;
        wal->written = false;
    }
    free(group);
    return status;
}

/* Where a group ends that begins at `at`, at the latest. */
static uint64_t end_of_group(const struct wal_record *records, uint32_t count, uint64_t at)
{
    for (uint32_t i = 0; i < count; i++) {
        uint64_t size = WAL_RECORD_HEADER_SIZE + wal_padded(records[i].payload.len);

        at = records[i].framed ? page_end(page_end(at) + size) : at + size;
    }
    return at;
}

enum status wal_write_group(struct wal *wal, struct wal_record *records, uint32_t count,
                            struct error *err)
{
    enum status status = STATUS_OK;

    if (count == 0 || count > WAL_GROUP_RECORDS_MAX)
        return error_set(err, STATUS_TOO_LARGE, "a WAL group of %u records", count);
    /* A group is never split over two files. */
    if (wal->fd < 0 || end_of_group(records, count, wal->offset) > wal->size_now)
        status = next_file(wal, end_of_group(records, count, WAL_FILE_HEADER_SIZE), err);
    return status == STATUS_OK ? write_records(wal, records, count, err) : status;
}

void wal_fence(struct wal *wal)
{
    close_file(wal);
}

void wal_give_up(struct wal *wal, uint32_t count)
{
    if (!wal->written)
        return; /* refused before the first byte */
    wal_fence(wal);
    wal->next_record += count;
    wal->written = false;
}

void wal_recycle(struct wal *wal, uint64_t low_water)
{
    uint32_t kept = 0;
    char path[600];

    for (uint32_t i = 0; i < wal->live_count; i++) {
        uint64_t number = wal->live[i];

        if (number >= low_water || (wal->fd >= 0 && number == wal->file_number)) {
            wal->live_sizes[kept] = wal->live_sizes[i];
            wal->live[kept++] = number;
        } else if (wal->spare_count < WAL_SPARES_MAX) {
            wal->spare_sizes[wal->spare_count] = wal->live_sizes[i];
            wal->spares[wal->spare_count++] = number;
        } else {
            file_path(wal, number, path);
            file_remove(wal->io, path);
        }
    }
    wal->live_count = kept;
}

void wal_end_file(struct wal *wal)
{
    wal_fence(wal);
    wal->size_next = first_size(wal);
}

bool wal_is_large(const struct wal *wal)
{
    return wal->spare_count > 0 || (wal->fd >= 0 && wal->size_now > first_size(wal));
}

void wal_drop_spares(struct wal *wal)
{
    char path[600];

    while (wal->spare_count > 0) {
        file_path(wal, wal->spares[--wal->spare_count], path);
        file_remove(wal->io, path);
    }
}

uint64_t wal_current_file(const struct wal *wal)
{
    return wal->fd >= 0 ? wal->file_number : wal->next_file;
}

uint64_t wal_bytes(const struct wal *wal)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < wal->live_count; i++)
        sum += wal->live_sizes[i];
    for (uint32_t i = 0; i < wal->spare_count; i++)
        sum += wal->spare_sizes[i];
    return sum;
}
