/* store/tree_copy.c -- copying and linking. */
#include "store/tree_copy.h"

#include "store/paths.h"

#include <errno.h>
#include <stdlib.h>

enum { COPY_SIZE = 1 << 20 };

struct file_copy {
    struct io *io;
    const char *path; /* for messages: where from */
    int from, to;
    uint64_t size; /* at most so many bytes: the file may grow */
};

static enum status copy_bytes(const struct file_copy *copy, uint64_t *copied, struct error *err)
{
    char *bytes = malloc(COPY_SIZE);
    enum status status = STATUS_OK;
    uint64_t at = 0;

    if (bytes == NULL)
        return error_set(err, STATUS_NO_MEMORY, "no memory to copy %s", copy->path);
    while (status == STATUS_OK && at < copy->size) {
        size_t wanted = copy->size - at < COPY_SIZE ? (size_t)(copy->size - at) : COPY_SIZE;
        ssize_t done = copy->io->file->read_at(copy->io, copy->from, bytes, wanted, at);

        if (done == 0)
            break;
        if (done < 0)
            status = error_set_errno(err, (int)-done, "cannot read %s", copy->path);
        else
            status = io_write_all(copy->io, copy->to, bytes, (size_t)done, at, copy->path, err);
        at += done > 0 ? (uint64_t)done : 0;
    }
    *copied += at;
    free(bytes);
    return status;
}

enum status copy_file(struct io *io, const char *from, const char *to, uint64_t size,
                      uint64_t *copied, struct error *err)
{
    int in = -1, out = -1;
    enum status status = io_open(io, from, IO_READ, &in, err);

    if (status == STATUS_OK)
        status = io_open(io, to, IO_WRITE | IO_CREATE | IO_EXCLUSIVE, &out, err);
    if (status == STATUS_OK)
        status = copy_bytes(&(struct file_copy){io, from, in, out, size}, copied, err);
    if (status == STATUS_OK)
        status = io_sync(io, out, to, err);
    io_close(io, &in);
    io_close(io, &out);
    return status;
}

enum status link_file(struct io *io, const char *from, const char *to, uint64_t *copied,
                      struct error *err)
{
    int done = io->path->link(io, from, to);

    if (done == 0)
        return STATUS_OK;
    if (done == -EXDEV || done == -EPERM || done == -EMLINK || done == -EOPNOTSUPP ||
        done == -ENOSYS)
        return copy_file(io, from, to, UINT64_MAX, copied, err);
    return error_set_errno(err, -done, "cannot link %s to %s", from, to);
}

struct folder_copy {
    struct io *io;
    const char *from, *to;
    bool links;
    uint64_t *copied;
    enum status status;
    struct error *err;
};

static bool copy_entry(void *user, const char *name)
{
    struct folder_copy *copy = user;
    char from[PATH_SIZE_MAX], to[PATH_SIZE_MAX];

    path_join(from, copy->from, name);
    path_join(to, copy->to, name);
    copy->status = copy->links
                       ? link_file(copy->io, from, to, copy->copied, copy->err)
                       : copy_file(copy->io, from, to, UINT64_MAX, copy->copied, copy->err);
    return copy->status == STATUS_OK;
}

enum status copy_folder(struct io *io, const char *from, const char *to, bool links,
                        uint64_t *copied, struct error *err)
{
    struct folder_copy copy = {.io = io, .from = from, .to = to, .links = links,
                               .copied = copied, .err = err};
    int done;

    copy.status = io_make_dirs(io, to, err);
    if (copy.status != STATUS_OK)
        return copy.status;
    done = io->path->list(io, from, copy_entry, &copy);
    if (done < 0 && done != -ENOENT)
        return error_set_errno(err, -done, "cannot list %s", from);
    return copy.status == STATUS_OK ? io_sync_dir(io, to, err) : copy.status;
}

static bool any_entry(void *user, const char *name)
{
    (void)name;
    *(bool *)user = true;
    return false;
}

/* The folder's own name is in the one above. */
static enum status sync_parent(struct io *io, const char *path, struct error *err)
{
    char parent[PATH_SIZE_MAX];
    const char *slash = strrchr(path, '/');
    size_t len = slash == NULL ? 0 : (size_t)(slash - path);

    if (len >= sizeof(parent))
        return error_set(err, STATUS_TOO_LARGE, "the path %s is too long", path);
    memcpy(parent, path, len);
    parent[len] = '\0';
    return io_sync_dir(io, slash == NULL ? "." : len == 0 ? "/" : parent, err);
}

enum status empty_folder(struct io *io, const char *path, struct error *err)
{
    bool any = false;
    enum status status = io_make_dirs(io, path, err);

    if (status != STATUS_OK)
        return status;
    (void)io->path->list(io, path, any_entry, &any);
    return any ? error_set(err, STATUS_INVALID, "%s is not empty", path)
               : sync_parent(io, path, err);
}
