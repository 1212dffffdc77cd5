/* query/result.h -- what a query answers: a head, chunks of rows column by column, an end.
 *
 * Everything is borrowed for the call that it is passed to; a receiver copies what it keeps.
 * Thread safety: plain data. */
#ifndef DENDRO_QUERY_RESULT_H
#define DENDRO_QUERY_RESULT_H

#include "base/error.h"
#include "base/slice.h"
#include "store/event.h"

#include <stdbool.h>
#include <stdint.h>

/* Type of a column's values. The first ones are enum field_type of the store. */
enum value_type {
    VALUE_TEXT = FIELD_TEXT,
    VALUE_INT = FIELD_INT,
    VALUE_FLOAT = FIELD_FLOAT,
    VALUE_DURATION = FIELD_DURATION, /* nanoseconds */
    VALUE_BYTES = FIELD_BYTES,
    VALUE_IPV4 = FIELD_IPV4, /* travels as text */
    VALUE_TIME = FIELD_TIME, /* nanoseconds since the Unix epoch, UTC */
    VALUE_LEVEL = FIELD_LEVEL, /* travels as its name */
    VALUE_JSON,              /* a text that is one JSON value: lists, histograms */
    VALUE_TYPE_COUNT
};

/* "text", "int", "float", "duration", "bytes", "ipv4", "time", "level", "json"; static. */
const char *value_type_name(enum value_type type);

enum result_kind {
    RESULT_TEXT,  /* texts[row] */
    RESULT_DICT,  /* dict[codes[row]]; RESULT_NO_CODE: null */
    RESULT_INT,   /* ints[row]: plain, nanoseconds or bytes, as `type` says */
    RESULT_FLOAT, /* floats[row], finite; nanoseconds or bytes where `type` says so */
};

#define RESULT_NO_CODE UINT32_MAX

struct result_column {
    struct slice name;
    enum value_type type;
    enum result_kind kind;
    const uint64_t *present; /* bit per row, row 0 lowest; NULL: no nulls. Not for RESULT_DICT */
    const struct slice *texts;
    const uint32_t *codes;
    const struct slice *dict;
    uint32_t dict_count;
    const int64_t *ints;
    const double *floats;
};

/* Rows in the order of the answer. A column that has only nulls in a chunk may be left out. The
 * type of a column may differ between chunks where formats disagree about it. */
struct result_chunk {
    uint32_t row_count; /* 1 .. RESULT_CHUNK_ROWS_MAX */
    uint32_t column_count;
    const struct result_column *columns;
    /* Only with query_options.positions and while rows are rows of the store, else NULL: the
     * source's number for store_source(), the byte offset in it, the arrival number, the flags
     * (enum event_flags). */
    const uint32_t *sources;
    const uint64_t *offsets;
    const uint64_t *sequences;
    const uint8_t *flags;
};

enum { RESULT_CHUNK_ROWS_MAX = 4096 };

static inline bool result_is_null(const struct result_column *column, uint32_t row)
{
    if (column->kind == RESULT_DICT)
        return column->codes[row] == RESULT_NO_CODE;
    return column->present != NULL && !((column->present[row >> 6] >> (row & 63)) & 1);
}

struct result_head_column {
    struct slice name;
    enum value_type type; /* VALUE_TEXT where it is not known before the first row */
};

struct query_head {
    int64_t start_ns, end_ns; /* resolved range [start, end) */
    uint32_t column_count;
    const struct result_head_column *columns; /* in the order to show them */
    /* Rows may have further fields, named by the chunks: a query without `fields` or `stats`. */
    bool open;
};

struct query_progress {
    uint64_t rows;         /* sent so far */
    uint64_t rows_scanned, bytes_read;
    uint64_t elapsed_ns;
};

/* Bytes of a source that will never come (store_losses()), in the range of the query. */
struct query_gap {
    struct slice geo, host, role, source, reason;
    uint64_t from_offset, to_offset;
    int64_t time_ns;
};

enum {
    QUERY_GAPS_MAX = 100,    /* enough to see the pattern; `gap_count` tells the rest */
    QUERY_WARNINGS_MAX = 32, /* kinds of warning, not rows */
};

/* Exactly one per run that gave a head. */
struct query_end {
    enum status status;         /* not OK: the run failed after its head; `message` says why */
    const char *code;           /* docs/api.md: "timeout", "query_limit", ...; NULL if OK */
    const char *message;
    uint64_t rows;              /* sent */
    uint64_t rows_matched;      /* by the filters, before the pipes */
    uint64_t rows_scanned, rows_covered, bytes_read, blocks_read, blocks_skipped;
    uint64_t elapsed_ns;
    uint64_t memory_peak;       /* bytes of operators */
    uint64_t regex_over_limit;  /* rows that a regex gave up on: taken as no match */
    bool complete;              /* nothing truncated, sampled, damaged; no gap in the range */
    const char *truncated;      /* NULL, or "limit" */
    uint32_t sampled;           /* 0, or N: one row in N was looked at */
    uint64_t gap_count;         /* all; `gaps` has the first QUERY_GAPS_MAX */
    const struct query_gap *gaps;
    uint32_t warning_count;
    const char *const *warnings;
};

#endif
