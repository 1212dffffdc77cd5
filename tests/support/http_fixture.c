/* tests/support/http_fixture.c -- loop thread and raw sockets. */
#include "tests/support/http_fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { RECEIVE_WINDOW = 64 * 1024 }; /* the kernel doubles it */

static void on_server_closed(void *user)
{
    struct http_fixture *fixture = user;

    uv_close((uv_handle_t *)&fixture->stop, NULL);
}

static void on_stop(uv_async_t *stop)
{
    struct http_fixture *fixture = stop->data;

    http_server_close(fixture->server, on_server_closed, fixture);
}

static void *run_loop(void *user)
{
    struct http_fixture *fixture = user;

    (void)uv_run(&fixture->loop, UV_RUN_DEFAULT);
    return NULL;
}

void http_fixture_start(struct http_fixture *fixture, struct http_server_options options,
                        http_fixture_setup *setup, void *user)
{
    struct error err = {0};

    *fixture = (struct http_fixture){0};
    assert_int_equal(uv_loop_init(&fixture->loop), 0);
    assert_int_equal(uv_async_init(&fixture->loop, &fixture->stop, on_stop), 0);
    fixture->stop.data = fixture;
    options.loop = &fixture->loop;
    options.address = "127.0.0.1:0";
    assert_int_equal(http_server_new(&options, &fixture->server, &err), STATUS_OK);
    setup(user, fixture->server);
    if (http_server_start(fixture->server, &err) != STATUS_OK)
        fail_msg("%s", err.message);
    fixture->port = http_server_port(fixture->server);
    assert_int_equal(pthread_create(&fixture->thread, NULL, run_loop, fixture), 0);
}

void http_fixture_stop(struct http_fixture *fixture)
{
    assert_int_equal(uv_async_send(&fixture->stop), 0);
    assert_int_equal(pthread_join(fixture->thread, NULL), 0);
    assert_int_equal(uv_loop_close(&fixture->loop), 0); /* EBUSY: a handle was left open */
}

int http_fixture_connect(const struct http_fixture *fixture)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(fixture->port)};
    struct timeval timeout = {.tv_sec = 5};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), window = RECEIVE_WINDOW;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)), 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &window, sizeof(window)), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

void http_fixture_send(int fd, const char *text)
{
    struct slice rest = slice_of(text);

    while (rest.len > 0) {
        ssize_t sent = send(fd, rest.data, rest.len, MSG_NOSIGNAL);

        if (sent < 0)
            return; /* the server refused early: its answer is what the test looks at */
        rest = slice_from(rest, (size_t)sent);
    }
}

void http_fixture_read(int fd, const char *until, struct buf *out)
{
    char piece[16384];
    size_t seen = 0; /* bytes in which `until` does not begin */
    ssize_t got;

    while ((got = recv(fd, piece, sizeof(piece), 0)) > 0) {
        assert_true(buf_append(out, piece, (size_t)got));
        if (until == NULL)
            continue;
        if (slice_find(slice_from(buf_slice(out), seen), slice_of(until)) != SIZE_MAX)
            break;
        seen = out->len < strlen(until) ? 0 : out->len - strlen(until) + 1;
    }
    assert_true(buf_append_byte(out, '\0'));
    out->len--;
}

void http_fixture_talk(const struct http_fixture *fixture, const char *request, struct buf *answer)
{
    int fd = http_fixture_connect(fixture);

    http_fixture_send(fd, request);
    http_fixture_read(fd, NULL, answer);
    (void)close(fd);
}

/* Chunked encoding, RFC 9112 section 7.1, as far as our server uses it. */
static void decode_chunks(struct slice coded, struct buf *out)
{
    struct slice line, rest = coded;

    while (slice_cut(&rest, '\n', &line)) {
        size_t size = strtoul(line.data, NULL, 16);

        if (size == 0)
            return;
        assert_true(size + 2 <= rest.len);
        assert_true(buf_append(out, rest.data, size));
        rest = slice_from(rest, size + 2);
    }
    fail_msg("the chunked answer has no end");
}

unsigned http_fixture_get(const struct http_fixture *fixture, const char *target, struct buf *body)
{
    struct buf request = buf_empty(1024 * 1024), answer = buf_empty(256 * 1024 * 1024);
    size_t head;
    unsigned status;

    buf_reset(body);
    assert_true(buf_printf(
        &request, "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", target));
    assert_true(buf_append_byte(&request, '\0'));
    http_fixture_talk(fixture, request.data, &answer);
    head = slice_find(buf_slice(&answer), SLICE_LITERAL("\r\n\r\n"));
    if (head == SIZE_MAX)
        fail_msg("no answer to %s: \"%.*s\"", target, SLICE_ARG(buf_slice(&answer)));
    status = (unsigned)strtoul(answer.data + strlen("HTTP/1.1 "), NULL, 10);
    if (slice_find(slice_first(buf_slice(&answer), head), SLICE_LITERAL("chunked")) != SIZE_MAX)
        decode_chunks(slice_from(buf_slice(&answer), head + 4), body);
    else
        assert_true(buf_append_slice(body, slice_from(buf_slice(&answer), head + 4)));
    assert_true(buf_append_byte(body, '\0'));
    body->len--;
    buf_release(&answer);
    buf_release(&request);
    return status;
}
