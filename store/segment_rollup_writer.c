/* store/segment_rollup_writer.c -- rollups of a segment being written. Values that are numbers in
 * their columns are taken from there, others are read from the texts of the events. */
#include "store/segment_rollup.h"

#include "store/field_number.h"
#include "store/rollup_encode.h"
#include "store/rollup_merge.h"
#include "store/segment_writer.h"

#include <stdlib.h>

#define SUMS_ARENA_MAX   ((size_t)64 << 20)
#define VALUES_ARENA_MAX ((size_t)128 << 20)

void segment_rollup_begin(struct segment_writer *writer)
{
    const struct segment_content *content = writer->content;
    const struct event_source **sources =
        malloc(((size_t)content->source_count + 1) * sizeof(*sources));

    for (uint32_t i = 0; i < content->source_count && sources != NULL; i++)
        sources[i] = &content->sources[i];
    if (sources != NULL && content->source_count <= ROLLUP_ORIGINS_MAX) {
        writer->origins = rollup_origins(sources, content->source_count);
        writer->groups = rollup_groups(sources, content->source_count);
    }
    free(sources);
    rollup_builder_init(&writer->rollup, writer->origins, writer->summary.time_min_ns,
                        writer->summary.time_max_ns);
    rollup_sums_init(&writer->sums, writer->groups, content->source_count,
                     writer->summary.time_min_ns);
}

static bool is_first_place(const struct family *family, uint32_t index)
{
    for (uint32_t i = 0; i < family->field_count; i++)
        if (family->fields[i].field == family->fields[index].field &&
            family->fields[i].source < family->fields[index].source)
            return false;
    return true;
}

/* A duration or size of the family at hand. */
struct rolled_field {
    const struct shape_field *shape;
    struct field_number number;
    struct number_slot slots[FIELD_NUMBER_SLOTS_MAX]; /* their numbers; NONE: read its texts */
};

struct rolled_fields {
    struct rolled_field fields[ROLLUP_FIELDS_MAX];
    uint32_t count;
    bool texts;                            /* of some */
    bool has_tenants;
    const struct gathered_column *tenants; /* as codes; NULL: none, or not all as codes */
};

/* The numbers of the field, if it is made of slots that hold numbers in all templates of the
 * family. */
static void find_number(const struct segment_writer *writer, uint32_t number, uint32_t index,
                        struct rolled_field *out)
{
    const struct family_set *set = &writer->rows.set;
    const struct family *family = &set->families[number];
    const struct shape_field *shape = &family->fields[index];

    *out = (struct rolled_field){.shape = shape};
    if (shape->computed)
        return;
    out->number = field_number_begin(shape->begin_gap, shape->end_gap, shape->type, shape->unit);
    for (uint32_t i = 0; i < family->template_count; i++) {
        const struct template *template = set->templates[family->first_template + i];
        const struct field_cut cut = {template->literals, template->gap_ends,
                                      template->fields[index].begin_offset,
                                      template->fields[index].end_offset};

        field_number_join(&out->number, &cut);
    }
    for (uint32_t i = 0; out->number.form != FIELD_NUMBER_NONE && i < out->number.slot_count; i++) {
        const struct gathered_column *column =
            &writer->gathered[number].columns[shape->begin_gap + i];

        out->slots[i] = (struct number_slot){
            (column->class == CLASS_NUMBERS || column->class == CLASS_DECIMALS) &&
                    field_number_takes(&out->number, column->kind)
                ? column->numbers
                : NULL,
            column->class == CLASS_DECIMALS ? column->scales : NULL};
    }
    if (!field_number_fits(&out->number, out->slots))
        out->number.form = FIELD_NUMBER_NONE;
}

/* In the order of the family's fields. */
static void find_fields(const struct segment_writer *writer, uint32_t number,
                        struct rolled_fields *out)
{
    const struct family *family = &writer->rows.set.families[number];

    for (uint32_t i = 0; i < family->field_count && out->count < ROLLUP_FIELDS_MAX; i++) {
        struct rolled_field *field = &out->fields[out->count];

        if ((family->fields[i].type != FIELD_DURATION && family->fields[i].type != FIELD_BYTES) ||
            !is_first_place(family, i))
            continue;
        find_number(writer, number, i, field);
        out->texts = out->texts || field->number.form == FIELD_NUMBER_NONE;
        out->count++;
    }
}

/* The dictionary that is exactly the field in all templates of the family; NULL: there is none. */
static const struct gathered_column *find_dict(const struct segment_writer *writer, uint32_t number,
                                               uint32_t index)
{
    const struct family_set *set = &writer->rows.set;
    const struct family *family = &set->families[number];
    const struct shape_field *shape = &family->fields[index];
    uint32_t column = shape->begin_gap;

    if (shape->computed) /* behind the slots, in the order of the fields, of which they are the last
                          */
        column = family->slot_count + index - (family->field_count - family->computed_count);
    else if (shape->end_gap != shape->begin_gap + 1)
        return NULL;
    for (uint32_t i = 0; i < family->template_count && !shape->computed; i++) {
        const struct template *template = set->templates[family->first_template + i];

        if (template->fields[index].begin_offset != template_gap(template, column).len ||
            template->fields[index].end_offset != 0)
            return NULL;
    }
    return writer->gathered[number].columns[column].class == CLASS_CODES
               ? &writer->gathered[number].columns[column]
               : NULL;
}

static void find_tenants(const struct segment_writer *writer, uint32_t number,
                         struct rolled_fields *out)
{
    const struct family *family = &writer->rows.set.families[number];

    for (uint32_t i = 0; i < family->field_count; i++)
        if (family->fields[i].field == FIELD_ID_TENANT && is_first_place(family, i)) {
            out->has_tenants = true;
            out->tenants =
                family->fields[i].type == FIELD_TEXT ? find_dict(writer, number, i) : NULL;
        }
}

/* Rows of the family go to the sums by tenant unless its tenants are anything but codes. */
static void begin_sums(struct segment_writer *writer, uint32_t number, const field_id *names,
                       const struct rolled_fields *fields)
{
    struct rollup_sums_family sums = {.family = number,
                                      .format = writer->rows.set.families[number].format,
                                      .field_count = fields->count,
                                      .fields = names,
                                      .tenants = fields->has_tenants};

    if (!fields->has_tenants || fields->tenants != NULL)
        rollup_sums_begin(&writer->sums, &sums);
}

static void begin_family(struct segment_writer *writer, uint32_t family,
                         const struct rolled_fields *fields)
{
    field_id names[ROLLUP_FIELDS_MAX];

    for (uint32_t i = 0; i < fields->count; i++)
        names[i] = fields->fields[i].shape->field;
    rollup_begin_family(&writer->rollup, family, names, fields->count);
    writer->sums.at = NULL;
    if (family != writer->rows.set.family_count)
        begin_sums(writer, family, names, fields);
}

static int64_t number_of_text(const struct segment_writer *writer, const struct rolled_field *field,
                              uint32_t row)
{
    struct event_field room[EVENT_FIELDS_MAX];
    struct event event = segment_row_event(writer->content, &writer->facts[row], room);
    const struct event_field *at = &event.fields[field->shape->source];
    struct slice text =
        at->text.data != NULL ? at->text : slice_sub(event.bytes, at->start, at->len);
    struct value value;

    if (!value_of_text(text, field->shape->type, field->shape->unit, &value))
        return ROLLUP_NO_VALUE;
    return value.whole < 0 ? -1 : value.whole; /* as bad as any other negative one */
}

/* A batch of the rows of a part, from row `first` of them, which is row `at` of the block. */
struct rolled_batch {
    uint32_t first, at, count;
    const uint32_t *rows;
    uint64_t keys[ROLLUP_BATCH_ROWS];
    uint32_t tenants[ROLLUP_BATCH_ROWS];
    int64_t values[ROLLUP_BATCH_ROWS];
};

static void add_values(struct segment_writer *writer, const struct rolled_fields *fields,
                       struct rolled_batch *batch)
{
    if (fields->texts) /* rows lie anywhere in memory */
        for (uint32_t i = 0; i < batch->count; i++)
            __builtin_prefetch(&writer->facts[batch->rows[i]]);
    for (uint32_t k = 0; k < fields->count; k++) {
        const struct rolled_field *field = &fields->fields[k];
        bool is_number = field->number.form != FIELD_NUMBER_NONE;

        for (uint32_t i = 0; i < batch->count; i++)
            if (!is_number || !field_number_whole(&field->number, field->slots, batch->first + i,
                                                  &batch->values[i]))
                batch->values[i] = number_of_text(writer, field, batch->rows[i]);
        rollup_add_values(&writer->rollup, k, batch->keys, batch->values, batch->count);
        rollup_sums_add_values(&writer->sums, k, batch->values, batch->count);
    }
}

static void fill_keys(const struct segment_writer *writer, uint32_t family,
                      struct rolled_batch *batch)
{
    const int64_t *times = segment_page_numbers(writer, PAGE_TIME) + batch->at;
    const int64_t *sources = segment_page_numbers(writer, PAGE_SOURCE) + batch->at;
    const int64_t *levels = segment_page_numbers(writer, PAGE_LEVEL) + batch->at;
    const int64_t *templates = segment_page_numbers(writer, PAGE_TEMPLATE) + batch->at;
    bool as_text = family == writer->rows.set.family_count;
    uint32_t format = as_text ? 0 : writer->rows.set.families[family].format;

    for (uint32_t i = 0; i < batch->count; i++) {
        if (as_text)
            format = (uint32_t)templates[i];
        batch->keys[i] = rollup_key(&writer->rollup, (uint32_t)sources[i], format,
                                    (uint32_t)levels[i], times[i]);
    }
}

static void add_batch(struct segment_writer *writer, const struct rolled_fields *fields,
                      struct rolled_batch *batch)
{
    for (uint32_t i = 0; i < batch->count && fields->tenants != NULL; i++)
        batch->tenants[i] = fields->tenants->list[fields->tenants->numbers[batch->first + i]];
    rollup_add_rows(&writer->rollup, batch->keys, batch->count);
    rollup_sums_add_rows(&writer->sums, batch->keys,
                         fields->tenants != NULL ? batch->tenants : NULL, batch->count);
    if (fields->count > 0)
        add_values(writer, fields, batch);
}

void segment_rollup_add(struct segment_writer *writer, const struct block_part *part, uint32_t at)
{
    const uint32_t *rows = segment_part_rows(writer, part);
    struct rolled_fields fields = {.count = 0};
    struct rolled_batch batch; /* filled piece by piece */

    if (writer->rollup.given_up)
        return;
    if (part->family != writer->rows.set.family_count) {
        find_fields(writer, part->family, &fields);
        find_tenants(writer, part->family, &fields);
    }
    if (part->first == 0)
        begin_family(writer, part->family, &fields);
    for (batch.first = 0; batch.first < part->count; batch.first += batch.count) {
        uint32_t left = part->count - batch.first;

        batch.rows = rows + batch.first;
        batch.at = at + batch.first;
        batch.count = left < ROLLUP_BATCH_ROWS ? left : (uint32_t)ROLLUP_BATCH_ROWS;
        fill_keys(writer, part->family, &batch);
        add_batch(writer, &fields, &batch);
    }
    if (part->first + part->count == segment_family_rows(writer, part->family))
        rollup_end_family(&writer->rollup);
}

/* Families that a page of the field keeps together: those of one format in which it has one type. */
static void find_kinds(const struct segment_writer *writer, field_id field, uint32_t *kinds)
{
    const struct family_set *set = &writer->rows.set;

    for (uint32_t i = 0; i < set->family_count; i++) {
        const struct family *family = &set->families[i];

        kinds[i] = ROLLUP_KIND_NONE;
        for (uint32_t k = 0; k < family->field_count; k++)
            if (family->fields[k].field == field && is_first_place(family, k))
                kinds[i] = family->format << 8 | family->fields[k].type;
    }
}

/* Values by bunches, of the names of the builder; those without families are not kept. */
static bool merge_values(struct segment_writer *writer, struct arena *arena,
                         struct rollup_values *out)
{
    uint32_t *kinds = arena_new(arena, uint32_t, (size_t)writer->rows.set.family_count + 1);
    bool fine = kinds != NULL;

    for (uint32_t i = 0; i < writer->rollup.name_count && fine; i++) {
        struct rollup_values values;

        rollup_built_values(&writer->rollup, i, &values);
        find_kinds(writer, writer->rollup.names[i].field, kinds);
        fine = rollup_values_merge(&values, kinds, false, arena, &out[i]);
        if (fine && !rollup_values_fit(&out[i]))
            out[i].family_count = 0;
    }
    return fine;
}

static bool put_values(struct segment_writer *writer)
{
    struct buf *out = &writer->directory, *page = &writer->pages.scratch;
    struct rollup_values values[ROLLUP_NAMES_MAX];
    struct arena arena = arena_empty(VALUES_ARENA_MAX);
    uint32_t names = writer->rollup.given_up ? 0 : writer->rollup.name_count, count = 0;
    bool fine = names == 0 || merge_values(writer, &arena, values);

    for (uint32_t i = 0; i < names && fine; i++)
        count += values[i].family_count > 0;
    fine = fine && buf_append_varint(out, count);
    for (uint32_t i = 0; i < names && fine; i++) {
        if (values[i].family_count == 0)
            continue;
        buf_reset(page);
        fine = buf_append_varint(out,
                                 segment_field_number(writer, writer->rollup.names[i].field)) &&
               rollup_values_encode(&values[i], page) &&
               page_writer_put(&writer->pages, REGION_ROLLUP, buf_slice(page), out);
    }
    arena_release(&arena);
    return fine;
}

/* An empty page if there is nothing worth keeping. */
static bool put_sums(struct segment_writer *writer)
{
    struct buf *out = &writer->directory, *page = &writer->pages.scratch;
    struct arena arena = arena_empty(SUMS_ARENA_MAX);
    struct rollup_sums sums;
    bool fine = rollup_sums_built(&writer->sums, writer->gathering.texts.final, &arena, &sums);

    buf_reset(page);
    if (fine && sums.bunch_count > 0 && rollup_sums_fit(&sums)) {
        field_id *fields = arena_new(&arena, field_id, (size_t)sums.field_count + 1);

        fine = fields != NULL;
        for (uint32_t i = 0; i < sums.field_count && fine; i++)
            fields[i] = segment_field_number(writer, sums.fields[i]);
        sums.fields = fields;
        fine = fine && rollup_sums_encode(&sums, page);
    }
    arena_release(&arena);
    return fine && page_writer_put(&writer->pages, REGION_ROLLUP, buf_slice(page), out);
}

bool segment_rollup_put(struct segment_writer *writer)
{
    struct buf *out = &writer->directory, *page = &writer->pages.scratch;
    struct rollup_counts counts;

    buf_reset(page);
    rollup_built_counts(&writer->rollup, &counts);
    if (counts.unit_count > 0 && rollup_counts_fit(&counts) && !rollup_counts_encode(&counts, page))
        return false;
    return page_writer_put(&writer->pages, REGION_ROLLUP, buf_slice(page), out) &&
           put_values(writer) && put_sums(writer);
}

void segment_rollup_release(struct segment_writer *writer)
{
    rollup_builder_release(&writer->rollup);
    rollup_sums_release(&writer->sums);
    free(writer->groups);
    writer->groups = NULL;
    free(writer->origins);
    writer->origins = NULL;
}
