/* base/http_server.c -- libmicrohttpd on a libuv loop: options, routes, start, close.
 *
 * libmicrohttpd runs without threads. Its epoll descriptor is readable when it has work, so one
 * uv_poll on that descriptor and one timer for its timeouts drive it. */
#include "base/http_private.h"

#include "base/diag.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    HEADER_TIMEOUT_MS = 5000,
    IDLE_TIMEOUT_MS = 60000,
    CONNECTION_COUNT_MAX = 512,
    CONNECTION_PER_ADDRESS_MAX = 128,
    OUTPUT_SIZE_MAX = 4 * 1024 * 1024,
    SWEEP_INTERVAL_MS_MAX = 1000,
};

/* ---- running libmicrohttpd ---- */

static void on_run_timer(uv_timer_t *timer);

void http_server_run(struct http_server *server)
{
    MHD_UNSIGNED_LONG_LONG timeout_ms;

    if (server->daemon == NULL)
        return;
    (void)MHD_run(server->daemon);
    if (MHD_get_timeout(server->daemon, &timeout_ms) == MHD_YES)
        (void)uv_timer_start(&server->run_timer, on_run_timer, timeout_ms, 0);
    else
        (void)uv_timer_stop(&server->run_timer);
}

static void on_run_timer(uv_timer_t *timer)
{
    http_server_run(timer->data);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    http_server_run(poll->data);
}

static void on_wake(uv_async_t *wake)
{
    struct http_server *server = wake->data;

    if (server->closing)
        return;
    for (struct http_conn *conn = server->conns; conn != NULL; conn = conn->next)
        if (conn->request != NULL && conn->request->stream_taken)
            http_stream_resume(conn->request);
    http_server_run(server);
}

/* ---- handles ---- */

static void close_handle(uv_handle_t *handle, uv_close_cb callback)
{
    if (!uv_is_closing(handle))
        uv_close(handle, callback);
}

void http_server_handle_closed(struct http_server *server)
{
    void (*closed)(void *user) = server->closed;
    void *user = server->closed_user;

    if (--server->open_handles > 0)
        return;
    free(server->routes);
    free(server);
    if (closed != NULL)
        closed(user);
}

/* ---- life ---- */

static void default_u32(uint32_t *value, uint32_t fallback)
{
    if (*value == 0)
        *value = fallback;
}

enum status http_server_new(const struct http_server_options *options, struct http_server **out,
                            struct error *err)
{
    struct http_server *server = calloc(1, sizeof(*server));
    enum status status;

    if (server == NULL)
        return error_set(err, STATUS_NO_MEMORY, "no memory for the HTTP server");
    server->options = *options;
    server->loop = options->loop;
    server->listen_fd = -1;
    default_u32(&server->options.header_timeout_ms, HEADER_TIMEOUT_MS);
    default_u32(&server->options.idle_timeout_ms, IDLE_TIMEOUT_MS);
    default_u32(&server->options.connection_count_max, CONNECTION_COUNT_MAX);
    default_u32(&server->options.connection_per_address_max, CONNECTION_PER_ADDRESS_MAX);
    default_u32(&server->options.output_size_max, OUTPUT_SIZE_MAX);
    status = http_parse_address(server, options->address, err);
    if (status == STATUS_OK)
        status = http_check_remote(server, err);
    if (status != STATUS_OK) {
        free(server);
        return status;
    }
    *out = server;
    return STATUS_OK;
}

enum status http_server_route(struct http_server *server, const struct http_route *routes,
                              size_t count, struct error *err)
{
    struct http_route *grown;

    if (server->route_count + count > HTTP_ROUTES_MAX)
        return error_set(err, STATUS_TOO_LARGE, "more than %d HTTP routes", HTTP_ROUTES_MAX);
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < server->route_count; k++)
            if (strcmp(routes[i].path, server->routes[k].path) == 0 &&
                (routes[i].methods & server->routes[k].methods))
                return error_set(err, STATUS_INVALID, "HTTP path %s is routed twice",
                                 routes[i].path);
    grown = realloc(server->routes, (server->route_count + count) * sizeof(*grown));
    if (grown == NULL && count > 0)
        return error_set(err, STATUS_NO_MEMORY, "no memory for HTTP routes");
    server->routes = grown;
    if (count > 0)
        memcpy(server->routes + server->route_count, routes, count * sizeof(*routes));
    server->route_count += count;
    return STATUS_OK;
}

/* MHD_LogCallback: what it says is about clients' input, so it is worth a debug line only. */
static void on_daemon_message(void *user, const char *format, va_list arguments)
{
    char text[256];

    (void)user;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral" /* the format is libmicrohttpd's own */
    (void)vsnprintf(text, sizeof(text), format, arguments);
#pragma GCC diagnostic pop
    text[strcspn(text, "\n")] = '\0';
    diag_debug("http: %s", text);
}

static enum status start_daemon(struct http_server *server, struct error *err)
{
    const struct http_server_options *options = &server->options;
    unsigned timeout_s = (options->idle_timeout_ms + 999) / 1000;

    server->daemon = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL,
        http_on_request, server, MHD_OPTION_EXTERNAL_LOGGER, on_daemon_message, server,
        MHD_OPTION_LISTEN_SOCKET, server->listen_fd, MHD_OPTION_URI_LOG_CALLBACK, http_on_target,
        server, MHD_OPTION_NOTIFY_COMPLETED, http_on_completed, server,
        MHD_OPTION_NOTIFY_CONNECTION, http_on_connection, server, MHD_OPTION_CONNECTION_LIMIT,
        options->connection_count_max, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
        options->connection_per_address_max, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)HTTP_CONNECTION_POOL_SIZE, MHD_OPTION_CONNECTION_TIMEOUT, timeout_s,
        MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
    if (server->daemon == NULL)
        return error_set(err, STATUS_IO, "cannot start the HTTP server on %s", options->address);
    server->listen_fd = -1; /* libmicrohttpd closes it now */
    return STATUS_OK;
}

/* A handle with `data` is open: http_server_close() closes those. */
static void handle_opened(struct http_server *server, uv_handle_t *handle)
{
    handle->data = server;
    server->open_handles++;
}

static enum status start_handles(struct http_server *server, struct error *err)
{
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    uint32_t sweep_ms = server->options.header_timeout_ms / 4 + 1;
    int failed =
        info == NULL ? UV_EINVAL : uv_poll_init(server->loop, &server->poll, info->epoll_fd);

    if (failed == 0) {
        handle_opened(server, (uv_handle_t *)&server->poll);
        failed = uv_async_init(server->loop, &server->wake, on_wake);
    }
    if (failed != 0)
        return error_set(err, STATUS_IO, "cannot poll the HTTP server: %s", uv_strerror(failed));
    handle_opened(server, (uv_handle_t *)&server->wake);
    (void)uv_timer_init(server->loop, &server->run_timer);
    handle_opened(server, (uv_handle_t *)&server->run_timer);
    (void)uv_timer_init(server->loop, &server->sweep_timer);
    handle_opened(server, (uv_handle_t *)&server->sweep_timer);
    if (sweep_ms > SWEEP_INTERVAL_MS_MAX)
        sweep_ms = SWEEP_INTERVAL_MS_MAX;
    (void)uv_poll_start(&server->poll, UV_READABLE, on_poll);
    (void)uv_timer_start(&server->sweep_timer, http_on_sweep, sweep_ms, sweep_ms);
    http_server_run(server);
    return STATUS_OK;
}

enum status http_server_start(struct http_server *server, struct error *err)
{
    enum status status = http_open_socket(server, err);

    if (status == STATUS_OK)
        status = start_daemon(server, err);
    if (status == STATUS_OK)
        status = start_handles(server, err);
    return status;
}

uint16_t http_server_port(const struct http_server *server)
{
    return server->port;
}

static void on_handle_closed(uv_handle_t *handle)
{
    http_server_handle_closed(handle->data);
}

static void stop_daemon(struct http_server *server)
{
    struct MHD_Daemon *daemon = server->daemon;

    for (struct http_conn *conn = server->conns; conn != NULL; conn = conn->next)
        if (conn->request != NULL && conn->request->stream_taken) {
            atomic_store(&conn->request->stream.cancelled, true);
            http_stream_resume(conn->request); /* it cannot stop with suspended connections */
        }
    server->daemon = NULL;
    if (daemon != NULL)
        MHD_stop_daemon(daemon);
    if (server->listen_fd >= 0)
        (void)close(server->listen_fd);
}

void http_server_close(struct http_server *server, void (*closed)(void *user), void *user)
{
    uv_handle_t *handles[4];

    if (server == NULL || server->closing)
        return;
    server->closing = true;
    server->closed = closed;
    server->closed_user = user;
    server->open_handles++; /* ours: keeps the server while the list below is worked through */
    handles[0] = (uv_handle_t *)&server->poll;
    handles[1] = (uv_handle_t *)&server->wake;
    handles[2] = (uv_handle_t *)&server->run_timer;
    handles[3] = (uv_handle_t *)&server->sweep_timer;
    for (size_t i = 0; i < COUNT_OF(handles); i++) /* before the polled descriptor is closed */
        if (handles[i]->data != NULL)
            close_handle(handles[i], on_handle_closed);
    stop_daemon(server);
    http_server_handle_closed(server);
}

void http_server_stats(const struct http_server *server, struct http_server_stats *out)
{
    *out = server->stats;
}
