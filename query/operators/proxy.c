/* query/operators/proxy.c -- hands rows on, and nothing else. */
#include "query/operators/proxy.h"

static enum status push_proxy(struct operator *op, struct view *view, struct error *err)
{
    return operator_push(op->next, view, err);
}

static enum status finish_nothing(struct operator *op, struct error *err)
{
    (void)op;
    (void)err;
    return STATUS_OK;
}

static void close_nothing(struct operator *op)
{
    (void)op;
}

void proxy_init(struct operator *proxy, struct operator *target)
{
    static const struct operator_ops ops = {
        .push = push_proxy, .finish = finish_nothing, .close = close_nothing};

    *proxy = (struct operator){.ops = &ops, .run = target->run, .next = target};
}
