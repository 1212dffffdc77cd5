/* base/cpu_pace.h -- background work that leaves a share of a processor to others, however much there is
 * to do: a token bucket of CPU time. It fills with the given share of the time that passes, up to
 * CPU_PACE_BURST_NS, and is emptied by what the thread uses; a thread that has used more rests until it
 * is even. Priorities (base/thread_priority.h) decide who goes first; this bounds what one takes when
 * nobody else is there, so that a later burst finds an idle processor and a cool one.
 *
 * Code that works in pieces offers to rest between them: cpu_pace_rest(), where it holds no lock. On
 * threads without a pace that does nothing, so queries and seals may share the code.
 * Thread safety: the pace belongs to its thread. */
#ifndef DENDRO_BASE_CPU_PACE_H
#define DENDRO_BASE_CPU_PACE_H

#include <stdbool.h>
#include <stdint.h>

#define CPU_PACE_BURST_NS    INT64_C(10000000)  /* CPU time that may be used at once after idle time */
#define CPU_PACE_REST_MIN_NS INT64_C(1000000)   /* shorter rests are saved up: a wake-up costs, too */
#define CPU_PACE_REST_MAX_NS INT64_C(250000000) /* at once: the thread may be wanted elsewhere */

struct cpu_pace {
    unsigned percent; /* of one processor; 0: no limit */
    int64_t cpu_ns, wall_ns; /* of the clocks, when last looked at */
    int64_t credit_ns;       /* CPU time; negative: owed */
};

/* Begin with a full bucket at these readings of the thread's CPU clock and of a monotonic clock. */
void cpu_pace_begin(struct cpu_pace *pace, unsigned percent, int64_t cpu_ns, int64_t wall_ns);
/* How long to rest now; 0: not at all. At most CPU_PACE_REST_MAX_NS: then ask again. */
int64_t cpu_pace_owed(struct cpu_pace *pace, int64_t cpu_ns, int64_t wall_ns);

/* Give the calling thread a pace; 0 takes it away. */
void cpu_pace_thread(unsigned percent);
/* Rest if it is owed. False: nothing is. */
bool cpu_pace_rest(void);

#endif
