/* The state machine of a shipper's connection. Callbacks feed `input`; advance() decides; closing
 * has one door. Three things can hold a connection up without an error: HELLO has not come, its id
 * is held by another live connection (fence, see native_hello.c), or too much is queued (reading
 * is stopped). */
#include "collector/inputs/native_private.h"

#include "base/diag.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    READ_SIZE_MIN = 64 << 10,
    INPUT_KEEP_SIZE = 256 << 10, /* a larger empty buffer is given back */
};

/* ---- closing ---- */

static void on_closed(uv_handle_t *handle)
{
    struct native_conn *conn = handle->data;
    struct native *native = conn->native;

    buf_release(&conn->input);
    buf_release(&conn->hello_body);
    free(conn);
    native->stats.connections--;
    native_free_if_closed(native);
}

static void unlink_conn(struct native_conn *conn)
{
    struct native *native = conn->native;

    if (conn->previous != NULL)
        conn->previous->next = conn->next;
    else
        native->conns = conn->next;
    if (conn->next != NULL)
        conn->next->previous = conn->previous;
    for (struct native_conn *other = native->conns; other != NULL; other = other->next)
        if (other->rival == conn)
            other->rival = NULL; /* its fence is gone; the next tick lets it in */
}

void native_conn_close(struct native_conn *conn)
{
    struct native *native = conn->native;

    if (conn->state == NATIVE_CLOSING)
        return;
    conn->state = NATIVE_CLOSING;
    native_lane_abandon(conn);
    unlink_conn(conn);
    native->conn_count--;
    if (conn->paused)
        native->paused_count--;
    if (conn->shipper != NULL && conn->shipper->conn == conn)
        conn->shipper->conn = NULL;
    uv_close((uv_handle_t *)&conn->tcp, on_closed);
}

/* ---- frames of an open connection ---- */

static void take_ping(struct native_conn *conn, const struct frame *frame)
{
    struct buf body = buf_empty(64);
    struct ping ping;
    struct pong pong = {.receive_ns = (uint64_t)io_wall_ns(conn->native->options.io)};

    if (ping_decode(frame->body, &ping, NULL) != STATUS_OK) {
        native_refuse(conn, NACK_SCHEMA, "PING is cut short");
        return;
    }
    pong.ping_ns = ping.send_ns;
    pong.send_ns = pong.receive_ns;
    pong_append(&body, &pong);
    native_send(conn, FRAME_PONG, buf_slice(&body));
    buf_release(&body);
}

static void answer_source(struct native_conn *conn, const uint8_t generation[WIRE_ID_SIZE],
                          struct source_answer *out)
{
    struct watermark mark;

    memcpy(out->watermark.source.generation, generation, WIRE_ID_SIZE);
    if (store_watermark_latest(conn->native->options.store, conn->shipper->id, generation,
                               &mark) != STATUS_OK)
        return;
    out->known = true;
    out->watermark.source.truncations = mark.id.truncations;
    out->watermark.durable_offset = mark.durable_offset;
    out->watermark.tail_hash = mark.tail_hash;
}

static void take_query(struct native_conn *conn, const struct frame *frame)
{
    struct source_query query;
    struct error err = {0};
    struct source_answer *answers;
    struct buf body = buf_empty(FRAME_BODY_SIZE_MAX);

    if (source_query_decode(frame->body, &query, &err) != STATUS_OK) {
        native_refuse(conn, NACK_SCHEMA, "%s", err.message);
        return;
    }
    answers = calloc(query.count + 1, sizeof(answers[0]));
    if (answers == NULL) {
        native_conn_close(conn); /* it will ask again */
        return;
    }
    for (uint32_t i = 0; i < query.count; i++)
        answer_source(conn, query.generations[i], &answers[i]);
    source_answers_append(&body, answers, query.count);
    conn->native->stats.queries++;
    if (!body.failed)
        native_send(conn, FRAME_SOURCE_ANSWER, buf_slice(&body));
    free(answers);
    buf_release(&body);
}

static void take_bye(struct native_conn *conn, const struct frame *frame)
{
    struct slice reason = {0};

    if (bye_decode(frame->body, &reason, NULL) == STATUS_OK)
        diag_info("shipper %s says bye: %.*s", conn->shipper->host, SLICE_ARG(reason));
    native_conn_close(conn);
}

static void take_control(struct native_conn *conn, const struct frame *frame)
{
    if (!frame->body_intact || frame->header.codec != CODEC_NONE) {
        native_refuse(conn, NACK_CRC, "%s: damaged, or compressed",
                      frame_type_name(frame->header.type));
        return;
    }
    switch (frame->header.type) {
    case FRAME_PING:
        take_ping(conn, frame);
        break;
    case FRAME_PONG:
        break; /* that it came is what counts */
    case FRAME_SOURCE_QUERY:
        take_query(conn, frame);
        break;
    case FRAME_BYE:
        take_bye(conn, frame);
        break;
    default:
        native_refuse(conn, NACK_SCHEMA, "a shipper does not send %s (type %u) here",
                      frame_type_name(frame->header.type), frame->header.type);
    }
}

static void take_frame(struct native_conn *conn, const struct frame *frame)
{
    conn->heard_ns = native_mono(conn->native);
    conn->shipper->seen_ns = io_wall_ns(conn->native->options.io);
    conn->shipper->frames++;
    conn->native->stats.frames++;
    if (frame->header.type >= FRAME_TYPE_OPTIONAL)
        return;
    if (frame->header.type != FRAME_BATCH && frame->header.type != FRAME_LOSS)
        take_control(conn, frame);
    else if (frame->header.lane == LANE_CONTROL)
        native_refuse(conn, NACK_SCHEMA, "%s in the control lane",
                      frame_type_name(frame->header.type));
    else
        native_lane_take(conn, frame);
}

/* ---- reading ---- */

static void refuse_frame(struct native_conn *conn, enum status status, const struct error *err)
{
    if (status == STATUS_TOO_LARGE)
        native_refuse(conn, NACK_TOO_BIG, "%s", err->message);
    else
        native_refuse(conn, status == STATUS_CORRUPT ? NACK_CRC : NACK_SCHEMA, "%s", err->message);
}

static bool queue_is_long(const struct native *native)
{
    return pipeline_queued_size(native->pipeline) > native->options.budget_size;
}

static void pause_reading(struct native_conn *conn)
{
    if (conn->paused || conn->state == NATIVE_CLOSING)
        return;
    conn->paused = true;
    conn->native->paused_count++;
    (void)uv_read_stop((uv_stream_t *)&conn->tcp);
}

/* Take whole frames from the input until something holds the connection up. */
static void advance(struct native_conn *conn)
{
    struct slice rest = buf_slice(&conn->input);
    struct frame frame;
    struct error err = {0};
    enum status status = STATUS_OK;

    while (status == STATUS_OK) {
        if (conn->state == NATIVE_CLOSING || conn->state == NATIVE_FENCE)
            break;
        if (queue_is_long(conn->native)) {
            pause_reading(conn);
            break;
        }
        status = frame_read(&rest, conn->body_size_max, &frame, &err);
        if (status != STATUS_OK)
            break;
        if (conn->state == NATIVE_HELLO)
            native_hello_take(conn, &frame);
        else
            take_frame(conn, &frame);
    }
    if (status != STATUS_OK && status != STATUS_AGAIN)
        refuse_frame(conn, status, &err);
    buf_consume(&conn->input, conn->input.len - rest.len);
    if (conn->input.len == 0 && conn->input.capacity > INPUT_KEEP_SIZE)
        buf_release(&conn->input);
    if (conn->state == NATIVE_FENCE)
        pause_reading(conn);
}

/* Room for the rest of the frame that has begun, or for whatever comes. */
static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
    struct native_conn *conn = handle->data;
    size_t whole = frame_size_hint(buf_slice(&conn->input));
    size_t room = whole > conn->input.len ? whole - conn->input.len : READ_SIZE_MIN;

    (void)suggested;
    if (room < READ_SIZE_MIN)
        room = READ_SIZE_MIN;
    if (room > conn->input.size_max - conn->input.len)
        room = conn->input.size_max - conn->input.len;
    if (!buf_reserve(&conn->input, room)) {
        *out = uv_buf_init(NULL, 0); /* on_read() gets UV_ENOBUFS and closes */
        return;
    }
    *out = uv_buf_init(conn->input.data + conn->input.len,
                       (unsigned)(conn->input.capacity - conn->input.len));
}

static void on_read(uv_stream_t *stream, ssize_t nread, const uv_buf_t *chunk)
{
    struct native_conn *conn = stream->data;

    (void)chunk; /* on_alloc() lent the tail of conn->input */
    if (nread == 0 || conn->state == NATIVE_CLOSING)
        return;
    if (nread < 0) {
        if (nread != UV_EOF)
            diag_info("shipper %s: %s", conn->peer, uv_strerror((int)nread));
        native_conn_close(conn);
        return;
    }
    buf_commit(&conn->input, (size_t)nread);
    conn->native->stats.received_bytes += (uint64_t)nread;
    if (conn->shipper != NULL)
        conn->shipper->received_bytes += (uint64_t)nread;
    advance(conn);
}

void native_conn_resume(struct native_conn *conn)
{
    if (!conn->paused || conn->state == NATIVE_FENCE || conn->state == NATIVE_CLOSING ||
        conn->native->draining)
        return;
    conn->paused = false;
    conn->native->paused_count--;
    advance(conn); /* whole frames may be in the input already */
    if (!conn->paused && conn->state != NATIVE_CLOSING &&
        uv_read_start((uv_stream_t *)&conn->tcp, on_alloc, on_read) != 0)
        native_conn_close(conn);
}

/* ---- time ---- */

static void tick_fence(struct native_conn *conn, int64_t now_ns)
{
    struct native_conn *rival = conn->rival;

    if (rival != NULL && rival->heard_ns != conn->rival_heard_ns) {
        native_refuse(conn, NACK_FENCED,
                      "shipper id is in use by host %s, which is alive: this host was probably "
                      "cloned from it, and needs an id of its own", rival->shipper->host);
        return;
    }
    if (rival != NULL && now_ns < conn->deadline_ns)
        return;
    if (rival != NULL)
        native_conn_close(rival); /* no sign of life: a connection that nobody holds any more */
    conn->rival = NULL;
    conn->state = NATIVE_HELLO; /* for the shortest of times: that moves it on */
    native_hello_enter(conn);
    native_conn_resume(conn);
}

static void tick_open(struct native_conn *conn, int64_t now_ns)
{
    const struct native_options *options = &conn->native->options;
    struct buf body = buf_empty(64);
    struct ping ping = {.send_ns = (uint64_t)io_wall_ns(options->io)};

    if (conn->paused) { /* we do not listen, so its silence means nothing */
        conn->heard_ns = now_ns;
        return;
    }
    if (now_ns - conn->heard_ns >= (int64_t)options->dead_after_ms * 1000000) {
        diag_info("shipper %s: silent for %u ms; closing", conn->shipper->host,
                  options->dead_after_ms);
        native_conn_close(conn);
        return;
    }
    if (now_ns - conn->pinged_ns < (int64_t)options->ping_interval_ms * 1000000)
        return;
    conn->pinged_ns = now_ns;
    ping_append(&body, &ping);
    native_send(conn, FRAME_PING, buf_slice(&body));
    buf_release(&body);
}

void native_conn_tick(struct native_conn *conn, int64_t now_ns)
{
    switch (conn->state) {
    case NATIVE_HELLO:
        if (now_ns >= conn->deadline_ns) {
            diag_info("%s: no HELLO; closing", conn->peer);
            native_conn_close(conn);
        }
        break;
    case NATIVE_FENCE:
        tick_fence(conn, now_ns);
        break;
    case NATIVE_OPEN:
        tick_open(conn, now_ns);
        break;
    case NATIVE_CLOSING:
        break;
    }
}

/* ---- accept ---- */

static void name_peer(struct native_conn *conn)
{
    struct sockaddr_storage address;
    int size = sizeof(address);
    char host[48] = "?";
    unsigned port = 0;

    if (uv_tcp_getpeername(&conn->tcp, (struct sockaddr *)&address, &size) == 0) {
        (void)uv_ip_name((struct sockaddr *)&address, host, sizeof(host));
        port = address.ss_family == AF_INET6
                   ? ntohs(((struct sockaddr_in6 *)&address)->sin6_port)
                   : ntohs(((struct sockaddr_in *)&address)->sin_port);
    }
    (void)snprintf(conn->peer, sizeof(conn->peer), "%s:%u", host, port);
}

static void link_conn(struct native_conn *conn)
{
    struct native *native = conn->native;

    conn->next = native->conns;
    if (conn->next != NULL)
        conn->next->previous = conn;
    native->conns = conn;
    native->conn_count++;
    native->stats.connections++;
    native->stats.accepted++;
}

void native_conn_accept(struct native *native)
{
    struct native_conn *conn = calloc(1, sizeof(*conn));

    if (conn == NULL || uv_tcp_init(native->options.loop, &conn->tcp) != 0) {
        free(conn);
        return;
    }
    conn->native = native;
    conn->tcp.data = conn;
    conn->input = buf_empty(FRAME_SIZE_MAX + READ_SIZE_MIN);
    conn->hello_body = buf_empty(READ_SIZE_MIN);
    conn->body_size_max = BODY_SIZE_MIN; /* until WELCOME names another */
    link_conn(conn);
    conn->deadline_ns = native_after(native, native->options.hello_timeout_ms);
    if (uv_accept((uv_stream_t *)&native->listener, (uv_stream_t *)&conn->tcp) != 0 ||
        native->conn_count > CONNECTIONS_MAX || native->draining) {
        native_conn_close(conn);
        return;
    }
    name_peer(conn);
    (void)uv_tcp_nodelay(&conn->tcp, 1);
    if (uv_read_start((uv_stream_t *)&conn->tcp, on_alloc, on_read) != 0)
        native_conn_close(conn);
}
