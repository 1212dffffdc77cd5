/* store/sample_answer.c -- items from the cells of samples: for every series that the filter takes or
 * leaves as a whole, one per group of time. */
#include "store/rollup_answering.h"
#include "store/sample_plan.h"

static enum status no_memory(struct error *err)
{
    return error_set(err, STATUS_NO_MEMORY, "no memory for an answer from cells of samples");
}

/* Whole steps in the range of the scan; false: there is none. */
static bool find_range(const struct segment_plan *plan, int64_t step, struct rollup_answer *answer)
{
    const struct segment_summary *summary = &plan->segment->summary;

    answer->time_min_ns = INT64_MIN;
    answer->time_max_ns = INT64_MAX;
    if (plan->time_min_ns > summary->time_min_ns &&
        (__builtin_mul_overflow(rollup_slot(plan->time_min_ns, step), step, &answer->time_min_ns) ||
         (answer->time_min_ns < plan->time_min_ns &&
          __builtin_add_overflow(answer->time_min_ns, step, &answer->time_min_ns))))
        return false;
    if (plan->time_max_ns <= summary->time_max_ns &&
        __builtin_mul_overflow(rollup_slot(plan->time_max_ns, step), step, &answer->time_max_ns))
        return false;
    return answer->time_min_ns < answer->time_max_ns;
}

/* Do whole steps make the groups of time that are wished? */
static bool fits(const struct rollup_wish *wish, int64_t step)
{
    return !wish->by_time || (wish->step_ns % step == 0 && wish->anchor_ns % step == 0);
}

/* Cells of a series that lie in the range, and are all that is asked of it. */
struct cell_range {
    const struct sample_cell *cells;
    uint32_t count;
};

static bool find_cells(const struct rollup_answer *answer, const struct sample_rollups *rollups,
                       uint32_t number, struct cell_range *out)
{
    const struct sample_series *series = &rollups->series[number];

    *out = (struct cell_range){&rollups->cells[series->first_cell], series->cell_count};
    while (out->count > 0 && out->cells[0].sum.first_ns < answer->time_min_ns) {
        out->cells++;
        out->count--;
    }
    while (out->count > 0 && out->cells[out->count - 1].sum.first_ns >= answer->time_max_ns)
        out->count--;
    return series->cell_count > 0;
}

/* Items of one series: *fine is false if their numbers do not fit, and nothing is said then. */
static enum status add_series(struct answering *answering, const struct segment_series *series,
                              const struct cell_range *range, bool *fine, struct error *err)
{
    const struct rollup_wish *wish = answering->wish;
    const struct segment *segment = answering->plan->segment;
    uint32_t before = answering->item_count;
    uint64_t rows = 0;
    struct sample_sum *sum = NULL;
    int64_t group = 0;

    *fine = true;
    for (uint32_t i = 0; i < range->count; i++) {
        const struct sample_sum *cell = &range->cells[i].sum;
        int64_t at = wish->by_time ? group_of(wish, cell->first_ns) : 0;
        struct rollup_item item = {.source = &segment->sources[series->source].info.source,
                                   .metric = series->metric,
                                   .labels = series->labels,
                                   .label_count = series->label_count};

        rows += cell->samples;
        if (sum != NULL && at == group) {
            *fine = sample_sum_append(sum, cell);
            if (!*fine)
                break;
            continue;
        }
        group = at;
        sum = arena_new(&answering->plan->arena, struct sample_sum, 1);
        if (sum == NULL)
            return no_memory(err);
        *sum = *cell;
        item.sum = sum;
        item.time_ns = wish->by_time ? group_begin(wish, at) : 0;
        if (!rollup_add_item(answering, &item))
            return no_memory(err);
    }
    if (*fine)
        answering->answer->row_count += rows;
    else
        answering->item_count = before;
    return STATUS_OK;
}

static bool is_wanted(const struct segment_plan *plan, const struct sample_chunk *chunk)
{
    for (uint32_t i = 0; i < chunk->series_count; i++)
        if (plan->series[chunk->first_series + i] == VERDICT_ALL)
            return true;
    return false;
}

static enum status add_chunk(struct answering *answering, const struct sample_chunk *chunk,
                             const struct sample_rollups *rollups, struct error *err)
{
    const struct segment *segment = answering->plan->segment;
    enum status status = STATUS_OK;

    for (uint32_t i = 0; i < chunk->series_count && status == STATUS_OK; i++) {
        uint32_t number = chunk->first_series + i;
        struct cell_range range;
        bool fine;

        if (answering->plan->series[number] != VERDICT_ALL ||
            !find_cells(answering->answer, rollups, i, &range) ||
            (answering->wish->increase && !rollups->cells[rollups->series[i].first_cell].sum.grows))
            continue;
        status = add_series(answering, &segment->series[number], &range, &fine, err);
        answering->families[number] = fine;
    }
    return status;
}

/* Chunks with series that pass. Damage: the samples of its series are looked at instead. */
static enum status add_all(struct answering *answering, const struct sample_page *page,
                           struct error *err)
{
    struct segment_plan *plan = answering->plan;
    enum status status = STATUS_OK;

    for (uint32_t i = 0; i < page->chunk_count && status == STATUS_OK; i++) {
        struct sample_rollups rollups;

        if (!is_wanted(plan, &page->chunks[i]))
            continue;
        if (sample_page_chunk(page, &page->chunks[i], &plan->arena, &rollups))
            status = add_chunk(answering, &page->chunks[i], &rollups, err);
        else if (plan->arena.failed)
            status = no_memory(err);
    }
    return status;
}

/* How many rows the items stand for: none yet. */
static void finish(struct answering *answering)
{
    struct rollup_answer *answer = answering->answer;

    for (uint32_t i = 0; i < answering->item_count; i++)
        answering->items[i].rows = answering->items[i].sum->samples;
    answer->items = answering->items;
    answer->item_count = answering->item_count;
    answer->families = answering->families;
    answering->plan->answer = answer;
}

enum status sample_answer_make(struct segment_plan *plan, const struct rollup_wish *wish,
                               struct error *err)
{
    struct answering answering = {.plan = plan, .wish = wish};
    const struct sample_page *page;
    enum status status = segment_rollup_samples(plan->segment, &plan->arena, &page, err);

    if (status == STATUS_CORRUPT) /* the samples are looked at instead */
        return STATUS_OK;
    if (status != STATUS_OK || page == NULL || !fits(wish, page->step_ns))
        return status;
    answering.answer = arena_new(&plan->arena, struct rollup_answer, 1);
    answering.families = arena_new(&plan->arena, uint8_t, (size_t)plan->segment->series_count + 1);
    if (plan->arena.failed)
        return no_memory(err);
    if (!find_range(plan, page->step_ns, answering.answer))
        return STATUS_OK;
    status = add_all(&answering, page, err);
    if (status == STATUS_OK)
        finish(&answering);
    return status;
}
