/* query/api/api.h -- the native HTTP API (docs/api.md) over one store.
 *
 *   http_server_new() -> api_new() -> api_metrics_add() ... -> http_server_start()
 *   http_server_close() -> its closed callback -> api_free() -> store_close()
 *
 * Queries run on threads of the API, 4 at once and 16 waiting; row streams, which wait for their
 * readers, on 8 of their own; each live tail has one. What
 * belongs to other parts of the process (shippers, inputs) comes in through hooks, so that this
 * folder knows the store only. Hooks are called on the server's loop thread.
 * Thread safety: all functions on the loop thread, or before the loop runs. */
#ifndef DENDRO_QUERY_API_API_H
#define DENDRO_QUERY_API_API_H

#include "base/buf.h"
#include "base/error.h"
#include "base/http_server.h"
#include "base/json_writer.h"

#include <stdbool.h>
#include <stdint.h>

struct api;
struct store;

struct api_options { /* texts are borrowed until api_free() */
    struct store *store;
    const char *geo;  /* of this collector: "us" */
    const char *node; /* its host name */
    const char *version;
    unsigned query_running_max; /* 0: 4 */
    unsigned query_waiting_max; /* 0: 16 */
    unsigned stream_count_max;  /* row streams that may take their time, on top; 0: 8 */
    unsigned tail_count_max;    /* 0: 64 */
    uint64_t query_memory_max;  /* bytes of each; 0: 32 MiB */
    uint32_t query_timeout_ms;  /* longest that a query may ask for, and the default; 0: 60 s */
    uint32_t tail_comment_ms;   /* 0: 15 s, so that proxies keep the connection */
    const char *admin_token;    /* NULL: orders are taken from loopback only, see admin.h */
};

/* Register the routes on `server` and start the threads. Errors: INVALID (a path is taken),
 * NO_MEMORY. */
enum status api_new(const struct api_options *options, struct http_server *server, struct api **out,
                    struct error *err) WARN_UNUSED;
/* End the threads. The server is closed by then, so every request is cancelled. */
void api_free(struct api *api); /* NULL does nothing */

enum { API_HOOKS_MAX = 16 };

/* Append to /metrics, in Prometheus text format 0.0.4. */
typedef void api_metrics_writer(void *user, struct buf *out);
bool api_metrics_add(struct api *api, api_metrics_writer *writer, void *user);

/* Add members ("shippers": [...]) to the object that /dendro/v1/status and /dendro/v1/fleet
 * answer. */
typedef void api_status_writer(void *user, struct json_writer *json);
bool api_status_add(struct api *api, api_status_writer *writer, void *user);

/* /ready answers 200 while all checks and store_ready() say true; `err` says why not. */
typedef bool api_ready_check(void *user, struct error *err);
bool api_ready_add(struct api *api, api_ready_check *check, void *user);

#endif
