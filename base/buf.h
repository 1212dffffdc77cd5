/* base/buf.h -- a growing byte buffer that cannot exist without its maximum.
 * Growth past `size_max` or out of memory makes the call fail and changes nothing; `failed` then
 * stays set, so that a long chain of appends needs one check at its end.
 * Thread safety: one thread at a time per buffer. */
#ifndef DENDRO_BASE_BUF_H
#define DENDRO_BASE_BUF_H

#include "base/error.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
    char *data;
    size_t len;      /* bytes in use */
    size_t capacity; /* bytes allocated */
    size_t size_max; /* bytes it may ever hold */
    bool failed;     /* an append did not fit or found no memory */
    bool spare;      /* the memory is of base/spare.h */
};

static inline struct buf buf_empty(size_t size_max)
{
    return (struct buf){.size_max = size_max};
}

/* One whose memory is worth keeping for the next one of its size: base/spare.h. */
static inline struct buf buf_empty_spare(size_t size_max)
{
    return (struct buf){.size_max = size_max, .spare = true};
}

static inline struct slice buf_slice(const struct buf *buf)
{
    return (struct slice){buf->data, buf->len};
}

/* Make room for `extra` more bytes; false (and `failed`) when that is not to be had. */
bool buf_reserve(struct buf *buf, size_t extra);
/* Count `len` bytes, written by the caller behind `len` after buf_reserve(), as used. */
void buf_commit(struct buf *buf, size_t len);

bool buf_append(struct buf *buf, const void *data, size_t len);
bool buf_append_slice(struct buf *buf, struct slice text);
bool buf_append_text(struct buf *buf, const char *text);
bool buf_append_byte(struct buf *buf, char byte);
bool buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Little-endian integers and LEB128 varints, as base/byteorder.h reads them. */
bool buf_append_u16(struct buf *buf, uint16_t value);
bool buf_append_u32(struct buf *buf, uint32_t value);
bool buf_append_u64(struct buf *buf, uint64_t value);
bool buf_append_varint(struct buf *buf, uint64_t value);

/* Drop the first `len` bytes and move the rest down. */
void buf_consume(struct buf *buf, size_t len);
/* Empty it, keep the memory, clear `failed`. */
void buf_reset(struct buf *buf);
/* Free the memory; the buffer is empty and usable again. */
void buf_release(struct buf *buf);

/* STATUS_OK, or TOO_LARGE / NO_MEMORY with a sentence about `what` if any append failed. */
enum status buf_check(const struct buf *buf, const char *what, struct error *err) WARN_UNUSED;

#endif
