/* base/cpu_pace.c -- the arithmetic apart from the clocks, so that tests bring their own. */
#include "base/cpu_pace.h"

#include <time.h>

#define NS_PER_S INT64_C(1000000000)

static _Thread_local struct cpu_pace own;

void cpu_pace_begin(struct cpu_pace *pace, unsigned percent, int64_t cpu_ns, int64_t wall_ns)
{
    *pace = (struct cpu_pace){
        .percent = percent, .cpu_ns = cpu_ns, .wall_ns = wall_ns, .credit_ns = CPU_PACE_BURST_NS};
}

/* In parts, since years of nanoseconds times a hundred do not fit. */
static int64_t percent_of(int64_t time_ns, unsigned percent)
{
    return time_ns / 100 * percent + time_ns % 100 * percent / 100;
}

int64_t cpu_pace_owed(struct cpu_pace *pace, int64_t cpu_ns, int64_t wall_ns)
{
    int64_t owed_ns;

    if (pace->percent == 0)
        return 0;
    pace->credit_ns += percent_of(wall_ns - pace->wall_ns, pace->percent) - (cpu_ns - pace->cpu_ns);
    if (pace->credit_ns > CPU_PACE_BURST_NS)
        pace->credit_ns = CPU_PACE_BURST_NS;
    pace->cpu_ns = cpu_ns;
    pace->wall_ns = wall_ns;
    if (pace->credit_ns >= 0)
        return 0;
    if (-pace->credit_ns >= percent_of(CPU_PACE_REST_MAX_NS, pace->percent))
        return CPU_PACE_REST_MAX_NS;
    owed_ns = -pace->credit_ns * 100 / pace->percent;
    return owed_ns < CPU_PACE_REST_MIN_NS ? 0 : owed_ns;
}

static int64_t now_ns(clockid_t clock)
{
    struct timespec now = {0};

    (void)clock_gettime(clock, &now);
    return now.tv_sec * NS_PER_S + now.tv_nsec;
}

void cpu_pace_thread(unsigned percent)
{
    cpu_pace_begin(&own, percent, now_ns(CLOCK_THREAD_CPUTIME_ID), now_ns(CLOCK_MONOTONIC));
}

bool cpu_pace_rest(void)
{
    int64_t owed_ns;

    if (own.percent == 0)
        return false;
    owed_ns = cpu_pace_owed(&own, now_ns(CLOCK_THREAD_CPUTIME_ID), now_ns(CLOCK_MONOTONIC));
    if (owed_ns == 0)
        return false;
    /* A signal that ends it early costs nothing: what is still owed stays owed. */
    (void)nanosleep(&(struct timespec){.tv_sec = owed_ns / NS_PER_S, .tv_nsec = owed_ns % NS_PER_S},
                    NULL);
    return true;
}
