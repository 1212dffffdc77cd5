/* store/segment_check_fields.c -- the fields of sampled rows at seal.
 *
 * Row by row from the columns that the comparison of lines has loaded: a column of each field of a
 * block, as a query asks for it, would be made for thousands of rows to look at a few. */
#include "store/segment_check_fields.h"

#include "store/segment_fields.h"
#include "store/slot_match.h"

static struct slice text_of(const struct event *event, const struct event_field *field)
{
    return field->text.data != NULL ? field->text
                                    : slice_sub(event->bytes, field->start, field->len);
}

/* A field that occurs twice in an event means its first place. */
static bool is_first_place(const struct event_field *fields, uint32_t at)
{
    for (uint32_t i = 0; i < at; i++)
        if (fields[i].field == fields[at].field)
            return false;
    return true;
}

static const struct segment_field *find_field(const struct segment_family *family, field_id name)
{
    const struct segment_field *found = NULL;

    for (uint32_t i = 0; i < family->field_count; i++) {
        const struct segment_field *field = &family->fields[i];

        if (field->field == name && (found == NULL || field->place < found->place))
            found = field;
    }
    return found;
}

/* The order that is known, if it is that of these fields in this family. */
static bool is_known(const struct field_order *order, const struct segment_family *family,
                     const struct event_field *fields, uint32_t count)
{
    bool known = order->family == family && order->count == count;

    for (uint32_t i = 0; i < count && known; i++)
        known = order->places[i].name == fields[i].field;
    return known;
}

static void find_order(struct field_order *order, const struct segment_family *family,
                       const struct event_field *fields, uint32_t count)
{
    if (is_known(order, family, fields, count))
        return;
    order->family = family;
    order->count = count;
    for (uint32_t i = 0; i < count; i++)
        order->places[i] = (struct field_place){.name = fields[i].field,
                                                .found = find_field(family, fields[i].field),
                                                .repeated = !is_first_place(fields, i)};
}

/* What the values of a row are looked up by. */
struct checked_row {
    struct segment_block *block;
    const struct segment_family *family;
    const struct segment_values *values; /* by column */
    uint32_t section, template;
    uint32_t index; /* of the row in the section */
};

/* Where [at, end) goes on behind a part of the row's line, which it should begin with; NULL: it does
 * not. */
static const char *match_part(const struct checked_row *row, const struct line_part *part,
                              const char *at, const char *end)
{
    const struct segment_template *template = &row->block->segment->templates[row->template];
    const uint32_t *ends = template->gap_ends;
    uint32_t gap = part->begin_gap, from = (gap > 0 ? ends[gap - 1] : 0) + part->begin_offset;

    for (;; gap++) {
        uint32_t to =
            gap == part->end_gap ? (gap > 0 ? ends[gap - 1] : 0) + part->end_offset : ends[gap];
        char room[SLOT_WRITE_MAX];
        struct slice text;

        at = match_bytes(at, end, template->literals + from, to - from);
        if (at == NULL || gap == part->end_gap)
            return at;
        text = segment_value_text(row->block, &row->family->columns[gap], &row->values[gap],
                                  row->index, room);
        at = match_bytes(at, end, text.data, text.len);
        if (at == NULL)
            return NULL;
        from = ends[gap];
    }
}

/* The text of a computed field, or of the part of the line that the field is. */
static enum status field_equal(const struct checked_row *row, const struct segment_field *field,
                               struct slice expected, bool *equal, struct error *err)
{
    const char *begin = expected.len > 0 ? expected.data : "";
    const struct segment_values *values;
    char room[SLOT_WRITE_MAX];
    enum status status = STATUS_OK;
    struct line_part part;

    if (field->computed) {
        status = segment_block_printable(row->block, row->section, field->begin_gap, &values, err);
        *equal = status == STATUS_OK &&
                 slice_equal(segment_value_text(row->block, &row->family->columns[field->begin_gap],
                                                values, row->index, room),
                             expected);
    } else {
        part = segment_field_part(row->block, row->section, row->template,
                                  (uint32_t)(field - row->family->fields));
        *equal = match_part(row, &part, begin, begin + expected.len) == begin + expected.len;
    }
    return status;
}

/* Lines kept as text have their fields beside them, in the order of the event. */
static enum status text_row_equal(struct segment_block *block, uint32_t section, uint32_t row,
                                  const struct event *event, const struct event_field *fields,
                                  bool *equal, struct error *err)
{
    const struct segment *segment = block->segment;
    const struct segment_values *blobs;
    enum status status = segment_block_values(
        block, section, segment_family_of(block, section)->slot_count, &blobs, err);
    struct slice rest;

    if (status != STATUS_OK)
        return status;
    rest = blobs->texts[row - block->entry->sections[section].first_row];
    for (uint32_t i = 0; i < event->field_count && *equal; i++) {
        const struct event_field *field = &fields[i];
        struct event_field got;

        if (!segment_field_take(&rest, event->bytes.len, segment->field_count, &got))
            return error_set(err, STATUS_CORRUPT, "fields of a line do not read back");
        *equal = segment->fields[got.field] == field->field && got.type == field->type &&
                 got.unit == field->unit &&
                 (got.text.data != NULL) == (field->text.data != NULL) &&
                 slice_equal(text_of(event, &got), text_of(event, field));
    }
    *equal = *equal && rest.len == 0;
    return STATUS_OK;
}

enum status segment_fields_equal(struct segment_block *block, uint32_t section, uint32_t row,
                                 const struct event *event, const struct event_field *fields,
                                 struct field_order *order, bool *equal, struct error *err)
{
    const struct segment_family *family = segment_family_of(block, section);
    const struct checked_row checked = {
        .block = block,
        .family = family,
        .values = block->values[section],
        .section = section,
        .template = block->templates[row],
        .index = row - block->entry->sections[section].first_row,
    };
    enum status status = STATUS_OK;

    *equal = true;
    if (family->as_text)
        return text_row_equal(block, section, row, event, fields, equal, err);
    find_order(order, family, fields, event->field_count);
    *equal = family->field_count == event->field_count;
    for (uint32_t i = 0; i < event->field_count && *equal && status == STATUS_OK; i++) {
        const struct segment_field *field = order->places[i].found;

        if (order->places[i].repeated)
            continue;
        *equal = field != NULL && field->type == fields[i].type && field->unit == fields[i].unit;
        if (*equal)
            status = field_equal(&checked, field, text_of(event, &fields[i]), equal, err);
    }
    return status;
}
