/* store/head_block.c -- blocks over rows that are still in the head: a list of (chunk, row), from
 * which columns are gathered when somebody asks. */
#include "store/head_block.h"

#include "store/column_build.h"
#include "store/pattern.h"

#include <stdlib.h>

struct row_ref {
    const struct chunk *chunk;
    uint32_t row;
};

struct head_block {
    struct block base;
    const struct chunk_tables *tables;
    struct row_ref *refs;
    struct slice format; /* of all rows; empty for samples */
    /* Made on first use. */
    struct row_sources sources;
    struct row_series series;
    field_id *fields;
    uint32_t field_count;
};

static struct head_block *of(struct block *block)
{
    return (struct head_block *)block;
}

static enum status no_memory(struct error *err)
{
    return error_set(err, STATUS_NO_MEMORY, "a block of new rows needs too much memory");
}

static inline struct chunk_row event_row(const struct row_ref *ref)
{
    return chunk_row_at(ref->chunk, ref->row);
}

static struct slice text_of(const struct row_ref *ref)
{
    struct chunk_row row = event_row(ref);

    return chunk_row_text(ref->chunk, &row);
}

static const struct chunk_sample *sample_row(const struct row_ref *ref)
{
    return &ref->chunk->samples[ref->row];
}

static uint64_t sequence_of(const struct block *block, const struct row_ref *ref)
{
    return block->samples ? ref->chunk->first_sequence + ref->chunk->row_count + ref->row
                          : chunk_row_sequence(ref->chunk, ref->row);
}

static uint32_t source_number_of(const struct block *block, const struct row_ref *ref)
{
    uint32_t own = block->samples ? sample_row(ref)->source : event_row(ref).source;

    return ref->chunk->source_numbers[own];
}

/* Value of one row in an array, as 64 bits. */
static uint64_t array_value(const struct block *block, const struct row_ref *ref,
                            enum block_array which)
{
    switch (which) {
    case BLOCK_TIMES:
        return (uint64_t)(block->samples ? sample_row(ref)->time_ns : event_row(ref).time_ns);
    case BLOCK_ORDER_TIMES:
        return (uint64_t)(block->samples ? sample_row(ref)->time_ns : event_row(ref).order_ns);
    case BLOCK_SOURCE_NUMBERS:
        return source_number_of(block, ref);
    case BLOCK_SEQUENCES:
        return sequence_of(block, ref);
    case BLOCK_OFFSETS:
        return block->samples ? 0 : event_row(ref).offset;
    case BLOCK_FLAGS:
        return block->samples ? 0 : event_row(ref).flags;
    case BLOCK_ARRAY_COUNT:
        break;
    }
    return 0;
}

static const size_t array_sizes[BLOCK_ARRAY_COUNT] = {
    [BLOCK_TIMES] = sizeof(int64_t),           [BLOCK_ORDER_TIMES] = sizeof(int64_t),
    [BLOCK_SOURCE_NUMBERS] = sizeof(uint32_t), [BLOCK_SEQUENCES] = sizeof(uint64_t),
    [BLOCK_OFFSETS] = sizeof(uint64_t),        [BLOCK_FLAGS] = sizeof(uint8_t),
};

static const void *head_array(struct block *block, enum block_array which, struct error *err)
{
    struct head_block *head = of(block);
    size_t size = array_sizes[which];
    char *values = arena_alloc(&block->arena, size, size, (size_t)block->row_count + 1);

    if (values == NULL) {
        (void)no_memory(err);
        return NULL;
    }
    for (uint32_t row = 0; row < block->row_count; row++) {
        uint64_t value = array_value(block, &head->refs[row], which);

        memcpy(values + row * size, &value, size); /* little-endian: the low bytes */
    }
    return values;
}

static enum status find_sources(struct head_block *head, struct error *err)
{
    const uint32_t *numbers = block_source_numbers(&head->base, err);
    const struct event_source **sources;
    struct distinct_numbers distinct;
    enum status status;

    if (head->sources.sources != NULL)
        return STATUS_OK;
    if (numbers == NULL)
        return STATUS_NO_MEMORY;
    status = distinct_numbers(&head->base.arena, numbers, head->base.row_count, &distinct, err);
    if (status != STATUS_OK)
        return status;
    sources = arena_alloc(&head->base.arena, sizeof(void *), _Alignof(void *),
                          (size_t)distinct.count + 1);
    if (sources == NULL)
        return no_memory(err);
    for (uint32_t i = 0; i < distinct.count; i++)
        sources[i] = source_table_source(head->tables->sources, distinct.numbers[i]);
    head->sources = (struct row_sources){sources, distinct.count, distinct.codes};
    return STATUS_OK;
}

static enum status source_column(struct head_block *head, field_id field, struct column *out,
                                 struct error *err)
{
    enum status status = find_sources(head, err);

    if (status != STATUS_OK)
        return status;
    return column_of_sources(&head->base.arena, field, &head->sources, out, err);
}

static enum status time_column(struct block *block, bool as_text, struct column *out,
                               struct error *err)
{
    const int64_t *times = block_times(block, err);
    struct column numbers = {.kind = COLUMN_INT, .type = FIELD_TIME, .ints = times};

    if (times == NULL)
        return STATUS_NO_MEMORY;
    *out = numbers;
    return as_text
               ? column_of_numbers_text(&block->arena, &numbers, block->row_count, out, err)
               : STATUS_OK;
}

static enum status text_column(struct head_block *head, struct column *out, struct error *err)
{
    uint32_t count = head->base.row_count;
    struct slice *texts = arena_new(&head->base.arena, struct slice, (size_t)count + 1);

    if (texts == NULL)
        return no_memory(err);
    for (uint32_t row = 0; row < count; row++)
        texts[row] = text_of(&head->refs[row]);
    *out = (struct column){.kind = COLUMN_TEXT, .type = FIELD_TEXT, .texts = texts};
    return STATUS_OK;
}

static enum status level_column(struct head_block *head, struct column *out, struct error *err)
{
    uint32_t count = head->base.row_count;
    uint8_t *levels = arena_new(&head->base.arena, uint8_t, (size_t)count + 1);

    if (levels == NULL)
        return no_memory(err);
    for (uint32_t row = 0; row < count; row++)
        levels[row] = event_row(&head->refs[row]).level;
    return column_of_levels(&head->base.arena, levels, count, out, err);
}

static bool chunk_has_field(const struct chunk *chunk, field_id field)
{
    for (uint32_t i = 0; i < chunk->binding_count; i++)
        if (chunk->bindings[i].field == field)
            return true;
    return false;
}

static enum status span_column(struct head_block *head, field_id field, bool as_text,
                               struct column *out, struct error *err)
{
    uint32_t count = head->base.row_count;
    const struct chunk *chunk = NULL;
    struct field_values values;
    bool has = false;
    enum status status = field_values_init(&values, &head->base.arena, count, err);

    if (status != STATUS_OK)
        return status;
    for (uint32_t row = 0; row < count; row++) {
        const struct chunk_binding *binding;
        struct chunk_fields walk;
        struct chunk_row from;
        struct slice text;

        if (row == 0 || head->refs[row].chunk != chunk) {
            chunk = head->refs[row].chunk;
            has = chunk_has_field(chunk, field);
        }
        from = event_row(&head->refs[row]);
        if (!has || !chunk_row_has_field(chunk, &from, field))
            continue;
        chunk_fields_begin(chunk, &from, &walk);
        while (chunk_fields_next(&walk, &binding, &text))
            if (binding->field == field) {
                field_values_set(&values, row, text, binding->type, binding->unit);
                break;
            }
    }
    return column_of_values(&head->base.arena, &values, as_text, out, err);
}

static struct slice name_of(void *user, field_id field)
{
    return name_table_name(user, field);
}

/* The shapes of the rows that are selected now: a line of the head has none yet. */
static enum status pattern_of_rows(struct head_block *head, field_id field, struct column *out,
                                   struct error *err)
{
    struct event_field fields[EVENT_FIELDS_MAX];
    struct pattern_column column;
    enum status status =
        pattern_column_init(&column, &head->base.arena, head->base.row_count, err);

    column.field_name = name_of;
    column.user = head->tables->fields;
    for (uint32_t row = 0; row < head->base.row_count && status == STATUS_OK; row++) {
        struct chunk_row from = event_row(&head->refs[row]);
        struct event event;

        if (!bit_get(head->base.selected, row))
            continue;
        chunk_event(head->refs[row].chunk, &from, fields, &event);
        status = pattern_column_line(&column, row, &event, head->format, err);
    }
    if (status == STATUS_OK)
        status = pattern_column_finish(&column, field, out, err);
    pattern_column_release(&column);
    return status;
}

/* The series of all chunks of the block, one after the other. */
static enum status find_series(struct head_block *head, struct error *err)
{
    uint32_t count = head->base.row_count, total = 0, done = 0, base = 0, *codes;
    const struct chunk *chunk = NULL;
    struct slice *series;

    if (head->series.series != NULL)
        return STATUS_OK;
    for (uint32_t row = 0; row < count; row++)
        if (row == 0 || head->refs[row].chunk != chunk) {
            chunk = head->refs[row].chunk;
            total += chunk->series_count;
        }
    codes = arena_new(&head->base.arena, uint32_t, (size_t)count + 1);
    series = arena_new(&head->base.arena, struct slice, (size_t)total + 1);
    if (series == NULL || codes == NULL)
        return no_memory(err);
    chunk = NULL;
    for (uint32_t row = 0; row < count; row++) {
        if (row == 0 || head->refs[row].chunk != chunk) {
            chunk = head->refs[row].chunk;
            base = done;
            for (uint32_t i = 0; i < chunk->series_count; i++)
                series[done++] = chunk->series[i];
        }
        codes[row] = base + sample_row(&head->refs[row])->series;
    }
    head->series = (struct row_series){series, done, codes, count};
    return STATUS_OK;
}

static enum status value_column(struct head_block *head, bool as_text, struct column *out,
                                struct error *err)
{
    uint32_t count = head->base.row_count;
    double *values = arena_new(&head->base.arena, double, (size_t)count + 1);
    struct column numbers = {.kind = COLUMN_FLOAT, .type = FIELD_FLOAT, .floats = values};

    if (values == NULL)
        return no_memory(err);
    for (uint32_t row = 0; row < count; row++)
        values[row] = sample_row(&head->refs[row])->value;
    *out = numbers;
    return as_text ? column_of_numbers_text(&head->base.arena, &numbers, count, out, err)
                   : STATUS_OK;
}

static enum status sample_column(struct head_block *head, field_id field, bool as_text,
                                 struct column *out, struct error *err)
{
    struct slice label = {NULL, 0};
    enum status status;

    if (field == FIELD_ID_VALUE)
        return value_column(head, as_text, out, err);
    *out = (struct column){.kind = COLUMN_MISSING};
    if (field == FIELD_ID_MSG || field == FIELD_ID_LEVEL || field == FIELD_ID_FORMAT ||
        field == FIELD_ID_TEMPLATE || field == FIELD_ID_PATTERN)
        return STATUS_OK;
    status = find_series(head, err);
    if (status != STATUS_OK)
        return status;
    if (field != FIELD_ID_METRIC)
        label = name_table_name(head->tables->fields, field);
    return column_of_series(&head->base.arena, label, &head->series, out, err);
}

static enum status head_column(struct block *block, field_id field, bool as_text,
                               struct column *out, struct error *err)
{
    struct head_block *head = of(block);

    switch (field) {
    case FIELD_ID_TIME:
        return time_column(block, as_text, out, err);
    case FIELD_ID_GEO:
    case FIELD_ID_HOST:
    case FIELD_ID_ROLE:
    case FIELD_ID_SOURCE:
        return source_column(head, field, out, err);
    default:
        break;
    }
    if (block->samples)
        return sample_column(head, field, as_text, out, err);
    switch (field) {
    case FIELD_ID_MSG:
        return text_column(head, out, err);
    case FIELD_ID_LEVEL:
        return level_column(head, out, err);
    case FIELD_ID_FORMAT:
        return column_of_constant(&block->arena, head->format, block->row_count, out, err);
    case FIELD_ID_TEMPLATE:
    case FIELD_ID_PATTERN:
        return pattern_of_rows(head, field, out, err);
    default:
        return span_column(head, field, as_text, out, err);
    }
}

/* Add the field unless it is listed; blocks have some dozens of fields. */
static bool list_field(struct head_block *head, field_id field, uint32_t *capacity)
{
    field_id *grown;

    for (uint32_t i = 0; i < head->field_count; i++)
        if (head->fields[i] == field)
            return true;
    if (head->field_count == *capacity) {
        *capacity = *capacity == 0 ? 64 : *capacity * 2;
        grown = arena_new(&head->base.arena, field_id, *capacity);
        if (grown == NULL)
            return false;
        if (head->field_count > 0)
            memcpy(grown, head->fields, head->field_count * sizeof(*grown));
        head->fields = grown;
    }
    head->fields[head->field_count++] = field;
    return true;
}

static bool list_labels(struct head_block *head, uint32_t *capacity)
{
    struct error err = {0};

    if (find_series(head, &err) != STATUS_OK)
        return false;
    for (uint32_t i = 0; i < head->series.series_count; i++) {
        struct slice rest = head->series.series[i], metric;
        struct label label;
        uint32_t count;

        if (!series_take(&rest, &metric, &count))
            continue;
        for (uint32_t k = 0; k < count && label_take(&rest, &label); k++) {
            field_id field = name_table_get(head->tables->fields, label.name);

            if (field != NAME_TABLE_NONE && !list_field(head, field, capacity))
                return false;
        }
    }
    return true;
}

static const field_id event_fields[] = {FIELD_ID_TIME, FIELD_ID_MSG,    FIELD_ID_GEO,
                                        FIELD_ID_HOST, FIELD_ID_ROLE,   FIELD_ID_SOURCE,
                                        FIELD_ID_FORMAT, FIELD_ID_LEVEL};
static const field_id sample_fields[] = {FIELD_ID_TIME, FIELD_ID_GEO,    FIELD_ID_HOST,
                                         FIELD_ID_ROLE, FIELD_ID_SOURCE, FIELD_ID_METRIC,
                                         FIELD_ID_VALUE};

static const field_id *head_fields(struct block *block, uint32_t *count)
{
    struct head_block *head = of(block);
    const field_id *first = block->samples ? sample_fields : event_fields;
    size_t first_count = block->samples ? COUNT_OF(sample_fields) : COUNT_OF(event_fields);
    const struct chunk *chunk = NULL;
    uint32_t capacity = 0;
    bool fine = true;

    if (head->fields == NULL) {
        for (size_t i = 0; i < first_count && fine; i++)
            fine = list_field(head, first[i], &capacity);
        if (block->samples)
            fine = fine && list_labels(head, &capacity);
        for (uint32_t row = 0; row < block->row_count && !block->samples && fine; row++) {
            if (row > 0 && head->refs[row].chunk == chunk)
                continue;
            chunk = head->refs[row].chunk;
            for (uint32_t i = 0; i < chunk->binding_count && fine; i++)
                fine = list_field(head, chunk->bindings[i].field, &capacity);
        }
    }
    *count = head->field_count;
    return head->fields;
}

static enum status head_render(struct block *block, uint32_t row, struct buf *out,
                               struct error *err)
{
    struct head_block *head = of(block);

    if (block->samples)
        return STATUS_OK; /* a sample has no bytes */
    (void)buf_append_slice(out, text_of(&head->refs[row]));
    return buf_check(out, "a rendered line", err);
}

static void head_release(struct block *block)
{
    free(of(block)->refs);
    free(block);
}

static const struct block_ops head_block_ops = {
    .array = head_array,
    .column = head_column,
    .fields = head_fields,
    .render = head_render,
    .release = head_release,
};

static uint32_t part_rows(const struct head_part *part, bool samples)
{
    if (samples)
        return part->chunk->sample_count;
    return part->source == PART_ALL_SOURCES ? part->chunk->formats[part->format].row_count
                                            : part->chunk->open_count;
}

static inline bool is_of_part(const struct chunk *chunk, uint32_t row,
                              const struct head_part *part, bool open)
{
    struct chunk_row at = chunk_row_at(chunk, row);

    return at.format == part->format && (!open || at.source == part->source);
}

static uint32_t collect_part(const struct head_part *part, bool samples, struct row_ref *out)
{
    const struct chunk *chunk = part->chunk;
    bool open = !samples && part->source != PART_ALL_SOURCES;
    uint32_t first = open ? chunk->row_count : 0, count = 0;
    uint32_t end = samples ? chunk->sample_count
                           : open ? chunk->row_count + chunk->open_count : chunk->row_count;

    for (uint32_t row = first; row < end; row++)
        if (samples || is_of_part(chunk, row, part, open))
            out[count++] = (struct row_ref){chunk, row};
    return count;
}

static void find_bounds(struct head_block *head)
{
    struct block *block = &head->base;

    block->time_min_ns = block->order_min_ns = INT64_MAX;
    block->time_max_ns = block->order_max_ns = INT64_MIN;
    for (uint32_t row = 0; row < block->row_count; row++) {
        int64_t time = (int64_t)array_value(block, &head->refs[row], BLOCK_TIMES);
        int64_t order = (int64_t)array_value(block, &head->refs[row], BLOCK_ORDER_TIMES);

        block->time_min_ns = time < block->time_min_ns ? time : block->time_min_ns;
        block->time_max_ns = time > block->time_max_ns ? time : block->time_max_ns;
        block->order_min_ns = order < block->order_min_ns ? order : block->order_min_ns;
        block->order_max_ns = order > block->order_max_ns ? order : block->order_max_ns;
    }
}

static enum status select_rows(struct head_block *head, uint64_t after_sequence, struct error *err)
{
    struct block *block = &head->base;

    block->selected = arena_new(&block->arena, uint64_t, bit_words(block->row_count) + 1);
    if (block->selected == NULL)
        return no_memory(err);
    bits_fill(block->selected, block->row_count);
    for (uint32_t row = 0; row < block->row_count && after_sequence > 0; row++)
        if (sequence_of(block, &head->refs[row]) <= after_sequence)
            bit_clear(block->selected, row);
    block->selected_count = bits_count(block->selected, block->row_count);
    return STATUS_OK;
}

enum status head_block_new(const struct head_block_options *options, struct block **out,
                           struct error *err)
{
    struct head_block *head = calloc(1, sizeof(*head));
    size_t total = 0;
    enum status status;

    if (head == NULL)
        return no_memory(err);
    head->base.ops = &head_block_ops;
    head->base.arena = arena_empty(BLOCK_ARENA_SIZE_MAX);
    head->base.samples = options->samples;
    head->tables = options->tables;
    for (uint32_t i = 0; i < options->part_count; i++)
        total += part_rows(&options->parts[i], options->samples);
    head->refs = malloc((total + 1) * sizeof(*head->refs));
    if (head->refs == NULL) {
        free(head);
        return no_memory(err);
    }
    for (uint32_t i = 0; i < options->part_count; i++)
        head->base.row_count += collect_part(&options->parts[i], options->samples,
                                             head->refs + head->base.row_count);
    if (!options->samples && options->part_count > 0) {
        const struct head_part *part = &options->parts[0];

        head->format = name_table_name(options->tables->formats,
                                       part->chunk->formats[part->format].number);
    }
    find_bounds(head);
    status = select_rows(head, options->after_sequence, err);
    if (status == STATUS_OK)
        *out = &head->base;
    else
        block_release(&head->base);
    return status;
}
