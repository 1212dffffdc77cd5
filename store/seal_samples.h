/* store/seal_samples.h -- the samples of a head in the order and the form in which a segment takes them.
 * Thread safety: plain data; the head must be kept meanwhile. */
#ifndef DENDRO_STORE_SEAL_SAMPLES_H
#define DENDRO_STORE_SEAL_SAMPLES_H

#include "base/arena.h"
#include "store/head.h"
#include "store/segment.h"

struct seal_samples {
    struct arena arena;
    struct segment_sample *items; /* by (metric and labels, source, time) */
    uint64_t count;
};

/* `source_index`: by the number of a source in this process, its index in the segment + 1.
 * False without memory. */
bool seal_samples_of(const struct head *head, const uint32_t *source_index,
                     struct seal_samples *out) WARN_UNUSED;
void seal_samples_release(struct seal_samples *samples);

#endif
