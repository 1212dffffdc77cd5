/* store/chunk.h -- one batch as it is kept: the payload of its WAL record and, in the same bytes,
 * a piece of the head. Encoded once; never parsed again but for the check at replay.
 *
 * Layout, version 1, integers little-endian, arrays aligned to 8:
 *   offset  size  field
 *        0     4  version          1
 *        4     4  source_count
 *        8     4  format_count
 *       12     4  binding_count    distinct (field, type, unit, computed)
 *       16     4  row_count        complete events
 *       20     4  open_count       events still being assembled; their rows follow the complete ones
 *       24     4  sample_count
 *       28     4  series_count
 *       32     4  watermark_count
 *       36     4  loss_count
 *       40     4  tables_size
 *       44     4  fields_size
 *       48     8  text_size
 *       56     8  first_sequence   of row 0; samples follow the complete rows, then open rows
 *       64        rows, samples, tables, fields, text, bindings
 * Tables: sources, formats, watermarks, losses, series. A binding: its name, then one byte
 * type << 4 | unit << 1 | computed. Texts are a varint length and bytes.
 * Fields of a row: varint count, then per field varint binding and either varint start, varint len
 * (a span of the row's text) or varint len and bytes (computed).
 *
 * Thread safety: a chunk does not change after chunk_new(); its count of references is atomic. */
#ifndef DENDRO_STORE_CHUNK_H
#define DENDRO_STORE_CHUNK_H

#include "base/buf.h"
#include "base/error.h"
#include "store/event.h"
#include "store/name_table.h"
#include "store/source_table.h"

#include <assert.h>
#include <stdatomic.h>

enum {
    CHUNK_VERSION = 1,
    CHUNK_HEADER_SIZE = 64,
    CHUNK_SEQUENCE_AT = 56,
    CHUNK_SIZE_MAX = 64 << 20,  /* a batch: 8 MiB of frame, expanded; see DELIVERY.md 4.1 */
    CHUNK_ROWS_MAX = 1 << 20,
    CHUNK_TABLE_COUNT_MAX = 65536, /* sources, formats, bindings, series, ... of one batch */
    SAMPLE_LABELS_MAX = 128,
    LOSS_REASON_SIZE_MAX = 64,
};

struct chunk_row { /* as in the file */
    int64_t time_ns, order_ns;
    uint64_t offset;
    uint32_t text_at, text_len; /* in the text section */
    uint32_t fields_at;         /* in the fields section */
    uint32_t source_len;
    uint32_t source; /* index into the chunk's sources */
    uint16_t format;
    uint8_t level, flags;
};
static_assert(sizeof(struct chunk_row) == 48, "padding would change the file format");

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
    size_t memory_size; /* all that the chunk takes from the heap */

    uint32_t source_count, format_count, binding_count, row_count, open_count;
    uint32_t sample_count, series_count, watermark_count, loss_count;
    const struct chunk_row *rows; /* row_count + open_count */
    const struct chunk_sample *samples;
    struct slice fields, text;
    struct slice watermarks, losses; /* encoded; see chunk_watermark() */

    uint32_t *source_numbers; /* by the chunk's own index */
    struct chunk_format *formats;
    struct chunk_binding *bindings;
    struct slice *series; /* encoded: see chunk_series_take() */

    uint64_t first_sequence;
    uint64_t record_number, wal_file; /* where it is durable */
    uint32_t shard;
    uint64_t raw_size; /* bytes of the complete rows */
    int64_t time_min_ns, time_max_ns, order_min_ns, order_max_ns; /* of the complete rows */
    int64_t sample_min_ns, sample_max_ns;
};

/* Encode a batch; `fields` names its fields. `last_order_ns` has one entry per source of the batch:
 * the highest order time so far, raised by the call; after a failure they mean nothing. On success
 * `out` holds the bytes and belongs to the caller.
 * Errors: INVALID (an index or span out of range), TOO_LARGE, NO_MEMORY. */
enum status chunk_encode(const struct batch *batch, struct name_table *fields,
                         int64_t *last_order_ns, struct buf *out, struct error *err) WARN_UNUSED;

/* Check `bytes` wholly and make a chunk of it, which then owns the memory (also on failure).
 * The chunk has one reference. Errors: CORRUPT, INVALID (newer version), NO_MEMORY. */
enum status chunk_new(struct buf *bytes, const struct chunk_tables *tables, struct chunk **out,
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

static inline struct slice chunk_row_text(const struct chunk *chunk, const struct chunk_row *row)
{
    return slice_sub(chunk->text, row->text_at, row->text_len);
}

/* Walk the fields of a row: begin, then next until false. */
struct chunk_fields {
    const struct chunk *chunk;
    struct slice rest, text;
    uint64_t left;
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
void chunk_event(const struct chunk *chunk, const struct chunk_row *row,
                 struct event_field *fields, struct event *out);

/* Eat one watermark or loss; false at the end. The source of a loss is the chunk's own index. */
bool watermark_take(struct slice *rest, struct watermark *out);
bool watermark_append(struct buf *out, const struct watermark *watermark);
bool loss_take(struct slice *rest, struct loss *out);
bool loss_append(struct buf *out, const struct loss *loss);

/* Parts of an encoded series: metric, then that many labels by label_take(). */
bool series_take(struct slice *rest, struct slice *metric, uint32_t *label_count);
bool label_take(struct slice *rest, struct label *out);
bool series_append(struct buf *out, const struct sample *sample);

#endif
