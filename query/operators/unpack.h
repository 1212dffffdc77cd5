/* query/operators/unpack.h -- fields out of a text: what the unpackers share. The columns are made as
 * names come up; a row that has no value for one keeps what it had.
 * Thread safety: as the view. */
#ifndef DENDRO_QUERY_OPERATORS_UNPACK_H
#define DENDRO_QUERY_OPERATORS_UNPACK_H

#include "query/operators/row_texts.h"

/* New columns of one view; further names are ignored, and told. */
enum { UNPACK_COLUMNS_MAX = 256, UNPACK_NAME_SIZE_MAX = 256 };

struct unpack_operator;
/* The fields of one text. Not of the form: none. */
typedef enum status unpack_text(struct unpack_operator *op, struct view *view, uint32_t row,
                                struct slice text, struct error *err);

struct unpack_operator {
    struct operator base;
    unpack_text *unpack;
    field_id from;
    struct row_texts columns[UNPACK_COLUMNS_MAX];
    uint32_t column_count;
    struct buf name; /* begins with the prefix */
};

/* The row has `text` (copied) under the name in op->name. */
enum status unpack_set(struct unpack_operator *op, struct view *view, uint32_t row,
                       struct slice text, struct error *err) WARN_UNUSED;

unpack_text unpack_syslog; /* unpack_syslog.c */

#endif
