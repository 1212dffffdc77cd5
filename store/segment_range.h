/* store/segment_range.h -- a range of numbers on a field that is one slot of whole numbers: compared as
 * they are stored, without a column of them.
 *
 * `status:>=500` reads one page of a block and runs one kernel over it. What the answer is, is said by
 * predicate_in_range() on slot_int_value(); this is the same on the other side of the scale.
 * Thread safety: pure functions; a block belongs to one thread. */
#ifndef DENDRO_STORE_SEGMENT_RANGE_H
#define DENDRO_STORE_SEGMENT_RANGE_H

#include "store/segment_block.h"

#define RANGE_NO_COLUMN UINT32_MAX

/* Which numbers of a column of a family pass; low > high: none. */
struct segment_range {
    uint32_t column; /* RANGE_NO_COLUMN: the field is more than such a slot */
    int64_t low, high;
};

struct segment_range segment_range_of(const struct segment *segment,
                                      const struct segment_family *family,
                                      const struct predicate *predicate);

/* Clear the bits of rows (of the block) of the section that do not pass. */
enum status segment_range_filter(struct segment_block *block, uint32_t section,
                                 const struct segment_range *range, uint64_t *rows,
                                 struct error *err) WARN_UNUSED;

#endif
