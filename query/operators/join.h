/* query/operators/join.h -- rows of a subquery found by the values of some fields: the right side
 * of join, the earlier range of diff.
 * Thread safety: filled by one thread; then read-only. */
#ifndef DENDRO_QUERY_OPERATORS_JOIN_H
#define DENDRO_QUERY_OPERATORS_JOIN_H

#include "query/operators/group.h"
#include "query/operators/kept_rows.h"

struct right_side {
    struct operator sink;       /* first: rows are pushed into it */
    struct grouper grouper;     /* of the key fields */
    struct kept_rows rows;
    struct kept_row **first;    /* by group: the first row that came */
    uint32_t first_capacity;
    uint64_t repeated;          /* rows whose key had a row already: dropped */
    struct field_set columns;   /* all that any row has, without the keys */
    struct arena arena;         /* of `columns` */
};

enum status right_side_init(struct right_side *side, struct run *run, const struct name_list *keys,
                            struct error *err) WARN_UNUSED;
void right_side_release(struct right_side *side);
/* The row for a group of the right side's own grouper; NULL: none. */
const struct kept_row *right_side_row(const struct right_side *side, uint32_t group);
struct cell kept_row_cell(const struct kept_row *row, field_id field);

#endif
