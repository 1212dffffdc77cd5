/* tests/base/test_http_server.c -- real sockets on loopback: routes, limits, streams, bad clients.
 */
#include "base/http_client.h"
#include "base/io.h"
#include "tests/support/http_fixture.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <cmocka.h>

enum {
    PIECE_SIZE = 64 * 1024,
    CANCEL_MS_MAX = 1000, /* the design says 50; this is for a loaded machine and sanitizers */
};

/* ---- an application ---- */

static struct {
    atomic_llong cancelled_at_ns; /* when a worker saw that its client is gone */
    atomic_ullong written;        /* bytes that workers got rid of */
    atomic_int workers, started;  /* running now; since the server started */
} app;

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
    atomic_store(&app.cancelled_at_ns, io_mono_ns(io_system()));
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
    char piece[PIECE_SIZE];

    for (uint64_t at = 0; at < size && status == STATUS_OK;) {
        size_t step = size - at < sizeof(piece) ? (size_t)(size - at) : sizeof(piece);

        for (size_t i = 0; i < step; i++)
            piece[i] = (char)('a' + (at + i) % 23);
        status = http_stream_write(stream, slice_make(piece, step));
        at += step;
        if (status == STATUS_OK)
            atomic_fetch_add(&app.written, step);
    }
    if (status == STATUS_CANCELLED)
        note_cancel();
    http_stream_close(stream);
    atomic_fetch_sub(&app.workers, 1);
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
    atomic_fetch_sub(&app.workers, 1);
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
    atomic_fetch_sub(&app.workers, 1);
    return NULL;
}

static void *answer_broken(void *user)
{
    struct http_stream *stream = user;

    if (begin(stream) == STATUS_OK)
        (void)!http_stream_write(stream, SLICE_LITERAL("half an ans"));
    http_stream_abort(stream);
    http_stream_close(stream);
    atomic_fetch_sub(&app.workers, 1);
    return NULL;
}

static void *answer_nothing(void *user)
{
    http_stream_close(user);
    atomic_fetch_sub(&app.workers, 1);
    return NULL;
}

/* Fills 100,000 bytes without waiting; the answer is in `written`. */
static void *try_to_write(void *user)
{
    struct http_stream *stream = user;
    static const char piece[10000];
    enum status status = begin(stream);

    atomic_store(&app.written, 0);
    while (status == STATUS_OK) {
        status = http_stream_try_write(stream, slice_make(piece, sizeof(piece)), 100000);
        if (status == STATUS_OK)
            atomic_fetch_add(&app.written, sizeof(piece));
    }
    assert_int_equal(status, STATUS_AGAIN);
    http_stream_close(stream);
    atomic_fetch_sub(&app.workers, 1);
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

    atomic_fetch_add(&app.workers, 1);
    atomic_fetch_add(&app.started, 1);
    assert_int_equal(pthread_create(&thread, NULL, worker->run, stream), 0);
    assert_int_equal(pthread_detach(thread), 0);
}

static void add_routes(void *user, struct http_server *server)
{
    static struct worker workers[] = {{write_pattern}, {wait_for_cancel}, {answer_later},
                                      {answer_broken}, {answer_nothing},  {try_to_write}};
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
        {HTTP_GET, "/try", false, 0, serve_by_worker, &workers[5]},
    };
    struct error err = {0};

    (void)user;
    assert_int_equal(http_server_route(server, routes, COUNT_OF(routes), &err), STATUS_OK);
    assert_int_equal(http_server_route(server, routes, 1, &err), STATUS_INVALID); /* twice */
}

static void start(struct http_fixture *fixture, struct http_server_options options)
{
    atomic_store(&app.cancelled_at_ns, 0);
    atomic_store(&app.written, 0);
    atomic_store(&app.started, 0);
    http_fixture_start(fixture, options, add_routes, NULL);
}

static void wait_for_workers(void)
{
    for (int i = 0; i < 5000 && atomic_load(&app.workers) > 0; i++)
        (void)usleep(1000);
    assert_int_equal(atomic_load(&app.workers), 0);
}

static void wait_for_started(int count)
{
    for (int i = 0; i < 5000 && atomic_load(&app.started) < count; i++)
        (void)usleep(1000);
    assert_true(atomic_load(&app.started) >= count);
}

static void stop(struct http_fixture *fixture)
{
    http_fixture_stop(fixture);
    wait_for_workers();
}

/* ---- requests and answers as bytes ---- */

#define END "Host: localhost\r\nConnection: close\r\n\r\n"

static const struct talk_case {
    const char *name, *request, *status, *contains;
} talk_cases[] = {
    {"whole answer", "GET /hello HTTP/1.1\r\n" END, "HTTP/1.1 200", "\r\n\r\nhello\n"},
    {"security headers", "GET /hello HTTP/1.1\r\n" END, "HTTP/1.1 200",
     "X-Content-Type-Options: nosniff"},
    {"errors have them too", "GET /no HTTP/1.1\r\n" END, "HTTP/1.1 404",
     "Content-Security-Policy: default-src 'none'"},
    {"HEAD has no body", "HEAD /hello HTTP/1.1\r\n" END, "HTTP/1.1 200", "Content-Length: 6"},
    {"query string, decoded", "GET /echo?a=1&b=x+y%26z&c&=no&d= HTTP/1.1\r\n" END, "HTTP/1.1 200",
     "a=1;b=x y&z;c=;d=;"},
    {"path, decoded", "GET /tree/a%20b%2Fc HTTP/1.1\r\n" END, "HTTP/1.1 200",
     "path=/tree/a b/c rest=a b/c peer=127.0.0.1"},
    {"longest prefix wins", "GET /tree/deep/er HTTP/1.1\r\n" END, "HTTP/1.1 200", "hello"},
    {"prefix ends at a slash", "GET /tree/deeper HTTP/1.1\r\n" END, "HTTP/1.1 200", "rest=deeper"},
    {"form body",
     "POST /echo?a=1 HTTP/1.1\r\nContent-Length: 7\r\n"
     "Content-Type: application/x-www-form-urlencoded; charset=utf-8\r\n" END "b=2&c=3",
     "HTTP/1.1 200", "a=1;b=2;c=3;"},
    {"chunked body",
     "POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" END "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
     "HTTP/1.1 200", "body=abcde"},
    {"unknown path", "GET /helloo HTTP/1.1\r\n" END, "HTTP/1.1 404",
     "{\"error\":{\"code\":\"not_found\",\"message\":\"nothing is served at \\\"/helloo\\\"\""},
    {"path is not a format or markup", "GET /%25s%22%3C HTTP/1.1\r\n" END, "HTTP/1.1 404",
     "nothing is served at \\\"/%s\\\"<\\\""},
    {"wrong method", "POST /hello HTTP/1.1\r\nContent-Length: 0\r\n" END, "HTTP/1.1 405",
     "Allow: GET, HEAD\r\n"},
    {"method nobody has", "BREW /echo HTTP/1.1\r\n" END, "HTTP/1.1 405", "Allow: GET, HEAD, POST"},
    {"bad escape in the query", "GET /echo?a=%g0 HTTP/1.1\r\n" END, "HTTP/1.1 400",
     "parameter 1: byte 0: '%' must be followed by two hex digits"},
    {"escape cut off in the path", "GET /echo%2 HTTP/1.1\r\n" END, "HTTP/1.1 400", "byte 5"},
    {"bad escape in a form",
     "POST /echo HTTP/1.1\r\nContent-Length: 4\r\n"
     "Content-Type: application/x-www-form-urlencoded\r\n" END "a=%1",
     "HTTP/1.1 400", "parameter 1"},
    {"another site's name",
     "GET /hello HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n", "HTTP/1.1 421",
     "forbidden"},
    {"a name that begins like loopback",
     "GET /hello HTTP/1.1\r\nHost: 127.0.0.1.evil.example:7600\r\nConnection: close\r\n\r\n",
     "HTTP/1.1 421", ""},
    {"loopback with a port", "GET /hello HTTP/1.1\r\nHost: [::1]:7600\r\nConnection: close\r\n\r\n",
     "HTTP/1.1 200", "hello"},
    {"body over its limit, announced",
     "POST /small HTTP/1.1\r\nContent-Length: 17\r\n" END "12345678901234567", "HTTP/1.1 413",
     "larger than 16 bytes"},
    {"body over its limit, chunked",
     "POST /small HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" END
     "11\r\n12345678901234567\r\n0\r\n\r\n",
     "HTTP/1.1 413", "larger than 16 bytes"},
    {"body at its limit", "POST /small HTTP/1.1\r\nContent-Length: 16\r\n" END "1234567890123456",
     "HTTP/1.1 200", "body=1234567890123456"},
    {"HTTP/1.1 without Host", "GET /hello HTTP/1.1\r\nConnection: close\r\n\r\n", "HTTP/1.1 400",
     ""},
    {"bad chunk size", "POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" END "zz\r\n",
     "HTTP/1.1 400", ""},
    {"length that is no number", "POST /echo HTTP/1.1\r\nContent-Length: 1x\r\n" END "a",
     "HTTP/1.1 400", ""},
    {"later, from another thread", "GET /later HTTP/1.1\r\n" END, "HTTP/1.1 201", "later\n"},
    {"worker that gives no answer", "GET /nothing HTTP/1.1\r\n" END, "HTTP/1.1 500", ""},
    {"streamed", "GET /stream?size=3 HTTP/1.1\r\n" END, "HTTP/1.1 200", "3\r\nabc\r\n0\r\n\r\n"},
    {"streamed, empty", "GET /stream?size=0 HTTP/1.1\r\n" END, "HTTP/1.1 200", "\r\n0\r\n\r\n"},
    {"streamed to HEAD", "HEAD /stream?size=3000000 HTTP/1.1\r\n" END, "HTTP/1.1 200", ""},
};

static void test_talk(void **unused)
{
    struct http_fixture fixture;

    (void)unused;
    start(&fixture, (struct http_server_options){0});
    for (size_t i = 0; i < COUNT_OF(talk_cases); i++) {
        const struct talk_case *c = &talk_cases[i];
        struct buf answer = buf_empty(1024 * 1024);

        print_message("  %s\n", c->name);
        http_fixture_talk(&fixture, c->request, &answer);
        if (!slice_starts(buf_slice(&answer), slice_of(c->status)) ||
            strstr(answer.data, c->contains) == NULL)
            fail_msg("expected %s with \"%s\", got:\n%s", c->status, c->contains, answer.data);
        buf_release(&answer);
    }
    stop(&fixture);
}

static void test_keep_alive_and_pipelining(void **unused)
{
    struct http_fixture fixture;
    struct buf answer = buf_empty(1024 * 1024);
    size_t count = 0;

    (void)unused;
    start(&fixture, (struct http_server_options){0});
    http_fixture_talk(&fixture,
                      "GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n"
                      "GET /later HTTP/1.1\r\nHost: localhost\r\n\r\n"
                      "GET /hello HTTP/1.1\r\n" END,
                      &answer);
    for (const char *at = answer.data; (at = strstr(at, "HTTP/1.1 20")) != NULL; at++)
        count++;
    assert_int_equal(count, 3);
    buf_release(&answer);
    stop(&fixture);
}

static void test_header_limit(void **unused)
{
    struct http_fixture fixture;
    struct buf request = buf_empty(1024 * 1024), answer = buf_empty(1024 * 1024);

    (void)unused;
    start(&fixture, (struct http_server_options){0});
    buf_append_text(&request, "GET /hello HTTP/1.1\r\nX-Long: ");
    for (int i = 0; i < 40 * 1024; i++)
        buf_append_byte(&request, 'x');
    buf_append(&request, "\r\n" END, sizeof("\r\n" END));
    http_fixture_talk(&fixture, request.data, &answer);
    assert_true(slice_starts(buf_slice(&answer), SLICE_LITERAL("HTTP/1.1 431")));
    buf_release(&request);
    buf_release(&answer);
    stop(&fixture);
}

/* ---- streams ---- */

static void check_pattern(struct slice body, uint64_t size)
{
    assert_int_equal(body.len, size);
    for (size_t i = 0; i < body.len; i++)
        if (body.data[i] != (char)('a' + i % 23))
            fail_msg("byte %zu is wrong", i);
}

static void test_stream_is_whole(void **unused)
{
    static const uint64_t sizes[] = {1, PIECE_SIZE, 1000003, 20 * 1000 * 1000};
    struct http_fixture fixture;

    (void)unused;
    start(&fixture, (struct http_server_options){0});
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        struct buf body = buf_empty(64 * 1024 * 1024);
        char target[64];

        (void)snprintf(target, sizeof(target), "/stream?size=%llu", (unsigned long long)sizes[i]);
        assert_int_equal(http_fixture_get(&fixture, target, &body), 200);
        check_pattern(buf_slice(&body), sizes[i]);
        buf_release(&body);
    }
    stop(&fixture);
}

/* Until the writer has got rid of nothing more for half a second. */
static uint64_t wait_until_held(void)
{
    uint64_t before, after = 0;

    do {
        before = after;
        (void)usleep(500000);
        after = atomic_load(&app.written);
    } while (after != before || after == 0);
    return after;
}

/* A reader that does not read holds the writer at the limit; then gets every byte. */
static void test_back_pressure(void **unused)
{
    enum { LIMIT = 256 * 1024, KERNEL_MAX = 16 * 1024 * 1024 };
    const uint64_t size = 64 * 1024 * 1024;
    struct http_fixture fixture;
    struct buf answer = buf_empty(128 * 1024 * 1024);
    uint64_t held;
    int fd;

    (void)unused;
    start(&fixture, (struct http_server_options){.output_size_max = LIMIT});
    fd = http_fixture_connect(&fixture);
    http_fixture_send(fd, "GET /stream?size=67108864 HTTP/1.0\r\n\r\n");
    held = wait_until_held();
    assert_in_range(held, LIMIT, KERNEL_MAX); /* ours and the socket buffers */
    http_fixture_read(fd, NULL, &answer);
    check_pattern(slice_from(buf_slice(&answer),
                             slice_find(buf_slice(&answer), SLICE_LITERAL("\r\n\r\n")) + 4),
                  size);
    (void)close(fd);
    buf_release(&answer);
    stop(&fixture);
}

static void test_try_write(void **unused)
{
    struct http_fixture fixture;
    int fd;

    (void)unused;
    start(&fixture, (struct http_server_options){0});
    fd = http_fixture_connect(&fixture); /* nothing is read: socket buffers fill, then ours */
    http_fixture_send(fd, "GET /try HTTP/1.1\r\n" END);
    wait_for_started(1);
    wait_for_workers();
    assert_in_range(atomic_load(&app.written), 100000, 64 * 1024 * 1024);
    (void)close(fd);
    stop(&fixture);
}

static const struct gone_case {
    const char *name, *request, *read_until;
} gone_cases[] = {
    {"while the worker is silent", "GET /wait HTTP/1.1\r\n" END, "first"},
    {"while nothing was sent", "GET /wait HTTP/1.1\r\n" END, NULL},
    {"while output waits", "GET /stream?size=1000000000 HTTP/1.1\r\n" END, "abc"},
};

static void test_client_goes_away(void **unused)
{
    struct http_fixture fixture;

    (void)unused;
    start(&fixture, (struct http_server_options){0});
    for (size_t i = 0; i < COUNT_OF(gone_cases); i++) {
        const struct gone_case *c = &gone_cases[i];
        struct buf answer = buf_empty(64 * 1024 * 1024);
        int fd = http_fixture_connect(&fixture);
        int64_t closed_at;

        print_message("  %s\n", c->name);
        http_fixture_send(fd, c->request);
        if (c->read_until != NULL)
            http_fixture_read(fd, c->read_until, &answer);
        wait_for_started((int)i + 1);
        (void)usleep(30000);
        closed_at = io_mono_ns(io_system());
        (void)close(fd);
        wait_for_workers();
        assert_true(atomic_load(&app.cancelled_at_ns) > closed_at);
        assert_true(atomic_load(&app.cancelled_at_ns) - closed_at < CANCEL_MS_MAX * 1000000LL);
        print_message("    noticed after %lld us\n",
                      (long long)(atomic_load(&app.cancelled_at_ns) - closed_at) / 1000);
        buf_release(&answer);
    }
    stop(&fixture);
}

static void test_broken_answer_shows(void **unused)
{
    struct http_fixture fixture;
    struct buf answer = buf_empty(1024 * 1024);

    (void)unused;
    start(&fixture, (struct http_server_options){0});
    http_fixture_talk(&fixture, "GET /broken HTTP/1.1\r\n" END, &answer);
    assert_null(strstr(answer.data, "\r\n0\r\n\r\n")); /* no last chunk */
    buf_release(&answer);
    stop(&fixture);
}

static void test_close_cancels_streams(void **unused)
{
    struct http_fixture fixture;
    struct buf answer = buf_empty(1024 * 1024);
    int fd;

    (void)unused;
    start(&fixture, (struct http_server_options){0});
    fd = http_fixture_connect(&fixture);
    http_fixture_send(fd, "GET /wait HTTP/1.1\r\n" END);
    http_fixture_read(fd, "first", &answer);
    http_fixture_stop(&fixture); /* with the stream still held by its worker */
    wait_for_workers();
    assert_true(atomic_load(&app.cancelled_at_ns) > 0);
    (void)close(fd);
    buf_release(&answer);
}

/* ---- compression ---- */

static size_t gunzip(struct slice packed, char *out, size_t out_size)
{
    z_stream stream = {0};
    union {
        const char *in;
        Bytef *bytes;
    } input = {.in = packed.data};

    assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
    stream.next_in = input.bytes;
    stream.avail_in = (uInt)packed.len;
    stream.next_out = (Bytef *)out;
    stream.avail_out = (uInt)out_size;
    assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
    assert_int_equal(inflateEnd(&stream), Z_OK);
    return out_size - stream.avail_out;
}

static size_t unzstd(struct slice packed, char *out, size_t out_size)
{
    ZSTD_DCtx *context = ZSTD_createDCtx();
    ZSTD_inBuffer input = {packed.data, packed.len, 0};
    ZSTD_outBuffer output = {out, out_size, 0};

    assert_int_equal(ZSTD_decompressStream(context, &output, &input), 0);
    ZSTD_freeDCtx(context);
    return output.pos;
}

static const struct coding_case {
    const char *name, *target, *accept, *coding;
    size_t (*decode)(struct slice packed, char *out, size_t out_size);
    size_t size;
} coding_cases[] = {
    {"whole gzip", "/zeros", "gzip, deflate", "gzip", gunzip, 100000},
    {"whole zstd is preferred", "/zeros", "gzip;q=1.0, zstd;q=0.5", "zstd", unzstd, 100000},
    {"zstd refused by weight", "/zeros", "zstd;q=0, GZIP", "gzip", gunzip, 100000},
    {"nothing known", "/zeros", "br, *;q=0", NULL, NULL, 100000},
    {"too small to compress", "/hello", "gzip", NULL, NULL, 6},
    {"stream gzip", "/stream?size=1000000", "gzip", "gzip", gunzip, 1000000},
    {"stream zstd", "/stream?size=1000000", "zstd", "zstd", unzstd, 1000000},
};

static void test_codings(void **unused)
{
    struct http_fixture fixture;
    static char plain[2000000];

    (void)unused;
    start(&fixture, (struct http_server_options){0});
    for (size_t i = 0; i < COUNT_OF(coding_cases); i++) {
        const struct coding_case *c = &coding_cases[i];
        struct buf answer = buf_empty(4 * 1024 * 1024);
        char request[256], line[64];
        struct slice head, body;

        print_message("  %s\n", c->name);
        (void)snprintf(request, sizeof(request), /* 1.0: the body is not chunked */
                       "GET %s HTTP/1.0\r\nAccept-Encoding: %s\r\n\r\n", c->target, c->accept);
        http_fixture_talk(&fixture, request, &answer);
        head = slice_first(buf_slice(&answer),
                           slice_find(buf_slice(&answer), SLICE_LITERAL("\r\n\r\n")));
        body = slice_from(buf_slice(&answer), head.len + 4);
        (void)snprintf(line, sizeof(line), "Content-Encoding: %s",
                       c->coding == NULL ? "" : c->coding);
        assert_int_equal(slice_find(head, slice_of(line)) != SIZE_MAX, c->coding != NULL);
        if (c->decode == NULL)
            assert_int_equal(body.len, c->size);
        else
            assert_int_equal(c->decode(body, plain, sizeof(plain)), c->size);
        if (strstr(c->target, "stream") != NULL)
            check_pattern(slice_make(plain, c->size), c->size);
        buf_release(&answer);
    }
    stop(&fixture);
}

/* ---- slow and greedy clients ---- */

static int64_t ms_until_closed(int fd)
{
    struct buf answer = buf_empty(1024 * 1024);
    int64_t begun = io_mono_ns(io_system());

    http_fixture_read(fd, NULL, &answer);
    buf_release(&answer);
    return (io_mono_ns(io_system()) - begun) / 1000000;
}

/* One byte each 50 ms would reset a timeout that counts from the last byte. */
static void test_slowloris(void **unused)
{
    struct http_fixture fixture;
    static const char request[] = "GET /hello HTTP/1.1\r\nX-A: ";
    int64_t begun = io_mono_ns(io_system());
    bool open = true;
    int fd;

    (void)unused;
    start(&fixture, (struct http_server_options){.header_timeout_ms = 300});
    fd = http_fixture_connect(&fixture);
    for (size_t i = 0; i < 100 && open; i++) {
        char c = i < sizeof(request) - 1 ? request[i] : 'x', got;

        open = send(fd, &c, 1, MSG_NOSIGNAL) == 1 && recv(fd, &got, 1, MSG_DONTWAIT) != 0;
        (void)usleep(50000);
    }
    assert_false(open);
    assert_in_range((io_mono_ns(io_system()) - begun) / 1000000, 300, 4500);
    (void)close(fd);
    stop(&fixture);
}

static void test_silent_client(void **unused)
{
    struct http_fixture fixture;
    int fd;

    (void)unused;
    start(&fixture, (struct http_server_options){.header_timeout_ms = 200, .idle_timeout_ms = 400});
    fd = http_fixture_connect(&fixture);
    assert_in_range(ms_until_closed(fd), 150, 4500);
    (void)close(fd);
    fd = http_fixture_connect(&fixture); /* served, then silent: idle, not header timeout */
    http_fixture_send(fd, "GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_in_range(ms_until_closed(fd), 350, 4500);
    (void)close(fd);
    stop(&fixture);
}

static void test_slow_reader_is_cut(void **unused)
{
    struct http_fixture fixture;
    int fd;

    (void)unused;
    start(&fixture,
          (struct http_server_options){.idle_timeout_ms = 1000, .output_size_max = 64 * 1024});
    fd = http_fixture_connect(&fixture);
    http_fixture_send(fd, "GET /stream?size=1000000000 HTTP/1.1\r\n" END);
    wait_for_started(1);
    wait_for_workers(); /* within 5 s: the worker was told CANCELLED */
    assert_true(atomic_load(&app.cancelled_at_ns) > 0);
    (void)close(fd);
    stop(&fixture);
}

static void test_connections_per_address(void **unused)
{
    struct http_fixture fixture;
    int fds[3];
    char byte;

    (void)unused;
    start(&fixture, (struct http_server_options){.connection_per_address_max = 2});
    for (size_t i = 0; i < COUNT_OF(fds); i++)
        fds[i] = http_fixture_connect(&fixture);
    assert_int_equal(recv(fds[2], &byte, 1, 0), 0); /* closed at once */
    http_fixture_send(fds[0], "GET /hello HTTP/1.1\r\n" END);
    assert_int_equal(recv(fds[0], &byte, 1, 0), 1);
    for (size_t i = 0; i < COUNT_OF(fds); i++)
        (void)close(fds[i]);
    stop(&fixture);
}

/* ---- where it listens ---- */

static const struct address_case {
    const char *name, *address;
    bool allow_remote;
    enum status status;
    const char *says;
} address_cases[] = {
    {"loopback", "127.0.0.1:0", false, STATUS_OK, ""},
    {"loopback, other", "127.8.9.1:0", false, STATUS_OK, ""},
    {"loopback, IPv6", "[::1]:0", false, STATUS_OK, ""},
    {"by name", "localhost:0", false, STATUS_OK, ""},
    {"any address", "0.0.0.0:0", false, STATUS_INVALID, "listen on 127.0.0.1 behind a proxy"},
    {"any address, allowed", "0.0.0.0:0", true, STATUS_OK, ""},
    {"any address, IPv6", "[::]:0", false, STATUS_INVALID, "can be reached from other machines"},
    {"no port", "127.0.0.1", false, STATUS_INVALID, "expected ADDRESS:PORT"},
    {"port too large", "127.0.0.1:65536", false, STATUS_INVALID, "expected ADDRESS:PORT"},
    {"a name", "example.com:80", false, STATUS_INVALID, "is not an IPv4 or IPv6 address"},
    {"not ours", "192.0.2.77:0", true, STATUS_IO, "does not have that address"},
};

static void test_addresses(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(address_cases); i++) {
        const struct address_case *c = &address_cases[i];
        struct http_server *server = NULL;
        struct error err = {0};
        enum status status;
        uv_loop_t loop;

        print_message("  %s\n", c->name);
        assert_int_equal(uv_loop_init(&loop), 0);
        status = http_server_new(&(struct http_server_options){.loop = &loop,
                                                               .address = c->address,
                                                               .allow_remote = c->allow_remote},
                                 &server, &err);
        if (status == STATUS_OK)
            status = http_server_start(server, &err);
        assert_int_equal(status, c->status);
        assert_non_null(strstr(err.message, c->says));
        if (status == STATUS_OK)
            assert_int_not_equal(http_server_port(server), 0);
        http_server_close(server, NULL, NULL);
        assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0);
        assert_int_equal(uv_loop_close(&loop), 0);
    }
}

static void test_port_in_use(void **unused)
{
    struct http_fixture fixture;
    struct http_server *server = NULL;
    struct error err = {0};
    char address[32];
    uv_loop_t loop;

    (void)unused;
    start(&fixture, (struct http_server_options){0});
    assert_int_equal(uv_loop_init(&loop), 0);
    (void)snprintf(address, sizeof(address), "127.0.0.1:%u", fixture.port);
    assert_int_equal(
        http_server_new(&(struct http_server_options){.loop = &loop, .address = address}, &server,
                        &err),
        STATUS_OK);
    assert_int_equal(http_server_start(server, &err), STATUS_BUSY);
    assert_non_null(strstr(err.message, address));
    assert_non_null(strstr(err.message, "another program has this port"));
    http_server_close(server, NULL, NULL);
    assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(uv_loop_close(&loop), 0);
    stop(&fixture);
}

/* ---- the client ---- */

struct sink {
    struct buf bytes;
    size_t stop_after;
};

static bool collect(void *user, struct slice piece)
{
    struct sink *sink = user;

    assert_true(buf_append_slice(&sink->bytes, piece));
    return sink->stop_after == 0 || sink->bytes.len < sink->stop_after;
}

static void test_client(void **unused)
{
    struct http_fixture fixture;
    struct http_client *client;
    struct http_client_reply reply;
    struct http_client_request request = {.on_body = collect};
    struct sink sink = {.bytes = buf_empty(64 * 1024 * 1024)};
    struct error err = {0};
    char url[128];

    (void)unused;
    start(&fixture, (struct http_server_options){0});
    assert_int_equal(http_client_new(&client, &err), STATUS_OK);
    request.url = url;
    request.user = &sink;

    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/stream?size=5000000", fixture.port);
    assert_int_equal(http_client_run(client, &request, &reply, &err), STATUS_OK);
    assert_int_equal(reply.status, 200);
    assert_string_equal(reply.content_type, "text/plain");
    check_pattern(buf_slice(&sink.bytes), 5000000); /* compressed on the way */

    buf_reset(&sink.bytes);
    sink.stop_after = 100000;
    assert_int_equal(http_client_run(client, &request, &reply, &err), STATUS_CANCELLED);
    sink.stop_after = 0;

    buf_reset(&sink.bytes);
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/nowhere", fixture.port);
    assert_int_equal(http_client_run(client, &request, &reply, &err), STATUS_OK);
    assert_int_equal(reply.status, 404);
    assert_int_equal(sink.bytes.len, 0);
    assert_non_null(strstr(reply.error_body, "not_found"));

    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/echo", fixture.port);
    request.body = SLICE_LITERAL("a=1&b=%20");
    assert_int_equal(http_client_run(client, &request, &reply, &err), STATUS_OK);
    assert_true(slice_find(buf_slice(&sink.bytes), SLICE_LITERAL("a=1;b= ;")) != SIZE_MAX);
    request.body = (struct slice){0};

    stop(&fixture);
    assert_int_equal(http_client_run(client, &request, &reply, &err), STATUS_IO);
    assert_non_null(strstr(err.message, "Is the collector running? Start it with"));
    request.url = "file:///etc/passwd";
    assert_int_equal(http_client_run(client, &request, &reply, &err), STATUS_INVALID);
    http_client_free(client);
    buf_release(&sink.bytes);
}

static void test_client_timeouts(void **unused)
{
    struct http_fixture fixture;
    struct http_client *client;
    struct http_client_reply reply;
    struct error err = {0};
    char url[128];
    struct http_client_request request = {.url = url, .total_timeout_ms = 200};

    (void)unused;
    start(&fixture, (struct http_server_options){0});
    assert_int_equal(http_client_new(&client, &err), STATUS_OK);
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/wait", fixture.port);
    assert_int_equal(http_client_run(client, &request, &reply, &err), STATUS_IO);
    assert_non_null(strstr(err.message, "no answer in time"));
    http_client_free(client);
    stop(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_talk),
        cmocka_unit_test(test_keep_alive_and_pipelining),
        cmocka_unit_test(test_header_limit),
        cmocka_unit_test(test_stream_is_whole),
        cmocka_unit_test(test_back_pressure),
        cmocka_unit_test(test_try_write),
        cmocka_unit_test(test_client_goes_away),
        cmocka_unit_test(test_broken_answer_shows),
        cmocka_unit_test(test_close_cancels_streams),
        cmocka_unit_test(test_codings),
        cmocka_unit_test(test_slowloris),
        cmocka_unit_test(test_silent_client),
        cmocka_unit_test(test_slow_reader_is_cut),
        cmocka_unit_test(test_connections_per_address),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_port_in_use),
        cmocka_unit_test(test_client),
        cmocka_unit_test(test_client_timeouts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
