/* store/segment_order.h -- the order in which a segment takes its rows and samples.
 * Thread safety: pure functions. */
#ifndef DENDRO_STORE_SEGMENT_ORDER_H
#define DENDRO_STORE_SEGMENT_ORDER_H

#include "store/segment.h"

/* Of struct segment_row, for qsort(): by (order time, source, sequence). */
int segment_row_compare(const void *a, const void *b);

/* A sample, and the place of its metric and labels among all. */
struct ranked_sample {
    struct segment_sample sample;
    uint32_t rank;
};

/* By (rank, source, time, sequence). */
void ranked_samples_sort(struct ranked_sample *samples, uint64_t count);

#endif
