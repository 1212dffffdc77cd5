/* store/segment_order.c -- compare rows and samples of a segment to be. */
#include "store/segment_order.h"

#include <stdlib.h>
#include <string.h>

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

static void sort(struct ranked_sample *samples, uint64_t count)
{
    for (uint64_t i = 1; i < count; i++)
        if (compare_samples(&samples[i - 1], &samples[i]) > 0) {
            qsort(samples, count, sizeof(*samples), compare_samples);
            return;
        }
}

/* Samples of a rank mostly come in order: what is left to do is to put ranks apart. False without memory. */
static bool spread(struct ranked_sample *samples, uint64_t count, uint32_t rank_count)
{
    struct ranked_sample *copy = malloc(count * sizeof(*copy));
    uint64_t *ends = calloc((size_t)rank_count + 1, sizeof(*ends)), first = 0;
    bool fine = copy != NULL && ends != NULL;

    if (fine) {
        memcpy(copy, samples, count * sizeof(*copy));
        for (uint64_t i = 0; i < count; i++)
            ends[copy[i].rank + 1]++;
        for (uint32_t rank = 0; rank < rank_count; rank++)
            ends[rank + 1] += ends[rank];
        for (uint64_t i = 0; i < count; i++)
            samples[ends[copy[i].rank]++] = copy[i];
        for (uint32_t rank = 0; rank < rank_count; first = ends[rank++])
            sort(&samples[first], ends[rank] - first);
    }
    free(copy);
    free(ends);
    return fine;
}

void ranked_samples_sort(struct ranked_sample *samples, uint64_t count)
{
    uint32_t highest = 0;

    for (uint64_t i = 0; i < count; i++)
        highest = samples[i].rank > highest ? samples[i].rank : highest;
    if (count > 0 && (highest == UINT32_MAX || !spread(samples, count, highest + 1)))
        sort(samples, count);
}
