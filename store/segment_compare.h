/* store/segment_compare.h -- compare the rows of a section with what they were made of.
 * Thread safety: as the block. */
#ifndef DENDRO_STORE_SEGMENT_COMPARE_H
#define DENDRO_STORE_SEGMENT_COMPARE_H

#include "store/row_facts.h"
#include "store/segment_block.h"

/* Both sides: what the rows of the content are, and what the block says beside their lines. */
struct segment_rows_expected {
    const struct row_facts *facts; /* by row of the content */
    /* by row of the block */
    const int64_t *times, *orders, *levels, *flags;
    const uint64_t *sequences;
    const uint32_t *sources;
};

/* Compare the section, whose columns are loaded, with rows[0], rows[1], ... of the content. `differs`:
 * NULL if all is equal; else the name of a part that differs. Errors: NO_MEMORY. */
enum status segment_rows_compare(struct segment_block *block, uint32_t section,
                                 const struct segment_rows_expected *expected,
                                 const uint32_t *rows, const char **differs,
                                 struct error *err) WARN_UNUSED;

#endif
