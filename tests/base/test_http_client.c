/* tests/base/test_http_client.c -- the client against a real server: bodies, errors, timeouts. */
#include "base/http_client.h"
#include "tests/base/http_app.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

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
    http_app_start(&fixture, (struct http_server_options){0});
    assert_int_equal(http_client_new(&client, &err), STATUS_OK);
    request.url = url;
    request.user = &sink;

    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/stream?size=5000000", fixture.port);
    assert_int_equal(http_client_run(client, &request, &reply, &err), STATUS_OK);
    assert_int_equal(reply.status, 200);
    assert_string_equal(reply.content_type, "text/plain");
    http_app_check_pattern(buf_slice(&sink.bytes), 5000000); /* compressed on the way */

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

    http_app_stop(&fixture);
    assert_int_equal(http_client_run(client, &request, &reply, &err), STATUS_IO);
    assert_non_null(strstr(err.message, "Is the collector running? Start it with"));
    request.url = "file:///etc/passwd";
    assert_int_equal(http_client_run(client, &request, &reply, &err), STATUS_INVALID);
    http_client_free(client);
    buf_release(&sink.bytes);
}

/* Accepts one connection and answers as no HTTP server does. */
static void *answer_otherwise(void *listener)
{
    int fd = accept(*(int *)listener, NULL, NULL);

    (void)send(fd, "DNDR\1\2\3\n", 8, MSG_NOSIGNAL);
    (void)shutdown(fd, SHUT_WR);
    (void)recv(fd, (char[4096]){0}, 4096, 0);
    (void)close(fd);
    return NULL;
}

static void test_other_protocol(void **unused)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    struct http_client_request request = {.on_body = collect};
    struct http_client_reply reply;
    struct http_client *client;
    struct error err = {0};
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    pthread_t thread;
    char url[64];

    (void)unused;
    assert_int_equal(bind(listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
    assert_int_equal(pthread_create(&thread, NULL, answer_otherwise, &listener), 0);
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/", ntohs(address.sin_port));
    request.url = url;
    assert_int_equal(http_client_new(&client, &err), STATUS_OK);
    assert_int_equal(http_client_run(client, &request, &reply, &err), STATUS_INVALID);
    assert_non_null(strstr(err.message, "does not speak HTTP"));
    http_client_free(client);
    assert_int_equal(pthread_join(thread, NULL), 0);
    (void)close(listener);
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
    http_app_start(&fixture, (struct http_server_options){0});
    assert_int_equal(http_client_new(&client, &err), STATUS_OK);
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/wait", fixture.port);
    assert_int_equal(http_client_run(client, &request, &reply, &err), STATUS_IO);
    assert_non_null(strstr(err.message, "no answer in time"));
    http_client_free(client);
    http_app_stop(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_client),
        cmocka_unit_test(test_other_protocol),
        cmocka_unit_test(test_client_timeouts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
