/* shipper/transport_tcp.c -- resolve, connect, read, write; no policy.
 *
 * Each attempt has its own struct connection, which lives until libuv has called its last callback;
 * the transport forgets it at once. So a late callback of an old attempt can do no harm. */
#include "shipper/transport_tcp.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

enum {
    READ_SIZE = 16 * 1024,       /* acks are small */
    USER_TIMEOUT_MS = 30 * 1000, /* unacknowledged by the peer's kernel: dead */
};

struct transport_tcp {
    struct transport base; /* first */
    uv_loop_t *loop;
    const struct address *address;
    struct connection *connection; /* NULL: none */
    char input[READ_SIZE];
};

struct connection {
    struct transport_tcp *owner; /* NULL: given up */
    uv_getaddrinfo_t resolve;
    uv_connect_t connect;
    uv_tcp_t tcp;
    struct addrinfo *found;      /* addresses of the name, in the order to try them (RFC 6724) */
    const struct addrinfo *next; /* NULL: the last one is being tried */
    bool resolving, tcp_open;    /* what still has a callback to come */
};

struct write {
    uv_write_t request;
    char bytes[];
};

static struct transport_tcp *tcp_of(struct transport *transport)
{
    return (struct transport_tcp *)(void *)transport;
}

static void connection_unref(struct connection *connection)
{
    if (connection->resolving || connection->tcp_open)
        return;
    uv_freeaddrinfo(connection->found);
    free(connection);
}

static void connect_next(struct connection *connection);

static void on_tcp_closed(uv_handle_t *handle)
{
    struct connection *connection = handle->data;

    connection->tcp_open = false;
    if (connection->owner != NULL)
        connect_next(connection);
    else
        connection_unref(connection);
}

static void tcp_close(struct transport *transport)
{
    struct transport_tcp *tcp = tcp_of(transport);
    struct connection *connection = tcp->connection;

    if (connection == NULL)
        return;
    tcp->connection = NULL;
    connection->owner = NULL;
    if (connection->resolving)
        (void)uv_cancel((uv_req_t *)&connection->resolve);
    if (connection->tcp_open && !uv_is_closing((uv_handle_t *)&connection->tcp))
        uv_close((uv_handle_t *)&connection->tcp, on_tcp_closed);
}

/* Tell the user that it is over. */
static void give_up(struct connection *connection, const char *what, int code)
{
    struct transport_tcp *tcp = connection->owner;
    char why[128];

    if (tcp == NULL)
        return;
    (void)snprintf(why, sizeof(why), "%s: %s", what,
                   code == UV_EOF ? "closed by the collector" : uv_strerror(code));
    tcp_close(&tcp->base);
    tcp->base.events->closed(tcp->base.user, why);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *chunk)
{
    struct connection *connection = handle->data;

    (void)suggested;
    *chunk = connection->owner == NULL
                 ? uv_buf_init(NULL, 0)
                 : uv_buf_init(connection->owner->input, sizeof(connection->owner->input));
}

static void on_read(uv_stream_t *stream, ssize_t nread, const uv_buf_t *chunk)
{
    struct connection *connection = stream->data;
    struct transport_tcp *tcp = connection->owner;

    if (tcp == NULL || nread == 0)
        return;
    if (nread < 0)
        give_up(connection, "connection", (int)nread);
    else
        tcp->base.events->received(tcp->base.user, slice_make(chunk->base, (size_t)nread));
}

static void set_options(uv_tcp_t *tcp)
{
    unsigned timeout = USER_TIMEOUT_MS;
    uv_os_fd_t fd;

    (void)uv_tcp_nodelay(tcp, 1); /* frames are whole messages already */
    if (uv_fileno((uv_handle_t *)tcp, &fd) == 0)
        (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout, sizeof(timeout));
}

/* An address did not answer: the name may have another, as localhost has ::1 and 127.0.0.1. */
static void try_another(struct connection *connection, int code)
{
    if (connection->next != NULL && connection->tcp_open) {
        uv_close((uv_handle_t *)&connection->tcp, on_tcp_closed);
        return;
    }
    give_up(connection, "cannot connect", code);
    connection_unref(connection);
}

static void on_connect(uv_connect_t *request, int code)
{
    struct connection *connection = request->data;
    struct transport_tcp *tcp = connection->owner;

    if (tcp == NULL)
        return;
    if (code == 0)
        code = uv_read_start((uv_stream_t *)&connection->tcp, on_alloc, on_read);
    if (code != 0) {
        try_another(connection, code);
        return;
    }
    set_options(&connection->tcp);
    tcp->base.events->connected(tcp->base.user);
}

static void connect_next(struct connection *connection)
{
    const struct addrinfo *address = connection->next;
    int code = uv_tcp_init(connection->owner->loop, &connection->tcp);

    if (code == 0) {
        connection->next = address->ai_next;
        connection->tcp.data = connection;
        connection->tcp_open = true;
        connection->connect.data = connection;
        code = uv_tcp_connect(&connection->connect, &connection->tcp, address->ai_addr, on_connect);
    }
    if (code != 0)
        try_another(connection, code);
}

static void on_resolved(uv_getaddrinfo_t *request, int code, struct addrinfo *found)
{
    struct connection *connection = request->data;

    connection->resolving = false;
    connection->found = found;
    connection->next = found;
    if (connection->owner == NULL)
        connection_unref(connection);
    else if (code == 0)
        connect_next(connection);
    else
        try_another(connection, code);
}

static enum status tcp_connect(struct transport *transport, struct error *err)
{
    struct transport_tcp *tcp = tcp_of(transport);
    struct connection *connection = calloc(1, sizeof(*connection));
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    char port[8];
    int code;

    if (connection == NULL)
        return error_set(err, STATUS_NO_MEMORY, "no memory for a connection");
    connection->owner = tcp;
    connection->resolve.data = connection;
    (void)snprintf(port, sizeof(port), "%u", tcp->address->port);
    code = uv_getaddrinfo(tcp->loop, &connection->resolve, on_resolved,
                          tcp->address->host[0] != '\0' ? tcp->address->host : NULL, port, &hints);
    if (code != 0) {
        free(connection);
        return error_set(err, STATUS_IO, "cannot resolve %s: %s", tcp->address->host,
                         uv_strerror(code));
    }
    connection->resolving = true;
    tcp->connection = connection;
    return STATUS_OK;
}

static void on_written(uv_write_t *request, int code)
{
    struct connection *connection = request->data;

    free(request); /* the first member of its struct write */
    if (connection->owner == NULL)
        return;
    if (code != 0)
        give_up(connection, "cannot send", code);
    else if (uv_stream_get_write_queue_size((uv_stream_t *)&connection->tcp) == 0)
        connection->owner->base.events->drained(connection->owner->base.user);
}

static enum status tcp_send(struct transport *transport, struct slice bytes, struct error *err)
{
    struct connection *connection = tcp_of(transport)->connection;
    struct write *write;
    uv_buf_t part;
    int sent = 0, code;

    if (connection == NULL || !connection->tcp_open)
        return error_set(err, STATUS_IO, "not connected");
    part = uv_buf_init((char *)(uintptr_t)bytes.data, (unsigned)bytes.len);
    if (uv_stream_get_write_queue_size((uv_stream_t *)&connection->tcp) == 0)
        sent = uv_try_write((uv_stream_t *)&connection->tcp, &part, 1);
    if (sent < 0)
        sent = 0; /* the write below meets the same trouble and reports it */
    bytes = slice_from(bytes, (size_t)sent);
    if (bytes.len == 0)
        return STATUS_OK;
    write = malloc(sizeof(*write) + bytes.len);
    if (write == NULL)
        return error_set(err, STATUS_NO_MEMORY, "no memory to send %zu bytes", bytes.len);
    memcpy(write->bytes, bytes.data, bytes.len);
    write->request.data = connection;
    part = uv_buf_init(write->bytes, (unsigned)bytes.len);
    code = uv_write(&write->request, (uv_stream_t *)&connection->tcp, &part, 1, on_written);
    if (code == 0)
        return STATUS_OK;
    free(write);
    return error_set(err, STATUS_IO, "cannot send: %s", uv_strerror(code));
}

static size_t tcp_queued(const struct transport *transport)
{
    const struct transport_tcp *tcp = (const struct transport_tcp *)(const void *)transport;

    return tcp->connection == NULL || !tcp->connection->tcp_open
               ? 0
               : uv_stream_get_write_queue_size((const uv_stream_t *)&tcp->connection->tcp);
}

enum status transport_tcp_new(uv_loop_t *loop, const struct address *address,
                              struct transport_tcp **out, struct error *err)
{
    static const struct transport_ops ops = {tcp_connect, tcp_send, tcp_queued, tcp_close};
    struct transport_tcp *tcp = calloc(1, sizeof(*tcp));

    if (tcp == NULL)
        return error_set(err, STATUS_NO_MEMORY, "no memory for a connection");
    tcp->base.ops = &ops;
    tcp->loop = loop;
    tcp->address = address;
    *out = tcp;
    return STATUS_OK;
}

struct transport *transport_tcp_base(struct transport_tcp *tcp)
{
    return &tcp->base;
}

void transport_tcp_free(struct transport_tcp *tcp)
{
    if (tcp == NULL)
        return;
    tcp_close(&tcp->base);
    free(tcp);
}
