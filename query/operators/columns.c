/* query/operators/columns.c -- pipes that only choose and name columns: fields, delete, rename,
 * copy. They change a view's list of columns and touch no row. */
#include "query/operators/forms.h"

#include <stdlib.h>

struct columns_operator {
    struct operator base;
    field_id *from, *to;
    uint32_t count;
};

static struct columns_operator *of(struct operator *op)
{
    return (struct columns_operator *)op;
}

static enum status push_fields(struct operator *op, struct view *view, struct error *err)
{
    enum status status = view_only(view, of(op)->from, of(op)->count, err);

    return status == STATUS_OK ? operator_push(op->next, view, err) : status;
}

static enum status push_delete(struct operator *op, struct view *view, struct error *err)
{
    enum status status = STATUS_OK;

    for (uint32_t i = 0; status == STATUS_OK && i < of(op)->count; i++)
        status = view_hide(view, of(op)->from[i], err);
    return status == STATUS_OK ? operator_push(op->next, view, err) : status;
}

static enum status push_copy(struct operator *op, struct view *view, struct error *err)
{
    enum status status = STATUS_OK;

    for (uint32_t i = 0; status == STATUS_OK && i < of(op)->count; i++)
        status = view_alias(view, of(op)->to[i], of(op)->from[i], err);
    return status == STATUS_OK ? operator_push(op->next, view, err) : status;
}

static enum status push_rename(struct operator *op, struct view *view, struct error *err)
{
    enum status status = STATUS_OK;

    for (uint32_t i = 0; status == STATUS_OK && i < of(op)->count; i++) {
        if (of(op)->from[i] == of(op)->to[i])
            continue;
        status = view_alias(view, of(op)->to[i], of(op)->from[i], err);
        if (status == STATUS_OK)
            status = view_hide(view, of(op)->from[i], err);
    }
    return status == STATUS_OK ? operator_push(op->next, view, err) : status;
}

static void close_columns(struct operator *op)
{
    free(of(op)->from);
    free(of(op)->to);
    free(op);
}

static field_id *ids_of(struct run *run, const struct name_list *names)
{
    field_id *ids = calloc(names->count + 1, sizeof(*ids));

    for (uint32_t i = 0; ids != NULL && i < names->count; i++)
        ids[i] = names_id(&run->names, names->items[i]);
    return ids;
}

static enum status make_columns(const struct operator *base, const struct operator_ops *ops,
                                struct operator **out, struct error *err)
{
    struct columns_operator *op = operator_new(base, ops, sizeof(*op));

    if (op == NULL)
        return error_set(err, STATUS_NO_MEMORY, "out of memory");
    op->count = base->pipe->fields.count;
    op->from = ids_of(base->run, &base->pipe->fields);
    op->to = ids_of(base->run, &base->pipe->others);
    if (op->from == NULL || op->to == NULL) {
        close_columns(&op->base);
        return error_set(err, STATUS_NO_MEMORY, "out of memory");
    }
    *out = &op->base;
    return STATUS_OK;
}

enum status fields_make(const struct operator *base, struct operator **out, struct error *err)
{
    static const struct operator_ops ops = {.push = push_fields, .close = close_columns};

    return make_columns(base, &ops, out, err);
}

enum status delete_make(const struct operator *base, struct operator **out, struct error *err)
{
    static const struct operator_ops ops = {.push = push_delete, .close = close_columns};

    return make_columns(base, &ops, out, err);
}

enum status copy_make(const struct operator *base, struct operator **out, struct error *err)
{
    static const struct operator_ops ops = {.push = push_copy, .close = close_columns};

    return make_columns(base, &ops, out, err);
}

enum status rename_make(const struct operator *base, struct operator **out, struct error *err)
{
    static const struct operator_ops ops = {.push = push_rename, .close = close_columns};

    return make_columns(base, &ops, out, err);
}
