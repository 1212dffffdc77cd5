/* store/rollup_encode.h -- what a builder added up as the pages of rollup.h.
 * Thread safety: pure functions. */
#ifndef DENDRO_STORE_ROLLUP_ENCODE_H
#define DENDRO_STORE_ROLLUP_ENCODE_H

#include "store/rollup.h"

/* Would a page take more than ROLLUP_PAGE_MAX? Then it is not to be kept. */
bool rollup_counts_fit(const struct rollup_counts *counts);
bool rollup_values_fit(const struct rollup_values *values);

/* Append a page of what fits. False without memory. */
bool rollup_counts_encode(const struct rollup_counts *counts, struct buf *out);
bool rollup_values_encode(const struct rollup_values *values, struct buf *out);

#endif
