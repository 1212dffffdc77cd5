/* store/shape_tree.h -- lines of known templates, recognised without looking for their slots.
 *
 * The templates of rows with the same list of fields are a tree: from each node, edges with the literal
 * that comes next and the slot behind it. A line is walked from the root: compare the literal, read the
 * slot that the edge foresees, go on. What these templates have in common is compared once, and the
 * edges that were taken last are tried first.
 *
 * The walk gives a template only if shape_read() and template_table_get() would give the same one, with
 * the same values; whenever there is a doubt it gives none, and these two decide. Why that holds is
 * told in shape_walk.c; tests/store/test_shape_tree.c and fuzz_template compare.
 *
 * Thread safety: one thread at a time. */
#ifndef DENDRO_STORE_SHAPE_TREE_H
#define DENDRO_STORE_SHAPE_TREE_H

#include "store/field_lists.h"
#include "store/kernels/kernels.h"
#include "store/template.h"

enum {
    /* Words of the values of one row: see shaped_rows.values. */
    ROW_WORDS_MAX = SHAPE_SLOTS_MAX * (HEX_BYTES_MAX / 8) + SHAPE_FIELDS_MAX,
    /* Bytes before and behind the line at hand that may be read; those behind it are zero. */
    SHAPE_LINE_SLACK = BYTE_MASKS_SLACK,
    SHAPE_MASK_WORDS = SHAPE_SIZE_MAX / 64 + 2,
};
static_assert((int)FIELD_LIST_LENGTH_MAX == (int)SHAPE_FIELDS_MAX, "no line has more fields");

/* Values of slots that keep text: where it is in the event. */
static inline uint64_t text_ref(uint32_t start, uint32_t len)
{
    return (uint64_t)start << 32 | len;
}

struct shape_tree {
    const struct template_table *table; /* borrowed */
    struct field_lists lists;
    struct shape_edge **roots; /* by list; NULL: none yet */
    struct arena edges;
    uint32_t edge_count;
    void (*byte_masks)(const char *data, size_t len, const struct byte_masks *out); /* of kernels() */
    struct byte_masks masks; /* the places below: the tree stays where it is */
    struct stamp_day days[STAMP_LAYOUTS_MAX]; /* of the stamps that were read last */
    /* The line at hand: */
    int64_t time_ns;
    uint32_t len;
    struct event_spans spans; /* set before a match */
    uint32_t gap_starts[SHAPE_SLOTS_MAX + 1];
    uint64_t token[SHAPE_MASK_WORDS], digit[SHAPE_MASK_WORDS], hex[SHAPE_MASK_WORDS];
    char line[SHAPE_LINE_SLACK + SHAPE_SIZE_MAX + SHAPE_LINE_SLACK]; /* a copy */
};

/* A line to be recognised. */
struct shape_line {
    struct slice bytes;
    int64_t time_ns;
    uint32_t list;
};

/* False without memory. */
bool shape_tree_init(struct shape_tree *tree, const struct template_table *table);
void shape_tree_release(struct shape_tree *tree);

/* The list of the event's fields; FIELD_LIST_NONE: no line with them is foreseen. */
static inline uint32_t shape_tree_list(struct shape_tree *tree, const struct event *event)
{
    return field_lists_get(&tree->lists, event->format, event->fields, event->field_count);
}

/* Set tree.spans to where the event's fields are. At most SHAPE_FIELDS_MAX of them. */
void shape_tree_set_spans(struct shape_tree *tree, const struct event *event);

/* Learn template `number`, which template_table_get() gave for `shape` as shape_read() left it after
 * this event. Without memory, or when the tree is full, nothing is learnt. */
void shape_tree_add(struct shape_tree *tree, const struct line_shape *shape,
                    const struct event *event, uint32_t number);

/* The template of the line that has its fields at tree.spans, and the words of its values;
 * TEMPLATE_NONE: not known. `values` has room for ROW_WORDS_MAX. The rules of shape_read() must be the
 * same for all events of a format. */
uint32_t shape_tree_match(struct shape_tree *tree, const struct shape_line *line, uint64_t *values,
                          uint32_t *value_count);

#endif
