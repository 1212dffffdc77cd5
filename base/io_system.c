/* base/io_system.c -- the io tables of the real system. */
#include "base/io.h"

#include "base/hash.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

static int answer(int result)
{
    return result < 0 ? -errno : result;
}

static bool is_below(const char *path, const char *root)
{
    size_t len = strlen(root);

    if (len == 1)
        return true; /* "/" */
    return strncmp(path, root, len) == 0 && path[len] == '/';
}

/* The kernel resolves the whole path once, into a descriptor that can only be named (O_PATH); what
 * it was resolved to is read from there. openat2(2) with RESOLVE_BENEATH would refuse every absolute
 * link, also one that leads to a file beside it. */
static int open_beneath(const char *path, int mode)
{
    const char *mark = strstr(path, "/./");
    char root[PATH_MAX], real_root[PATH_MAX], found[PATH_MAX], name[32];
    size_t root_len = mark == NULL ? 0 : (size_t)(mark - path);
    int pinned, fd = -EXDEV;
    ssize_t len;

    if (mark == NULL || root_len >= sizeof(root))
        return -EINVAL;
    memcpy(root, path, root_len);
    if (root_len == 0)
        root[root_len++] = '/';
    root[root_len] = '\0';
    if (realpath(root, real_root) == NULL)
        return -errno;
    pinned = open(path, O_PATH | O_CLOEXEC);
    if (pinned < 0)
        return -errno;
    (void)snprintf(name, sizeof(name), "/proc/self/fd/%d", pinned);
    len = readlink(name, found, sizeof(found) - 1);
    found[len > 0 ? len : 0] = '\0';
    if (is_below(found, real_root))
        fd = answer(open(name, (mode & ~O_NOFOLLOW) | O_CLOEXEC));
    (void)close(pinned);
    return fd;
}

static int system_open(struct io *io, const char *path, int flags)
{
    static const struct { int ours, theirs; } table[] = {
        {IO_CREATE, O_CREAT},       {IO_EXCLUSIVE, O_EXCL},   {IO_TRUNCATE, O_TRUNC},
        {IO_NO_FOLLOW, O_NOFOLLOW}, {IO_NO_BLOCK, O_NONBLOCK}, {IO_DIRECTORY, O_DIRECTORY},
        {IO_DIRECT, O_DIRECT},
    };
    int access = flags & (IO_READ | IO_WRITE);
    int mode = access == (IO_READ | IO_WRITE) ? O_RDWR : access == IO_WRITE ? O_WRONLY : O_RDONLY;
    int fd;

    (void)io;
    for (size_t i = 0; i < COUNT_OF(table); i++)
        if (flags & table[i].ours)
            mode |= table[i].theirs;
    if (flags & IO_BENEATH)
        return open_beneath(path, mode);
    do
        fd = open(path, mode | O_CLOEXEC, 0640);
    while (fd < 0 && errno == EINTR);
    return answer(fd);
}

static int system_close(struct io *io, int fd)
{
    (void)io;
    return answer(close(fd));
}

static ssize_t system_read_at(struct io *io, int fd, void *data, size_t len, uint64_t offset)
{
    ssize_t got;

    (void)io;
    do
        got = pread(fd, data, len, (off_t)offset);
    while (got < 0 && errno == EINTR);
    if (got < 0 && errno == ESPIPE)
        do
            got = read(fd, data, len);
        while (got < 0 && errno == EINTR);
    return got < 0 ? -errno : got;
}

static ssize_t system_write_at(struct io *io, int fd, const struct iovec *parts, int count,
                               uint64_t offset)
{
    ssize_t done;

    (void)io;
    do
        done = pwritev(fd, parts, count, (off_t)offset);
    while (done < 0 && errno == EINTR);
    return done < 0 ? -errno : done;
}

static int system_sync(struct io *io, int fd)
{
    (void)io;
    return answer(fdatasync(fd));
}

static int system_truncate(struct io *io, int fd, uint64_t size)
{
    int done;

    (void)io;
    do
        done = ftruncate(fd, (off_t)size);
    while (done < 0 && errno == EINTR);
    return answer(done);
}

static int system_allocate(struct io *io, int fd, uint64_t size)
{
    int failed;

    (void)io;
    do
        failed = posix_fallocate(fd, 0, (off_t)size);
    while (failed == EINTR);
    return -failed;
}

/* The handle of ext4, xfs, btrfs and tmpfs ends in the inode's generation; a hash of the whole
 * handle serves as well and needs no knowledge of its layout. */
static uint64_t generation_of(int fd)
{
    struct {
        struct file_handle head;
        unsigned char bytes[MAX_HANDLE_SZ];
    } handle;
    int mount;

    memset(&handle, 0, sizeof(handle));
    handle.head.handle_bytes = MAX_HANDLE_SZ;
    if (name_to_handle_at(fd, "", &handle.head, &mount, AT_EMPTY_PATH) != 0)
        return 0;
    return hash64_seed(handle.head.f_handle, handle.head.handle_bytes,
                       (uint64_t)handle.head.handle_type);
}

static void info_of_statx(const struct statx *from, struct io_info *out)
{
    *out = (struct io_info){
        .size = from->stx_size,
        .inode = from->stx_ino,
        .mtime_ns = from->stx_mtime.tv_sec * 1000000000LL + from->stx_mtime.tv_nsec,
        .mode = from->stx_mode,
        .owner = from->stx_uid,
        .links = from->stx_nlink,
    };
    if (from->stx_mask & STATX_BTIME)
        out->birth_ns = from->stx_btime.tv_sec * 1000000000LL + from->stx_btime.tv_nsec;
}

/* statfs(2), linux/magic.h, and for those that are not in there the kernel's own headers. */
static bool is_remote(const struct statfs *from)
{
    static const uint32_t types[] = {
        NFS_SUPER_MAGIC, SMB_SUPER_MAGIC, SMB2_SUPER_MAGIC,  CIFS_SUPER_MAGIC, CODA_SUPER_MAGIC,
        AFS_SUPER_MAGIC, V9FS_MAGIC,      CEPH_SUPER_MAGIC, FUSE_SUPER_MAGIC,
        0x01161970 /* GFS2 */,            0x0bd00bd0 /* Lustre */, 0x7461636f /* OCFS2 */,
    };

    for (size_t i = 0; i < COUNT_OF(types); i++)
        if ((uint32_t)from->f_type == types[i])
            return true;
    return false;
}

static void fsid_of(const struct statfs *from, struct io_info *out)
{
    memcpy(&out->fsid, &from->f_fsid, sizeof(out->fsid));
    out->remote = is_remote(from);
}

static int system_info(struct io *io, int fd, struct io_info *out)
{
    struct statx found;
    struct statfs system;

    (void)io;
    if (statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_BTIME, &found) != 0)
        return -errno;
    info_of_statx(&found, out);
    if (fstatfs(fd, &system) == 0)
        fsid_of(&system, out);
    out->generation = generation_of(fd);
    return 0;
}

static int64_t system_next_data(struct io *io, int fd, uint64_t offset)
{
    off_t found = lseek(fd, (off_t)offset, SEEK_DATA); /* reads have their own offsets */

    (void)io;
    return found < 0 ? -errno : found;
}

static int system_lock(struct io *io, int fd)
{
    (void)io;
    return answer(flock(fd, LOCK_EX | LOCK_NB));
}

static int system_rename(struct io *io, const char *from, const char *to)
{
    (void)io;
    return answer(rename(from, to));
}

static int system_unlink(struct io *io, const char *path)
{
    (void)io;
    return answer(unlink(path));
}

static int system_link(struct io *io, const char *from, const char *to)
{
    (void)io;
    return answer(link(from, to));
}

static int system_make_dir(struct io *io, const char *path)
{
    (void)io;
    return answer(mkdir(path, 0750));
}

static int system_remove_dir(struct io *io, const char *path)
{
    (void)io;
    return answer(rmdir(path));
}

static int system_sync_dir(struct io *io, const char *path)
{
    int fd = system_open(io, path, IO_READ | IO_DIRECTORY);
    int done;

    if (fd < 0)
        return fd;
    done = answer(fsync(fd));
    (void)close(fd);
    return done;
}

static int system_list(struct io *io, const char *path, io_list_visit *visit, void *user)
{
    DIR *dir = opendir(path);
    const struct dirent *entry;
    int failed;

    (void)io;
    if (dir == NULL)
        return -errno;
    errno = 0;
    while ((entry = readdir(dir)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (!visit(user, entry->d_name))
            break;
        errno = 0;
    }
    failed = entry == NULL ? errno : 0;
    (void)closedir(dir);
    return -failed;
}

static int system_path_info(struct io *io, const char *path, struct io_info *out)
{
    struct statx found;
    struct statfs system;

    (void)io;
    if (statx(AT_FDCWD, path, 0, STATX_BASIC_STATS | STATX_BTIME, &found) != 0)
        return -errno;
    info_of_statx(&found, out);
    if (statfs(path, &system) == 0)
        fsid_of(&system, out);
    return 0;
}

static int system_space(struct io *io, const char *path, uint64_t *free_bytes,
                        uint64_t *total_bytes)
{
    struct statvfs found;

    (void)io;
    if (statvfs(path, &found) != 0)
        return -errno;
    *free_bytes = (uint64_t)found.f_bavail * found.f_frsize;
    *total_bytes = (uint64_t)found.f_blocks * found.f_frsize;
    return 0;
}

static int64_t clock_ns(clockid_t id)
{
    struct timespec now;

    (void)clock_gettime(id, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static int64_t system_wall_ns(struct io *io)
{
    (void)io;
    return clock_ns(CLOCK_REALTIME);
}

static int64_t system_mono_ns(struct io *io)
{
    (void)io;
    return clock_ns(CLOCK_MONOTONIC);
}

static int system_random(struct io *io, void *data, size_t len)
{
    char *to = data;

    (void)io;
    while (len > 0) {
        ssize_t got = getrandom(to, len, 0);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        to += got;
        len -= (size_t)got;
    }
    return 0;
}

struct io *io_system(void)
{
    static const struct io_file_ops file = {
        .open = system_open,   .close = system_close,       .read_at = system_read_at,
        .write_at = system_write_at, .sync = system_sync,   .truncate = system_truncate,
        .allocate = system_allocate, .info = system_info,   .lock = system_lock,
        .next_data = system_next_data,
    };
    static const struct io_path_ops path = {
        .rename = system_rename,     .unlink = system_unlink,         .link = system_link,
        .make_dir = system_make_dir, .remove_dir = system_remove_dir, .sync_dir = system_sync_dir,
        .list = system_list,         .info = system_path_info,        .space = system_space,
    };
    static const struct io_clock_ops clock = {
        .wall_ns = system_wall_ns, .mono_ns = system_mono_ns, .random = system_random};
    static struct io system = {.file = &file, .path = &path, .clock = &clock};

    return &system;
}
