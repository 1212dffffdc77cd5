/* store/seal_samples.h -- the samples of a head in the order and the form in which a segment takes them.
 * Thread safety: plain data. */
#ifndef DENDRO_STORE_SEAL_SAMPLES_H
#define DENDRO_STORE_SEAL_SAMPLES_H

#include "base/time_stamp.h"
#include "store/head.h"
#include "store/sample_runs.h"

struct seal_samples {
    struct sample_runs runs;
    struct segment_sample *items; /* run by run, each in order of time */
    uint64_t count;
    int64_t time_min_ns, time_max_ns; /* of all; if there are any */
};

/* `source_index`: by the number of a source in this process, its index in the segment + 1.
 * False without memory. */
bool seal_samples_of(const struct head *head, const uint32_t *source_index, uint32_t source_count,
                     struct seal_samples *out) WARN_UNUSED;
void seal_samples_release(struct seal_samples *samples);

/* The first UTC day after `after` that has a sample; INT64_MAX: none. */
int64_t seal_samples_next_day(const struct seal_samples *samples, int64_t after);

/* Room for the samples of one day, where a head has some of several. */
struct seal_samples_day {
    struct sample_run *runs;
    struct segment_sample *items;
};
void seal_samples_day_release(struct seal_samples_day *day);

/* Those after the day `after` up to the end of `day` into *out, which borrows them from `samples` or
 * `room`. False without memory. */
bool seal_samples_take(const struct seal_samples *samples, int64_t after, int64_t day,
                       struct seal_samples_day *room, struct segment_content *out) WARN_UNUSED;

static inline int64_t seal_day_of(int64_t ns)
{
    return ns / NS_PER_DAY - (ns % NS_PER_DAY < 0);
}

#endif
