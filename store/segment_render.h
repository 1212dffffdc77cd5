/* store/segment_render.h -- tests of the whole line that need its bytes: a regex.
 * Thread safety: one thread at a time per block. */
#ifndef DENDRO_STORE_SEGMENT_RENDER_H
#define DENDRO_STORE_SEGMENT_RENDER_H

#include "store/predicate.h"
#include "store/segment_block.h"

/* Clear the rows whose lines do not pass predicate_match_text(). Where parts of a line decide
 * (predicate->parts), rows whose template has such a part are not written out.
 * Errors: CORRUPT, IO, NO_MEMORY. */
enum status segment_render_filter(struct segment_block *block, const struct predicate *predicate,
                                  uint64_t *rows, struct error *err) WARN_UNUSED;

#endif
