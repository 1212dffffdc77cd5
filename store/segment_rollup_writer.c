/* store/segment_rollup_writer.c -- rollups of a segment being written. Values are read from the texts of
 * the events, not from the columns: so the check, which counts the columns, compares two ways. */
#include "store/segment_rollup.h"

#include "store/segment_writer.h"
#include "store/value.h"

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

/* The family's durations and sizes, in the order of its fields. */
static uint32_t find_fields(const struct family *family,
                            const struct shape_field *fields[ROLLUP_FIELDS_MAX])
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < family->field_count && count < ROLLUP_FIELDS_MAX; i++)
        if ((family->fields[i].type == FIELD_DURATION || family->fields[i].type == FIELD_BYTES) &&
            is_first_place(family, i))
            fields[count++] = &family->fields[i];
    return count;
}

static void add_values(struct segment_writer *writer, uint32_t row,
                       const struct shape_field *const *fields, uint32_t count)
{
    const struct segment_row *content = &writer->content->rows[row];
    const struct event *event = content->event;
    struct event_field room[EVENT_FIELDS_MAX];
    const struct event_field *all = segment_row_fields(writer->content, content, room);

    for (uint32_t i = 0; i < count; i++) {
        const struct event_field *field = &all[fields[i]->source];
        struct slice text = field->text.data != NULL
                                ? field->text
                                : slice_sub(event->bytes, field->start, field->len);
        struct value value;

        if (value_of_text(text, fields[i]->type, fields[i]->unit, &value))
            rollup_add_value(&writer->rollup, i, writer->row_sources[row], writer->times[row],
                             value.whole);
    }
}

void segment_rollup_add(struct segment_writer *writer, uint32_t family)
{
    const struct shaped_rows *rows = &writer->rows;
    const struct segment_row *content = writer->content->rows;
    const uint32_t *order = rows->order + rows->family_start[family];
    const struct shape_field *fields[ROLLUP_FIELDS_MAX];
    field_id names[ROLLUP_FIELDS_MAX];
    bool as_text = family == rows->set.family_count;
    uint32_t count = segment_family_rows(writer, family);
    uint32_t field_count = as_text ? 0 : find_fields(&rows->set.families[family], fields);

    for (uint32_t i = 0; i < field_count; i++)
        names[i] = fields[i]->field;
    rollup_begin_family(&writer->rollup, family, names, field_count);
    for (uint32_t i = 0; i < count && !writer->rollup.given_up; i++) {
        uint32_t row = order[i];

        rollup_add_row(&writer->rollup, writer->row_sources[row],
                       as_text ? content[row].event->format : rows->set.families[family].format,
                       writer->levels[row], writer->times[row]);
        if (field_count == 0)
            continue;
        if (i + PREFETCH_ROWS < count)
            __builtin_prefetch(content[order[i + PREFETCH_ROWS]].event);
        add_values(writer, row, fields, field_count);
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
