/* store/rollup_answer_sums.c -- items by tenant from the cells of bunches. A bunch answers if the
 * filter says the same of all rows that were added up together; its families are then answered as a
 * whole. */
#include "store/rollup_answering.h"

#include <stdlib.h>
#include <string.h>

enum {
    GROUP_UNKNOWN = UINT8_MAX,
    /* A key of the tally: group, group of time, tenant. */
    TENANT_BITS = 28,
    TIME_BITS = 16,
};

struct summing {
    struct answering *answering;
    const struct segment_sums *kept;
    uint8_t *verdicts;                                   /* of the bunch at hand, by group */
    int64_t first_group;                                 /* of time */
    struct rollup_tally rows;                            /* by key */
    struct rollup_value *values[ROLLUP_WISH_VALUES_MAX]; /* by number of the key */
    const struct rollup_sum *sums[ROLLUP_WISH_VALUES_MAX]; /* of the bunch at hand; NULL: none */
    uint8_t types[ROLLUP_WISH_VALUES_MAX];               /* FIELD_TEXT: not seen yet */
    uint32_t room;
};

/* ---- which bunches ---- */

/* Number of the field among those of the bunch; field_count: it has none. */
static uint32_t field_of(const struct rollup_sums *sums, const struct rollup_bunch *bunch,
                         field_id field)
{
    uint32_t k = 0;

    while (k < bunch->field_count && sums->fields[bunch->first_field + k] != field)
        k++;
    return k;
}

/* Has the family a field that is wanted, but was not added up? */
static bool lacks(const struct summing *summing, const struct rollup_bunch *bunch, uint32_t number)
{
    const struct rollup_wish *wish = summing->answering->wish;
    const struct segment_family *family = &summing->answering->plan->segment->families[number];

    for (uint32_t i = 0; i < wish->value_count; i++)
        if (field_of(&summing->kept->sums, bunch, wish->values[i]) == bunch->field_count &&
            segment_find_field(family, wish->values[i]) != UINT32_MAX)
            return true;
    return false;
}

/* What the filter says of a family is one with what it said of the group before. */
static bool join_verdict(struct summing *summing, uint32_t group, uint8_t verdict)
{
    if (summing->verdicts[group] == GROUP_UNKNOWN)
        summing->verdicts[group] = verdict;
    return verdict != VERDICT_SOME && summing->verdicts[group] == verdict;
}

static bool settle_family(struct summing *summing, const struct rollup_bunch *bunch,
                          uint32_t family)
{
    const struct answering *answering = summing->answering;
    const struct rollup_counts *counts = answering->counts;
    const struct segment_plan *plan = answering->plan;
    uint32_t unit = answering->first_units[family];

    if (lacks(summing, bunch, family))
        return false;
    for (; unit < counts->unit_count && counts->units[unit].family == family; unit++)
        if (!join_verdict(summing, summing->kept->groups[counts->units[unit].origin],
                          answering->verdicts[unit]))
            return false;
    if (unit > answering->first_units[family])
        return true;
    /* Its rows were not worth counting by unit: the filter must be settled for all of them. */
    for (uint32_t i = 0; i < bunch->cell_count; i++) {
        uint8_t verdict = VERDICT_ALL;

        if (plan->filter != NULL)
            verdict = plan->root == NULL ? (uint8_t)VERDICT_SOME : plan->root->verdicts[family];
        if (!join_verdict(summing, summing->kept->sums.cells[bunch->first_cell + i].group, verdict))
            return false;
    }
    return true;
}

static bool settle_bunch(struct summing *summing, const struct rollup_bunch *bunch)
{
    const uint32_t *families = summing->kept->sums.families + bunch->first_family;

    memset(summing->verdicts, GROUP_UNKNOWN, summing->answering->plan->segment->source_count);
    for (uint32_t i = 0; i < bunch->family_count; i++)
        if (!settle_family(summing, bunch, families[i]))
            return false;
    for (uint32_t i = 0; i < bunch->family_count; i++)
        summing->answering->families[families[i]] = 1;
    return true;
}

/* ---- adding up ---- */

static bool make_room(struct summing *summing)
{
    uint32_t room = summing->room == 0 ? 256 : summing->room * 2;

    for (uint32_t i = 0; i < summing->answering->wish->value_count; i++) {
        struct rollup_value *grown = realloc(summing->values[i], room * sizeof(*grown));

        if (grown == NULL)
            return false;
        memset(grown + summing->room, 0, (room - summing->room) * sizeof(*grown));
        summing->values[i] = grown;
    }
    summing->room = room;
    return true;
}

/* False: sums that only rows can add up, or no memory. */
static bool add_values(struct summing *summing, uint32_t cell, uint32_t number)
{
    for (uint32_t i = 0; i < summing->answering->wish->value_count; i++) {
        const struct rollup_sum *from = summing->sums[i];
        struct rollup_value *to = &summing->values[i][number];

        if (from == NULL)
            continue;
        to->values += from[cell].values;
        if (__builtin_add_overflow(to->sum, from[cell].sum, &to->sum))
            return false;
    }
    return true;
}

/* Does the filter take any row of the bunch? */
static bool any_rows(const struct summing *summing)
{
    return memchr(summing->verdicts, VERDICT_ALL,
                  summing->answering->plan->segment->source_count) != NULL;
}

/* Sums of the bunch. Values of one field are of one type here, or their items cannot be told apart. */
static bool find_sums(struct summing *summing, const struct rollup_bunch *bunch)
{
    const struct segment *segment = summing->answering->plan->segment;
    const struct rollup_wish *wish = summing->answering->wish;

    for (uint32_t i = 0; i < wish->value_count; i++) {
        const struct segment_family *family =
            &segment->families[summing->kept->sums.families[bunch->first_family]];
        uint32_t field = segment_find_field(family, wish->values[i]);
        uint32_t place = field_of(&summing->kept->sums, bunch, wish->values[i]);

        summing->sums[i] = NULL;
        if (place == bunch->field_count)
            continue;
        summing->sums[i] =
            summing->kept->sums.sums + bunch->first_sum + (size_t)place * bunch->cell_count;
        if (field == UINT32_MAX ||
            (summing->types[i] != FIELD_TEXT && summing->types[i] != family->fields[field].type))
            return false; /* the pages do not agree, or names mean several things */
        summing->types[i] = family->fields[field].type;
    }
    return true;
}

static bool add_cells(struct summing *summing, const struct rollup_bunch *bunch)
{
    const struct answering *answering = summing->answering;
    const struct rollup_wish *wish = answering->wish;
    const struct rollup_sums *sums = &summing->kept->sums;

    if (bunch->family_count == 0 || !find_sums(summing, bunch))
        return false;
    for (uint32_t i = 0; i < bunch->cell_count; i++) {
        const struct rollup_sum_cell *cell = &sums->cells[bunch->first_cell + i];
        int64_t begin_ns;
        uint64_t group = 0;
        uint32_t number;

        if (summing->verdicts[cell->group] != VERDICT_ALL ||
            !in_range(answering->answer, sums->first_slot + cell->slot, ROLLUP_SUM_NS, &begin_ns))
            continue;
        if (wish->by_time)
            group = (uint64_t)(group_of(wish, begin_ns) - summing->first_group);
        if (group >= (uint64_t)1 << TIME_BITS)
            return false;
        number = rollup_tally_find(&summing->rows, (wish->by_origin ? (uint64_t)cell->group : 0)
                                                           << (TENANT_BITS + TIME_BITS) |
                                                       group << TENANT_BITS | cell->tenant);
        if (number == ROLLUP_TALLY_FULL || (number == summing->room && !make_room(summing)))
            return false;
        summing->rows.sums[number] += cell->rows;
        answering->answer->row_count += cell->rows;
        if (!add_values(summing, i, number))
            return false;
    }
    return true;
}

/* ---- items ---- */

/* What was added up, where items can point to. False without memory. */
static bool keep_values(const struct summing *summing, struct rollup_value **out)
{
    uint32_t count = summing->rows.count;

    for (uint32_t i = 0; i < summing->answering->wish->value_count; i++) {
        out[i] = arena_take(&summing->answering->plan->arena, sizeof(*out[i]),
                            _Alignof(struct rollup_value), (size_t)count + 1);
        if (out[i] == NULL)
            return false;
        if (count > 0)
            memcpy(out[i], summing->values[i], count * sizeof(*out[i]));
    }
    return true;
}

/* The rows of a group go with the first of its values. */
static bool put_item(struct summing *summing, struct rollup_value *const *values, uint32_t number,
                     struct rollup_item *item)
{
    struct answering *answering = summing->answering;

    for (uint32_t i = 0; i < answering->wish->value_count; i++) {
        if (values[i][number].values == 0)
            continue;
        item->value = &values[i][number];
        item->field = answering->wish->values[i];
        item->type = summing->types[i];
        if (!rollup_add_item(answering, item))
            return false;
        item->rows = 0;
    }
    return item->value != NULL || rollup_add_item(answering, item);
}

/* The text of a tenant; strings of the pool live as long as the plan holds their pages. */
static enum status find_tenant(struct summing *summing, uint32_t tenant, struct slice *out,
                               struct error *err)
{
    struct segment_plan *plan = summing->answering->plan;
    enum status status;

    *out = (struct slice){0};
    if (tenant == ROLLUP_NO_TENANT)
        return STATUS_OK;
    status = segment_pool_string(plan->segment, tenant - 1, &plan->hold, out, err);
    if (status == STATUS_OK && out->len == 0)
        *out = SLICE_LITERAL("");
    return status;
}

static enum status put_items(struct summing *summing, const struct rollup_bunch *bunch, bool *fine,
                             struct error *err)
{
    struct answering *answering = summing->answering;
    struct segment *segment = answering->plan->segment;
    struct rollup_value *values[ROLLUP_WISH_VALUES_MAX];
    enum status status = STATUS_OK;

    *fine = keep_values(summing, values) && rollup_reserve_items(answering, summing->rows.count);
    for (uint32_t i = 0; i < summing->rows.count && status == STATUS_OK && *fine; i++) {
        uint64_t key = summing->rows.keys[i];
        uint32_t tenant = (uint32_t)(key & (((uint64_t)1 << TENANT_BITS) - 1));
        uint64_t time = key >> TENANT_BITS & (((uint64_t)1 << TIME_BITS) - 1);
        struct rollup_item item = {
            .source = &segment->sources[key >> (TENANT_BITS + TIME_BITS)].info.source,
            .format = segment->formats[bunch->format],
            .rows = summing->rows.sums[i]};

        if (answering->wish->by_time)
            item.time_ns = group_begin(answering->wish, summing->first_group + (int64_t)time);
        status = find_tenant(summing, tenant, &item.tenant, err);
        *fine = status == STATUS_OK && put_item(summing, values, i, &item);
    }
    if (status == STATUS_CORRUPT) { /* the rows are looked at instead */
        *fine = false;
        return STATUS_OK;
    }
    return status;
}

static void forget(struct summing *summing)
{
    rollup_tally_reset(&summing->rows);
    for (uint32_t i = 0; i < summing->answering->wish->value_count && summing->room > 0; i++)
        memset(summing->values[i], 0, summing->room * sizeof(*summing->values[i]));
    memset(summing->types, FIELD_TEXT, sizeof(summing->types));
}

/* By format, each bunch for itself; else all together. */
static enum status answer_all(struct summing *summing, bool *fine, struct error *err)
{
    const struct rollup_sums *sums = &summing->kept->sums;
    bool apart = summing->answering->wish->by_format;
    enum status status = STATUS_OK;

    for (uint32_t i = 0; i < sums->bunch_count && *fine && status == STATUS_OK; i++) {
        if (!settle_bunch(summing, &sums->bunches[i]) || !any_rows(summing))
            continue;
        *fine = add_cells(summing, &sums->bunches[i]);
        if (!apart || !*fine)
            continue;
        status = put_items(summing, &sums->bunches[i], fine, err);
        forget(summing);
    }
    if (!apart && *fine && status == STATUS_OK && sums->bunch_count > 0)
        status = put_items(summing, &sums->bunches[0], fine, err);
    return status;
}

enum status rollup_answer_sums(struct answering *answering, bool *fine, struct error *err)
{
    struct summing summing = {.answering = answering};
    struct arena *arena = &answering->plan->arena;
    int64_t begin_ns;
    enum status status = segment_rollup_sums(answering->plan->segment, arena, &summing.kept, err);

    *fine = false;
    if (status == STATUS_CORRUPT) /* the rows are looked at instead */
        return STATUS_OK;
    if (status != STATUS_OK || summing.kept == NULL)
        return status;
    summing.verdicts =
        arena_new(arena, uint8_t, (size_t)answering->plan->segment->source_count + 1);
    if (summing.verdicts == NULL)
        return error_set(err, STATUS_NO_MEMORY, "no memory for an answer from rollups");
    forget(&summing);
    if (answering->wish->by_time) {
        (void)in_range(answering->answer, summing.kept->sums.first_slot, ROLLUP_SUM_NS, &begin_ns);
        summing.first_group = group_of(answering->wish, begin_ns);
    }
    *fine = true;
    status = answer_all(&summing, fine, err);
    rollup_tally_release(&summing.rows);
    for (uint32_t i = 0; i < answering->wish->value_count; i++)
        free(summing.values[i]);
    return status;
}
