/* query/api/counters.h -- how many queries of which kind, how they ended, how long they took.
 * Thread safety: any thread; each number is exact, together they are a moment apart. */
#ifndef DENDRO_QUERY_API_COUNTERS_H
#define DENDRO_QUERY_API_COUNTERS_H

#include "base/buf.h"

#include <stdatomic.h>
#include <stdint.h>

enum endpoint_counter {
    COUNT_QUERY,
    COUNT_HITS,
    COUNT_FACETS,
    COUNT_PATTERNS,
    COUNT_FIELDS,
    COUNT_VALUES,
    COUNT_CONTEXT,
    COUNT_EXPLAIN,
    COUNT_ENDPOINTS
};

enum { LATENCY_BUCKETS = 12 };

struct counters {
    atomic_uint_fast64_t queries[COUNT_ENDPOINTS], errors[COUNT_ENDPOINTS];
    atomic_uint_fast64_t latency[LATENCY_BUCKETS + 1]; /* not cumulative; the last: above all */
    atomic_uint_fast64_t latency_ns_total;
    atomic_uint_fast64_t rows_sent, cancelled, timeouts, refused;
    atomic_uint_fast64_t tail_rows, tail_waits; /* rows sent; times that a reader was too slow */
};

void counters_add_query(struct counters *counters, enum endpoint_counter endpoint,
                        uint64_t elapsed_ns, const char *error_code);
void counters_write(const struct counters *counters, struct buf *out);

#endif
