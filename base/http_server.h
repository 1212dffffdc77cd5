/* base/http_server.h -- one HTTP port for all who serve HTTP: query API, web app, push inputs.
 *
 * libmicrohttpd does the protocol; its epoll descriptor is polled by our libuv loop, so that there
 * is one loop and no thread behind the scenes. Handlers run on the loop thread and must not block:
 * they answer at once (http_respond), or take the answer over as a stream (http_request_stream),
 * which any thread may fill later.
 *
 * Limits (defaults; each can be set): header complete within 5 s of connecting and within 60 s of
 * the previous answer, body at least 1 KiB/s after 5 s, 60 s without progress ends a connection,
 * 512 connections, 128 per address, 32 KiB of headers, 1 MiB of body unless the route says
 * otherwise, 4 MiB of output that waits for a slow reader.
 *
 * Thread safety: server and request belong to the loop thread; a stream to any one thread at a
 * time, with http_stream_cancelled() readable by all. What http_stream_request() gives may be read
 * from the stream's thread, except for headers. */
#ifndef DENDRO_BASE_HTTP_SERVER_H
#define DENDRO_BASE_HTTP_SERVER_H

#include "base/error.h"
#include "base/slice.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct uv_loop_s;
struct http_server;
struct http_request;
struct http_stream;

struct http_server_options {
    struct uv_loop_s *loop;        /* borrowed; must outlive the server */
    const char *address;           /* "127.0.0.1:7600", "[::1]:7600"; port 0 picks a free one */
    bool allow_remote;             /* addresses other than loopback are refused without it */
    const char *const *host_names; /* further names that a Host header may carry on loopback */
    size_t host_name_count;
    uint32_t header_timeout_ms, idle_timeout_ms; /* 0: the defaults above */
    uint32_t connection_count_max, connection_per_address_max;
    uint32_t output_size_max;
};

enum http_method {
    HTTP_GET = 1,
    HTTP_POST = 2,
    HTTP_PUT = 4,
    HTTP_DELETE = 8
}; /* GET serves HEAD */

/* Runs on the loop thread, once per complete request. It must answer, or take the stream. */
typedef void http_handler(void *user, struct http_request *request);

struct http_route {
    unsigned methods;       /* bits of enum http_method */
    const char *path;       /* decoded; static text */
    bool prefix;            /* serves everything below `path` too; the longest path wins */
    uint32_t body_size_max; /* 0: 1 MiB */
    http_handler *handler;
    void *user;
};

/* Make a server that does not listen yet. Errors: INVALID (address, or remote without leave). */
enum status http_server_new(const struct http_server_options *options, struct http_server **out,
                            struct error *err) WARN_UNUSED;
/* Add routes; before http_server_start(). The table is copied, its texts are borrowed.
 * Errors: INVALID (the same path twice), NO_MEMORY. */
enum status http_server_route(struct http_server *server, const struct http_route *routes,
                              size_t count, struct error *err) WARN_UNUSED;
/* Listen. Errors: BUSY (port in use: says which and what to do), IO. */
enum status http_server_start(struct http_server *server, struct error *err) WARN_UNUSED;
/* The port that it listens on; 0 before start. */
uint16_t http_server_port(const struct http_server *server);
/* End all connections, cancel all streams, stop listening. Memory is freed when the loop has run
 * the close callbacks; then `closed` (NULL: nothing) is called. NULL server does nothing. Streams
 * that other threads still hold stay valid and answer CANCELLED. */
void http_server_close(struct http_server *server, void (*closed)(void *user), void *user);

struct http_server_stats {
    uint64_t requests, connections_accepted, bytes_sent; /* since start */
    uint64_t answers[6];           /* by first digit of the status; [0] unused */
    uint64_t timeouts, refused;    /* cut for slowness; refused before a handler ran */
    uint32_t connections, streams; /* now */
};
void http_server_stats(const struct http_server *server, struct http_server_stats *out);

/* ---- what came in ---- */

enum http_method http_request_method(const struct http_request *request);
struct slice http_request_path(const struct http_request *request); /* decoded, no query string */
struct slice
http_request_rest(const struct http_request *request); /* path behind a prefix route's */
struct slice http_request_peer(const struct http_request *request); /* "192.0.2.1", "2001:db8::1" */
/* First parameter `name` of the query string or of a form body, decoded; data NULL if absent. */
struct slice http_request_param(const struct http_request *request, const char *name);
/* Every parameter in order, query string first; false past the last. */
bool http_request_param_at(const struct http_request *request, size_t index, struct slice *name,
                           struct slice *value);
/* A parameter that a handler found elsewhere (a JSON body); copied. False: limits. */
bool http_request_param_add(struct http_request *request, struct slice name, struct slice value);
struct slice http_request_body(const struct http_request *request);
/* Header by name, any case; data NULL if absent. Loop thread only. */
struct slice http_request_header(const struct http_request *request, const char *name);
/* Is `type` ("application/json") the media type of the body? */
bool http_request_body_is(const struct http_request *request, const char *type);

/* ---- answers ---- */

struct http_header {
    const char *name, *value; /* copied; a value with control characters is left out */
};

struct http_answer {
    unsigned status;
    const char *type;                  /* media type; NULL: no body */
    struct slice body;                 /* copied; unused for streams */
    const struct http_header *headers; /* replace defaults of the same name */
    size_t header_count;
    bool uncompressed; /* never gzip or zstd: it is compressed, or tiny */
};

/* Answer as a whole, from the handler. */
void http_respond(struct http_request *request, const struct http_answer *answer);
/* As above with the error body of docs/api.md; `hint` may be NULL. */
void http_respond_error(struct http_request *request, unsigned status, const char *code,
                        const char *message, const char *hint);

/* Take the answer over: the handler may then return, and any thread answer later. The stream keeps
 * the request's path, parameters and body. End with http_stream_close(). NULL: no memory (then an
 * error has been answered). */
struct http_stream *http_request_stream(struct http_request *request);
struct http_request *http_stream_request(struct http_stream *stream);
/* From the handler that took the stream: this client may take nothing for `seconds` before it is
 * cut, instead of the server's idle timeout. Holds until the answer ends. */
void http_request_idle_limit(struct http_request *request, uint32_t seconds);
/* True as soon as the client is gone (noticed at once, also while nothing is sent), was cut for
 * slowness, or the server closes. Valid until http_stream_close(). */
const atomic_bool *http_stream_cancelled(const struct http_stream *stream);

/* Answer as a whole; nothing else may be written. CANCELLED: nobody is there any more. */
enum status http_stream_respond(struct http_stream *stream,
                                const struct http_answer *answer) WARN_UNUSED;
/* Send status and headers; http_stream_write() follows. Compresses if the client accepts it. */
enum status http_stream_begin(struct http_stream *stream,
                              const struct http_answer *answer) WARN_UNUSED;
/* A smaller limit than the server's for what may wait; before the first write. */
void http_stream_limit(struct http_stream *stream, uint32_t output_size_max);
/* Append to the output; waits while `output_size_max` bytes wait for the client.
 * Errors: CANCELLED, NO_MEMORY (the answer ends cut off). */
enum status http_stream_write(struct http_stream *stream, struct slice bytes) WARN_UNUSED;
/* Let the compressor give out what it holds, so that the client sees it now. */
enum status http_stream_flush(struct http_stream *stream) WARN_UNUSED;
/* End the answer if it was begun (without: answers 500), and give the stream back. Bytes that
 * wait are still sent. NULL does nothing. */
void http_stream_close(struct http_stream *stream);
/* Make the client see a broken answer (chunked encoding without its end) instead. */
void http_stream_abort(struct http_stream *stream);

#endif
