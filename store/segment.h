/* store/segment.h -- one immutable segment file: write it from rows, open it, plan, read blocks.
 * The layout is in segment_format.h. This interface hides it: the store above knows rows and
 * blocks, not pages.
 *
 * A segment is self-contained: it carries the names of its fields and formats and its sources, so
 * the numbers of the process that wrote it mean nothing to a reader; segment_open() maps them.
 *
 * Thread safety: an open segment never changes; any number of threads may use it. A plan belongs
 * to one scan, and may be used by its threads together. */
#ifndef DENDRO_STORE_SEGMENT_H
#define DENDRO_STORE_SEGMENT_H

#include "base/error.h"
#include "base/hash.h"
#include "base/io.h"
#include "store/block.h"
#include "store/event.h"
#include "store/row_facts.h"
#include "store/scan.h"

#include <stdint.h>

struct segment;
struct segment_plan;

#define SEGMENT_ROWS_MAX (UINT32_MAX / 2)

/* A row with its event in the open. */
struct segment_row {
    const struct event *event; /* its source and format index the tables of segment_content */
    int64_t order_time_ns;     /* see block.h */
    uint64_t sequence;         /* arrival number */
};

struct segment_sample {
    int64_t time_ns;
    double value;
    uint64_t sequence;
};

/* The samples of one series of one source. */
struct sample_run {
    struct slice encoded; /* metric and labels: series_append() in chunk.h */
    uint64_t count;       /* of samples; not 0 */
    uint32_t source;      /* index of segment_content.sources */
};

/* Names and sources as the process numbers them. Both lookups may be called from any thread. */
struct segment_names {
    field_id (*field)(void *user, struct slice name);       /* makes one if needed */
    struct slice (*field_name)(void *user, field_id field);
    uint32_t (*source)(void *user, const struct event_source *source); /* makes one if needed */
    void *user;
};

struct segment_content {
    const struct segment_row *rows; /* in order of (order time, source, sequence); NULL: `facts` */
    const struct sample_run *runs;  /* in order of (metric and labels, source) */
    const struct segment_sample *samples; /* run by run, each in order of (time, sequence) */
    const struct event_source *sources;
    const struct slice *formats;
    const struct segment_names *names;
    uint64_t row_count, sample_count;
    uint32_t run_count, source_count, format_count;
    /* Rows without their fields, which in the open would take more memory than the lines. They stand as
     * they are best read, but those of one source in the order of `order`, which has their indexes by (order
     * time, source, sequence). */
    struct row_facts *facts;
    const uint32_t *order;
    /* The fields of the row with this `place`, in `room` (for EVENT_FIELDS_MAX) or where they lie. */
    const struct event_field *(*fields)(void *user, uint32_t place, struct event_field *room,
                                        uint32_t *count);
    void *fields_user;
    /* Have what `fields` reads brought near, some time before it is called. NULL: never mind. */
    void (*ask_fields)(void *fields_user, uint32_t place);
    /* Where they are; gives the number of their list: rows with the same one have as many fields, of the
     * same names, types and units, and the same of them are computed. NULL: not known. */
    uint64_t (*spans)(void *fields_user, uint32_t place, struct event_spans *out);
};

/* A row as an event; `room` has space for EVENT_FIELDS_MAX and may hold its fields. */
static inline struct event segment_row_event(const struct segment_content *content,
                                             const struct row_facts *row, struct event_field *room)
{
    struct event event = {
        .time_ns = row->time_ns,
        .bytes = {row->bytes, row->size},
        .offset = row->offset,
        .source = row->source,
        .source_len = row->source_len,
        .format = row->format,
        .level = row->level,
        .flags = row->flags,
    };

    event.fields = content->fields(content->fields_user, row->place, room, &event.field_count);
    return event;
}

struct segment_summary {
    uint64_t rows, samples, raw_bytes, file_bytes;
    int64_t time_min_ns, time_max_ns;       /* of _time, inclusive; rows and samples */
    int64_t order_min_ns, order_max_ns;
    uint64_t sequence_min, sequence_max;
    struct hash128 footer_hash;             /* of the whole file's content; kept in the manifest */
};

/* Write `path`, sync it, read it back through segment_open() and compare every row with its original
 * bytes (store/README.md). On an error the file is removed.
 * Errors: CORRUPT (read back differs), IO, DISK_FULL, NO_MEMORY. */
enum status segment_write(struct io *io, const char *path, const struct segment_content *content,
                          struct segment_summary *out, struct error *err) WARN_UNUSED;

/* Read header, directory and footer and check their sums; pages load, and are checked, on first
 * use. Errors: CORRUPT with the place, IO, INVALID (a version of the future). */
enum status segment_open(struct io *io, const char *path, const struct segment_names *names,
                         struct segment **out, struct error *err) WARN_UNUSED;
void segment_close(struct segment *segment); /* NULL does nothing */
/* Set its bad pages aside from now on (page_quarantine.h); gives the seed that they are known by. */
uint64_t segment_quarantine(struct segment *segment);

struct segment_block_info {
    uint64_t rows;
    int64_t time_min_ns, time_max_ns, order_min_ns, order_max_ns;
    bool samples;
};

const struct segment_summary *segment_summary_of(const struct segment *segment);
uint32_t segment_block_count(const struct segment *segment);
void segment_block_info(const struct segment *segment, uint32_t index,
                        struct segment_block_info *out);

/* Decide once per scan what can be decided for the whole segment. END: no row can match. */
enum status segment_plan_make(struct segment *segment, const struct scan_options *options,
                              struct segment_plan **out, struct error *err) WARN_UNUSED;
void segment_plan_free(struct segment_plan *plan);

/* Rows of block `index` that pass the plan's filter and times, adding to `cost`. END: none.
 * The block keeps what it needs of the segment alive by itself being released before
 * segment_close(). Errors: CORRUPT (the block is left out by the caller), NO_MEMORY. */
enum status segment_block(struct segment *segment, const struct segment_plan *plan,
                          uint32_t index, struct scan_cost *cost, struct block **out,
                          struct error *err) WARN_UNUSED;

/* The sources of the segment with the byte ranges that its rows cover. */
struct segment_source {
    struct event_source source;
    uint64_t rows, from_offset, to_offset;
};
uint32_t segment_source_count(const struct segment *segment);
void segment_source(const struct segment *segment, uint32_t index, struct segment_source *out);

/* Check every page and decode every row; `visit` gets each problem with its place. */
enum status segment_verify(struct segment *segment, void (*visit)(void *user, const char *line),
                           void *user, uint64_t *problems, struct error *err) WARN_UNUSED;

#endif
