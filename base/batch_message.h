/* base/batch_message.h -- the body of a BATCH: ranges of sources with their lines, or samples.
 * A body stands alone (each range describes its source), so that the same frame can be replayed
 * from the spool, to another node, or through Kafka.
 *
 *   u8 version (1), u8 kind, u64 wall_ns of the shipper, i64 clock offset estimate
 *   varint range_count, then per range:
 *     u8 flags, 16 B generation, varint truncations, varint start, varint length,
 *     u64 prev_tail, u64 end_tail, varint line_count,
 *     HANDOFF only: 16 B previous generation, varint previous truncations,
 *     texts path, role, format; varint label_count, then per label texts name, value
 *   lines:   u8 columns, then per line column: varint size, bytes
 *              sizes     varint bytes of each line in the payload, without its newline
 *              gaps      varint source bytes skipped before each line    (columns & 1)
 *              extras    zigzag source_len - (size + 1)                  (columns & 2)
 *              flags     u8                                              (columns & 4)
 *            A column of zeros is left out. Lines come in the order of the ranges, so the range
 *            of a line follows from the counts.
 *            The rest is the payload: each line's bytes, then one newline.
 *   samples: varint series_count, then per series: varint range, text metric, varint label_count,
 *            labels sorted by name; varint sample_count, then columns, each varint size, bytes:
 *              series    varint index
 *              times     zigzag delta to the sample before (the first: to 0), nanoseconds
 *              values    f64, 8 bytes each
 *
 * Positions are in source bytes, so what a filter drops or a redactor changes never moves one:
 * a range may have no lines at all. Positions of samples are their times in nanoseconds.
 * Thread safety: one thread at a time per builder or decoded batch. */
#ifndef DENDRO_BASE_BATCH_MESSAGE_H
#define DENDRO_BASE_BATCH_MESSAGE_H

#include "base/buf.h"
#include "base/error.h"
#include "base/message.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    BATCH_VERSION = 1,
    BATCH_LINES_MAX = 65536,        /* bounds the rows that one frame can cost a collector */
    BATCH_SERIES_MAX = 65536,
    BATCH_SAMPLES_MAX = 262144,
    BATCH_LABELS_MAX = 64,          /* per range or series */
    BATCH_LINE_SIZE_MAX = 16 << 20, /* hard cap of a line; shippers cut at 1 MiB by default */
};

enum batch_kind { BATCH_LINES = 1, BATCH_SAMPLES };
/* Bits of `columns`. */
enum { COLUMN_GAPS = 1, COLUMN_EXTRAS = 2, COLUMN_FLAGS = 4, COLUMNS_ALL = 7 };

enum range_flags {
    RANGE_BEGIN = 1,   /* first range of this generation: bytes before it are not wanted */
    RANGE_HANDOFF = 2, /* first range, goes on where the named previous generation ended */
    RANGE_FINAL = 4,   /* the generation is finished: no line comes after */
    RANGE_RESENT = 8,  /* may also be on another node */
};

enum line_flags { /* of one line on the wire */
    WIRE_LINE_PARTIAL = 1,    /* no newline yet */
    WIRE_LINE_CONTINUED = 2,  /* the rest of a line whose beginning was sent as partial */
    WIRE_LINE_TRUNCATED = 4,  /* longer than the cap: source_len tells how long */
    WIRE_LINE_NUL_RUN = 8,    /* stands for source_len NULs; has no bytes */
    WIRE_LINE_ENC_BAD = 16,   /* not valid in the encoding of its source */
    WIRE_LINE_FLAGS = 31,
};

struct wire_label {
    struct slice name, value;
};

/* What a range says of its source and position. Known labels: zone, line_prefix, log_format,
 * duration_unit (settings of the format); others become labels of the source. */
struct batch_range {
    struct wire_source source;
    uint8_t flags;                     /* enum range_flags */
    uint64_t start_offset, end_offset; /* [start, end) */
    uint64_t prev_tail;                /* tail hash at start_offset */
    uint64_t end_tail;                 /* tail hash at end_offset */
    struct wire_source previous;       /* with RANGE_HANDOFF */
    struct slice path, role, format;   /* format: hint, empty = detect */
    struct slice label_bytes;          /* decoded: see label_next() */
    const struct wire_label *labels;   /* to encode */
    uint32_t label_count;
    uint32_t line_count;               /* decoded; the builder counts by itself */
    uint32_t first_line;               /* decoded: index in the batch */
};
bool label_next(struct slice *label_bytes, struct wire_label *out);

struct batch_line {
    struct slice bytes;  /* without the newline */
    uint64_t offset;     /* of its first byte in the source */
    uint32_t source_len; /* bytes it covers there, newline included */
    uint8_t flags;       /* enum line_flags */
};

/* ---- builder: begin, then per range {range, its lines}, then finish; reset to start over ---- */

struct batch_column { /* of small numbers that are mostly 0: a tail of zeros is not written */
    struct buf bytes;
    uint32_t covered; /* lines that `bytes` has a number for */
};

struct batch_builder {
    struct buf ranges, sizes, payload;
    struct batch_column gaps, extras, flags;
    uint32_t range_count, line_count, range_lines;
    size_t size_max;
    bool range_open;
    uint64_t next_offset;       /* where the open range's next byte is */
    struct batch_range pending; /* the open range; its slices are borrowed until it ends */
};

/* Payload and columns together stay below `size_max` (at most FRAME_RAW_SIZE_MAX). */
struct batch_builder batch_builder_empty(size_t size_max);
/* Bytes of the body so far; the shipper sends when this passes its target. */
size_t batch_builder_size(const struct batch_builder *builder);
/* Begin a range at range->start_offset. The same source may come again later in the batch.
 * Slices and labels of `range` must stay until batch_builder_end(). */
enum status batch_builder_begin(struct batch_builder *builder, const struct batch_range *range,
                                struct error *err) WARN_UNUSED;
/* Add the next line of the open range; line->offset >= the end of the line before.
 * TOO_LARGE: the batch is full and unchanged: end the range here and send the batch. */
enum status batch_builder_line(struct batch_builder *builder, const struct batch_line *line,
                               struct error *err) WARN_UNUSED;
/* Add whole plain lines: `text` ends with a newline and begins at `offset`. One copy for all.
 * Lines longer than BATCH_LINE_SIZE_MAX are the caller's to cut before. */
enum status batch_builder_text(struct batch_builder *builder, struct slice text, uint64_t offset,
                               struct error *err) WARN_UNUSED;
/* End the open range at `end_offset` (>= the end of its last line; more: filtered bytes). */
enum status batch_builder_end(struct batch_builder *builder, uint64_t end_offset,
                              uint64_t end_tail, uint8_t more_flags, struct error *err) WARN_UNUSED;
/* Append the body to `out`. The builder is unchanged. */
enum status batch_builder_finish(const struct batch_builder *builder, uint64_t wall_ns,
                                 int64_t clock_offset_ns, struct buf *out,
                                 struct error *err) WARN_UNUSED;
void batch_builder_reset(struct batch_builder *builder);
void batch_builder_release(struct batch_builder *builder);

/* ---- samples ---- */

struct wire_series {
    uint32_t range; /* index of the range: host and role of the samples, position = time */
    uint32_t label_count;
    struct slice metric;
    const struct wire_label *labels; /* to encode, sorted by name */
    struct slice label_bytes;        /* decoded */
};

struct wire_sample {
    uint32_t series; /* index */
    int64_t time_ns; /* >= 0 (checked), in the range of its series (the shipper's promise) */
    double value;
};

/* A body to encode. Everything is borrowed. */
struct batch_samples {
    uint64_t wall_ns;        /* as in struct batch_message */
    int64_t clock_offset_ns;
    const struct batch_range *ranges;
    const struct wire_series *series;
    const struct wire_sample *samples;
    uint32_t range_count, series_count, sample_count; /* WIRE_SOURCES_MAX, BATCH_..._MAX at most */
};

/* Append it to `out`; on failure `out` is as it was. Errors: INVALID (a range or series breaks a
 * limit, or a series names no range), TOO_LARGE, NO_MEMORY. */
enum status batch_samples_append(struct buf *out, const struct batch_samples *batch,
                                 struct error *err) WARN_UNUSED;

/* ---- decoder ---- */

/* A checked body: after batch_decode() said OK every iterator below runs to its end without
 * failing, within the limits above. Everything is borrowed from the body. */
struct batch_message {
    uint8_t kind;            /* enum batch_kind */
    uint64_t wall_ns;        /* shipper's clock when it built the batch */
    int64_t clock_offset_ns; /* add it to get the collector's clock; 0: not known */
    uint32_t range_count, line_count, series_count, sample_count;
    struct slice ranges, sizes, gaps, extras, flags, payload;    /* lines */
    struct slice series, series_indexes, times, values;          /* samples */
};
enum status batch_decode(struct slice body, struct batch_message *out,
                         struct error *err) WARN_UNUSED;

/* Ranges with their lines: for each range_next() that is true, line_next() gives its lines; those
 * not taken are skipped. */
struct batch_reader {
    struct slice ranges, sizes, gaps, extras, flags, payload;
    uint32_t lines_left;
    uint64_t offset; /* end of the line before */
    uint32_t first_line;
};
struct batch_reader batch_read(const struct batch_message *message);
bool batch_range_next(struct batch_reader *reader, struct batch_range *out);
bool batch_line_next(struct batch_reader *reader, struct batch_line *out);

struct series_reader {
    struct slice rest;
};
struct series_reader batch_read_series(const struct batch_message *message);
bool batch_series_next(struct series_reader *reader, struct wire_series *out);

struct sample_reader {
    struct slice indexes, times, values;
    int64_t time_ns;
};
struct sample_reader batch_read_samples(const struct batch_message *message);
bool batch_sample_next(struct sample_reader *reader, struct wire_sample *out);

#endif
