/* store/seal_pace.c -- the arithmetic apart from the clock, so that tests bring their own. */
#include "store/seal_pace.h"

#include <pthread.h>

/* Until the first seal has ended. A rate that is too fast only means no pace at a seal's end, one that is
 * too slow keeps room back until then. */
#define KIB_NS_GUESS INT64_C(4000)
#define NS_PER_S     INT64_C(1000000000)

enum { LATE_PART = 8 }; /* a seal may take an eighth longer than those before without a stop */

void seal_pace_begin_at(struct seal_pace *pace, uint64_t size, int64_t cpu_ns)
{
    pace->size = size;
    pace->begin_ns = cpu_ns;
}

void seal_pace_end_at(struct seal_pace *pace, bool sealed, int64_t cpu_ns)
{
    uint64_t kib = pace->size >> 10;

    if (sealed && kib > 0) {
        int64_t kib_ns = (cpu_ns - pace->begin_ns) / (int64_t)kib;

        pace->kib_ns = pace->kib_ns == 0 ? kib_ns : (3 * pace->kib_ns + kib_ns) / 4;
        if (pace->kib_ns == 0)
            pace->kib_ns = 1; /* a clock that stands still */
    }
    pace->size = 0;
}

uint64_t seal_pace_left_at(const struct seal_pace *pace, int64_t cpu_ns)
{
    int64_t seen_ns = pace->kib_ns > 0 ? pace->kib_ns : KIB_NS_GUESS;
    int64_t kib_ns = seen_ns + seen_ns / LATE_PART;
    int64_t used_ns = cpu_ns > pace->begin_ns ? cpu_ns - pace->begin_ns : 0;
    uint64_t done = (uint64_t)(used_ns / kib_ns) << 10;

    return done < pace->size ? pace->size - done : 0;
}

static int64_t now_ns(clockid_t clock)
{
    struct timespec now = {0};

    (void)clock_gettime(clock, &now);
    return now.tv_sec * NS_PER_S + now.tv_nsec;
}

void seal_pace_begin(struct seal_pace *pace, uint64_t size)
{
    (void)pthread_getcpuclockid(pthread_self(), &pace->clock);
    seal_pace_begin_at(pace, size, now_ns(pace->clock));
}

void seal_pace_end(struct seal_pace *pace, bool sealed)
{
    seal_pace_end_at(pace, sealed, now_ns(pace->clock));
}

uint64_t seal_pace_left(const struct seal_pace *pace)
{
    return pace->size == 0 ? 0 : seal_pace_left_at(pace, now_ns(pace->clock));
}
