/* store/block_impl.h -- what is behind a `struct block`: one row of functions per kind of block.
 *
 * The head and each version of segments make their own blocks: they embed `struct block` as their
 * first member, fill in the public part and give the operations. block.c holds what is common: the
 * checks, the cache of columns, the release of the owner.
 *
 * Thread safety: as block.h. */
#ifndef DENDRO_STORE_BLOCK_IMPL_H
#define DENDRO_STORE_BLOCK_IMPL_H

#include "base/arena.h"
#include "store/block.h"

enum { BLOCK_ROWS_MAX = 16384 };
/* What the columns of one block may take; a block of 16,384 lines of 256 KiB is never made. */
#define BLOCK_ARENA_SIZE_MAX ((size_t)256 << 20)

/* One array with a value per row. */
enum block_array {
    BLOCK_TIMES,          /* int64_t */
    BLOCK_ORDER_TIMES,    /* int64_t */
    BLOCK_SOURCE_NUMBERS, /* uint32_t */
    BLOCK_SEQUENCES,      /* uint64_t */
    BLOCK_OFFSETS,        /* uint64_t */
    BLOCK_FLAGS,          /* uint8_t */
    BLOCK_ARRAY_COUNT
};

struct block_ops {
    /* The array in the block's arena, or NULL with `err`. Asked once per block. */
    const void *(*array)(struct block *block, enum block_array which, struct error *err);
    /* As block_column(). Asked once per (field, as_text). */
    enum status (*column)(struct block *block, field_id field, bool as_text, struct column *out,
                          struct error *err);
    const field_id *(*fields)(struct block *block, uint32_t *count);
    enum status (*render)(struct block *block, uint32_t row, struct buf *out, struct error *err);
    void (*prepare_lines)(struct block *block); /* NULL: nothing to read */
    /* Free the implementation's part and the block itself, except `arena` and `owner`. */
    void (*release)(struct block *block);
};

struct block_column_entry {
    struct block_column_entry *next;
    field_id field;
    bool as_text;
    struct column column;
};

struct block {
    const struct block_ops *ops;
    uint64_t *selected; /* (row_count + 63) / 64 words in `arena`; bits past row_count are 0 */
    uint32_t row_count, selected_count;
    bool samples;
    int64_t time_min_ns, time_max_ns, order_min_ns, order_max_ns;
    struct arena arena; /* columns made on demand; ends with the block */
    struct arena *lender; /* gets it back, empty, for the next block; NULL: nobody */
    const void *arrays[BLOCK_ARRAY_COUNT];
    struct block_column_entry *columns;
    /* Called last by block_release(); keeps the segment or head alive until then. May be NULL. */
    void (*owner_release)(void *owner);
    void *owner;
};

static inline size_t bit_words(uint32_t bits)
{
    return ((size_t)bits + 63) / 64;
}

static inline void bit_set(uint64_t *bits, uint32_t at)
{
    bits[at >> 6] |= (uint64_t)1 << (at & 63);
}

static inline void bit_clear(uint64_t *bits, uint32_t at)
{
    bits[at >> 6] &= ~((uint64_t)1 << (at & 63));
}

/* Of `bits` stay those that are also in `other`. */
static inline void bits_keep(uint64_t *bits, const uint64_t *other, uint32_t count)
{
    for (size_t i = 0; i < bit_words(count); i++)
        bits[i] &= other[i];
}

/* Of `bits` stay those that are not in `other`. */
static inline void bits_drop(uint64_t *bits, const uint64_t *other, uint32_t count)
{
    for (size_t i = 0; i < bit_words(count); i++)
        bits[i] &= ~other[i];
}

/* Next set bit at or after `from`; `count` if there is none. */
static inline uint32_t bits_next(const uint64_t *bits, uint32_t from, uint32_t count)
{
    while (from < count) {
        uint64_t word = bits[from >> 6] >> (from & 63);

        if (word != 0) {
            from += (uint32_t)__builtin_ctzll(word);
            return from < count ? from : count;
        }
        from = (from | 63) + 1;
    }
    return count;
}

/* Set the first `count` bits, and no others, of bit_words(count) words. */
void bits_fill(uint64_t *bits, uint32_t count);
uint32_t bits_count(const uint64_t *bits, uint32_t count);
/* Is any of [first, first + count) set? */
bool bits_any(const uint64_t *bits, uint32_t first, uint32_t count);

/* Keep the selected rows with time_min <= _time < time_max that pass `filter` (NULL: all), and
 * count them. The one way that a block of columns is filtered; see predicate_eval.h. */
struct predicate;
enum status block_filter(struct block *block, const struct predicate *filter, int64_t time_min_ns,
                         int64_t time_max_ns, struct error *err) WARN_UNUSED;

#endif
