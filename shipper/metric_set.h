/* shipper/metric_set.h -- the samples of one moment, on their way to the wire.
 * Names and labels live as long as the set is not reset. Past the limits samples are left out and
 * counted. Thread safety: one thread at a time per set. */
#ifndef DENDRO_SHIPPER_METRIC_SET_H
#define DENDRO_SHIPPER_METRIC_SET_H

#include "base/arena.h"
#include "base/batch_message.h"

#include <stdint.h>

enum {
    METRIC_SAMPLES_MAX = 16384, /* of one moment */
    METRIC_MEMORY_MAX = 4 * 1024 * 1024,
    METRIC_TIME_STEP_NS = 1000000, /* what a timer jitters by below it would be stored for every sample */
};

struct metric_set {
    struct arena arena;
    struct wire_series *series; /* series i belongs to sample i */
    struct wire_sample *samples;
    uint32_t count, capacity;
    uint64_t left_out;
    int64_t time_ns; /* wall clock, in whole milliseconds; of all samples */
};

struct metric_set metric_set_empty(void);
void metric_set_reset(struct metric_set *set, int64_t time_ns);
void metric_set_release(struct metric_set *set);

/* One sample. `name` and label names are static texts; label values are copied. Two labels come
 * in order of their names. */
void metric_add(struct metric_set *set, const char *name, double value);
void metric_add_label(struct metric_set *set, const char *name, double value, const char *label,
                      struct slice text);
void metric_add_labels(struct metric_set *set, const char *name, double value,
                       const struct wire_label *labels, uint32_t label_count);
/* The name itself is put together: prefix + middle + suffix. */
void metric_add_named(struct metric_set *set, const char *prefix, struct slice middle,
                      const char *suffix, double value);

/* The body of a samples BATCH of one range. */
enum status metric_set_encode(const struct metric_set *set, const struct batch_range *range,
                              int64_t clock_offset_ns, struct buf *out,
                              struct error *err) WARN_UNUSED;

#endif
