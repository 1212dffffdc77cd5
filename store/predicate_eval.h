/* store/predicate_eval.h -- a filter tree over the columns of one block.
 *
 * The plain evaluator: it asks the block for columns, tests each distinct value of a dictionary
 * once, and looks only at rows that are still selected. What a segment decides earlier (on
 * templates, dictionaries, zone maps) must agree with it.
 * Thread safety: as the block. */
#ifndef DENDRO_STORE_PREDICATE_EVAL_H
#define DENDRO_STORE_PREDICATE_EVAL_H

#include "store/block_impl.h"
#include "store/predicate.h"

/* Clear the bits of `rows` (block_row_count() bits) whose row fails `predicate`. Rows whose bit is
 * clear already are not looked at. Errors: as block_column(). */
enum status predicate_eval(const struct predicate *predicate, struct block *block, uint64_t *rows,
                           struct error *err) WARN_UNUSED;

/* Does a value lie in the bounds of a PRED_RANGE or PRED_LENGTH node? */
bool predicate_in_range(const struct predicate *predicate, double value);

#endif
