/* store/sample_runs.h -- samples of many series and sources that come in any order, as runs: those of one
 * series of one source. A run is found by its texts, and gets its place in a segment at the end.
 * Thread safety: one thread at a time per set of runs. */
#ifndef DENDRO_STORE_SAMPLE_RUNS_H
#define DENDRO_STORE_SAMPLE_RUNS_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/map.h"
#include "store/segment.h"

struct sample_runs {
    struct sample_run *items; /* by number; after sample_runs_sort() in the order of a segment */
    uint32_t count, capacity;
    struct map numbers; /* encoded series and source -> number */
    struct arena keys;
    struct buf key; /* of the run at hand */
};

/* `size_max`: what the texts may take from the heap. */
void sample_runs_init(struct sample_runs *runs, size_t size_max);
void sample_runs_release(struct sample_runs *runs);

/* Number of the run, a new one if needed; its `count` is the caller's to add up. MAP_NONE: no memory. */
uint32_t sample_runs_get(struct sample_runs *runs, struct slice encoded, uint32_t source);

/* Put the runs in order; *places, to be freed, gets where the samples of each begin, by the numbers they
 * had. False without memory. */
bool sample_runs_sort(struct sample_runs *runs, uint64_t **places) WARN_UNUSED;

/* The samples of all runs are at their places: put those that came late in order of time. */
void sample_runs_order(const struct sample_runs *runs, struct segment_sample *samples);

#endif
