/* The state machine of a shipper's connection. Callbacks feed `input`; advance() decides; closing
 * has one door. Three things can hold a connection up without an error: HELLO has not come, its id
 * is held by another live connection (fence), or too much is queued (reading is stopped). */
#include "collector/inputs/native_private.h"

#include "base/diag.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    READ_SIZE_MIN = 64 << 10,
    INPUT_KEEP_SIZE = 256 << 10,  /* a larger empty buffer is given back */
    BODY_SIZE_MIN = 64 << 10,     /* the least a frame may be: a batch of a slow link */
};

static int64_t after(const struct native_conn *conn, uint32_t delay_ms)
{
    return native_mono(conn->native) + (int64_t)delay_ms * 1000000;
}

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

/* ---- HELLO ---- */

static bool name_is_plain(struct slice name)
{
    if (name.len == 0 || name.len > NAME_SIZE_MAX)
        return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.data[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '.' || c == '_' || c == '-' || c == ':';

        if (!plain)
            return false;
    }
    return true;
}

/* The rules that need no other connection. False: refused. */
static bool check_hello(struct native_conn *conn, const struct hello *hello)
{
    const char *geo = conn->native->options.geo;

    if (hello->version_min > WIRE_VERSION || hello->version_max < WIRE_VERSION) {
        native_refuse(conn, NACK_VERSION,
                      "this collector (%s) speaks wire version %d, the shipper %u to %u: upgrade "
                      "the older of the two", conn->native->options.build, WIRE_VERSION,
                      hello->version_min, hello->version_max);
        return false;
    }
    if (!name_is_plain(hello->host)) {
        native_refuse(conn, NACK_SCHEMA, "the host name must be 1 to %d of A-Z a-z 0-9 . _ - :",
                      NAME_SIZE_MAX);
        return false;
    }
    if (!slice_is(hello->geo, geo)) {
        native_refuse(conn, NACK_GEO,
                      "this collector keeps geo \"%s\", the shipper belongs to \"%.*s\": its "
                      "lines must not be stored here", geo,
                      SLICE_ARG(slice_first(hello->geo, NAME_SIZE_MAX)));
        return false;
    }
    return true;
}

static void copy_text(char *to, size_t size, struct slice text)
{
    (void)snprintf(to, size, "%.*s", SLICE_ARG(text));
}

/* Take over what HELLO says; the lanes start where both sides agree. */
static void adopt(struct native_conn *conn, struct shipper *shipper)
{
    const struct hello *hello = &conn->hello;

    if (shipper->epoch != hello->epoch)
        memset(shipper->durable_seq, 0, sizeof(shipper->durable_seq));
    shipper->epoch = hello->epoch;
    memcpy(shipper->boot, hello->boot, sizeof(shipper->boot));
    copy_text(shipper->host, sizeof(shipper->host), hello->host);
    copy_text(shipper->build, sizeof(shipper->build), slice_first(hello->build, BUILD_SIZE_MAX));
    shipper->conn = conn;
    shipper->connects++;
    shipper->seen_ns = io_wall_ns(conn->native->options.io);
    shipper->backlog_size = 0;
    conn->shipper = shipper;
    conn->epoch = hello->epoch;
    conn->features = hello->features & FEATURE_SOURCE_QUERY;
    for (size_t i = 0; i < LANE_COUNT; i++) {
        conn->lanes[i].sequence = lane_sequence_begin(shipper->durable_seq[i],
                                                      hello->lanes[i].oldest_unacked_seq);
        conn->lanes[i].window = lane_window_start();
        shipper->durable_seq[i] = conn->lanes[i].sequence.durable_seq;
        shipper->backlog_size += hello->lanes[i].backlog_size;
    }
}

/* Large frames only while few connections could hold half-read ones. */
static uint32_t body_size_for(const struct native_conn *conn)
{
    const struct native *native = conn->native;
    size_t size = native->options.budget_size / (2 * (size_t)native->conn_count);

    if (size > FRAME_BODY_SIZE_MAX)
        size = FRAME_BODY_SIZE_MAX;
    if (size > conn->hello.body_size_max)
        size = conn->hello.body_size_max;
    return size < BODY_SIZE_MIN ? BODY_SIZE_MIN : (uint32_t)size;
}

static enum codec best_codec(uint32_t codecs)
{
    if (codecs & (1u << CODEC_ZSTD))
        return CODEC_ZSTD;
    return codecs & (1u << CODEC_ZLIB) ? CODEC_ZLIB : CODEC_NONE;
}

static void send_welcome(struct native_conn *conn, int64_t receive_ns)
{
    struct native *native = conn->native;
    struct buf body = buf_empty(4096);
    struct welcome welcome = {
        .version = WIRE_VERSION,
        .features = conn->features,
        .codec = (uint8_t)best_codec(conn->hello.codecs),
        .body_size_max = conn->body_size_max,
        .store_incarnation = store_incarnation(native->options.store),
        .receive_ns = (uint64_t)receive_ns,
        .send_ns = (uint64_t)io_wall_ns(native->options.io),
        .geo = slice_of(native->options.geo),
        .build = slice_of(native->options.build),
    };

    memcpy(welcome.node, native->options.node, sizeof(welcome.node));
    for (size_t i = 0; i < LANE_COUNT; i++) {
        welcome.lanes[i].durable_seq = conn->lanes[i].sequence.durable_seq;
        welcome.lanes[i].credit = native_credit(native, NULL);
    }
    welcome_append(&body, &welcome);
    if (!body.failed)
        native_send(conn, FRAME_WELCOME, buf_slice(&body));
    buf_release(&body);
}

static void open_conn(struct native_conn *conn, struct shipper *shipper)
{
    adopt(conn, shipper);
    conn->body_size_max = body_size_for(conn);
    conn->state = NATIVE_OPEN;
    conn->heard_ns = conn->pinged_ns = native_mono(conn->native);
    diag_info("shipper %s (%s, build %s) connected from %s", shipper->host,
              conn->native->options.geo, shipper->build, conn->peer);
    send_welcome(conn, io_wall_ns(conn->native->options.io));
}

/* Another connection has this id. In the same epoch it is the same process, whose old connection
 * is dead without our knowledge. Otherwise it may be a restart, or a clone: ask the old one for a
 * sign of life, since a rebooted host must not lose its id. */
static void meet_rival(struct native_conn *conn, struct shipper *shipper)
{
    struct native_conn *rival = shipper->conn;
    struct buf body = buf_empty(64);
    struct ping ping = {.send_ns = (uint64_t)io_wall_ns(conn->native->options.io)};

    if (shipper->epoch == conn->hello.epoch) {
        native_conn_close(rival);
        open_conn(conn, shipper);
        return;
    }
    conn->state = NATIVE_FENCE;
    conn->rival = rival;
    conn->rival_heard_ns = rival->heard_ns;
    conn->deadline_ns = after(conn, conn->native->options.fence_wait_ms);
    ping_append(&body, &ping);
    native_send(rival, FRAME_PING, buf_slice(&body));
    buf_release(&body);
}

static void enter(struct native_conn *conn)
{
    struct native *native = conn->native;
    struct shipper *shipper = shipper_table_get(&native->shippers, conn->hello.shipper);

    if (shipper == NULL)
        native_refuse(conn, NACK_QUOTA, "too many shippers are connected");
    else if (shipper->conn != NULL)
        meet_rival(conn, shipper);
    else
        open_conn(conn, shipper);
}

static void take_hello(struct native_conn *conn, const struct frame *frame)
{
    struct error err = {0};

    if (frame->header.type != FRAME_HELLO || !frame->body_intact ||
        frame->header.codec != CODEC_NONE) {
        native_refuse(conn, NACK_SCHEMA, "a connection begins with HELLO, not with %s%s",
                      frame->body_intact ? "" : "a damaged ", frame_type_name(frame->header.type));
        return;
    }
    /* Kept, since a fence may need it later: the texts of `hello` point into it. */
    if (!buf_append_slice(&conn->hello_body, frame->body) ||
        hello_decode(buf_slice(&conn->hello_body), &conn->hello, &err) != STATUS_OK) {
        native_refuse(conn, NACK_SCHEMA, "%s", err.message);
        return;
    }
    if (check_hello(conn, &conn->hello))
        enter(conn);
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
            take_hello(conn, &frame);
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
    conn->state = NATIVE_HELLO; /* for the shortest of times: enter() moves it on */
    enter(conn);
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
    conn->deadline_ns = after(conn, native->options.hello_timeout_ms);
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
