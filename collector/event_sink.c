/* collector/event_sink.c -- the array of events grows in its arena. */
#include "collector/event_sink.h"

bool event_sink_reserve(struct event_sink *sink)
{
    uint32_t capacity = sink->capacity == 0 ? 64 : sink->capacity * 2;
    struct event *events;

    if (sink->count < sink->capacity)
        return true;
    events = arena_take(sink->arena, sizeof(*events), _Alignof(struct event), capacity);
    if (events == NULL)
        return false;
    if (sink->count > 0)
        memcpy(events, sink->events, sink->count * sizeof(*events));
    sink->events = events;
    sink->capacity = capacity;
    return true;
}

enum status event_sink_refuse(const struct event_sink *sink, struct error *err)
{
    return error_set(err,
                     sink->arena->allocated >= sink->arena->size_max / 2 ? STATUS_TOO_LARGE
                                                                         : STATUS_NO_MEMORY,
                     "no room for the events of a batch");
}
