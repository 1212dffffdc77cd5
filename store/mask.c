/* store/mask.c -- masked rows are found with the same evaluator as those of a query. */
#include "store/mask.h"

#include "store/predicate_eval.h"

/* By times and sequences alone: can a row of these bounds be masked? */
static bool may_hit(const struct mask *mask, int64_t time_min_ns, int64_t time_max_ns,
                    uint64_t sequence_min)
{
    return time_max_ns >= mask->time_min_ns && time_min_ns < mask->time_max_ns &&
           sequence_min <= mask->sequence_max;
}

static enum status keep_times(const struct mask *mask, struct block *block, uint64_t *rows,
                              struct error *err)
{
    const int64_t *times;

    if (block->time_min_ns >= mask->time_min_ns && block->time_max_ns < mask->time_max_ns)
        return STATUS_OK;
    times = block_times(block, err);
    if (times == NULL)
        return err->status;
    for (uint32_t row = 0; row < block->row_count; row++)
        if (times[row] < mask->time_min_ns || times[row] >= mask->time_max_ns)
            bit_clear(rows, row);
    return STATUS_OK;
}

static enum status keep_sequences(const struct mask *mask, struct block *block, uint64_t *rows,
                                  struct error *err)
{
    const uint64_t *sequences;

    if (mask->sequence_max == UINT64_MAX)
        return STATUS_OK;
    sequences = block_sequences(block, err);
    if (sequences == NULL)
        return err->status;
    for (uint32_t row = 0; row < block->row_count; row++)
        if (sequences[row] > mask->sequence_max)
            bit_clear(rows, row);
    return STATUS_OK;
}

static enum status apply(const struct mask *mask, struct block *block, uint64_t *rows,
                         struct error *err)
{
    size_t words = bit_words(block->row_count);
    enum status status;

    memcpy(rows, block->selected, words * sizeof(*rows));
    status = keep_times(mask, block, rows, err);
    if (status == STATUS_OK)
        status = keep_sequences(mask, block, rows, err);
    if (status == STATUS_OK)
        status = predicate_eval(mask->filter, block, rows, err);
    for (size_t i = 0; i < words && status == STATUS_OK; i++)
        block->selected[i] &= ~rows[i];
    return status;
}

enum status masks_apply(const struct mask *masks, uint32_t count, struct block *block,
                        struct error *err)
{
    uint64_t *rows = NULL;
    struct error local = {0};
    enum status status = STATUS_OK;

    if (err == NULL)
        err = &local;
    for (uint32_t i = 0; i < count && status == STATUS_OK; i++) {
        if (!may_hit(&masks[i], block->time_min_ns, block->time_max_ns, 0))
            continue;
        if (rows == NULL)
            rows = arena_new(&block->arena, uint64_t, bit_words(block->row_count) + 1);
        status = rows == NULL ? error_set(err, STATUS_NO_MEMORY, "no memory to mask rows")
                              : apply(&masks[i], block, rows, err);
    }
    if (rows != NULL)
        block->selected_count = bits_count(block->selected, block->row_count);
    return status;
}

static bool plan_may_match(struct segment *segment, const struct mask *mask, bool samples)
{
    struct scan_options options = {.time_min_ns = mask->time_min_ns,
                                   .time_max_ns = mask->time_max_ns,
                                   .filter = mask->filter,
                                   .table = samples ? SCAN_SAMPLES : SCAN_EVENTS};
    struct segment_plan *plan;
    struct error err = {0};
    enum status status = segment_plan_make(segment, &options, &plan, &err);

    if (status == STATUS_OK)
        segment_plan_free(plan);
    return status != STATUS_END;
}

uint32_t masks_of_segment(const struct mask *masks, uint32_t count, struct segment *segment,
                          struct mask *out)
{
    const struct segment_summary *summary = segment_summary_of(segment);
    uint32_t kept = 0;

    for (uint32_t i = 0; i < count; i++)
        if (may_hit(&masks[i], summary->time_min_ns, summary->time_max_ns,
                    summary->sequence_min) &&
            ((summary->rows > 0 && plan_may_match(segment, &masks[i], false)) ||
             (summary->samples > 0 && plan_may_match(segment, &masks[i], true))))
            out[kept++] = masks[i];
    return kept;
}
