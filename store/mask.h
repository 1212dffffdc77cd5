/* store/mask.h -- rows that nobody may see any more, although a segment or a head still holds them:
 * erased ones, and those that a rule of retention has given up. A rewrite leaves them out for good.
 * Thread safety: read-only data; as the block. */
#ifndef DENDRO_STORE_MASK_H
#define DENDRO_STORE_MASK_H

#include "store/block_impl.h"
#include "store/predicate.h"
#include "store/segment.h"

/* All rows that pass `filter`, with time_min <= _time < time_max, that arrived in time. */
struct mask {
    const struct predicate *filter;
    int64_t time_min_ns, time_max_ns;
    uint64_t sequence_max; /* rows that arrived later are not meant */
};

/* Take the masked rows out of the selected ones, and count what is left. */
enum status masks_apply(const struct mask *masks, uint32_t count, struct block *block,
                        struct error *err) WARN_UNUSED;

/* Those of `masks` that rows of the segment may match, by its plan: to `out`, with `count` of room.
 * Gives their number. A segment that cannot be planned keeps all whose bounds fit. */
uint32_t masks_of_segment(const struct mask *masks, uint32_t count, struct segment *segment,
                          struct mask *out);

#endif
