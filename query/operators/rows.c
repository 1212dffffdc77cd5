/* query/operators/rows.c -- pipes that drop rows: where, limit, offset, sample. */
#include "query/operators/forms.h"

#include "base/hash.h"
#include "query/plan.h"
#include "store/predicate_eval.h"
#include "store/store.h"

#include <stdlib.h>

struct rows_operator {
    struct operator base;
    const struct predicate *filter; /* where */
    uint64_t left;                  /* limit: rows still to pass; offset: still to drop */
};

static struct rows_operator *of(struct operator *op)
{
    return (struct rows_operator *)op;
}

static uint64_t *new_rows(struct operator *op, struct view *view, struct error *err)
{
    uint64_t *rows =
        arena_new(view_arena(view), uint64_t, bit_words(view_row_count(view)) + 1);

    if (rows == NULL)
        (void)memory_exceeded(&op->run->memory, err);
    return rows;
}

static enum status push_where(struct operator *op, struct view *view, struct error *err)
{
    uint64_t *rows = new_rows(op, view, err);
    enum status status;

    if (rows == NULL)
        return STATUS_TOO_LARGE;
    memcpy(rows, view->base.selected, bit_words(view_row_count(view)) * sizeof(*rows));
    status = predicate_eval(of(op)->filter, view_block(view), rows, err);
    if (status != STATUS_OK)
        return status;
    view_keep(view, rows);
    return operator_push(op->next, view, err);
}

/* Set the bits of the selected rows from the `from`-th to before the `to`-th. */
static enum status keep_between(struct operator *op, struct view *view, uint64_t from, uint64_t to,
                                struct error *err)
{
    uint64_t *kept = new_rows(op, view, err);
    const uint32_t *rows;
    enum status status = kept == NULL ? STATUS_TOO_LARGE : view_rows(view, &rows, err);

    if (status != STATUS_OK)
        return status;
    for (uint64_t i = from; i < to && i < view_selected_count(view); i++)
        bit_set(kept, rows[i]);
    view_keep(view, kept);
    return STATUS_OK;
}

static enum status push_limit(struct operator *op, struct view *view, struct error *err)
{
    uint64_t *left = &of(op)->left;
    enum status status = STATUS_OK;

    if (*left == 0)
        return STATUS_END;
    if (view_selected_count(view) > *left)
        status = keep_between(op, view, 0, *left, err);
    *left -= view_selected_count(view);
    if (status == STATUS_OK)
        status = operator_push(op->next, view, err);
    return status == STATUS_OK && *left == 0 ? STATUS_END : status;
}

static enum status push_offset(struct operator *op, struct view *view, struct error *err)
{
    uint64_t drop = of(op)->left < view_selected_count(view) ? of(op)->left
                                                              : view_selected_count(view);
    enum status status = STATUS_OK;

    of(op)->left -= drop;
    if (drop > 0)
        status = keep_between(op, view, drop, UINT64_MAX, err);
    return status == STATUS_OK ? operator_push(op->next, view, err) : status;
}

/* By a hash of the row's place, so that the same rows are chosen each time, on any node. */
static enum status push_sample(struct operator *op, struct view *view, struct error *err)
{
    uint64_t *kept = new_rows(op, view, err);
    const uint64_t *offsets = block_offsets(view_block(view), err);
    const uint32_t *sources = block_source_numbers(view_block(view), err);
    const uint32_t *rows;
    enum status status = view_rows(view, &rows, err);

    if (kept == NULL || offsets == NULL || sources == NULL)
        return err->status;
    for (uint32_t i = 0; status == STATUS_OK && i < view_selected_count(view); i++) {
        const struct event_source *source = store_source(op->run->store, sources[rows[i]]);
        uint64_t seed = source == NULL ? 0 : hash64(&source->id, sizeof(source->id));

        if (hash64_seed(&offsets[rows[i]], sizeof(*offsets), seed) % op->pipe->count == 0)
            bit_set(kept, rows[i]);
    }
    if (status != STATUS_OK)
        return status;
    view_keep(view, kept);
    return operator_push(op->next, view, err);
}

static void close_rows(struct operator *op)
{
    free(op);
}

static enum status make_rows(const struct operator *base, const struct operator_ops *ops,
                             struct operator **out, struct error *err)
{
    struct rows_operator *op = operator_new(base, ops, sizeof(*op));

    if (op == NULL)
        return error_set(err, STATUS_NO_MEMORY, "out of memory");
    op->left = base->pipe->count;
    *out = &op->base;
    return STATUS_OK;
}

enum status where_make(const struct operator *base, struct operator **out, struct error *err)
{
    static const struct operator_ops ops = {.push = push_where, .close = close_rows};
    const struct predicate *filter;
    enum status status = plan_pipe_filter(base->plan, base->pipe->filter, &filter, err);

    if (status == STATUS_OK)
        status = make_rows(base, &ops, out, err);
    if (status == STATUS_OK)
        of(*out)->filter = filter;
    return status;
}

enum status limit_make(const struct operator *base, struct operator **out, struct error *err)
{
    static const struct operator_ops ops = {.push = push_limit, .close = close_rows};

    return make_rows(base, &ops, out, err);
}

enum status offset_make(const struct operator *base, struct operator **out, struct error *err)
{
    static const struct operator_ops ops = {.push = push_offset, .close = close_rows};

    return make_rows(base, &ops, out, err);
}

enum status sample_make(const struct operator *base, struct operator **out, struct error *err)
{
    static const struct operator_ops ops = {.push = push_sample, .close = close_rows};

    base->run->sampled = (uint32_t)(base->pipe->count > UINT32_MAX ? UINT32_MAX
                                                                   : base->pipe->count);
    return make_rows(base, &ops, out, err);
}
