/* store/segment_order.c -- compare rows and samples of a segment to be. */
#include "store/segment_order.h"

#include <stdlib.h>

int segment_row_compare(const void *a, const void *b)
{
    const struct segment_row *left = a, *right = b;

    if (left->order_time_ns != right->order_time_ns)
        return left->order_time_ns < right->order_time_ns ? -1 : 1;
    if (left->event->source != right->event->source)
        return left->event->source < right->event->source ? -1 : 1;
    return left->sequence < right->sequence ? -1 : left->sequence > right->sequence;
}

static int compare_samples(const void *a, const void *b)
{
    const struct ranked_sample *left = a, *right = b;
    int64_t left_ns = left->sample.sample->time_ns, right_ns = right->sample.sample->time_ns;

    if (left->rank != right->rank)
        return left->rank < right->rank ? -1 : 1;
    if (left->sample.sample->source != right->sample.sample->source)
        return left->sample.sample->source < right->sample.sample->source ? -1 : 1;
    if (left_ns != right_ns)
        return left_ns < right_ns ? -1 : 1;
    return left->sample.sequence < right->sample.sequence ? -1 : 1;
}

void ranked_samples_sort(struct ranked_sample *samples, uint64_t count)
{
    if (count > 0)
        qsort(samples, count, sizeof(*samples), compare_samples);
}
