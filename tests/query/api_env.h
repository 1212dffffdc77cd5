/* tests/query/api_env.h -- a store with eight rows, the API on it, and a server on a free port.
 * Failures fail the test.
 *
 *   web1  /log/web.log   six requests in two minutes: tenant a 4, b 2; status 502 and 503
 *   task1 /log/task.log  two lines, the second is no UTF-8 */
#ifndef DENDRO_TESTS_QUERY_API_ENV_H
#define DENDRO_TESTS_QUERY_API_ENV_H

#include "query/api/api.h"
#include "tests/support/http_fixture.h"
#include "tests/support/temp_dir.h"

#include <pthread.h>

#define T0     INT64_C(1772459940000000000) /* 2026-03-02T13:59:00Z */
#define SECOND INT64_C(1000000000)

enum { API_ENV_MANY = 20000 }; /* rows of 512 bytes: 10 MB */

struct store;

struct row {
    int64_t time_ns;
    const char *line;   /* "METHOD path status seconds", or free text without a tenant */
    const char *tenant; /* NULL: none */
    unsigned level;
};

struct api_env {
    struct temp_dir dir;
    struct store *store;
    struct api *api;
    struct http_fixture http;
    struct api_options options;
    pthread_mutex_t lock;
    pthread_cond_t durable;
    unsigned pending;
    uint64_t offsets[8]; /* per source */
};

void api_env_start(struct api_env *env, struct api_options options);
/* With limits of the server, too. */
void api_env_start_with(struct api_env *env, struct api_options options,
                        struct http_server_options http);
void api_env_stop(struct api_env *env);
/* Registers the API's routes: an http_fixture_setup. */
void api_env_set_up(void *env, struct http_server *server);

/* More rows of web1, durable on return. */
void api_env_append_web(struct api_env *env, const struct row *rows, size_t count);
/* A row of web1 that is still open: it is replaced by the next append, and durable on return. */
void api_env_append_open(struct api_env *env, const struct row *row);
/* API_ENV_MANY rows of 512 bytes with role proxy: more than sockets and our buffer take. */
void api_env_append_many(struct api_env *env);

/* GET `path` with parameters "name", "value", ..., NULL; values are encoded here. */
unsigned api_env_get(struct api_env *env, struct buf *body, const char *path, ...);
/* `part` is in the body. */
void api_env_require(const struct buf *body, const char *part);
size_t count_of(const char *text, const char *part);
/* A value of /metrics; wait up to 5 s until it is `value`. */
double api_env_metric(struct api_env *env, const char *name);
void api_env_wait_for_metric(struct api_env *env, const char *name, double value);

#endif
