/* tests/support/http_fixture.h -- an HTTP server on a loop thread of its own, and raw sockets to
 * talk to it. Any failure of the fixture itself fails the test (cmocka).
 * Thread safety: one test thread. */
#ifndef DENDRO_TESTS_SUPPORT_HTTP_FIXTURE_H
#define DENDRO_TESTS_SUPPORT_HTTP_FIXTURE_H

#include "base/buf.h"
#include "base/http_server.h"

#include <pthread.h>
#include <uv.h>

struct http_fixture {
    uv_loop_t loop;
    uv_async_t stop;
    struct http_server *server;
    pthread_t thread;
    uint16_t port;
    bool closed;
};

/* Called on the test thread before the server starts: registers routes. */
typedef void http_fixture_setup(void *user, struct http_server *server);

/* Listen on 127.0.0.1, a free port. `options` gives limits; loop and address are filled in here. */
void http_fixture_start(struct http_fixture *fixture, struct http_server_options options,
                        http_fixture_setup *setup, void *user);
void http_fixture_stop(struct http_fixture *fixture);

/* A connected socket; reads on it give up after 5 s. What is not read holds the server up soon: the kernel
 * takes 128 KiB on this side, not megabytes. */
int http_fixture_connect(const struct http_fixture *fixture);
void http_fixture_send(int fd, const char *text);
/* Read until the peer closes, `until` (NULL: nothing) has come, or time is up; NUL-terminated. */
void http_fixture_read(int fd, const char *until, struct buf *out);
/* connect, send, read to the end, close. */
void http_fixture_talk(const struct http_fixture *fixture, const char *request, struct buf *answer);
/* GET `target` with "Connection: close"; gives the body, and the status as the answer. */
unsigned http_fixture_get(const struct http_fixture *fixture, const char *target, struct buf *body);

#endif
