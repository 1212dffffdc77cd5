/* query/plan_rollup.c -- keys and functions of a stats against what rollups keep. */
#include "query/plan_rollup.h"

#include "base/time_stamp.h"
#include "query/operators/aggregate.h"
#include "query/operators/group_codes.h"

/* Since then the clocks of all zones differ from UTC by whole quarters of an hour, and are put forward
 * and back at whole minutes: no bucket begins inside a step of a rollup. */
#define ZONES_ARE_WHOLE_NS ((int64_t)63072000 * NS_PER_SECOND) /* 1972 */

/* `step`: of the rollup. */
static bool wish_time(const struct plan *plan, const struct group_key *key, int64_t step,
                      struct rollup_wish *out)
{
    if (key->bucket != BUCKET_TIME || out->by_time)
        return false;
    out->by_time = true;
    out->step_ns = (int64_t)key->step.number;
    out->anchor_ns = time_bucket_anchor(key);
    if (plan->run->zone == NULL)
        return true;
    /* Steps of the rollup itself; the groups are made of them by the clock of the zone. */
    if (plan->resolved.min_ns < ZONES_ARE_WHOLE_NS || out->step_ns % step != 0 ||
        out->anchor_ns % step != 0)
        return false;
    out->step_ns = step;
    out->anchor_ns = 0;
    return true;
}

static bool wish_key(const struct plan *plan, const struct group_key *key, struct rollup_wish *out)
{
    field_id field = names_id(&plan->run->names, key->field);

    if (field == FIELD_ID_TIME)
        return wish_time(plan, key, out->by_tenant ? ROLLUP_SUM_NS : ROLLUP_VALUE_NS, out);
    if (key->bucket != BUCKET_NONE)
        return false;
    switch (field) {
    case FIELD_ID_HOST:
        out->by_host = true;
        out->by_origin = true;
        return true;
    case FIELD_ID_GEO:
    case FIELD_ID_ROLE:
        out->by_origin = true;
        return true;
    case FIELD_ID_TENANT:
        return true; /* known before */
    case FIELD_ID_FORMAT:
        out->by_format = true;
        return true;
    case FIELD_ID_LEVEL:
        out->by_level = true;
        return true;
    default:
        return false;
    }
}

static bool wish_value(field_id field, struct rollup_wish *out)
{
    if (field < FIELD_ID_FIRST_SPAN)
        return false;
    for (uint32_t i = 0; i < out->value_count; i++)
        if (out->values[i] == field)
            return true;
    if (out->value_count == ROLLUP_WISH_VALUES_MAX)
        return false;
    out->values[out->value_count++] = field;
    return true;
}

/* Items of samples know all texts of their series. */
static bool wish_samples(const struct plan *plan, const struct pipe *pipe, struct rollup_wish *out)
{
    struct names *names = &plan->run->names;

    for (uint32_t i = 0; i < pipe->key_count; i++) {
        field_id field = names_id(names, pipe->keys[i].field);

        if (field == FIELD_ID_TIME ? !wish_time(plan, &pipe->keys[i], SAMPLE_STEP_SHORT_NS, out)
                                   : field == FIELD_ID_VALUE || pipe->keys[i].bucket != BUCKET_NONE)
            return false;
    }
    for (uint32_t i = 0; i < pipe->call_count; i++) {
        const struct stats_call *call = &pipe->calls[i];

        if (!aggregate_takes_cells(call) ||
            (call->fields.count == 1 && names_id(names, call->fields.items[0]) != FIELD_ID_VALUE))
            return false;
        out->increase = out->increase || call->kind == STATS_INCREASE;
    }
    return true;
}

bool plan_rollup(const struct plan *plan, struct rollup_wish *out)
{
    const struct pipe *pipe;

    *out = (struct rollup_wish){0};
    if (plan->pipe_first >= plan->tree->pipe_count || plan->ordered ||
        plan->run->options->after_sequence > 0)
        return false;
    pipe = &plan->tree->pipes[plan->pipe_first];
    if (pipe->kind != PIPE_STATS || pipe->key_count > ROLLUP_KEYS_MAX)
        return false;
    if (plan->table == SCAN_SAMPLES)
        return wish_samples(plan, pipe, out);
    for (uint32_t i = 0; i < pipe->key_count; i++)
        if (names_id(&plan->run->names, pipe->keys[i].field) == FIELD_ID_TENANT)
            out->by_tenant = true;
    for (uint32_t i = 0; i < pipe->key_count; i++)
        if (!wish_key(plan, &pipe->keys[i], out))
            return false;
    for (uint32_t i = 0; i < pipe->call_count; i++)
        if (!aggregate_takes_rollups(&pipe->calls[i]) ||
            (out->by_tenant && !aggregate_takes_sums(&pipe->calls[i])) ||
            (pipe->calls[i].fields.count == 1 &&
             !wish_value(names_id(&plan->run->names, pipe->calls[i].fields.items[0]), out)))
            return false;
    return rollup_wish_fits(out);
}
