/* collector/inputs/native.h -- the Dendro wire as an input: a TCP listener for shippers
 * (docs/wire.md).
 *
 *   connection: HELLO -> (id held by another live connection: FENCE) -> OPEN -> CLOSING -> freed
 *
 * Frames go to the pipeline; acks come back when rows are durable. Memory is bounded three times:
 * by the windows that are granted, by not reading from sockets while too much is queued, and by
 * the limit of each input buffer. Nothing here blocks.
 * Thread safety: the loop thread only. */
#ifndef DENDRO_COLLECTOR_INPUTS_NATIVE_H
#define DENDRO_COLLECTOR_INPUTS_NATIVE_H

#include "base/buf.h"
#include "base/error.h"
#include "base/io.h"
#include "base/json_writer.h"
#include "base/option.h"
#include "collector/pipeline.h"

#include <stdbool.h>
#include <stdint.h>

struct uv_loop_s;
struct native;

struct native_options { /* what it points to must outlive the input */
    struct uv_loop_s *loop;
    struct address listen;   /* port 0: the system chooses, see native_port() */
    bool allow_remote;       /* there is no TLS yet: other than loopback only with leave */
    const char *geo;
    const char *build;       /* version of the program, told to shippers */
    uint8_t node[WIRE_ID_SIZE];
    struct io *io;
    struct store *store;
    size_t budget_size;      /* 0: INGEST_BUDGET_SIZE */
    uint32_t fence_wait_ms;  /* 0: FENCE_WAIT_MS; and so on: for tests */
    uint32_t hello_timeout_ms, ping_interval_ms, dead_after_ms;
};

/* Make the input; the pipeline's done() is native_done with this as its user. */
enum status native_new(const struct native_options *options, struct native **out,
                       struct error *err) WARN_UNUSED;
/* Listen. Errors: BUSY (port in use), INVALID (not loopback, no address), IO. */
enum status native_start(struct native *native, struct pipeline *pipeline,
                         struct error *err) WARN_UNUSED;
uint16_t native_port(const struct native *native);

/* For pipeline_options.done; any thread. */
void native_done(void *native, struct pipeline_frame *frame);

/* Stop reading and listening; acks still go out. */
void native_drain(struct native *native);
/* Say BYE and close all connections. After it, and after pipeline_close(), native_close(). */
void native_hang_up(struct native *native);
/* Memory is freed when the loop has run the close callbacks; then `closed`. No native_done() may
 * come any more. NULL does nothing. */
void native_close(struct native *native, void (*closed)(void *user), void *user);

/* Prometheus text; members of the status object. */
void native_metrics(const struct native *native, struct buf *out);
void native_status(const struct native *native, struct json_writer *json);

/* Upper bounds, inclusive; then +Inf. They lie close around 50 ms, where the p99 is watched. */
enum { LATENCY_BUCKETS = 17 };
extern const uint32_t latency_bounds_ms[LATENCY_BUCKETS];

struct native_stats {
    uint64_t accepted, frames, received_bytes, acks, queries, dropped_frames;
    uint64_t nacks[NACK_CODE_END];
    uint64_t latency[LATENCY_BUCKETS + 1], latency_ns_total; /* of durable frames */
    uint32_t connections, open, paused, shippers;
    uint64_t window_bytes; /* granted per lane now */
};
void native_stats(const struct native *native, struct native_stats *out);

#endif
