/* store/line_walk.h -- some dozens of lines are compared together with what a section says they are: one
 * column after the other moves all of them past a literal and a value, or finds the difference.
 * Thread safety: one thread at a time per walk. */
#ifndef DENDRO_STORE_LINE_WALK_H
#define DENDRO_STORE_LINE_WALK_H

#include "store/segment_block.h"

enum { TILE_ROWS = 64, TILE_LINE_SIZE_MIN = 8 /* what is read at once near the end of a line */ };

/* A literal; of up to eight bytes, most often a space or a quote, also as a word under a mask. */
struct literal {
    uint64_t word, mask;
    struct slice text;
    bool is_word;
};

/* A value of each line and what stands before it: the text of the line's template, if they differ there,
 * then one that is the same in all lines. Values that are the same in all lines are part of that. */
struct line_step {
    const struct segment_column *column; /* NULL: no value */
    const struct segment_values *values;
    const struct slice *texts; /* CODES: by code, with what stands around the string in all lines */
    struct literal lead;
    bool varies;
    uint32_t gap; /* where templates differ */
};

/* How the lines of a section go. */
struct line_walk {
    struct segment_block *block;
    struct line_step *steps; /* of slots at most, and one more */
    uint32_t step_count;
};

/* Where each line of a tile has got to. */
struct line_tile {
    const char *at[TILE_ROWS], *end[TILE_ROWS];
    const uint32_t *templates; /* of the rows, as the block has them */
    uint32_t count;
    uint32_t first; /* row of the section */
    bool has_short; /* a line of less than TILE_LINE_SIZE_MIN bytes */
    bool differs;   /* a row; its place does not matter any more */
};

/* Of a section whose columns are loaded; in the memory of the block. Errors: NO_MEMORY. */
enum status line_walk_init(struct line_walk *walk, struct segment_block *block, uint32_t section,
                           struct error *err) WARN_UNUSED;
/* Take step `number`, unless the tile differs. */
void line_walk_step(const struct line_walk *walk, uint32_t number, struct line_tile *tile);
/* After all steps: have all rows come to their ends, without a difference? */
bool line_tile_ends(const struct line_tile *tile);

#endif
