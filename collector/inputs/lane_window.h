/* collector/inputs/lane_window.h -- how many frames of a lane may be on their way, so that a bulk
 * load keeps the workers busy without a long queue: acks stay quick for those who come next.
 *
 * As CoDel does (Nichols and Jacobson, "Controlling Queue Delay", 2012; RFC 8289), the least time
 * that frames spend here over one window tells whether there is a standing queue: then the window
 * shrinks by a quarter, else it grows by an eighth. Time on the link does not count, so a distant
 * shipper keeps the window that its round trip needs.
 * Thread safety: plain data. */
#ifndef DENDRO_COLLECTOR_INPUTS_LANE_WINDOW_H
#define DENDRO_COLLECTOR_INPUTS_LANE_WINDOW_H

#include "collector/limits.h"

#include <stdint.h>

enum {
    LANE_FRAMES_MIN = 4,   /* one is decoded, one parsed, one committed, one arrives */
    LANE_FRAMES_START = 16,
    LANE_QUEUE_MS_MAX = 20, /* a standing queue above this costs latency and gains nothing */
};

struct lane_window {
    uint16_t frames;   /* granted now */
    uint16_t seen;     /* frames since the last change */
    int64_t least_ns;  /* of their times */
};

static inline struct lane_window lane_window_start(void)
{
    return (struct lane_window){LANE_FRAMES_START, 0, INT64_MAX};
}

/* A frame became durable `latency_ns` after its last byte came. */
void lane_window_take(struct lane_window *window, int64_t latency_ns);

#endif
