/* tests/base/test_http_limits.c -- slow, silent and greedy clients of an HTTP server. */
#include "base/io.h"
#include "tests/base/http_app.h"

#include <setjmp.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

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
    http_app_start(&fixture, (struct http_server_options){.header_timeout_ms = 300});
    fd = http_fixture_connect(&fixture);
    for (size_t i = 0; i < 100 && open; i++) {
        char c = i < sizeof(request) - 1 ? request[i] : 'x', got;

        open = send(fd, &c, 1, MSG_NOSIGNAL) == 1 && recv(fd, &got, 1, MSG_DONTWAIT) != 0;
        (void)usleep(50000);
    }
    assert_false(open);
    assert_in_range((io_mono_ns(io_system()) - begun) / 1000000, 300, 4500);
    (void)close(fd);
    http_app_stop(&fixture);
}

static void test_silent_client(void **unused)
{
    struct http_fixture fixture;
    int fd;

    (void)unused;
    http_app_start(&fixture,
                   (struct http_server_options){.header_timeout_ms = 200, .idle_timeout_ms = 400});
    fd = http_fixture_connect(&fixture);
    assert_in_range(ms_until_closed(fd), 150, 4500);
    (void)close(fd);
    fd = http_fixture_connect(&fixture); /* served, then silent: idle, not header timeout */
    http_fixture_send(fd, "GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_in_range(ms_until_closed(fd), 350, 4500);
    (void)close(fd);
    http_app_stop(&fixture);
}

static void test_slow_reader_is_cut(void **unused)
{
    struct http_fixture fixture;
    int fd;

    (void)unused;
    http_app_start(&fixture, (struct http_server_options){.idle_timeout_ms = 1000,
                                                          .output_size_max = 64 * 1024});
    fd = http_fixture_connect(&fixture);
    http_fixture_send(fd, "GET /stream?size=1000000000 HTTP/1.1\r\n" HTTP_APP_END);
    http_app_wait_for_started(1);
    http_app_wait_for_workers(); /* within 5 s: the worker was told CANCELLED */
    assert_true(atomic_load(&http_app.cancelled_at_ns) > 0);
    (void)close(fd);
    http_app_stop(&fixture);
}

static void test_connections_per_address(void **unused)
{
    struct http_fixture fixture;
    int fds[3];
    char byte;

    (void)unused;
    http_app_start(&fixture, (struct http_server_options){.connection_per_address_max = 2});
    for (size_t i = 0; i < COUNT_OF(fds); i++)
        fds[i] = http_fixture_connect(&fixture);
    assert_int_equal(recv(fds[2], &byte, 1, 0), 0); /* closed at once */
    http_fixture_send(fds[0], "GET /hello HTTP/1.1\r\n" HTTP_APP_END);
    assert_int_equal(recv(fds[0], &byte, 1, 0), 1);
    for (size_t i = 0; i < COUNT_OF(fds); i++)
        (void)close(fds[i]);
    http_app_stop(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slowloris),
        cmocka_unit_test(test_silent_client),
        cmocka_unit_test(test_slow_reader_is_cut),
        cmocka_unit_test(test_connections_per_address),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
