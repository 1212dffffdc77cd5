/* store/rollup_page.h -- a page of rollups from the outside: a frame of varints, read number by
 * number and written into room that was reserved. For the files that decode and encode them. Thread
 * safety: one thread at a time per reading. */
#ifndef DENDRO_STORE_ROLLUP_PAGE_H
#define DENDRO_STORE_ROLLUP_PAGE_H

#include "base/byteorder.h"
#include "store/rollup.h"
#include "store/zstd_context.h"

enum { ROLLUP_LEVEL_OF_ZSTD = 1 };

/* ---- reading ---- */

struct rollup_reading {
    struct slice rest;
    const struct rollup_bounds *bounds;
    struct arena *arena;
};

static inline bool rollup_open(struct rollup_reading *reading, struct slice page)
{
    uint64_t size;
    char *raw;

    if (!take_varint(&page, &size) || size > ROLLUP_PAGE_MAX)
        return false;
    raw = arena_take(reading->arena, 1, 8, size + 1);
    if (raw == NULL || !zstd_read(page, raw, size))
        return false;
    reading->rest = slice_make(raw, size);
    return true;
}

static inline bool rollup_take_below(struct rollup_reading *reading, uint64_t below, uint32_t *out)
{
    uint64_t value;

    if (!take_varint(&reading->rest, &value) || value >= below || value > UINT32_MAX)
        return false;
    *out = (uint32_t)value;
    return true;
}

/* A number kept as its distance to the one before it. */
static inline bool rollup_take_next(struct rollup_reading *reading, uint32_t before, uint64_t below,
                                    uint32_t *out)
{
    uint64_t raw, value;

    if (!take_varint(&reading->rest, &raw))
        return false;
    value = before + (uint64_t)unzigzag(raw);
    if (value >= below)
        return false;
    *out = (uint32_t)value;
    return true;
}

static inline bool rollup_take_slot(struct rollup_reading *reading, int64_t *out)
{
    uint64_t raw;

    if (!take_varint(&reading->rest, &raw))
        return false;
    *out = unzigzag(raw);
    /* Any nanosecond of an int64 lies within these minutes. */
    return *out > INT64_MIN / ROLLUP_COUNT_NS - 2 && *out < INT64_MAX / ROLLUP_COUNT_NS + 2;
}

/* A count of things that take at least a byte each. */
static inline bool rollup_take_count(struct rollup_reading *reading, uint32_t *out)
{
    return rollup_take_below(reading, reading->rest.len + 1, out);
}

/* A frame with both of its sizes before it, so that more may follow; nothing at all is two zeros. */
static inline bool rollup_open_next(struct rollup_reading *reading, struct slice *page)
{
    uint64_t size, stored;
    char *raw;

    if (!take_varint(page, &size) || size > ROLLUP_PAGE_MAX || !take_varint(page, &stored) ||
        stored > page->len)
        return false;
    raw = arena_take(reading->arena, 1, 8, size + 1);
    if (raw == NULL || (size > 0 && !zstd_read(slice_first(*page, stored), raw, size)))
        return false;
    *page = slice_from(*page, stored);
    reading->rest = slice_make(raw, size);
    return true;
}

/* ---- writing ---- */

/* Room for it was reserved. */
static inline void rollup_put(struct buf *out, uint64_t value)
{
    out->len += put_varint(out->data + out->len, value);
}

static inline void rollup_put_distance(struct buf *out, uint32_t value, uint32_t *before)
{
    rollup_put(out, zigzag((int64_t)value - (int64_t)*before));
    *before = value;
}

/* Append what was written as a page, and release it. */
static inline bool rollup_close(struct buf *raw, struct buf *out)
{
    bool fine =
        buf_append_varint(out, raw->len) && zstd_append(out, buf_slice(raw), ROLLUP_LEVEL_OF_ZSTD);

    buf_release(raw);
    return fine;
}

/* ---- buckets ----
 *
 * In a sketch most buckets follow the one before it and have a few values: one byte says both, and what
 * does not fit is said behind. How many values to expect is known from the two buckets before, so bytes
 * are kept in two streams, which compresses them better. */
enum {
    ROLLUP_STREAMS = 2,
    ROLLUP_STEPS = 8,   /* a byte: step - 1 in 3 bits; the last: more, the rest is said behind */
    ROLLUP_VALUES = 32, /* values - 1 in 5 bits; the same */
    ROLLUP_MANY = 5,    /* values of the two buckets before that make it the second stream */
};

/* What rollup_open_next() reads. */
static inline bool rollup_close_next(struct buf *raw, int level, struct buf *out)
{
    struct buf frame = buf_empty((size_t)2 * ROLLUP_PAGE_MAX);
    bool fine = raw->len == 0 || zstd_append(&frame, buf_slice(raw), level);

    fine = fine && buf_append_varint(out, raw->len) && buf_append_varint(out, frame.len) &&
           buf_append_slice(out, buf_slice(&frame));
    buf_release(&frame);
    buf_release(raw);
    return fine;
}

#endif
