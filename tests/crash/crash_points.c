/* tests/crash/crash_points.c -- enumeration of crash points. */
#include "tests/crash/crash_points.h"

#include "tests/store/store_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* Sanitizers look for other things, and are slow: every seventh crash point. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { POINT_STEP = 7 };
#else
enum { POINT_STEP = 1 };
#endif

static bool begin(struct crash_points *points)
{
    const char *only = getenv("CRASH_AT");
    unsigned workload = 0, mode = 0;
    unsigned long after = 0;

    points->begun = true;
    points->after = 1;
    points->mode = SIM_CRASH_ALL_LOST;
    if (only == NULL)
        return true;
    assert_int_equal(sscanf(only, "%u:%lu:%u", &workload, &after, &mode), 3);
    points->one = true;
    points->after = after;
    points->mode = (enum sim_crash)mode;
    return workload == points->workload;
}

static bool advance(struct crash_points *points)
{
    if (points->one)
        return false;
    if (points->mode < SIM_CRASH_RANDOM) {
        points->mode++;
        return true;
    }
    points->mode = SIM_CRASH_ALL_LOST;
    points->after += POINT_STEP;
    return points->reached;
}

bool crash_points_next(struct crash_points *points)
{
    if (!(points->begun ? advance(points) : begin(points)))
        return false;
    points->seed = points->after * 31 + points->workload;
    points->count++;
    if (getenv("CRASH_VERBOSE") != NULL)
        print_message("    CRASH_AT=%u:%lu:%u\n", points->workload, (unsigned long)points->after,
                      (unsigned)points->mode);
    return true;
}

static void on_line(void *user, const char *line)
{
    (void)user;
    print_message("    %s\n", line);
}

void crash_close_undamaged(struct sim_io *sim, struct store *store)
{
    struct store_stats stats;
    struct error err = {0};
    uint64_t problems = 0;

    store_report(store, on_line, NULL);
    store_stats(store, &stats);
    assert_int_equal(stats.quarantined, 0);
    store_close(store);
    assert_int_equal(store_verify(sim_io_table(sim), FIXTURE_DIR, on_line, NULL, &problems, &err),
                     STATUS_OK);
    assert_int_equal(problems, 0);
}
