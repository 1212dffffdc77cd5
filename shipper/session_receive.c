/* shipper/session_receive.c -- what the messages of a collector do to what is in flight. */
#include "shipper/session_private.h"

#include "base/diag.h"

#include <stdio.h>

static struct in_flight *lane_of(struct session *session, uint8_t lane)
{
    return lane == LANE_NORMAL ? &session->lines : lane == LANE_METRICS ? &session->metrics : NULL;
}

static void ignore_range(void *user, const struct sent_range *range)
{
    (void)user;
    (void)range;
}

static void hold(struct session *session, uint32_t wait_ms)
{
    int64_t wait = wait_ms * MILLISECOND_NS;

    session->hold_lines_until_ns =
        session->now_ns + (wait < RETRY_CONNECT_MAX_NS ? wait : RETRY_CONNECT_MAX_NS);
}

static void drop_lines(struct session *session, uint64_t seq)
{
    session->handler->dropping(session->user);
    in_flight_drop(&session->lines, seq, session->handler->dropped, session->user);
}

/* ---- WELCOME ---- */

static enum status check_welcome(const struct session *session, const struct welcome *welcome,
                                 struct error *err)
{
    if (session->state != SESSION_GREETING)
        return error_set(err, STATUS_INVALID, "WELCOME comes twice");
    if (welcome->version != WIRE_VERSION)
        return error_set(err, STATUS_INVALID, "chose version %u of the wire", welcome->version);
    if (welcome->codec > CODEC_ZSTD)
        return error_set(err, STATUS_INVALID, "chose the unknown codec %u", welcome->codec);
    if (welcome->geo.len > 0 && !slice_is(welcome->geo, session->settings->geo))
        return error_set(err, STATUS_INVALID,
                         "is of geo %.*s, we are of %s: lines stay in their "
                         "geo",
                         SLICE_ARG(welcome->geo), session->settings->geo);
    return STATUS_OK;
}

/* False: the collector is elsewhere in the epoch than we are; a new one begins. */
static bool resume_lane(struct session *session, struct in_flight *lane,
                        const struct welcome_lane *granted)
{
    if (granted->durable_seq >= lane->next_seq || granted->durable_seq + 1 < in_flight_oldest(lane))
        return false;
    in_flight_ack(lane, granted->durable_seq, session->handler->acked, session->user);
    in_flight_resend(lane, 0);
    lane->credit = granted->credit;
    return true;
}

static enum status take_welcome(struct session *session, struct slice body, struct error *err)
{
    struct welcome welcome;
    bool new_store, in_step;
    enum status status = welcome_decode(body, &welcome, err);

    if (status == STATUS_OK)
        status = check_welcome(session, &welcome, err);
    if (status != STATUS_OK)
        return status;
    session->counters.welcomes++;
    session->codec = (enum codec)welcome.codec;
    session->body_size_max = welcome.body_size_max;
    session->may_ask = (welcome.features & FEATURE_SOURCE_QUERY) != 0;
    session->hold_lines_until_ns = 0;
    new_store = welcome.store_incarnation != session->store_incarnation;
    in_step = resume_lane(session, &session->metrics, &welcome.lanes[LANE_METRICS]) &&
              resume_lane(session, &session->lines, &welcome.lanes[LANE_NORMAL]);
    if (!in_step) {
        session->handler->restarted(session->user, false);
        return STATUS_OK;
    }
    session_enter(session, SESSION_OPEN);
    session->pinged_ns = session->now_ns;
    session->handler->opened(session->user);
    if (new_store) {
        drop_lines(session, in_flight_oldest(&session->lines));
        session->store_incarnation = welcome.store_incarnation;
        session->handler->store_changed(session->user, welcome.store_incarnation);
    }
    diag_info("connected to the collector at %s:%u", session->settings->collector.host,
              session->settings->collector.port);
    return STATUS_OK;
}

/* ---- ACK, CREDIT, NACK ---- */

static enum status take_ack(struct session *session, struct slice body, struct error *err)
{
    struct ack ack;
    struct in_flight *lane;
    enum status status = ack_decode(body, &ack, err);

    if (status != STATUS_OK)
        return status;
    lane = lane_of(session, ack.lane);
    if (lane == NULL || ack.epoch != session->epoch)
        return STATUS_OK; /* a late one, of another life */
    if (ack.durable_seq >= lane->next_seq)
        return error_set(err, STATUS_INVALID, "acks frame %llu, which was not sent",
                         (unsigned long long)ack.durable_seq);
    session->counters.acks++;
    retry_reset(&session->retry);
    in_flight_ack(lane, ack.durable_seq, session->handler->acked, session->user);
    lane->credit = ack.credit;
    if (ack.retry_after_ms > 0)
        hold(session, ack.retry_after_ms);
    return STATUS_OK;
}

/* About the connection, not about a frame. */
static void take_refusal(struct session *session, const struct nack *nack)
{
    char why[WIRE_DETAIL_SIZE_MAX + 64];

    (void)snprintf(why, sizeof(why), "refuses us: %s: %.*s", nack_code_name(nack->code),
                   SLICE_ARG(nack->detail));
    if (nack->code == NACK_FENCED) {
        diag_warn("another host uses our shipper id: a new one is made");
        session->handler->restarted(session->user, true);
        return;
    }
    if (nack->code == NACK_AUTH || nack->code == NACK_SCOPE || nack->code == NACK_GEO ||
        nack->code == NACK_VERSION)
        session->retry.failures = 16; /* nothing will change soon: the longest wait */
    session_fail(session, why);
}

static void refuse_frame(struct session *session, struct in_flight *lane, const struct nack *nack)
{
    const struct sent_frame *frame;

    diag_warn("collector refuses frame %llu of lane %u for good: %s: %.*s",
              (unsigned long long)nack->seq, nack->lane, nack_code_name(nack->code),
              SLICE_ARG(nack->detail));
    if (lane == &session->metrics) {
        in_flight_remove(lane, nack->seq);
        return;
    }
    drop_lines(session, nack->seq + 1);
    frame = in_flight_find(lane, nack->seq);
    if (frame != NULL)
        session->handler->refused(session->user, frame, nack_code_name(nack->code));
    in_flight_drop(lane, nack->seq, ignore_range, NULL);
}

static bool is_final(const struct session *session, struct in_flight *lane, const struct nack *nack)
{
    const struct sent_frame *frame = in_flight_find(lane, nack->seq);

    if (nack->permanent)
        return true;
    if (lane == &session->metrics && nack->has_watermark)
        return true; /* samples cannot be read again at another position */
    return frame != NULL && frame->times_sent > SESSION_RESENDS_MAX &&
           (nack->code == NACK_TOO_BIG || nack->code == NACK_DECOMP || nack->code == NACK_SCHEMA);
}

static enum status take_nack(struct session *session, struct slice body, struct error *err)
{
    struct nack nack;
    struct in_flight *lane;
    enum status status = nack_decode(body, &nack, err);

    if (status != STATUS_OK)
        return status;
    session->counters.nacks[nack.code < NACK_CODE_END ? nack.code : 0]++;
    lane = lane_of(session, nack.lane);
    if (lane == NULL) {
        take_refusal(session, &nack);
        return STATUS_OK;
    }
    if (is_final(session, lane, &nack)) {
        if (in_flight_find(lane, nack.seq) != NULL)
            refuse_frame(session, lane, &nack);
    } else if (nack.has_watermark && (nack.code == NACK_GAP || nack.code == NACK_IDENT)) {
        drop_lines(session, nack.expected_seq);
        session->handler->disagreed(session->user, &nack.watermark, nack.code == NACK_IDENT);
    } else if (nack.expected_seq < in_flight_oldest(lane) || nack.expected_seq > lane->next_seq) {
        session->handler->restarted(session->user, false);
    } else {
        in_flight_resend(lane, nack.expected_seq);
    }
    if (nack.retry_after_ms > 0)
        hold(session, nack.retry_after_ms);
    return STATUS_OK;
}

/* ---- the rest ---- */

static enum status take_answers(struct session *session, struct slice body, struct error *err)
{
    uint32_t count;
    struct slice rest;
    struct source_answer answer;
    enum status status = source_answers_decode(body, &count, &rest, err);

    if (status != STATUS_OK)
        return status;
    session->asking = false;
    while (source_answer_next(&rest, &answer))
        session->handler->answered(session->user, &answer);
    return STATUS_OK;
}

static enum status take_ping(struct session *session, struct slice body, struct error *err)
{
    uint64_t now = (uint64_t)io_wall_ns(session->io);
    struct ping ping;
    struct pong pong;
    enum status status = ping_decode(body, &ping, err);

    if (status != STATUS_OK)
        return status;
    pong = (struct pong){ping.send_ns, now, now};
    pong_append(&session->output, &pong);
    session_send_output(session, FRAME_PONG);
    return STATUS_OK;
}

/* Offset by the NTP formula (RFC 5905, section 8); the answer with the least delay says most. The
 * best delay ages, so that a changed route is believed after a while. */
static enum status take_pong(struct session *session, struct slice body, struct error *err)
{
    uint64_t now = (uint64_t)io_wall_ns(session->io);
    int64_t rtt;
    struct pong pong;
    enum status status = pong_decode(body, &pong, err);

    if (status != STATUS_OK)
        return status;
    rtt = (int64_t)(now - pong.ping_ns - (pong.send_ns - pong.receive_ns));
    if (session->rtt_ns < DEAD_AFTER_NS)
        session->rtt_ns += session->rtt_ns / 8;
    if (rtt > 0 && rtt < DEAD_AFTER_NS && (session->rtt_ns == 0 || rtt <= session->rtt_ns)) {
        session->rtt_ns = rtt;
        session->clock_offset_ns =
            (int64_t)(pong.receive_ns - pong.ping_ns) / 2 + (int64_t)(pong.send_ns - now) / 2;
    }
    return STATUS_OK;
}

static enum status take_bye(struct session *session, struct slice body, struct error *err)
{
    struct slice reason;
    enum status status = bye_decode(body, &reason, err);
    char why[WIRE_DETAIL_SIZE_MAX + 32];

    if (status != STATUS_OK)
        return status;
    (void)snprintf(why, sizeof(why), "says goodbye: %.*s", SLICE_ARG(reason));
    session_fail(session, why);
    return STATUS_OK;
}

enum status session_take(struct session *session, const struct frame *frame, struct error *err)
{
    struct slice body;
    enum status status;

    if (!frame->body_intact)
        return error_set(err, STATUS_CORRUPT, "sent a damaged %s",
                         frame_type_name(frame->header.type));
    status = frame_raw(frame, session->compressor, &session->scratch, &body, err);
    if (status != STATUS_OK)
        return status;
    if (session->state != SESSION_OPEN && frame->header.type != FRAME_WELCOME &&
        frame->header.type != FRAME_NACK && frame->header.type != FRAME_BYE)
        return STATUS_OK; /* not before WELCOME */
    switch (frame->header.type) {
    case FRAME_WELCOME:
        return take_welcome(session, body, err);
    case FRAME_ACK:
    case FRAME_CREDIT:
        return take_ack(session, body, err);
    case FRAME_NACK:
        return take_nack(session, body, err);
    case FRAME_SOURCE_ANSWER:
        return take_answers(session, body, err);
    case FRAME_PING:
        return take_ping(session, body, err);
    case FRAME_PONG:
        return take_pong(session, body, err);
    case FRAME_BYE:
        return take_bye(session, body, err);
    case FRAME_CONFIG:
        return STATUS_OK;
    default:
        return frame->header.type >= FRAME_TYPE_OPTIONAL
                   ? STATUS_OK
                   : error_set(err, STATUS_INVALID, "sent an unexpected %s",
                               frame_type_name(frame->header.type));
    }
}
