/* store/event.h -- what goes into the store: events and samples with their sources.
 *
 * An event is one or more lines that belong together. Its bytes are kept exactly. A field is a
 * name for a part of those bytes (a span) or, where it is computed (tenant, url_group,
 * fingerprint), a text beside them. The store knows names and types, never a log format.
 *
 * All slices are borrowed for the call that they are passed to; the store copies what it keeps.
 * Thread safety: plain data. */
#ifndef DENDRO_STORE_EVENT_H
#define DENDRO_STORE_EVENT_H

#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

/* Most severe first; stored as one byte. */
enum level {
    LEVEL_EMERG,
    LEVEL_ALERT,
    LEVEL_CRIT,
    LEVEL_ERROR,
    LEVEL_WARNING,
    LEVEL_NOTICE,
    LEVEL_INFO,
    LEVEL_DEBUG,
    LEVEL_TRACE,
    LEVEL_COUNT
};

/* "emerg" ... "trace"; static text. level_of() knows those names only, LEVEL_COUNT otherwise. */
const char *level_name(enum level level);
enum level level_of(struct slice name);

/* How the text of a field reads as a value. */
enum field_type {
    FIELD_TEXT,
    FIELD_INT,      /* decimal integer */
    FIELD_FLOAT,    /* decimal fraction, exponents allowed */
    FIELD_DURATION, /* a number in `unit`, or text with its own unit ("1.2s", "0:00:01.5") */
    FIELD_BYTES,    /* a count of bytes */
    FIELD_IPV4,     /* dotted quad; other text (IPv6, names) stays text */
    FIELD_TIME,     /* nanoseconds since the epoch; only as a computed value */
    FIELD_LEVEL,
};

/* What one unit of the number in the text is. Values: nanoseconds per unit for durations, bytes
 * per unit for sizes; UNIT_NONE where the text carries its unit or has none. */
enum field_unit {
    UNIT_NONE,
    UNIT_NANOSECONDS,
    UNIT_MICROSECONDS,
    UNIT_MILLISECONDS,
    UNIT_SECONDS,
    UNIT_MINUTES,
    UNIT_BYTES,
    UNIT_KIBIBYTES,
};

/* Index of a field name in this process: see store_field() in store.h. Names that every event
 * or most formats use have fixed indexes, so that code can name them. */
typedef uint32_t field_id;

enum well_known_field {
    FIELD_ID_TIME,   /* _time */
    FIELD_ID_MSG,    /* _msg: the original bytes */
    FIELD_ID_GEO,
    FIELD_ID_HOST,
    FIELD_ID_ROLE,
    FIELD_ID_SOURCE, /* path of the file, or name of the input */
    FIELD_ID_FORMAT,
    FIELD_ID_LEVEL,
    FIELD_ID_METRIC, /* samples only: name of the series */
    FIELD_ID_VALUE,  /* samples only */
    FIELD_ID_TEMPLATE, /* _template: id of the line's pattern, see pattern.h */
    FIELD_ID_PATTERN,  /* _pattern: its text */
    FIELD_ID_FIRST_SPAN, /* from here on: fields that spans and texts may name */
    FIELD_ID_TENANT = FIELD_ID_FIRST_SPAN,
    FIELD_ID_METHOD,
    FIELD_ID_PATH,
    FIELD_ID_URL_GROUP,
    FIELD_ID_STATUS,
    FIELD_ID_BYTES,
    FIELD_ID_DURATION,
    FIELD_ID_CLIENT,
    FIELD_ID_USER,
    FIELD_ID_AGENT,
    FIELD_ID_REFERER,
    FIELD_ID_REQUEST_ID,
    FIELD_ID_TASK,
    FIELD_ID_TASK_ID,
    FIELD_ID_QUEUE,
    FIELD_ID_STATEMENT,
    FIELD_ID_FINGERPRINT,
    FIELD_ID_DATABASE,
    FIELD_ID_SQLSTATE,
    FIELD_ID_INDEX,
    FIELD_ID_SHARD,
    FIELD_ID_LOGGER,
    FIELD_ID_THREAD,
    FIELD_ID_PID,
    FIELD_ID_EXCEPTION,
    FIELD_ID_ROUTE,
    FIELD_ID_PATH_GROUP,
    FIELD_ID_REFERER_GROUP,
    FIELD_ID_WELL_KNOWN_COUNT
};

/* The names of the enum above, in its order; static. */
extern const char *const well_known_field_names[FIELD_ID_WELL_KNOWN_COUNT];

/* One field of one event. With `text.data` NULL it is the span [start, start + len) of the
 * event's bytes; otherwise the computed text (start and len are then unused). Spans come in
 * order of `start`; they may nest (path inside statement) but each is within the bytes. */
struct event_field {
    field_id field;
    uint8_t type; /* enum field_type */
    uint8_t unit; /* enum field_unit */
    uint32_t start, len;
    struct slice text;
};

enum { EVENT_FIELDS_MAX = 1024 }; /* more fields are refused */

enum event_flags {
    EVENT_PARTIAL = 1,       /* the line had no newline yet when it was sent */
    EVENT_CONTINUED = 2,     /* continues an event that was stored before it */
    EVENT_TRUNCATED = 4,     /* longer than the line limit; cut */
    EVENT_TIME_ADJUSTED = 8, /* its own time was out of range: receive time is stored */
    EVENT_TIME_GUESSED = 16, /* the bytes carry no time: that of the line before, or receive time */
    EVENT_BOUNDED = 32,      /* closed by a limit, not by its end */
    EVENT_OPEN = 64,         /* still being assembled: provisional */
    EVENT_NUL_RUN = 128,     /* stands for a run of NULs of `len` in the source */
};

/* Where the fields of an event are, without their names. */
struct event_spans {
    uint32_t ends[2 * EVENT_FIELDS_MAX];  /* of each where it begins and where it ends; computed: 0, 0 */
    uint64_t hashes[EVENT_FIELDS_MAX];    /* of the texts of computed ones (text_hash.h); others are not set */
};

/* Where rows come from: one followed file generation or one input. */
struct source_id {
    uint8_t shipper[16]; /* authenticated shipper; zero for inputs of the collector itself */
    uint8_t generation[16];
    uint32_t truncations;
};

struct event_source {
    struct source_id id;
    struct slice geo, host, role, path;
};

/* Has an event this field from its source: geo, host, role or source? */
bool field_is_of_source(field_id field);
/* Such a field's text; `source` is the path. */
struct slice event_source_text(const struct event_source *source, field_id field);

struct event {
    int64_t time_ns;     /* _time: since the Unix epoch, UTC */
    struct slice bytes;  /* original bytes, no newline at the end; inner newlines kept */
    uint64_t offset;     /* position of the first byte in its source */
    uint32_t source;     /* index into batch.sources */
    uint32_t source_len; /* bytes it covers in the source, newlines included */
    uint16_t format;     /* index into batch.formats */
    uint8_t level;       /* enum level */
    uint8_t flags;       /* enum event_flags */
    uint32_t field_count;
    uint32_t fields_at; /* in batch.fields; without these not used */
    const struct event_field *fields;
};

struct label {
    struct slice name, value;
};

/* One value of one series. */
struct sample {
    int64_t time_ns;
    double value;
    uint32_t source; /* index into batch.sources: gives geo, host and role */
    uint32_t label_count;
    struct slice metric;
    const struct label *labels; /* sorted by name */
};

/* Are metric and labels the same texts in memory? False says nothing. */
static inline bool sample_shares_series(const struct sample *a, const struct sample *b)
{
    return a->labels == b->labels && a->label_count == b->label_count &&
           a->metric.data == b->metric.data && a->metric.len == b->metric.len;
}

/* How far a source is stored. Made durable under the same checksum as the rows. */
struct watermark {
    struct source_id id;
    uint64_t durable_offset; /* every byte before it is stored, or given up as counted loss */
    uint64_t tail_hash;      /* XXH3 of the at most 256 source bytes before durable_offset */
};

/* Bytes that will never come. Shown as a gap in answers. */
struct loss {
    uint32_t source; /* index into batch.sources */
    uint64_t from_offset, to_offset;
    int64_t time_ns; /* when it was noticed */
    struct slice reason; /* docs/wire.md: "TRUNCATED", "DELETED", ... */
};

struct field_encoder; /* chunk_encode_fields.h */

/* All that becomes durable together. */
struct batch {
    const struct event_source *sources;
    const struct slice *formats; /* names */
    const struct event *events;  /* of one source: in order of offset */
    const struct sample *samples;
    const struct watermark *watermarks;
    const struct loss *losses;
    /* Events still being assembled. For each source in `sources` they replace what was open
     * before; a source without any has none open any more. */
    const struct event *open_events;
    /* The fields of all events, encoded in this order as they came: those in the events are not looked
     * at. NULL: the events have them. */
    const struct field_encoder *fields;
    uint32_t source_count, format_count, event_count, sample_count;
    uint32_t watermark_count, loss_count, open_event_count;
};

#endif
