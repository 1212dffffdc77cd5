/* tests/support/sim_io.c -- the io tables over sim_disk: descriptors, faults, clock.
 * Every operation is enter() -> the work -> leave(): one lock, one place where calls are counted
 * and where the crash point strikes. */
#include "tests/support/sim_io.h"

#include "tests/support/sim_disk.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { SIM_FD_MAX = 4096, SIM_FD_FIRST = 3 };
#define SIM_DISK_SIZE_DEFAULT (1ULL << 40)
#define SIM_FSID              0x51D15CULL

struct sim_fd {
    struct sim_node *node; /* NULL: free */
    int flags;
    bool stale;
};

struct sim_io {
    struct io io; /* first: the tables get a pointer to it */
    pthread_mutex_t lock;
    struct sim_disk disk;
    struct sim_fd fds[SIM_FD_MAX];
    struct sim_faults faults;
    struct sim_counts counts;
    struct test_random random;
    int64_t wall_ns, mono_ns;
    bool crashed;
};

enum call { CALL_LOOK, CALL_CHANGE };

static struct sim_io *sim_of(struct io *io)
{
    return (struct sim_io *)(void *)io;
}

/* Begin a call: 0, or -EIO after the crash. The lock is held in both cases. */
static int enter(struct sim_io *sim, enum call call)
{
    (void)pthread_mutex_lock(&sim->lock);
    sim->wall_ns += sim->faults.call_ns;
    sim->mono_ns += sim->faults.call_ns;
    if (sim->crashed)
        return -EIO;
    if (call == CALL_CHANGE)
        sim->counts.changes++;
    return 0;
}

/* End a call: the last one before the crash point still did its work. */
static ssize_t leave(struct sim_io *sim, ssize_t result)
{
    if (sim->faults.crash_after > 0 && sim->counts.changes >= sim->faults.crash_after)
        sim->crashed = true;
    (void)pthread_mutex_unlock(&sim->lock);
    return result;
}

static struct sim_fd *fd_of(struct sim_io *sim, int fd)
{
    if (fd < SIM_FD_FIRST || fd >= SIM_FD_MAX || sim->fds[fd].node == NULL)
        return NULL;
    return &sim->fds[fd];
}

static int fd_new(struct sim_io *sim, struct sim_node *node, int flags)
{
    for (int fd = SIM_FD_FIRST; fd < SIM_FD_MAX; fd++)
        if (sim->fds[fd].node == NULL) {
            sim->fds[fd] = (struct sim_fd){node, flags, false};
            node->opens++;
            return fd;
        }
    return -EMFILE;
}

static void fd_close(struct sim_io *sim, int fd)
{
    struct sim_node *node = sim->fds[fd].node;

    if (node->lock_holder == fd)
        node->lock_holder = -1;
    node->opens--;
    sim->fds[fd].node = NULL;
}

/* ---- files ---- */

static int open_node(struct sim_io *sim, const char *path, int flags)
{
    const char *name;
    struct sim_node *dir;
    struct sim_node *node = sim_disk_find(&sim->disk, path);

    if (node == NULL && !(flags & IO_CREATE))
        return -ENOENT;
    if (node != NULL && (flags & IO_CREATE) && (flags & IO_EXCLUSIVE))
        return -EEXIST;
    if (node == NULL) {
        dir = sim_disk_parent(&sim->disk, path, &name);
        if (dir == NULL)
            return -ENOENT;
        node = sim_disk_create(&sim->disk, dir, name, false, sim->wall_ns);
        dir->mtime_ns = sim->wall_ns;
    }
    if (node->is_dir && (flags & IO_WRITE))
        return -EISDIR;
    if (!node->is_dir && (flags & IO_DIRECTORY))
        return -ENOTDIR;
    if ((flags & IO_DIRECT) && sim->faults.no_direct_open)
        return -EINVAL;
    if ((flags & IO_TRUNCATE) && node->cached.size > 0)
        sim_disk_truncate(node, 0);
    return fd_new(sim, node, flags);
}

static int sim_open(struct io *io, const char *path, int flags)
{
    struct sim_io *sim = sim_of(io);
    int failed = enter(sim, flags & (IO_CREATE | IO_TRUNCATE) ? CALL_CHANGE : CALL_LOOK);

    sim->counts.opens++;
    return (int)leave(sim, failed < 0 ? failed : open_node(sim, path, flags));
}

static int sim_close(struct io *io, int fd)
{
    struct sim_io *sim = sim_of(io);
    int failed = 0;

    (void)pthread_mutex_lock(&sim->lock); /* closing works after the crash, too: no leaks */
    if (fd_of(sim, fd) == NULL)
        failed = -EBADF;
    else
        fd_close(sim, fd);
    (void)pthread_mutex_unlock(&sim->lock);
    return failed;
}

/* Does the read meet the bad sector? */
static bool is_bad(struct sim_io *sim, const struct sim_node *node, uint64_t offset, size_t len)
{
    struct sim_faults *faults = &sim->faults;

    if (faults->bad_path == NULL || faults->bad_offset < offset ||
        faults->bad_offset - offset >= len || sim_disk_find(&sim->disk, faults->bad_path) != node)
        return false;
    if (faults->bad_reads > 0 && --faults->bad_reads == 0)
        faults->bad_path = NULL;
    return true;
}

static ssize_t read_node(struct sim_io *sim, int fd, void *data, size_t len, uint64_t offset)
{
    const struct sim_fd *file = fd_of(sim, fd);
    const struct sim_image *image;

    if (file == NULL || !(file->flags & IO_READ))
        return -EBADF;
    if (file->stale)
        return -ESTALE;
    if (file->node->is_dir)
        return -EISDIR;
    if (++sim->counts.reads == sim->faults.read_fails_at || is_bad(sim, file->node, offset, len))
        return -EIO;
    image = sim->counts.reads == sim->faults.read_stale_at ? &file->node->durable
                                                            : &file->node->cached;
    if (sim->counts.reads == sim->faults.read_misplaced_at)
        offset += SIM_PAGE_SIZE;
    if (offset >= image->size)
        return 0;
    if (len > image->size - offset)
        len = image->size - (size_t)offset;
    if (sim->faults.read_size_max > 0 && len > sim->faults.read_size_max)
        len = sim->faults.read_size_max;
    if (len > 0)
        memcpy(data, image->data + offset, len);
    return (ssize_t)len;
}

static ssize_t sim_read_at(struct io *io, int fd, void *data, size_t len, uint64_t offset)
{
    struct sim_io *sim = sim_of(io);
    int failed = enter(sim, CALL_LOOK);

    return leave(sim, failed < 0 ? failed : read_node(sim, fd, data, len, offset));
}

/* How many of `len` bytes at `offset` the disk still takes; bytes inside the file need no room. */
static size_t room_for(const struct sim_io *sim, const struct sim_node *node, size_t len,
                       uint64_t offset)
{
    uint64_t end = offset + len;
    uint64_t used = sim_disk_used(&sim->disk);
    uint64_t left;

    if (sim->faults.disk_size == 0 || end <= node->cached.size)
        return len;
    left = used < sim->faults.disk_size ? sim->faults.disk_size - used : 0;
    if (end - node->cached.size <= left)
        return len;
    end = node->cached.size + left;
    return end > offset ? (size_t)(end - offset) : 0;
}

/* What IO_DIRECT asks of the caller is a bug where it is not so; the system's answer is EINVAL. */
static bool direct_write_fine(const struct sim_io *sim, const struct iovec *parts, int count,
                              uint64_t offset)
{
    assert(offset % IO_DIRECT_ALIGN == 0);
    for (int i = 0; i < count; i++)
        assert(parts[i].iov_len % IO_DIRECT_ALIGN == 0 &&
               (uintptr_t)parts[i].iov_base % IO_DIRECT_ALIGN == 0);
    return !sim->faults.no_direct_write;
}

static ssize_t write_node(struct sim_io *sim, int fd, const struct iovec *parts, int count,
                          uint64_t offset)
{
    const struct sim_fd *file = fd_of(sim, fd);
    size_t limit = sim->faults.write_size_max > 0 ? sim->faults.write_size_max : SIZE_MAX;
    size_t done = 0;

    if (file == NULL || !(file->flags & IO_WRITE))
        return -EBADF;
    if ((file->flags & IO_DIRECT) && !direct_write_fine(sim, parts, count, offset))
        return -EINVAL;
    if (++sim->counts.writes == sim->faults.write_fails_at)
        return -EIO;
    for (int i = 0; i < count && done < limit; i++) {
        size_t len = parts[i].iov_len < limit - done ? parts[i].iov_len : limit - done;
        size_t fits = room_for(sim, file->node, len, offset + done);

        sim_disk_write(file->node, parts[i].iov_base, fits, offset + done);
        done += fits;
        if (fits < len && done == 0)
            return -ENOSPC;
        if (fits < len)
            break;
    }
    file->node->mtime_ns = sim->wall_ns;
    return (ssize_t)done;
}

static ssize_t sim_write_at(struct io *io, int fd, const struct iovec *parts, int count,
                            uint64_t offset)
{
    struct sim_io *sim = sim_of(io);
    int failed = enter(sim, CALL_CHANGE);

    return leave(sim, failed < 0 ? failed : write_node(sim, fd, parts, count, offset));
}

static int sync_node(struct sim_io *sim, int fd)
{
    struct sim_fd *file = fd_of(sim, fd);

    if (file == NULL)
        return -EBADF;
    if (++sim->counts.syncs == sim->faults.sync_fails_at) {
        sim_disk_drop_changes(file->node);
        return -EIO;
    }
    sim_disk_sync(file->node);
    return 0;
}

static int sim_sync(struct io *io, int fd)
{
    struct sim_io *sim = sim_of(io);
    int failed = enter(sim, CALL_CHANGE);

    return (int)leave(sim, failed < 0 ? failed : sync_node(sim, fd));
}

static int resize_node(struct sim_io *sim, int fd, uint64_t size, bool grow_only)
{
    const struct sim_fd *file = fd_of(sim, fd);
    size_t now;

    if (file == NULL || !(file->flags & IO_WRITE))
        return -EBADF;
    now = file->node->cached.size;
    if (grow_only && size <= now)
        return 0;
    if (size > now && room_for(sim, file->node, (size_t)(size - now), now) < size - now)
        return -ENOSPC;
    sim_disk_truncate(file->node, size);
    file->node->mtime_ns = sim->wall_ns;
    return 0;
}

static int sim_truncate(struct io *io, int fd, uint64_t size)
{
    struct sim_io *sim = sim_of(io);
    int failed = enter(sim, CALL_CHANGE);

    return (int)leave(sim, failed < 0 ? failed : resize_node(sim, fd, size, false));
}

static int sim_allocate(struct io *io, int fd, uint64_t size)
{
    struct sim_io *sim = sim_of(io);
    int failed = enter(sim, CALL_CHANGE);

    return (int)leave(sim, failed < 0 ? failed : resize_node(sim, fd, size, true));
}

static void info_fill(const struct sim_io *sim, const struct sim_node *node, struct io_info *out)
{
    uint64_t size_max = sim->faults.info_size_max;

    *out = (struct io_info){
        .size = size_max > 0 && node->cached.size > size_max ? size_max : node->cached.size,
        .remote = sim->faults.remote,
        .fsid = SIM_FSID,
        .inode = node->inode,
        .generation = node->inode + 1, /* inode numbers are never used twice here */
        .birth_ns = node->birth_ns,
        .mtime_ns = node->mtime_ns,
        .mode = node->is_dir ? S_IFDIR | 0750 : S_IFREG | 0640,
        .links = node->links,
    };
}

static int sim_info(struct io *io, int fd, struct io_info *out)
{
    struct sim_io *sim = sim_of(io);
    int failed = enter(sim, CALL_LOOK);
    const struct sim_fd *file = fd_of(sim, fd);

    if (failed == 0 && file == NULL)
        failed = -EBADF;
    if (failed == 0 && file->stale)
        failed = -ESTALE;
    if (failed == 0)
        info_fill(sim, file->node, out);
    return (int)leave(sim, failed);
}

/* Pages of zeros are holes here. */
static int64_t next_data(const struct sim_node *node, uint64_t offset)
{
    static const char zeros[SIM_PAGE_SIZE];

    for (uint64_t at = offset; at < node->cached.size;) {
        uint64_t end = (at / SIM_PAGE_SIZE + 1) * SIM_PAGE_SIZE;
        size_t len = (size_t)((end < node->cached.size ? end : node->cached.size) - at);

        if (memcmp(node->cached.data + at, zeros, len) != 0)
            return (int64_t)at;
        at += len;
    }
    return -ENXIO;
}

static int64_t sim_next_data(struct io *io, int fd, uint64_t offset)
{
    struct sim_io *sim = sim_of(io);
    int64_t found = enter(sim, CALL_LOOK);
    const struct sim_fd *file = fd_of(sim, fd);

    if (found == 0)
        found = file == NULL ? -EBADF : next_data(file->node, offset);
    return leave(sim, found);
}

static int sim_lock(struct io *io, int fd)
{
    struct sim_io *sim = sim_of(io);
    int failed = enter(sim, CALL_LOOK);
    const struct sim_fd *file = fd_of(sim, fd);

    if (failed == 0 && file == NULL)
        failed = -EBADF;
    if (failed == 0 && file->node->lock_holder >= 0 && file->node->lock_holder != fd)
        failed = -EWOULDBLOCK;
    if (failed == 0)
        file->node->lock_holder = fd;
    return (int)leave(sim, failed);
}

/* ---- names ---- */

static int rename_node(struct sim_io *sim, const char *from, const char *to)
{
    const char *from_name;
    const char *to_name;
    struct sim_node *from_dir = sim_disk_parent(&sim->disk, from, &from_name);
    struct sim_node *to_dir = sim_disk_parent(&sim->disk, to, &to_name);
    struct sim_node *node = from_dir == NULL ? NULL : sim_disk_lookup(from_dir, from_name);
    struct sim_node *there = to_dir == NULL ? NULL : sim_disk_lookup(to_dir, to_name);

    if (node == NULL || to_dir == NULL)
        return -ENOENT;
    if (there == node)
        return 0;
    if (node == to_dir || sim_disk_is_below(node, to_dir))
        return -EINVAL; /* a folder into itself */
    if (there != NULL && there->is_dir != node->is_dir)
        return there->is_dir ? -EISDIR : -ENOTDIR;
    if (there != NULL && there->cached_names.count > 0)
        return -ENOTEMPTY;
    sim_disk_name(&sim->disk, from_dir, from_name, to_dir, to_name, node);
    from_dir->mtime_ns = to_dir->mtime_ns = sim->wall_ns;
    return 0;
}

static int sim_rename(struct io *io, const char *from, const char *to)
{
    struct sim_io *sim = sim_of(io);
    int failed = enter(sim, CALL_CHANGE);

    return (int)leave(sim, failed < 0 ? failed : rename_node(sim, from, to));
}

static int remove_node(struct sim_io *sim, const char *path, bool is_dir)
{
    const char *name;
    struct sim_node *dir = sim_disk_parent(&sim->disk, path, &name);
    struct sim_node *node = dir == NULL ? NULL : sim_disk_lookup(dir, name);

    if (node == NULL)
        return -ENOENT;
    if (node->is_dir != is_dir)
        return is_dir ? -ENOTDIR : -EISDIR;
    if (node->cached_names.count > 0)
        return -ENOTEMPTY;
    sim_disk_name(&sim->disk, dir, name, NULL, NULL, node);
    dir->mtime_ns = sim->wall_ns;
    return 0;
}

static int sim_unlink(struct io *io, const char *path)
{
    struct sim_io *sim = sim_of(io);
    int failed = enter(sim, CALL_CHANGE);

    return (int)leave(sim, failed < 0 ? failed : remove_node(sim, path, false));
}

static int sim_remove_dir(struct io *io, const char *path)
{
    struct sim_io *sim = sim_of(io);
    int failed = enter(sim, CALL_CHANGE);

    return (int)leave(sim, failed < 0 ? failed : remove_node(sim, path, true));
}

static int link_node(struct sim_io *sim, const char *from, const char *to)
{
    const char *name;
    struct sim_node *node = sim_disk_find(&sim->disk, from);
    struct sim_node *dir = sim_disk_parent(&sim->disk, to, &name);

    if (node == NULL || dir == NULL)
        return -ENOENT;
    if (node->is_dir)
        return -EPERM;
    if (sim_disk_lookup(dir, name) != NULL)
        return -EEXIST;
    sim_disk_name(&sim->disk, NULL, NULL, dir, name, node);
    dir->mtime_ns = sim->wall_ns;
    return 0;
}

static int sim_link(struct io *io, const char *from, const char *to)
{
    struct sim_io *sim = sim_of(io);
    int failed = enter(sim, CALL_CHANGE);

    return (int)leave(sim, failed < 0 ? failed : link_node(sim, from, to));
}

static int make_dir_node(struct sim_io *sim, const char *path)
{
    const char *name;
    struct sim_node *dir = sim_disk_parent(&sim->disk, path, &name);

    if (sim_disk_find(&sim->disk, path) != NULL)
        return -EEXIST;
    if (dir == NULL)
        return -ENOENT;
    (void)sim_disk_create(&sim->disk, dir, name, true, sim->wall_ns);
    dir->mtime_ns = sim->wall_ns;
    return 0;
}

static int sim_make_dir(struct io *io, const char *path)
{
    struct sim_io *sim = sim_of(io);
    int failed = enter(sim, CALL_CHANGE);

    return (int)leave(sim, failed < 0 ? failed : make_dir_node(sim, path));
}

static int sim_sync_dir(struct io *io, const char *path)
{
    struct sim_io *sim = sim_of(io);
    int failed = enter(sim, CALL_CHANGE);
    struct sim_node *dir = sim_disk_find(&sim->disk, path);

    if (failed == 0 && dir == NULL)
        failed = -ENOENT;
    if (failed == 0 && !dir->is_dir)
        failed = -ENOTDIR;
    if (failed == 0)
        sim_disk_sync_dir(&sim->disk, dir);
    return (int)leave(sim, failed);
}

/* The names are copied first: a visitor may change the directory. */
static int sim_list(struct io *io, const char *path, io_list_visit *visit, void *user)
{
    struct sim_io *sim = sim_of(io);
    int failed = enter(sim, CALL_LOOK);
    const struct sim_node *dir = sim_disk_find(&sim->disk, path);
    char **names = NULL;
    size_t count = 0;

    if (failed == 0 && dir == NULL)
        failed = -ENOENT;
    if (failed == 0 && !dir->is_dir)
        failed = -ENOTDIR;
    if (failed == 0 && dir->cached_names.count > 0) {
        names = calloc(dir->cached_names.count, sizeof(*names));
        for (count = 0; names != NULL && count < dir->cached_names.count; count++)
            names[count] = strdup(dir->cached_names.items[count].name);
    }
    failed = (int)leave(sim, failed);
    for (size_t i = 0; i < count; i++)
        if (names[i] == NULL || !visit(user, names[i]))
            break;
    for (size_t i = 0; i < count; i++)
        free(names[i]);
    free(names);
    return failed;
}

static int sim_path_info(struct io *io, const char *path, struct io_info *out)
{
    struct sim_io *sim = sim_of(io);
    int failed = enter(sim, CALL_LOOK);
    const struct sim_node *node = sim_disk_find(&sim->disk, path);

    if (failed == 0 && node == NULL)
        failed = -ENOENT;
    if (failed == 0)
        info_fill(sim, node, out);
    return (int)leave(sim, failed);
}

static int sim_space(struct io *io, const char *path, uint64_t *free_bytes, uint64_t *total_bytes)
{
    struct sim_io *sim = sim_of(io);
    int failed = enter(sim, CALL_LOOK);
    uint64_t used = sim_disk_used(&sim->disk);

    (void)path;
    if (failed == 0) {
        *total_bytes = sim->faults.disk_size > 0 ? sim->faults.disk_size : SIM_DISK_SIZE_DEFAULT;
        *free_bytes = used < *total_bytes ? *total_bytes - used : 0;
    }
    return (int)leave(sim, failed);
}

/* ---- clock and randomness: they work after a crash, too ---- */

static int64_t sim_wall_ns(struct io *io)
{
    struct sim_io *sim = sim_of(io);
    int64_t now;

    (void)pthread_mutex_lock(&sim->lock);
    now = sim->wall_ns;
    (void)pthread_mutex_unlock(&sim->lock);
    return now;
}

static int64_t sim_mono_ns(struct io *io)
{
    struct sim_io *sim = sim_of(io);
    int64_t now;

    (void)pthread_mutex_lock(&sim->lock);
    now = sim->mono_ns;
    (void)pthread_mutex_unlock(&sim->lock);
    return now;
}

static int sim_random(struct io *io, void *data, size_t len)
{
    struct sim_io *sim = sim_of(io);
    uint8_t *to = data;

    (void)pthread_mutex_lock(&sim->lock);
    for (size_t i = 0; i < len; i++)
        to[i] = (uint8_t)(test_random_next(&sim->random) >> 56);
    (void)pthread_mutex_unlock(&sim->lock);
    return 0;
}

/* ---- what tests call ---- */

enum { SIM_MONO_START_NS = 1000000000 }; /* not 0, which code may take for "never" */

struct sim_io *sim_io_new(uint64_t seed)
{
    static const struct io_file_ops file = {
        .open = sim_open,         .close = sim_close, .read_at = sim_read_at,
        .write_at = sim_write_at, .sync = sim_sync,   .truncate = sim_truncate,
        .allocate = sim_allocate, .info = sim_info,   .lock = sim_lock,
        .next_data = sim_next_data,
    };
    static const struct io_path_ops path = {
        .rename = sim_rename,     .unlink = sim_unlink,         .link = sim_link,
        .make_dir = sim_make_dir, .remove_dir = sim_remove_dir, .sync_dir = sim_sync_dir,
        .list = sim_list,         .info = sim_path_info,        .space = sim_space,
    };
    static const struct io_clock_ops clock = {
        .wall_ns = sim_wall_ns, .mono_ns = sim_mono_ns, .random = sim_random};
    struct sim_io *sim = calloc(1, sizeof(*sim));

    if (sim == NULL)
        abort();
    sim->io = (struct io){.file = &file, .path = &path, .clock = &clock};
    (void)pthread_mutex_init(&sim->lock, NULL);
    sim_disk_init(&sim->disk);
    sim->random.state = seed;
    sim->wall_ns = SIM_WALL_START_NS;
    sim->mono_ns = SIM_MONO_START_NS;
    return sim;
}

void sim_io_free(struct sim_io *sim)
{
    if (sim == NULL)
        return;
    sim_disk_release(&sim->disk);
    (void)pthread_mutex_destroy(&sim->lock);
    free(sim);
}

struct io *sim_io_table(struct sim_io *sim)
{
    return &sim->io;
}

struct sim_faults *sim_io_faults(struct sim_io *sim)
{
    return &sim->faults;
}

struct sim_counts sim_io_counts(struct sim_io *sim)
{
    struct sim_counts counts;

    (void)pthread_mutex_lock(&sim->lock);
    counts = sim->counts;
    (void)pthread_mutex_unlock(&sim->lock);
    return counts;
}

bool sim_io_crashed(struct sim_io *sim)
{
    bool crashed;

    (void)pthread_mutex_lock(&sim->lock);
    crashed = sim->crashed;
    (void)pthread_mutex_unlock(&sim->lock);
    return crashed;
}

size_t sim_io_open_count(struct sim_io *sim)
{
    size_t count = 0;

    (void)pthread_mutex_lock(&sim->lock);
    for (int fd = SIM_FD_FIRST; fd < SIM_FD_MAX; fd++)
        count += sim->fds[fd].node != NULL;
    (void)pthread_mutex_unlock(&sim->lock);
    return count;
}

static void close_all(struct sim_io *sim)
{
    for (int fd = SIM_FD_FIRST; fd < SIM_FD_MAX; fd++)
        if (sim->fds[fd].node != NULL)
            fd_close(sim, fd);
}

void sim_io_crash(struct sim_io *sim, enum sim_crash mode)
{
    (void)pthread_mutex_lock(&sim->lock);
    close_all(sim);
    sim_disk_crash(&sim->disk, mode, &sim->random);
    sim->faults = (struct sim_faults){.disk_size = sim->faults.disk_size};
    sim->mono_ns = SIM_MONO_START_NS;
    sim->crashed = false;
    (void)pthread_mutex_unlock(&sim->lock);
}

void sim_io_kill(struct sim_io *sim)
{
    (void)pthread_mutex_lock(&sim->lock);
    close_all(sim);
    sim->faults.crash_after = 0;
    sim->crashed = false;
    (void)pthread_mutex_unlock(&sim->lock);
}

void sim_io_stale(struct sim_io *sim)
{
    for (int fd = SIM_FD_FIRST; fd < SIM_FD_MAX; fd++)
        sim->fds[fd].stale = sim->fds[fd].node != NULL;
}

void sim_io_advance(struct sim_io *sim, int64_t ns)
{
    (void)pthread_mutex_lock(&sim->lock);
    sim->wall_ns += ns;
    sim->mono_ns += ns;
    (void)pthread_mutex_unlock(&sim->lock);
}

void sim_io_set_wall(struct sim_io *sim, int64_t wall_ns)
{
    (void)pthread_mutex_lock(&sim->lock);
    sim->wall_ns = wall_ns;
    (void)pthread_mutex_unlock(&sim->lock);
}

bool sim_io_flip(struct sim_io *sim, const char *path, uint64_t offset, uint8_t mask)
{
    struct sim_node *node;
    bool found;

    (void)pthread_mutex_lock(&sim->lock);
    node = sim_disk_find(&sim->disk, path);
    found = node != NULL && offset < node->cached.size;
    if (found) {
        sim_disk_sync(node); /* at rest: nothing pending may undo the damage */
        node->cached.data[offset] = (char)(node->cached.data[offset] ^ mask);
        if (offset < node->durable.size)
            node->durable.data[offset] = (char)(node->durable.data[offset] ^ mask);
    }
    (void)pthread_mutex_unlock(&sim->lock);
    return found;
}

bool sim_io_cut(struct sim_io *sim, const char *path, uint64_t size)
{
    struct sim_node *node;
    bool found;

    (void)pthread_mutex_lock(&sim->lock);
    node = sim_disk_find(&sim->disk, path);
    found = node != NULL && size <= node->cached.size;
    if (found) {
        sim_disk_truncate(node, size);
        sim_disk_sync(node);
    }
    (void)pthread_mutex_unlock(&sim->lock);
    return found;
}
