/* store/segment_block_columns.c -- the operations of a block of a segment: arrays, columns, lines. */
#include "store/segment_block.h"

#include "base/spare.h"
#include "store/chunk.h"
#include "store/column_build.h"
#include "store/segment_few.h"
#include "store/segment_fields.h"
#include "store/segment_pattern.h"
#include "store/segment_samples.h"

#include <stdlib.h>

/* Lines of a block that are written before somebody asks for them. */
enum {
    PREPARED_LINES_MAX = 1024,
    WRITTEN_ROWS_MANY = 100, /* more may well need a large piece of memory */
};

static struct segment_block *of(struct block *block)
{
    return (struct segment_block *)block;
}

static enum status no_memory(struct error *err)
{
    return error_set(err, STATUS_NO_MEMORY, "a block of a segment needs too much memory");
}

/* ---- positions ---- */

/* Rank of each row in its source. */
static enum status make_ranks(struct segment_block *block, uint64_t *out, struct error *err)
{
    uint64_t *expected =
        arena_new(&block->base.arena, uint64_t, (size_t)block->segment->source_count + 1);
    const int64_t *distances = NULL;
    const uint32_t *sources;
    int64_t distance = 0;
    enum status status = STATUS_OK;

    if (!segment_block_constant(block, PAGE_RANK, &distance))
        status = segment_block_page(block, PAGE_RANK, &distances, err);
    if (status == STATUS_OK)
        status = segment_block_sources(block, &sources, err);
    if (status == STATUS_OK && expected == NULL)
        status = no_memory(err);
    for (uint32_t i = 0; i < block->base.row_count && status == STATUS_OK; i++) {
        uint64_t rank =
            expected[sources[i]] + (uint64_t)(distances == NULL ? distance : distances[i]);

        if (rank >= block->segment->sources[sources[i]].info.rows)
            return segment_corrupt(block->segment, "rank", err);
        out[i] = rank;
        expected[sources[i]] = rank + 1;
    }
    return status;
}

/* Ranks of a run, and what to add to them. */
struct run_span {
    uint64_t from, to, shift; /* from == to: none yet */
};

/* The run that a rank is in; rows of a source mostly stay in theirs. */
static struct run_span find_run(const struct segment_source_entry *source, uint64_t rank)
{
    uint32_t low = 0, high = source->run_count;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;

        if (source->runs[middle].first_rank <= rank)
            low = middle;
        else
            high = middle;
    }
    return (struct run_span){
        .from = source->runs[low].first_rank,
        .to = low + 1 < source->run_count ? source->runs[low + 1].first_rank : UINT64_MAX,
        .shift = source->runs[low].first_sequence - source->runs[low].first_rank,
    };
}

static enum status make_sequences(struct segment_block *block, uint64_t *out, struct error *err)
{
    struct run_span *runs =
        arena_new(&block->base.arena, struct run_span, (size_t)block->segment->source_count + 1);
    const uint32_t *sources;
    enum status status = make_ranks(block, out, err);

    if (status == STATUS_OK)
        status = segment_block_sources(block, &sources, err);
    if (status == STATUS_OK && runs == NULL)
        status = no_memory(err);
    for (uint32_t i = 0; i < block->base.row_count && status == STATUS_OK; i++) {
        struct run_span *run = &runs[sources[i]];

        if (out[i] < run->from || out[i] >= run->to)
            *run = find_run(&block->segment->sources[sources[i]], out[i]);
        out[i] += run->shift;
    }
    return status;
}

/* Lengths of the lines of one block into lengths[source][rank]. */
static enum status add_lengths(struct segment *segment, uint32_t index, uint64_t **lengths,
                               struct error *err)
{
    struct segment_block *block;
    struct buf line = buf_empty(SEGMENT_PAGE_SIZE_MAX);
    const uint32_t *sources = NULL;
    uint64_t *ranks = NULL;
    enum status status = segment_block_new(segment, index, &block, err);

    if (status != STATUS_OK)
        return status;
    ranks = arena_new(&block->base.arena, uint64_t, (size_t)block->base.row_count + 1);
    status = ranks == NULL ? no_memory(err) : make_ranks(block, ranks, err);
    if (status == STATUS_OK)
        status = segment_block_sources(block, &sources, err);
    for (uint32_t k = 0; k < block->entry->section_count && status == STATUS_OK; k++) {
        const struct segment_section *section = &block->entry->sections[k];

        status = segment_block_load(block, k, err);
        for (uint32_t i = 0; i < section->row_count && status == STATUS_OK; i++) {
            uint32_t row = section->first_row + i;

            buf_reset(&line);
            if (!segment_append_line(block, k, row, &line))
                status = no_memory(err);
            lengths[sources[row]][ranks[row]] = line.len;
        }
    }
    buf_release(&line);
    block_release(&block->base);
    return status;
}

/* Lengths become offsets: each line begins where the one before it ends, but at anchors. */
static void sum_offsets(const struct segment_source_entry *source, uint64_t *lengths)
{
    uint64_t expected = 0;
    uint32_t anchor = 0;

    for (uint64_t rank = 0; rank < source->info.rows; rank++) {
        uint64_t len = lengths[rank];

        if (anchor < source->anchor_count && source->anchors[anchor].rank == rank)
            expected += source->anchors[anchor++].offset;
        lengths[rank] = expected;
        expected += len + source->tail;
    }
}

static enum status fill_offsets(struct segment *segment, uint64_t **offsets,
                                struct error *err)
{
    enum status status = STATUS_OK;

    for (uint32_t i = 0; i < segment->source_count; i++) {
        offsets[i] = calloc(segment->sources[i].info.rows + 1, sizeof(*offsets[i]));
        if (offsets[i] == NULL)
            return no_memory(err);
    }
    for (uint32_t i = 0; i < segment->block_count && status == STATUS_OK; i++)
        if (!segment->blocks[i].samples)
            status = add_lengths(segment, i, offsets, err);
    for (uint32_t i = 0; i < segment->source_count && status == STATUS_OK; i++)
        sum_offsets(&segment->sources[i], offsets[i]);
    return status;
}

/* Offsets are asked for rarely, and cost a pass over the lines of the whole segment: once. */
static enum status segment_offsets(struct segment *segment, uint64_t ***out,
                                   struct error *err)
{
    enum status status = STATUS_OK;

    (void)pthread_mutex_lock(&segment->offsets_lock);
    if (segment->offsets == NULL) {
        uint64_t **offsets = calloc(segment->source_count + 1, sizeof(*offsets));

        status = offsets == NULL ? no_memory(err) : fill_offsets(segment, offsets, err);
        for (uint32_t i = 0; offsets != NULL && status != STATUS_OK && i < segment->source_count;
             i++)
            free(offsets[i]);
        if (status == STATUS_OK)
            segment->offsets = offsets;
        else
            free(offsets);
    }
    *out = segment->offsets;
    (void)pthread_mutex_unlock(&segment->offsets_lock);
    return status;
}

static enum status make_offsets(struct segment_block *block, uint64_t *out, struct error *err)
{
    const uint32_t *sources;
    uint64_t **offsets;
    enum status status = make_ranks(block, out, err);

    if (status == STATUS_OK)
        status = segment_block_sources(block, &sources, err);
    if (status == STATUS_OK)
        status = segment_offsets(block->segment, &offsets, err);
    for (uint32_t i = 0; i < block->base.row_count && status == STATUS_OK; i++)
        out[i] = offsets[sources[i]][out[i]];
    return status;
}

/* ---- arrays ---- */

static enum status make_source_numbers(struct segment_block *block, uint32_t *out,
                                       struct error *err)
{
    const uint32_t *sources;
    enum status status = segment_block_sources(block, &sources, err);

    for (uint32_t i = 0; i < block->base.row_count && status == STATUS_OK; i++)
        out[i] = block->segment->sources[sources[i]].number;
    return status;
}

static enum status make_flags(struct segment_block *block, uint8_t *out, struct error *err)
{
    const int64_t *numbers;
    int64_t value;
    enum status status;

    if (segment_block_constant(block, PAGE_FLAGS, &value)) {
        memset(out, (uint8_t)value, block->base.row_count);
        return STATUS_OK;
    }
    status = segment_block_page(block, PAGE_FLAGS, &numbers, err);
    for (uint32_t i = 0; i < block->base.row_count && status == STATUS_OK; i++)
        out[i] = (uint8_t)numbers[i];
    return status;
}

/* Arrays that are pages as they are. */
static bool array_is_page(const struct segment_block *block, enum block_array which,
                          enum block_page *out)
{
    bool samples = block->base.samples;

    *out = which == BLOCK_TIMES || samples ? PAGE_TIME : PAGE_ORDER;
    if (samples && which == BLOCK_SEQUENCES)
        *out = PAGE_RANK;
    return which == BLOCK_TIMES || which == BLOCK_ORDER_TIMES ||
           (samples && which == BLOCK_SEQUENCES);
}

static enum status make_array(struct segment_block *block, enum block_array which, void *out,
                              struct error *err)
{
    switch (which) {
    case BLOCK_SOURCE_NUMBERS:
        return make_source_numbers(block, out, err);
    case BLOCK_SEQUENCES:
        return make_sequences(block, out, err);
    case BLOCK_OFFSETS:
        return make_offsets(block, out, err);
    case BLOCK_FLAGS:
        return make_flags(block, out, err);
    case BLOCK_TIMES:
    case BLOCK_ORDER_TIMES:
    case BLOCK_ARRAY_COUNT:
        break;
    }
    return STATUS_OK;
}

static const void *segment_array(struct block *base, enum block_array which, struct error *err)
{
    static const uint8_t sizes[BLOCK_ARRAY_COUNT] = {[BLOCK_SOURCE_NUMBERS] = sizeof(uint32_t),
                                                     [BLOCK_SEQUENCES] = sizeof(uint64_t),
                                                     [BLOCK_OFFSETS] = sizeof(uint64_t),
                                                     [BLOCK_FLAGS] = sizeof(uint8_t)};
    struct segment_block *block = of(base);
    size_t room = (size_t)base->row_count + 1;
    enum block_page page;
    const int64_t *numbers;
    void *values;

    if (array_is_page(block, which, &page))
        return segment_block_page(block, page, &numbers, err) == STATUS_OK ? numbers : NULL;
    if (base->samples && (which == BLOCK_OFFSETS || which == BLOCK_FLAGS)) /* they have none */
        return arena_new(&base->arena, uint64_t, room);
    values = arena_take(&base->arena, sizes[which], _Alignof(uint64_t), room);
    if (values == NULL) {
        (void)no_memory(err);
        return NULL;
    }
    return make_array(block, which, values, err) == STATUS_OK ? values : NULL;
}

/* ---- columns ---- */

static enum status source_column(struct segment_block *block, field_id field, struct column *out,
                                 struct error *err)
{
    struct arena *arena = &block->base.arena;
    uint32_t count = block->segment->source_count;
    const struct event_source **sources =
        arena_alloc(arena, sizeof(void *), _Alignof(void *), (size_t)count + 1);
    const uint32_t *codes;
    enum status status = segment_block_sources(block, &codes, err);

    if (status != STATUS_OK)
        return status;
    if (sources == NULL)
        return no_memory(err);
    for (uint32_t i = 0; i < count; i++)
        sources[i] = &block->segment->sources[i].info.source;
    return column_of_sources(arena, field, &(struct row_sources){sources, count, codes}, out, err);
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

static enum status level_column(struct segment_block *block, struct column *out, struct error *err)
{
    uint32_t count = block->base.row_count;
    uint8_t *levels = arena_new(&block->base.arena, uint8_t, (size_t)count + 1);
    const int64_t *numbers;
    enum status status = segment_block_page(block, PAGE_LEVEL, &numbers, err);

    if (status == STATUS_OK && levels == NULL)
        status = no_memory(err);
    for (uint32_t i = 0; i < count && status == STATUS_OK; i++) {
        if ((uint64_t)numbers[i] >= LEVEL_COUNT)
            return segment_corrupt(block->segment, "level", err);
        levels[i] = (uint8_t)numbers[i];
    }
    return status == STATUS_OK ? column_of_levels(&block->base.arena, levels, count, out, err)
                               : status;
}

static enum status format_column(struct segment_block *block, struct column *out,
                                 struct error *err)
{
    uint32_t *codes = arena_new(&block->base.arena, uint32_t, (size_t)block->base.row_count + 1);
    const uint32_t *templates;
    enum status status = STATUS_OK;

    if (codes == NULL)
        return no_memory(err);
    for (uint32_t k = 0; k < block->entry->section_count && status == STATUS_OK; k++) {
        const struct segment_section *section = &block->entry->sections[k];
        const struct segment_family *family = segment_family_of(block, k);

        if (family->as_text)
            status = segment_block_templates(block, &templates, err);
        for (uint32_t i = 0; i < section->row_count && status == STATUS_OK; i++) {
            uint32_t row = section->first_row + i;

            codes[row] = family->as_text ? templates[row] - family->first_template : family->format;
        }
    }
    *out = (struct column){.kind = COLUMN_DICT,
                           .type = FIELD_TEXT,
                           .codes = codes,
                           .dict = block->segment->formats,
                           .dict_count = block->segment->format_count};
    return status;
}

/* Lines of the rows that are selected now: nobody looks at the others any more. */
static enum status line_column(struct segment_block *block, struct column *out, struct error *err)
{
    uint32_t count = block->base.row_count;
    struct slice *texts = /* every row gets its value below: nothing has to be cleared */
        arena_take(&block->base.arena, sizeof(*texts), _Alignof(struct slice), (size_t)count + 1);
    size_t *ends =
        arena_take(&block->base.arena, sizeof(*ends), _Alignof(size_t), (size_t)count + 1);
    enum status status = STATUS_OK;
    struct buf written = buf_empty_spare(BLOCK_ARENA_SIZE_MAX);
    struct slice all = SLICE_LITERAL("");
    size_t start = 0;

    if (texts == NULL || ends == NULL)
        return no_memory(err);
    if (block->base.selected_count > WRITTEN_ROWS_MANY)
        (void)buf_reserve(&written, SPARE_SIZE_MIN); /* memory of the block before, not new one */
    for (uint32_t k = 0; k < block->entry->section_count && status == STATUS_OK; k++) {
        const struct segment_section *section = &block->entry->sections[k];
        struct segment_lines lines = {0};

        for (uint32_t row = section->first_row;
             row < section->first_row + section->row_count && status == STATUS_OK; row++) {
            if (bit_get(block->base.selected, row)) {
                if (lines.block == NULL)
                    status = segment_lines_open(block, k, &lines, err);
                if (status == STATUS_OK && !segment_lines_append(&lines, row, NULL, &written))
                    status = no_memory(err);
            }
            ends[row] = written.len;
        }
    }
    if (status == STATUS_OK && written.len > 0) {
        all = arena_copy(&block->base.arena, buf_slice(&written)); /* counted with the block */
        status = all.data == NULL ? no_memory(err) : STATUS_OK;
    }
    buf_release(&written);
    for (uint32_t row = 0; row < count && status == STATUS_OK; start = ends[row++])
        texts[row] = (struct slice){all.data + start, ends[row] - start};
    *out = (struct column){.kind = COLUMN_TEXT, .type = FIELD_TEXT, .texts = texts};
    return status;
}

/* ---- samples ---- */

static enum status value_column(struct segment_block *block, bool as_text, struct column *out,
                                struct error *err)
{
    uint32_t count = block->base.row_count;
    double *values = arena_new(&block->base.arena, double, (size_t)count + 1);
    struct column numbers = {.kind = COLUMN_FLOAT, .type = FIELD_FLOAT, .floats = values};
    const int64_t *scales, *parts;
    enum status status = segment_block_page(block, PAGE_FLAGS, &scales, err);

    if (status == STATUS_OK)
        status = segment_block_page(block, PAGE_TEMPLATE, &parts, err);
    if (status == STATUS_OK && values == NULL)
        status = no_memory(err);
    for (uint32_t i = 0; i < count && status == STATUS_OK; i++)
        values[i] = sample_value_join(scales[i], parts[i]);
    *out = numbers;
    return status == STATUS_OK && as_text
               ? column_of_numbers_text(&block->base.arena, &numbers, count, out, err)
               : status;
}

/* Each series as chunk.h encodes it, and the series of each row. */
static enum status encode_series(struct segment_block *block, struct slice **out, uint32_t **codes,
                                 struct error *err)
{
    const struct segment *segment = block->segment;
    struct arena *arena = &block->base.arena;
    struct buf text = buf_empty(SEGMENT_PAGE_SIZE_MAX);
    const int64_t *numbers;
    enum status status = segment_block_page(block, PAGE_LEVEL, &numbers, err);

    *out = arena_new(arena, struct slice, (size_t)segment->series_count + 1);
    *codes = arena_new(arena, uint32_t, (size_t)block->base.row_count + 1);
    if (status == STATUS_OK && (*out == NULL || *codes == NULL))
        status = no_memory(err);
    for (uint32_t i = 0; i < segment->series_count && status == STATUS_OK; i++) {
        struct sample sample = {.metric = segment->series[i].metric,
                                .labels = segment->series[i].labels,
                                .label_count = segment->series[i].label_count};

        buf_reset(&text);
        if (!series_append(&text, &sample))
            status = no_memory(err);
        (*out)[i] = arena_copy(arena, buf_slice(&text));
    }
    for (uint32_t i = 0; i < block->base.row_count && status == STATUS_OK; i++) {
        if ((uint64_t)numbers[i] >= segment->series_count)
            status = segment_corrupt(segment, "series", err);
        else
            (*codes)[i] = (uint32_t)numbers[i];
    }
    buf_release(&text);
    return status == STATUS_OK && arena->failed ? no_memory(err) : status;
}

static enum status sample_column(struct segment_block *block, field_id field, bool as_text,
                                 struct column *out, struct error *err)
{
    const struct segment_names *names = block->segment->names;
    struct slice label = {NULL, 0}, *series;
    uint32_t *codes;
    enum status status;

    if (field == FIELD_ID_VALUE)
        return value_column(block, as_text, out, err);
    *out = (struct column){.kind = COLUMN_MISSING};
    if (field == FIELD_ID_MSG || field == FIELD_ID_LEVEL || field == FIELD_ID_FORMAT ||
        field == FIELD_ID_TEMPLATE || field == FIELD_ID_PATTERN)
        return STATUS_OK;
    status = encode_series(block, &series, &codes, err);
    if (status != STATUS_OK)
        return status;
    if (field != FIELD_ID_METRIC)
        label = names->field_name(names->user, field);
    return column_of_series(&block->base.arena, label,
                            &(struct row_series){series, block->segment->series_count, codes,
                                                 block->base.row_count},
                            out, err);
}

static enum status segment_column(struct block *base, field_id field, bool as_text,
                                 struct column *out, struct error *err)
{
    struct segment_block *block = of(base);

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
        return format_column(block, out, err);
    case FIELD_ID_TEMPLATE:
    case FIELD_ID_PATTERN:
        return segment_pattern_column(block, field, out, err);
    default:
        return segment_field_column(block, field, as_text, out, err);
    }
}

/* ---- names of fields ---- */

struct field_list {
    struct segment_block *block;
    uint32_t capacity;
};

static void list_field(struct field_list *list, field_id field)
{
    struct segment_block *block = list->block;

    for (uint32_t i = 0; i < block->field_count; i++)
        if (block->fields[i] == field)
            return;
    if (block->field_count == list->capacity || field == UINT32_MAX)
        return;
    block->fields[block->field_count++] = field;
}

static void list_text_fields(struct field_list *list, uint32_t section)
{
    struct segment_block *block = list->block;
    const struct segment_family *family = segment_family_of(block, section);
    const struct segment_values *blobs;
    struct error ignored = {0};

    if (segment_block_values(block, section, family->slot_count, &blobs, &ignored) != STATUS_OK)
        return;
    for (uint32_t i = 0; i < block->entry->sections[section].row_count; i++) {
        struct slice rest = blobs->texts[i];
        struct event_field field;

        while (rest.len > 0 &&
               segment_field_take(&rest, SIZE_MAX, block->segment->field_count, &field))
            list_field(list, block->segment->fields[field.field]);
    }
}

static void list_labels(struct field_list *list)
{
    const struct segment *segment = list->block->segment;
    const struct segment_names *names = segment->names;

    for (uint32_t i = 0; i < segment->series_count; i++)
        for (uint32_t k = 0; k < segment->series[i].label_count; k++)
            list_field(list, names->field(names->user, segment->series[i].labels[k].name));
}

static void list_fields(struct field_list *list)
{
    static const field_id events[] = {FIELD_ID_TIME,   FIELD_ID_MSG,  FIELD_ID_GEO,
                                      FIELD_ID_HOST,   FIELD_ID_ROLE, FIELD_ID_SOURCE,
                                      FIELD_ID_FORMAT, FIELD_ID_LEVEL};
    static const field_id samples[] = {FIELD_ID_TIME, FIELD_ID_GEO,    FIELD_ID_HOST,
                                       FIELD_ID_ROLE, FIELD_ID_SOURCE, FIELD_ID_METRIC,
                                       FIELD_ID_VALUE};
    const struct segment_block *block = list->block;

    if (block->base.samples) {
        for (size_t i = 0; i < COUNT_OF(samples); i++)
            list_field(list, samples[i]);
        list_labels(list);
        return;
    }
    for (size_t i = 0; i < COUNT_OF(events); i++)
        list_field(list, events[i]);
    for (uint32_t k = 0; k < block->entry->section_count; k++) {
        const struct segment_family *family = segment_family_of(block, k);

        for (uint32_t i = 0; i < family->field_count; i++)
            list_field(list, family->fields[i].field);
        if (family->as_text)
            list_text_fields(list, k);
    }
}

static const field_id *segment_fields(struct block *base, uint32_t *count)
{
    struct segment_block *block = of(base);
    struct field_list list = {block,
                              block->segment->field_count + FIELD_ID_WELL_KNOWN_COUNT + 1024};

    if (block->fields == NULL) {
        block->fields = arena_new(&base->arena, field_id, list.capacity);
        if (block->fields != NULL)
            list_fields(&list);
    }
    *count = block->field_count;
    return block->fields;
}

static enum status segment_render(struct block *base, uint32_t row, struct buf *out,
                                 struct error *err)
{
    struct segment_block *block = of(base);
    struct segment_lines lines = {.block = block};
    enum status status;

    if (base->samples)
        return STATUS_OK; /* a sample has no bytes */
    lines.section = segment_section_of(block, row);
    status = bit_get(base->selected, row) ? segment_lines_open(block, lines.section, &lines, err)
                                          : segment_block_load(block, lines.section, err);
    if (status == STATUS_OK && !segment_lines_append(&lines, row, NULL, out))
        status = buf_check(out, "a rendered line", err);
    return status;
}

/* Few lines are written at once; for many, which take memory, only what they are made of is read. */
static void segment_prepare_lines(struct block *base)
{
    struct segment_block *block = of(base);
    struct error unseen = {0};
    struct column written;

    if (!base->samples && base->selected_count <= PREPARED_LINES_MAX &&
        block_column(base, FIELD_ID_MSG, false, &written, &unseen) == STATUS_OK)
        return;
    for (uint32_t k = 0; k < block->entry->section_count && !base->samples; k++) {
        const struct segment_section *section = &block->entry->sections[k];
        struct segment_lines lines;

        if (bits_any(base->selected, section->first_row, section->row_count) &&
            segment_lines_open(block, k, &lines, &unseen) != STATUS_OK)
            return;
    }
}

static void segment_release(struct block *base)
{
    struct segment_block *block = of(base);

    pool_hold_release(&block->hold);
    page_uses_end(&block->uses);
    free(block);
}

const struct block_ops segment_block_ops = {
    .array = segment_array,
    .column = segment_column,
    .fields = segment_fields,
    .render = segment_render,
    .prepare_lines = segment_prepare_lines,
    .release = segment_release,
};
