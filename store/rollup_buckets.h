/* store/rollup_buckets.h -- values by cell and bucket of a sketch, while a family is added up.
 *
 * Values of a cell lie in buckets close to each other: sixteen of these are a page, a line of the
 * processor's cache, and the pages that are found again and again are few. By bucket the tally was several
 * times as large, and three misses per value.
 * Thread safety: one thread at a time. */
#ifndef DENDRO_STORE_ROLLUP_BUCKETS_H
#define DENDRO_STORE_ROLLUP_BUCKETS_H

#include "store/rollup.h"
#include "store/rollup_tally.h"

enum {
    BUCKET_PAGE_BITS = 4,
    BUCKET_PAGE_SIZE = 1 << BUCKET_PAGE_BITS,
    BUCKET_PAGE_KEY_BITS = 16 - BUCKET_PAGE_BITS,
    ROLLUP_BUCKETS_KEPT_MAX = 1 << 17, /* with values: more are no summary any more */
};

struct bucket_page {
    uint32_t values[BUCKET_PAGE_SIZE];
};

/* Zeroed memory is empty. */
struct rollup_buckets {
    struct rollup_tally numbers; /* cell << BUCKET_PAGE_KEY_BITS | bucket / BUCKET_PAGE_SIZE; the sum is
                                    the number of the page */
    struct bucket_page *pages;   /* in order of first use */
    uint32_t room, count;        /* of pages; buckets with values */
};

void rollup_buckets_reset(struct rollup_buckets *buckets); /* keeps the memory */
void rollup_buckets_release(struct rollup_buckets *buckets);
/* Page `number`, which was just found to be new, is empty. */
void rollup_buckets_open(struct rollup_buckets *buckets, uint32_t number);

/* One value more. */
static inline void rollup_buckets_add(struct rollup_buckets *buckets, uint64_t cell,
                                      uint32_t bucket)
{
    uint32_t known = buckets->numbers.count;
    uint32_t number = rollup_tally_find(&buckets->numbers,
                                        cell << BUCKET_PAGE_KEY_BITS | bucket >> BUCKET_PAGE_BITS);
    uint32_t *values;

    if (buckets->numbers.count > known)
        rollup_buckets_open(buckets, number);
    if (buckets->numbers.full)
        return;
    values = &buckets->pages[number].values[bucket % BUCKET_PAGE_SIZE];
    buckets->count += *values == 0;
    ++*values;
}

/* Too many, or no memory: they are not complete. */
static inline bool rollup_buckets_full(const struct rollup_buckets *buckets)
{
    return buckets->numbers.full || buckets->count > ROLLUP_BUCKETS_KEPT_MAX;
}

/* Order them by cell and bucket. Only rollup_buckets_take() and rollup_buckets_reset() may follow.
 * `scratch` has room for two words per page. */
static inline void rollup_buckets_sort(struct rollup_buckets *buckets, uint64_t *scratch)
{
    rollup_tally_sort(&buckets->numbers, scratch);
}

/* The buckets of `cell` that have values, to `out`: how many. The cells must be asked for in their order;
 * `at` is where the pages of this one begin, from 0 on, and then where those of the next one do. */
uint32_t rollup_buckets_take(const struct rollup_buckets *buckets, uint64_t cell, uint32_t *at,
                             struct rollup_bucket *out);

#endif
