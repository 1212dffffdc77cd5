/* query/operators/row_texts.h -- a new text column, filled row by row: what extract, format,
 * replace and the unpackers share.
 * Thread safety: as the view. */
#ifndef DENDRO_QUERY_OPERATORS_ROW_TEXTS_H
#define DENDRO_QUERY_OPERATORS_ROW_TEXTS_H

#include "query/operator.h"

struct row_texts {
    field_id field;
    struct slice *texts;
    uint64_t *present;
    struct column old;  /* what rows that get no value keep */
    bool any;
};

/* A column for `field` over the rows of `view`. `keep`: rows that are not set keep the value that
 * they had; else they have none. */
enum status row_texts_init(struct row_texts *column, struct view *view, field_id field, bool keep,
                           struct error *err) WARN_UNUSED;
/* Set a row; the text must live as long as the view's rows: see row_texts_copy(). */
static inline void row_texts_set(struct row_texts *column, uint32_t row, struct slice text)
{
    column->texts[row] = text;
    bit_set(column->present, row);
    column->any = true;
}
/* Set a row to a copy of what was written; false: no memory, for the copy or while it was written. */
bool row_texts_copy(struct row_texts *column, struct view *view, uint32_t row,
                    const struct buf *written) WARN_UNUSED;
/* Lay the column over the view. */
enum status row_texts_show(struct row_texts *column, struct view *view, enum value_type type,
                           struct error *err) WARN_UNUSED;

#endif
