/* query/api/api_private.h -- what the files of the HTTP API share.
 *
 * A request that needs the store becomes a `struct api_call`: the loop thread takes its stream and
 * queues it, one of the runner's threads runs it and answers. What is known at once (health,
 * metrics, status) is answered on the loop thread. */
#ifndef DENDRO_QUERY_API_API_PRIVATE_H
#define DENDRO_QUERY_API_API_PRIVATE_H

#include "query/api/api.h"
#include "query/api/counters.h"
#include "query/api/params.h"
#include "query/api/runner.h"
#include "query/api/tail.h"

enum {
    API_BODY_SIZE_MAX = 512 * 1024,   /* a query of 64 KiB, percent-encoded, with room */
    API_FLUSH_INTERVAL_MS = 100,      /* how long a compressor may keep rows back */
    API_STREAM_IDLE_S = 24 * 3600,    /* a pager may stand overnight; its scan pins segments */
    API_RETRY_AFTER_S = 1,            /* what a client is told when all threads are taken */
    API_PIPES_SIZE_MAX = 256 * 1024,  /* text that we make: labels, and values of 64 KiB escaped */
    API_VALUE_SIZE_MAX = 1024 * 1024, /* one value as text, such as a group's name */
    API_PLAN_SIZE_MAX = 1024 * 1024,  /* of explain */
    API_ERROR_SIZE_MAX = 64 * 1024,   /* an error body: its texts are bounded */
};

struct api_hook {
    union {
        api_metrics_writer *metrics;
        api_status_writer *status;
        api_ready_check *ready;
    } call;
    void *user;
};

struct api_hooks {
    struct api_hook items[API_HOOKS_MAX];
    size_t count;
};

struct api {
    struct api_options options;
    struct http_server *server;
    struct runner *runner;
    struct runner *streams; /* calls that may take their time; they never wait for a thread */
    struct tail_server *tails;
    struct counters counters;
    struct api_hooks metrics, status, ready;
    int64_t started_ns; /* wall clock */
    atomic_uint_fast64_t next_id;
};

/* What the runner runs. */
struct api_call;
typedef void api_run(struct api_call *call);

struct api_endpoint {
    const char *path;
    enum endpoint_counter counter;
    api_run *run;
    const char *const *extra_params; /* beside those of every query; NULL-terminated */
    bool defaults_to_json;           /* answers are small: one object unless asked otherwise */
    bool orders_by_post;             /* POST is an order: see admin.h */
    bool may_stream;                 /* has a place among the row streams, if it asks for one */
    /* Pipes behind the query, made from the parameters; NULL: none. False: `problem` is filled. */
    bool (*pipes)(struct api_call *call, struct buf *out, struct query_problem *problem);
};

struct api_call {
    struct api *api;
    const struct api_endpoint *endpoint;
    struct http_stream *stream;
    struct http_request *request; /* of the stream */
    int64_t accepted_ns;          /* monotonic */
    struct api_params params;
    char accept[256];      /* header, cut */
    bool is_stream;        /* runs among the row streams */
    struct query_pause pause; /* of a stream, for its reader */
    struct api_call *next; /* in the runner's queue */
};

/* api.c */
void api_answer_init(struct api_call *call, struct answer *answer);

/* native.c: run the call's query with its pipes and stream the answer. */
void api_run_query(struct api_call *call);
/* Parameters and query text of a call, errors answered; false: it was answered. */
bool api_open_query(struct api_call *call, struct query **out);
/* The pipe of the parameter `fields`, if it is there. */
bool api_add_fields(const struct api_params *params, struct query *query,
                    struct query_problem *problem);
void api_query_options(const struct api_call *call, struct query_options *out);
void api_count_query(struct api_call *call, const char *code);

extern const struct api_endpoint api_query_endpoint, api_hits_endpoint, api_facets_endpoint,
    api_fields_endpoint, api_values_endpoint, api_explain_endpoint, api_context_endpoint,
    api_erase_endpoint, api_snapshot_endpoint, api_patterns_endpoint;

/* Handlers on the loop thread; `user` is the struct api. */
void api_serve_root(void *user, struct http_request *request);
void api_serve_health(void *user, struct http_request *request);
void api_serve_ready(void *user, struct http_request *request);
void api_serve_metrics(void *user, struct http_request *request);
void api_serve_status(void *user, struct http_request *request);
void api_serve_geos(void *user, struct http_request *request);

#endif
