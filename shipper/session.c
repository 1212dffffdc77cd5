/* shipper/session.c -- connect, greet, send, notice silence. */
#include "shipper/session_private.h"

#include "base/diag.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PACKED_KEEP_SIZE = 512 << 10 }; /* two usual batches; a larger buffer is given back */

static const struct transport_events session_events;

const char *session_state_name(enum session_state state)
{
    static const char *const names[] = {"down", "connecting", "greeting", "open"};

    return names[state];
}

enum status session_init(struct session *session, const struct session_options *options,
                         struct error *err)
{
    *session = (struct session){
        .io = options->io,
        .settings = options->settings,
        .transport = options->transport,
        .handler = options->handler,
        .user = options->user,
        .input = buf_empty((size_t)2 * (FRAME_HEADER_SIZE + SESSION_BODY_SIZE_MAX)),
        .output = buf_empty(FRAME_HEADER_SIZE + SESSION_BODY_SIZE_MAX),
        .packed = buf_empty(FRAME_SIZE_MAX),
        .scratch = buf_empty(SESSION_BODY_SIZE_MAX),
        .codec = CODEC_ZLIB, /* what every collector must know; WELCOME chooses */
        .retry = {RETRY_CONNECT_MIN_NS, RETRY_CONNECT_MAX_NS, 0},
    };
    session->now_ns = session->connect_at_ns = io_mono_ns(options->io);
    in_flight_init(&session->metrics);
    in_flight_init(&session->lines);
    session->transport->events = &session_events;
    session->transport->user = session;
    return compressor_new(&session->compressor, err);
}

void session_release(struct session *session)
{
    session->transport->ops->close(session->transport);
    in_flight_release(&session->metrics);
    in_flight_release(&session->lines);
    buf_release(&session->input);
    buf_release(&session->output);
    buf_release(&session->packed);
    buf_release(&session->scratch);
    compressor_free(session->compressor);
}

void session_enter(struct session *session, enum session_state state)
{
    session->state = state;
    session->changed_ns = session->now_ns;
}

void session_fail(struct session *session, const char *why)
{
    int64_t wait;

    if (session->state == SESSION_DOWN)
        return;
    session->transport->ops->close(session->transport);
    session_enter(session, SESSION_DOWN);
    buf_reset(&session->input);
    session->asking = false;
    wait = retry_wait(&session->retry, session->io);
    session->connect_at_ns = session->now_ns + wait;
    if (why != NULL)
        diag_warn("collector %s:%u: %s; next attempt in %lld ms", session->settings->collector.host,
                  session->settings->collector.port, why, (long long)(wait / MILLISECOND_NS));
}

/* ---- sending ---- */

static bool send_bytes(struct session *session, struct slice bytes)
{
    struct error err = {0};

    if (session->transport->ops->send(session->transport, bytes, &err) != STATUS_OK) {
        session_fail(session, err.message);
        return false;
    }
    session->counters.frames_sent++;
    session->counters.bytes_sent += bytes.len;
    return true;
}

static void send_control(struct session *session, enum frame_type type, struct slice body)
{
    struct frame_fields fields = {.type = type, .lane = LANE_CONTROL, .codec = CODEC_NONE};
    struct buf frame = buf_empty(FRAME_HEADER_SIZE + SESSION_BODY_SIZE_MAX);
    struct error err = {0};

    if (frame_append(&frame, &fields, body, NULL, &err) != STATUS_OK)
        session_fail(session, err.message);
    else
        (void)send_bytes(session, buf_slice(&frame));
    buf_release(&frame);
}

void session_send_output(struct session *session, enum frame_type type)
{
    struct error err = {0};

    if (buf_check(&session->output, frame_type_name(type), &err) != STATUS_OK)
        session_fail(session, err.message);
    else
        send_control(session, type, buf_slice(&session->output));
    buf_reset(&session->output);
}

static struct hello_lane lane_state(const struct in_flight *lane, uint64_t backlog_size)
{
    return (struct hello_lane){lane->next_seq, in_flight_oldest(lane), backlog_size};
}

static void send_hello(struct session *session)
{
    const struct shipper_settings *settings = session->settings;
    struct hello hello = {
        .version_min = WIRE_VERSION,
        .version_max = WIRE_VERSION,
        .features = FEATURE_SOURCE_QUERY,
        .epoch = session->epoch,
        .codecs = FRAME_CODECS,
        .body_size_max = SESSION_BODY_SIZE_MAX,
        .wall_ns = (uint64_t)io_wall_ns(session->io),
        .mono_ns = (uint64_t)session->now_ns,
        .host = slice_of(settings->host),
        .geo = slice_of(settings->geo),
        .build = slice_of(SHIPPER_BUILD),
        .token = slice_of(settings->token),
    };

    memcpy(hello.shipper, session->shipper_id, WIRE_ID_SIZE);
    memcpy(hello.boot, session->boot_id, WIRE_ID_SIZE);
    for (size_t i = 0; i < LANE_COUNT; i++)
        hello.lanes[i] = (struct hello_lane){1, 1, 0};
    hello.lanes[LANE_METRICS] = lane_state(&session->metrics, session->metrics.size);
    hello.lanes[LANE_NORMAL] = lane_state(&session->lines, session->backlog_size);
    hello_append(&session->output, &hello);
    session_enter(session, SESSION_GREETING);
    session_send_output(session, FRAME_HELLO);
}

bool session_ask(struct session *session, const struct source_query *query)
{
    if (session->state != SESSION_OPEN || session->asking || !session->may_ask)
        return false;
    session->asking = true;
    source_query_append(&session->output, query);
    session_send_output(session, FRAME_SOURCE_QUERY);
    return session->state == SESSION_OPEN;
}

bool session_takes_lines(const struct session *session)
{
    return session->state == SESSION_OPEN && session->now_ns >= session->hold_lines_until_ns &&
           in_flight_has_room(&session->lines);
}

/* A copy: what is in flight should cost what it is, and a frame being made has room for more. */
static enum status add_frame(struct in_flight *lane, struct slice packed,
                             const struct outgoing *outgoing, struct error *err)
{
    char *frame = malloc(packed.len);

    if (frame == NULL)
        return error_set(err, STATUS_NO_MEMORY, "no memory for a frame");
    memcpy(frame, packed.data, packed.len);
    return in_flight_add(lane, frame, packed.len, outgoing->ranges, outgoing->range_count, err);
}

enum status session_add(struct session *session, struct in_flight *lane,
                        const struct outgoing *outgoing, struct error *err)
{
    struct frame_fields fields = {
        .type = outgoing->type,
        .lane = lane == &session->lines ? LANE_NORMAL : LANE_METRICS,
        .seq = lane->next_seq,
        .codec = session->codec,
        .level = session->codec == CODEC_ZSTD ? (int)session->settings->compression_level : 0,
    };
    struct buf *packed = &session->packed;
    enum status status = frame_append(packed, &fields, outgoing->body, session->compressor, err);

    if (status == STATUS_OK)
        status = add_frame(lane, buf_slice(packed), outgoing, err);
    buf_reset(packed);
    if (packed->capacity > PACKED_KEEP_SIZE)
        buf_release(packed);
    return status;
}

static bool send_next(struct session *session, struct in_flight *lane)
{
    const struct sent_frame *frame = in_flight_next(lane);

    return frame != NULL && send_bytes(session, slice_make(frame->bytes, frame->size));
}

/* Metrics first: they are few, and say what is wrong with the rest. */
static void pump(struct session *session)
{
    while (session->state == SESSION_OPEN && session->now_ns >= session->hold_lines_until_ns &&
           session->transport->ops->queued(session->transport) < SESSION_QUEUE_SIZE_MAX)
        if (!send_next(session, &session->metrics) && !send_next(session, &session->lines))
            break;
}

/* ---- time ---- */

static void connect_now(struct session *session)
{
    struct error err = {0};

    session->counters.connects++;
    session_enter(session, SESSION_CONNECTING);
    session->heard_ns = session->now_ns;
    if (session->transport->ops->connect(session->transport, &err) != STATUS_OK)
        session_fail(session, err.message);
}

static void keep_alive(struct session *session)
{
    if (session->now_ns - session->heard_ns >= DEAD_AFTER_NS) {
        session_fail(session, "no answer for 30 s");
        return;
    }
    if (session->state == SESSION_OPEN && session->now_ns - session->pinged_ns >= PING_EVERY_NS) {
        struct ping ping = {(uint64_t)io_wall_ns(session->io)};

        session->pinged_ns = session->now_ns;
        ping_append(&session->output, &ping);
        session_send_output(session, FRAME_PING);
    }
}

int64_t session_step(struct session *session)
{
    session->now_ns = io_mono_ns(session->io);
    if (session->state == SESSION_DOWN && !session->stopping &&
        session->now_ns >= session->connect_at_ns)
        connect_now(session);
    if (session->state != SESSION_DOWN)
        keep_alive(session);
    pump(session);
    if (session->state == SESSION_DOWN)
        return session->stopping ? INT64_MAX : session->connect_at_ns;
    if (session->hold_lines_until_ns > session->now_ns)
        return session->hold_lines_until_ns;
    return (session->pinged_ns > session->heard_ns ? session->pinged_ns : session->heard_ns) +
           PING_EVERY_NS;
}

void session_renew(struct session *session, uint64_t epoch)
{
    session->handler->dropping(session->user);
    in_flight_drop(&session->lines, 0, session->handler->dropped, session->user);
    session->lines.next_seq = 1;
    in_flight_resend(&session->metrics, 0);
    in_flight_renumber(&session->metrics, 1);
    session->epoch = epoch;
    session_fail(session, NULL);
}

void session_stop(struct session *session, const char *reason)
{
    session->stopping = true;
    if (session->state == SESSION_OPEN) {
        bye_append(&session->output, slice_of(reason));
        session_send_output(session, FRAME_BYE);
    }
}

/* ---- events of the transport ---- */

static void on_connected(void *user)
{
    struct session *session = user;

    session->now_ns = session->heard_ns = session->pinged_ns = io_mono_ns(session->io);
    send_hello(session);
}

static void on_closed(void *user, const char *why)
{
    struct session *session = user;
    char hint[200];

    session->now_ns = io_mono_ns(session->io);
    if (session->state == SESSION_GREETING)
        (void)snprintf(hint, sizeof(hint), "%s, before it greeted: is this its port for shippers "
                                           "(--wire, 7601) and not that for queries?", why);
    session_fail(session, session->state == SESSION_GREETING ? hint : why);
}

static void on_drained(void *user)
{
    struct session *session = user;

    pump(session);
}

static void on_received(void *user, struct slice bytes)
{
    struct session *session = user;
    struct error err = {0};
    struct slice rest;
    struct frame frame;
    enum status status = STATUS_OK;

    session->now_ns = session->heard_ns = io_mono_ns(session->io);
    if (!buf_append_slice(&session->input, bytes)) {
        session_fail(session, "sends more than is expected of it");
        return;
    }
    rest = buf_slice(&session->input);
    while (status == STATUS_OK && session->state >= SESSION_GREETING) {
        status = frame_read(&rest, SESSION_BODY_SIZE_MAX, &frame, &err);
        if (status == STATUS_OK)
            status = session_take(session, &frame, &err);
    }
    if (session->state < SESSION_GREETING)
        return; /* a message has closed the connection, the input is empty */
    if (status != STATUS_OK && status != STATUS_AGAIN)
        session_fail(session, err.message);
    else
        buf_consume(&session->input, session->input.len - rest.len);
}

static const struct transport_events session_events = {
    .connected = on_connected,
    .received = on_received,
    .drained = on_drained,
    .closed = on_closed,
};
