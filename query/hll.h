/* query/hll.h -- how many distinct values: exact up to UNIQ_EXACT_MAX, then an estimate.
 *
 * Values come as 64-bit hashes. Up to the limit the hashes themselves are kept (two of 65,536
 * values share one with probability 1e-10); beyond it, a HyperLogLog of 2^12 registers has a
 * standard error of 1.04 / 64 = 1.6%. Source: Flajolet et al. 2007; small counts never reach it.
 * Thread safety: one thread at a time per counter. */
#ifndef DENDRO_QUERY_HLL_H
#define DENDRO_QUERY_HLL_H

#include "query/memory.h"

#include <stdbool.h>
#include <stdint.h>

struct uniq_counter {
    uint64_t *hashes;   /* open addressing; 0: free */
    uint32_t count, capacity;
    bool has_zero;      /* the hash 0 was seen */
    uint8_t *registers; /* not NULL: the estimate has taken over */
};

/* Zeroed memory is an empty counter. */
enum status uniq_add(struct uniq_counter *counter, uint64_t hash, struct memory *memory,
                     struct error *err) WARN_UNUSED;
enum status uniq_merge(struct uniq_counter *to, const struct uniq_counter *from,
                       struct memory *memory, struct error *err) WARN_UNUSED;
uint64_t uniq_count(const struct uniq_counter *counter);
static inline bool uniq_is_exact(const struct uniq_counter *counter)
{
    return counter->registers == NULL;
}
void uniq_release(struct uniq_counter *counter, struct memory *memory);

#endif
