/* store/chunk.h -- one batch as it is kept: the payload of its WAL record and, in the same bytes,
 * a piece of the head. Encoded once; never parsed again but for the check at replay.
 *
 * Layout, version 2, integers little-endian:
 *   offset  size  field
 *        0     4  version          2
 *        4     4  source_count
 *        8     4  format_count
 *       12     4  binding_count    distinct (field, type, unit, computed)
 *       16     4  row_count        complete events
 *       20     4  open_count       events still being assembled; their rows stand behind
 *       24     4  sample_count
 *       28     4  series_count
 *       32     4  watermark_count
 *       36     4  loss_count
 *       40     4  tables_size
 *       44     4  fields_size
 *       48     4  text_size
 *       52     4  values_size
 *       56     8  first_sequence   of row 0; samples follow the complete rows, then open rows
 *       64     4  value_count      computed texts that the fields name
 *       68     4  shape_count      distinct lists of bindings of a row
 *       72     4  place_count      length of all those lists together
 *       76     4  columns_size
 *       80        samples, tables, columns, fields, text, values, shapes, bindings
 * Tables: sources, each with a varint, the smallest offset of its rows; formats; watermarks;
 * losses; series; then of each column (enum chunk_column_name) a byte, the width, and two varints,
 * base and scale. Columns: chunk_column.h.
 * A binding: its name, then one byte type << 4 | unit << 1 | computed. Texts are a varint length
 * and bytes. Shapes: of each, and of one behind the last, 4 bytes, the index of its first place;
 * then of each place 2 bytes, its binding.
 * Fields of a row: varint shape, then for each of its places either a varint value (computed) or,
 * for a span of the row's text, zigzag varint start - end of the span before it, varint len.
 *
 * Version 1 had rows of 48 bytes and wrote every computed text out; chunk_v1.h converts it.
 *
 * Thread safety: a chunk does not change after chunk_new(); its count of references is atomic. */
#ifndef DENDRO_STORE_CHUNK_H
#define DENDRO_STORE_CHUNK_H

#include "base/buf.h"
#include "base/error.h"
#include "store/chunk_column.h"
#include "store/event.h"
#include "store/name_table.h"
#include "store/source_table.h"

#include <assert.h>
#include <stdatomic.h>

enum {
    CHUNK_VERSION = 2,
    CHUNK_HEADER_SIZE = 80,
    CHUNK_SEQUENCE_AT = 56,
    CHUNK_FRAMED_MIN = 64 << 10, /* below, two pages more would be more than an eighth */
    CHUNK_SIZE_MAX = 64 << 20, /* a batch: 8 MiB of frame, expanded; see docs/wire.md */
    CHUNK_ROWS_MAX = 1 << 20,
    CHUNK_TABLE_COUNT_MAX = 65536, /* sources, formats, bindings, series, ... of one batch */
    SAMPLE_LABELS_MAX = 128,
    LOSS_REASON_SIZE_MAX = 64,
};

enum chunk_column_name {
    CHUNK_TIMES,
    CHUNK_ORDERS,      /* order time - time */
    CHUNK_OFFSETS,     /* offset - smallest one of its source */
    CHUNK_TEXTS,       /* where its text begins; one more than rows, the last is text_size */
    CHUNK_SOURCE_LENS, /* source_len - length of the text, modulo 2^32 */
    CHUNK_FIELDS,      /* where its fields begin */
    CHUNK_SOURCES,
    CHUNK_FORMATS,
    CHUNK_LEVELS,
    CHUNK_FLAGS,
    CHUNK_VALUES, /* not of rows: where each value begins; one more than values */
    CHUNK_COLUMN_COUNT
};

struct chunk_row {
    int64_t time_ns, order_ns;
    uint64_t offset;
    uint32_t text_at, text_len; /* in the text section */
    uint32_t fields_at;         /* in the fields section */
    uint32_t source_len;
    uint32_t source; /* index into the chunk's sources */
    uint16_t format;
    uint8_t level, flags;
};

struct chunk_sample { /* as in the file */
    int64_t time_ns;
    double value;
    uint32_t source, series;
};
static_assert(sizeof(struct chunk_sample) == 24, "padding would change the file format");

struct chunk_binding {
    field_id field;
    uint8_t type, unit;
    bool computed;
};

/* The complete rows of one format of the chunk. */
struct chunk_format {
    uint32_t number; /* of this process */
    uint32_t row_count;
    int64_t time_min_ns, time_max_ns, order_min_ns, order_max_ns;
};

/* The tables that give the numbers of this process. */
struct chunk_tables {
    struct name_table *fields, *formats;
    struct source_table *sources;
};

struct chunk {
    atomic_uint refs;
    struct buf bytes; /* encoded */
    char *data;       /* of them */
    size_t size;
    bool framed;        /* as wal_record.framed says */
    size_t memory_size; /* all that the chunk takes from the heap */

    uint32_t source_count, format_count, binding_count, row_count, open_count;
    uint32_t sample_count, series_count, watermark_count, loss_count;
    uint32_t value_count, shape_count, place_count;
    struct chunk_column columns[CHUNK_COLUMN_COUNT]; /* see chunk_row_at() */
    const struct chunk_sample *samples;
    struct slice fields, text, values;
    const char *shapes, *places;     /* encoded */
    struct slice watermarks, losses; /* encoded; see chunk_watermark() */

    uint32_t *source_numbers; /* by the chunk's own index, */
    uint64_t *source_offsets; /* as these, the smallest of each, */
    int64_t *source_orders;   /* the highest order time of its complete rows; INT64_MIN: none */
    struct chunk_format *formats;
    struct chunk_binding *bindings;
    struct slice *series; /* encoded: see chunk_series_take() */

    uint64_t first_sequence;
    uint64_t record_number, wal_file; /* where it is durable */
    uint32_t shard;
    uint64_t raw_size;                                            /* bytes of the complete rows */
    int64_t time_min_ns, time_max_ns, order_min_ns, order_max_ns; /* of the complete rows */
    int64_t sample_min_ns, sample_max_ns;
};

/* Encode a batch; `fields` names its fields and labels. `last_order_ns` has one entry per source of the batch:
 * the highest order time so far, raised by the call; after a failure they mean nothing. On success
 * `out` holds the bytes and belongs to the caller. With `frame` not NULL a large batch is framed, as the
 * WAL wants it (struct wal_record): then the bytes are those of `frame`, in the midst of `out`.
 * Errors: INVALID (an index or span out of range), TOO_LARGE, NO_MEMORY. */
struct chunk_frame {
    size_t at, size; /* in the buffer; 0, 0: all of it */
};
enum status chunk_encode(const struct batch *batch, struct name_table *fields,
                         int64_t *last_order_ns, struct buf *out, struct chunk_frame *frame,
                         struct error *err) WARN_UNUSED;

/* Check `bytes` wholly and make a chunk of it, which then owns the memory (also on failure).
 * The chunk has one reference. Errors: CORRUPT, INVALID (newer version), NO_MEMORY. */
enum status chunk_new(struct buf *bytes, const struct chunk_tables *tables, struct chunk **out,
                      struct error *err) WARN_UNUSED;
/* As chunk_new(), of bytes that chunk_encode() made a moment ago, with the same names: their rows and
 * series are not checked. */
enum status chunk_new_encoded(struct buf *bytes, const struct chunk_frame *frame,
                              const struct chunk_tables *tables, struct chunk **out,
                              struct error *err) WARN_UNUSED;
struct chunk *chunk_ref(struct chunk *chunk);
void chunk_unref(struct chunk *chunk); /* NULL does nothing */

/* Number the rows; before the chunk is shared or written. */
void chunk_set_sequence(struct chunk *chunk, uint64_t first_sequence);

/* Arrival numbers that the chunk takes. */
static inline uint64_t chunk_sequence_count(const struct chunk *chunk)
{
    return (uint64_t)chunk->row_count + chunk->sample_count + chunk->open_count;
}

static inline uint64_t chunk_row_sequence(const struct chunk *chunk, uint32_t row)
{
    return chunk->first_sequence + row + (row >= chunk->row_count ? chunk->sample_count : 0);
}

/* Any row, complete or open. Always inline: what the caller does not use of it is not read. */
__attribute__((always_inline)) static inline struct chunk_row
chunk_row_at(const struct chunk *chunk, uint32_t row)
{
    const struct chunk_column *columns = chunk->columns;
    uint64_t time = chunk_column_at(&columns[CHUNK_TIMES], row);
    uint32_t text_at = (uint32_t)chunk_column_at(&columns[CHUNK_TEXTS], row);
    uint32_t text_len = (uint32_t)chunk_column_at(&columns[CHUNK_TEXTS], row + 1) - text_at;
    uint32_t source = (uint32_t)chunk_column_at(&columns[CHUNK_SOURCES], row);

    return (struct chunk_row){
        .time_ns = (int64_t)time,
        .order_ns = (int64_t)(time + chunk_column_at(&columns[CHUNK_ORDERS], row)),
        .offset = chunk->source_offsets[source] + chunk_column_at(&columns[CHUNK_OFFSETS], row),
        .text_at = text_at,
        .text_len = text_len,
        .fields_at = (uint32_t)chunk_column_at(&columns[CHUNK_FIELDS], row),
        .source_len = text_len + (uint32_t)chunk_column_at(&columns[CHUNK_SOURCE_LENS], row),
        .source = source,
        .format = (uint16_t)chunk_column_at(&columns[CHUNK_FORMATS], row),
        .level = (uint8_t)chunk_column_at(&columns[CHUNK_LEVELS], row),
        .flags = (uint8_t)chunk_column_at(&columns[CHUNK_FLAGS], row),
    };
}

static inline struct slice chunk_row_text(const struct chunk *chunk, const struct chunk_row *row)
{
    return slice_sub(chunk->text, row->text_at, row->text_len);
}

/* Walk the fields of a row: begin, then next until false. */
struct chunk_fields {
    const struct chunk *chunk;
    struct slice text;
    const char *at, *place; /* of what comes next */
    uint64_t end;           /* of the span before it */
    uint32_t left;
};
void chunk_fields_begin(const struct chunk *chunk, const struct chunk_row *row,
                        struct chunk_fields *walk);
bool chunk_fields_next(struct chunk_fields *walk, const struct chunk_binding **binding,
                       struct slice *value);

/* The fields at `fields_at` of the chunk's fields as an event has them: their count. `out` has room
 * for EVENT_FIELDS_MAX; NULL: only count. */
uint32_t chunk_event_fields(const struct chunk *chunk, uint32_t fields_at, struct event_field *out);

/* The row as an event with the fields in `fields` (EVENT_FIELDS_MAX of room). Its source and
 * format are the chunk's own indexes. */
void chunk_event(const struct chunk *chunk, const struct chunk_row *row, struct event_field *fields,
                 struct event *out);

/* Does it have the field at all? */
bool chunk_row_has_field(const struct chunk *chunk, const struct chunk_row *row, field_id field);

/* Eat one watermark or loss; false at the end. The source of a loss is the chunk's own index. */
bool watermark_take(struct slice *rest, struct watermark *out);
bool watermark_append(struct buf *out, const struct watermark *watermark);
bool loss_take(struct slice *rest, struct loss *out);
bool loss_append(struct buf *out, const struct loss *loss);

/* Parts of an encoded series: metric, then that many labels by label_take(). */
bool series_take(struct slice *rest, struct slice *metric, uint32_t *label_count);
bool label_take(struct slice *rest, struct label *out);
bool series_append(struct buf *out, const struct sample *sample);
size_t series_size(const struct sample *sample);
void series_put(char *at, const struct sample *sample); /* series_size() bytes */

#endif
