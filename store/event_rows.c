/* store/event_rows.c -- facts of events, source by source.
 *
 * The rows of a source look alike: read one behind the other they take the same paths through the
 * tree of templates, and lie close together where they were made. */
#include "store/event_rows.h"

#include "base/spare.h"

#include <stdlib.h>

static const struct event_field *fields_of(void *user, uint32_t place, struct event_field *room,
                                           uint32_t *count)
{
    const struct segment_row *rows = user;

    (void)room;
    *count = rows[place].event->field_count;
    return rows[place].event->fields;
}

static struct row_facts facts_of(const struct segment_row *row, uint32_t place)
{
    const struct event *event = row->event;

    return (struct row_facts){
        .time_ns = event->time_ns,
        .order_distance_ns = (int64_t)((uint64_t)row->order_time_ns - (uint64_t)event->time_ns),
        .sequence = row->sequence,
        .offset = event->offset,
        .bytes = event->bytes.data,
        .size = (uint32_t)event->bytes.len,
        .source_len = event->source_len,
        .source = event->source,
        .place = place,
        .format = event->format,
        .level = event->level,
        .flags = event->flags,
    };
}

/* A counting sort: `next` is by source. */
static void fill(struct event_rows *rows, uint32_t *next)
{
    const struct segment_content *content = &rows->content;
    uint32_t count = (uint32_t)content->row_count, sum = 0;

    for (uint32_t i = 0; i < count; i++)
        next[content->rows[i].event->source]++;
    for (uint32_t i = 0; i < content->source_count; i++) {
        uint32_t of_source = next[i];

        next[i] = sum;
        sum += of_source;
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = next[content->rows[i].event->source]++;

        content->facts[at] = facts_of(&content->rows[i], i);
        rows->order[i] = at;
    }
}

enum status event_rows_make(struct event_rows *rows, const struct segment_content *content,
                            struct error *err)
{
    uint64_t count = content->row_count;
    uint32_t *next = calloc((size_t)content->source_count + 1, sizeof(*next));

    *rows = (struct event_rows){.content = *content};
    if (count <= SEGMENT_ROWS_MAX) {
        rows->facts_memory = spare_take(row_facts_size(count));
        rows->order = spare_take((count + 1) * sizeof(*rows->order));
    }
    if (rows->facts_memory == NULL || rows->order == NULL || next == NULL) {
        free(next);
        event_rows_release(rows);
        return error_set(err, STATUS_NO_MEMORY, "no memory to write a segment of %llu rows",
                         (unsigned long long)count);
    }
    rows->content.facts = row_facts_in(rows->facts_memory);
    rows->content.order = rows->order;
    rows->content.fields = fields_of;
    rows->content.fields_user = (void *)(uintptr_t)content->rows;
    fill(rows, next);
    free(next);
    return STATUS_OK;
}

void event_rows_release(struct event_rows *rows)
{
    spare_give(rows->facts_memory);
    spare_give(rows->order);
    *rows = (struct event_rows){0};
}
