/* collector/event_sink.c -- the array of events grows in its arena, by doubling. Since what it grew
 * out of stays there until the reset, and batches follow batches of their size, it begins as large
 * as the last one became. */
#include "collector/event_sink.h"

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

uint32_t event_sink_expect(const struct event_sink *sink)
{
    return sink->count > sink->capacity / 2 ? sink->capacity : sink->capacity / 2;
}

enum status event_sink_refuse(const struct event_sink *sink, struct error *err)
{
    return error_set(err,
                     sink->arena->allocated >= sink->arena->size_max / 2 ? STATUS_TOO_LARGE
                                                                         : STATUS_NO_MEMORY,
                     "no room for the events of a batch");
}
