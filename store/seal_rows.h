/* store/seal_rows.h -- the rows and samples of a head in the order and the form in which a segment takes them.
 * Thread safety: plain data; the head must be kept meanwhile. */
#ifndef DENDRO_STORE_SEAL_ROWS_H
#define DENDRO_STORE_SEAL_ROWS_H

#include "store/seal_samples.h"

/* Of a chunk, among those of all of the head. */
struct chunk_start {
    uint32_t place, value;
};

struct seal_rows {
    const struct head *head;
    void *facts_memory;       /* before they are aligned */
    struct row_facts *facts;  /* in order of arrival; `place` is the one of their fields, */
    struct chunk_start *starts; /* which begin here, those of each chunk behind the last one's */
    uint32_t *place_chunks;   /* by place / PLACE_STEP: the chunk of the first one */
    uint32_t *order;          /* indexes of the facts by (order time, source, sequence) */
    uint64_t *value_hashes;   /* of the computed texts of all chunks: chunk_hash_values() */
    uint64_t row_count;
    struct seal_samples samples;
    struct event_source *sources;
    struct slice *formats;
    uint32_t source_count, format_count;
};

enum status seal_rows_of(const struct head *head, const struct chunk_tables *tables,
                         struct seal_rows *out, struct error *err) WARN_UNUSED;
void seal_rows_release(struct seal_rows *rows);

/* The rows [first, first + count) of `order` as those of a segment, which has no samples and names yet. */
struct seal_part {
    struct segment_content content;
    void *facts_memory; /* NULL: all rows are in it */
    uint32_t *order;
};

enum status seal_part_of(const struct seal_rows *rows, uint64_t first, uint64_t count,
                         struct seal_part *out, struct error *err) WARN_UNUSED;
void seal_part_release(struct seal_part *part);

/* Order time of the row that stands at `at` of the order. */
static inline int64_t seal_rows_order_ns(const struct seal_rows *rows, uint64_t at)
{
    return row_order_ns(&rows->facts[rows->order[at]]);
}

#endif
