/* store/segment_compare.h -- compare the lines of a section with the bytes that they were made of.
 * Thread safety: one thread at a time per block. */
#ifndef DENDRO_STORE_SEGMENT_COMPARE_H
#define DENDRO_STORE_SEGMENT_COMPARE_H

#include "store/row_facts.h"
#include "store/segment_block.h"

/* Does each row of a section, which must be loaded (segment_block_load()), give exactly the line of
 * that name? `rows` has the number of each row of the section in `facts`. */
bool segment_lines_equal(struct segment_block *block, uint32_t section,
                         const struct row_facts *facts, const uint32_t *rows);

#endif
