/* The TCP transport on a real loop: addresses of a name are tried in turn, and events come once. */
#include "shipper/control.h"
#include "shipper/transport_tcp.h"
#include "tests/support/temp_dir.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

struct seen {
    unsigned connected, closed;
    char why[128];
};

static void on_connected(void *user)
{
    ((struct seen *)user)->connected++;
}

static void on_received(void *user, struct slice bytes)
{
    (void)user;
    (void)bytes;
}

static void on_drained(void *user)
{
    (void)user;
}

static void on_closed(void *user, const char *why)
{
    struct seen *seen = user;

    seen->closed++;
    (void)snprintf(seen->why, sizeof(seen->why), "%s", why);
}

static const struct transport_events events = {on_connected, on_received, on_drained, on_closed};

/* A socket of IPv4 alone, on a free port; it listens if `listens`, else it only holds the port. */
static int ipv4_socket(bool listens, uint16_t *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    if (listens)
        assert_int_equal(listen(fd, 1), 0);
    *port = ntohs(address.sin_port);
    return fd;
}

static void connect_to(const struct address *address, bool close_at_once, struct seen *seen)
{
    struct transport_tcp *tcp = NULL;
    struct transport *transport;
    uv_loop_t loop;

    assert_int_equal(uv_loop_init(&loop), 0);
    assert_int_equal(transport_tcp_new(&loop, address, &tcp, NULL), STATUS_OK);
    transport = transport_tcp_base(tcp);
    transport->events = &events;
    transport->user = seen;
    assert_int_equal(transport->ops->connect(transport, NULL), STATUS_OK);
    if (close_at_once)
        transport->ops->close(transport);
    while (!close_at_once && seen->connected + seen->closed == 0)
        (void)uv_run(&loop, UV_RUN_ONCE);
    transport_tcp_free(tcp);
    assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(uv_loop_close(&loop), 0); /* nothing is left in it */
}

/* The empty name is ::1 and 127.0.0.1, in this order (getaddrinfo(3), without AI_PASSIVE). */
static void test_second_address(void **unused)
{
    struct address address = {.host = ""};
    struct seen seen = {0};
    int fd = ipv4_socket(true, &address.port);

    (void)unused;
    connect_to(&address, false, &seen);
    assert_int_equal(seen.connected, 1);
    assert_int_equal(seen.closed, 0);
    assert_int_equal(close(fd), 0);
}

static void test_no_address_answers(void **unused)
{
    struct address address = {.host = ""};
    struct seen seen = {0};
    int fd = ipv4_socket(false, &address.port);

    (void)unused;
    connect_to(&address, false, &seen);
    assert_int_equal(seen.connected, 0);
    assert_int_equal(seen.closed, 1);
    assert_string_equal(seen.why, "cannot connect: connection refused");
    assert_int_equal(close(fd), 0);
}

static void test_closed_while_resolving(void **unused)
{
    struct address address = {.host = "127.0.0.1", .port = 1};
    struct seen seen = {0};

    (void)unused;
    connect_to(&address, true, &seen);
    assert_int_equal(seen.connected + seen.closed, 0);
}

/* A path that does not fit into a socket's address is told, and nothing of its cut form is touched:
 * sun_path has 108 bytes (unix(7)), so that the state directory may have 99 ("/control", NUL). */
static void test_path_of_the_control_socket(void **unused)
{
    char state[120], told[200];
    struct buf answer = buf_empty(100);
    struct error err = {0};

    (void)unused;
    memset(state, 'd', sizeof(state));
    state[0] = '/';
    state[99] = '\0';
    assert_int_equal(control_ask(state, "status", &answer, &err), STATUS_NOT_FOUND);
    state[99] = 'd';
    state[100] = '\0';
    assert_int_equal(control_ask(state, "status", &answer, &err), STATUS_TOO_LARGE);
    (void)snprintf(told, sizeof(told), "(at most %d bytes)", 99);
    assert_non_null(strstr(err.message, told));
    buf_release(&answer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_second_address),
        cmocka_unit_test(test_no_address_answers),
        cmocka_unit_test(test_closed_while_resolving),
        cmocka_unit_test(test_path_of_the_control_socket),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
