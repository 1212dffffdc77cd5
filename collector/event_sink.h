/* collector/event_sink.h -- where a parser puts finished events.
 *
 * Thread safety: one thread at a time per sink. */
#ifndef DENDRO_COLLECTOR_EVENT_SINK_H
#define DENDRO_COLLECTOR_EVENT_SINK_H

#include "base/arena.h"
#include "base/error.h"
#include "collector/derive.h"
#include "collector/format.h"
#include "store/event.h"

#include <stdint.h>

/* Events of one batch. Bytes and fields are borrowed: from the lines that were fed (these must
 * stay until the sink is used up) or from `arena`. */
struct event_sink {
    struct arena *arena;
    struct event *events; /* grows in the arena */
    uint32_t count, capacity;
    uint32_t expected;    /* events there will be room for at once; 0: as few as one likes */
    uint32_t source;      /* put into each event: index into batch.sources */
    /* Index for batch.formats of a format name; the caller collects the names. */
    uint16_t (*format_index)(void *user, const struct format *format);
    void *user;
    const struct format *format; /* that was asked for last; NULL: none yet */
    uint16_t format_number;      /* its index */
    /* Where fields are encoded as they come; NULL: they stay with their events, in the arena. */
    struct field_encoder *fields;
    struct derive_memory *memory; /* of the thread that parses; NULL: none, slower */
    uint64_t raw_count;      /* events that no format explained */
    uint64_t stripped_count; /* and whose fields no chunk can hold */
};

/* Room for one more event. False: the arena is full, or no memory. */
bool event_sink_grow(struct event_sink *sink);
static inline bool event_sink_reserve(struct event_sink *sink)
{
    return sink->count < sink->capacity || event_sink_grow(sink);
}
/* Count the event that the caller wrote behind the others after event_sink_reserve(). Its fields may be in
 * any order and need not stay: they are encoded or copied. Fields that no chunk can hold are left out;
 * the bytes of the event say what they said.
 * Errors: as event_sink_refuse(); the event is not counted. */
enum status event_sink_commit(struct event_sink *sink, struct error *err) WARN_UNUSED;
/* Forget all but the first `count` events; the arena keeps what they took. */
void event_sink_cut(struct event_sink *sink, uint32_t count);
/* Event after event has the same format. */
static inline uint16_t event_sink_format(struct event_sink *sink, const struct format *format)
{
    if (sink->format != format) {
        sink->format_number = sink->format_index(sink->user, format);
        sink->format = format;
    }
    return sink->format_number;
}
/* For `expected` of the sink that comes after this one: what it had room for, or a little less if so
 * much was not needed. */
uint32_t event_sink_expect(const struct event_sink *sink);
/* Why there was no room; the arena may be asked again. Gives TOO_LARGE (the arena is full) or
 * NO_MEMORY. */
enum status event_sink_refuse(struct event_sink *sink, struct error *err);

#endif
