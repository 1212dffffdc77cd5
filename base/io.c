/* base/io.c -- the functions over the io tables; the real tables are in io_system.c. */
#include "base/io.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

enum { READ_CHUNK_SIZE = 65536 };

enum status io_open(struct io *io, const char *path, int flags, int *fd, struct error *err)
{
    int got = io->file->open(io, path, flags);

    if (got < 0)
        return error_set_errno(err, -got, "cannot open %s", path);
    *fd = got;
    return STATUS_OK;
}

void io_close(struct io *io, int *fd)
{
    if (*fd >= 0)
        (void)io->file->close(io, *fd);
    *fd = -1;
}

enum status io_read_exact(struct io *io, int fd, void *data, size_t len, uint64_t offset,
                          const char *path, struct error *err)
{
    char *to = data;

    while (len > 0) {
        ssize_t got = io->file->read_at(io, fd, to, len, offset);

        if (got < 0)
            return error_set_errno(err, (int)-got, "cannot read %s at byte %llu", path,
                                   (unsigned long long)offset);
        if (got == 0) {
            (void)error_set(err, STATUS_END, "%s ends at byte %llu, %zu bytes short", path,
                            (unsigned long long)offset, len);
            return STATUS_END;
        }
        to += got;
        offset += (uint64_t)got;
        len -= (size_t)got;
    }
    return STATUS_OK;
}

enum status io_write_all(struct io *io, int fd, const void *data, size_t len, uint64_t offset,
                         const char *path, struct error *err)
{
    const char *from = data;

    while (len > 0) {
        struct iovec part = {.iov_base = (void *)(uintptr_t)from, .iov_len = len};
        ssize_t done = io->file->write_at(io, fd, &part, 1, offset);

        if (done <= 0)
            return error_set_errno(err, done == 0 ? EIO : (int)-done,
                                   "cannot write %s at byte %llu", path,
                                   (unsigned long long)offset);
        from += done;
        offset += (uint64_t)done;
        len -= (size_t)done;
    }
    return STATUS_OK;
}

enum status io_sync(struct io *io, int fd, const char *path, struct error *err)
{
    int done = io->file->sync(io, fd);

    return done < 0 ? error_set_errno(err, -done, "cannot sync %s", path) : STATUS_OK;
}

enum status io_info_of(struct io *io, const char *path, struct io_info *out, struct error *err)
{
    int done = io->path->info(io, path, out);

    return done < 0 ? error_set_errno(err, -done, "cannot look at %s", path) : STATUS_OK;
}

enum status io_rename(struct io *io, const char *from, const char *to, struct error *err)
{
    int done = io->path->rename(io, from, to);

    return done < 0 ? error_set_errno(err, -done, "cannot rename %s to %s", from, to) : STATUS_OK;
}

enum status io_remove(struct io *io, const char *path, struct error *err)
{
    int done = io->path->unlink(io, path);

    return done < 0 && done != -ENOENT ? error_set_errno(err, -done, "cannot remove %s", path)
                                       : STATUS_OK;
}

enum status io_make_dirs(struct io *io, const char *path, struct error *err)
{
    char part[PATH_MAX];
    size_t len = strlen(path);

    if (len == 0 || len >= sizeof(part))
        return error_set(err, STATUS_INVALID, "cannot create folder: path of %zu bytes", len);
    for (size_t i = 1; i <= len; i++) {
        int done;

        if (path[i] != '/' && path[i] != '\0')
            continue;
        memcpy(part, path, i);
        part[i] = '\0';
        done = io->path->make_dir(io, part);
        if (done < 0 && done != -EEXIST)
            return error_set_errno(err, -done, "cannot create folder %s", part);
    }
    return STATUS_OK;
}

enum status io_sync_dir(struct io *io, const char *path, struct error *err)
{
    int done = io->path->sync_dir(io, path);

    return done < 0 ? error_set_errno(err, -done, "cannot sync folder %s", path) : STATUS_OK;
}

enum status io_read_file(struct io *io, const char *path, struct buf *out, struct error *err)
{
    uint64_t offset = 0;
    int fd;
    enum status status = io_open(io, path, IO_READ, &fd, err);

    if (status != STATUS_OK)
        return status;
    for (;;) {
        ssize_t got;
        size_t room = out->size_max - out->len < READ_CHUNK_SIZE ? out->size_max - out->len
                                                                 : READ_CHUNK_SIZE;
        char probe;

        if (!buf_reserve(out, room)) {
            status = error_set(err, STATUS_NO_MEMORY, "%s: no memory to read it", path);
            break;
        }
        got = room > 0 ? io->file->read_at(io, fd, out->data + out->len, room, offset)
                       : io->file->read_at(io, fd, &probe, 1, offset);
        if (got < 0)
            status = error_set_errno(err, (int)-got, "cannot read %s", path);
        else if (got > 0 && room == 0)
            status = error_set(err, STATUS_TOO_LARGE, "%s is larger than %zu bytes", path,
                               out->size_max);
        if (got <= 0 || status != STATUS_OK)
            break;
        buf_commit(out, (size_t)got);
        offset += (uint64_t)got;
    }
    io_close(io, &fd);
    return status;
}

static enum status parent_of(const char *path, char *parent, size_t size, struct error *err)
{
    const char *slash = strrchr(path, '/');
    size_t len = slash == NULL ? 0 : (size_t)(slash - path);

    if (len >= size)
        return error_set(err, STATUS_INVALID, "path of %zu bytes is too long", strlen(path));
    if (slash == NULL)
        (void)snprintf(parent, size, ".");
    else
        (void)snprintf(parent, size, "%.*s", len == 0 ? 1 : (int)len, path);
    return STATUS_OK;
}

enum status io_replace_file(struct io *io, const char *path, struct slice content,
                            struct error *err)
{
    char temporary[PATH_MAX];
    char parent[PATH_MAX];
    int fd = -1;
    enum status status = parent_of(path, parent, sizeof(parent), err);

    if (status != STATUS_OK)
        return status;
    if ((size_t)snprintf(temporary, sizeof(temporary), "%s.tmp", path) >= sizeof(temporary))
        return error_set(err, STATUS_INVALID, "path of %zu bytes is too long", strlen(path));
    status = io_open(io, temporary, IO_WRITE | IO_CREATE | IO_TRUNCATE, &fd, err);
    if (status == STATUS_OK)
        status = io_write_all(io, fd, content.data, content.len, 0, temporary, err);
    if (status == STATUS_OK)
        status = io_sync(io, fd, temporary, err);
    io_close(io, &fd);
    if (status == STATUS_OK)
        status = io_rename(io, temporary, path, err);
    if (status == STATUS_OK)
        status = io_sync_dir(io, parent, err);
    return status;
}

int64_t io_wall_ns(struct io *io)
{
    return io->clock->wall_ns(io);
}

int64_t io_mono_ns(struct io *io)
{
    return io->clock->mono_ns(io);
}

void io_random(struct io *io, void *data, size_t len)
{
    if (io->clock->random(io, data, len) != 0)
        abort(); /* ids made without randomness would collide silently */
}
