/* store/segment_check.c -- the check at seal: every row is read back through the ordinary reader and
 * compared with what was to be stored (STORE.md section 7). */
#include "store/segment_check.h"

#include "store/segment_block.h"

#include <inttypes.h>
#include <stdlib.h>

/* Fields are checked on a sample of rows: they are cut from bytes that were just compared. */
enum { FIELD_CHECK_STEP = 64 };

struct check {
    struct segment *segment;
    const struct segment_content *content;
    const struct shaped_rows *rows;
    uint8_t *seen; /* per row of the content: was it read back */
    uint32_t *next; /* per family: rows that were read back */
    struct buf line;
    struct error *err;
};

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

/* Sources are compared by their place in the content. */
static uint32_t no_source(void *user, const struct event_source *source)
{
    (void)user;
    (void)source;
    return 0;
}

static enum status differs(const struct check *check, const char *what)
{
    return error_set(check->err, STATUS_CORRUPT, "a row reads back with another %s", what);
}

struct arrays {
    const int64_t *times, *orders, *levels, *flags;
    const uint64_t *sequences;
    const uint32_t *sources;
};

static enum status load(struct segment_block *block, struct arrays *out, struct error *err)
{
    enum status status = segment_block_page(block, PAGE_TIME, &out->times, err);

    if (status == STATUS_OK)
        status = segment_block_page(block, PAGE_ORDER, &out->orders, err);
    if (status == STATUS_OK)
        status = segment_block_page(block, PAGE_LEVEL, &out->levels, err);
    if (status == STATUS_OK)
        status = segment_block_page(block, PAGE_FLAGS, &out->flags, err);
    if (status == STATUS_OK)
        status = segment_block_sources(block, &out->sources, err);
    out->sequences = block_sequences(&block->base, err);
    return status == STATUS_OK && out->sequences == NULL ? err->status : status;
}

static enum status check_row(struct check *check, struct segment_block *block, uint32_t section,
                             const struct arrays *arrays, uint32_t at,
                             const struct segment_row *row)
{
    const struct event *event = row->event;

    buf_reset(&check->line);
    if (!segment_append_line(block, section, at, &check->line))
        return error_set(check->err, STATUS_NO_MEMORY, "no memory to check a segment");
    if (!slice_equal(buf_slice(&check->line), event->bytes))
        return differs(check, "text");
    if (arrays->times[at] != event->time_ns || arrays->orders[at] != row->order_time_ns)
        return differs(check, "time");
    if (arrays->sequences[at] != row->sequence || arrays->sources[at] != event->source)
        return differs(check, "position");
    if (arrays->levels[at] != event->level || arrays->flags[at] != event->flags)
        return differs(check, "level or flags");
    return STATUS_OK;
}

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

static bool is_first_place(const struct event_field *fields, uint32_t at)
{
    for (uint32_t i = 0; i < at; i++)
        if (fields[i].field == fields[at].field)
            return false;
    return true;
}

static enum status check_fields(struct check *check, struct segment_block *block, uint32_t at,
                                const struct segment_row *row)
{
    const struct event *event = row->event;
    struct event_field room[EVENT_FIELDS_MAX];
    const struct event_field *fields = segment_row_fields(check->content, row, room);

    for (uint32_t k = 0; k < event->field_count; k++) {
        const struct event_field *field = &fields[k];
        struct slice text = field->text.data != NULL
                                ? field->text
                                : slice_sub(event->bytes, field->start, field->len);
        struct column column;
        enum status status;

        if (!is_first_place(fields, k))
            continue;
        status = block_column(&block->base, field->field, true, &column, check->err);
        if (status != STATUS_OK)
            return status;
        if (!column_says(&column, at, text))
            return differs(check, "field");
    }
    return STATUS_OK;
}

/* Only every FIELD_CHECK_STEP-th row stays selected, so that columns are made for those alone. */
static enum status check_block_fields(struct check *check, struct segment_block *block,
                                      const uint32_t *rows)
{
    enum status status = STATUS_OK;

    memset(block->base.selected, 0, bit_words(block->base.row_count) * sizeof(uint64_t));
    for (uint32_t i = 0; i < block->base.row_count; i += FIELD_CHECK_STEP)
        bit_set(block->base.selected, i);
    for (uint32_t i = 0; i < block->base.row_count && status == STATUS_OK; i += FIELD_CHECK_STEP)
        status = check_fields(check, block, i, &check->content->rows[rows[i]]);
    return status;
}

enum { PREFETCH_EVENT = 12, PREFETCH_LINE = 6 };

/* Rows of a family lie anywhere in memory. */
static void prefetch(const struct check *check, const uint32_t *order, uint32_t count, uint32_t i)
{
    if (i + PREFETCH_EVENT < count)
        __builtin_prefetch(check->content->rows[order[i + PREFETCH_EVENT]].event);
    if (i + PREFETCH_LINE < count && check->rows->bytes != NULL)
        for (size_t at = 0; at < 256; at += 64)
            __builtin_prefetch(check->rows->bytes[order[i + PREFETCH_LINE]] + at);
}

static enum status check_events(struct check *check, struct segment_block *block)
{
    uint32_t *rows = arena_new(&block->base.arena, uint32_t, (size_t)block->base.row_count + 1);
    struct arrays arrays;
    enum status status = load(block, &arrays, check->err);

    if (status == STATUS_OK && rows == NULL)
        status = error_set(check->err, STATUS_NO_MEMORY, "no memory to check a segment");
    for (uint32_t k = 0; k < block->entry->section_count && status == STATUS_OK; k++) {
        const struct segment_section *section = &block->entry->sections[k];
        const uint64_t *start = &check->rows->family_start[section->family];
        const uint32_t *order;

        if (section->family > check->rows->set.family_count ||
            check->next[section->family] + section->row_count > start[1] - start[0])
            return differs(check, "count of rows");
        status = segment_block_load(block, k, check->err);
        order = check->rows->order + start[0] + check->next[section->family];
        check->next[section->family] += section->row_count;
        for (uint32_t i = 0; i < section->row_count && status == STATUS_OK; i++) {
            uint32_t row = order[i];

            prefetch(check, order, section->row_count, i);
            check->seen[row] = 1;
            rows[section->first_row + i] = row;
            status = check_row(check, block, k, &arrays, section->first_row + i,
                               &check->content->rows[row]);
        }
    }
    return status == STATUS_OK ? check_block_fields(check, block, rows) : status;
}

static enum status check_samples(struct check *check, struct segment_block *block, uint64_t *at)
{
    const uint64_t *sequences = block_sequences(&block->base, check->err);
    const int64_t *times = block_times(&block->base, check->err);
    struct column metric, value;
    enum status status = block_column(&block->base, FIELD_ID_METRIC, true, &metric, check->err);

    if (status == STATUS_OK)
        status = block_column(&block->base, FIELD_ID_VALUE, false, &value, check->err);
    if (status != STATUS_OK || sequences == NULL || times == NULL)
        return check->err->status;
    for (uint32_t i = 0; i < block->base.row_count; i++, ++*at) {
        const struct segment_sample *sample = &check->content->samples[*at];

        if (*at >= check->content->sample_count)
            return differs(check, "count of samples");
        if (times[i] != sample->sample->time_ns || sequences[i] != sample->sequence ||
            memcmp(&value.floats[i], &sample->sample->value, sizeof(double)) != 0 ||
            !column_says(&metric, i, sample->sample->metric))
            return differs(check, "sample");
    }
    return STATUS_OK;
}

static enum status check_blocks(struct check *check)
{
    uint64_t samples = 0;
    enum status status = STATUS_OK;

    for (uint32_t i = 0; i < check->segment->block_count && status == STATUS_OK; i++) {
        struct segment_block *block;

        status = segment_block_new(check->segment, i, &block, check->err);
        if (status != STATUS_OK)
            return status;
        status = block->base.samples ? check_samples(check, block, &samples)
                                     : check_events(check, block);
        block_release(&block->base);
    }
    if (status == STATUS_OK && samples != check->content->sample_count)
        return differs(check, "count of samples");
    for (uint64_t i = 0; i < check->content->row_count && status == STATUS_OK; i++)
        if (!check->seen[i])
            status = differs(check, "count of rows");
    return status;
}

/* Anchors and lengths give the offsets: followed from row to row, without rendering again. */
static enum status check_offsets(const struct check *check)
{
    const struct segment *segment = check->segment;
    uint64_t *expected = calloc(segment->source_count + 1, 3 * sizeof(*expected));
    enum status status = STATUS_OK;

    if (expected == NULL)
        return error_set(check->err, STATUS_NO_MEMORY, "no memory to check a segment");
    for (uint64_t i = 0; i < check->content->row_count && status == STATUS_OK; i++) {
        const struct event *event = check->content->rows[i].event;
        const struct segment_source_entry *source = &segment->sources[event->source];
        uint64_t *offset = &expected[3 * (size_t)event->source], *rank = offset + 1,
                 *anchor = offset + 2;

        if (*anchor < source->anchor_count && source->anchors[*anchor].rank == *rank)
            *offset += source->anchors[(*anchor)++].offset;
        if (*offset != event->offset)
            status = differs(check, "offset");
        *offset += event->bytes.len + source->tail;
        ++*rank;
    }
    free(expected);
    return status;
}

enum status segment_check(struct io *io, const char *path, const struct segment_content *content,
                         const struct shaped_rows *rows, struct error *err)
{
    struct segment_names names = {
        .field = plain_field,
        .field_name = plain_field_name,
        .source = no_source,
        .user = (void *)(uintptr_t)content->names,
    };
    struct error local = {0};
    struct check check = {.content = content,
                          .rows = rows,
                          .line = buf_empty(SEGMENT_PAGE_SIZE_MAX),
                          .err = err == NULL ? &local : err};
    enum status status = segment_open(io, path, &names, &check.segment, check.err);

    if (status != STATUS_OK)
        return status;
    check.seen = calloc(content->row_count + 1, sizeof(*check.seen));
    check.next = calloc(rows->set.family_count + 1, sizeof(*check.next));
    if (check.seen == NULL || check.next == NULL)
        status = error_set(check.err, STATUS_NO_MEMORY, "no memory to check a segment");
    else if (check.segment->source_count != content->source_count)
        status = differs(&check, "count of sources");
    if (status == STATUS_OK)
        status = check_blocks(&check);
    if (status == STATUS_OK)
        status = check_offsets(&check);
    free(check.seen);
    free(check.next);
    buf_release(&check.line);
    segment_close(check.segment);
    return status;
}
