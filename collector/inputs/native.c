/* Listener, the one timer, and the way back from the workers: done frames are put on a list under
 * a mutex and the loop is woken, so that connections are touched by the loop thread only. */
#include "collector/inputs/native.h"

#include "base/diag.h"
#include "collector/inputs/native_private.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

enum { LISTEN_BACKLOG = 512 };

/* ---- done frames ---- */

void native_done(void *user, struct pipeline_frame *frame)
{
    struct native *native = user;

    frame->next = NULL;
    (void)pthread_mutex_lock(&native->done_lock);
    if (native->first_done == NULL)
        native->first_done = frame;
    else
        native->last_done->next = frame;
    native->last_done = frame;
    (void)pthread_mutex_unlock(&native->done_lock);
    (void)uv_async_send(&native->done_async);
}

static struct pipeline_frame *take_done(struct native *native)
{
    struct pipeline_frame *first;

    (void)pthread_mutex_lock(&native->done_lock);
    first = native->first_done;
    native->first_done = native->last_done = NULL;
    (void)pthread_mutex_unlock(&native->done_lock);
    return first;
}

static void visit_conns(struct native *native, void (*visit)(struct native_conn *conn))
{
    struct native_conn *next;

    for (struct native_conn *conn = native->conns; conn != NULL; conn = next) {
        next = conn->next; /* the visit may close it */
        visit(conn);
    }
}

static void on_done(uv_async_t *handle)
{
    struct native *native = handle->data;
    struct pipeline_frame *frame = take_done(native), *next;

    for (; frame != NULL; frame = next) {
        next = frame->next;
        if (frame->owner != NULL)
            native_lane_done(frame->owner, frame);
        else
            pipeline_frame_free(frame); /* its connection is gone, or the frame was rewound */
    }
    visit_conns(native, native_lane_acks); /* one ACK per lane for all that came back at once */
    if (native->paused_count > 0 &&
        pipeline_queued_size(native->pipeline) < native->options.budget_size / 4 * 3)
        visit_conns(native, native_conn_resume);
}

/* ---- time ---- */

static void on_tick(uv_timer_t *timer)
{
    struct native *native = timer->data;
    int64_t now_ns = native_mono(native);
    struct native_conn *next;

    for (struct native_conn *conn = native->conns; conn != NULL; conn = next) {
        next = conn->next; /* a tick may close any: memory stays until the loop's next turn */
        native_conn_tick(conn, now_ns);
    }
    if (native->paused_count > 0 &&
        pipeline_queued_size(native->pipeline) < native->options.budget_size / 4 * 3)
        visit_conns(native, native_conn_resume);
}

/* ---- start ---- */

static void on_connection(uv_stream_t *listener, int status)
{
    struct native *native = listener->data;

    if (status == 0)
        native_conn_accept(native);
    else
        diag_warn("cannot accept a shipper: %s", uv_strerror(status));
}

static void default_u32(uint32_t *value, uint32_t preset)
{
    if (*value == 0)
        *value = preset;
}

static void set_defaults(struct native_options *options)
{
    if (options->budget_size == 0)
        options->budget_size = INGEST_BUDGET_SIZE;
    default_u32(&options->fence_wait_ms, FENCE_WAIT_MS);
    default_u32(&options->hello_timeout_ms, HELLO_TIMEOUT_MS);
    default_u32(&options->ping_interval_ms, PING_INTERVAL_MS);
    default_u32(&options->dead_after_ms, DEAD_AFTER_MS);
}

enum status native_new(const struct native_options *options, struct native **out,
                       struct error *err)
{
    struct native *native = calloc(1, sizeof(*native));

    if (native == NULL)
        return error_set(err, STATUS_NO_MEMORY, "native input: no memory");
    native->options = *options;
    set_defaults(&native->options);
    native->shippers = shipper_table_empty();
    (void)pthread_mutex_init(&native->done_lock, NULL);
    native->listener.data = native->timer.data = native->done_async.data = native;
    if (uv_tcp_init(options->loop, &native->listener) != 0 ||
        uv_timer_init(options->loop, &native->timer) != 0 ||
        uv_async_init(options->loop, &native->done_async, on_done) != 0) {
        /* Half made handles cannot be undone without running the loop; this is out of memory or
         * out of descriptors at start, and the program ends. */
        return error_set(err, STATUS_IO, "native input: cannot make its handles");
    }
    native->open_handles = 3;
    *out = native;
    return STATUS_OK;
}

static enum status resolve(const struct address *listen, struct sockaddr_storage *out,
                           bool *loopback, struct error *err)
{
    const char *host = strcmp(listen->host, "localhost") == 0 ? "127.0.0.1" : listen->host;

    if (*host == '\0')
        host = "0.0.0.0";
    if (uv_ip4_addr(host, listen->port, (struct sockaddr_in *)out) == 0) {
        *loopback = ntohl(((struct sockaddr_in *)out)->sin_addr.s_addr) >> 24 == 127;
        return STATUS_OK;
    }
    if (uv_ip6_addr(host, listen->port, (struct sockaddr_in6 *)out) == 0) {
        *loopback = IN6_IS_ADDR_LOOPBACK(&((struct sockaddr_in6 *)out)->sin6_addr);
        return STATUS_OK;
    }
    return error_set(err, STATUS_INVALID, "wire: \"%s\" is not an IPv4 or IPv6 address",
                     listen->host);
}

static void read_port(struct native *native)
{
    struct sockaddr_storage address;
    int size = sizeof(address);

    if (uv_tcp_getsockname(&native->listener, (struct sockaddr *)&address, &size) != 0)
        return;
    native->port = ntohs(address.ss_family == AF_INET6
                             ? ((struct sockaddr_in6 *)&address)->sin6_port
                             : ((struct sockaddr_in *)&address)->sin_port);
}

enum status native_start(struct native *native, struct pipeline *pipeline, struct error *err)
{
    const struct address *listen = &native->options.listen;
    struct sockaddr_storage address = {0};
    bool loopback = false;
    enum status status = resolve(listen, &address, &loopback, err);
    int error;

    if (status != STATUS_OK)
        return status;
    if (!loopback && !native->options.allow_remote)
        return error_set(err, STATUS_INVALID,
                         "wire address %s:%u can be reached from other machines, and the wire has "
                         "no TLS yet: listen on 127.0.0.1 behind a tunnel, or set "
                         "\"insecure_i_understand: yes\"", listen->host, listen->port);
    native->pipeline = pipeline;
    error = uv_tcp_bind(&native->listener, (struct sockaddr *)&address, 0);
    if (error == 0)
        error = uv_listen((uv_stream_t *)&native->listener, LISTEN_BACKLOG, on_connection);
    if (error == UV_EADDRINUSE)
        return error_set(err, STATUS_BUSY,
                         "wire port %u is in use: is another collector running? Choose another "
                         "with --wire ADDR:PORT", listen->port);
    if (error != 0)
        return error_set(err, STATUS_IO, "cannot listen on %s:%u for shippers: %s", listen->host,
                         listen->port, uv_strerror(error));
    native->listening = true;
    read_port(native);
    error = uv_timer_start(&native->timer, on_tick, CLOCK_TICK_MS, CLOCK_TICK_MS);
    return error == 0 ? STATUS_OK : error_set(err, STATUS_IO, "wire: cannot start its timer");
}

uint16_t native_port(const struct native *native)
{
    return native->port;
}

/* ---- stop ---- */

static void stop_reading(struct native_conn *conn)
{
    (void)uv_read_stop((uv_stream_t *)&conn->tcp);
}

void native_drain(struct native *native)
{
    native->draining = true; /* on_connection() closes what still comes */
    visit_conns(native, stop_reading);
}

static void hang_up(struct native_conn *conn)
{
    struct nack nack = {.lane = LANE_CONTROL, .code = NACK_SHUTDOWN, .retry_after_ms = 1000,
                        .detail = slice_of("the collector is stopping")};

    if (conn->state == NATIVE_OPEN) {
        native_send_nack(conn, &nack);
        native_send_bye(conn, "the collector is stopping");
    }
    native_conn_close(conn);
}

void native_hang_up(struct native *native)
{
    native->draining = true;
    visit_conns(native, hang_up);
}

static void free_native(struct native *native)
{
    struct pipeline_frame *frame = take_done(native), *next;

    for (; frame != NULL; frame = next) {
        next = frame->next;
        pipeline_frame_free(frame);
    }
    shipper_table_release(&native->shippers);
    (void)pthread_mutex_destroy(&native->done_lock);
    if (native->closed != NULL)
        native->closed(native->closed_user);
    free(native);
}

void native_free_if_closed(struct native *native)
{
    if (native->closing && native->open_handles == 0 && native->stats.connections == 0)
        free_native(native);
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct native *native = handle->data;

    native->open_handles--;
    native_free_if_closed(native);
}

void native_close(struct native *native, void (*closed)(void *user), void *user)
{
    if (native == NULL)
        return;
    native->closing = true;
    native->closed = closed;
    native->closed_user = user;
    visit_conns(native, native_conn_close);
    uv_close((uv_handle_t *)&native->listener, on_handle_closed);
    uv_close((uv_handle_t *)&native->timer, on_handle_closed);
    uv_close((uv_handle_t *)&native->done_async, on_handle_closed);
}
