/* query/operators/top.c -- top, uniq, field_values: groups and how many rows each has. */
#include "query/operators/forms.h"
#include "query/operators/group.h"

#include <stdlib.h>

struct top_operator {
    struct operator base;
    struct grouper grouper;
    uint64_t *hits; /* by group */
    uint32_t hit_capacity;
    uint64_t total;
};

static struct top_operator *of(struct operator *op)
{
    return (struct top_operator *)op;
}

static enum status reserve(struct top_operator *top, struct error *err)
{
    return memory_grow(&top->base.run->memory, (void **)&top->hits, &top->hit_capacity,
                       top->grouper.group_count, sizeof(*top->hits), err);
}

static enum status push_top(struct operator *op, struct view *view, struct error *err)
{
    struct top_operator *top = of(op);
    struct grouped rows;
    enum status status = grouper_assign(&top->grouper, view, &rows, err);

    if (status == STATUS_OK)
        status = reserve(top, err);
    if (status != STATUS_OK)
        return status;
    top->total += rows.count;
    if (rows.groups == NULL) {
        top->hits[rows.single] += rows.count;
        return STATUS_OK;
    }
    for (uint32_t i = 0; i < rows.count; i++)
        top->hits[rows.groups[i]]++;
    return STATUS_OK;
}

static enum status merge_top(struct operator *op, struct operator *other_op, struct error *err)
{
    struct top_operator *top = of(op), *other = of(other_op);
    enum status status = STATUS_OK;

    for (uint32_t from = 0; status == STATUS_OK && from < other->grouper.group_count; from++) {
        uint32_t to;

        status = grouper_find(&top->grouper, grouper_cells(&other->grouper, from), &to, err);
        if (status == STATUS_OK)
            status = reserve(top, err);
        if (status == STATUS_OK)
            top->hits[to] += other->hits[from];
    }
    top->total += other->total;
    return status;
}

static int compare_hits(const void *a, const void *b, void *user)
{
    const struct top_operator *top = user;
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    if (top->hits[x] != top->hits[y])
        return top->hits[x] > top->hits[y] ? -1 : 1;
    for (uint32_t i = 0; i < top->grouper.key_count; i++) {
        int order = cell_compare(&grouper_cells(&top->grouper, x)[i],
                                 &grouper_cells(&top->grouper, y)[i]);

        if (order != 0)
            return order;
    }
    return 0;
}

/* The columns of one answer: keys, hits, share. */
struct top_columns {
    field_id *fields;
    uint32_t count;
    bool hits, share;
};

static enum status make_columns(struct top_operator *top, struct top_columns *out,
                                struct error *err)
{
    struct names *names = &top->base.run->names;
    struct slice hits = top->base.pipe->as.len > 0 ? top->base.pipe->as : SLICE_LITERAL("hits");

    out->fields = pool_new(&top->grouper.pool, field_id, top->grouper.key_count + 3, err);
    if (out->fields == NULL)
        return STATUS_TOO_LARGE;
    for (; out->count < top->grouper.key_count; out->count++)
        out->fields[out->count] = top->base.pipe->kind == PIPE_FIELD_VALUES
                                      ? names_id(names, SLICE_LITERAL("value"))
                                      : top->grouper.fields[out->count];
    if (out->hits)
        out->fields[out->count++] = names_id(names, hits);
    if (out->share)
        out->fields[out->count++] = names_id(names, SLICE_LITERAL("share"));
    return STATUS_OK;
}

static void put_row(const struct top_operator *top, const struct top_columns *columns,
                    const struct cell *keys, uint64_t hits, struct cell *row)
{
    uint32_t at = top->grouper.key_count;

    memmove(row, keys, at * sizeof(*row)); /* put_other() gives the row itself */
    if (columns->hits)
        row[at++] = cell_int((int64_t)hits, VALUE_INT);
    if (columns->share)
        row[at] = cell_float((double)hits / (double)top->total, VALUE_FLOAT);
}

/* The rest of a top in one row: "other" under the first key. */
static void put_other(const struct top_operator *top, const struct top_columns *columns,
                      uint64_t hits, struct cell *row)
{
    memset(row, 0, columns->count * sizeof(*row));
    put_row(top, columns, row, hits, row);
    row[0] = cell_text(SLICE_LITERAL("other"), VALUE_TEXT);
}

static enum status push_rows(struct top_operator *top, const struct top_columns *columns,
                             const uint32_t *order, uint32_t shown, struct error *err)
{
    struct cell *cells = pool_new(&top->grouper.pool, struct cell,
                                  ((size_t)shown + 1) * columns->count + 1, err);
    uint64_t rest = top->total;
    uint32_t count = 0;
    enum status status;

    if (cells == NULL)
        return STATUS_TOO_LARGE;
    for (; count < shown; count++) {
        uint32_t group = order[count];

        put_row(top, columns, grouper_cells(&top->grouper, group), top->hits[group],
                &cells[(size_t)count * columns->count]);
        rest -= top->hits[group];
    }
    if (top->base.pipe->kind == PIPE_TOP && top->base.pipe->flag && rest > 0)
        put_other(top, columns, rest, &cells[(size_t)count++ * columns->count]);
    status = push_cells(top->base.next, top->base.run,
                        &(struct cell_table){columns->fields, columns->count, cells, count}, err);
    return status == STATUS_END ? STATUS_OK : status;
}

static enum status finish_top(struct operator *op, struct error *err)
{
    struct top_operator *top = of(op);
    const struct pipe *pipe = op->pipe;
    uint32_t shown = top->grouper.group_count, *order;
    bool by_key = pipe->kind == PIPE_UNIQ && !pipe->flag;
    struct top_columns columns = {.hits = !by_key, .share = pipe->kind == PIPE_TOP};
    enum status status = grouper_sorted(&top->grouper, &order, err);

    if (status == STATUS_OK)
        status = make_columns(top, &columns, err);
    if (status != STATUS_OK)
        return status;
    if (!by_key)
        qsort_r(order, shown, sizeof(*order), compare_hits, top);
    if (pipe->count > 0 && shown > pipe->count)
        shown = (uint32_t)pipe->count;
    status = push_rows(top, &columns, order, shown, err);
    return status == STATUS_OK ? operator_finish(op->next, err) : status;
}

static void close_top(struct operator *op)
{
    struct top_operator *top = of(op);

    memory_free(&op->run->memory, (void **)&top->hits, &top->hit_capacity, sizeof(*top->hits));
    grouper_release(&top->grouper);
    free(top);
}

static enum status make_top(const struct operator *base, const struct name_list *names,
                            struct operator **out, struct error *err)
{
    static const struct operator_ops ops = {
        .push = push_top, .finish = finish_top, .merge = merge_top, .close = close_top};
    struct top_operator *top = operator_new(base, &ops, sizeof(*top));
    enum status status;

    if (top == NULL)
        return error_set(err, STATUS_NO_MEMORY, "out of memory");
    status = grouper_init_names(&top->grouper, base->run, names, err);
    if (status != STATUS_OK)
        close_top(&top->base);
    else
        *out = &top->base;
    return status;
}

enum status top_make(const struct operator *base, struct operator **out, struct error *err)
{
    return make_top(base, &base->pipe->fields, out, err);
}

enum status uniq_make(const struct operator *base, struct operator **out, struct error *err)
{
    return make_top(base, &base->pipe->fields, out, err);
}

/* Rows without the field are counted as a null value, and shown as one. */
enum status field_values_make(const struct operator *base, struct operator **out,
                              struct error *err)
{
    struct name_list names = {&base->pipe->from, 1};

    return make_top(base, &names, out, err);
}
