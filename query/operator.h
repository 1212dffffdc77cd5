/* query/operator.h -- a pipe at work. Operators form a chain; rows are pushed through it as views,
 * and at the end `finish` runs down the chain so that each gives what it has kept.
 *
 * Kinds. An operator without state looks at one view at a time. One with `merge` keeps a state that
 * workers fill apart and that is added up before `finish`: up to the first of these a chain runs
 * on several threads, each with its own copies. All others see all rows on one thread.
 *
 * To add a pipe: query/README.md. */
#ifndef DENDRO_QUERY_OPERATOR_H
#define DENDRO_QUERY_OPERATOR_H

#include "query/ast.h"
#include "query/field_set.h"
#include "query/run.h"
#include "query/view.h"

struct operator;
struct plan;

struct operator_ops {
    /* Take the selected rows. END: no more rows are wanted. */
    enum status (*push)(struct operator *op, struct view *view, struct error *err);
    /* All rows have come: push what was kept, then operator_finish(op->next). NULL: nothing kept. */
    enum status (*finish)(struct operator *op, struct error *err);
    /* Add the state of `other`, which has the same pipe. NULL: cannot be split over workers. */
    enum status (*merge)(struct operator *op, struct operator *other, struct error *err);
    void (*close)(struct operator *op); /* frees `op` too */
};

struct operator {
    const struct operator_ops *ops;
    struct operator *next;       /* NULL at the end of a worker's part */
    struct run *run;
    const struct plan *plan;
    const struct pipe *pipe;
    const struct field_set *needed; /* what the operators behind it look at */
};

enum operator_traits {
    OPERATOR_STATELESS = 1,
    OPERATOR_MERGES = 2,        /* has ops->merge */
    OPERATOR_KEEPS_ORDER = 4,   /* rows come out as they came in */
    OPERATOR_NEEDS_ORDER = 8,   /* its answer depends on the order of rows */
    OPERATOR_KEEPS_ROWS = 16,   /* rows that come out are rows of the store */
    OPERATOR_TAILS = 32,        /* can run for ever: live tail */
};

/* Make the operator of base->pipe; `base` is filled in but for `ops`. */
typedef enum status operator_make(const struct operator *base, struct operator **out,
                                  struct error *err);

struct operator_form {
    unsigned traits;
    operator_make *make; /* NULL: not in this version */
};

/* By kind of pipe. */
extern const struct operator_form operator_forms[PIPE_KIND_COUNT];

/* An operator of `size` bytes, zeroed, that starts with a copy of `base`; NULL: no memory. */
void *operator_new(const struct operator *base, const struct operator_ops *ops, size_t size);

/* Push on if any row is selected. */
static inline enum status operator_push(struct operator *op, struct view *view, struct error *err)
{
    if (op == NULL || view_selected_count(view) == 0)
        return STATUS_OK;
    return op->ops->push(op, view, err);
}

static inline enum status operator_finish(struct operator *op, struct error *err)
{
    if (op == NULL)
        return STATUS_OK;
    if (op->ops->finish == NULL)
        return operator_finish(op->next, err);
    return op->ops->finish(op, err);
}

/* Close a chain from `op` on. */
void operator_close_all(struct operator *op);

/* finish and close of an operator that is a part of another one's struct: where rows of a subquery
 * go to. They do nothing: its owner finishes and frees. */
enum status operator_part_finish(struct operator *op, struct error *err);
void operator_part_close(struct operator *op);

/* Rows that an operator made itself. All borrowed; texts of the cells need live no longer than the
 * push, for who keeps rows copies them. */
struct cell_table {
    const field_id *fields; /* one per column */
    uint32_t column_count;
    const struct cell *cells; /* row by row, row_count * column_count of them */
    uint32_t row_count;
};

/* Push them on as views. Gives END when the next operator has enough. */
enum status push_cells(struct operator *next, struct run *run, const struct cell_table *table,
                       struct error *err) WARN_UNUSED;

#endif
