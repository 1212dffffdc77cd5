/* query/operators/union.c -- rows of another query behind those of this one. */
#include "query/operators/forms.h"
#include "query/operators/proxy.h"
#include "query/plan.h"

#include <stdlib.h>

static enum status push_union(struct operator *op, struct view *view, struct error *err)
{
    return operator_push(op->next, view, err);
}

static enum status finish_union(struct operator *op, struct error *err)
{
    struct operator proxy;
    enum status status;

    proxy_init(&proxy, op->next);
    status = plan_run_sub(op->plan, op->pipe->query, 0, &proxy, err);
    if (status == STATUS_END)
        status = STATUS_OK;
    return status == STATUS_OK ? operator_finish(op->next, err) : status;
}

static void close_union(struct operator *op)
{
    free(op);
}

enum status union_make(const struct operator *base, struct operator **out, struct error *err)
{
    static const struct operator_ops ops = {
        .push = push_union, .finish = finish_union, .close = close_union};

    *out = operator_new(base, &ops, sizeof(**out));
    return *out == NULL ? error_set(err, STATUS_NO_MEMORY, "out of memory") : STATUS_OK;
}
