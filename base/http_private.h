/* base/http_private.h -- what the files of the HTTP server share.
 *
 * A connection (struct http_conn) lives from accept to close; a request from its request line until
 * both the server and the holder of its stream have let go. libmicrohttpd is called on the loop
 * thread only; other threads set a stream's fields under its lock and wake the loop. */
#ifndef DENDRO_BASE_HTTP_PRIVATE_H
#define DENDRO_BASE_HTTP_PRIVATE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/http_encoding.h"
#include "base/http_form.h"
#include "base/http_server.h"

#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <uv.h>

/* Limits that are not options: why that number. */
enum {
    HTTP_HEADER_SIZE_MAX = 32 * 1024,      /* docs/api.md: longer queries come as a body */
    HTTP_CONNECTION_POOL_SIZE = 64 * 1024, /* libmicrohttpd: headers, and a chunk on its way out */
    HTTP_CHUNK_SIZE = 32 * 1024,           /* half of the pool */
    HTTP_BODY_SIZE_DEFAULT = 1024 * 1024,
    HTTP_BODY_DRAIN_MAX = 16 * 1024 * 1024, /* of a body that is too large: read on so that the
                                               client sees the 413 instead of a reset */
    HTTP_BODY_BYTES_PER_S_MIN = 1024,
    HTTP_BODY_GRACE_MS = 5000,
    HTTP_REQUEST_ARENA_MAX = 16 * 1024 * 1024, /* decoded parameters; a form of 1 MiB fits */
    HTTP_ROUTES_MAX = 512,
    HTTP_COMPRESS_SIZE_MIN = 512, /* below: the header costs more than it saves */
    HTTP_ANSWER_SIZE_MAX = 256 * 1024 * 1024,
    HTTP_LISTEN_BACKLOG = 256,
};

/* UNUSED -> TAKEN -> READY -> ENDED or ABORTED; a whole answer goes from TAKEN to ENDED. */
enum http_stream_state {
    HTTP_STREAM_UNUSED,  /* no stream was taken */
    HTTP_STREAM_TAKEN,   /* nobody has begun the answer */
    HTTP_STREAM_READY,   /* begun: the loop queues `response`, then reads the body */
    HTTP_STREAM_ENDED,   /* the whole answer is in `pending` and `sending` */
    HTTP_STREAM_ABORTED, /* the answer ends broken */
};

struct http_stream {
    pthread_mutex_t lock; /* guards all up to `wake_sent`; never held over a call out */
    pthread_cond_t room;  /* output was taken, or the client is gone */
    enum http_stream_state state;
    uv_async_t *wake; /* NULL once the connection is over */
    struct MHD_Response *response;
    unsigned status;
    struct buf pending; /* appended by the stream's holder */
    struct buf sending; /* taken by the loop, from sending_offset on */
    size_t sending_offset;
    bool suspended; /* the connection waits for us */
    bool wake_sent;
    atomic_bool cancelled;
    /* the holder's own: */
    struct http_encoder *encoder; /* NULL: plain */
    struct buf encoded;
};

struct http_request {
    atomic_uint references;
    struct http_server *server;        /* loop thread only; NULL once the connection is over */
    struct MHD_Connection *connection; /* as server */
    struct http_conn *conn;            /* as server */
    struct arena arena;
    enum http_method method;
    struct slice path, rest, query;
    struct http_params params;
    struct buf body;
    struct slice content_type;
    size_t body_dropped; /* bytes read and not kept, since the body is too large */
    bool body_too_large;
    bool headers_seen, answered, stream_taken; /* loop thread only */
    enum http_coding coding;
    const struct http_route *route;
    char peer[INET6_ADDRSTRLEN];
    uint32_t output_size_max;
    struct http_stream stream;
};

enum http_conn_phase { HTTP_CONN_HEADER, HTTP_CONN_BODY, HTTP_CONN_ANSWER, HTTP_CONN_IDLE };

struct http_conn {
    struct http_conn *next, *previous;
    struct http_server *server;
    int fd;
    bool over;                    /* libmicrohttpd has closed it; freed when hangup is closed */
    bool watching;                /* `hangup` is initialised */
    bool own_idle_limit;          /* http_request_idle_limit() was called; undone by the next */
    uv_poll_t hangup;             /* runs while a stream is taken: suspended connections are not
                                     watched by libmicrohttpd */
    struct http_request *request; /* under way, or NULL */
    enum http_conn_phase phase;
    uint64_t phase_start_ms; /* uv_now() */
    size_t body_size;        /* received in HTTP_CONN_BODY */
};

struct http_server {
    uv_loop_t *loop;
    struct MHD_Daemon *daemon;
    uv_poll_t poll;         /* of libmicrohttpd's epoll descriptor */
    uv_timer_t run_timer;   /* when libmicrohttpd wants to run next */
    uv_timer_t sweep_timer; /* cuts slow clients */
    uv_async_t wake;        /* some stream has changed */
    unsigned open_handles;
    bool closing;
    int listen_fd;
    struct sockaddr_storage address;
    socklen_t address_size;
    bool loopback;
    uint16_t port;
    struct http_server_options options; /* with defaults filled in; texts borrowed */
    struct http_route *routes;
    size_t route_count;
    struct http_conn *conns;
    struct http_server_stats stats;
    void (*closed)(void *user);
    void *closed_user;
};

/* http_request.c */
struct http_request *http_request_new(struct http_server *server);
void http_request_unref(struct http_request *request);
struct MHD_Response *http_response_new(struct http_request *request,
                                       const struct http_answer *answer, bool stream);
enum MHD_Result http_request_queue(struct http_request *request, unsigned status,
                                   struct MHD_Response *response);

/* http_stream.c: called on the loop thread */
bool http_stream_init(struct http_stream *stream);
void http_stream_release(struct http_stream *stream);
/* The connection is over: nobody waits for it any more. */
void http_stream_hang_up(struct http_stream *stream);
ssize_t http_stream_read(void *request, uint64_t position, char *out, size_t out_size);
enum MHD_Result http_stream_advance(struct http_request *request);
/* If it waits and there is news: let the connection go on. */
void http_stream_resume(struct http_request *request);

/* http_connection.c: the server's connections */
void http_conn_set_phase(struct http_conn *conn, enum http_conn_phase phase);
struct http_conn *http_conn_of(struct MHD_Connection *connection);
/* A stream is under way: notice when the client goes away. */
void http_conn_watch(struct http_conn *conn);
/* libmicrohttpd's timeout is the server's again; at the start of a request. */
void http_conn_reset_idle_limit(struct http_conn *conn, struct MHD_Connection *connection);
void http_on_connection(void *server, struct MHD_Connection *connection, void **context,
                        enum MHD_ConnectionNotificationCode code);
void http_on_sweep(uv_timer_t *timer);

/* http_dispatch.c: libmicrohttpd's callbacks */
void *http_on_target(void *server, const char *target, struct MHD_Connection *connection);
enum MHD_Result http_on_request(void *server, struct MHD_Connection *connection, const char *url,
                                const char *method, const char *version, const char *upload,
                                size_t *upload_size, void **context);
void http_on_completed(void *server, struct MHD_Connection *connection, void **context,
                       enum MHD_RequestTerminationCode code);

/* http_listen.c */
enum status http_parse_address(struct http_server *server, const char *text,
                               struct error *err) WARN_UNUSED;
enum status http_check_remote(const struct http_server *server, struct error *err) WARN_UNUSED;
enum status http_open_socket(struct http_server *server, struct error *err) WARN_UNUSED;

/* http_server.c */
void http_server_run(struct http_server *server); /* let libmicrohttpd do what is due */
void http_server_handle_closed(struct http_server *server);

#endif
