/* store/segment_check_fields.c -- the fields of sampled rows at seal.
 *
 * Row by row from the columns that the comparison of lines has loaded: a column of each field of a
 * block, as a query asks for it, would be made for thousands of rows to look at a few. */
#include "store/segment_check_fields.h"

#include "store/segment_fields.h"

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

/* Text of a computed field, or of the part of the line that the field is. */
static enum status write_field(struct segment_block *block, uint32_t section, uint32_t row,
                               const struct segment_field *field, struct buf *out,
                               struct error *err)
{
    const struct segment_family *family = segment_family_of(block, section);
    const struct segment_values *values;
    char room[SLOT_WRITE_MAX];
    struct line_part part;
    enum status status = STATUS_OK;
    bool fine;

    buf_reset(out);
    if (field->computed) {
        status = segment_block_printable(block, section, field->begin_gap, &values, err);
        if (status != STATUS_OK)
            return status;
        row -= block->entry->sections[section].first_row;
        fine = buf_append_slice(out, segment_value_text(block, &family->columns[field->begin_gap],
                                                        values, row, room));
    } else {
        part = segment_field_part(block, section, block->templates[row],
                                  (uint32_t)(field - family->fields));
        fine = segment_append_part(block, section, row, &part, out);
    }
    return fine ? STATUS_OK : error_set(err, STATUS_NO_MEMORY, "no memory to check a segment");
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
                                 struct buf *scratch, bool *equal, struct error *err)
{
    const struct segment_family *family = segment_family_of(block, section);
    enum status status = STATUS_OK;

    *equal = true;
    if (family->as_text)
        return text_row_equal(block, section, row, event, fields, equal, err);
    *equal = family->field_count == event->field_count;
    for (uint32_t i = 0; i < event->field_count && *equal && status == STATUS_OK; i++) {
        const struct segment_field *field = find_field(family, fields[i].field);

        if (!is_first_place(fields, i))
            continue;
        if (field != NULL)
            status = write_field(block, section, row, field, scratch, err);
        *equal = field != NULL && field->type == fields[i].type && field->unit == fields[i].unit &&
                 slice_equal(buf_slice(scratch), text_of(event, &fields[i]));
    }
    return status;
}
