/* Numbers of the native input: for /metrics, for the status answer, for the collector's own
 * samples. */
#include "collector/inputs/native_private.h"

#include <stdio.h>

void native_stats(const struct native *native, struct native_stats *out)
{
    *out = native->stats;
    out->open = 0;
    for (const struct native_conn *conn = native->conns; conn != NULL; conn = conn->next)
        out->open += conn->state == NATIVE_OPEN;
    out->paused = native->paused_count;
    out->shippers = native->shippers.count;
    out->window_bytes = native_credit(native, NULL).window_size;
}

static void metric(struct buf *out, const char *name, const char *type, const char *help,
                   uint64_t value)
{
    buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n%s %llu\n", name, help, name, type, name,
               (unsigned long long)value);
}

static void nack_metrics(const struct native_stats *stats, struct buf *out)
{
    buf_append_text(out, "# HELP dendro_collector_nacks_total refusals sent to shippers\n"
                         "# TYPE dendro_collector_nacks_total counter\n");
    for (unsigned code = NACK_CRC; code < NACK_CODE_END; code++)
        buf_printf(out, "dendro_collector_nacks_total{code=\"%s\"} %llu\n", nack_code_name(code),
                   (unsigned long long)stats->nacks[code]);
}

static void latency_metrics(const struct native_stats *stats, struct buf *out)
{
    uint64_t count = 0;

    buf_append_text(out,
                    "# HELP dendro_collector_ack_seconds from a frame's last byte to its ack\n"
                    "# TYPE dendro_collector_ack_seconds histogram\n");
    for (size_t i = 0; i < LATENCY_BUCKETS; i++) {
        count += stats->latency[i];
        buf_printf(out, "dendro_collector_ack_seconds_bucket{le=\"%g\"} %llu\n",
                   latency_bounds_ms[i] / 1000.0, (unsigned long long)count);
    }
    count += stats->latency[LATENCY_BUCKETS];
    buf_printf(out, "dendro_collector_ack_seconds_bucket{le=\"+Inf\"} %llu\n"
                    "dendro_collector_ack_seconds_sum %.9g\n"
                    "dendro_collector_ack_seconds_count %llu\n",
               (unsigned long long)count, (double)stats->latency_ns_total / 1e9,
               (unsigned long long)count);
}

void native_metrics(const struct native *native, struct buf *out)
{
    struct native_stats stats;

    native_stats(native, &stats);
    metric(out, "dendro_collector_connections", "gauge", "connections of shippers now", stats.open);
    metric(out, "dendro_collector_connections_paused", "gauge",
           "connections not read from, since too much is queued", stats.paused);
    metric(out, "dendro_collector_shippers", "gauge", "shippers seen since start", stats.shippers);
    metric(out, "dendro_collector_credit_window_bytes", "gauge", "window granted per lane",
           stats.window_bytes);
    metric(out, "dendro_collector_accepted_total", "counter", "connections accepted",
           stats.accepted);
    metric(out, "dendro_collector_frames_total", "counter", "frames received", stats.frames);
    metric(out, "dendro_collector_received_bytes_total", "counter", "bytes received on the wire",
           stats.received_bytes);
    metric(out, "dendro_collector_acks_total", "counter", "ACKs sent", stats.acks);
    metric(out, "dendro_collector_source_queries_total", "counter",
           "questions about watermarks answered", stats.queries);
    metric(out, "dendro_collector_frames_dropped_total", "counter",
           "frames dropped behind a gap or as duplicates in flight", stats.dropped_frames);
    nack_metrics(&stats, out);
    latency_metrics(&stats, out);
}

static void write_id(struct json_writer *json, const uint8_t id[WIRE_ID_SIZE])
{
    char text[2 * WIRE_ID_SIZE + 1];

    for (size_t i = 0; i < WIRE_ID_SIZE; i++)
        (void)snprintf(text + 2 * i, 3, "%02x", id[i]);
    jsonw_string(json, text);
}

static void write_shipper(const struct native *native, const struct shipper *shipper,
                          struct json_writer *json)
{
    jsonw_object(json);
    jsonw_key(json, "id");
    write_id(json, shipper->id);
    jsonw_key(json, "host");
    jsonw_string(json, shipper->host);
    jsonw_key(json, "geo");
    jsonw_string(json, native->options.geo);
    jsonw_key(json, "version");
    jsonw_string(json, shipper->build);
    jsonw_key(json, "connected");
    jsonw_bool(json, shipper->conn != NULL);
    if (shipper->conn != NULL) {
        jsonw_key(json, "peer");
        jsonw_string(json, shipper->conn->peer);
    }
    jsonw_key(json, "last_seen");
    jsonw_time(json, shipper->seen_ns);
    jsonw_key(json, "frames");
    jsonw_u64(json, shipper->frames);
    jsonw_key(json, "received_bytes");
    jsonw_u64(json, shipper->received_bytes);
    jsonw_key(json, "backlog_bytes_at_connect");
    jsonw_u64(json, shipper->backlog_size);
    jsonw_key(json, "connects");
    jsonw_u64(json, shipper->connects);
    jsonw_end_object(json);
}

void native_status(const struct native *native, struct json_writer *json)
{
    jsonw_key(json, "shippers");
    jsonw_array(json);
    for (uint32_t i = 0; i < native->shippers.count; i++)
        write_shipper(native, native->shippers.shippers[i], json);
    jsonw_end_array(json);
}
