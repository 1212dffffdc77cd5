/* base/http_server.c -- libmicrohttpd on a libuv loop: listen, route, limit, close.
 *
 * libmicrohttpd runs without threads. Its epoll descriptor is readable when it has work, so one
 * uv_poll on that descriptor and one timer for its timeouts drive it. What it does not do is done
 * here: a limit on the time that a header may take (its own timeout starts anew with each byte,
 * which is what slowloris lives on), a lowest speed of bodies, and noticing that a client is gone
 * while its connection is suspended. A connection is ended by shutdown(2) on its socket, which
 * libmicrohttpd sees as the end of input: one door, whatever state it is in. */
#include "base/http_private.h"

#include "base/diag.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    HEADER_TIMEOUT_MS = 5000,
    IDLE_TIMEOUT_MS = 60000,
    CONNECTION_COUNT_MAX = 512,
    CONNECTION_PER_ADDRESS_MAX = 128,
    OUTPUT_SIZE_MAX = 4 * 1024 * 1024,
    SWEEP_INTERVAL_MS_MAX = 1000,
};

/* ---- address ---- */

static enum status parse_port(struct slice text, uint16_t *out)
{
    uint64_t value;

    if (!slice_to_u64(text, &value) || value > UINT16_MAX)
        return STATUS_INVALID;
    *out = (uint16_t)value;
    return STATUS_OK;
}

/* "127.0.0.1:7600", "localhost:7600", "[::1]:7600". Names are not looked up: where a server
 * listens must not depend on DNS. */
static enum status parse_address(struct http_server *server, const char *text, struct error *err)
{
    struct slice rest = slice_of(text), host;
    size_t colon = slice_find_last_byte(rest, ':');
    char name[INET6_ADDRSTRLEN] = "";
    uint16_t port;
    struct sockaddr_in *v4 = (struct sockaddr_in *)&server->address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&server->address;

    if (colon == SIZE_MAX || parse_port(slice_from(rest, colon + 1), &port) != STATUS_OK)
        return error_set(err, STATUS_INVALID,
                         "listen address \"%s\": expected ADDRESS:PORT, such as 127.0.0.1:7600 or "
                         "[::1]:7600", text);
    host = slice_first(rest, colon);
    if (host.len >= 2 && host.data[0] == '[' && host.data[host.len - 1] == ']')
        host = slice_sub(host, 1, host.len - 2);
    if (slice_is(host, "localhost"))
        host = SLICE_LITERAL("127.0.0.1");
    (void)snprintf(name, sizeof(name), "%.*s", SLICE_ARG(host));
    if (host.len < sizeof(name) && inet_pton(AF_INET, name, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        server->address_size = sizeof(*v4);
        server->loopback = ntohl(v4->sin_addr.s_addr) >> 24 == 127;
    } else if (host.len < sizeof(name) && inet_pton(AF_INET6, name, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(port);
        server->address_size = sizeof(*v6);
        server->loopback = IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
    } else {
        return error_set(err, STATUS_INVALID,
                         "listen address \"%s\": \"%.*s\" is not an IPv4 or IPv6 address", text,
                         SLICE_ARG(host));
    }
    return STATUS_OK;
}

static enum status check_remote(const struct http_server *server, struct error *err)
{
    if (server->loopback || server->options.allow_remote)
        return STATUS_OK;
    return error_set(err, STATUS_INVALID,
                     "listen address \"%s\" can be reached from other machines, and this port has "
                     "no TLS and no tokens yet: listen on 127.0.0.1 behind a proxy that has them, "
                     "or set \"insecure_i_understand: yes\"", server->options.address);
}

/* ---- running libmicrohttpd ---- */

static void on_run_timer(uv_timer_t *timer);

static void run_daemon(struct http_server *server)
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
    run_daemon(timer->data);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    run_daemon(poll->data);
}

static void on_wake(uv_async_t *wake)
{
    struct http_server *server = wake->data;

    if (server->closing)
        return;
    for (struct http_conn *conn = server->conns; conn != NULL; conn = conn->next)
        if (conn->request != NULL && conn->request->stream_taken)
            http_stream_resume(conn->request);
    run_daemon(server);
}

/* ---- connections ---- */

static void set_phase(struct http_conn *conn, int phase)
{
    conn->phase = phase;
    conn->phase_start_ms = uv_now(conn->server->loop);
}

static void close_handle(uv_handle_t *handle, uv_close_cb callback)
{
    if (!uv_is_closing(handle))
        uv_close(handle, callback);
}

static void handle_closed(struct http_server *server)
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

static void on_hangup_closed(uv_handle_t *handle)
{
    struct http_conn *conn = handle->data;
    struct http_server *server = conn->server;

    free(conn);
    handle_closed(server);
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
    set_phase(conn, HTTP_CONN_HEADER);
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
        close_handle((uv_handle_t *)&conn->hangup, on_hangup_closed);
    else
        free(conn);
}

/* MHD_NotifyConnectionCallback */
static void on_connection(void *user, struct MHD_Connection *connection, void **context,
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

static struct http_conn *conn_of(struct MHD_Connection *connection)
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
    run_daemon(conn->server);
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

static void on_sweep(uv_timer_t *timer)
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

/* ---- requests ---- */

/* MHD_LogCallback for URIs: the only place that shows the target as it came. */
static void *on_target(void *user, const char *target, struct MHD_Connection *connection)
{
    struct http_server *server = user;
    struct http_conn *conn = conn_of(connection);
    struct http_request *request = conn == NULL ? NULL : http_request_new(server);
    struct slice query;

    if (request == NULL)
        return NULL;
    request->conn = conn;
    request->connection = connection;
    conn->request = request;
    query = arena_copy(&request->arena, slice_of(target));
    if (!slice_cut(&query, '?', &request->path)) {
        request->path = query;
        query = (struct slice){0};
    }
    request->query = query;
    server->stats.requests++;
    return request;
}

static void set_peer(struct http_request *request)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const struct sockaddr *address = info == NULL ? NULL : info->client_addr;

    if (address != NULL && address->sa_family == AF_INET)
        (void)inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)address)->sin_addr,
                        request->peer, sizeof(request->peer));
    else if (address != NULL && address->sa_family == AF_INET6)
        (void)inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr,
                        request->peer, sizeof(request->peer));
}

static bool set_method(struct http_request *request, const char *name)
{
    static const struct { const char *name; enum http_method method; } methods[] = {
        {"GET", HTTP_GET}, {"HEAD", HTTP_GET}, {"POST", HTTP_POST},
        {"PUT", HTTP_PUT}, {"DELETE", HTTP_DELETE},
    };

    for (size_t i = 0; i < COUNT_OF(methods); i++)
        if (strcmp(methods[i].name, name) == 0) {
            request->method = methods[i].method;
            return true;
        }
    return false;
}

/* A page of another site may point its own name at 127.0.0.1 and read our answers as its own (DNS
 * rebinding). On loopback only names of loopback are served, and those that the options add. */
static bool is_host_allowed(const struct http_request *request)
{
    const struct http_server *server = request->server;
    struct slice host = http_request_header(request, MHD_HTTP_HEADER_HOST);

    if (!server->loopback || host.data == NULL || http_host_is_loopback(host))
        return true;
    for (size_t i = 0; i < server->options.host_name_count; i++)
        if (slice_equal_fold(http_host_name(host), slice_of(server->options.host_names[i])))
            return true;
    return false;
}

static bool route_fits(const struct http_route *route, struct slice path)
{
    struct slice own = slice_of(route->path);

    if (slice_equal(own, path))
        return true;
    return route->prefix && slice_starts(path, own) &&
           (slice_ends(own, SLICE_LITERAL("/")) || path.data[own.len] == '/');
}

/* The route with the longest path that serves the method; `methods` gets those of all that fit. */
static const struct http_route *find_route(const struct http_server *server, struct slice path,
                                           enum http_method method, unsigned *methods)
{
    const struct http_route *best = NULL;

    for (size_t i = 0; i < server->route_count; i++) {
        const struct http_route *route = &server->routes[i];

        if (!route_fits(route, path))
            continue;
        *methods |= route->methods;
        if ((route->methods & method) &&
            (best == NULL || strlen(route->path) > strlen(best->path)))
            best = route;
    }
    return best;
}

static void refuse_method(struct http_request *request, unsigned methods)
{
    static const struct { enum http_method method; const char *names; } rows[] = {
        {HTTP_GET, "GET, HEAD"}, {HTTP_POST, "POST"}, {HTTP_PUT, "PUT"}, {HTTP_DELETE, "DELETE"},
    };
    char allow[64] = "", body[160];
    struct http_header header = {"Allow", allow};
    size_t length = 0;
    int body_size;

    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (methods & rows[i].method)
            length += (size_t)snprintf(allow + length, sizeof(allow) - length, "%s%s",
                                       length > 0 ? ", " : "", rows[i].names);
    body_size = snprintf(body, sizeof(body),
                         "{\"error\":{\"code\":\"bad_request\",\"message\":\"this path does not "
                         "take that method\",\"hint\":\"%s\"}}\n", allow);
    http_respond(request, &(struct http_answer){
                              .status = 405, .type = "application/json", .headers = &header,
                              .header_count = 1, .body = slice_make(body, (size_t)body_size)});
}

static bool find_and_check_route(struct http_request *request, bool known_method)
{
    unsigned methods = 0;
    char message[160];

    request->route = find_route(request->server, request->path,
                                known_method ? request->method : 0, &methods);
    if (request->route != NULL) {
        request->rest = slice_from(request->path, strlen(request->route->path));
        return true;
    }
    if (methods != 0) {
        refuse_method(request, methods);
        return false;
    }
    (void)snprintf(message, sizeof(message), "nothing is served at \"%.*s\"",
                   SLICE_ARG(slice_first(request->path, 100)));
    http_respond_error(request, 404, "not_found", message,
                       "paths of the API begin with /dendro/v1/, such as /dendro/v1/query");
    return false;
}

static uint32_t body_size_max(const struct http_request *request)
{
    uint32_t own = request->route == NULL ? 0 : request->route->body_size_max;

    return own == 0 ? HTTP_BODY_SIZE_DEFAULT : own;
}

static void refuse_body(struct http_request *request)
{
    char message[96];

    (void)snprintf(message, sizeof(message), "the body is larger than %u bytes",
                   body_size_max(request));
    http_respond_error(request, 413, "query_limit", message, "send it in parts");
}

/* All that can be refused before the body is read; false: answered. */
static bool accept_headers(struct http_request *request, const char *method_name)
{
    struct slice length_text = http_request_header(request, MHD_HTTP_HEADER_CONTENT_LENGTH);
    struct error err = {0};
    uint64_t length = 0;
    size_t header_size = 0;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);

    if (info != NULL)
        header_size = info->header_size;
    if (header_size > HTTP_HEADER_SIZE_MAX || request->arena.failed) {
        http_respond_error(request, 431, "query_limit", "the request header is larger than 32 KiB",
                           "send the query as a POST body");
        return false;
    }
    if (!is_host_allowed(request)) {
        http_respond_error(request, 421, "forbidden",
                           "the Host header names another machine than the loopback address this "
                           "server listens on", "add the name to the server's host names");
        return false;
    }
    if (http_percent_decode(request->path, false, &request->arena, &request->path, &err) !=
            STATUS_OK ||
        http_form_decode(request->query, &request->arena, &request->params, &err) != STATUS_OK) {
        http_respond_error(request, 400, "bad_request", err.message, NULL);
        return false;
    }
    if (!find_and_check_route(request, set_method(request, method_name)))
        return false;
    if (length_text.data != NULL && slice_to_u64(length_text, &length) &&
        length > body_size_max(request)) {
        refuse_body(request);
        return false;
    }
    request->body = buf_empty(body_size_max(request));
    request->coding = http_coding_accepted(http_request_header(request, "Accept-Encoding"));
    return true;
}

static enum MHD_Result start_request(struct http_request *request, const char *method_name)
{
    struct slice type = http_request_header(request, MHD_HTTP_HEADER_CONTENT_TYPE);

    request->headers_seen = true;
    set_phase(request->conn, HTTP_CONN_BODY);
    request->conn->body_size = 0;
    set_peer(request);
    request->content_type = arena_copy(&request->arena, type);
    if (!accept_headers(request, method_name))
        request->server->stats.refused++;
    return MHD_YES;
}

static enum MHD_Result take_body(struct http_request *request, struct slice piece)
{
    request->conn->body_size += piece.len;
    if (!request->body_too_large && buf_append_slice(&request->body, piece))
        return MHD_YES;
    request->body_too_large = true; /* the answer has to wait until the body is read */
    request->body_dropped += piece.len;
    return request->body_dropped <= HTTP_BODY_DRAIN_MAX ? MHD_YES : MHD_NO;
}

static enum MHD_Result run_handler(struct http_request *request)
{
    struct error err = {0};

    set_phase(request->conn, HTTP_CONN_ANSWER);
    if (request->body_too_large) {
        refuse_body(request);
        return MHD_YES;
    }
    if (http_request_body_is(request, "application/x-www-form-urlencoded") &&
        http_form_decode(buf_slice(&request->body), &request->arena, &request->params, &err) !=
            STATUS_OK) {
        http_respond_error(request, 400, "bad_request", err.message, NULL);
        return MHD_YES;
    }
    request->route->handler(request->route->user, request);
    if (request->stream_taken)
        return http_stream_advance(request);
    if (!request->answered)
        http_respond_error(request, 500, "internal", "the handler gave no answer", NULL);
    return MHD_YES;
}

/* MHD_AccessHandlerCallback: once when the header is there, once per piece of body, once when all
 * is there, and again after each resume until an answer is queued. */
static enum MHD_Result on_request(void *user, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_size, void **context)
{
    struct http_request *request = *context;
    size_t size = *upload_size;

    (void)user;
    (void)connection;
    (void)url;
    (void)version;
    if (request == NULL)
        return MHD_NO;
    if (!request->headers_seen)
        return start_request(request, method);
    *upload_size = 0;
    if (request->answered)
        return MHD_YES;
    if (size > 0)
        return take_body(request, slice_make(upload, size));
    return request->stream_taken ? http_stream_advance(request) : run_handler(request);
}

/* MHD_RequestCompletedCallback */
static void on_completed(void *user, struct MHD_Connection *connection, void **context,
                         enum MHD_RequestTerminationCode code)
{
    struct http_request *request = *context;
    struct http_server *server = user;

    (void)connection;
    *context = NULL;
    if (request == NULL)
        return;
    if (code == MHD_REQUEST_TERMINATED_TIMEOUT_REACHED)
        server->stats.timeouts++;
    if (request->stream_taken) {
        server->stats.streams--;
        if (request->conn->watching)
            (void)uv_poll_stop(&request->conn->hangup);
        http_stream_hang_up(&request->stream);
    }
    request->conn->request = NULL;
    set_phase(request->conn, HTTP_CONN_IDLE);
    request->conn = NULL;
    request->connection = NULL;
    request->server = NULL;
    http_request_unref(request);
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
    status = parse_address(server, options->address, err);
    if (status == STATUS_OK)
        status = check_remote(server, err);
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

static enum status open_socket(struct http_server *server, struct error *err)
{
    const char *address = server->options.address;
    int fd = socket(server->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int on = 1;
    socklen_t size = sizeof(server->address);

    if (fd < 0)
        return error_set_errno(err, errno, "cannot make a socket for %s", address);
    server->listen_fd = fd;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (server->address.ss_family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    if (bind(fd, (struct sockaddr *)&server->address, server->address_size) != 0 ||
        listen(fd, HTTP_LISTEN_BACKLOG) != 0) {
        if (errno == EADDRINUSE)
            return error_set(err, STATUS_BUSY,
                             "cannot listen on %s: another program has this port. Is a "
                             "dendro-collector running already? Stop it, or choose another port",
                             address);
        if (errno == EADDRNOTAVAIL)
            return error_set(err, STATUS_IO,
                             "cannot listen on %s: this machine does not have that address",
                             address);
        return error_set_errno(err, errno, "cannot listen on %s", address);
    }
    if (getsockname(fd, (struct sockaddr *)&server->address, &size) != 0)
        return error_set_errno(err, errno, "cannot ask for the port of %s", address);
    server->port = server->address.ss_family == AF_INET6
                       ? ntohs(((struct sockaddr_in6 *)&server->address)->sin6_port)
                       : ntohs(((struct sockaddr_in *)&server->address)->sin_port);
    return STATUS_OK;
}

/* MHD_LogCallback: what it says is about clients' input, so it is worth a debug line only. */
static void on_daemon_message(void *user, const char *format, va_list arguments)
{
    char text[256];

    (void)user;
    (void)vsnprintf(text, sizeof(text), format, arguments);
    text[strcspn(text, "\n")] = '\0';
    diag_debug("http: %s", text);
}

static enum status start_daemon(struct http_server *server, struct error *err)
{
    const struct http_server_options *options = &server->options;
    unsigned timeout_s = (options->idle_timeout_ms + 999) / 1000;

    server->daemon = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL, on_request,
        server, MHD_OPTION_EXTERNAL_LOGGER, on_daemon_message, server,
        MHD_OPTION_LISTEN_SOCKET, server->listen_fd,
        MHD_OPTION_URI_LOG_CALLBACK, on_target, server,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, server,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, server,
        MHD_OPTION_CONNECTION_LIMIT, options->connection_count_max,
        MHD_OPTION_PER_IP_CONNECTION_LIMIT, options->connection_per_address_max,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HTTP_CONNECTION_POOL_SIZE,
        MHD_OPTION_CONNECTION_TIMEOUT, timeout_s,
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
    int failed = info == NULL ? UV_EINVAL
                              : uv_poll_init(server->loop, &server->poll, info->epoll_fd);

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
    (void)uv_timer_start(&server->sweep_timer, on_sweep, sweep_ms, sweep_ms);
    run_daemon(server);
    return STATUS_OK;
}

enum status http_server_start(struct http_server *server, struct error *err)
{
    enum status status = open_socket(server, err);

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
    handle_closed(handle->data);
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
    handle_closed(server);
}

void http_server_stats(const struct http_server *server, struct http_server_stats *out)
{
    *out = server->stats;
}
