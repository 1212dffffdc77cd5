/* shipper/content.h -- the bytes of an open file by position, whether plain or gzip.
 *
 * A gzip file has no positions of its own: reading forward inflates what is between, reading
 * backwards starts over. That is fine, since rotated files are read once and in order.
 * Thread safety: one thread at a time per content. */
#ifndef DENDRO_SHIPPER_CONTENT_H
#define DENDRO_SHIPPER_CONTENT_H

#include "base/error.h"
#include "base/io.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct gz_reader;

struct content {
    int fd;               /* -1: closed */
    struct gz_reader *gz; /* NULL: plain */
};

static inline struct content content_closed(void)
{
    return (struct content){.fd = -1};
}

/* What came of opening a file. */
struct content_opened {
    struct content content; /* the caller's to close; closed on an error */
    struct io_info info;    /* what the descriptor says */
    int errno_value;        /* of the error; 0: none, or the file is none that is read */
};

/* Open a file for reading: regular files only, never waiting for the peer of a FIFO. A symbolic
 * link is followed only if `follow_link`.
 * Errors: INVALID (not a regular file, or a link), NOT_FOUND, IO. */
enum status content_open(struct io *io, const char *path, bool follow_link,
                         struct content_opened *out, struct error *err) WARN_UNUSED;
/* As content_open(), but the file must lie below the first `root_len` bytes of its path, whatever
 * links lead to it. errno is EXDEV if it does not. */
enum status content_open_beneath(struct io *io, const char *path, uint32_t root_len,
                                 struct content_opened *out, struct error *err) WARN_UNUSED;
/* Treat it as gzip from here on. */
enum status content_inflate(struct content *content, struct error *err) WARN_UNUSED;
void content_close(struct io *io, struct content *content);
static inline bool content_is_open(const struct content *content)
{
    return content->fd >= 0;
}

/* Up to `len` bytes from `offset`; short only at the end. Answers the count or -errno; -EBADMSG
 * for a damaged gzip file. */
ssize_t content_read(struct io *io, struct content *content, void *data, size_t len,
                     uint64_t offset);

/* True if the name ends in .gz. */
bool content_name_is_gz(const char *path);

#endif
