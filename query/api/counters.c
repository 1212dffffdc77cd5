/* query/api/counters.c -- counters in Prometheus text format. */
#include "query/api/counters.h"

#include <inttypes.h>
#include <string.h>

/* Upper bounds in ms: what we aim at lies between 2 and 50. */
static const unsigned latency_bounds_ms[LATENCY_BUCKETS] = {1,   2,   5,    10,   20,    50,
                                                            100, 250, 1000, 5000, 15000, 60000};
static const char *const endpoint_names[COUNT_ENDPOINTS] = {
    "query", "hits", "facets", "patterns", "fields", "values", "context", "explain",
};

void counters_add_query(struct counters *counters, enum endpoint_counter endpoint,
                        uint64_t elapsed_ns, const char *error_code)
{
    size_t bucket = 0;

    while (bucket < LATENCY_BUCKETS && elapsed_ns > (uint64_t)latency_bounds_ms[bucket] * 1000000)
        bucket++;
    atomic_fetch_add(&counters->queries[endpoint], 1);
    atomic_fetch_add(&counters->latency[bucket], 1);
    atomic_fetch_add(&counters->latency_ns_total, elapsed_ns);
    if (error_code == NULL)
        return;
    if (strcmp(error_code, "cancelled") == 0)
        atomic_fetch_add(&counters->cancelled, 1);
    else
        atomic_fetch_add(&counters->errors[endpoint], 1);
    if (strcmp(error_code, "timeout") == 0)
        atomic_fetch_add(&counters->timeouts, 1);
}

static void write_latency(const struct counters *counters, struct buf *out)
{
    uint64_t sum = 0;

    buf_append_text(out, "# HELP dendro_query_duration_seconds From the request to its last byte "
                         "written.\n# TYPE dendro_query_duration_seconds histogram\n");
    for (size_t i = 0; i < LATENCY_BUCKETS; i++) {
        sum += atomic_load(&counters->latency[i]);
        buf_printf(out, "dendro_query_duration_seconds_bucket{le=\"%g\"} %" PRIu64 "\n",
                   latency_bounds_ms[i] / 1e3, sum);
    }
    sum += atomic_load(&counters->latency[LATENCY_BUCKETS]);
    buf_printf(out, "dendro_query_duration_seconds_bucket{le=\"+Inf\"} %" PRIu64 "\n", sum);
    buf_printf(out, "dendro_query_duration_seconds_sum %.9g\n",
               (double)atomic_load(&counters->latency_ns_total) / 1e9);
    buf_printf(out, "dendro_query_duration_seconds_count %" PRIu64 "\n", sum);
}

void counters_write(const struct counters *counters, struct buf *out)
{
    const struct {
        const char *name, *help;
        uint64_t value;
    } rows[] = {
        {"dendro_query_cancelled_total", "Queries whose client went away.",
         atomic_load(&counters->cancelled)},
        {"dendro_query_timeouts_total", "Queries that ran into their time limit.",
         atomic_load(&counters->timeouts)},
        {"dendro_query_refused_total", "Queries refused because too many were running.",
         atomic_load(&counters->refused)},
        {"dendro_query_rows_sent_total", "Rows in answers.", atomic_load(&counters->rows_sent)},
        {"dendro_tail_rows_sent_total", "Rows sent to live tails.",
         atomic_load(&counters->tail_rows)},
        {"dendro_tail_waits_total", "Times that a live tail waited for a slow reader.",
         atomic_load(&counters->tail_waits)},
    };

    buf_append_text(out, "# HELP dendro_queries_total Queries by endpoint.\n"
                         "# TYPE dendro_queries_total counter\n");
    for (size_t i = 0; i < COUNT_ENDPOINTS; i++)
        buf_printf(out, "dendro_queries_total{endpoint=\"%s\"} %" PRIu64 "\n", endpoint_names[i],
                   (uint64_t)atomic_load(&counters->queries[i]));
    buf_append_text(out, "# HELP dendro_query_errors_total Queries that failed, by endpoint.\n"
                         "# TYPE dendro_query_errors_total counter\n");
    for (size_t i = 0; i < COUNT_ENDPOINTS; i++)
        buf_printf(out, "dendro_query_errors_total{endpoint=\"%s\"} %" PRIu64 "\n",
                   endpoint_names[i], (uint64_t)atomic_load(&counters->errors[i]));
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        buf_printf(out, "# HELP %s %s\n# TYPE %s counter\n%s %" PRIu64 "\n", rows[i].name,
                   rows[i].help, rows[i].name, rows[i].name, rows[i].value);
    write_latency(counters, out);
}
