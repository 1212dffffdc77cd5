/* store/shape_tree.h -- lines of known templates, recognised without looking for their slots.
 *
 * The templates of a format are a tree: from each node, edges with the literal that comes next and the
 * slot behind it. A line is walked from the root: compare the literal, read the slot that the edge
 * foresees, go on. What the templates of a format have in common is compared once, and the edges that
 * were taken last are tried first.
 *
 * The walk gives a template only if shape_read() and template_table_get() would give the same one, with
 * the same values; whenever there is a doubt it gives none, and these two decide. Why that holds is
 * told in shape_tree.c; tests/store/test_shape_tree.c and fuzz_template compare.
 *
 * Thread safety: one thread at a time. */
#ifndef DENDRO_STORE_SHAPE_TREE_H
#define DENDRO_STORE_SHAPE_TREE_H

#include "store/template.h"

enum {
    /* Words of the values of one row: see shaped_rows.values. */
    ROW_WORDS_MAX = SHAPE_SLOTS_MAX * (HEX_BYTES_MAX / 8) + SHAPE_FIELDS_MAX * 2,
};

#define COMPUTED_REF ((uint64_t)1 << 63)

/* Values of slots that keep text: where it is in the event. */
static inline uint64_t text_ref(uint32_t start, uint32_t len)
{
    return (uint64_t)start << 32 | len;
}

struct shape_tree {
    const struct template_table *table; /* borrowed */
    struct arena edges;
    struct shape_edge *roots; /* per format */
    uint32_t edge_count, format_count;
    uint32_t gap_starts[SHAPE_SLOTS_MAX + 1]; /* of the line at hand */
    struct stamp_day days[STAMP_LAYOUTS_MAX]; /* of the stamps that were read last */
};

/* Formats are numbered below `format_count`. False without memory. */
bool shape_tree_init(struct shape_tree *tree, const struct template_table *table,
                     uint32_t format_count);
void shape_tree_release(struct shape_tree *tree);

/* Learn template `number`, which template_table_get() gave for `shape` as shape_read() left it after
 * this event. Without memory, or when the tree is full, nothing is learnt. */
void shape_tree_add(struct shape_tree *tree, const struct line_shape *shape,
                    const struct event *event, uint32_t number);

/* The template of the event, and the words of its values; TEMPLATE_NONE: not known. `scratch` is
 * overwritten; `values` has room for ROW_WORDS_MAX. The rules of shape_read() must be the same for all
 * events of a format. */
uint32_t shape_tree_match(struct shape_tree *tree, struct line_shape *scratch,
                          const struct event *event, uint64_t *values, uint32_t *value_count);

#endif
