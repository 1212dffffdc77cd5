/* store/segment_compare.h -- compare the lines of a section with the bytes that they were made of.
 * Thread safety: one thread at a time per block. */
#ifndef DENDRO_STORE_SEGMENT_COMPARE_H
#define DENDRO_STORE_SEGMENT_COMPARE_H

#include "store/segment_block.h"

/* Lines of any rows: their bytes and lengths, both by row number. */
struct line_list {
    const char *const *bytes;
    const uint32_t *sizes;
};

/* Does each row of a section, which must be loaded (segment_block_load()), give exactly the line of
 * that name? `rows` has the row number of each row of the section. */
bool segment_lines_equal(struct segment_block *block, uint32_t section,
                         const struct line_list *lines, const uint32_t *rows);

#endif
