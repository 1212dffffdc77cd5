/* store/sample_order.c -- two counting sorts, by source and then by rank, of numbers of samples. Both keep
 * the order of what is equal, and segments come by time, so what is left to sort are samples that came late. */
#include "store/sample_order.h"

#include <stdlib.h>

struct ordering {
    const struct segment_sample *samples;
    const uint32_t *ranks;
    uint32_t count;
    uint32_t *first, *second; /* numbers of samples */
    uint32_t *ends;           /* by key */
};

/* Where each key begins, from the counts behind it: ends[key + 1]. */
static void sum_up(uint32_t *ends, uint32_t key_count)
{
    for (uint32_t key = 0; key < key_count; key++)
        ends[key + 1] += ends[key];
}

static void order_by_source(struct ordering *at, uint32_t source_count)
{
    memset(at->ends, 0, ((size_t)source_count + 1) * sizeof(*at->ends));
    for (uint32_t i = 0; i < at->count; i++)
        at->ends[at->samples[i].sample->source + 1]++;
    sum_up(at->ends, source_count);
    for (uint32_t i = 0; i < at->count; i++)
        at->first[at->ends[at->samples[i].sample->source]++] = i;
}

static void order_by_rank(struct ordering *at, uint32_t rank_count)
{
    memset(at->ends, 0, ((size_t)rank_count + 1) * sizeof(*at->ends));
    for (uint32_t i = 0; i < at->count; i++)
        at->ends[at->ranks[i] + 1]++;
    sum_up(at->ends, rank_count);
    for (uint32_t i = 0; i < at->count; i++)
        at->second[at->ends[at->ranks[at->first[i]]]++] = at->first[i];
}

static int compare_times(const void *a, const void *b)
{
    const struct segment_sample *left = a, *right = b;

    if (left->sample->time_ns != right->sample->time_ns)
        return left->sample->time_ns < right->sample->time_ns ? -1 : 1;
    return left->sequence < right->sequence ? -1 : left->sequence > right->sequence;
}

/* Samples of one rank and source that did not come in order. */
static void sort_late_ones(const struct ordering *at, struct segment_sample *sorted)
{
    for (uint32_t first = 0, end; first < at->count; first = end) {
        uint32_t rank = at->ranks[at->second[first]], source = sorted[first].sample->source;
        bool late = false;

        for (end = first + 1; end < at->count && at->ranks[at->second[end]] == rank &&
                              sorted[end].sample->source == source;
             end++)
            late |= compare_times(&sorted[end - 1], &sorted[end]) > 0;
        if (late)
            qsort(&sorted[first], end - first, sizeof(*sorted), compare_times);
    }
}

bool sample_order(struct segment_sample **samples, const uint32_t *ranks, uint64_t count,
                  uint32_t rank_count, uint32_t source_count)
{
    uint32_t key_count = rank_count > source_count ? rank_count : source_count;
    struct ordering at = {.samples = *samples, .ranks = ranks, .count = (uint32_t)count};
    struct segment_sample *sorted = NULL;
    bool fine = count < UINT32_MAX;

    if (fine) {
        at.first = malloc((count + 1) * sizeof(*at.first));
        at.second = malloc((count + 1) * sizeof(*at.second));
        at.ends = malloc(((size_t)key_count + 1) * sizeof(*at.ends));
        sorted = malloc((count + 1) * sizeof(*sorted));
        fine = at.first != NULL && at.second != NULL && at.ends != NULL && sorted != NULL;
    }
    if (fine) {
        order_by_source(&at, source_count);
        order_by_rank(&at, rank_count);
        for (uint32_t i = 0; i < at.count; i++)
            sorted[i] = at.samples[at.second[i]];
        sort_late_ones(&at, sorted);
        free(*samples);
        *samples = sorted;
        sorted = NULL;
    }
    free(sorted);
    free(at.first);
    free(at.second);
    free(at.ends);
    return fine;
}
