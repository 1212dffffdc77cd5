/* collector/dedup.h -- exactly-once effect in two layers (docs/wire.md).
 *
 * Layer 1, within an epoch: the dense sequence of a lane. Layer 2, across restarts: the position
 * up to which each source is accepted. Pure state machines: no clock, no store, no memory.
 * Thread safety: functions touch only their arguments. */
#ifndef DENDRO_COLLECTOR_DEDUP_H
#define DENDRO_COLLECTOR_DEDUP_H

#include "base/batch_message.h"
#include "base/message.h"

#include <stdbool.h>
#include <stdint.h>

/* ---- layer 1 ---- */

struct lane_sequence {
    uint64_t next_seq;    /* the one that is accepted next */
    uint64_t durable_seq; /* acknowledged: this and all before it */
    bool gap_reported;    /* since the last accepted frame: further ones are dropped silently */
};

enum lane_verdict {
    LANE_ACCEPT,
    LANE_IN_FLIGHT, /* accepted before, not durable yet: drop it, its ack will come */
    LANE_DURABLE,   /* acknowledge again and drop it */
    LANE_GAP,       /* NACK GAP with next_seq */
    LANE_DROP,      /* follows a gap that is already reported */
};

/* At HELLO: what is known of this epoch from earlier connections (0: nothing), and the oldest seq
 * that the shipper holds unacknowledged. */
struct lane_sequence lane_sequence_begin(uint64_t durable_seq, uint64_t oldest_unacked_seq);
enum lane_verdict lane_sequence_take(struct lane_sequence *lane, uint64_t seq);
/* After a NACK of `seq`: it and all behind it are expected again. */
void lane_sequence_rewind(struct lane_sequence *lane, uint64_t seq);

/* ---- layer 2 ---- */

/* How far a source is accepted: durable, or on its way to the store. */
struct source_position {
    bool known;         /* false: never seen */
    uint64_t offset;    /* every byte before it is accepted or counted as lost */
    uint64_t tail_hash; /* of the bytes before `offset`, or TAIL_HASH_UNKNOWN */
};

enum dedup_verdict {
    DEDUP_APPEND,    /* goes on exactly at the position, or begins a source */
    DEDUP_TRIM,      /* straddles the position: keep what lies behind it */
    DEDUP_DUPLICATE, /* lies before the position */
    DEDUP_GAP,       /* bytes before it are missing and nobody said why */
    DEDUP_IDENT,     /* the bytes before it are not those that we have */
};

/* `contiguous`: positions are bytes, so holes matter; false for samples, whose positions are
 * times. BEGIN and HANDOFF allow a hole only before the first range of an unknown source: on a
 * known one a hole needs a LOSS, so that none can pass silently. */
enum dedup_verdict dedup_range(const struct source_position *position,
                               const struct batch_range *range, bool contiguous);
/* The same for LOSS [from, to). Never DEDUP_IDENT: lost bytes cannot be compared. */
enum dedup_verdict dedup_loss(const struct source_position *position, uint64_t from_offset,
                              uint64_t to_offset, bool contiguous);

/* A line of a range that straddles `offset`: false if it lies before; a line that straddles keeps
 * its tail and is flagged WIRE_LINE_CONTINUED. */
bool dedup_line(uint64_t offset, struct batch_line *line);

#endif
