/* shipper/in_flight.h -- frames of one lane that are sent, or about to be, and not yet acked.
 *
 * A frame keeps its bytes until it is acked, so a retransmission within an epoch is the same
 * bytes; and it keeps which ranges of which sources it holds, so that an ack moves positions and
 * a refusal moves them back.
 * Thread safety: the loop thread only. */
#ifndef DENDRO_SHIPPER_IN_FLIGHT_H
#define DENDRO_SHIPPER_IN_FLIGHT_H

#include "base/error.h"
#include "base/message.h"
#include "shipper/limits.h"
#include "shipper/source.h"

#include <stdbool.h>
#include <stdint.h>

/* [start, end) of a source in a frame. */
struct sent_range {
    struct source *source;
    uint64_t start, end;
    uint64_t start_tail, end_tail;
    uint8_t loss; /* enum loss_reason: the frame is a LOSS; 0: lines */
};

struct sent_frame {
    uint64_t seq;
    char *bytes; /* header and body, owned */
    size_t size;
    struct sent_range *ranges; /* owned; NULL for samples */
    uint32_t range_count;
    uint32_t times_sent;
};

struct in_flight {
    struct sent_frame frames[WINDOW_FRAMES_MAX]; /* a ring */
    uint32_t first, count;
    uint32_t sent;     /* of `count`: handed to the transport of this connection */
    uint64_t next_seq; /* of the next frame that is added */
    uint64_t size;     /* bytes of all frames */
    struct lane_credit credit;
    uint64_t frames_acked, retransmits; /* counters */
};

typedef void sent_range_visit(void *user, const struct sent_range *range);

void in_flight_init(struct in_flight *lane);
void in_flight_release(struct in_flight *lane);
/* May one more frame be built? Counts what is not sent yet, too. */
bool in_flight_has_room(const struct in_flight *lane);
/* Add a frame with seq next_seq; takes `bytes`, copies `ranges`. NO_MEMORY, TOO_LARGE (no room):
 * `bytes` is freed. */
enum status in_flight_add(struct in_flight *lane, char *bytes, size_t size,
                          const struct sent_range *ranges, uint32_t range_count,
                          struct error *err) WARN_UNUSED;
/* The next frame to send now, in order, if the window allows it; NULL. It counts as sent. */
struct sent_frame *in_flight_next(struct in_flight *lane);
/* Everything up to `seq` is durable; `visit` gets its ranges, oldest first. */
void in_flight_ack(struct in_flight *lane, uint64_t seq, sent_range_visit *visit, void *user);
/* Drop every frame from `seq` on, newest first; the next frame gets that seq. */
void in_flight_drop(struct in_flight *lane, uint64_t seq, sent_range_visit *visit, void *user);
/* Take out one frame for good (its ranges are not visited); the later ones move up. */
void in_flight_remove(struct in_flight *lane, uint64_t seq);
/* Number all frames anew from `seq` on: a new epoch, or one was taken out. */
void in_flight_renumber(struct in_flight *lane, uint64_t seq);
/* Send again from `seq` on (the connection is new, or a frame was damaged). */
void in_flight_resend(struct in_flight *lane, uint64_t seq);
uint64_t in_flight_oldest(const struct in_flight *lane); /* = next_seq if there is none */
/* The frame with this seq; NULL. */
struct sent_frame *in_flight_find(struct in_flight *lane, uint64_t seq);

#endif
