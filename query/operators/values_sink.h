/* query/operators/values_sink.h -- the end of a chain that keeps values for somebody else: those of
 * in(query).
 * Thread safety: one thread at a time per sink. */
#ifndef DENDRO_QUERY_OPERATORS_VALUES_SINK_H
#define DENDRO_QUERY_OPERATORS_VALUES_SINK_H

#include "query/operator.h"

/* Distinct texts of the first column, at most SUBQUERY_VALUES_MAX. `*out` is NULL on failure. */
enum status values_sink_new(struct run *run, struct operator **out, struct error *err) WARN_UNUSED;
enum status values_sink_take(struct operator *sink, struct arena *arena,
                             const struct slice **out, uint32_t *count,
                             struct error *err) WARN_UNUSED;

#endif
