/* store/rollup_answer.c -- items from units and cells, for the families that a plan has settled. */
#include "store/rollup_answering.h"

#include "store/rollup_tally.h"
#include "store/sample_plan.h"

#include <stdlib.h>

enum { ITEMS_MIN = 64 };

static enum status no_memory(struct error *err)
{
    return error_set(err, STATUS_NO_MEMORY, "no memory for an answer from rollups");
}

/* Length of the steps that a wish is answered by. */
static int64_t wish_step(const struct rollup_wish *wish)
{
    if (wish->by_tenant)
        return ROLLUP_SUM_NS;
    return wish->value_count > 0 ? ROLLUP_VALUE_NS : ROLLUP_COUNT_NS;
}

bool rollup_wish_fits(const struct rollup_wish *wish)
{
    int64_t step = wish_step(wish);

    if (wish->by_tenant && (wish->by_host || wish->by_level))
        return false;
    return !wish->by_time ||
           (wish->step_ns > 0 && wish->step_ns % step == 0 && wish->anchor_ns % step == 0);
}

/* ---- the part of the range ---- */

/* False: no whole step lies in it. */
static bool find_range(struct answering *answering)
{
    const struct segment_plan *plan = answering->plan;
    const struct segment_summary *summary = &plan->segment->summary;
    int64_t step = wish_step(answering->wish), slot;
    struct rollup_answer *answer = answering->answer;

    answer->time_min_ns = INT64_MIN;
    answer->time_max_ns = INT64_MAX;
    if (plan->time_min_ns > summary->time_min_ns) {
        slot = rollup_slot(plan->time_min_ns, step);
        if (__builtin_mul_overflow(slot, step, &answer->time_min_ns))
            return false;
        if (answer->time_min_ns < plan->time_min_ns &&
            __builtin_add_overflow(answer->time_min_ns, step, &answer->time_min_ns))
            return false;
    }
    if (plan->time_max_ns <= summary->time_max_ns) {
        slot = rollup_slot(plan->time_max_ns, step);
        if (__builtin_mul_overflow(slot, step, &answer->time_max_ns))
            return false;
    }
    return answer->time_min_ns < answer->time_max_ns;
}

/* ---- which families ---- */

/* Families with a field that no rollup has: its values are needed, and nobody counted them. */
static void find_lacking(struct answering *answering, uint32_t index)
{
    const struct segment *segment = answering->plan->segment;
    const struct rollup_values *values = answering->values[index];
    uint8_t *kept = answering->families; /* not in use yet */

    for (uint32_t i = 0; values != NULL && i < values->family_count; i++)
        kept[values->families[i]] = 1;
    for (uint32_t i = 0; i < segment->family_count; i++) {
        const struct segment_family *family = &segment->families[i];

        if (family->as_text ||
            (!kept[i] &&
             segment_find_field(family, answering->wish->values[index]) != UINT32_MAX))
            answering->lacking[i] = 1;
        kept[i] = 0;
    }
}

/* Values are told apart by origin only: levels and formats of one origin must agree. */
static bool splits_values(const struct answering *answering, const struct rollup_unit *unit,
                          const struct rollup_unit *before)
{
    if (answering->wish->value_count == 0 || before == NULL || before->family != unit->family ||
        before->origin != unit->origin)
        return false;
    return answering->wish->by_level ||
           answering->verdicts[unit - answering->counts->units] !=
               answering->verdicts[before - answering->counts->units];
}

/* Do all rows of a family's origins fit what was seen of others of its bunch? */
static bool fits_seen(struct answering *answering, uint32_t family, uint32_t bunch)
{
    const struct rollup_counts *counts = answering->counts;

    if (answering->families[family] != FAMILY_ANSWERED)
        return false;
    for (uint32_t i = answering->first_units[family];
         i < counts->unit_count && counts->units[i].family == family; i++) {
        const struct rollup_unit *unit = &counts->units[i];
        struct rollup_seen *seen = &answering->seen[unit->origin];

        if (seen->bunch != bunch)
            *seen = (struct rollup_seen){bunch, answering->verdicts[i], (uint8_t)unit->level};
        if (seen->verdict != answering->verdicts[i] ||
            (answering->wish->by_level && seen->level != unit->level))
            return false;
    }
    return true;
}

/* Cells of a bunch stand for all of its families or for none. True: some now give rows. */
static bool settle_bunches(struct answering *answering, const struct rollup_values *values,
                           uint32_t *serial)
{
    bool changed = false;

    for (uint32_t i = 0, end; i < values->family_count; i = end) {
        bool fine = true;

        ++*serial;
        for (end = i;
             end < values->family_count && values->leaders[end] == values->leaders[i]; end++)
            fine = fits_seen(answering, values->families[end], *serial) && fine;
        for (uint32_t k = i; k < end && !fine; k++) {
            uint8_t *state = &answering->families[values->families[k]];

            changed = changed || *state == FAMILY_ANSWERED;
            *state = FAMILY_ROWS;
        }
    }
    return changed;
}

static void settle_families(struct answering *answering)
{
    const struct rollup_counts *counts = answering->counts;
    uint32_t serial = 0;
    bool changed = true;

    for (uint32_t i = 0; i < answering->wish->value_count; i++)
        find_lacking(answering, i);
    for (uint32_t i = 0; i < counts->unit_count; i++) {
        const struct rollup_unit *unit = &counts->units[i];
        const struct rollup_unit *before = i == 0 ? NULL : unit - 1;
        uint8_t *state = &answering->families[unit->family];

        if (*state == FAMILY_UNKNOWN)
            *state = FAMILY_ANSWERED;
        if (answering->verdicts[i] == VERDICT_SOME || splits_values(answering, unit, before) ||
            (answering->verdicts[i] == VERDICT_ALL && answering->lacking[unit->family]))
            *state = FAMILY_ROWS;
    }
    while (changed) {
        changed = false;
        for (uint32_t i = 0; i < answering->wish->value_count; i++)
            if (answering->values[i] != NULL &&
                settle_bunches(answering, answering->values[i], &serial))
                changed = true;
    }
    for (uint32_t i = 0; i < answering->plan->segment->family_count; i++)
        answering->families[i] = answering->families[i] == FAMILY_ANSWERED;
}

/* ---- items ---- */

bool rollup_reserve_items(struct answering *answering, uint32_t more)
{
    uint32_t capacity = answering->item_capacity * 2;
    struct rollup_item *grown;

    if (more <= answering->item_capacity - answering->item_count)
        return true;
    if (capacity < answering->item_count + more)
        capacity = answering->item_count + more;
    grown = arena_take(&answering->plan->arena, sizeof(*grown), _Alignof(struct rollup_item),
                       capacity);
    if (grown == NULL)
        return false;
    if (answering->item_count > 0)
        memcpy(grown, answering->items, answering->item_count * sizeof(*grown));
    answering->items = grown;
    answering->item_capacity = capacity;
    return true;
}

bool rollup_add_item(struct answering *answering, const struct rollup_item *item)
{
    if (answering->item_count == answering->item_capacity &&
        !rollup_reserve_items(answering, ITEMS_MIN))
        return false;
    answering->items[answering->item_count++] = *item;
    return true;
}

static struct rollup_item item_of(const struct answering *answering, uint32_t origin,
                                  uint32_t format, uint32_t level)
{
    const struct segment *segment = answering->plan->segment;

    return (struct rollup_item){.source = &segment->sources[origin].info.source,
                                .format = segment->formats[format],
                                .level = level};
}

/* Rows by what the wish asks for. Groups of time count from the one of the segment's first step. */
static bool tally_rows(struct answering *answering, int64_t first_group,
                       struct rollup_tally *tally)
{
    const struct rollup_wish *wish = answering->wish;
    const struct rollup_counts *counts = answering->counts;

    for (uint32_t i = 0; i < counts->unit_count; i++) {
        const struct rollup_unit *unit = &counts->units[i];
        uint64_t key = (wish->by_origin ? (uint64_t)unit->origin << 36 : 0) |
                       (wish->by_format ? (uint64_t)unit->format << 20 : 0) |
                       (wish->by_level ? (uint64_t)unit->level << 16 : 0);

        if (!answering->families[unit->family] || answering->verdicts[i] != VERDICT_ALL)
            continue;
        for (uint32_t k = unit->first_cell; k < unit->first_cell + unit->cell_count; k++) {
            int64_t begin_ns;
            uint64_t group = 0;

            if (!in_range(answering->answer, counts->first_slot + counts->cells[k].slot,
                          ROLLUP_COUNT_NS, &begin_ns))
                continue;
            if (wish->by_time)
                group = (uint64_t)(group_of(wish, begin_ns) - first_group);
            if (group >= ROLLUP_SLOTS_MAX)
                return false;
            rollup_tally_add(tally, key | group, counts->cells[k].rows);
            answering->answer->row_count += counts->cells[k].rows;
        }
    }
    return !tally->full;
}

static bool add_rows(struct answering *answering)
{
    const struct rollup_wish *wish = answering->wish;
    struct rollup_tally tally = {0};
    int64_t first_group = 0, begin_ns;
    bool fine;

    if (wish->by_time) {
        (void)in_range(answering->answer, answering->counts->first_slot, ROLLUP_COUNT_NS,
                       &begin_ns);
        first_group = group_of(wish, begin_ns);
    }
    fine = tally_rows(answering, first_group, &tally);
    for (uint32_t i = 0; i < tally.count && fine; i++) {
        uint64_t key = tally.keys[i];
        struct rollup_item item;

        item = item_of(answering, (uint32_t)(key >> 36), (uint32_t)(key >> 20) & 0xffff,
                       (uint32_t)(key >> 16) & 15);
        item.rows = tally.sums[i];
        if (wish->by_time)
            item.time_ns = group_begin(wish, first_group + (int64_t)(key & 0xffff));
        fine = rollup_add_item(answering, &item);
    }
    rollup_tally_release(&tally);
    return fine;
}

/* The first unit of an origin among the families of a bunch, which begins at place `first` of the list:
 * others of them agree. */
static const struct rollup_unit *unit_of(const struct answering *answering,
                                         const struct rollup_values *values, uint32_t first,
                                         const struct rollup_value *cell)
{
    const struct rollup_counts *counts = answering->counts;

    for (uint32_t k = first; k < values->family_count && values->leaders[k] == cell->family; k++) {
        uint32_t family = values->families[k];

        for (uint32_t i = answering->first_units[family];
             i < counts->unit_count && counts->units[i].family == family; i++)
            if (counts->units[i].origin == cell->origin)
                return &counts->units[i];
    }
    return NULL;
}

static bool add_values(struct answering *answering, uint32_t index)
{
    const struct rollup_wish *wish = answering->wish;
    const struct rollup_values *values = answering->values[index];
    const struct segment *segment = answering->plan->segment;
    uint32_t place = 0;

    for (uint32_t i = 0; values != NULL && i < values->cell_count; i++) {
        const struct rollup_value *cell = &values->cells[i];
        const struct segment_family *family = &segment->families[cell->family];
        const struct rollup_unit *unit;
        struct rollup_item item;
        uint32_t field;
        int64_t begin_ns;

        while (place < values->family_count && values->leaders[place] != cell->family)
            place++; /* bunches and their cells are in one order */
        if (!answering->families[cell->family] ||
            !in_range(answering->answer, values->first_slot + cell->slot, ROLLUP_VALUE_NS,
                      &begin_ns))
            continue;
        unit = unit_of(answering, values, place, cell);
        field = segment_find_field(family, wish->values[index]);
        if (unit == NULL || field == UINT32_MAX)
            return false; /* the pages do not agree */
        if (answering->verdicts[unit - answering->counts->units] != VERDICT_ALL)
            continue;
        item = item_of(answering, cell->origin, family->format, unit->level);
        item.value = cell;
        item.buckets = values->buckets + cell->first_bucket;
        item.field = wish->values[index];
        item.type = family->fields[field].type;
        if (wish->by_time)
            item.time_ns = group_begin(wish, group_of(wish, begin_ns));
        if (!rollup_add_item(answering, &item))
            return false;
    }
    return true;
}

/* ---- all ---- */

static enum status load(struct answering *answering, struct error *err)
{
    struct segment_plan *plan = answering->plan;
    enum status status =
        segment_rollup_counts(plan->segment, &plan->arena, &answering->counts, err);

    if (answering->wish->by_tenant)
        return status;
    for (uint32_t i = 0; i < answering->wish->value_count && status == STATUS_OK; i++)
        status = segment_rollup_values(plan->segment, answering->wish->values[i], &plan->arena,
                                       &answering->values[i], err);
    return status;
}

static enum status allocate(struct answering *answering, struct error *err)
{
    struct arena *arena = &answering->plan->arena;
    uint32_t families = answering->plan->segment->family_count;
    uint32_t units = answering->counts->unit_count;

    answering->verdicts = arena_new(arena, uint8_t, (size_t)units + 1);
    answering->families = arena_new(arena, uint8_t, (size_t)families + 1);
    answering->lacking = arena_new(arena, uint8_t, (size_t)families + 1);
    answering->first_units = arena_new(arena, uint32_t, (size_t)families + 1);
    answering->seen = arena_new(arena, struct rollup_seen,
                                (size_t)answering->plan->segment->source_count + 1);
    if (arena->failed)
        return no_memory(err);
    for (uint32_t i = 0; i < families; i++)
        answering->first_units[i] = units;
    for (uint32_t i = units; i > 0; i--) {
        const struct rollup_unit *unit = &answering->counts->units[i - 1];

        answering->first_units[unit->family] = i - 1;
        answering->verdicts[i - 1] = (uint8_t)segment_plan_unit_verdict(answering->plan, unit);
    }
    return STATUS_OK;
}

static const struct rollup_counts no_counts;

enum status rollup_answer_make(struct segment_plan *plan, const struct rollup_wish *wish,
                               struct error *err)
{
    struct answering answering = {.plan = plan, .wish = wish};
    struct rollup_answer *answer;
    enum status status;
    bool fine;

    if (plan->samples)
        return sample_answer_make(plan, wish, err);
    answering.answer = answer = arena_new(&plan->arena, struct rollup_answer, 1);
    if (answer == NULL)
        return no_memory(err);
    if (!find_range(&answering))
        return STATUS_OK;
    status = load(&answering, err);
    if (status == STATUS_CORRUPT) /* the rows are looked at instead */
        return STATUS_OK;
    if (answering.counts == NULL && wish->by_tenant)
        answering.counts = &no_counts; /* sums do without, where the filter is settled by family */
    if (status == STATUS_OK && answering.counts != NULL)
        status = allocate(&answering, err);
    if (status != STATUS_OK || answering.counts == NULL)
        return status;
    if (wish->by_tenant) {
        status = rollup_answer_sums(&answering, &fine, err);
        if (status != STATUS_OK)
            return status;
    } else {
        settle_families(&answering);
        fine = add_rows(&answering);
        for (uint32_t i = 0; i < wish->value_count && fine; i++)
            fine = add_values(&answering, i);
    }
    if (!fine)
        return plan->arena.failed ? no_memory(err) : STATUS_OK;
    answer->items = answering.items;
    answer->item_count = answering.item_count;
    answer->families = answering.families;
    plan->answer = answer;
    return STATUS_OK;
}
