/* tests/crash/crash_points.h -- the points of a workload at which the power is cut: after every I/O
 * call that changes the disk, in every mode of sim_io_crash().
 *
 * With CRASH_AT=workload:point:mode in the environment only that one; CRASH_VERBOSE prints each, in
 * this form, before it is tried.
 * Thread safety: one thread. */
#ifndef DENDRO_TESTS_CRASH_CRASH_POINTS_H
#define DENDRO_TESTS_CRASH_CRASH_POINTS_H

#include "store/store.h"
#include "tests/support/sim_io.h"

struct crash_points {
    unsigned workload;
    uint64_t after; /* calls before the cut, 1.. */
    enum sim_crash mode;
    uint64_t seed; /* of the simulated disk */
    bool reached;  /* the caller's to set: the power went before the workload had ended */
    bool begun, one;
    uint64_t count; /* points so far */
};

static inline struct crash_points crash_points_of(unsigned workload)
{
    return (struct crash_points){.workload = workload};
}

/* The next point; false: the workload ends before it. */
bool crash_points_next(struct crash_points *points);

/* Close a store that has recovered: nothing may be reported as damage, by itself or by
 * store_verify(). */
void crash_close_undamaged(struct sim_io *sim, struct store *store);

#endif
