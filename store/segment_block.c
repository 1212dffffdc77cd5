/* store/segment_block.c -- blocks of a segment: pages load when a column is asked for. */
#include "store/segment_format.h"

#include "base/byteorder.h"
#include "store/chunk.h"
#include "store/column_build.h"
#include "store/segment_column.h"
#include "store/value.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct segment_plan {
    int64_t time_min_ns, time_max_ns;
    const struct predicate *filter;
    bool samples;
};

struct stored_block {
    struct block base;
    struct segment *segment;
    uint32_t index;
    const struct segment_block_entry *entry;
    uint64_t bytes_read;
    /* Made on first use. */
    uint64_t *numbers[COLUMN_ID_COUNT];
    struct slice *lines;
    struct field_page series;
    field_id *fields;
    uint32_t field_count;
};

static struct stored_block *of(struct block *block)
{
    return (struct stored_block *)block;
}

static enum status no_memory(struct error *err)
{
    return error_set(err, STATUS_NO_MEMORY, "a block of a segment needs too much memory");
}

static enum status corrupt(const struct stored_block *block, const char *what, struct error *err)
{
    return error_set(err, STATUS_CORRUPT, "segment %s: block %u: bad %s", block->segment->path,
                     block->index, what);
}

static uint32_t find_column(const struct stored_block *block, enum segment_column_id id)
{
    for (uint32_t i = 0; i < block->entry->column_count; i++)
        if (block->entry->columns[i].id == id)
            return i;
    return UINT32_MAX;
}

static enum status load_numbers(struct stored_block *block, enum segment_column_id id,
                                uint64_t **out, struct error *err)
{
    uint32_t count = block->base.row_count, column = find_column(block, id);
    struct slice page;
    uint64_t *numbers;
    enum status status;

    *out = block->numbers[id];
    if (*out != NULL)
        return STATUS_OK;
    if (column == UINT32_MAX)
        return corrupt(block, "list of columns", err);
    status = segment_page_read(block->segment, block->index, column, &block->base.arena, &page,
                               &block->bytes_read, err);
    if (status != STATUS_OK)
        return status;
    numbers = arena_new(&block->base.arena, uint64_t, (size_t)count + 1);
    if (numbers == NULL)
        return no_memory(err);
    status = column_decode_numbers(&block->entry->columns[column], page, count, numbers, err);
    if (status == STATUS_OK)
        *out = block->numbers[id] = numbers;
    return status;
}

/* The original bytes of every row. */
static enum status load_lines(struct stored_block *block, struct error *err)
{
    uint32_t count = block->base.row_count, column = find_column(block, COLUMN_ID_TEXT);
    struct slice text, *lines;
    uint64_t *lengths;
    enum status status;

    if (block->lines != NULL)
        return STATUS_OK;
    if (column == UINT32_MAX)
        return corrupt(block, "list of columns", err);
    status = load_numbers(block, COLUMN_ID_TEXT_LEN, &lengths, err);
    if (status == STATUS_OK)
        status = segment_page_read(block->segment, block->index, column, &block->base.arena, &text,
                                   &block->bytes_read, err);
    if (status != STATUS_OK)
        return status;
    lines = arena_new(&block->base.arena, struct slice, (size_t)count + 1);
    if (lines == NULL)
        return no_memory(err);
    for (uint32_t row = 0; row < count; row++)
        if (!take_bytes(&text, lengths[row], &lines[row]))
            return corrupt(block, "lengths of lines", err);
    if (text.len > 0)
        return corrupt(block, "lengths of lines", err);
    block->lines = lines;
    return STATUS_OK;
}

/* Codes of sources, checked against the segment's table. */
static enum status load_sources(struct stored_block *block, uint64_t **out, struct error *err)
{
    enum status status = load_numbers(block, COLUMN_ID_SOURCE, out, err);

    for (uint32_t row = 0; row < block->base.row_count && status == STATUS_OK; row++)
        if ((*out)[row] >= block->segment->source_count)
            status = corrupt(block, "source", err);
    return status;
}

static enum status fill_array(struct stored_block *block, enum block_array which, void *out,
                              struct error *err)
{
    static const enum segment_column_id ids[BLOCK_ARRAY_COUNT] = {
        [BLOCK_TIMES] = COLUMN_ID_TIME,           [BLOCK_ORDER_TIMES] = COLUMN_ID_ORDER,
        [BLOCK_SOURCE_NUMBERS] = COLUMN_ID_SOURCE, [BLOCK_SEQUENCES] = COLUMN_ID_SEQUENCE,
        [BLOCK_OFFSETS] = COLUMN_ID_OFFSET,       [BLOCK_FLAGS] = COLUMN_ID_FLAGS,
    };
    uint32_t count = block->base.row_count;
    uint64_t *numbers, *times;
    enum status status = which == BLOCK_SOURCE_NUMBERS
                             ? load_sources(block, &numbers, err)
                             : load_numbers(block, ids[which], &numbers, err);

    if (status == STATUS_OK && which == BLOCK_ORDER_TIMES)
        status = load_numbers(block, COLUMN_ID_TIME, &times, err);
    if (status != STATUS_OK)
        return status;
    for (uint32_t row = 0; row < count; row++)
        switch (which) {
        case BLOCK_ORDER_TIMES:
            ((uint64_t *)out)[row] = numbers[row] + times[row];
            break;
        case BLOCK_SOURCE_NUMBERS:
            ((uint32_t *)out)[row] = block->segment->source_numbers[numbers[row]];
            break;
        case BLOCK_FLAGS:
            ((uint8_t *)out)[row] = (uint8_t)numbers[row];
            break;
        default:
            ((uint64_t *)out)[row] = numbers[row];
            break;
        }
    return STATUS_OK;
}

static const void *stored_array(struct block *block, enum block_array which, struct error *err)
{
    void *values = arena_new(&block->arena, uint64_t, (size_t)block->row_count + 1);

    if (values == NULL) {
        (void)no_memory(err);
        return NULL;
    }
    if (block->samples && which == BLOCK_ORDER_TIMES)
        which = BLOCK_TIMES;
    if (block->samples && (which == BLOCK_OFFSETS || which == BLOCK_FLAGS))
        return values; /* zeros */
    return fill_array(of(block), which, values, err) == STATUS_OK ? values : NULL;
}

static enum status source_column(struct stored_block *block, field_id field, struct column *out,
                                 struct error *err)
{
    struct arena *arena = &block->base.arena;
    const struct event_source **sources = arena_alloc(arena, sizeof(void *), _Alignof(void *),
                                                      (size_t)block->segment->source_count + 1);
    uint32_t *codes = arena_new(arena, uint32_t, (size_t)block->base.row_count + 1);
    uint64_t *numbers;
    enum status status = load_sources(block, &numbers, err);

    if (status != STATUS_OK)
        return status;
    if (sources == NULL || codes == NULL)
        return no_memory(err);
    for (uint32_t i = 0; i < block->segment->source_count; i++)
        sources[i] = &block->segment->sources[i].source;
    for (uint32_t row = 0; row < block->base.row_count; row++)
        codes[row] = (uint32_t)numbers[row];
    return column_of_sources(arena, field, sources, block->segment->source_count, codes, out, err);
}

static enum status time_column(struct block *block, bool as_text, struct column *out,
                               struct error *err)
{
    const int64_t *times = block_times(block, err);
    struct column numbers = {.kind = COLUMN_INT, .type = FIELD_TIME, .ints = times};

    if (times == NULL)
        return err->status;
    *out = numbers;
    return as_text
               ? column_of_numbers_text(&block->arena, &numbers, block->row_count, out, err)
               : STATUS_OK;
}

static enum status level_column(struct stored_block *block, struct column *out, struct error *err)
{
    uint32_t count = block->base.row_count;
    uint8_t *levels = arena_new(&block->base.arena, uint8_t, (size_t)count + 1);
    uint64_t *numbers;
    enum status status = load_numbers(block, COLUMN_ID_LEVEL, &numbers, err);

    if (status != STATUS_OK)
        return status;
    if (levels == NULL)
        return no_memory(err);
    for (uint32_t row = 0; row < count; row++) {
        if (numbers[row] >= LEVEL_COUNT)
            return corrupt(block, "level", err);
        levels[row] = (uint8_t)numbers[row];
    }
    return column_of_levels(&block->base.arena, levels, count, out, err);
}

static enum status line_column(struct stored_block *block, struct column *out, struct error *err)
{
    enum status status = load_lines(block, err);

    if (status == STATUS_OK)
        *out = (struct column){.kind = COLUMN_TEXT, .type = FIELD_TEXT, .texts = block->lines};
    return status;
}

static enum status load_field(struct stored_block *block, uint32_t column, struct field_page *out,
                              struct error *err)
{
    const struct segment_column *entry = &block->entry->columns[column];
    struct slice page;
    enum status status = STATUS_OK;

    if (entry->encoding == ENCODING_SPAN)
        status = load_lines(block, err);
    if (status == STATUS_OK)
        status = segment_page_read(block->segment, block->index, column, &block->base.arena, &page,
                                   &block->bytes_read, err);
    if (status != STATUS_OK)
        return status;
    return column_decode_field(entry, page, block->base.row_count,
                               entry->encoding == ENCODING_SPAN ? block->lines : NULL,
                               &block->base.arena, out, err);
}

static enum status int_text(struct arena *arena, int64_t number, struct slice *out,
                            struct error *err)
{
    char text[24];
    int len = snprintf(text, sizeof(text), "%" PRId64, number);

    *out = arena_copy(arena, slice_make(text, (size_t)len));
    return out->data == NULL ? no_memory(err) : STATUS_OK;
}

/* Texts of a decoded page into `values`; rows that have a value already keep it. */
static enum status add_texts(struct stored_block *block, const struct segment_column *entry,
                             const struct field_page *page, struct field_values *values,
                             struct error *err)
{
    for (uint32_t row = 0; row < block->base.row_count; row++) {
        struct slice text;

        if (!bit_get(page->present, row) || bit_get(values->present, row))
            continue;
        if (page->ints != NULL) {
            if (int_text(&block->base.arena, page->ints[row], &text, err) != STATUS_OK)
                return STATUS_NO_MEMORY;
        } else {
            text = page->codes != NULL ? page->dict[page->codes[row]] : page->texts[row];
        }
        field_values_set(values, row, text, entry->type, entry->unit);
    }
    return STATUS_OK;
}

static int64_t scale_of(const struct segment_column *entry)
{
    bool scaled = entry->type == FIELD_DURATION || entry->type == FIELD_BYTES;

    return scaled ? unit_scale(entry->unit) : 1;
}

/* A field that is stored in one page in a form that a column can show at once. */
static bool direct_column(struct stored_block *block, const struct segment_column *entry,
                          const struct field_page *page, bool as_text, struct column *out)
{
    uint32_t count = block->base.row_count;
    bool numeric = field_type_is_number(entry->type);
    int64_t scale = scale_of(entry);

    *out = (struct column){.type = (enum field_type)entry->type};
    if (page->codes != NULL && (as_text || !numeric)) {
        out->kind = COLUMN_DICT;
        out->codes = page->codes;
        out->dict = page->dict;
        out->dict_count = page->dict_count;
        return true;
    }
    if (page->ints == NULL || as_text || entry->type == FIELD_FLOAT)
        return false;
    for (uint32_t row = 0; row < count; row++)
        if (__builtin_mul_overflow(page->ints[row], scale, &page->ints[row]))
            page->ints[row] = INT64_MAX;
    out->kind = COLUMN_INT;
    out->ints = page->ints;
    out->present = bits_count(page->present, count) == count ? NULL : page->present;
    return true;
}

static enum status field_column(struct stored_block *block, field_id field, bool as_text,
                                struct column *out, struct error *err)
{
    const struct segment *segment = block->segment;
    struct field_values values;
    uint32_t last = UINT32_MAX, found = 0;
    enum status status = STATUS_OK;

    *out = (struct column){.kind = COLUMN_MISSING};
    for (uint32_t i = 0; i < block->entry->column_count; i++)
        if (block->entry->columns[i].id == COLUMN_ID_FIELD &&
            segment->fields[block->entry->columns[i].field] == field) {
            last = i;
            found++;
        }
    if (found == 0)
        return STATUS_OK;
    if (found > 1)
        status = field_values_init(&values, &block->base.arena, block->base.row_count, err);
    for (uint32_t i = 0; i <= last && status == STATUS_OK; i++) {
        const struct segment_column *entry = &block->entry->columns[i];
        struct field_page page;

        if (entry->id != COLUMN_ID_FIELD || segment->fields[entry->field] != field)
            continue;
        status = load_field(block, i, &page, err);
        if (status == STATUS_OK && found == 1 && direct_column(block, entry, &page, as_text, out))
            return STATUS_OK;
        if (status == STATUS_OK && found == 1)
            status = field_values_init(&values, &block->base.arena, block->base.row_count, err);
        if (status == STATUS_OK)
            status = add_texts(block, entry, &page, &values, err);
    }
    if (status != STATUS_OK)
        return status;
    return column_of_values(&block->base.arena, &values, as_text, out, err);
}

static enum status load_series(struct stored_block *block, struct error *err)
{
    uint32_t column = find_column(block, COLUMN_ID_SERIES);
    enum status status;

    if (block->series.codes != NULL)
        return STATUS_OK;
    if (column == UINT32_MAX || block->entry->columns[column].encoding != ENCODING_BYTES)
        return corrupt(block, "list of columns", err);
    status = load_field(block, column, &block->series, err);
    for (uint32_t row = 0; row < block->base.row_count && status == STATUS_OK; row++)
        if (block->series.codes[row] == COLUMN_NO_CODE) {
            block->series.codes = NULL;
            return corrupt(block, "series", err);
        }
    return status;
}

static enum status value_column(struct stored_block *block, bool as_text, struct column *out,
                                struct error *err)
{
    uint32_t column = find_column(block, COLUMN_ID_VALUE), count = block->base.row_count;
    struct column numbers = {.kind = COLUMN_FLOAT, .type = FIELD_FLOAT};
    struct slice page;
    enum status status;

    if (column == UINT32_MAX)
        return corrupt(block, "list of columns", err);
    status = segment_page_read(block->segment, block->index, column, &block->base.arena, &page,
                               &block->bytes_read, err);
    if (status != STATUS_OK)
        return status;
    if (page.len != count * sizeof(double))
        return corrupt(block, "values", err);
    numbers.floats = (const void *)page.data; /* pages are aligned to 8 */
    *out = numbers;
    return as_text ? column_of_numbers_text(&block->base.arena, &numbers, count, out, err)
                   : STATUS_OK;
}

static enum status sample_column(struct stored_block *block, field_id field, bool as_text,
                                 struct column *out, struct error *err)
{
    const struct segment_names *names = block->segment->names;
    struct slice label = {NULL, 0};
    enum status status;

    if (field == FIELD_ID_VALUE)
        return value_column(block, as_text, out, err);
    *out = (struct column){.kind = COLUMN_MISSING};
    if (field == FIELD_ID_MSG || field == FIELD_ID_LEVEL || field == FIELD_ID_FORMAT)
        return STATUS_OK;
    status = load_series(block, err);
    if (status != STATUS_OK)
        return status;
    if (field != FIELD_ID_METRIC)
        label = names->field_name(names->user, field);
    return column_of_series(&block->base.arena, label, block->series.dict,
                            block->series.dict_count, block->series.codes, block->base.row_count,
                            out, err);
}

static enum status stored_column(struct block *base, field_id field, bool as_text,
                                 struct column *out, struct error *err)
{
    struct stored_block *block = of(base);

    switch (field) {
    case FIELD_ID_TIME:
        return time_column(base, as_text, out, err);
    case FIELD_ID_GEO:
    case FIELD_ID_HOST:
    case FIELD_ID_ROLE:
    case FIELD_ID_SOURCE:
        return source_column(block, field, out, err);
    default:
        break;
    }
    if (base->samples)
        return sample_column(block, field, as_text, out, err);
    switch (field) {
    case FIELD_ID_MSG:
        return line_column(block, out, err);
    case FIELD_ID_LEVEL:
        return level_column(block, out, err);
    case FIELD_ID_FORMAT:
        return column_of_constant(&base->arena,
                                  block->segment->format_names[block->entry->format],
                                  base->row_count, out, err);
    default:
        return field_column(block, field, as_text, out, err);
    }
}

static void list_field(struct stored_block *block, field_id field, uint32_t capacity)
{
    for (uint32_t i = 0; i < block->field_count; i++)
        if (block->fields[i] == field)
            return;
    if (block->field_count < capacity && field != UINT32_MAX)
        block->fields[block->field_count++] = field;
}

static void list_labels(struct stored_block *block, uint32_t capacity)
{
    const struct segment_names *names = block->segment->names;

    for (uint32_t i = 0; i < block->series.dict_count; i++) {
        struct slice rest = block->series.dict[i], metric;
        struct label label;
        uint32_t count;

        if (!series_take(&rest, &metric, &count))
            continue;
        for (uint32_t k = 0; k < count && label_take(&rest, &label); k++)
            list_field(block, names->field(names->user, label.name), capacity);
    }
}

static const field_id *stored_fields(struct block *base, uint32_t *count)
{
    static const field_id events[] = {FIELD_ID_TIME, FIELD_ID_MSG,    FIELD_ID_GEO,
                                      FIELD_ID_HOST, FIELD_ID_ROLE,   FIELD_ID_SOURCE,
                                      FIELD_ID_FORMAT, FIELD_ID_LEVEL};
    static const field_id samples[] = {FIELD_ID_TIME, FIELD_ID_GEO,    FIELD_ID_HOST,
                                       FIELD_ID_ROLE, FIELD_ID_SOURCE, FIELD_ID_METRIC,
                                       FIELD_ID_VALUE};
    struct stored_block *block = of(base);
    uint32_t capacity = block->entry->column_count + (uint32_t)COUNT_OF(events) + 1024;
    struct error ignored = {0};

    if (block->fields == NULL) {
        block->fields = arena_new(&base->arena, field_id, capacity);
        if (block->fields == NULL) {
            *count = 0;
            return NULL;
        }
        for (size_t i = 0; i < COUNT_OF(events) && !base->samples; i++)
            list_field(block, events[i], capacity);
        for (size_t i = 0; i < COUNT_OF(samples) && base->samples; i++)
            list_field(block, samples[i], capacity);
        for (uint32_t i = 0; i < block->entry->column_count; i++)
            if (block->entry->columns[i].id == COLUMN_ID_FIELD)
                list_field(block, block->segment->fields[block->entry->columns[i].field],
                           capacity);
        if (base->samples && load_series(block, &ignored) == STATUS_OK)
            list_labels(block, capacity);
    }
    *count = block->field_count;
    return block->fields;
}

static enum status stored_render(struct block *base, uint32_t row, struct buf *out,
                                 struct error *err)
{
    struct stored_block *block = of(base);
    enum status status;

    if (base->samples)
        return STATUS_OK; /* a sample has no bytes */
    status = load_lines(block, err);
    if (status != STATUS_OK)
        return status;
    (void)buf_append_slice(out, block->lines[row]);
    return buf_check(out, "a rendered line", err);
}

static void stored_release(struct block *block)
{
    free(block);
}

static const struct block_ops stored_block_ops = {
    .array = stored_array,
    .column = stored_column,
    .fields = stored_fields,
    .render = stored_render,
    .release = stored_release,
};

enum status segment_plan_make(struct segment *segment, const struct scan_options *options,
                              struct segment_plan **out, struct error *err)
{
    const struct segment_summary *summary = &segment->summary;
    struct segment_plan *plan;

    if (summary->time_max_ns < options->time_min_ns || summary->time_min_ns >= options->time_max_ns ||
        (options->table == SCAN_SAMPLES ? summary->samples : summary->rows) == 0)
        return STATUS_END;
    plan = malloc(sizeof(*plan));
    if (plan == NULL)
        return no_memory(err);
    *plan = (struct segment_plan){.time_min_ns = options->time_min_ns,
                                  .time_max_ns = options->time_max_ns,
                                  .filter = options->filter,
                                  .samples = options->table == SCAN_SAMPLES};
    *out = plan;
    return STATUS_OK;
}

void segment_plan_free(struct segment_plan *plan)
{
    free(plan);
}

static enum status new_block(struct segment *segment, uint32_t index, struct stored_block **out,
                             struct error *err)
{
    struct stored_block *block = calloc(1, sizeof(*block));
    const struct segment_block_entry *entry = &segment->blocks[index];

    if (block == NULL)
        return no_memory(err);
    block->base = (struct block){
        .ops = &stored_block_ops,
        .row_count = entry->row_count,
        .selected_count = entry->row_count,
        .samples = entry->samples,
        .time_min_ns = entry->time_min_ns,
        .time_max_ns = entry->time_max_ns,
        .order_min_ns = entry->order_min_ns,
        .order_max_ns = entry->order_max_ns,
        .arena = arena_empty(BLOCK_ARENA_SIZE_MAX),
    };
    block->segment = segment;
    block->index = index;
    block->entry = entry;
    block->base.selected = arena_new(&block->base.arena, uint64_t, bit_words(entry->row_count) + 1);
    if (block->base.selected == NULL) {
        block_release(&block->base);
        return no_memory(err);
    }
    bits_fill(block->base.selected, entry->row_count);
    *out = block;
    return STATUS_OK;
}

enum status segment_block(struct segment *segment, const struct segment_plan *plan, uint32_t index,
                          struct scan_cost *cost, struct block **out, struct error *err)
{
    const struct segment_block_entry *entry = &segment->blocks[index];
    struct stored_block *block = NULL;
    enum status status;

    if (entry->samples != plan->samples || entry->time_max_ns < plan->time_min_ns ||
        entry->time_min_ns >= plan->time_max_ns) {
        cost->blocks_skipped++;
        return STATUS_END;
    }
    status = new_block(segment, index, &block, err);
    if (status != STATUS_OK)
        return status;
    status = block_filter(&block->base, plan->filter, plan->time_min_ns, plan->time_max_ns, err);
    cost->blocks_read++;
    cost->rows_scanned += entry->row_count;
    cost->bytes_read += block->bytes_read;
    if (status == STATUS_OK && block->base.selected_count == 0)
        status = STATUS_END;
    if (status == STATUS_OK)
        status = segment_block_check(segment, index, &cost->bytes_read, err);
    if (status == STATUS_OK)
        *out = &block->base;
    else
        block_release(&block->base);
    return status;
}

/* Every page, array and column of a block once. */
static enum status verify_block(struct stored_block *block, struct error *err)
{
    enum status status = STATUS_OK;
    uint32_t count;
    const field_id *fields = block_fields(&block->base, &count);

    for (uint32_t i = 0; i < block->entry->column_count && status == STATUS_OK; i++) {
        struct slice page;

        status = segment_page_read(block->segment, block->index, i, &block->base.arena, &page,
                                   &block->bytes_read, err);
    }
    for (int which = 0; which < BLOCK_ARRAY_COUNT && status == STATUS_OK; which++)
        if (stored_array(&block->base, (enum block_array)which, err) == NULL)
            status = err->status;
    for (uint32_t i = 0; i < count && status == STATUS_OK; i++) {
        struct column column;

        status = block_column(&block->base, fields[i], true, &column, err);
    }
    return status;
}

enum status segment_verify(struct segment *segment, void (*visit)(void *user, const char *line),
                           void *user, uint64_t *problems, struct error *err)
{
    for (uint32_t i = 0; i < segment->block_count; i++) {
        struct error local = {0};
        struct stored_block *block = NULL;
        enum status status = new_block(segment, i, &block, err);

        if (status != STATUS_OK)
            return status;
        if (verify_block(block, &local) != STATUS_OK) {
            visit(user, local.message);
            (*problems)++;
        }
        block_release(&block->base);
    }
    return STATUS_OK;
}
