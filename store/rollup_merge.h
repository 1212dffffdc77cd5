/* store/rollup_merge.h -- values of families that a page keeps together, as a bunch: sketches of a whole
 * format take a third of those of its families. A filter that tells its families apart reads rows.
 * Thread safety: pure function. */
#ifndef DENDRO_STORE_ROLLUP_MERGE_H
#define DENDRO_STORE_ROLLUP_MERGE_H

#include "store/rollup.h"

#define ROLLUP_KIND_NONE UINT32_MAX

/* Add up the values of families with the same kind; `kinds` is by family, ROLLUP_KIND_NONE leaves one
 * out. Without `all` a bunch is left out that has too few values for its buckets, or too large sums.
 * Arrays of *out live in `arena`. False without memory. */
bool rollup_values_merge(const struct rollup_values *values, const uint32_t *kinds, bool all,
                         struct arena *arena, struct rollup_values *out);

#endif
