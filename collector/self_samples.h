/* collector/self_samples.h -- the collector's own counters, stored as samples like any host's, so
 * that its past can be queried and alerted on.
 * Thread safety: the loop thread only. */
#ifndef DENDRO_COLLECTOR_SELF_SAMPLES_H
#define DENDRO_COLLECTOR_SELF_SAMPLES_H

#include "collector/inputs/native.h"
#include "collector/pipeline.h"

enum { SELF_SAMPLE_INTERVAL_MS = 10000 };

struct self_samples;

struct self_samples_options { /* borrowed until self_samples_free() */
    struct io *io;
    struct store *store;
    struct pipeline *pipeline;
    struct native *native;
    const char *geo;
};

enum status self_samples_new(const struct self_samples_options *options, struct self_samples **out,
                             struct error *err) WARN_UNUSED;
/* Append one sample of each counter. Skipped while the one before is not durable. */
void self_samples_take(struct self_samples *self);
/* Only after store_close(): an append may still hold it. NULL does nothing. */
void self_samples_free(struct self_samples *self);

#endif
