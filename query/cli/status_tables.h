/* query/cli/status_tables.h -- shippers and sources of /dendro/v1/status as tables for people: who
 * is furthest behind comes first.
 * Thread safety: one thread. */
#ifndef DENDRO_QUERY_CLI_STATUS_TABLES_H
#define DENDRO_QUERY_CLI_STATUS_TABLES_H

#include "query/cli/sink.h"

#include <jansson.h>

struct status_view {
    const json_t *status; /* what the server answered */
    const json_t *lags;   /* host -> bytes that its shipper has not got acknowledged yet */
    int64_t now_ns;       /* the server's clock */
};

/* False: the sink is closed, or no memory. Nothing is printed where there is nothing to show. */
bool status_put_shippers(struct sink *sink, const struct status_view *view);
/* Files of one path (rotated ones) are one row. */
bool status_put_sources(struct sink *sink, const struct status_view *view);
/* A list of objects that we know nothing of: all plain members, in the order of the first. */
bool status_put_list(struct sink *sink, const char *name, const json_t *list);

#endif
