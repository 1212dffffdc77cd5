/* query/api/output.h -- answers as text: one row of functions per format.
 *
 * A format gets the head, chunks of rows and the end, and appends text to `out`. Between rows, when
 * OUTPUT_SPILL_SIZE bytes have gathered, output_row_done() hands them to `spill`, so that a chunk
 * of long lines needs no buffer of its size.
 * Thread safety: one thread at a time per output. */
#ifndef DENDRO_QUERY_API_OUTPUT_H
#define DENDRO_QUERY_API_OUTPUT_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/json_writer.h"
#include "query/api/answer.h"
#include "query/result.h"

enum {
    OUTPUT_SPILL_SIZE = 64 * 1024, /* the allocator keeps its memory, and it stays in the cache */
    OUTPUT_CHUNK_SIZE = 256 * 1024, /* of rows in one chunk of columns: larger ones repeat less */
    OUTPUT_SIZE_MAX = 256 * 1024 * 1024, /* one row of the longest event, escaped */
    OUTPUT_COLUMNS_MAX = 4096,           /* of a csv header */
    OUTPUT_JSON_ROWS_MAX = 10000,        /* `json` is one object: for small answers */
};

struct output;
struct store;

struct output_format {
    const char *name;
    const char *type;      /* Content-Type */
    const char *accept;    /* media type that asks for it */
    const char *file_name; /* NULL, or sent as an attachment of this name */
    uint64_t rows_max;     /* 0: no limit of its own */
    bool has_end;          /* its end says whether the run failed; others break off instead */
    bool needs_lines;      /* only for rows that have _msg */
    void (*head)(struct output *output, const struct query_head *head);
    enum status (*chunk)(struct output *output, const struct result_chunk *chunk);
    void (*progress)(struct output *output, const struct query_progress *progress); /* or NULL */
    void (*end)(struct output *output, const struct query_end *end);                /* or NULL */
};

extern const struct output_format output_ndjson, output_columns, output_json, output_csv,
    output_tsv, output_logfmt, output_raw, output_framed;
extern const struct output_format *const output_formats[];
extern const size_t output_format_count;
/* By the name of the parameter `format`; by an Accept header (the first type that we know; the
 * default ndjson if none). NULL: no such name. */
const struct output_format *output_by_name(struct slice name);
const struct output_format *output_by_accept(struct slice accept);

struct output {
    const struct output_format *format;
    struct buf *out;
    struct answer *answer;
    struct store *store; /* names the sources for `_id` */
    bool ids;            /* rows get `_id` */
    enum status (*spill)(struct output *output);
    void *user;
    /* the formats' own: */
    bool rows_begun;
    struct arena arena; /* names of the header */
    struct slice *names;
    uint32_t name_count;
    const struct result_column **columns; /* of the chunk, by name; NULL where it lacks one */
    bool header_written;
};

void output_release(struct output *output);
/* After each row. */
enum status output_row_done(struct output *output);

/* ---- what several formats share ---- */

/* buf_append_byte() without a call while there is room: rows are made of single characters. */
static inline void output_put(struct buf *out, char c)
{
    if (out->len < out->capacity && !out->failed)
        out->data[out->len++] = c;
    else
        buf_append_byte(out, c);
}

static inline void output_put_i64(struct buf *out, int64_t value)
{
    char text[24];

    buf_append(out, text, jsonw_format_i64(value, text));
}

enum { OUTPUT_ID_SIZE = 64 };
struct event_source;
uint64_t output_source_hash(const struct event_source *source);
/* The opaque position of a row, three hex numbers: source, offset, time. "9f86d081884c7d65-2000-0".
 * Gives the length; needs chunk->sources. */
size_t output_row_id(struct store *store, const struct result_chunk *chunk, uint32_t row,
                     char out[OUTPUT_ID_SIZE]);
/* The column of this name, or NULL. */
const struct result_column *output_column(const struct result_chunk *chunk, const char *name);
/* The bytes of a text or dictionary value that is not null. */
static inline struct slice output_text(const struct result_column *column, uint32_t row)
{
    return column->kind == RESULT_DICT ? column->dict[column->codes[row]] : column->texts[row];
}
/* A value that is not null, as JSON: durations in seconds, times as RFC 3339. */
void output_json_value(struct buf *out, const struct result_column *column, uint32_t row);
/* As plain text, unquoted: the text itself, or as in JSON without quotes. */
void output_plain_value(struct buf *out, const struct result_column *column, uint32_t row);
/* One row as a JSON object. `keys` is what output_json_keys() made. */
void output_json_row(struct output *output, const struct result_chunk *chunk,
                     const struct slice *keys, uint32_t row);
/* `,"name":` of each column, in `arena`; NULL: no memory. */
struct slice *output_json_keys(const struct result_chunk *chunk, struct arena *arena);
/* Append the JSON of a columns chunk, rows [from, to). */
void output_columns_rows(struct output *output, const struct result_chunk *chunk, uint32_t from,
                         uint32_t to);
/* How many rows from `from` on make about `size` bytes of text; at least one. */
uint32_t output_rows_within(const struct result_chunk *chunk, uint32_t from, size_t size);

#endif
