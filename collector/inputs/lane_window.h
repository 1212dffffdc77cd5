/* collector/inputs/lane_window.h -- how many frames of a lane may be on their way, so that a bulk
 * load keeps the workers busy without a long queue: acks stay quick for those who come next.
 *
 * As CoDel does (Nichols and Jacobson, "Controlling Queue Delay", 2012; RFC 8289), the least time
 * that frames wait here over one window tells whether there is a standing queue: then the window
 * shrinks by a quarter, or by half if that is long. While any of them waits long, or as many are here
 * as are of use, it stays, else it grows by an eighth. Time on the link does not count, so a distant
 * shipper keeps the window that its round trip needs; nor does time in the store, so that a slow disk
 * is kept busy: one commit runs while the next one fills.
 * Thread safety: plain data. */
#ifndef DENDRO_COLLECTOR_INPUTS_LANE_WINDOW_H
#define DENDRO_COLLECTOR_INPUTS_LANE_WINDOW_H

#include "collector/limits.h"

#include <stdint.h>

enum {
    LANE_FRAMES_MIN = 4,   /* one is decoded, one parsed, one committed, one arrives */
    LANE_FRAMES_START = 8,
    LANE_QUEUE_MS_MAX = 10, /* a standing queue above this costs latency and gains nothing */
    LANE_CALM_MS_MAX = 15,  /* of the slowest; an ack should take less than 50 ms */
    LANE_HERE_MAX = 12,     /* frames: 3 MB of lines, 30 ms at 100 MB/s; more only fill the queue */
};

struct lane_window {
    uint16_t frames;            /* granted now */
    uint16_t seen;              /* frames since the last change */
    uint32_t most_here;         /* of them at once in the collector, not on the link */
    int64_t least_ns, most_ns;  /* of their times in queues; of these without one commit */
};

static inline struct lane_window lane_window_of(uint16_t frames)
{
    return (struct lane_window){frames, 0, 0, INT64_MAX, INT64_MIN};
}

static inline struct lane_window lane_window_start(void)
{
    return lane_window_of(LANE_FRAMES_START);
}

/* A frame became durable `latency_ns` after its last byte came, as one of `here` that were here; for the
 * last `store_ns` of that the store had it. */
void lane_window_take(struct lane_window *window, uint32_t here, int64_t latency_ns,
                      int64_t store_ns);

#endif
