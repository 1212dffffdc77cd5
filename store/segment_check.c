/* store/segment_check.c -- the check at seal: every row is read back through the ordinary reader and
 * compared with what was to be stored (STORE.md section 7). */
#include "store/segment_check.h"

#include "store/block_impl.h"

#include <inttypes.h>
#include <stdlib.h>

static field_id plain_field(void *user, struct slice name)
{
    const struct segment_names *names = user;

    return names->field(names->user, name);
}

static struct slice plain_field_name(void *user, field_id field)
{
    const struct segment_names *names = user;

    return names->field_name(names->user, field);
}

/* Sources keep the numbers of the content, so that they can be compared. */
static uint32_t count_source(void *user, const struct event_source *source)
{
    (void)user;
    (void)source;
    return 0;
}

static enum status differs(uint64_t row, const char *what, struct error *err)
{
    return error_set(err, STATUS_CORRUPT, "row %" PRIu64 " reads back with another %s", row, what);
}

struct arrays {
    const int64_t *times, *orders;
    const uint64_t *sequences, *offsets;
    const uint8_t *flags;
};

static enum status load(struct block *block, struct arrays *out, struct column *text,
                        struct column *level, struct error *err)
{
    enum status status = block_column(block, FIELD_ID_MSG, true, text, err);

    if (status == STATUS_OK)
        status = block_column(block, FIELD_ID_LEVEL, true, level, err);
    if (status != STATUS_OK)
        return status;
    *out = (struct arrays){block_times(block, err), block_order_times(block, err),
                           block_sequences(block, err), block_offsets(block, err),
                           block_flags(block, err)};
    return out->times == NULL || out->orders == NULL || out->sequences == NULL ||
                   out->offsets == NULL || out->flags == NULL
               ? err->status
               : STATUS_OK;
}

static enum status check_events(struct block *block, const struct segment_row *const *rows,
                                uint64_t first, struct error *err)
{
    struct arrays got;
    struct column text, level;
    enum status status = load(block, &got, &text, &level, err);

    if (status != STATUS_OK)
        return status;
    for (uint32_t i = 0; i < block_row_count(block); i++) {
        const struct event *event = rows[i]->event;

        if (!slice_equal(text.texts[i], event->bytes))
            return differs(first + i, "text", err);
        if (got.times[i] != event->time_ns || got.orders[i] != rows[i]->order_time_ns)
            return differs(first + i, "time", err);
        if (got.sequences[i] != rows[i]->sequence || got.offsets[i] != event->offset)
            return differs(first + i, "position", err);
        if (got.flags[i] != event->flags || level.codes[i] != event->level)
            return differs(first + i, "level or flags", err);
    }
    return STATUS_OK;
}

/* The value of field `at` of the event as the block gives it. */
static bool column_says(const struct column *column, uint32_t row, struct slice text)
{
    switch (column->kind) {
    case COLUMN_DICT:
        return column->codes[row] != COLUMN_NO_CODE &&
               slice_equal(column->dict[column->codes[row]], text);
    case COLUMN_TEXT:
        return (column->present == NULL || bit_get(column->present, row)) &&
               slice_equal(column->texts[row], text);
    default:
        return false;
    }
}

static bool is_first_place(const struct event *event, uint32_t at)
{
    for (uint32_t i = 0; i < at; i++)
        if (event->fields[i].field == event->fields[at].field)
            return false;
    return true;
}

/* Fields are checked on a sample of rows: they are cut from bytes that were just compared. */
enum { FIELD_CHECK_STEP = 16 };

static enum status check_fields(struct block *block, const struct segment_row *const *rows,
                                uint64_t first, struct error *err)
{
    enum status status = STATUS_OK;

    for (uint32_t i = 0; i < block_row_count(block); i += FIELD_CHECK_STEP) {
        const struct event *event = rows[i]->event;

        for (uint32_t k = 0; k < event->field_count && status == STATUS_OK; k++) {
            const struct event_field *field = &event->fields[k];
            struct slice text = field->text.data != NULL
                                    ? field->text
                                    : slice_sub(event->bytes, field->start, field->len);
            struct column column;

            status = block_column(block, field->field, true, &column, err);
            if (status == STATUS_OK && is_first_place(event, k) && !column_says(&column, i, text))
                return differs(first + i, "field", err);
        }
    }
    return status;
}

static enum status check_samples(struct block *block, const struct segment_sample *samples,
                                 uint64_t first, struct error *err)
{
    struct column metric, value;
    const int64_t *times = block_times(block, err);
    const uint64_t *sequences = block_sequences(block, err);
    enum status status = block_column(block, FIELD_ID_METRIC, true, &metric, err);

    if (status == STATUS_OK)
        status = block_column(block, FIELD_ID_VALUE, false, &value, err);
    if (status != STATUS_OK || times == NULL || sequences == NULL)
        return err->status;
    for (uint32_t i = 0; i < block_row_count(block); i++) {
        const struct sample *sample = samples[i].sample;

        if (times[i] != sample->time_ns || sequences[i] != samples[i].sequence ||
            memcmp(&value.floats[i], &sample->value, sizeof(double)) != 0 ||
            !column_says(&metric, i, sample->metric))
            return differs(first + i, "sample", err);
    }
    return STATUS_OK;
}

static enum status check_blocks(struct segment *segment, const struct segment_plan *plan,
                                const struct segment_content *content,
                                const struct segment_row *const *sorted, bool samples,
                                struct error *err)
{
    uint64_t at = 0, total = samples ? content->sample_count : content->row_count;
    struct scan_cost cost = {0};
    enum status status = STATUS_OK;

    for (uint32_t i = 0; i < segment_block_count(segment) && status == STATUS_OK; i++) {
        struct segment_block_info info;
        struct block *block;

        segment_block_info(segment, i, &info);
        if (info.samples != samples)
            continue;
        status = segment_block(segment, plan, i, &cost, &block, err);
        if (status == STATUS_END)
            return differs(at, "time", err);
        if (status != STATUS_OK)
            return status;
        if (block_row_count(block) > total - at)
            status = differs(at, "count of rows", err);
        else if (samples)
            status = check_samples(block, content->samples + at, at, err);
        else
            status = check_events(block, sorted + at, at, err);
        if (status == STATUS_OK && !samples)
            status = check_fields(block, sorted + at, at, err);
        at += block_row_count(block);
        block_release(block);
    }
    return status == STATUS_OK && at != total ? differs(at, "count of rows", err) : status;
}

enum status segment_check(struct io *io, const char *path, const struct segment_content *content,
                          const struct segment_row *const *sorted,
                          const struct hash128 *footer_hash, struct error *err)
{
    struct segment_names names = {
        .field = plain_field,
        .field_name = plain_field_name,
        .source = count_source,
        .user = (void *)(uintptr_t)content->names,
    };
    struct segment *segment;
    enum status status = segment_open(io, path, &names, &segment, err);

    if (status != STATUS_OK)
        return status;
    if (!hash128_equal(segment_summary_of(segment)->footer_hash, *footer_hash))
        status = differs(0, "directory", err);
    for (int samples = 0; samples < 2 && status == STATUS_OK; samples++) {
        struct scan_options options = {.time_min_ns = INT64_MIN,
                                       .time_max_ns = INT64_MAX,
                                       .table = samples ? SCAN_SAMPLES : SCAN_EVENTS};
        struct segment_plan *plan = NULL;

        status = segment_plan_make(segment, &options, &plan, err);
        if (status == STATUS_OK)
            status = check_blocks(segment, plan, content, sorted, samples, err);
        else if (status == STATUS_END)
            status = (samples ? content->sample_count : content->row_count) > 0
                         ? differs(0, "count of rows", err)
                         : STATUS_OK;
        segment_plan_free(plan);
    }
    segment_close(segment);
    return status;
}
