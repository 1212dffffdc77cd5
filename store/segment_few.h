/* store/segment_few.h -- lines and fields of the rows of a section that are selected, without its
 * whole columns where they are few.
 *
 * "The newest hundred of a role" or "these ten matches" touch a few rows of blocks of thousands.
 * Their values are picked from the pages, and only the strings that they have are looked up.
 * Rows are selected once and for all by then: nobody asks for a row that is not.
 * Thread safety: as the block. */
#ifndef DENDRO_STORE_SEGMENT_FEW_H
#define DENDRO_STORE_SEGMENT_FEW_H

#include "store/segment_block.h"

struct segment_few {
    uint32_t count;
    const uint32_t *rows;      /* of the section, ascending */
    const uint32_t *templates; /* of the segment; there once has_line is set */
    uint32_t *places;          /* 0, 1, ...: the codes of values that are looked up already */
    struct segment_values *values; /* by column; arrays by index in `rows` */
    bool has_line;             /* all slots are there */
};

/* The rows of a section as their lines are written. */
struct segment_lines {
    struct segment_block *block;
    uint32_t section;
    struct segment_few *few; /* NULL: the whole columns are loaded */
};

/* Get ready to write lines, or parts of them, of selected rows. */
enum status segment_lines_open(struct segment_block *block, uint32_t section,
                               struct segment_lines *out, struct error *err) WARN_UNUSED;
/* Append the line of `row` (of the block) or a part of it; `part` NULL: all. False without memory. */
bool segment_lines_append(const struct segment_lines *lines, uint32_t row,
                          const struct line_part *part, struct buf *out);
/* Field `index` of the family as a part of the line of `row`. */
struct line_part segment_lines_field(const struct segment_lines *lines, uint32_t row,
                                     uint32_t index);

/* The few rows of a section; *out NULL: so many are selected that whole columns are no dearer. */
enum status segment_few_get(struct segment_block *block, uint32_t section,
                            struct segment_few **out, struct error *err) WARN_UNUSED;
/* A column of them, ready for segment_value_text(). */
enum status segment_few_values(struct segment_block *block, uint32_t section,
                               struct segment_few *few, uint32_t column,
                               const struct segment_values **out, struct error *err) WARN_UNUSED;

#endif
