/* query/operators/kept_rows.h -- rows that outlive their view: copied into a pool, compacted when
 * many have been dropped, and pushed on as views again.
 *
 * A row is a list of (field, cell), since rows of different formats have different fields.
 * Thread safety: one thread at a time per store of rows. */
#ifndef DENDRO_QUERY_OPERATORS_KEPT_ROWS_H
#define DENDRO_QUERY_OPERATORS_KEPT_ROWS_H

#include "query/operator.h"

struct kept_cell {
    field_id field;
    struct cell cell;
};

struct kept_row {
    struct cell *keys; /* key_count of the store */
    struct kept_cell *cells;
    uint32_t cell_count;
    uint32_t partition;
    uint64_t arrival; /* order in which rows came: breaks ties */
};

struct kept_rows {
    struct run *run;
    struct pool pool;
    uint32_t key_count;
    uint64_t arrivals;
};

/* Columns of a view that a kept row takes. */
struct kept_columns {
    const field_id *fields;
    struct column *columns;
    uint32_t count;
};

void kept_rows_init(struct kept_rows *rows, struct run *run, uint32_t key_count);
void kept_rows_release(struct kept_rows *rows);

/* The columns of `view` that are in `needed`, in the view's arena. */
enum status kept_columns_make(struct view *view, const struct field_set *needed,
                              struct kept_columns *out, struct error *err) WARN_UNUSED;
enum status kept_rows_add(struct kept_rows *rows, const struct kept_columns *columns, uint32_t row,
                          const struct cell *keys, struct kept_row **out,
                          struct error *err) WARN_UNUSED;
/* Copy the rows of `live` (replacing the pointers) into a new pool and free the old one. */
enum status kept_rows_compact(struct kept_rows *rows, struct kept_row **live, size_t count,
                              struct error *err) WARN_UNUSED;
/* Push the rows in this order. END: the next operator has enough. */
enum status kept_rows_push(struct run *run, struct kept_row *const *rows, size_t count,
                           struct operator *next, struct error *err) WARN_UNUSED;

#endif
