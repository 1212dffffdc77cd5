/* store/row_set.c -- blocks are read with the ordinary reader and written out row by row. */
#include "store/row_set.h"

#include "base/cpu_pace.h"
#include "base/spare.h"
#include "store/chunk.h"
#include "store/segment_block.h"
#include "store/segment_fields.h"
#include "store/segment_order.h"
#include "store/source_table.h"

#include <stdlib.h>

#define FORMAT_NONE UINT16_MAX

static enum status no_memory(struct error *err)
{
    return error_set(err, STATUS_NO_MEMORY, "no memory to put segments together");
}

void row_set_init(struct row_set *set, size_t size_max)
{
    *set = (struct row_set){
        .arena = arena_empty(size_max),
        .source_index = map_empty(SOURCE_COUNT_MAX),
        .format_index = map_empty(UINT16_MAX),
    };
    sample_runs_init(&set->runs, size_max);
}

static void release_pieces(struct row_set *set)
{
    for (uint32_t i = 0; i < set->piece_count; i++)
        spare_give(set->pieces[i]);
    free(set->pieces);
    free(set->parts);
    set->pieces = NULL;
    set->parts = NULL;
    set->piece_count = set->part_count = 0;
}

void row_set_release(struct row_set *set)
{
    arena_release(&set->arena);
    map_release(&set->source_index);
    map_release(&set->format_index);
    sample_runs_release(&set->runs);
    free(set->rows);
    release_pieces(set);
    spare_give(set->samples);
    free(set->sources);
    free(set->formats);
    *set = (struct row_set){.arena = arena_empty(0)};
}

/* ---- names ---- */

/* Room for one more of `count`; false without memory. */
static bool grow(void **array, uint32_t count, uint32_t *capacity, size_t size)
{
    uint32_t wanted = *capacity == 0 ? 16 : *capacity * 2;
    void *grown;

    if (count < *capacity)
        return true;
    grown = realloc(*array, wanted * size);
    if (grown == NULL)
        return false;
    *array = grown;
    *capacity = wanted;
    return true;
}

/* A copy that is never {NULL, 0}: an empty text is a text. */
static struct slice keep(struct row_set *set, struct slice text)
{
    return text.len == 0 ? SLICE_LITERAL("") : arena_copy(&set->arena, text);
}

static uint32_t source_index(struct row_set *set, const struct event_source *source)
{
    struct buf encoded = buf_empty((size_t)SOURCE_TEXT_SIZE_MAX * 5);
    uint32_t index = MAP_NONE;
    struct event_source *copy;
    struct slice key;

    if (source_append(&encoded, source))
        index = map_get(&set->source_index, buf_slice(&encoded));
    if (index == MAP_NONE && encoded.len > 0 &&
        grow((void **)&set->sources, set->source_count, &set->source_capacity,
             sizeof(*set->sources))) {
        copy = &set->sources[set->source_count];
        *copy = *source;
        copy->geo = keep(set, source->geo);
        copy->host = keep(set, source->host);
        copy->role = keep(set, source->role);
        copy->path = keep(set, source->path);
        key = keep(set, buf_slice(&encoded));
        if (!set->arena.failed && map_put(&set->source_index, key, set->source_count))
            index = set->source_count++;
    }
    buf_release(&encoded);
    return index;
}

static uint32_t format_index(struct row_set *set, struct slice name)
{
    uint32_t index = map_get(&set->format_index, name);
    struct slice copy;

    if (index != MAP_NONE || !grow((void **)&set->formats, set->format_count,
                                   &set->format_capacity, sizeof(*set->formats)))
        return index;
    copy = keep(set, name);
    if (set->arena.failed || !map_put(&set->format_index, copy, set->format_count))
        return MAP_NONE;
    set->formats[set->format_count] = copy;
    return set->format_count++;
}

/* ---- reading one segment ---- */

struct reading {
    struct row_set *set;
    struct segment *segment;
    const struct mask *masks;
    uint32_t mask_count;
    uint32_t *sources; /* the segment's index -> that of the set; MAP_NONE: not met yet */
    uint16_t *formats; /* the same; FORMAT_NONE */
    uint32_t *runs; /* the same of series */
    struct segment_sample *sample, *samples_end; /* where the next one goes */
    struct buf line;
    struct error *err;
};

/* What is read of a block before its rows. */
struct block_arrays {
    const int64_t *times, *orders, *levels;
    const uint64_t *sequences, *offsets;
    const uint32_t *sources;
    const uint8_t *flags;
};

static enum status read_arrays(struct segment_block *block, struct block_arrays *out,
                               struct error *err)
{
    enum status status = segment_block_page(block, PAGE_TIME, &out->times, err);

    if (status == STATUS_OK)
        status = segment_block_page(block, PAGE_ORDER, &out->orders, err);
    if (status == STATUS_OK)
        status = segment_block_page(block, PAGE_LEVEL, &out->levels, err);
    if (status == STATUS_OK)
        status = segment_block_sources(block, &out->sources, err);
    if (status != STATUS_OK)
        return status;
    out->sequences = block_sequences(&block->base, err);
    out->offsets = block_offsets(&block->base, err);
    out->flags = block_flags(&block->base, err);
    return out->sequences == NULL || out->offsets == NULL || out->flags == NULL ? err->status
                                                                                : STATUS_OK;
}

/* A section while its rows are read. */
struct section_reading {
    struct segment_block *block;
    uint32_t index;
    const struct segment_section *section;
    const struct segment_family *family;
    const struct segment_field **fields; /* in their order in the event */
    uint32_t *numbers;                   /* of `fields` in the family */
    struct slice **copies;               /* by column: strings of its dictionary in the set, or NULL */
    uint32_t *gap_starts;                /* in the line at hand */
};

static int compare_places(const void *a, const void *b)
{
    const struct segment_field *left = *(const struct segment_field *const *)a;
    const struct segment_field *right = *(const struct segment_field *const *)b;

    return left->place < right->place ? -1 : left->place > right->place;
}

static enum status begin_section(struct reading *reading, struct segment_block *block,
                                 uint32_t index, struct section_reading *out)
{
    const struct segment_family *family = segment_family_of(block, index);
    struct arena *arena = &block->base.arena;
    const struct segment_values *values;
    enum status status = segment_block_load(block, index, reading->err);

    *out = (struct section_reading){
        .block = block,
        .index = index,
        .section = &block->entry->sections[index],
        .family = family,
        .fields = arena_alloc(arena, sizeof(void *), _Alignof(void *), family->field_count + 1u),
        .numbers = arena_new(arena, uint32_t, family->field_count + 1u),
        .copies = arena_alloc(arena, sizeof(void *), _Alignof(void *), family->column_count + 1u),
        .gap_starts = arena_new(arena, uint32_t, family->slot_count + 1u),
    };
    if (status == STATUS_OK && arena->failed)
        return no_memory(reading->err);
    for (uint32_t i = family->slot_count; i < family->column_count && status == STATUS_OK; i++)
        status = segment_block_printable(block, index, i, &values, reading->err);
    for (uint32_t i = 0; i < family->field_count && status == STATUS_OK; i++)
        out->fields[i] = &family->fields[i];
    if (status == STATUS_OK && family->field_count > 0)
        qsort(out->fields, family->field_count, sizeof(struct segment_field *), compare_places);
    for (uint32_t i = 0; i < family->field_count && status == STATUS_OK; i++)
        out->numbers[i] = (uint32_t)(out->fields[i] - family->fields);
    return status;
}

/* The line of a row, noting where each gap begins. */
static bool append_line(struct section_reading *at, uint32_t row, struct buf *line)
{
    const struct segment_template *template =
        &at->block->segment->templates[at->block->templates[row]];

    for (uint32_t gap = 0; gap <= at->family->slot_count; gap++) {
        uint32_t start = gap > 0 ? template->gap_ends[gap - 1] : 0;
        struct line_part part = {gap, 0, gap, template->gap_ends[gap] - start};
        char scratch[SLOT_WRITE_MAX];
        struct slice value;

        at->gap_starts[gap] = (uint32_t)line->len;
        if (!segment_append_part(at->block, at->index, row, &part, line))
            return false;
        if (gap == at->family->slot_count)
            break;
        value = segment_value_text(at->block, &at->family->columns[gap],
                                   &at->block->values[at->index][gap],
                                   row - at->section->first_row, scratch);
        if (!buf_append_slice(line, value))
            return false;
    }
    return true;
}

/* The computed text of a row; strings of dictionaries are copied once per block. */
static struct slice computed_text(struct reading *reading, struct section_reading *at,
                                  uint32_t column, uint32_t local)
{
    const struct segment_values *values = &at->block->values[at->index][column];
    const struct segment_column *of = &at->family->columns[column];
    char scratch[SLOT_WRITE_MAX];
    struct slice *copies;

    if (of->class != CLASS_CODES)
        return keep(reading->set, segment_value_text(at->block, of, values, local, scratch));
    if (at->copies[column] == NULL)
        at->copies[column] =
            arena_new(&at->block->base.arena, struct slice, (size_t)of->dict_count + 1);
    copies = at->copies[column];
    if (copies == NULL)
        return (struct slice){NULL, 0};
    if (copies[values->codes[local]].data == NULL)
        copies[values->codes[local]] = keep(reading->set, values->dict[values->codes[local]]);
    return copies[values->codes[local]];
}

static enum status read_fields(struct reading *reading, struct section_reading *at, uint32_t row,
                               struct event *event)
{
    const struct segment_template *template =
        &at->block->segment->templates[at->block->templates[row]];
    struct event_field *fields =
        arena_take(&reading->set->arena, sizeof(*fields), _Alignof(struct event_field),
                   (size_t)at->family->field_count + 1);

    if (fields == NULL)
        return no_memory(reading->err);
    for (uint32_t i = 0; i < at->family->field_count; i++) {
        const struct segment_field *from = at->fields[i];
        const uint32_t *offsets = template->field_offsets + (size_t)2 * at->numbers[i];

        fields[i] = (struct event_field){
            .field = from->field, .type = from->type, .unit = from->unit};
        if (from->computed) {
            fields[i].text =
                computed_text(reading, at, from->begin_gap, row - at->section->first_row);
            if (fields[i].text.data == NULL)
                return no_memory(reading->err);
        } else {
            fields[i].start = at->gap_starts[from->begin_gap] + offsets[0];
            fields[i].len = at->gap_starts[from->end_gap] + offsets[1] - fields[i].start;
        }
    }
    event->fields = fields;
    event->field_count = at->family->field_count;
    return STATUS_OK;
}

/* Fields of a line that is kept as text. */
static enum status read_blob(struct reading *reading, struct section_reading *at, uint32_t row,
                             struct event *event)
{
    const struct segment *segment = reading->segment;
    struct slice blob = at->block->values[at->index][at->family->slot_count]
                            .texts[row - at->section->first_row];
    struct slice rest = blob;
    struct event_field field, *fields;
    uint32_t count = 0;

    while (rest.len > 0 &&
           segment_field_take(&rest, event->bytes.len, segment->field_count, &field))
        count++;
    fields = arena_take(&reading->set->arena, sizeof(*fields), _Alignof(struct event_field),
                        (size_t)count + 1);
    if (fields == NULL)
        return no_memory(reading->err);
    if (rest.len > 0)
        return segment_corrupt(segment, "fields of a line", reading->err);
    for (uint32_t i = 0; i < count; i++) {
        if (!segment_field_take(&blob, event->bytes.len, segment->field_count, &fields[i]))
            return segment_corrupt(segment, "fields of a line", reading->err);
        fields[i].field = segment->fields[fields[i].field];
        if (fields[i].text.data != NULL)
            fields[i].text = keep(reading->set, fields[i].text);
    }
    event->fields = fields;
    event->field_count = count;
    return reading->set->arena.failed ? no_memory(reading->err) : STATUS_OK;
}

/* Names that no row of the set has any more do not come along. */
static bool map_source(struct reading *reading, uint32_t source)
{
    if (reading->sources[source] == MAP_NONE)
        reading->sources[source] =
            source_index(reading->set, &reading->segment->sources[source].info.source);
    return reading->sources[source] != MAP_NONE;
}

static bool map_format(struct reading *reading, uint32_t format)
{
    if (reading->formats[format] == FORMAT_NONE) {
        uint32_t index = format_index(reading->set, reading->segment->formats[format]);

        reading->formats[format] = index == MAP_NONE ? FORMAT_NONE : (uint16_t)index;
    }
    return reading->formats[format] != FORMAT_NONE;
}

static bool reserve_rows(struct row_set *set, uint64_t more)
{
    uint64_t wanted = set->row_count + more;
    struct segment_row *grown;

    if (wanted <= set->row_capacity)
        return true;
    wanted = wanted < set->row_capacity * 2 ? set->row_capacity * 2 : wanted;
    grown = realloc(set->rows, wanted * sizeof(*grown));
    if (grown == NULL)
        return false;
    set->rows = grown;
    set->row_capacity = wanted;
    return true;
}

/* Bytes of the source that the event covers: up to the next event, as the segment knows it. */
static uint32_t source_len(const struct segment_source_entry *source, size_t len)
{
    int64_t covered = (int64_t)(len + source->tail);

    return covered < 0 || covered > UINT32_MAX ? (uint32_t)len : (uint32_t)covered;
}

static enum status read_row(struct reading *reading, struct section_reading *at, uint32_t row,
                            const struct block_arrays *arrays)
{
    struct row_set *set = reading->set;
    uint32_t source = arrays->sources[row];
    uint32_t format = at->family->as_text
                          ? at->block->templates[row] - at->family->first_template
                          : at->family->format;
    struct event *event = arena_take(&set->arena, sizeof(*event), _Alignof(struct event), 1);
    enum status status;

    buf_reset(&reading->line);
    if (event == NULL || !append_line(at, row, &reading->line))
        return no_memory(reading->err);
    if (format >= reading->segment->format_count)
        return segment_corrupt(reading->segment, "format of a row", reading->err);
    if (!map_source(reading, source) || !map_format(reading, format))
        return no_memory(reading->err);
    *event = (struct event){
        .time_ns = arrays->times[row],
        .bytes = keep(set, buf_slice(&reading->line)),
        .offset = arrays->offsets[row],
        .source = reading->sources[source],
        .source_len = source_len(&reading->segment->sources[source], reading->line.len),
        .format = reading->formats[format],
        .level = (uint8_t)arrays->levels[row],
        .flags = arrays->flags[row],
    };
    if (event->bytes.data == NULL)
        return no_memory(reading->err);
    status = at->family->as_text ? read_blob(reading, at, row, event)
                                 : read_fields(reading, at, row, event);
    set->rows[set->row_count++] = (struct segment_row){
        .event = event, .order_time_ns = arrays->orders[row], .sequence = arrays->sequences[row]};
    return status;
}

static enum status read_section(struct reading *reading, struct segment_block *block,
                                uint32_t index, const struct block_arrays *arrays)
{
    struct section_reading at;
    enum status status = begin_section(reading, block, index, &at);

    for (uint32_t i = 0; status == STATUS_OK && i < at.section->row_count; i++)
        if (bit_get(block->base.selected, at.section->first_row + i))
            status = read_row(reading, &at, at.section->first_row + i, arrays);
    return status;
}

static enum status read_events(struct reading *reading, struct segment_block *block)
{
    struct block_arrays arrays;
    enum status status = read_arrays(block, &arrays, reading->err);

    if (status == STATUS_OK && !reserve_rows(reading->set, block->base.selected_count))
        status = no_memory(reading->err);
    for (uint32_t i = 0; i < block->entry->section_count && status == STATUS_OK; i++)
        status = read_section(reading, block, i, &arrays);
    return status;
}

/* ---- samples ---- */

/* The run that a series of the segment is; MAP_NONE without memory. */
static uint32_t run_of(struct reading *reading, uint32_t number)
{
    const struct segment_series *from = &reading->segment->series[number];
    const struct sample sample = {
        .metric = from->metric, .labels = from->labels, .label_count = from->label_count};
    uint32_t *run = &reading->runs[number];

    if (*run != MAP_NONE)
        return *run;
    buf_reset(&reading->line);
    if (!map_source(reading, from->source) || !series_append(&reading->line, &sample))
        return MAP_NONE;
    *run = sample_runs_get(&reading->set->runs, buf_slice(&reading->line),
                           reading->sources[from->source]);
    return *run;
}

/* Room for the samples of a segment. */
static bool begin_piece(struct reading *reading)
{
    struct row_set *set = reading->set;
    uint64_t count = reading->segment->summary.samples;

    if (count == 0)
        return true;
    if (!grow((void **)&set->pieces, set->piece_count, &set->piece_capacity,
              sizeof(struct segment_sample *)))
        return false;
    reading->sample = spare_take(count * sizeof(*reading->sample));
    if (reading->sample == NULL)
        return false;
    reading->samples_end = reading->sample + count;
    set->pieces[set->piece_count++] = reading->sample;
    return true;
}

/* The sample at `sample` is of the run. */
static bool add_to_part(struct row_set *set, uint32_t run, const struct segment_sample *sample)
{
    struct sample_part *last = set->part_count == 0 ? NULL : &set->parts[set->part_count - 1];

    set->runs.items[run].count++;
    set->sample_count++;
    if (last != NULL && last->run == run && last->first + last->count == sample) {
        last->count++;
        return true;
    }
    if (!grow((void **)&set->parts, set->part_count, &set->part_capacity, sizeof(*set->parts)))
        return false;
    set->parts[set->part_count++] = (struct sample_part){sample, run, 1};
    return true;
}

static enum status read_sample(struct reading *reading, struct segment_block *block, uint32_t row)
{
    uint64_t number = (uint64_t)block->pages[PAGE_LEVEL][row];
    uint32_t run;

    if (number >= reading->segment->series_count || reading->sample == reading->samples_end ||
        block->sources[row] != reading->segment->series[number].source)
        return segment_corrupt(reading->segment, "series of a sample", reading->err);
    run = run_of(reading, (uint32_t)number);
    if (run == MAP_NONE || !add_to_part(reading->set, run, reading->sample))
        return no_memory(reading->err);
    *reading->sample++ = (struct segment_sample){
        .time_ns = block->pages[PAGE_TIME][row],
        .value = sample_value_join(block->pages[PAGE_FLAGS][row],
                                   block->pages[PAGE_TEMPLATE][row]),
        .sequence = (uint64_t)block->pages[PAGE_RANK][row],
    };
    return STATUS_OK;
}

static enum status read_samples(struct reading *reading, struct segment_block *block)
{
    static const enum block_page pages[] = {PAGE_TIME, PAGE_RANK, PAGE_LEVEL, PAGE_FLAGS,
                                            PAGE_TEMPLATE};
    const int64_t *numbers;
    const uint32_t *sources;
    enum status status = segment_block_sources(block, &sources, reading->err);

    for (size_t i = 0; i < COUNT_OF(pages) && status == STATUS_OK; i++)
        status = segment_block_page(block, pages[i], &numbers, reading->err);
    for (uint32_t row = 0; row < block->base.row_count && status == STATUS_OK; row++)
        if (bit_get(block->base.selected, row))
            status = read_sample(reading, block, row);
    return status;
}

/* ---- a whole segment ---- */

static enum status make_maps(struct reading *reading)
{
    const struct segment *segment = reading->segment;

    reading->sources = malloc(((size_t)segment->source_count + 1) * sizeof(*reading->sources));
    reading->formats = malloc(((size_t)segment->format_count + 1) * sizeof(*reading->formats));
    reading->runs = malloc(((size_t)segment->series_count + 1) * sizeof(*reading->runs));
    if (reading->sources == NULL || reading->formats == NULL || reading->runs == NULL)
        return no_memory(reading->err);
    memset(reading->sources, 0xff, segment->source_count * sizeof(*reading->sources));
    memset(reading->formats, 0xff, segment->format_count * sizeof(*reading->formats));
    memset(reading->runs, 0xff, segment->series_count * sizeof(*reading->runs));
    return begin_piece(reading) ? STATUS_OK : no_memory(reading->err);
}

static enum status read_block(struct reading *reading, uint32_t index)
{
    struct segment_block *block;
    uint32_t all;
    enum status status = segment_block_new(reading->segment, index, &block, reading->err);

    if (status != STATUS_OK)
        return status;
    all = block->base.row_count;
    status = segment_block_check(reading->segment, index, NULL, reading->err);
    if (status == STATUS_OK)
        status = masks_apply(reading->masks, reading->mask_count, &block->base, reading->err);
    if (status == STATUS_OK && block->base.samples)
        reading->set->samples_masked += all - block->base.selected_count;
    else if (status == STATUS_OK)
        reading->set->rows_masked += all - block->base.selected_count;
    if (status == STATUS_OK && block->base.selected_count > 0)
        status = block->base.samples ? read_samples(reading, block) : read_events(reading, block);
    block_release(&block->base);
    return status;
}

enum status row_set_add(struct row_set *set, struct segment *segment, const struct mask *masks,
                        uint32_t mask_count, struct error *err)
{
    struct error local = {0};
    struct reading reading = {.set = set,
                              .segment = segment,
                              .masks = masks,
                              .mask_count = mask_count,
                              .line = buf_empty(SEGMENT_PAGE_SIZE_MAX),
                              .err = err == NULL ? &local : err};
    enum status status = make_maps(&reading);

    for (uint32_t i = 0; i < segment->block_count && status == STATUS_OK; i++) {
        status = read_block(&reading, i);
        (void)cpu_pace_rest();
    }
    free(reading.sources);
    free(reading.formats);
    free(reading.runs);
    buf_release(&reading.line);
    return status;
}

/* ---- the order that the writer wants ---- */

/* Samples go to the places of their runs. */
static bool sort_samples(struct row_set *set)
{
    uint64_t *places = NULL;

    set->samples = spare_take(set->sample_count * sizeof(*set->samples));
    if (set->samples == NULL || !sample_runs_sort(&set->runs, &places))
        return false;
    for (uint32_t i = 0; i < set->part_count; i++) {
        const struct sample_part *part = &set->parts[i];

        memcpy(&set->samples[places[part->run]], part->first,
               part->count * sizeof(*set->samples));
        places[part->run] += part->count;
    }
    free(places);
    release_pieces(set);
    sample_runs_order(&set->runs, set->samples);
    return true;
}

enum status row_set_content(struct row_set *set, const struct segment_names *names,
                            struct segment_content *out, struct error *err)
{
    if (set->row_count > 0)
        qsort(set->rows, set->row_count, sizeof(*set->rows), segment_row_compare);
    if (set->sample_count > 0 && !sort_samples(set))
        return no_memory(err);
    *out = (struct segment_content){
        .rows = set->rows,
        .runs = set->runs.items,
        .samples = set->samples,
        .sources = set->sources,
        .formats = set->formats,
        .names = names,
        .row_count = set->row_count,
        .sample_count = set->sample_count,
        .run_count = set->runs.count,
        .source_count = set->source_count,
        .format_count = set->format_count,
    };
    return STATUS_OK;
}
