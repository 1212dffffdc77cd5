/* store/block_sources.h -- which sources a block has rows of, once somebody has read them.
 *
 * A filter that names a file meets one block of a segment in twenty, but each has to be read to know:
 * only once, then this remembers it for as long as the segment is open (a bit per block and source).
 * Thread safety: any thread may note and ask. */
#ifndef DENDRO_STORE_BLOCK_SOURCES_H
#define DENDRO_STORE_BLOCK_SOURCES_H

#include "store/segment_plan.h"

/* `sources` are those of all `count` rows of the block. Without memory nothing is remembered. */
void block_sources_note(struct segment *segment, uint32_t index, const uint32_t *sources,
                        uint32_t count);
/* False: the tree of the plan (NULL: no filter) asks for sources that the block has no rows of. */
bool block_sources_may_pass(const struct segment *segment, const struct plan_node *node,
                            uint32_t index);
/* Free what was noted, when the segment is closed. */
void block_sources_release(struct segment *segment);

#endif
