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
        .next_record = 1,
        .next_file = 1,
    };
    wal->size_next = first_size(wal);
    if ((size_t)snprintf(wal->dir, sizeof(wal->dir), "%s", dir) >= sizeof(wal->dir))
        return error_set(err, STATUS_TOO_LARGE, "the path %s is too long", dir);
    return STATUS_OK;
}

void wal_release(struct wal *wal)
{
    io_close(wal->io, &wal->fd);
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

static enum status next_file(struct wal *wal, uint64_t group_size, struct error *err)
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
    if (size < WAL_FILE_HEADER_SIZE + group_size)
        size = WAL_FILE_HEADER_SIZE + group_size;
    status = open_file(wal, number, &fd, err);
    if (status != STATUS_OK)
        return status;
    status = begin_file(wal, fd, number, size, err);
    if (status != STATUS_OK) {
        io_close(wal->io, &fd);
        file_path(wal, number, path);
        file_remove(wal->io, path);
        return status;
    }
    io_close(wal->io, &wal->fd);
    wal->fd = fd;
    wal->next_file = number + 1;
    wal->size_next = size * 2 < wal->file_size ? size * 2 : wal->file_size;
    wal->live_sizes[wal->live_count] = size;
    wal->live[wal->live_count++] = number;
    return STATUS_OK;
}

/* All bytes of the parts, going on after short writes. `parts` is used up. */
static enum status write_parts(struct wal *wal, struct iovec *parts, int count, struct error *err)
{
    uint64_t offset = wal->offset;

    while (count > 0) {
        ssize_t done = wal->io->file->write_at(wal->io, wal->fd, parts, count, offset);

        if (done <= 0)
            return error_set_errno(err, done == 0 ? EIO : (int)-done,
                                   "cannot write WAL file %" PRIu64, wal->file_number);
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
    return STATUS_OK;
}

struct group_parts {
    char headers[WAL_GROUP_RECORDS_MAX][WAL_RECORD_HEADER_SIZE];
    struct iovec parts[WAL_GROUP_RECORDS_MAX * 3];
    int count;
    uint64_t size, last_checksum;
};

static void make_parts(struct wal *wal, struct wal_record *records, uint32_t count,
                       struct group_parts *out)
{
    static const char zeros[8];
    uint64_t previous = wal->previous;

    out->count = 0;
    out->size = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct slice payload = records[i].payload;
        struct wal_record_header header = {
            .length = (uint32_t)payload.len,
            .type = records[i].type,
            .shard = records[i].shard,
            .file_number = wal->file_number,
            .record_number = wal->next_record + i,
            .group = wal->next_record,
            .previous = previous,
        };
        size_t padding = wal_padded(payload.len) - payload.len;

        wal_record_header_put(out->headers[i], &header, payload, wal->salt);
        previous = header.checksum;
        records[i].record_number = header.record_number;
        records[i].file_number = wal->file_number;
        out->parts[out->count++] = (struct iovec){out->headers[i], WAL_RECORD_HEADER_SIZE};
        out->parts[out->count++] = (struct iovec){(void *)(uintptr_t)payload.data, payload.len};
        if (padding > 0)
            out->parts[out->count++] = (struct iovec){(void *)(uintptr_t)zeros, padding};
        out->size += WAL_RECORD_HEADER_SIZE + payload.len + padding;
    }
    out->last_checksum = previous;
}

static uint64_t group_size(const struct wal_record *records, uint32_t count)
{
    uint64_t size = 0;

    for (uint32_t i = 0; i < count; i++)
        size += WAL_RECORD_HEADER_SIZE + wal_padded(records[i].payload.len);
    return size;
}

enum status wal_write_group(struct wal *wal, struct wal_record *records, uint32_t count,
                            struct error *err)
{
    uint64_t size = group_size(records, count);
    struct group_parts *parts;
    enum status status = STATUS_OK;

    if (count == 0 || count > WAL_GROUP_RECORDS_MAX)
        return error_set(err, STATUS_TOO_LARGE, "a WAL group of %u records", count);
    if (wal->fd < 0 || wal->offset + size > wal->size_now)
        status = next_file(wal, size, err); /* a group is never split over two files */
    if (status != STATUS_OK)
        return status;
    parts = malloc(sizeof(*parts));
    if (parts == NULL)
        return error_set(err, STATUS_NO_MEMORY, "no memory for a WAL group");
    make_parts(wal, records, count, parts);
    wal->written = true;
    status = write_parts(wal, parts->parts, parts->count, err);
    if (status == STATUS_OK)
        status = io_sync(wal->io, wal->fd, "the WAL", err);
    if (status == STATUS_OK) {
        wal->offset += parts->size;
        wal->previous = parts->last_checksum;
        wal->next_record += count;
        wal->acked = wal->next_record - 1;
        wal->written = false;
    }
    free(parts);
    return status;
}

void wal_fence(struct wal *wal)
{
    io_close(wal->io, &wal->fd);
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
