/* store/chunk_column.h -- one number of each row of a chunk, all of one width.
 *
 *   number of row i = base + scale * (the `width` bytes at i * width, little-endian)   modulo 2^64
 *
 * So a row is found by its index, without a list of places, and what all rows have in common takes
 * no bytes: the width is then 0. Behind the last number stand CHUNK_COLUMN_PAD zeros, so that it
 * can be read as eight bytes, too; they are left out with width 0.
 * Thread safety: pure functions. */
#ifndef DENDRO_STORE_CHUNK_COLUMN_H
#define DENDRO_STORE_CHUNK_COLUMN_H

#include "base/byteorder.h"

enum { CHUNK_COLUMN_PAD = 8, CHUNK_COLUMN_WIDTH_MAX = 8 };

struct chunk_column {
    const char *data;
    uint64_t mask, base, scale;
    uint32_t width;
};

static inline uint64_t chunk_column_at(const struct chunk_column *column, uint32_t row)
{
    uint64_t bytes = get_le64(column->data + (size_t)row * column->width);

    return column->base + column->scale * (bytes & column->mask);
}

static inline size_t chunk_column_size(uint32_t width, uint32_t count)
{
    return width == 0 ? 0 : (size_t)count * width + CHUNK_COLUMN_PAD;
}

static inline uint64_t chunk_column_mask(uint32_t width)
{
    return width == 0 ? 0 : UINT64_MAX >> (64 - 8 * width);
}

/* Bytes that numbers up to `max` need. */
static inline uint32_t chunk_column_width(uint64_t max)
{
    return max == 0 ? 0 : (uint32_t)(71 - __builtin_clzll(max)) / 8;
}

#endif
