/* store/segment_order.c -- compare rows of a segment to be. */
#include "store/segment_order.h"

int segment_row_compare(const void *a, const void *b)
{
    const struct segment_row *left = a, *right = b;

    if (left->order_time_ns != right->order_time_ns)
        return left->order_time_ns < right->order_time_ns ? -1 : 1;
    if (left->event->source != right->event->source)
        return left->event->source < right->event->source ? -1 : 1;
    return left->sequence < right->sequence ? -1 : left->sequence > right->sequence;
}
