/* base/io.h -- all files, clocks and randomness go through one table (design decision D9), so
 * that tests can put a simulated disk and clock in their place (tests/support/sim_io.h).
 *
 * The tables hold raw operations that answer like system calls: 0 or a count, or -errno. Code uses
 * the io_*() functions below them, which answer with a status and a sentence that names the path.
 * A simulator embeds `struct io` as its first member. Sockets are libuv's and not in here.
 *
 * Thread safety: the table of io_system() may be used from any thread. */
#ifndef DENDRO_BASE_IO_H
#define DENDRO_BASE_IO_H

#include "base/buf.h"
#include "base/error.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

struct io;

struct io_info {
    uint64_t size;       /* bytes */
    uint64_t fsid;       /* of the file system, stable over reboots (statfs f_fsid) */
    uint64_t inode;
    uint64_t generation; /* of the inode, from name_to_handle_at(2); 0 if unknown */
    int64_t birth_ns;    /* from statx(2); 0 if unknown */
    int64_t mtime_ns;
    uint32_t mode;       /* st_mode */
    uint32_t owner;      /* user id */
    uint32_t links;      /* 0: deleted while open */
    bool remote;         /* other hosts write, too: sizes may be old, notifications do not come */
};

enum io_open_flags {
    IO_READ = 1,
    IO_WRITE = 2,      /* with IO_READ: both */
    IO_CREATE = 4,     /* mode 0640 under the umask */
    IO_EXCLUSIVE = 8,  /* with IO_CREATE: fail with EEXIST */
    IO_TRUNCATE = 16,
    IO_NO_FOLLOW = 32, /* ELOOP if the last component is a link */
    IO_NO_BLOCK = 64,  /* never wait for the peer of a FIFO */
    IO_DIRECTORY = 128,
    /* The path is ROOT/./REST, and with all links resolved it must lead below ROOT: -EXDEV. Nothing
     * is opened before that is known, so that no link can make us open a device. */
    IO_BENEATH = 256,
    /* Past the page cache: memory, length and offset of what is written are multiples of
     * IO_DIRECT_ALIGN. EINVAL at open or at the first write: not on this file system. */
    IO_DIRECT = 512,
};

enum { IO_DIRECT_ALIGN = 4096 };

struct io_file_ops { /* all answer -errno on failure; fd is the table's own number */
    int (*open)(struct io *io, const char *path, int flags);
    int (*close)(struct io *io, int fd);
    /* Of a pipe: what comes next, wherever `offset` is. */
    ssize_t (*read_at)(struct io *io, int fd, void *data, size_t len, uint64_t offset);
    ssize_t (*write_at)(struct io *io, int fd, const struct iovec *parts, int count,
                        uint64_t offset);
    int (*sync)(struct io *io, int fd); /* fdatasync: data and the size needed to read it */
    int (*truncate)(struct io *io, int fd, uint64_t size);
    int (*allocate)(struct io *io, int fd, uint64_t size); /* posix_fallocate from 0 */
    int (*info)(struct io *io, int fd, struct io_info *out);
    int (*lock)(struct io *io, int fd); /* exclusive flock, -EWOULDBLOCK if held by another */
    /* Offset of the first byte at or behind `offset` that is not in a hole; -ENXIO: none. */
    int64_t (*next_data)(struct io *io, int fd, uint64_t offset);
};

typedef bool io_list_visit(void *user, const char *name); /* false stops the listing */

struct io_path_ops {
    int (*rename)(struct io *io, const char *from, const char *to);
    int (*unlink)(struct io *io, const char *path);
    int (*link)(struct io *io, const char *from, const char *to);
    int (*make_dir)(struct io *io, const char *path); /* mode 0750; -EEXIST if there */
    int (*remove_dir)(struct io *io, const char *path);
    int (*sync_dir)(struct io *io, const char *path); /* makes its entries durable */
    int (*list)(struct io *io, const char *path, io_list_visit *visit, void *user); /* no . .. */
    int (*info)(struct io *io, const char *path, struct io_info *out); /* follows links */
    int (*space)(struct io *io, const char *path, uint64_t *free_bytes, uint64_t *total_bytes);
};

struct io_clock_ops {
    int64_t (*wall_ns)(struct io *io); /* since the Unix epoch, UTC; may jump */
    int64_t (*mono_ns)(struct io *io); /* never goes back; for every timer and age */
    int (*random)(struct io *io, void *data, size_t len);
};

struct io {
    const struct io_file_ops *file;
    const struct io_path_ops *path;
    const struct io_clock_ops *clock;
};

/* The real system: POSIX calls, restarted on EINTR, all descriptors close-on-exec. Static. */
struct io *io_system(void);

/* ---- what code calls: statuses and sentences. `fd` is set on success only. ---- */

enum status io_open(struct io *io, const char *path, int flags, int *fd,
                    struct error *err) WARN_UNUSED;
/* Close and forget: *fd becomes -1. An already negative fd is fine. Errors are ignored, since
 * durability is io_sync()'s business. */
void io_close(struct io *io, int *fd);
/* Read exactly `len` bytes; STATUS_END if the file ends before, `path` is for the sentence. */
enum status io_read_exact(struct io *io, int fd, void *data, size_t len, uint64_t offset,
                          const char *path, struct error *err) WARN_UNUSED;
/* Write all bytes, continuing after short writes. */
enum status io_write_all(struct io *io, int fd, const void *data, size_t len, uint64_t offset,
                         const char *path, struct error *err) WARN_UNUSED;
enum status io_sync(struct io *io, int fd, const char *path, struct error *err) WARN_UNUSED;
enum status io_info_of(struct io *io, const char *path, struct io_info *out,
                       struct error *err) WARN_UNUSED;
enum status io_rename(struct io *io, const char *from, const char *to,
                      struct error *err) WARN_UNUSED;
/* Remove a file; that it is already gone is fine (deletes must be idempotent at start). */
enum status io_remove(struct io *io, const char *path, struct error *err) WARN_UNUSED;
/* Create `path` and its missing parents. */
enum status io_make_dirs(struct io *io, const char *path, struct error *err) WARN_UNUSED;
enum status io_sync_dir(struct io *io, const char *path, struct error *err) WARN_UNUSED;
/* Append the whole file to `out`, at most what `out` may hold (TOO_LARGE). */
enum status io_read_file(struct io *io, const char *path, struct buf *out,
                         struct error *err) WARN_UNUSED;
/* Replace the file in one step that survives a power cut: write `path`.tmp, sync, rename, sync
 * of the directory. */
enum status io_replace_file(struct io *io, const char *path, struct slice content,
                            struct error *err) WARN_UNUSED;

int64_t io_wall_ns(struct io *io);
int64_t io_mono_ns(struct io *io);
void io_random(struct io *io, void *data, size_t len); /* aborts if the system has none */

#endif
