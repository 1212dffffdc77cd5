/* tests/base/test_http_server.c -- real sockets on loopback: routes, requests as bytes, streams,
 * addresses. */
#include "base/io.h"
#include "tests/base/http_app.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

enum { CANCEL_MS_MAX = 1000 }; /* the design says 50; this is for a loaded machine and sanitizers */

/* ---- requests and answers as bytes ---- */

static const struct talk_case {
    const char *name, *request, *status, *contains;
} talk_cases[] = {
    {"whole answer", "GET /hello HTTP/1.1\r\n" HTTP_APP_END, "HTTP/1.1 200", "\r\n\r\nhello\n"},
    {"security headers", "GET /hello HTTP/1.1\r\n" HTTP_APP_END, "HTTP/1.1 200",
     "X-Content-Type-Options: nosniff"},
    {"errors have them too", "GET /no HTTP/1.1\r\n" HTTP_APP_END, "HTTP/1.1 404",
     "Content-Security-Policy: default-src 'none'"},
    {"HEAD has no body", "HEAD /hello HTTP/1.1\r\n" HTTP_APP_END, "HTTP/1.1 200",
     "Content-Length: 6"},
    {"query string, decoded", "GET /echo?a=1&b=x+y%26z&c&=no&d= HTTP/1.1\r\n" HTTP_APP_END,
     "HTTP/1.1 200", "a=1;b=x y&z;c=;d=;"},
    {"path, decoded", "GET /tree/a%20b%2Fc HTTP/1.1\r\n" HTTP_APP_END, "HTTP/1.1 200",
     "path=/tree/a b/c rest=a b/c peer=127.0.0.1"},
    {"longest prefix wins", "GET /tree/deep/er HTTP/1.1\r\n" HTTP_APP_END, "HTTP/1.1 200", "hello"},
    {"prefix ends at a slash", "GET /tree/deeper HTTP/1.1\r\n" HTTP_APP_END, "HTTP/1.1 200",
     "rest=deeper"},
    {"form body",
     "POST /echo?a=1 HTTP/1.1\r\nContent-Length: 7\r\n"
     "Content-Type: application/x-www-form-urlencoded; charset=utf-8\r\n" HTTP_APP_END "b=2&c=3",
     "HTTP/1.1 200", "a=1;b=2;c=3;"},
    {"chunked body",
     "POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" HTTP_APP_END
     "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
     "HTTP/1.1 200", "body=abcde"},
    {"unknown path", "GET /helloo HTTP/1.1\r\n" HTTP_APP_END, "HTTP/1.1 404",
     "{\"error\":{\"code\":\"not_found\",\"message\":\"nothing is served at \\\"/helloo\\\"\""},
    {"path is not a format or markup", "GET /%25s%22%3C HTTP/1.1\r\n" HTTP_APP_END, "HTTP/1.1 404",
     "nothing is served at \\\"/%s\\\"<\\\""},
    {"wrong method", "POST /hello HTTP/1.1\r\nContent-Length: 0\r\n" HTTP_APP_END, "HTTP/1.1 405",
     "Allow: GET, HEAD\r\n"},
    {"method nobody has", "BREW /echo HTTP/1.1\r\n" HTTP_APP_END, "HTTP/1.1 405",
     "Allow: GET, HEAD, POST"},
    {"bad escape in the query", "GET /echo?a=%g0 HTTP/1.1\r\n" HTTP_APP_END, "HTTP/1.1 400",
     "parameter 1: byte 0: '%' must be followed by two hex digits"},
    {"escape cut off in the path", "GET /echo%2 HTTP/1.1\r\n" HTTP_APP_END, "HTTP/1.1 400",
     "byte 5"},
    {"bad escape in a form",
     "POST /echo HTTP/1.1\r\nContent-Length: 4\r\n"
     "Content-Type: application/x-www-form-urlencoded\r\n" HTTP_APP_END "a=%1",
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
     "POST /small HTTP/1.1\r\nContent-Length: 17\r\n" HTTP_APP_END "12345678901234567",
     "HTTP/1.1 413", "larger than 16 bytes"},
    {"body over its limit, chunked",
     "POST /small HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" HTTP_APP_END
     "11\r\n12345678901234567\r\n0\r\n\r\n",
     "HTTP/1.1 413", "larger than 16 bytes"},
    {"body at its limit",
     "POST /small HTTP/1.1\r\nContent-Length: 16\r\n" HTTP_APP_END "1234567890123456",
     "HTTP/1.1 200", "body=1234567890123456"},
    {"HTTP/1.1 without Host", "GET /hello HTTP/1.1\r\nConnection: close\r\n\r\n", "HTTP/1.1 400",
     ""},
    {"bad chunk size",
     "POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" HTTP_APP_END "zz\r\n", "HTTP/1.1 400",
     ""},
    {"length that is no number", "POST /echo HTTP/1.1\r\nContent-Length: 1x\r\n" HTTP_APP_END "a",
     "HTTP/1.1 400", ""},
    {"later, from another thread", "GET /later HTTP/1.1\r\n" HTTP_APP_END, "HTTP/1.1 201",
     "later\n"},
    {"worker that gives no answer", "GET /nothing HTTP/1.1\r\n" HTTP_APP_END, "HTTP/1.1 500", ""},
    {"streamed", "GET /stream?size=3 HTTP/1.1\r\n" HTTP_APP_END, "HTTP/1.1 200",
     "3\r\nabc\r\n0\r\n\r\n"},
    {"streamed, empty", "GET /stream?size=0 HTTP/1.1\r\n" HTTP_APP_END, "HTTP/1.1 200",
     "\r\n0\r\n\r\n"},
    {"streamed to HEAD", "HEAD /stream?size=3000000 HTTP/1.1\r\n" HTTP_APP_END, "HTTP/1.1 200", ""},
};

static void test_talk(void **unused)
{
    struct http_fixture fixture;

    (void)unused;
    http_app_start(&fixture, (struct http_server_options){0});
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
    http_app_stop(&fixture);
}

static void test_keep_alive_and_pipelining(void **unused)
{
    struct http_fixture fixture;
    struct buf answer = buf_empty(1024 * 1024);
    size_t count = 0;

    (void)unused;
    http_app_start(&fixture, (struct http_server_options){0});
    http_fixture_talk(&fixture,
                      "GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n"
                      "GET /later HTTP/1.1\r\nHost: localhost\r\n\r\n"
                      "GET /hello HTTP/1.1\r\n" HTTP_APP_END,
                      &answer);
    for (const char *at = answer.data; (at = strstr(at, "HTTP/1.1 20")) != NULL; at++)
        count++;
    assert_int_equal(count, 3);
    buf_release(&answer);
    http_app_stop(&fixture);
}

static void test_header_limit(void **unused)
{
    struct http_fixture fixture;
    struct buf request = buf_empty(1024 * 1024), answer = buf_empty(1024 * 1024);

    (void)unused;
    http_app_start(&fixture, (struct http_server_options){0});
    buf_append_text(&request, "GET /hello HTTP/1.1\r\nX-Long: ");
    for (int i = 0; i < 40 * 1024; i++)
        buf_append_byte(&request, 'x');
    buf_append(&request, "\r\n" HTTP_APP_END, sizeof("\r\n" HTTP_APP_END));
    http_fixture_talk(&fixture, request.data, &answer);
    assert_true(slice_starts(buf_slice(&answer), SLICE_LITERAL("HTTP/1.1 431")));
    buf_release(&request);
    buf_release(&answer);
    http_app_stop(&fixture);
}

/* ---- streams ---- */

static void test_stream_is_whole(void **unused)
{
    static const uint64_t sizes[] = {1, HTTP_APP_PIECE_SIZE, 1000003, 20 * 1000 * 1000};
    struct http_fixture fixture;

    (void)unused;
    http_app_start(&fixture, (struct http_server_options){0});
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        struct buf body = buf_empty(64 * 1024 * 1024);
        char target[64];

        (void)snprintf(target, sizeof(target), "/stream?size=%llu", (unsigned long long)sizes[i]);
        assert_int_equal(http_fixture_get(&fixture, target, &body), 200);
        http_app_check_pattern(buf_slice(&body), sizes[i]);
        buf_release(&body);
    }
    http_app_stop(&fixture);
}

/* Until the writer has got rid of nothing more for half a second. */
static uint64_t wait_until_held(void)
{
    uint64_t before, after = 0;

    do {
        before = after;
        (void)usleep(500000);
        after = atomic_load(&http_app.written);
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
    http_app_start(&fixture, (struct http_server_options){.output_size_max = LIMIT});
    fd = http_fixture_connect(&fixture);
    http_fixture_send(fd, "GET /stream?size=67108864 HTTP/1.0\r\n\r\n");
    held = wait_until_held();
    assert_in_range(held, LIMIT, KERNEL_MAX); /* ours and the socket buffers */
    http_fixture_read(fd, NULL, &answer);
    http_app_check_pattern(
        slice_from(buf_slice(&answer),
                   slice_find(buf_slice(&answer), SLICE_LITERAL("\r\n\r\n")) + 4),
        size);
    (void)close(fd);
    buf_release(&answer);
    http_app_stop(&fixture);
}

static const struct gone_case {
    const char *name, *request, *read_until;
} gone_cases[] = {
    {"while the worker is silent", "GET /wait HTTP/1.1\r\n" HTTP_APP_END, "first"},
    {"while nothing was sent", "GET /wait HTTP/1.1\r\n" HTTP_APP_END, NULL},
    {"while output waits", "GET /stream?size=1000000000 HTTP/1.1\r\n" HTTP_APP_END, "abc"},
};

static void test_client_goes_away(void **unused)
{
    struct http_fixture fixture;

    (void)unused;
    http_app_start(&fixture, (struct http_server_options){0});
    for (size_t i = 0; i < COUNT_OF(gone_cases); i++) {
        const struct gone_case *c = &gone_cases[i];
        struct buf answer = buf_empty(64 * 1024 * 1024);
        int fd = http_fixture_connect(&fixture);
        int64_t closed_at;

        print_message("  %s\n", c->name);
        http_fixture_send(fd, c->request);
        if (c->read_until != NULL)
            http_fixture_read(fd, c->read_until, &answer);
        http_app_wait_for_started((int)i + 1);
        (void)usleep(30000);
        closed_at = io_mono_ns(io_system());
        (void)close(fd);
        http_app_wait_for_workers();
        assert_true(atomic_load(&http_app.cancelled_at_ns) > closed_at);
        assert_true(atomic_load(&http_app.cancelled_at_ns) - closed_at < CANCEL_MS_MAX * 1000000LL);
        print_message("    noticed after %lld us\n",
                      (long long)(atomic_load(&http_app.cancelled_at_ns) - closed_at) / 1000);
        buf_release(&answer);
    }
    http_app_stop(&fixture);
}

static void test_broken_answer_shows(void **unused)
{
    struct http_fixture fixture;
    struct buf answer = buf_empty(1024 * 1024);

    (void)unused;
    http_app_start(&fixture, (struct http_server_options){0});
    http_fixture_talk(&fixture, "GET /broken HTTP/1.1\r\n" HTTP_APP_END, &answer);
    assert_null(strstr(answer.data, "\r\n0\r\n\r\n")); /* no last chunk */
    buf_release(&answer);
    http_app_stop(&fixture);
}

static void test_close_cancels_streams(void **unused)
{
    struct http_fixture fixture;
    struct buf answer = buf_empty(1024 * 1024);
    int fd;

    (void)unused;
    http_app_start(&fixture, (struct http_server_options){0});
    fd = http_fixture_connect(&fixture);
    http_fixture_send(fd, "GET /wait HTTP/1.1\r\n" HTTP_APP_END);
    http_fixture_read(fd, "first", &answer);
    http_fixture_stop(&fixture); /* with the stream still held by its worker */
    http_app_wait_for_workers();
    assert_true(atomic_load(&http_app.cancelled_at_ns) > 0);
    (void)close(fd);
    buf_release(&answer);
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
    http_app_start(&fixture, (struct http_server_options){0});
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
    http_app_stop(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_talk),
        cmocka_unit_test(test_keep_alive_and_pipelining),
        cmocka_unit_test(test_header_limit),
        cmocka_unit_test(test_stream_is_whole),
        cmocka_unit_test(test_back_pressure),
        cmocka_unit_test(test_client_goes_away),
        cmocka_unit_test(test_broken_answer_shows),
        cmocka_unit_test(test_close_cancels_streams),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_port_in_use),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
