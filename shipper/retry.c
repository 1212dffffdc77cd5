/* shipper/retry.c -- see the header. */
#include "shipper/retry.h"

int64_t retry_wait(struct retry *retry, struct io *io)
{
    int64_t span = retry->wait_min_ns;
    uint64_t random;

    for (uint32_t i = 0; i < retry->failures && span < retry->wait_max_ns; i++)
        span *= 2;
    if (span > retry->wait_max_ns)
        span = retry->wait_max_ns;
    retry->failures++;
    io_random(io, &random, sizeof(random));
    return (int64_t)(random % (uint64_t)span) + 1;
}
