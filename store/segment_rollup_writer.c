/* store/segment_rollup_writer.c -- rollups of a segment being written. Values that are numbers in their
 * columns are taken from there, others are read from the texts of the events. */
#include "store/segment_rollup.h"

#include "store/segment_writer.h"
#include "store/slot_number.h"

#include <stdlib.h>

enum { PREFETCH_ROWS = 12 };

void segment_rollup_begin(struct segment_writer *writer)
{
    const struct segment_content *content = writer->content;
    const struct event_source **sources =
        malloc(((size_t)content->source_count + 1) * sizeof(*sources));

    for (uint32_t i = 0; i < content->source_count && sources != NULL; i++)
        sources[i] = &content->sources[i];
    if (sources != NULL && content->source_count <= ROLLUP_ORIGINS_MAX)
        writer->origins = rollup_origins(sources, content->source_count);
    free(sources);
    rollup_builder_init(&writer->rollup, writer->origins, writer->summary.time_min_ns,
                        writer->summary.time_max_ns);
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
    const struct gathered_column *column; /* whose numbers it is; NULL: read its texts */
};

struct rolled_fields {
    struct rolled_field fields[ROLLUP_FIELDS_MAX];
    uint32_t count;
    bool texts; /* of some */
};

/* The column that is exactly the field in all templates of the family, and a number. */
static const struct gathered_column *find_column(const struct segment_writer *writer,
                                                 uint32_t number, uint32_t index)
{
    const struct family_set *set = &writer->rows.set;
    const struct family *family = &set->families[number];
    const struct shape_field *shape = &family->fields[index];
    const struct gathered_column *column;

    if (shape->computed || shape->end_gap != shape->begin_gap + 1)
        return NULL;
    column = &writer->gathered[number].columns[shape->begin_gap];
    if (column->class != CLASS_DECIMALS &&
        (column->class != CLASS_NUMBERS || column->kind.type != SLOT_INT))
        return NULL;
    for (uint32_t i = 0; i < family->template_count; i++) {
        const struct template *template = set->templates[family->first_template + i];
        const struct shape_field *field = &template->fields[index];

        if (field->begin_gap != shape->begin_gap || field->end_gap != shape->end_gap ||
            field->begin_offset != template_gap(template, shape->begin_gap).len ||
            field->end_offset != 0)
            return NULL;
    }
    return column;
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
        *field = (struct rolled_field){&family->fields[i], find_column(writer, number, i)};
        out->texts = out->texts || field->column == NULL;
        out->count++;
    }
}

static bool number_of(const struct rolled_field *field, uint32_t index, struct value *out)
{
    const struct gathered_column *column = field->column;

    if (column == NULL)
        return false;
    if (column->class == CLASS_DECIMALS)
        return slot_decimal_value(column->numbers[index], column->scales[index],
                                  field->shape->type, field->shape->unit, out);
    return slot_int_value(column->numbers[index], field->shape->type, field->shape->unit, out);
}

static bool number_of_text(const struct rolled_field *field, const struct event *event,
                           const struct event_field *all, struct value *out)
{
    const struct event_field *at = &all[field->shape->source];
    struct slice text =
        at->text.data != NULL ? at->text : slice_sub(event->bytes, at->start, at->len);

    return value_of_text(text, field->shape->type, field->shape->unit, out);
}

/* Values of row `index` of the family. */
static void add_values(struct segment_writer *writer, const struct rolled_fields *fields,
                       uint32_t index, uint32_t row)
{
    const struct segment_row *content = &writer->content->rows[row];
    struct event_field room[EVENT_FIELDS_MAX];
    const struct event_field *all = NULL;

    for (uint32_t i = 0; i < fields->count; i++) {
        struct value value;

        if (!number_of(&fields->fields[i], index, &value)) {
            if (all == NULL)
                all = segment_row_fields(writer->content, content, room);
            if (!number_of_text(&fields->fields[i], content->event, all, &value))
                continue;
        }
        rollup_add_value(&writer->rollup, i, writer->row_sources[row], writer->times[row],
                         value.whole);
    }
}

void segment_rollup_add(struct segment_writer *writer, uint32_t family)
{
    const struct shaped_rows *rows = &writer->rows;
    const struct segment_row *content = writer->content->rows;
    const uint32_t *order = rows->order + rows->family_start[family];
    bool as_text = family == rows->set.family_count;
    uint32_t count = segment_family_rows(writer, family);
    struct rolled_fields fields = {.count = 0};
    field_id names[ROLLUP_FIELDS_MAX];

    if (!as_text)
        find_fields(writer, family, &fields);
    for (uint32_t i = 0; i < fields.count; i++)
        names[i] = fields.fields[i].shape->field;
    rollup_begin_family(&writer->rollup, family, names, fields.count);
    for (uint32_t i = 0; i < count && !writer->rollup.given_up; i++) {
        uint32_t row = order[i];

        rollup_add_row(&writer->rollup, writer->row_sources[row],
                       as_text ? content[row].event->format : rows->set.families[family].format,
                       writer->levels[row], writer->times[row]);
        if (fields.texts && i + PREFETCH_ROWS < count)
            __builtin_prefetch(content[order[i + PREFETCH_ROWS]].event);
        if (fields.count > 0)
            add_values(writer, &fields, i, row);
    }
    rollup_end_family(&writer->rollup);
}

bool segment_rollup_put(struct segment_writer *writer)
{
    struct buf *out = &writer->directory, *page = &writer->pages.scratch;
    uint32_t count = writer->rollup.given_up ? 0 : writer->rollup.name_count;
    bool fine;

    buf_reset(page);
    fine = rollup_counts_encode(&writer->rollup, page) &&
           page_writer_put(&writer->pages, REGION_ROLLUP, buf_slice(page), out) &&
           buf_append_varint(out, count);
    for (uint32_t i = 0; i < count && fine; i++) {
        buf_reset(page);
        fine = buf_append_varint(out, segment_field_number(writer, writer->rollup.names[i].field)) &&
               rollup_values_encode(&writer->rollup, i, page) &&
               page_writer_put(&writer->pages, REGION_ROLLUP, buf_slice(page), out);
    }
    return fine;
}

void segment_rollup_release(struct segment_writer *writer)
{
    rollup_builder_release(&writer->rollup);
    free(writer->origins);
    writer->origins = NULL;
}
