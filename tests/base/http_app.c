/* tests/base/http_app.c -- see http_app.h. */
#include "tests/base/http_app.h"

#include "base/io.h"

#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

struct http_app http_app;

static void answer_text(struct http_request *request, struct slice text)
{
    http_respond(request, &(struct http_answer){.status = 200, .type = "text/plain", .body = text});
}

static void serve_hello(void *user, struct http_request *request)
{
    (void)user;
    answer_text(request, SLICE_LITERAL("hello\n"));
}

static void serve_echo(void *user, struct http_request *request)
{
    struct buf out = buf_empty(1024 * 1024);
    struct slice name, value;

    (void)user;
    buf_printf(&out, "path=%.*s rest=%.*s peer=%.*s\n", SLICE_ARG(http_request_path(request)),
               SLICE_ARG(http_request_rest(request)), SLICE_ARG(http_request_peer(request)));
    for (size_t i = 0; http_request_param_at(request, i, &name, &value); i++)
        buf_printf(&out, "%.*s=%.*s;", SLICE_ARG(name), SLICE_ARG(value));
    buf_printf(&out, "\nbody=%.*s", SLICE_ARG(http_request_body(request)));
    answer_text(request, buf_slice(&out));
    buf_release(&out);
}

static void serve_compressible(void *user, struct http_request *request)
{
    static char zeros[100000];

    (void)user;
    memset(zeros, '0', sizeof(zeros));
    answer_text(request, slice_make(zeros, sizeof(zeros)));
}

static uint64_t size_param(struct http_stream *stream)
{
    uint64_t size = 0;

    (void)slice_to_u64(http_request_param(http_stream_request(stream), "size"), &size);
    return size;
}

static void note_cancel(void)
{
    atomic_store(&http_app.cancelled_at_ns, io_mono_ns(io_system()));
}

static enum status begin(struct http_stream *stream)
{
    return http_stream_begin(stream, &(struct http_answer){.status = 200, .type = "text/plain"});
}

/* `size` bytes of a pattern that shows lost and repeated pieces. */
static void *write_pattern(void *user)
{
    struct http_stream *stream = user;
    uint64_t size = size_param(stream);
    enum status status = begin(stream);
    char piece[HTTP_APP_PIECE_SIZE];

    for (uint64_t at = 0; at < size && status == STATUS_OK;) {
        size_t step = size - at < sizeof(piece) ? (size_t)(size - at) : sizeof(piece);

        for (size_t i = 0; i < step; i++)
            piece[i] = (char)('a' + (at + i) % 23);
        status = http_stream_write(stream, slice_make(piece, step));
        at += step;
        if (status == STATUS_OK)
            atomic_fetch_add(&http_app.written, step);
    }
    if (status == STATUS_CANCELLED)
        note_cancel();
    http_stream_close(stream);
    atomic_fetch_sub(&http_app.workers, 1);
    return NULL;
}

/* Begins, says one thing, then waits for the client to go away. */
static void *wait_for_cancel(void *user)
{
    struct http_stream *stream = user;

    if (begin(stream) == STATUS_OK &&
        http_stream_write(stream, SLICE_LITERAL("first\n")) == STATUS_OK)
        (void)!http_stream_flush(stream);
    while (!atomic_load(http_stream_cancelled(stream)))
        (void)usleep(1000);
    note_cancel();
    http_stream_close(stream);
    atomic_fetch_sub(&http_app.workers, 1);
    return NULL;
}

static void *answer_later(void *user)
{
    struct http_stream *stream = user;

    (void)usleep(20000);
    (void)!http_stream_respond(stream, &(struct http_answer){.status = 201,
                                                             .type = "text/plain",
                                                             .body = SLICE_LITERAL("later\n")});
    http_stream_close(stream);
    atomic_fetch_sub(&http_app.workers, 1);
    return NULL;
}

static void *answer_broken(void *user)
{
    struct http_stream *stream = user;

    if (begin(stream) == STATUS_OK)
        (void)!http_stream_write(stream, SLICE_LITERAL("half an ans"));
    http_stream_abort(stream);
    http_stream_close(stream);
    atomic_fetch_sub(&http_app.workers, 1);
    return NULL;
}

static void *answer_nothing(void *user)
{
    http_stream_close(user);
    atomic_fetch_sub(&http_app.workers, 1);
    return NULL;
}

typedef void *worker_main(void *stream);

struct worker {
    worker_main *run;
};

static void serve_by_worker(void *user, struct http_request *request)
{
    const struct worker *worker = user;
    struct http_stream *stream = http_request_stream(request);
    pthread_t thread;

    atomic_fetch_add(&http_app.workers, 1);
    atomic_fetch_add(&http_app.started, 1);
    assert_int_equal(pthread_create(&thread, NULL, worker->run, stream), 0);
    assert_int_equal(pthread_detach(thread), 0);
}

static void add_routes(void *user, struct http_server *server)
{
    static struct worker workers[] = {{write_pattern}, {wait_for_cancel}, {answer_later},
                                      {answer_broken}, {answer_nothing}};
    const struct http_route routes[] = {
        {HTTP_GET, "/hello", false, 0, serve_hello, NULL},
        {HTTP_GET | HTTP_POST, "/echo", false, 0, serve_echo, NULL},
        {HTTP_GET, "/tree/", true, 0, serve_echo, NULL},
        {HTTP_GET, "/tree/deep", true, 0, serve_hello, NULL},
        {HTTP_POST, "/small", false, 16, serve_echo, NULL},
        {HTTP_GET, "/zeros", false, 0, serve_compressible, NULL},
        {HTTP_GET, "/stream", false, 0, serve_by_worker, &workers[0]},
        {HTTP_GET, "/wait", false, 0, serve_by_worker, &workers[1]},
        {HTTP_GET, "/later", false, 0, serve_by_worker, &workers[2]},
        {HTTP_GET, "/broken", false, 0, serve_by_worker, &workers[3]},
        {HTTP_GET, "/nothing", false, 0, serve_by_worker, &workers[4]},
    };
    struct error err = {0};

    (void)user;
    assert_int_equal(http_server_route(server, routes, COUNT_OF(routes), &err), STATUS_OK);
    assert_int_equal(http_server_route(server, routes, 1, &err), STATUS_INVALID); /* twice */
}

void http_app_start(struct http_fixture *fixture, struct http_server_options options)
{
    atomic_store(&http_app.cancelled_at_ns, 0);
    atomic_store(&http_app.written, 0);
    atomic_store(&http_app.started, 0);
    http_fixture_start(fixture, options, add_routes, NULL);
}

void http_app_wait_for_workers(void)
{
    for (int i = 0; i < 5000 && atomic_load(&http_app.workers) > 0; i++)
        (void)usleep(1000);
    assert_int_equal(atomic_load(&http_app.workers), 0);
}

void http_app_wait_for_started(int count)
{
    for (int i = 0; i < 5000 && atomic_load(&http_app.started) < count; i++)
        (void)usleep(1000);
    assert_true(atomic_load(&http_app.started) >= count);
}

void http_app_stop(struct http_fixture *fixture)
{
    http_fixture_stop(fixture);
    http_app_wait_for_workers();
}

void http_app_check_pattern(struct slice body, uint64_t size)
{
    assert_int_equal(body.len, size);
    for (size_t i = 0; i < body.len; i++)
        if (body.data[i] != (char)('a' + i % 23))
            fail_msg("byte %zu is wrong", i);
}
