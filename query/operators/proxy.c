/* query/operators/proxy.c -- hands rows on, and nothing else. */
#include "query/operators/proxy.h"

static enum status push_proxy(struct operator *op, struct view *view, struct error *err)
{
    return operator_push(op->next, view, err);
}

void proxy_init(struct operator *proxy, struct operator *target)
{
    static const struct operator_ops ops = {
        .push = push_proxy, .finish = operator_part_finish, .close = operator_part_close};

    *proxy = (struct operator){.ops = &ops, .run = target->run, .next = target};
}
