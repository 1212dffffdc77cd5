/* collector/format.h -- one log format: how its events begin, and where their fields are.
 *
 * A format is one file in collector/formats/ that defines one `const struct format`. Its functions
 * are pure: bytes in, spans out; no allocation but in the given arena, no clock, no I/O. They see
 * the event after peeling (FORMATS.md section 2), and spans point into the event's bytes.
 * Thread safety: formats are constant; a format_context serves one thread at a time. */
#ifndef DENDRO_COLLECTOR_FORMAT_H
#define DENDRO_COLLECTOR_FORMAT_H

#include "base/arena.h"
#include "base/error.h"
#include "store/event.h"

#include <stdbool.h>
#include <stdint.h>

enum { PARSED_FIELDS_MAX = 256 }; /* of one event; further JSON keys stay unnamed in the bytes */

/* Names of fields to their indexes: store_field() behind it, a plain table in tests. */
struct field_names {
    field_id (*get)(void *user, struct slice name);
    void *user;
};

/* What the configuration says about a source, and what its lines have taught us so far. */
struct format_settings {
    struct slice path;           /* of the source: celery takes its queue from it */
    struct slice zone;           /* IANA name or offset for stamps without zone; "" = UTC */
    struct slice line_prefix;    /* PostgreSQL log_line_prefix; "" = find out */
    struct slice log_format;     /* nginx log_format / Apache LogFormat; "" = combined and known */
    enum field_unit duration_unit; /* for bare integers (gunicorn %(D)s); UNIT_NONE = find out */
};

struct parsed_event {
    int64_t time_ns;
    bool has_time;               /* false: the caller takes the previous event's or receive time */
    uint8_t level;               /* enum level */
    uint32_t field_count;
    struct event_field fields[PARSED_FIELDS_MAX];
};

struct format_context {
    const struct format_settings *settings;
    const struct field_names *names;
    int64_t receive_ns;          /* year of stamps without one, and the last resort for time */
    struct arena *arena;         /* for computed texts of this event */
    const void *compiled;        /* what format.compile made of the settings, or NULL */
};

/* How a line relates to the event before it in the same source. */
enum line_kind {
    LINE_STARTS,    /* first line of an event */
    LINE_CONTINUES, /* belongs to the event before it */
    LINE_UNKNOWN,   /* not of this format: an event of its own, parsed as raw */
};

struct format {
    const char *name;            /* value of the field `format` */
    const char *fields;          /* names of its fields, blank-separated, for the docs */
    bool multi_line;             /* false: every line is an event, `line_kind` is NULL */
    /* `open` is the event so far, empty if none. */
    enum line_kind (*line_kind)(const struct format_context *context, struct slice open,
                                struct slice line);
    /* INVALID: not of this format; the event is then stored whole as raw, and counted. */
    enum status (*parse)(const struct format_context *context, struct slice event,
                         struct parsed_event *out);
    /* How surely the first line of an event is of this format: 0 no .. 100 certain. */
    unsigned (*detect)(struct slice line);
    /* Optional: turn settings into something faster (a prefix parser), kept in the arena for the
     * life of the source. */
    enum status (*compile)(const struct format_settings *settings, struct arena *arena,
                           const void **out, struct error *err);
};

/* Add a field that is a part of the event's bytes. Empty text and "-" are not added: such a
 * field is missing. */
void parsed_span(struct parsed_event *out, field_id field, enum field_type type,
                 enum field_unit unit, struct slice event, struct slice part);
/* Add a field whose text is computed; the text must live as long as the arena. */
void parsed_text(struct parsed_event *out, field_id field, enum field_type type,
                 struct slice text);

/* All formats, in the order in which equal detection scores win. */
extern const struct format *const formats[];
extern const uint32_t format_count;
/* By name; NULL if there is none. */
const struct format *format_find(struct slice name);
extern const struct format format_raw;

#endif
