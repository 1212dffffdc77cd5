/* base/http_client.c -- requests over libcurl. */
#include "base/http_client.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    CONNECT_TIMEOUT_MS = 5000,
    RECEIVE_BUFFER_SIZE = 256 * 1024, /* fewer callbacks for long answers */
};

struct http_client {
    CURL *curl;
    struct curl_slist *headers;
    char problem[CURL_ERROR_SIZE];
    const struct http_client_request *request; /* under way; borrowed */
    struct http_client_reply *reply;
    bool stopped; /* by on_body */
};

static void init_curl(void)
{
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
}

enum status http_client_new(struct http_client **out, struct error *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct http_client *client = calloc(1, sizeof(*client));

    (void)pthread_once(&once, init_curl);
    if (client != NULL)
        client->curl = curl_easy_init();
    if (client == NULL || client->curl == NULL) {
        free(client);
        return error_set(err, STATUS_NO_MEMORY, "no memory for the HTTP client");
    }
    *out = client;
    return STATUS_OK;
}

void http_client_free(struct http_client *client)
{
    if (client == NULL)
        return;
    curl_easy_cleanup(client->curl);
    curl_slist_free_all(client->headers);
    free(client);
}

static size_t on_body(char *data, size_t size, size_t count, void *user)
{
    struct http_client *client = user;
    struct http_client_reply *reply = client->reply;
    struct slice piece = slice_make(data, size * count);
    long status = 0;

    (void)curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &status);
    if (status / 100 != 2) {
        struct slice kept =
            slice_first(piece, HTTP_CLIENT_ERROR_BODY_SIZE_MAX - reply->error_body_size);

        memcpy(reply->error_body + reply->error_body_size, kept.data, kept.len);
        reply->error_body_size += kept.len;
        reply->error_body[reply->error_body_size] = '\0';
        return piece.len;
    }
    reply->status = (unsigned)status;
    reply->body_size += piece.len;
    if (client->request->on_body != NULL &&
        !client->request->on_body(client->request->user, piece)) {
        client->stopped = true;
        return CURL_WRITEFUNC_ERROR;
    }
    return piece.len;
}

static bool add_header(struct http_client *client, const char *line)
{
    struct curl_slist *grown = curl_slist_append(client->headers, line);

    if (grown == NULL)
        return false;
    client->headers = grown;
    return true;
}

static bool set_headers(struct http_client *client, const struct http_client_request *request)
{
    char line[1024];
    bool added;

    curl_slist_free_all(client->headers);
    client->headers = NULL;
    added = add_header(client, "Expect:"); /* no round trip before a body */
    if (request->content_type != NULL) {
        (void)snprintf(line, sizeof(line), "Content-Type: %s", request->content_type);
        added = added && add_header(client, line);
    }
    if (request->bearer_token != NULL) {
        int length =
            snprintf(line, sizeof(line), "Authorization: Bearer %s", request->bearer_token);

        added = added && length < (int)sizeof(line) && add_header(client, line);
        explicit_bzero(line, sizeof(line));
    }
    for (size_t i = 0; i < request->header_count; i++)
        added = added && add_header(client, request->headers[i]);
    return added && curl_easy_setopt(client->curl, CURLOPT_HTTPHEADER, client->headers) == CURLE_OK;
}

static void set_method(CURL *curl, const struct http_client_request *request)
{
    if (request->body.data != NULL) {
        (void)curl_easy_setopt(curl, CURLOPT_POST, 1L);
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body.data);
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.len);
    }
    if (request->method != NULL && strcmp(request->method, "HEAD") == 0)
        (void)curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    else if (request->method != NULL)
        (void)curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);
}

static void set_limits(CURL *curl, const struct http_client_request *request)
{
    uint32_t connect_ms = request->connect_timeout_ms;

    (void)curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS,
                           (long)(connect_ms == 0 ? CONNECT_TIMEOUT_MS : connect_ms));
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)request->total_timeout_ms);
    if (request->stall_timeout_s > 0) {
        (void)curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
        (void)curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)request->stall_timeout_s);
    }
    (void)curl_easy_setopt(curl, CURLOPT_BUFFERSIZE, (long)RECEIVE_BUFFER_SIZE);
    (void)curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L); /* a dead host ends a quiet stream */
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_PROXY, "");
}

enum status http_client_prepare(struct http_client *client,
                                const struct http_client_request *request,
                                struct http_client_reply *reply, void **curl_easy,
                                struct error *err)
{
    CURL *curl = client->curl;

    *reply = (struct http_client_reply){0};
    client->request = request;
    client->reply = reply;
    client->stopped = false;
    client->problem[0] = '\0';
    curl_easy_reset(curl); /* keeps open connections */
    if (!set_headers(client, request) ||
        curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https") != CURLE_OK ||
        curl_easy_setopt(curl, CURLOPT_URL, request->url) != CURLE_OK)
        return error_set(err, STATUS_NO_MEMORY, "no memory for a request to %s", request->url);
    set_method(curl, request);
    set_limits(curl, request);
    (void)curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, client->problem);
    (void)curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, ""); /* all that this libcurl knows */
    (void)curl_easy_setopt(curl, CURLOPT_USERAGENT, "dendro");
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, client);
    *curl_easy = curl;
    return STATUS_OK;
}

/* "http://host:port" of the URL, for sentences: the rest may be long and hold a secret. */
static struct slice url_origin(const char *url)
{
    struct slice whole = slice_of(url);
    size_t start = slice_find(whole, SLICE_LITERAL("://"));
    size_t path;

    if (start == SIZE_MAX)
        return slice_first(whole, 100);
    path = slice_find_byte(slice_from(whole, start + 3), '/');
    return slice_first(whole, path == SIZE_MAX ? whole.len : start + 3 + path);
}

/* curl says the same of a protocol that it does not know, and of an answer that is not HTTP. */
static enum status explain_protocol(struct slice origin, struct error *err)
{
    if (slice_starts(origin, SLICE_LITERAL("http://")) ||
        slice_starts(origin, SLICE_LITERAL("https://")))
        return error_set(err, STATUS_INVALID,
                         "%.*s does not speak HTTP: is this the collector's port for queries "
                         "(--http, 7600) and not that for shippers?",
                         SLICE_ARG(origin));
    return error_set(err, STATUS_INVALID,
                     "\"%.*s\" is not an http:// or https:// URL, such as http://127.0.0.1:7600",
                     SLICE_ARG(origin));
}

static enum status explain_failure(const struct http_client *client, CURLcode code,
                                   struct error *err)
{
    struct slice origin = url_origin(client->request->url);
    const char *problem = client->problem[0] != '\0' ? client->problem : curl_easy_strerror(code);

    switch (code) {
    case CURLE_COULDNT_CONNECT:
        return error_set(err, STATUS_IO,
                         "cannot reach %.*s (%s). Is the collector running? Start it with "
                         "`dendro-collector --config FILE`, or name another with --server URL",
                         SLICE_ARG(origin), problem);
    case CURLE_COULDNT_RESOLVE_HOST:
        return error_set(err, STATUS_IO, "%.*s: no such host; check --server URL",
                         SLICE_ARG(origin));
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
        return explain_protocol(origin, err);
    case CURLE_OPERATION_TIMEDOUT:
        return error_set(err, STATUS_IO, "%.*s: no answer in time (%s)", SLICE_ARG(origin),
                         problem);
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
        return error_set(err, STATUS_IO, "%.*s broke off its answer (%s)", SLICE_ARG(origin),
                         problem);
    case CURLE_OUT_OF_MEMORY:
        return error_set(err, STATUS_NO_MEMORY, "no memory for a request to %.*s",
                         SLICE_ARG(origin));
    default:
        return error_set(err, STATUS_IO, "%.*s: %s", SLICE_ARG(origin), problem);
    }
}

enum status http_client_finish(struct http_client *client, int curl_code, struct error *err)
{
    struct http_client_reply *reply = client->reply;
    const char *type = NULL;
    long status = 0;

    (void)curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &status);
    (void)curl_easy_getinfo(client->curl, CURLINFO_CONTENT_TYPE, &type);
    reply->status = (unsigned)status;
    (void)snprintf(reply->content_type, sizeof(reply->content_type), "%s",
                   type == NULL ? "" : type);
    if (client->stopped)
        return error_set(err, STATUS_CANCELLED, "stopped reading the answer");
    if (curl_code != CURLE_OK)
        return explain_failure(client, (CURLcode)curl_code, err);
    return STATUS_OK;
}

enum status http_client_run(struct http_client *client, const struct http_client_request *request,
                            struct http_client_reply *reply, struct error *err)
{
    void *curl;
    enum status status = http_client_prepare(client, request, reply, &curl, err);

    if (status != STATUS_OK)
        return status;
    return http_client_finish(client, (int)curl_easy_perform(client->curl), err);
}
