/* base/http_connection.c -- connections from accept to close: who is gone, who is too slow.
 *
 * libmicrohttpd's own timeout starts anew with each byte, which is what slowloris lives on, and it
 * does not look at suspended connections at all. So the time of a header and the speed of a body
 * are checked by a timer, and the socket of a stream is polled for hang-up. A connection is ended
 * by shutdown(2), which libmicrohttpd sees as the end of input: one door, whatever its state. */
#include "base/http_private.h"

#include <stdlib.h>
#include <sys/socket.h>

void http_conn_set_phase(struct http_conn *conn, enum http_conn_phase phase)
{
    conn->phase = phase;
    conn->phase_start_ms = uv_now(conn->server->loop);
}

static void on_hangup_closed(uv_handle_t *handle)
{
    struct http_conn *conn = handle->data;
    struct http_server *server = conn->server;

    free(conn);
    http_server_handle_closed(server);
}

static struct http_conn *conn_open(struct http_server *server, int fd)
{
    struct http_conn *conn = calloc(1, sizeof(*conn));

    if (conn == NULL)
        return NULL;
    conn->server = server;
    conn->fd = fd;
    conn->next = server->conns;
    if (conn->next != NULL)
        conn->next->previous = conn;
    server->conns = conn;
    server->stats.connections++;
    server->stats.connections_accepted++;
    http_conn_set_phase(conn, HTTP_CONN_HEADER);
    return conn;
}

static void conn_close(struct http_conn *conn)
{
    if (conn->previous != NULL)
        conn->previous->next = conn->next;
    else
        conn->server->conns = conn->next;
    if (conn->next != NULL)
        conn->next->previous = conn->previous;
    conn->server->stats.connections--;
    if (conn->watching)
        uv_close((uv_handle_t *)&conn->hangup, on_hangup_closed);
    else
        free(conn);
}

/* MHD_NotifyConnectionCallback */
void http_on_connection(void *user, struct MHD_Connection *connection, void **context,
                        enum MHD_ConnectionNotificationCode code)
{
    struct http_server *server = user;

    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);

        *context = conn_open(server, info->connect_fd);
    } else if (*context != NULL) {
        conn_close(*context);
        *context = NULL;
    }
}

struct http_conn *http_conn_of(struct MHD_Connection *connection)
{
    return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

/* The client is gone, or has sent its last byte: it will not read an answer that takes time. */
static void on_hangup(uv_poll_t *poll, int status, int events)
{
    struct http_conn *conn = poll->data;

    (void)status;
    (void)events;
    (void)uv_poll_stop(poll);
    (void)shutdown(conn->fd, SHUT_RDWR);
    if (conn->request != NULL) {
        atomic_store(&conn->request->stream.cancelled, true);
        http_stream_resume(conn->request);
    }
    http_server_run(conn->server);
}

void http_conn_watch(struct http_conn *conn)
{
    if (!conn->watching) {
        if (uv_poll_init_socket(conn->server->loop, &conn->hangup, conn->fd) != 0)
            return; /* no memory: a gone client is then noticed by the next write */
        conn->hangup.data = conn;
        conn->watching = true;
        conn->server->open_handles++;
    }
    (void)uv_poll_start(&conn->hangup, UV_DISCONNECT, on_hangup);
    conn->server->stats.streams++;
}

/* ---- time without progress ---- */

static unsigned server_idle_s(const struct http_server *server)
{
    return (server->options.idle_timeout_ms + 999) / 1000;
}

void http_request_idle_limit(struct http_request *request, uint32_t seconds)
{
    if (request->conn == NULL)
        return;
    request->conn->own_idle_limit =
        MHD_set_connection_option(request->connection, MHD_CONNECTION_OPTION_TIMEOUT,
                                  (unsigned)seconds) == MHD_YES;
}

void http_conn_reset_idle_limit(struct http_conn *conn, struct MHD_Connection *connection)
{
    if (!conn->own_idle_limit)
        return;
    conn->own_idle_limit = false;
    (void)MHD_set_connection_option(connection, MHD_CONNECTION_OPTION_TIMEOUT,
                                    server_idle_s(conn->server));
}

static bool is_too_slow(const struct http_conn *conn, uint64_t now_ms)
{
    const struct http_server_options *options = &conn->server->options;
    uint64_t age_ms = now_ms - conn->phase_start_ms;

    switch (conn->phase) {
    case HTTP_CONN_HEADER:
        return age_ms > options->header_timeout_ms;
    case HTTP_CONN_IDLE: /* and the next header has to come within it */
        return age_ms > options->idle_timeout_ms;
    case HTTP_CONN_BODY:
        return age_ms > HTTP_BODY_GRACE_MS &&
               conn->body_size < age_ms * HTTP_BODY_BYTES_PER_S_MIN / 1000;
    case HTTP_CONN_ANSWER: /* libmicrohttpd's timeout: no progress in writing */
        break;
    }
    return false;
}

void http_on_sweep(uv_timer_t *timer)
{
    struct http_server *server = timer->data;
    uint64_t now_ms = uv_now(server->loop);

    for (struct http_conn *conn = server->conns; conn != NULL; conn = conn->next)
        if (is_too_slow(conn, now_ms)) {
            server->stats.timeouts++;
            conn->phase = HTTP_CONN_ANSWER; /* once is enough */
            (void)shutdown(conn->fd, SHUT_RDWR);
        }
}
