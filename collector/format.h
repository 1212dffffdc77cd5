/* collector/format.h -- one log format: how its events begin, and where their fields are.
 *
 * A format is one file in collector/formats/ that defines one `const struct format`. Its functions
 * are pure: bytes in, spans out; no allocation but in the given arena, no clock, no I/O. They see
 * the event after peeling, and spans point into the event's bytes.
 * Thread safety: formats are constant; a format_context serves one thread at a time. */
#ifndef DENDRO_COLLECTOR_FORMAT_H
#define DENDRO_COLLECTOR_FORMAT_H

#include "base/arena.h"
#include "base/error.h"
#include "store/event.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    PARSED_FIELDS_MAX = 256, /* of one event; further JSON keys stay unnamed in the bytes */
};

/* Fields beside the well-known ones: resolved once per source, so that no
 * name is hashed per line. Their texts are extra_field_names[], in this order. */
enum extra_field {
    EXTRA_APP,
    EXTRA_BACKEND,
    EXTRA_BYTES_IN,
    EXTRA_CACHE,
    EXTRA_CALLER,
    EXTRA_ERROR_CLASS,
    EXTRA_EXIT_CODE,
    EXTRA_FACILITY,
    EXTRA_FD,
    EXTRA_HITS,
    EXTRA_HOSTNAME, /* that a syslog relay or a virtual host names; `host` is the shipper's */
    EXTRA_NODE,
    EXTRA_OP,
    EXTRA_PARAMS,
    EXTRA_PEER,
    EXTRA_PROGRAM,
    EXTRA_ROLE_CODE,
    EXTRA_SERVER,
    EXTRA_SESSION,
    EXTRA_SIGNAL,
    EXTRA_TERMINATION,
    EXTRA_UPSTREAM,
    EXTRA_UPSTREAM_DURATION,
    EXTRA_UPSTREAM_STATUS,
    EXTRA_VIEW,
    EXTRA_WORKER,
    EXTRA_ZONE, /* of a rate limiter */
    EXTRA_COUNT
};
extern const char *const extra_field_names[EXTRA_COUNT];

/* Names of fields to their indexes: store_field() behind it, a plain table in tests. */
struct field_names {
    field_id (*get)(void *user, struct slice name);
    void *user;
};

/* What the configuration says about a source, and what its lines have taught us so far. */
struct format_settings {
    struct slice path;        /* of the source: celery takes its queue from it */
    struct slice zone;        /* IANA name or offset for stamps without zone; "" = UTC */
    struct slice line_prefix; /* PostgreSQL log_line_prefix; "" = find out */
    struct slice log_format;  /* nginx log_format / Apache LogFormat; "" = combined and known */
    enum field_unit duration_unit; /* for bare integers (gunicorn %(D)s); UNIT_NONE = find out */
};

/* Which field holds a URL of the application that tenant, url_group and route come from. */
enum derive_from {
    DERIVE_NOTHING, /* none: a path of CouchDB, a file name */
    DERIVE_PATH,    /* `path` and `referer`; the path is as request_target_split() has it */
    DERIVE_TARGET,  /* the same, but `path` may have a scheme, a host, a query string */
    DERIVE_CALLER,  /* `caller`: the page that made a database call */
};

struct parsed_event {
    int64_t time_ns;
    bool has_time;       /* false: the caller takes the previous event's or receive time */
    uint8_t level;       /* enum level */
    uint8_t derive_from; /* enum derive_from */
    uint32_t field_count;
    struct event_field fields[PARSED_FIELDS_MAX];
};

struct name_cache;   /* of the keys of JSON lines: formats/json_fields.h */
struct statement_shapes; /* of those before: statement_shape.h */
struct stamp_memory; /* of the stamp before: formats/stamp.h */
struct zone;         /* base/zone.h */

struct format_context {
    const struct format_settings *settings;
    const struct field_names *names;
    const field_id *extra;    /* [EXTRA_COUNT]: see extra_fields_resolve() */
    const struct zone *zone;  /* of settings->zone; NULL = UTC */
    struct name_cache *cache; /* of this source; NULL = none, slower */
    struct statement_shapes *statements; /* of this source; NULL = none, slower */
    struct stamp_memory *stamps; /* of this source; NULL = none, slower */
    int64_t receive_ns;       /* year of stamps without one, and the last resort for time */
    struct arena *arena;      /* for computed texts of this event */
    uint64_t *open_state;     /* what line_kind remembers of the open event's lines */
    const void *compiled;     /* what format.compile made of the settings, or NULL */
};

/* How a line relates to the event before it in the same source. */
enum line_kind {
    LINE_STARTS,    /* first line of an event */
    LINE_CONTINUES, /* belongs to the event before it */
    LINE_UNKNOWN,   /* not of this format: an event of its own, parsed as raw */
};

/* What the first byte of a line can be. */
enum begin {
    BEGINS_DIGIT = 1,
    BEGINS_BRACKET = 2, /* [ */
    BEGINS_BRACE = 4,   /* { */
    BEGINS_UPPER = 8,   /* A to Z */
    BEGINS_OTHER = 16,  /* or nothing: an empty line */
};

struct format {
    const char *name;    /* value of the field `format` */
    const char *fields;  /* names of its fields, blank-separated, for the docs */
    bool multi_line;     /* false: every line is an event, `line_kind` is NULL */
    bool starts_alone;   /* what line_kind calls STARTS behind an open event, it also calls so, and
                          * with the same open_state, without one: it is asked once per line */
    bool names_in_lines; /* keys of the lines are field names: wants a name cache */
    bool has_statements; /* of SQL: wants their shapes */
    /* `open` is the event so far, empty if none. Where the answer depends on all its lines (quotes,
     * braces), context->open_state carries what is known of them: 0 at first, and set by this
     * function with the answers STARTS and CONTINUES, so that no line is read twice. */
    enum line_kind (*line_kind)(const struct format_context *context, struct slice open,
                                struct slice line);
    /* INVALID: not of this format; the event is then stored whole as raw, and counted. */
    enum status (*parse)(const struct format_context *context, struct slice event,
                         struct parsed_event *out);
    /* Kinds of first bytes (enum begin) of the lines for which detect() does not say 0; 0: any. So
     * most formats are not asked about most lines. */
    unsigned begins;
    bool with_access_time; /* detect() says 0 of all lines of which access_line_detect() does, too */
    /* How surely the first line of an event is of this format: 0 no .. 100 certain. */
    unsigned (*detect)(struct slice line);
    unsigned score_max; /* detect() says no more, so it need not be asked where more is wanted; 0: 100 */
    /* Optional: turn settings into something faster (a prefix parser), kept in the arena for the
     * life of the source. */
    enum status (*compile)(const struct format_settings *settings, struct arena *arena,
                           const void **out, struct error *err);
};

/* Make `out` ready for a parse: no fields, no time, level info. */
static inline void parsed_reset(struct parsed_event *out)
{
    out->time_ns = 0;
    out->has_time = false;
    out->level = LEVEL_INFO;
    out->derive_from = DERIVE_NOTHING;
    out->field_count = 0;
}

/* Add a field whose text is computed; the text must live as long as the arena. */
static inline void parsed_text_in_unit(struct parsed_event *out, field_id field,
                                       enum field_type type, enum field_unit unit,
                                       struct slice text)
{
    uint32_t count = out->field_count;

    if ((text.len < 2 && (text.len == 0 || text.data[0] == '-')) || field == UINT32_MAX ||
        count == PARSED_FIELDS_MAX)
        return;
    out->fields[count] = (struct event_field){
        .field = field, .type = (uint8_t)type, .unit = (uint8_t)unit, .text = text};
    out->field_count = count + 1;
}

static inline void parsed_text(struct parsed_event *out, field_id field, enum field_type type,
                               struct slice text)
{
    parsed_text_in_unit(out, field, type, UNIT_NONE, text);
}

/* Add a field that is a part of the event's bytes. A part that lies elsewhere (a text decoded into
 * the arena) becomes a computed text. Empty text and "-" are not added: such a field is missing.
 * Inline: ten per line, with constant types. */
static inline void parsed_span(struct parsed_event *out, field_id field, enum field_type type,
                               enum field_unit unit, struct slice event, struct slice part)
{
    uintptr_t start = (uintptr_t)part.data - (uintptr_t)event.data; /* wraps if it is before */
    uint32_t count = out->field_count;

    if (part.len < 2 && (part.len == 0 || part.data[0] == '-'))
        return;
    if (start > event.len || part.len > event.len - start) {
        parsed_text_in_unit(out, field, type, unit, part);
        return;
    }
    if (field == UINT32_MAX || count == PARSED_FIELDS_MAX)
        return;
    out->fields[count] = (struct event_field){.field = field,
                                              .type = (uint8_t)type,
                                              .unit = (uint8_t)unit,
                                              .start = (uint32_t)start,
                                              .len = (uint32_t)part.len};
    out->field_count = count + 1;
}

/* Span of the field that was added last under `field`; false if there is none. */
bool parsed_find(const struct parsed_event *parsed, field_id field, struct slice event,
                 struct slice *out);

/* Indexes of the extra fields. */
void extra_fields_resolve(const struct field_names *names, field_id out[EXTRA_COUNT]);

/* All formats, in the order in which equal detection scores win. */
extern const struct format *const formats[];
extern const uint32_t format_count;
/* False: detect() of the format need not be asked, it says 0. */
bool format_may_begin(const struct format *format, struct slice line);
/* By name; NULL if there is none. */
const struct format *format_find(struct slice name);
extern const struct format format_raw;

/* The format that explains `line` best and at least `score_min` surely; NULL if none does. Of
 * formats that fit equally well the one is taken whose system is named in `path`. */
const struct format *format_detect(struct slice line, struct slice path, unsigned score_min);

#endif
