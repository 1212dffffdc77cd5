/* store/segment_order.h -- the order in which a segment takes its rows.
 * Thread safety: pure functions. */
#ifndef DENDRO_STORE_SEGMENT_ORDER_H
#define DENDRO_STORE_SEGMENT_ORDER_H

#include "store/segment.h"

/* Of struct segment_row, for qsort(): by (order time, source, sequence). */
int segment_row_compare(const void *a, const void *b);

#endif
