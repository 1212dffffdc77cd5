/* tests/base/http_app.h -- an application behind an HTTP server: what the tests of http_server and
 * http_client ask for.
 *
 * /hello, /echo, /tree/..., /small (a body of 16 bytes at most), /zeros (100,000 of '0') answer at
 * once. The others hand a stream to a thread: /stream?size=N (N bytes of a pattern), /wait (until
 * the client goes away), /later, /broken, /nothing, /try. Thread safety: one test thread. A failure
 * fails the test (cmocka). */
#ifndef DENDRO_TESTS_BASE_HTTP_APP_H
#define DENDRO_TESTS_BASE_HTTP_APP_H

#include "tests/support/http_fixture.h"

#include <stdatomic.h>

enum { HTTP_APP_PIECE_SIZE = 64 * 1024 }; /* what /stream writes at once, in bytes */

/* The rest of a request that wants one answer. */
#define HTTP_APP_END "Host: localhost\r\nConnection: close\r\n\r\n"

/* What its threads have seen; one application at a time. */
extern struct http_app {
    atomic_llong cancelled_at_ns; /* when a worker saw that its client is gone */
    atomic_ullong written;        /* bytes that workers got rid of */
    atomic_int workers, started;  /* running now; since the server started */
} http_app;

void http_app_start(struct http_fixture *fixture, struct http_server_options options);
void http_app_stop(struct http_fixture *fixture);
/* Until no thread is left, or until `count` have started; at most 5 s. */
void http_app_wait_for_workers(void);
void http_app_wait_for_started(int count);
/* Is `body` what /stream?size=`size` sends? */
void http_app_check_pattern(struct slice body, uint64_t size);

#endif
