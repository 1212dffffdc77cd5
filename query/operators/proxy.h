/* query/operators/proxy.h -- the end of a sub-run's chain that hands rows to an operator of the
 * outer chain without finishing it.
 * Thread safety: as the operator behind it. */
#ifndef DENDRO_QUERY_OPERATORS_PROXY_H
#define DENDRO_QUERY_OPERATORS_PROXY_H

#include "query/operator.h"

/* `proxy` is the caller's; it is never closed. */
void proxy_init(struct operator *proxy, struct operator *target);

#endif
