/* store/sample_order.h -- the samples of many segments, each in order, put into the order of one.
 * Thread safety: pure functions. */
#ifndef DENDRO_STORE_SAMPLE_ORDER_H
#define DENDRO_STORE_SAMPLE_ORDER_H

#include "store/segment.h"

/* Sort by (rank, source, time, sequence); ranks[i] < rank_count is the place of the metric and labels of
 * samples[i] among all, its source is below source_count. Takes 24 bytes per sample meanwhile, frees
 * *samples and sets it to the sorted array. False, and nothing is changed, without memory or for 2^32 samples. */
bool sample_order(struct segment_sample **samples, const uint32_t *ranks, uint64_t count,
                  uint32_t rank_count, uint32_t source_count);

#endif
