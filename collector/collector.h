/* collector/collector.h -- the collector as one thing: store, pipeline, native input and its own
 * samples, on one loop.
 *
 *   collector_open() -> (HTTP routes over collector_store()) -> collector_listen() -> uv_run()
 *   -> collector_close() -> its closed callback
 * Thread safety: the loop thread only. */
#ifndef DENDRO_COLLECTOR_COLLECTOR_H
#define DENDRO_COLLECTOR_COLLECTOR_H

#include "base/buf.h"
#include "base/error.h"
#include "base/io.h"
#include "base/json_writer.h"
#include "collector/collector_config.h"
#include "store/store_filter.h"

#include <stdint.h>

struct uv_loop_s;
struct collector;
struct store;

struct collector_options { /* what it points to must outlive the collector */
    struct uv_loop_s *loop;
    struct io *io;
    const struct collector_config *config;
    const char *version;
    store_filter_make *make_filter; /* of query/: rules of retention, erasures */
};

/* Open the data directory, say what recovery found, take up open events. Nothing listens yet.
 * Errors: BUSY (the directory belongs to another process), IO, INVALID, NO_MEMORY. */
enum status collector_open(const struct collector_options *options, struct collector **out,
                           struct error *err) WARN_UNUSED;
/* Accept shippers, and store our own samples each 10 s. Errors: BUSY (port), INVALID, IO. */
enum status collector_listen(struct collector *collector, struct error *err) WARN_UNUSED;
uint16_t collector_wire_port(const struct collector *collector);
struct store *collector_store(struct collector *collector);

/* Stop reading, wait a little for what is on its way to be acknowledged, hang up, close the store;
 * then `closed` (on the loop). NULL does nothing but call it. */
void collector_close(struct collector *collector, void (*closed)(void *user), void *user);

/* For the HTTP API: Prometheus text, members of the status object, readiness. */
void collector_metrics(void *collector, struct buf *out);
void collector_status(void *collector, struct json_writer *json);
bool collector_ready(void *collector, struct error *err);

#endif
