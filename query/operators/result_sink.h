/* query/operators/result_sink.h -- the end of the main chain: rows to the receiver.
 * Thread safety: the calling thread of the run only. */
#ifndef DENDRO_QUERY_OPERATORS_RESULT_SINK_H
#define DENDRO_QUERY_OPERATORS_RESULT_SINK_H

#include "query/operator.h"
#include "query/plan.h"

/* The head goes out with the first rows, when the types of columns are known. */
enum status result_sink_new(const struct plan *plan, struct operator **out,
                            struct error *err) WARN_UNUSED;
/* Send the head if no row has. */
enum status result_sink_finish(struct operator *sink, struct error *err) WARN_UNUSED;
bool result_sink_has_head(const struct operator *sink);

#endif
