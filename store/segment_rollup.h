/* store/segment_rollup.h -- the rollups (rollup.h) of one segment: made with it, counted again when it
 * is checked, read on demand.
 * Thread safety: reading: any thread. Writing and checking: one thread at a time. */
#ifndef DENDRO_STORE_SEGMENT_ROLLUP_H
#define DENDRO_STORE_SEGMENT_ROLLUP_H

#include "store/rollup_build.h"
#include "store/rollup_sums.h"
#include "store/sample_rollup.h"
#include "store/segment_block.h"

/* ---- reading ---- */

/* Rows of the segment; *out is NULL if it keeps no counts. What does not fit the budget of kept
 * rollups is decoded into `arena`. Errors: CORRUPT, NO_MEMORY. */
enum status segment_rollup_counts(struct segment *segment, struct arena *arena,
                                  const struct rollup_counts **out, struct error *err) WARN_UNUSED;
/* The same for the values of a field. */
enum status segment_rollup_values(struct segment *segment, field_id field, struct arena *arena,
                                  const struct rollup_values **out, struct error *err) WARN_UNUSED;
/* The sums by tenant, with fields of this process, and the group of each source. */
struct segment_sums {
    struct rollup_sums sums;
    const uint32_t *groups;
};
enum status segment_rollup_sums(struct segment *segment, struct arena *arena,
                                const struct segment_sums **out, struct error *err) WARN_UNUSED;
/* Cells of the samples, chunk by chunk. */
enum status segment_rollup_samples(struct segment *segment, struct arena *arena,
                                   const struct sample_page **out, struct error *err) WARN_UNUSED;
void segment_rollups_release(struct segment *segment);

/* ---- counting again ---- */

struct rollup_recount {
    struct rollup_builder builder;
    uint32_t *origins;
    uint32_t family; /* at hand; UINT32_MAX: none yet */
    field_id fields[ROLLUP_FIELDS_MAX]; /* its durations and sizes */
    uint32_t field_count;
    struct rollup_sums_builder sums;
    uint32_t *groups;
    uint32_t tenant_column; /* of the family at hand; UINT32_MAX: none */
    field_id *wanted;       /* fields of which the segment keeps values */
    const struct sample_page *cells; /* that the segment keeps; NULL: none */
    struct sample_builder samples;
    struct arena arena; /* of `cells` */
};

enum status rollup_recount_init(struct rollup_recount *recount, struct segment *segment,
                                struct error *err) WARN_UNUSED;
/* Blocks in the order of the file, all rows selected. */
enum status rollup_recount_block(struct rollup_recount *recount, struct segment_block *block,
                                 struct error *err) WARN_UNUSED;
/* CORRUPT: the segment keeps other numbers. One without rollups has nothing to compare. */
enum status rollup_recount_compare(struct rollup_recount *recount, struct segment *segment,
                                   struct error *err) WARN_UNUSED;
void rollup_recount_release(struct rollup_recount *recount);

/* ---- writing ---- */

struct segment_writer;
struct block_part;
/* Rollups are a part that a segment can do without: what fails is left out. */
void segment_rollup_begin(struct segment_writer *writer);
/* The rows of a part, gathered, the first of which is row `at` of its block. Parts of a family follow each
 * other, in the order of blocks. */
void segment_rollup_add(struct segment_writer *writer, const struct block_part *part, uint32_t at);
/* Append the directory's part. False without memory. */
bool segment_rollup_put(struct segment_writer *writer);
void segment_rollup_release(struct segment_writer *writer);

#endif
