/* store/segment_term.h -- which rows of a section pass one term of a needle.
 * Thread safety: one thread at a time per block. */
#ifndef DENDRO_STORE_SEGMENT_TERM_H
#define DENDRO_STORE_SEGMENT_TERM_H

#include "store/segment_plan.h"

/* A term and the rows that it is asked about. All borrowed. */
struct term_test {
    struct segment_block *block;
    const struct needle *needle;
    const struct needle_term *term;
    uint32_t section, row_count; /* of that section */
};

/* Clear the bits in `active`, one per row of the section, of rows that do not pass. `table`: what the plan
 * knows of the column's codes or numbers; `scratch`: room for as many bits.
 * Errors: CORRUPT (a page), IO, NO_MEMORY. */
enum status term_test_rows(const struct term_test *test, const struct term_table *table,
                           uint64_t *active, uint64_t *scratch, struct error *err) WARN_UNUSED;

#endif
