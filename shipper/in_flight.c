/* shipper/in_flight.c -- a ring of frames with dense sequence numbers. */
#include "shipper/in_flight.h"

#include "base/frame.h"

#include <stdlib.h>

void in_flight_init(struct in_flight *lane)
{
    *lane = (struct in_flight){.next_seq = 1};
}

static struct sent_frame *frame_at(struct in_flight *lane, uint32_t index)
{
    return &lane->frames[(lane->first + index) % WINDOW_FRAMES_MAX];
}

static void frame_free(struct in_flight *lane, struct sent_frame *frame)
{
    lane->size -= frame->size;
    free(frame->bytes);
    free(frame->ranges);
    *frame = (struct sent_frame){0};
}

void in_flight_release(struct in_flight *lane)
{
    for (uint32_t i = 0; i < lane->count; i++)
        frame_free(lane, frame_at(lane, i));
    lane->count = lane->sent = 0;
}

/* A window of one frame is always allowed while there is any (message.h). */
static bool fits(const struct in_flight *lane, uint64_t size, uint32_t count)
{
    if (lane->credit.window_size == 0 || count >= lane->credit.window_frames)
        return false;
    return size == 0 || size < lane->credit.window_size;
}

bool in_flight_has_room(const struct in_flight *lane)
{
    return lane->count < WINDOW_FRAMES_MAX && lane->size < WINDOW_SIZE_MAX &&
           fits(lane, lane->size, lane->count);
}

enum status in_flight_add(struct in_flight *lane, char *bytes, size_t size,
                          const struct sent_range *ranges, uint32_t range_count, struct error *err)
{
    struct sent_frame frame = {
        .seq = lane->next_seq, .bytes = bytes, .size = size, .range_count = range_count};

    if (lane->count == WINDOW_FRAMES_MAX) {
        free(bytes);
        return error_set(err, STATUS_TOO_LARGE, "the window of %d frames is full",
                         WINDOW_FRAMES_MAX);
    }
    if (range_count > 0) {
        frame.ranges = malloc(range_count * sizeof(*ranges));
        if (frame.ranges == NULL) {
            free(bytes);
            return error_set(err, STATUS_NO_MEMORY, "no memory for a frame");
        }
        memcpy(frame.ranges, ranges, range_count * sizeof(*ranges));
    }
    *frame_at(lane, lane->count) = frame;
    lane->count++;
    lane->next_seq++;
    lane->size += size;
    return STATUS_OK;
}

struct sent_frame *in_flight_next(struct in_flight *lane)
{
    struct sent_frame *frame;
    uint64_t size = 0;

    if (lane->sent == lane->count)
        return NULL;
    for (uint32_t i = 0; i < lane->sent; i++)
        size += frame_at(lane, i)->size;
    if (!fits(lane, size, lane->sent))
        return NULL;
    frame = frame_at(lane, lane->sent++);
    lane->retransmits += frame->times_sent > 0;
    frame->times_sent++;
    return frame;
}

uint64_t in_flight_oldest(const struct in_flight *lane)
{
    return lane->next_seq - lane->count;
}

void in_flight_ack(struct in_flight *lane, uint64_t seq, sent_range_visit *visit, void *user)
{
    while (lane->count > 0 && frame_at(lane, 0)->seq <= seq) {
        struct sent_frame *frame = frame_at(lane, 0);

        for (uint32_t i = 0; i < frame->range_count; i++)
            visit(user, &frame->ranges[i]);
        frame_free(lane, frame);
        lane->first = (lane->first + 1) % WINDOW_FRAMES_MAX;
        lane->count--;
        lane->sent -= lane->sent > 0;
        lane->frames_acked++;
    }
}

void in_flight_drop(struct in_flight *lane, uint64_t seq, sent_range_visit *visit, void *user)
{
    while (lane->count > 0 && frame_at(lane, lane->count - 1)->seq >= seq) {
        struct sent_frame *frame = frame_at(lane, lane->count - 1);

        for (uint32_t i = frame->range_count; i > 0; i--)
            visit(user, &frame->ranges[i - 1]);
        lane->next_seq = frame->seq;
        frame_free(lane, frame);
        lane->count--;
    }
    if (lane->sent > lane->count)
        lane->sent = lane->count;
    if (lane->count == 0)
        lane->next_seq = seq;
}

void in_flight_renumber(struct in_flight *lane, uint64_t seq)
{
    for (uint32_t i = 0; i < lane->count; i++) {
        struct sent_frame *frame = frame_at(lane, i);

        frame->seq = seq + i;
        frame_set_seq(frame->bytes, frame->seq, 0);
    }
    lane->next_seq = seq + lane->count;
}

void in_flight_remove(struct in_flight *lane, uint64_t seq)
{
    uint64_t oldest = in_flight_oldest(lane);
    uint32_t index;

    if (in_flight_find(lane, seq) == NULL)
        return;
    index = (uint32_t)(seq - oldest);
    frame_free(lane, frame_at(lane, index));
    for (uint32_t i = index; i + 1 < lane->count; i++)
        *frame_at(lane, i) = *frame_at(lane, i + 1);
    lane->count--;
    if (lane->sent > index)
        lane->sent = index; /* the others go under new numbers */
    in_flight_renumber(lane, oldest);
}

void in_flight_resend(struct in_flight *lane, uint64_t seq)
{
    uint64_t oldest = in_flight_oldest(lane);
    uint64_t index = seq > oldest ? seq - oldest : 0;

    if (index < lane->sent)
        lane->sent = (uint32_t)index;
}

struct sent_frame *in_flight_find(struct in_flight *lane, uint64_t seq)
{
    uint64_t oldest = in_flight_oldest(lane);

    if (seq < oldest || seq >= lane->next_seq)
        return NULL;
    return frame_at(lane, (uint32_t)(seq - oldest));
}
