/* store/sample_plan.h -- what a scan of samples decides about the series of a segment before it reads
 * blocks: a filter on metric, labels and source says the same of all samples of a series.
 * Thread safety: a plan is made by one thread, read-only afterwards; a block belongs to one thread. */
#ifndef DENDRO_STORE_SAMPLE_PLAN_H
#define DENDRO_STORE_SAMPLE_PLAN_H

#include "store/segment_plan.h"

/* Sets plan->series. *any is false if no series can pass. Errors: NO_MEMORY. */
enum status sample_plan_make(struct segment_plan *plan, bool *any, struct error *err) WARN_UNUSED;

/* Is no sample of the block wanted, as far as that is known without reading it? */
bool sample_block_is_out(const struct segment_plan *plan, uint32_t index);

/* Clear the bits of samples that do not pass, or are answered. Errors: CORRUPT, NO_MEMORY. */
enum status sample_filter(struct segment_block *block, const struct segment_plan *plan,
                          struct error *err) WARN_UNUSED;

/* rollup_answer_make() for samples. */
enum status sample_answer_make(struct segment_plan *plan, const struct rollup_wish *wish,
                               struct error *err) WARN_UNUSED;

#endif
