/* tests/store/keyed_sample.h -- a sample beside what it is sorted by, for the C library's sort: the order that
 * a segment is to have, told another way.
 * Thread safety: pure functions. */
#ifndef DENDRO_TESTS_STORE_KEYED_SAMPLE_H
#define DENDRO_TESTS_STORE_KEYED_SAMPLE_H

#include "store/segment.h"

struct keyed_sample {
    struct slice series; /* encoded */
    uint32_t source;
    struct segment_sample sample;
};

/* For qsort(): by series, source, time and sequence. */
static inline int keyed_sample_compare(const void *a, const void *b)
{
    const struct keyed_sample *left = a, *right = b;
    const int64_t of_left[] = {left->source, left->sample.time_ns, (int64_t)left->sample.sequence};
    const int64_t of_right[] = {right->source, right->sample.time_ns,
                                (int64_t)right->sample.sequence};
    int by_series = slice_compare(left->series, right->series);

    for (unsigned i = 0; i < 3 && by_series == 0; i++)
        if (of_left[i] != of_right[i])
            return of_left[i] < of_right[i] ? -1 : 1;
    return by_series;
}

#endif
