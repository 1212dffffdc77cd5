/* store/rewrite.h -- segments of one partition become one, without the rows that masks name.
 *
 * The one way in which stored rows are written again: compaction (several segments, no masks),
 * retention by rule and erasure (one segment, masks). Rows are read through the ordinary reader and
 * written through segment_write(), which compares every row of the result with what was read; the
 * inputs are never touched. Dictionaries, templates and all else are made from the rows that stay.
 *
 * Memory: about REWRITE_MEMORY_FACTOR times the raw bytes of the inputs; a caller that joins
 * segments bounds their sum.
 *
 * Thread safety: any thread; the inputs may be in use. */
#ifndef DENDRO_STORE_REWRITE_H
#define DENDRO_STORE_REWRITE_H

#include "store/mask.h"
#include "store/segment.h"

struct rewrite {
    const char *const *inputs; /* paths */
    uint32_t input_count;
    const struct segment_names *names;
    const struct mask *masks;
    uint32_t mask_count;
    const char *output;
};

struct rewrite_result {
    struct segment_summary summary; /* of the output; no rows and no samples: there is no file */
    uint64_t rows_masked, samples_masked;
    bool unchanged; /* one input of which every row stays: nothing was written */
};

/* Errors: CORRUPT (an input is damaged: it must stay as it is), IO, DISK_FULL, NO_MEMORY. There is
 * no output then. */
enum status rewrite_segments(struct io *io, const struct rewrite *rewrite,
                             struct rewrite_result *out, struct error *err) WARN_UNUSED;

#endif
