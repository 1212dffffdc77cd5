/* Frames in flight. Layer 1 decides what goes to the pipeline; results are answered in the order
 * of the lane. After a NACK everything behind it is abandoned: what the pipeline still stores of
 * it is trimmed by position when the shipper sends it again. */
#include "collector/inputs/native_private.h"

#include "base/diag.h"
#include "base/memory_budget.h"

#include <string.h>

const uint32_t latency_bounds_ms[LATENCY_BUCKETS] = {1,   2,   5,   10,  15,  20,   30,   50,  75,
                                                     100, 150, 200, 300, 500, 1000, 2000, 5000};

/* Equal parts of the budget for all connections and lanes: with few shippers the window is what a
 * fast link needs, with thousands it is one small batch, and reading stops before memory does. When
 * the process is short of memory, each lane only keeps going. */
struct lane_credit native_credit(const struct native *native, const struct native_lane *lane)
{
    uint16_t frames = lane == NULL ? LANE_FRAMES_START : lane->window.frames;
    size_t lanes = (size_t)(native->conn_count > 0 ? native->conn_count : 1) * (LANE_COUNT - 1);
    size_t window = native->options.budget_size / lanes;

    if (native->draining)
        return (struct lane_credit){0};
    if (memory_budget_over(MEMORY_RECEIVED, LANE_WINDOW_MIN))
        return (struct lane_credit){LANE_WINDOW_MIN, LANE_FRAMES_MIN};
    if (window < LANE_WINDOW_MIN)
        window = LANE_WINDOW_MIN;
    if (window > LANE_WINDOW_MAX)
        window = LANE_WINDOW_MAX;
    return (struct lane_credit){(uint32_t)window, frames};
}

static uint32_t slot_at(const struct native_lane *lane, uint32_t index)
{
    return (lane->first + index) % LANE_FRAMES_MAX;
}

/* ---- taking ---- */

static void nack_frame(struct native_conn *conn, const struct frame_header *header,
                       enum nack_code code, const char *detail)
{
    struct native_lane *lane = &conn->lanes[header->lane];
    struct nack nack = {
        .lane = header->lane,
        .code = (uint8_t)code,
        .seq = header->seq,
        .expected_seq = lane->sequence.next_seq,
        .retry_after_ms = code == NACK_DISK_FULL || code == NACK_QUOTA ? 1000 : 0,
        .detail = slice_of(detail),
    };

    native_send_nack(conn, &nack);
}

static struct pipeline_frame *make_frame(struct native_conn *conn, const struct frame *from)
{
    struct native *native = conn->native;
    struct pipeline_frame *frame = pipeline_frame_new();

    if (frame == NULL || !buf_append_slice(&frame->body, from->body)) {
        pipeline_frame_free(frame);
        return NULL;
    }
    frame->header = from->header;
    memcpy(frame->shipper, conn->shipper->id, sizeof(frame->shipper));
    memcpy(frame->host, conn->shipper->host, sizeof(frame->host));
    frame->receive_ns = io_wall_ns(native->options.io);
    frame->submit_ns = native_mono(native);
    frame->owner = conn;
    return frame;
}

/* The sequence has accepted it: send it on, or take the acceptance back. */
static void submit(struct native_conn *conn, const struct frame *frame)
{
    struct native_lane *lane = &conn->lanes[frame->header.lane];
    struct pipeline_frame *one = NULL;
    struct error err = {0};
    enum nack_code code = NACK_QUOTA;
    const char *detail = "more frames in flight than the window allows";

    if (!pipeline_ready(conn->native->pipeline, &err)) {
        code = NACK_DISK_FULL;
        detail = err.message;
    } else if (lane->count < LANE_FRAMES_MAX) {
        one = make_frame(conn, frame);
        detail = "no memory";
    }
    if (one == NULL) {
        lane_sequence_rewind(&lane->sequence, frame->header.seq);
        nack_frame(conn, &frame->header, code, detail);
        return;
    }
    lane->frames[slot_at(lane, lane->count)] = one;
    lane->done[slot_at(lane, lane->count)] = false;
    lane->count++;
    pipeline_submit(conn->native->pipeline, one);
}

void native_lane_take(struct native_conn *conn, const struct frame *frame)
{
    struct native_lane *lane = &conn->lanes[frame->header.lane];

    if (!frame->body_intact) {
        if (frame->header.seq == lane->sequence.next_seq) {
            lane_sequence_rewind(&lane->sequence, frame->header.seq);
            nack_frame(conn, &frame->header, NACK_CRC, "the body is damaged (checksum)");
        }
        return; /* another seq: a duplicate, or behind a gap that is or will be reported */
    }
    switch (lane_sequence_take(&lane->sequence, frame->header.seq)) {
    case LANE_ACCEPT:
        submit(conn, frame);
        break;
    case LANE_DURABLE:
        lane->ack_due = true;
        native_lane_acks(conn);
        break;
    case LANE_GAP:
        nack_frame(conn, &frame->header, NACK_GAP, "frames before this one are missing");
        break;
    case LANE_IN_FLIGHT:
    case LANE_DROP:
        conn->native->stats.dropped_frames++;
        break;
    }
}

/* ---- results ---- */

static void count_latency(struct native *native, struct native_lane *lane,
                          const struct pipeline_frame *frame)
{
    int64_t latency_ns = native_mono(native) - frame->submit_ns;
    size_t bucket = 0;

    lane_window_take(&lane->window, lane->count + 1, latency_ns, atomic_load(&frame->store_ns));
    while (bucket < LATENCY_BUCKETS && latency_ns > (int64_t)latency_bounds_ms[bucket] * 1000000)
        bucket++;
    native->stats.latency[bucket]++;
    native->stats.latency_ns_total += latency_ns > 0 ? (uint64_t)latency_ns : 0;
}

static void keep_ahead(struct native_lane *lane, const struct pipeline_frame *frame)
{
    for (uint32_t i = 0; i < frame->ahead_count && lane->ahead_count < AHEAD_WATERMARKS_MAX; i++)
        lane->ahead[lane->ahead_count++] = frame->ahead[i];
}

static struct pipeline_frame *pop(struct native_lane *lane)
{
    struct pipeline_frame *frame = lane->frames[lane->first];

    lane->frames[lane->first] = NULL;
    lane->first = (lane->first + 1) % LANE_FRAMES_MAX;
    lane->count--;
    return frame;
}

/* Frames whose result is there are freed now, the others when they come back. */
static void abandon_all(struct native_lane *lane)
{
    while (lane->count > 0) {
        bool done = lane->done[lane->first];
        struct pipeline_frame *frame = pop(lane);

        frame->owner = NULL;
        if (done)
            pipeline_frame_free(frame);
    }
}

static void refuse(struct native_conn *conn, struct pipeline_frame *frame)
{
    struct native_lane *lane = &conn->lanes[frame->header.lane];
    struct nack nack = {
        .lane = frame->header.lane,
        .code = frame->nack_code,
        .permanent = frame->permanent,
        .seq = frame->header.seq,
        .expected_seq = frame->header.seq,
        .retry_after_ms = frame->nack_code == NACK_QUOTA ? 1000 : 0,
        .has_watermark = frame->has_watermark,
        .watermark = frame->watermark,
        .detail = slice_of(frame->detail),
    };

    lane_sequence_rewind(&lane->sequence, frame->header.seq);
    abandon_all(lane);
    native_lane_acks(conn); /* what came before it is durable: say so first */
    native_send_nack(conn, &nack);
}

/* Answer all results at the front of the lane. */
static void retire(struct native_conn *conn, struct native_lane *lane)
{
    while (lane->count > 0 && lane->done[lane->first]) {
        struct pipeline_frame *frame = pop(lane);

        if (frame->nack_code != 0) {
            refuse(conn, frame);
        } else {
            lane->sequence.durable_seq = frame->header.seq;
            conn->shipper->durable_seq[frame->header.lane] = frame->header.seq;
            lane->ack_due = true;
            keep_ahead(lane, frame);
            count_latency(conn->native, lane, frame);
        }
        pipeline_frame_free(frame);
    }
}

void native_lane_done(struct native_conn *conn, struct pipeline_frame *frame)
{
    struct native_lane *lane = &conn->lanes[frame->header.lane];
    uint32_t index = 0;

    while (index < lane->count && lane->frames[slot_at(lane, index)] != frame)
        index++;
    assert(index < lane->count); /* a frame that was abandoned has no owner */
    lane->done[slot_at(lane, index)] = true;
    retire(conn, lane);
}

void native_lane_acks(struct native_conn *conn)
{
    for (unsigned i = LANE_URGENT; i < LANE_COUNT; i++) {
        struct native_lane *lane = &conn->lanes[i];
        struct buf body = buf_empty(8192);
        struct ack ack = {
            .lane = (uint8_t)i,
            .epoch = conn->epoch,
            .durable_seq = lane->sequence.durable_seq,
            .credit = native_credit(conn->native, lane),
            .watermark_count = lane->ahead_count,
            .watermarks = lane->ahead,
        };

        if (!lane->ack_due || conn->state != NATIVE_OPEN)
            continue;
        lane->ack_due = false;
        ack_append(&body, &ack);
        lane->ahead_count = 0;
        conn->native->stats.acks++;
        if (!body.failed)
            native_send(conn, FRAME_ACK, buf_slice(&body));
        buf_release(&body);
    }
}

void native_lane_abandon(struct native_conn *conn)
{
    for (size_t i = 0; i < LANE_COUNT; i++)
        abandon_all(&conn->lanes[i]);
}
