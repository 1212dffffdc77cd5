/* The window of a lane: see lane_window.h for the idea and its source. */
#include "collector/inputs/lane_window.h"

void lane_window_take(struct lane_window *window, int64_t latency_ns)
{
    unsigned frames = window->frames;

    if (latency_ns < window->least_ns)
        window->least_ns = latency_ns;
    if (++window->seen < frames)
        return;
    if (window->least_ns > (int64_t)LANE_QUEUE_MS_MAX * 1000000)
        frames -= frames / 4;
    else
        frames += frames / 8 > 0 ? frames / 8 : 1;
    if (frames < LANE_FRAMES_MIN)
        frames = LANE_FRAMES_MIN;
    if (frames > LANE_FRAMES_MAX)
        frames = LANE_FRAMES_MAX;
    *window = (struct lane_window){(uint16_t)frames, 0, INT64_MAX};
}
