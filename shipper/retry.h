/* shipper/retry.h -- when to try again: exponential, with full jitter, so that a thousand shippers
 * do not come back in the same second. Source: M. Brooker, "Exponential Backoff And Jitter", 2015.
 * Thread safety: one thread at a time per retry. */
#ifndef DENDRO_SHIPPER_RETRY_H
#define DENDRO_SHIPPER_RETRY_H

#include "base/io.h"

#include <stdint.h>

struct retry {
    int64_t wait_min_ns, wait_max_ns;
    uint32_t failures; /* in a row */
};

/* The wait before the next attempt: a random part of min * 2^failures, at most max. Counts one
 * more failure. */
int64_t retry_wait(struct retry *retry, struct io *io);
static inline void retry_reset(struct retry *retry)
{
    retry->failures = 0;
}

#endif
