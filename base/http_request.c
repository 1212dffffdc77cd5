/* base/http_request.c -- what a handler reads of a request, and the answers it gives. */
#include "base/http_private.h"

#include "base/json_writer.h"

#include <assert.h>
#include <stdlib.h>

/* ---- life ---- */

struct http_request *http_request_new(struct http_server *server)
{
    struct http_request *request = calloc(1, sizeof(*request));

    if (request == NULL)
        return NULL;
    if (!http_stream_init(&request->stream)) {
        free(request);
        return NULL;
    }
    atomic_init(&request->references, 1);
    request->server = server;
    request->arena = arena_empty(HTTP_REQUEST_ARENA_MAX);
    request->output_size_max = server->options.output_size_max;
    return request;
}

void http_request_unref(struct http_request *request)
{
    if (atomic_fetch_sub(&request->references, 1) != 1)
        return;
    http_stream_release(&request->stream);
    buf_release(&request->body);
    arena_release(&request->arena);
    free(request);
}

/* ---- what came in ---- */

enum http_method http_request_method(const struct http_request *request)
{
    return request->method;
}

struct slice http_request_path(const struct http_request *request)
{
    return request->path;
}

struct slice http_request_rest(const struct http_request *request)
{
    return request->rest;
}

struct slice http_request_peer(const struct http_request *request)
{
    return slice_of(request->peer);
}

struct slice http_request_param(const struct http_request *request, const char *name)
{
    for (size_t i = 0; i < request->params.count; i++)
        if (slice_is(request->params.items[i].name, name))
            return request->params.items[i].value;
    return (struct slice){0};
}

bool http_request_param_at(const struct http_request *request, size_t index, struct slice *name,
                           struct slice *value)
{
    if (index >= request->params.count)
        return false;
    *name = request->params.items[index].name;
    *value = request->params.items[index].value;
    return true;
}

bool http_request_param_add(struct http_request *request, struct slice name, struct slice value)
{
    char *name_copy = arena_copy_text(&request->arena, name);
    char *value_copy = arena_copy_text(&request->arena, value);

    return name_copy != NULL && value_copy != NULL &&
           http_params_add(&request->params, &request->arena, slice_make(name_copy, name.len),
                           slice_make(value_copy, value.len));
}

struct slice http_request_body(const struct http_request *request)
{
    return buf_slice(&request->body);
}

struct slice http_request_header(const struct http_request *request, const char *name)
{
    if (request->connection == NULL)
        return (struct slice){0};
    return slice_of(MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name));
}

bool http_request_body_is(const struct http_request *request, const char *type)
{
    return http_type_is(request->content_type, type);
}

/* ---- answers ---- */

/* On every answer, unless it brings its own (the web app needs scripts). SECURITY.md:
 * log text must never run, be framed, or stay in a cache. */
static const struct http_header default_headers[] = {
    {"X-Content-Type-Options", "nosniff"},
    {"X-Frame-Options", "DENY"},
    {"Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
    {"Cache-Control", "no-store"},
};

static bool is_compressible(const char *type)
{
    static const char *const prefixes[] = {
        "text/",         "application/json", "application/x-ndjson", "application/javascript",
        "image/svg+xml",
    };

    for (size_t i = 0; type != NULL && i < COUNT_OF(prefixes); i++)
        if (slice_starts(slice_of(type), slice_of(prefixes[i])))
            return true;
    return false;
}

static bool has_header(const struct http_answer *answer, const char *name)
{
    for (size_t i = 0; i < answer->header_count; i++)
        if (slice_equal_fold(slice_of(answer->headers[i].name), slice_of(name)))
            return true;
    return false;
}

/* libmicrohttpd refuses names and values that would split the header; such a line is left out. */
static void add_headers(struct MHD_Response *response, const struct http_answer *answer,
                        enum http_coding coding)
{
    for (size_t i = 0; i < COUNT_OF(default_headers); i++)
        if (!has_header(answer, default_headers[i].name))
            (void)MHD_add_response_header(response, default_headers[i].name,
                                          default_headers[i].value);
    for (size_t i = 0; i < answer->header_count; i++)
        (void)MHD_add_response_header(response, answer->headers[i].name, answer->headers[i].value);
    if (answer->type != NULL)
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, answer->type);
    if (is_compressible(answer->type))
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_VARY, "Accept-Encoding");
    if (coding != HTTP_IDENTITY)
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_ENCODING,
                                      http_coding_name(coding));
}

static bool compress_whole(enum http_coding coding, struct slice body, struct buf *out)
{
    struct http_encoder *encoder = NULL;
    bool done = http_encoder_new(coding, &encoder, NULL) == STATUS_OK &&
                http_encoder_run(encoder, body, HTTP_ENCODE_END, out) == STATUS_OK;

    http_encoder_free(encoder);
    return done;
}

static void free_stream_reader(void *request)
{
    http_request_unref(request);
}

struct MHD_Response *http_response_new(struct http_request *request,
                                       const struct http_answer *answer, bool stream)
{
    struct MHD_Response *response;
    enum http_coding coding = request->coding;
    struct buf packed = buf_empty(HTTP_ANSWER_SIZE_MAX);

    if (stream) {
        atomic_fetch_add(&request->references, 1);
        response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, HTTP_CHUNK_SIZE,
                                                     http_stream_read, request, free_stream_reader);
        if (response == NULL)
            http_request_unref(request);
    } else {
        union {
            const char *in;
            void *out;
        } body = {.in = answer->body.data};

        if (answer->uncompressed || answer->body.len < HTTP_COMPRESS_SIZE_MIN ||
            !is_compressible(answer->type))
            coding = HTTP_IDENTITY;
        if (coding != HTTP_IDENTITY && !compress_whole(coding, answer->body, &packed)) {
            buf_release(&packed);
            coding = HTTP_IDENTITY;
        }
        response =
            coding == HTTP_IDENTITY
                ? MHD_create_response_from_buffer(answer->body.len, body.out, MHD_RESPMEM_MUST_COPY)
                : MHD_create_response_from_buffer(packed.len, packed.data, MHD_RESPMEM_MUST_FREE);
        if (response == NULL)
            buf_release(&packed);
    }
    if (response != NULL)
        add_headers(response, answer, coding);
    return response;
}

enum MHD_Result http_request_queue(struct http_request *request, unsigned status,
                                   struct MHD_Response *response)
{
    enum MHD_Result result;

    assert(!request->answered);
    if (response == NULL)
        return MHD_NO;
    request->answered = true;
    request->conn->phase = HTTP_CONN_ANSWER;
    if (status / 100 < COUNT_OF(request->server->stats.answers))
        request->server->stats.answers[status / 100]++;
    result = MHD_queue_response(request->connection, status, response);
    MHD_destroy_response(response);
    return result;
}

void http_respond(struct http_request *request, const struct http_answer *answer)
{
    request->server->stats.bytes_sent += answer->body.len;
    (void)http_request_queue(request, answer->status, http_response_new(request, answer, false));
}

void http_respond_error(struct http_request *request, unsigned status, const char *code,
                        const char *message, const char *hint)
{
    struct buf body = buf_empty(HTTP_ANSWER_SIZE_MAX);
    struct json_writer json;
    struct http_answer answer = {.status = status, .type = "application/json"};

    jsonw_begin(&json, &body);
    jsonw_object(&json);
    jsonw_key(&json, "error");
    jsonw_object(&json);
    jsonw_key(&json, "code");
    jsonw_string(&json, code);
    jsonw_key(&json, "message");
    jsonw_string(&json, message);
    if (hint != NULL && hint[0] != '\0') {
        jsonw_key(&json, "hint");
        jsonw_string(&json, hint);
    }
    jsonw_end_object(&json);
    jsonw_end_object(&json);
    buf_append_byte(&body, '\n');
    answer.body = buf_slice(&body);
    http_respond(request, &answer);
    buf_release(&body);
}

struct http_stream *http_request_stream(struct http_request *request)
{
    assert(!request->answered && !request->stream_taken);
    atomic_fetch_add(&request->references, 1);
    request->stream_taken = true;
    request->stream.state = HTTP_STREAM_TAKEN;
    request->stream.wake = &request->server->wake;
    http_conn_watch(request->conn);
    return &request->stream;
}
