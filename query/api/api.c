/* query/api/api.c -- routes, hooks, and the way of a request to a query thread. */
#include "query/api/api.h"

#include "query/api/admin.h"
#include "query/api/api_private.h"
#include "query/api/reply.h"
#include "query/limits.h"
#include "store/store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    QUERY_RUNNING_MAX = 4, /* with 32 MiB each, a quarter of the default 512 MiB */
    QUERY_WAITING_MAX = 16,
    STREAM_COUNT_MAX = 8, /* most of them stand and wait for a pager */
    TAIL_COUNT_MAX = 64,
    QUERY_TIMEOUT_MS = 60000,
    TAIL_COMMENT_MS = 15000,
};

/* What a route's handler needs to know. */
struct api_binding {
    struct api *api;
    const struct api_endpoint *endpoint;
};

static const struct api_endpoint *const endpoints[] = {
    &api_query_endpoint,  &api_hits_endpoint,    &api_facets_endpoint,  &api_fields_endpoint,
    &api_values_endpoint, &api_context_endpoint, &api_explain_endpoint,
    &api_erase_endpoint, &api_snapshot_endpoint, &api_patterns_endpoint,
};

struct api_whole {
    struct api api; /* first: what the other files see */
    struct api_binding bindings[COUNT_OF(endpoints)];
};

/* ---- calls ---- */

static struct api_call *call_new(struct api *api, const struct api_endpoint *endpoint,
                                 struct http_request *request)
{
    struct api_call *call = calloc(1, sizeof(*call));
    struct slice accept = http_request_header(request, "Accept");

    if (call == NULL) {
        http_respond_error(request, 503, "internal", "no memory for a query", NULL);
        return NULL;
    }
    call->api = api;
    call->endpoint = endpoint;
    call->request = request;
    call->accepted_ns = io_mono_ns(io_system());
    atomic_init(&call->pause.total_ns, 0);
    atomic_init(&call->pause.since_ns, 0);
    (void)snprintf(call->accept, sizeof(call->accept), "%.*s",
                   SLICE_ARG(slice_first(accept, sizeof(call->accept) - 1)));
    return call;
}

static void run_call(struct api_call *call)
{
    call->endpoint->run(call);
    http_stream_close(call->stream);
    api_params_release(&call->params);
    free(call);
}

/* The runner for a request, NULL: all are full. Who reads rows at his own pace (framed), or wants
 * them however long it takes (timeout=0), goes among the row streams, so that a standing pager
 * holds no query thread. When those are taken, too, it is a query as any other. */
static struct runner *choose_runner(const struct api_binding *binding,
                                    const struct http_request *request)
{
    struct api *api = binding->api;
    unsigned running, waiting;

    runner_load(api->streams, &running, &waiting);
    if (binding->endpoint->may_stream && running + waiting < api->options.stream_count_max &&
        (slice_is(http_request_param(request, "format"), output_framed.name) ||
         slice_is(http_request_param(request, "timeout"), "0")))
        return api->streams;
    runner_load(api->runner, &running, &waiting);
    return running + waiting < api->options.query_running_max + api->options.query_waiting_max
               ? api->runner
               : NULL;
}

static bool has_header(const struct http_request *request, const char *name)
{
    return http_request_header(request, name).data != NULL;
}

/* False: it was refused, and answered. */
static bool may_order(const struct api *api, struct http_request *request)
{
    const struct admin_caller caller = {
        .peer = http_request_peer(request),
        .host = http_request_header(request, "Host"),
        .origin = http_request_header(request, "Origin"),
        .authorization = http_request_header(request, "Authorization"),
        .forwarded = has_header(request, "Forwarded") || has_header(request, "X-Forwarded-For") ||
                     has_header(request, "X-Real-IP"),
    };
    const struct admin_refusal *refusal = admin_check(&caller, api->options.admin_token);

    if (refusal == NULL)
        return true;
    http_respond_error(request, refusal->status, refusal->code, refusal->message, refusal->hint);
    return false;
}

static void serve_call(void *user, struct http_request *request)
{
    const struct api_binding *binding = user;
    struct api *api = binding->api;
    struct runner *runner;
    struct api_call *call;

    if (binding->endpoint->orders_by_post && http_request_method(request) == HTTP_POST &&
        !may_order(api, request))
        return;
    runner = choose_runner(binding, request);
    if (runner == NULL) {
        atomic_fetch_add(&api->counters.refused, 1);
        reply_too_many(request, "all query threads are busy and the queue is full; try again");
        return;
    }
    call = call_new(api, binding->endpoint, request);
    if (call == NULL)
        return;
    call->is_stream = runner == api->streams;
    call->stream = http_request_stream(request);
    if (call->stream != NULL && call->is_stream)
        http_request_idle_limit(request, API_STREAM_IDLE_S);
    if (call->stream == NULL || runner_submit(runner, call) != STATUS_OK) {
        /* Only this thread submits, and threads only take: there was room. */
        http_stream_close(call->stream);
        free(call);
    }
}

static void serve_tail(void *user, struct http_request *request)
{
    struct api *api = user;
    struct slice last_id = http_request_header(request, "Last-Event-ID");
    struct api_call *call;

    if (tail_count(api->tails) >= api->options.tail_count_max) {
        atomic_fetch_add(&api->counters.refused, 1);
        reply_too_many(request, "there are as many live tails as this node serves; try again");
        return;
    }
    call = call_new(api, NULL, request);
    if (call == NULL)
        return;
    if (last_id.len > 0) /* of a reconnecting EventSource: newer than the URL's cursor */
        (void)http_request_param_add(request, SLICE_LITERAL("last_event_id"), last_id);
    call->stream = http_request_stream(request);
    if (call->stream == NULL || tail_add(api->tails, call) != STATUS_OK) {
        http_stream_close(call->stream);
        free(call);
    }
}

void api_count_query(struct api_call *call, const char *code)
{
    counters_add_query(&call->api->counters, call->endpoint->counter,
                       (uint64_t)(io_mono_ns(io_system()) - call->accepted_ns), code);
}

void api_answer_init(struct api_call *call, struct answer *answer)
{
    struct api *api = call->api;

    *answer = (struct answer){.geo = slice_of(api->options.geo)};
    (void)snprintf(answer->id, sizeof(answer->id), "q-%" PRIxFAST64,
                   atomic_fetch_add(&api->next_id, 1));
}

/* ---- routes ---- */

static enum status add_routes(struct api_whole *whole, struct http_server *server,
                              struct error *err)
{
    struct api *api = &whole->api;
    const struct http_route plain[] = {
        {HTTP_GET, "/", false, 0, api_serve_root, api},
        {HTTP_GET, "/health", false, 0, api_serve_health, api},
        {HTTP_GET, "/-/healthy", false, 0, api_serve_health, api},
        {HTTP_GET, "/ready", false, 0, api_serve_ready, api},
        {HTTP_GET, "/-/ready", false, 0, api_serve_ready, api},
        {HTTP_GET, "/metrics", false, 0, api_serve_metrics, api},
        {HTTP_GET, "/dendro/v1/status", false, 0, api_serve_status, api},
        {HTTP_GET, "/dendro/v1/fleet", false, 0, api_serve_status, api},
        {HTTP_GET, "/dendro/v1/geos", false, 0, api_serve_geos, api},
        {HTTP_GET, "/dendro/v1/tail", false, API_BODY_SIZE_MAX, serve_tail, api},
    };
    enum status status = http_server_route(server, plain, COUNT_OF(plain), err);

    for (size_t i = 0; i < COUNT_OF(endpoints) && status == STATUS_OK; i++) {
        struct http_route route = {HTTP_GET | HTTP_POST, endpoints[i]->path, false,
                                   API_BODY_SIZE_MAX,    serve_call,         &whole->bindings[i]};

        whole->bindings[i] = (struct api_binding){api, endpoints[i]};
        status = http_server_route(server, &route, 1, err);
    }
    return status;
}

/* ---- life ---- */

static void fill_defaults(struct api_options *options)
{
    if (options->query_running_max == 0)
        options->query_running_max = QUERY_RUNNING_MAX;
    if (options->query_waiting_max == 0)
        options->query_waiting_max = QUERY_WAITING_MAX;
    if (options->stream_count_max == 0)
        options->stream_count_max = STREAM_COUNT_MAX;
    if (options->tail_count_max == 0)
        options->tail_count_max = TAIL_COUNT_MAX;
    if (options->query_memory_max == 0)
        options->query_memory_max = QUERY_MEMORY_MAX;
    if (options->query_timeout_ms == 0)
        options->query_timeout_ms = QUERY_TIMEOUT_MS;
    if (options->tail_comment_ms == 0)
        options->tail_comment_ms = TAIL_COMMENT_MS;
}

enum status api_new(const struct api_options *options, struct http_server *server, struct api **out,
                    struct error *err)
{
    struct api_whole *whole = calloc(1, sizeof(*whole));
    struct api *api = &whole->api;
    enum status status;
    uint16_t first_id;

    if (whole == NULL)
        return error_set(err, STATUS_NO_MEMORY, "no memory for the HTTP API");
    api->options = *options;
    fill_defaults(&api->options);
    api->server = server;
    api->started_ns = io_wall_ns(io_system());
    io_random(io_system(), &first_id, sizeof(first_id));
    atomic_init(&api->next_id, (uint_fast64_t)first_id << 16);
    status = runner_new(api->options.query_running_max, api->options.query_waiting_max, run_call,
                        &api->runner, err);
    if (status == STATUS_OK)
        status = runner_new(api->options.stream_count_max, 0, run_call, &api->streams, err);
    if (status == STATUS_OK)
        status = tail_server_new(api, api->options.tail_count_max, &api->tails, err);
    if (status == STATUS_OK)
        status = add_routes(whole, server, err);
    if (status != STATUS_OK) {
        api_free(api);
        return status;
    }
    *out = api;
    return STATUS_OK;
}

void api_free(struct api *api)
{
    if (api == NULL)
        return;
    tail_server_free(api->tails);
    runner_free(api->streams);
    runner_free(api->runner);
    free(api); /* first member of what was allocated */
}

/* ---- hooks ---- */

static bool add_hook(struct api_hooks *hooks, struct api_hook hook)
{
    if (hooks->count == API_HOOKS_MAX)
        return false;
    hooks->items[hooks->count++] = hook;
    return true;
}

bool api_metrics_add(struct api *api, api_metrics_writer *writer, void *user)
{
    return add_hook(&api->metrics, (struct api_hook){.call.metrics = writer, .user = user});
}

bool api_status_add(struct api *api, api_status_writer *writer, void *user)
{
    return add_hook(&api->status, (struct api_hook){.call.status = writer, .user = user});
}

bool api_ready_add(struct api *api, api_ready_check *check, void *user)
{
    return add_hook(&api->ready, (struct api_hook){.call.ready = check, .user = user});
}
