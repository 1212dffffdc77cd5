/* store/segment_samples_check.h -- samples of a segment that was written, read back and compared.
 * Thread safety: one thread at a time per block and recount. */
#ifndef DENDRO_STORE_SEGMENT_SAMPLES_CHECK_H
#define DENDRO_STORE_SEGMENT_SAMPLES_CHECK_H

#include "store/segment_rollup.h"
#include "store/segment_samples.h"

/* The samples of a block against those of `content` from the place on, bit by bit; the place moves behind
 * them. Errors: CORRUPT, NO_MEMORY. */
enum status segment_samples_compare(const struct segment_content *content,
                                    struct segment_block *block, struct sample_place *place,
                                    struct error *err) WARN_UNUSED;

/* Count the samples of a block for the cells: blocks in the order of the file. Errors: CORRUPT (a
 * sample is not of the series that the directory says), NO_MEMORY. */
enum status segment_samples_recount(struct rollup_recount *recount, struct segment_block *block,
                                    struct error *err) WARN_UNUSED;
/* After the last block. CORRUPT: the segment keeps other cells. */
enum status segment_samples_recounted(struct rollup_recount *recount, struct segment *segment,
                                      struct error *err) WARN_UNUSED;

#endif
