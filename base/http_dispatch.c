/* base/http_dispatch.c -- libmicrohttpd's callbacks per request: check, route, run the handler. */
#include "base/http_private.h"

#include <arpa/inet.h>
#include <stdio.h>

/* MHD_LogCallback for URIs: the only place that shows the target as it came. */
void *http_on_target(void *user, const char *target, struct MHD_Connection *connection)
{
    struct http_server *server = user;
    struct http_conn *conn = http_conn_of(connection);
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
    static const struct {
        const char *name;
        enum http_method method;
    } methods[] = {
        {"GET", HTTP_GET}, {"HEAD", HTTP_GET},      {"POST", HTTP_POST},
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
        if ((route->methods & method) && (best == NULL || strlen(route->path) > strlen(best->path)))
            best = route;
    }
    return best;
}

static void refuse_method(struct http_request *request, unsigned methods)
{
    static const struct {
        enum http_method method;
        const char *names;
    } rows[] = {
        {HTTP_GET, "GET, HEAD"},
        {HTTP_POST, "POST"},
        {HTTP_PUT, "PUT"},
        {HTTP_DELETE, "DELETE"},
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
                         "take that method\",\"hint\":\"%s\"}}\n",
                         allow);
    http_respond(request, &(struct http_answer){.status = 405,
                                                .type = "application/json",
                                                .headers = &header,
                                                .header_count = 1,
                                                .body = slice_make(body, (size_t)body_size)});
}

static bool find_and_check_route(struct http_request *request, bool known_method)
{
    unsigned methods = 0;
    char message[160];

    request->route =
        find_route(request->server, request->path, known_method ? request->method : 0, &methods);
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
                           "server listens on",
                           "add the name to the server's host names");
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

/* An answer that could not even be made (no memory) ends the connection. */
static enum MHD_Result answered(const struct http_request *request)
{
    return request->answered ? MHD_YES : MHD_NO;
}

static enum MHD_Result start_request(struct http_request *request, const char *method_name)
{
    struct slice type = http_request_header(request, MHD_HTTP_HEADER_CONTENT_TYPE);

    request->headers_seen = true;
    http_conn_set_phase(request->conn, HTTP_CONN_BODY);
    http_conn_reset_idle_limit(request->conn, request->connection);
    request->conn->body_size = 0;
    set_peer(request);
    request->content_type = arena_copy(&request->arena, type);
    if (accept_headers(request, method_name))
        return MHD_YES;
    request->server->stats.refused++;
    return answered(request);
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

    http_conn_set_phase(request->conn, HTTP_CONN_ANSWER);
    if (request->body_too_large) {
        refuse_body(request);
        return answered(request);
    }
    if (http_request_body_is(request, "application/x-www-form-urlencoded") &&
        http_form_decode(buf_slice(&request->body), &request->arena, &request->params, &err) !=
            STATUS_OK) {
        http_respond_error(request, 400, "bad_request", err.message, NULL);
        return answered(request);
    }
    request->route->handler(request->route->user, request);
    if (request->stream_taken)
        return http_stream_advance(request);
    if (!request->answered)
        http_respond_error(request, 500, "internal", "the handler gave no answer", NULL);
    return answered(request);
}

/* MHD_AccessHandlerCallback: once when the header is there, once per piece of body, once when all
 * is there, and again after each resume until an answer is queued. */
enum MHD_Result http_on_request(void *user, struct MHD_Connection *connection, const char *url,
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
void http_on_completed(void *user, struct MHD_Connection *connection, void **context,
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
    http_conn_set_phase(request->conn, HTTP_CONN_IDLE);
    request->conn = NULL;
    request->connection = NULL;
    request->server = NULL;
    http_request_unref(request);
}
