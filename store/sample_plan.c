/* store/sample_plan.c -- the filter of a scan, tried once per series instead of once per sample. */
#include "store/sample_plan.h"

#include "store/predicate_eval.h"

static enum status no_memory(struct error *err)
{
    return error_set(err, STATUS_NO_MEMORY, "no memory to plan a scan of samples");
}

/* ---- one series ---- */

/* The text of a field that a series has one of. False: none, or each sample has its own. */
static bool text_of(const struct segment *segment, const struct segment_series *series,
                    field_id field, struct slice *out)
{
    struct slice name;

    switch (field) {
    case FIELD_ID_METRIC:
        *out = series->metric;
        return true;
    case FIELD_ID_GEO:
    case FIELD_ID_HOST:
    case FIELD_ID_ROLE:
    case FIELD_ID_SOURCE:
        *out = event_source_text(&segment->sources[series->source].info.source, field);
        return true;
    default:
        break;
    }
    name = segment->names->field_name(segment->names->user, field);
    for (uint32_t i = 0; i < series->label_count; i++)
        if (slice_equal(series->labels[i].name, name)) {
            *out = series->labels[i].value;
            return true;
        }
    return false;
}

static enum node_verdict leaf(const struct segment *segment, const struct segment_series *series,
                              const struct predicate *predicate)
{
    struct slice text;

    switch (predicate->kind) {
    case PRED_ALL:
        return VERDICT_ALL;
    case PRED_NONE:
        return VERDICT_NONE;
    case PRED_TEXT:
    case PRED_IN:
    case PRED_EXISTS:
    case PRED_LENGTH:
    case PRED_SEQUENCE:
    case PRED_CALL:
        break;
    default:
        return VERDICT_SOME;
    }
    if (predicate->field < FIELD_ID_FIRST_SPAN && predicate->field != FIELD_ID_METRIC &&
        !segment_tests_source(predicate))
        return VERDICT_SOME;
    if (!text_of(segment, series, predicate->field, &text))
        return VERDICT_NONE;
    return predicate_match_text(predicate, text) ? VERDICT_ALL : VERDICT_NONE;
}

/* AND: NONE wins over SOME over ALL. OR is the other way round, NOT swaps. */
static enum node_verdict judge(const struct segment *segment, const struct segment_series *series,
                               const struct predicate *predicate)
{
    bool either = predicate->kind == PRED_OR;
    enum node_verdict verdict = either ? VERDICT_NONE : VERDICT_ALL;

    if (predicate->kind == PRED_NOT)
        return VERDICT_ALL - judge(segment, series, predicate->children[0]);
    if (predicate->kind != PRED_AND && !either)
        return leaf(segment, series, predicate);
    for (uint32_t i = 0; i < predicate->child_count; i++) {
        enum node_verdict child = judge(segment, series, predicate->children[i]);

        if (either ? child > verdict : child < verdict)
            verdict = child;
    }
    return verdict;
}

enum status sample_plan_make(struct segment_plan *plan, bool *any, struct error *err)
{
    const struct segment *segment = plan->segment;
    uint8_t *verdicts = arena_new(&plan->arena, uint8_t, (size_t)segment->series_count + 1);

    *any = false;
    if (verdicts == NULL)
        return no_memory(err);
    for (uint32_t i = 0; i < segment->series_count; i++) {
        verdicts[i] = plan->filter == NULL
                          ? (uint8_t)VERDICT_ALL
                          : (uint8_t)judge(segment, &segment->series[i], plan->filter);
        *any = *any || verdicts[i] != VERDICT_NONE;
    }
    plan->series = verdicts;
    return STATUS_OK;
}

/* ---- blocks ---- */

/* The series that a block has samples of: [*first, *end). False: not known. */
static bool series_of_block(const struct segment *segment, uint32_t index, uint32_t *first,
                            uint32_t *end)
{
    const struct segment_block_entry *block = &segment->blocks[index];

    if (!segment_counts_samples(segment))
        return false;
    *first = segment_series_of(segment, block->first_sample);
    *end = segment_series_of(segment, block->first_sample + block->row_count - 1) + 1;
    return true;
}

static bool covers(const struct rollup_answer *answer, const struct segment_block_entry *block)
{
    return answer != NULL && block->time_min_ns >= answer->time_min_ns &&
           block->time_max_ns < answer->time_max_ns;
}

bool sample_block_is_out(const struct segment_plan *plan, uint32_t index)
{
    bool covered = covers(plan->answer, &plan->segment->blocks[index]);
    uint32_t first, end;

    if (plan->series == NULL || !series_of_block(plan->segment, index, &first, &end))
        return false;
    for (uint32_t i = first; i < end; i++)
        if (plan->series[i] != VERDICT_NONE && !(covered && plan->answer->families[i]))
            return false;
    return true;
}

/* Does every sample of the block pass, by its series, and is none answered? */
static bool all_pass(const struct segment_block *block, const struct segment_plan *plan)
{
    uint32_t first, end;

    if (plan->answer != NULL ||
        !series_of_block(block->segment, (uint32_t)(block->entry - block->segment->blocks), &first,
                         &end))
        return plan->answer == NULL && plan->filter == NULL;
    for (uint32_t i = first; i < end; i++)
        if (plan->series[i] != VERDICT_ALL)
            return false;
    return true;
}

/* *open: some that are left need a look at themselves. */
static enum status drop_series(struct segment_block *block, const struct segment_plan *plan,
                               bool *open, struct error *err)
{
    const struct rollup_answer *answer = plan->answer;
    const int64_t *series, *times = block_times(&block->base, err);
    enum status status = segment_block_page(block, PAGE_LEVEL, &series, err);

    *open = false;
    if (times == NULL)
        return err->status;
    for (uint32_t row = 0; row < block->base.row_count && status == STATUS_OK; row++) {
        uint64_t number = (uint64_t)series[row];

        if (number >= block->segment->series_count)
            return segment_corrupt(block->segment, "number of a series", err);
        if (plan->series[number] == VERDICT_NONE ||
            (answer != NULL && answer->families[number] && times[row] >= answer->time_min_ns &&
             times[row] < answer->time_max_ns))
            bit_clear(block->base.selected, row);
        else
            *open = *open || plan->series[number] == VERDICT_SOME;
    }
    return status;
}

enum status sample_filter(struct segment_block *block, const struct segment_plan *plan,
                          struct error *err)
{
    uint64_t *selected = block->base.selected, *rows;
    size_t size = bit_words(block->base.row_count) * sizeof(*rows);
    bool open;
    enum status status;

    if (all_pass(block, plan))
        return STATUS_OK;
    status = drop_series(block, plan, &open, err);
    if (status == STATUS_OK && open) {
        rows = arena_new(&block->base.arena, uint64_t, bit_words(block->base.row_count) + 1);
        if (rows == NULL)
            return no_memory(err);
        memcpy(rows, selected, size); /* columns are made for the rows that are selected */
        status = predicate_eval(plan->filter, &block->base, rows, err);
        memcpy(selected, rows, size);
    }
    block->base.selected_count = bits_count(selected, block->base.row_count);
    return status;
}
