/* store/rollup_answering.h -- an answer from rollups while it is made: what rollup_answer.c and
 * rollup_answer_sums.c share.
 * Thread safety: one thread at a time per answer. */
#ifndef DENDRO_STORE_ROLLUP_ANSWERING_H
#define DENDRO_STORE_ROLLUP_ANSWERING_H

#include "store/rollup_answer.h"
#include "store/segment_plan.h"
#include "store/segment_rollup.h"

/* What the first unit of an origin says of its rows. */
struct rollup_seen {
    uint32_t bunch; /* serial number; 0: none yet */
    uint8_t verdict, level;
};

struct answering {
    struct segment_plan *plan;
    const struct rollup_wish *wish;
    struct rollup_answer *answer;
    const struct rollup_counts *counts;
    const struct rollup_values *values[ROLLUP_WISH_VALUES_MAX];
    uint8_t *verdicts;     /* by unit */
    uint8_t *families;     /* enum family_state */
    uint8_t *lacking;      /* by family: a field that is wished has no values here */
    uint32_t *first_units; /* by family */
    struct rollup_seen *seen; /* by origin, of the bunch at hand */
    struct rollup_item *items;
    uint32_t item_count, item_capacity;
};

enum family_state { FAMILY_UNKNOWN, FAMILY_ANSWERED, FAMILY_ROWS };

/* Begin of a slot that lies in the range; slots at its ends are whole. */
static inline bool in_range(const struct rollup_answer *answer, int64_t slot, int64_t step,
                            int64_t *begin_ns)
{
    if (__builtin_mul_overflow(slot, step, begin_ns))
        *begin_ns = slot < 0 ? INT64_MIN : INT64_MAX; /* the segment's first or last step */
    return *begin_ns >= answer->time_min_ns && *begin_ns < answer->time_max_ns;
}

static inline int64_t group_of(const struct rollup_wish *wish, int64_t time_ns)
{
    int64_t distance;

    if (__builtin_sub_overflow(time_ns, wish->anchor_ns, &distance))
        distance = time_ns < 0 ? INT64_MIN : INT64_MAX; /* a time that no clock shows */
    return distance / wish->step_ns - (distance % wish->step_ns < 0);
}

/* Begin of a group; wraps where group_of() was at its end. */
static inline int64_t group_begin(const struct rollup_wish *wish, int64_t group)
{
    return (int64_t)((uint64_t)group * (uint64_t)wish->step_ns + (uint64_t)wish->anchor_ns);
}

/* Room for as many items at once. False without memory. */
bool rollup_reserve_items(struct answering *answering, uint32_t more);
/* False without memory. */
bool rollup_add_item(struct answering *answering, const struct rollup_item *item);

/* The answer to a wish by tenant: items, and families that they stand for. The verdicts of units
 * are known. *fine is false if nothing can be said. Errors: NO_MEMORY. */
enum status rollup_answer_sums(struct answering *answering, bool *fine,
                               struct error *err) WARN_UNUSED;

#endif
