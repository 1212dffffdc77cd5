/* store/rollup_agree.h -- does what a segment keeps agree with what its rows add up to?
 *
 * Every family and bunch that is kept must be kept whole, with the numbers that were counted. What
 * is left out is no mistake: its rows are looked at. Thread safety: pure functions. */
#ifndef DENDRO_STORE_ROLLUP_AGREE_H
#define DENDRO_STORE_ROLLUP_AGREE_H

#include "store/rollup_sums.h"

bool rollup_counts_agree(const struct rollup_counts *kept, const struct rollup_counts *counted);
/* `counted` may have prints for buckets. */
bool rollup_values_agree(const struct rollup_values *kept, const struct rollup_values *counted);
/* Both with fields and tenants under the same numbers. */
bool rollup_sums_agree(const struct rollup_sums *kept, const struct rollup_sums *counted);

#endif
