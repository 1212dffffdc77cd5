/* store/shaped_rows.h -- the rows of a segment to be, split into (template, values).
 *
 * First pass of the writer: decide which fields are one slot, read the shape of every event, group
 * the templates into families, and list the rows of each family in segment order. Rows have the index
 * of their facts in the content.
 * Thread safety: one thread at a time. */
#ifndef DENDRO_STORE_SHAPED_ROWS_H
#define DENDRO_STORE_SHAPED_ROWS_H

#include "store/family.h"
#include "store/segment.h"
#include "store/shape_tree.h"

static inline struct slice text_of_ref(const char *bytes, uint64_t ref)
{
    return (struct slice){bytes + (ref >> 32), (uint32_t)ref};
}

struct shaped_row {
    const char *bytes; /* the line */
    uint32_t first_value;
    uint32_t template; /* raw; TEMPLATE_NONE: kept as text */
};

struct shaped_rows {
    const struct segment_content *content;
    struct template_table table;
    struct family_set set;
    struct shaped_row *rows; /* in the order of `order`, so that each is read once, in its turn */
    uint64_t *values;        /* slot_words() of each slot of the raw template, then the hash of each
                                computed field, in the order of the template */
    size_t value_count, value_capacity;
    uint32_t *order;         /* rows by family, those kept as text last */
    uint64_t *family_start;  /* family_count + 2: where each family's rows begin in `order` */
};

/* With `plain` every row is kept as text. Errors: NO_MEMORY, TOO_LARGE (SEGMENT_ROWS_MAX). */
enum status shaped_rows_make(struct shaped_rows *rows, const struct segment_content *content,
                             bool plain, struct error *err) WARN_UNUSED;
void shaped_rows_release(struct shaped_rows *rows);

/* Values of the slots of `row`, one of rows->rows. */
static inline const uint64_t *shaped_row_values(const struct shaped_rows *rows,
                                                const struct shaped_row *row)
{
    return rows->values + row->first_value;
}

#endif
