/* store/text_pool.h -- every distinct string of a segment's dictionaries once, sorted, in pages.
 *
 *   page      zstd frame of: varint size of the lengths, lengths (int_page.h), strings
 *
 * The writer interns strings under temporary numbers; text_pool_sort() gives the final ones. A page
 * holds about TEXT_POOL_PAGE_SIZE bytes of strings.
 * Thread safety: a builder belongs to one thread; decoding is pure. */
#ifndef DENDRO_STORE_TEXT_POOL_H
#define DENDRO_STORE_TEXT_POOL_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/slice.h"
#include "store/encoding/int_page.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    TEXT_POOL_PAGE_SIZE = 65536,
    TEXT_POOL_COUNT_MAX = 1 << 24,
};
#define TEXT_POOL_NONE UINT32_MAX

struct text_pool {
    struct arena arena;    /* bytes of the strings */
    struct slice *strings; /* by temporary number */
    uint64_t *hashes;
    uint32_t *places;
    uint32_t *final;       /* after text_pool_sort(): final number of each */
    uint32_t *order;       /* and temporary number of each final one */
    uint32_t count, capacity, place_count;
};

void text_pool_init(struct text_pool *pool);
void text_pool_release(struct text_pool *pool);
/* Temporary number of the string with this text_hash(); TEXT_POOL_NONE if it is new. Strings are told
 * apart by their hashes alone, so that known ones need not be touched: should two collide, the
 * check of the segment finds the difference. */
uint32_t text_pool_find(const struct text_pool *pool, uint64_t hash);
/* Add a copy of a string that is new; TEXT_POOL_NONE without memory. */
uint32_t text_pool_add(struct text_pool *pool, uint64_t hash, struct slice text);
bool text_pool_sort(struct text_pool *pool);

/* Strings [first, ...) that go into one page, in final order: their count and bytes. */
uint32_t text_pool_page_count(const struct text_pool *pool, uint32_t first, size_t *size);
/* Append that page; false without memory. */
bool text_pool_page_encode(const struct text_pool *pool, uint32_t first, uint32_t count,
                           struct int_encoder *encoder, int level, struct buf *out);

/* A page of strings in memory. */
struct text_page {
    char *memory;       /* owned */
    struct slice text;  /* of all strings, one behind the other; in `memory` */
    uint32_t *ends;     /* owned: end of each string in `text` */
    uint32_t count;
};

/* `raw_size` bytes decompressed, `count` strings; false if damaged or without memory. */
bool text_page_decode(struct slice page, size_t raw_size, uint32_t count, struct text_page *out);
void text_page_release(struct text_page *page);

static inline struct slice text_page_string(const struct text_page *page, uint32_t index)
{
    uint32_t start = index == 0 ? 0 : page->ends[index - 1];

    return (struct slice){page->text.data + start, page->ends[index] - start};
}

/* Append lengths and bytes of strings, as text_page_decode() reads them when they are inflated. */
bool text_page_append(const struct slice *strings, uint32_t count, struct int_encoder *encoder,
                      struct buf *out);

#endif
