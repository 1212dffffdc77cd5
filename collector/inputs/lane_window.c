/* The window of a lane: see lane_window.h for the idea and its source. */
#include "collector/inputs/lane_window.h"

static uint16_t next_size(const struct lane_window *window)
{
    const int64_t queue_ns_max = (int64_t)LANE_QUEUE_MS_MAX * 1000000;
    unsigned frames = window->frames;

    if (window->least_ns > 2 * queue_ns_max)
        frames /= 2;
    else if (window->least_ns > queue_ns_max)
        frames -= frames / 4;
    else if (window->most_ns <= (int64_t)LANE_CALM_MS_MAX * 1000000 &&
             window->most_here < LANE_HERE_MAX)
        frames += frames / 8 > 0 ? frames / 8 : 1;
    if (frames < LANE_FRAMES_MIN)
        frames = LANE_FRAMES_MIN;
    if (frames > LANE_FRAMES_MAX)
        frames = LANE_FRAMES_MAX;
    return (uint16_t)frames;
}

void lane_window_take(struct lane_window *window, uint32_t here, int64_t latency_ns,
                      int64_t store_ns)
{
    int64_t queue_ns = latency_ns - store_ns;

    if (here > window->most_here)
        window->most_here = here;
    if (queue_ns < window->least_ns)
        window->least_ns = queue_ns;
    if (queue_ns - store_ns > window->most_ns)
        window->most_ns = queue_ns - store_ns;
    if (++window->seen >= window->frames)
        *window = lane_window_of(next_size(window));
}
