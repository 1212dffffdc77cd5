/* collector/event_sink.c -- the array of events grows in its arena, by doubling. Since what it grew
 * out of stays there until the reset, and batches follow batches of their size, it begins as large
 * as the last one became. Fields are encoded while they are at hand: kept as they are until the store
 * does so, they would take more memory than the lines. */
#include "collector/event_sink.h"

#include "store/chunk_encode_fields.h"
#include "store/field_order.h"

#include <assert.h>

enum { EVENTS_MIN = 64 };

bool event_sink_grow(struct event_sink *sink)
{
    uint32_t capacity = sink->expected > EVENTS_MIN ? sink->expected : EVENTS_MIN;
    struct event *events;

    if (sink->capacity > 0)
        capacity = sink->capacity * 2;
    events = arena_take(sink->arena, sizeof(*events), _Alignof(struct event), capacity);
    if (events == NULL)
        return false;
    if (sink->count > 0)
        memcpy(events, sink->events, sink->count * sizeof(*events));
    sink->events = events;
    sink->capacity = capacity;
    return true;
}

static_assert((int)PARSED_FIELDS_MAX <= (int)FOUND_FIELDS_MAX, "its fields are put in order");

/* False: the arena is full, or no memory. */
static bool copy_fields(struct event_sink *sink, struct event *event)
{
    uint8_t places[FOUND_FIELDS_MAX];
    struct event_field *fields = arena_take(sink->arena, sizeof(*fields),
                                            _Alignof(struct event_field), event->field_count);

    if (fields == NULL)
        return false;
    field_order_find(event->fields, event->field_count, places);
    for (uint32_t i = 0; i < event->field_count; i++)
        fields[i] = event->fields[places[i]];
    event->fields = fields;
    return true;
}

static bool encode_fields(struct event_sink *sink, struct event *event)
{
    struct error ignored;
    enum status status;

    event->fields_at = (uint32_t)sink->fields->out.len;
    status = field_encoder_add_found(sink->fields, event, &ignored);
    if (status != STATUS_OK && event->field_count > 0) {
        event->field_count = 0;
        sink->stripped_count++;
        status = field_encoder_add_found(sink->fields, event, &ignored);
    }
    event->fields = NULL;
    return status == STATUS_OK;
}

enum status event_sink_commit(struct event_sink *sink, struct error *err)
{
    struct event *event = &sink->events[sink->count];
    bool fine = sink->fields != NULL ? encode_fields(sink, event)
                                     : event->field_count == 0 || copy_fields(sink, event);

    if (!fine)
        return event_sink_refuse(sink, err);
    sink->count++;
    return STATUS_OK;
}

void event_sink_cut(struct event_sink *sink, uint32_t count)
{
    if (sink->fields != NULL && count < sink->count)
        field_encoder_cut(sink->fields, sink->events[count].fields_at);
    sink->count = count;
}

/* Batches under load are of many sizes: the room for a large one is given back over some thirty
 * smaller ones, since it costs nothing until it is used. */
uint32_t event_sink_expect(const struct event_sink *sink)
{
    uint32_t less = sink->capacity - sink->capacity / 32;

    return sink->count > less ? sink->capacity : less;
}

enum status event_sink_refuse(struct event_sink *sink, struct error *err)
{
    sink->arena->failed = false;
    return error_set(err,
                     sink->arena->allocated >= sink->arena->size_max / 2 ? STATUS_TOO_LARGE
                                                                         : STATUS_NO_MEMORY,
                     "no room for the events of a batch");
}
