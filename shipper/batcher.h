/* shipper/batcher.h -- the batch that is being filled: lines of many sources, closed by size,
 * count or age.
 * Thread safety: the loop thread only. */
#ifndef DENDRO_SHIPPER_BATCHER_H
#define DENDRO_SHIPPER_BATCHER_H

#include "base/batch_message.h"
#include "base/error.h"
#include "shipper/in_flight.h"
#include "shipper/settings.h"
#include "shipper/source.h"

#include <stdbool.h>
#include <stdint.h>

struct batcher {
    struct batch_builder builder;
    struct sent_range ranges[BATCH_SOURCES_MAX];
    uint32_t range_count;
    struct source *open; /* its range is the last one and still grows; NULL */
    int64_t opened_ns;   /* monotonic: when the first range began */
    uint64_t size_target;
    int64_t age_ns;
};

void batcher_init(struct batcher *batcher, const struct shipper_settings *settings);
void batcher_release(struct batcher *batcher);

static inline bool batcher_is_empty(const struct batcher *batcher)
{
    return batcher->range_count == 0;
}

/* Nothing more should be added. */
bool batcher_is_full(const struct batcher *batcher);
/* It should be sent at `now_ns`: full, or old. */
bool batcher_is_due(const struct batcher *batcher, int64_t now_ns);

/* Make the range of `source`, from its read_off on, the open one. TOO_LARGE: close the batch. */
enum status batcher_open(struct batcher *batcher, struct source *source, int64_t now_ns,
                         struct error *err) WARN_UNUSED;
/* Lines of the open range; TOO_LARGE: close the batch and try again. */
enum status batcher_line(struct batcher *batcher, const struct batch_line *line,
                         struct error *err) WARN_UNUSED;
enum status batcher_text(struct batcher *batcher, struct slice text, uint64_t offset,
                         struct error *err) WARN_UNUSED;
/* An empty range that says that no line comes after. */
enum status batcher_final(struct batcher *batcher, struct source *source, int64_t now_ns,
                          struct error *err) WARN_UNUSED;

/* End the open range where its source has been read to. */
enum status batcher_end_range(struct batcher *batcher, uint8_t more_flags,
                              struct error *err) WARN_UNUSED;
/* End the open range and append the body to `out`. The ranges stay until batcher_reset(). */
enum status batcher_finish(struct batcher *batcher, uint64_t wall_ns, int64_t clock_offset_ns,
                           struct buf *out, struct error *err) WARN_UNUSED;
void batcher_reset(struct batcher *batcher);

#endif
