/* store/encoding/int_page.h -- a page of whole numbers: codes, times, counts, mantissas.
 *
 *   form      1 byte: transform, | 0x10 if stored as planes
 *   CONST     base zigzag varint; nothing follows
 *   FOR       base zigzag varint, factor varint: value = base + factor * residual
 *   DELTA     first zigzag varint, base, factor: value[i] = value[i - 1] + base + factor * residual
 *   DICT      count varint, then the values ascending: first zigzag varint, differences varint;
 *             residuals are indexes
 *   storage   packed: width in bits (1 byte), residuals as bits, then UNPACK_SLACK zero bytes
 *             planes: count of bytes per residual (1 byte), then for each byte position, lowest first:
 *             varint size << 1 | is_zstd, and that many bytes
 *   DELTA stores count - 1 residuals, the others count. Arithmetic is modulo 2^64.
 *
 * The form is chosen by statistics: the smallest by order-0 entropy, of a sample where that is clear;
 * packed if that is within 10% of the compressed planes, since it decodes several times as fast.
 * Thread safety: an encoder belongs to one thread; decoding is pure. */
#ifndef DENDRO_STORE_ENCODING_INT_PAGE_H
#define DENDRO_STORE_ENCODING_INT_PAGE_H

#include "base/buf.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

/* Values of one page: a block's rows, or the list of a column's dictionary. */
enum { INT_PAGE_COUNT_MAX = 1 << 20 };

enum int_transform { INT_CONST = 0, INT_FOR = 1, INT_DELTA = 2, INT_DICT = 3, INT_PLANES = 0x10 };

struct int_encoder {
    uint64_t *residuals[3]; /* of FOR, DELTA, DICT */
    uint8_t *plane;         /* of each byte position */
    size_t capacity;        /* values that the arrays have room for */
    struct buf packed, planes;
    /* Set for pages in which stretches of numbers come again (times of scrapes, series after series):
     * entropy does not see it, so zstd is always asked. */
    bool repeats;
};

void int_encoder_init(struct int_encoder *encoder);
void int_encoder_release(struct int_encoder *encoder);
/* Append one page of `count` (1..INT_PAGE_COUNT_MAX) values; false without memory. */
bool int_page_encode(struct int_encoder *encoder, const int64_t *values, size_t count,
                     struct buf *out);

/* Exactly `count` values; false if the page is damaged. `page` need not be aligned. */
bool int_page_decode(struct slice page, size_t count, int64_t *out);
/* Of the `count` values of a page those at `places` (below `count`, in any order): a few of them cost
 * little more than to decompress the page. */
bool int_page_pick(struct slice page, size_t count, const uint32_t *places, size_t place_count,
                   int64_t *out);
/* The same for pages whose values are all in 0..UINT32_MAX; false also if one is not. */
bool int_page_decode32(struct slice page, size_t count, uint32_t *out);
/* A page that holds one value only. */
bool int_page_constant(struct slice page, int64_t *out);

#endif
