/* One table names every counter; values are gathered into one array in its order. */
#include "collector/self_samples.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum self_metric {
    SELF_CONNECTIONS,
    SELF_FRAMES,
    SELF_RECEIVED_BYTES,
    SELF_ACKS,
    SELF_NACKS,
    SELF_ACK_SECONDS_SUM,
    SELF_ACK_SECONDS_COUNT,
    SELF_BATCHES,
    SELF_LINES,
    SELF_EVENTS,
    SELF_RAW_EVENTS,
    SELF_RAW_BYTES,
    SELF_SAMPLES,
    SELF_RANGES_TRIMMED,
    SELF_RANGES_DUPLICATE,
    SELF_LOST_BYTES,
    SELF_COMMITS,
    SELF_COMMIT_RETRIES,
    SELF_QUEUED_BYTES,
    SELF_STORE_ROWS,
    SELF_STORE_SEGMENTS,
    SELF_STORE_SEGMENT_BYTES,
    SELF_STORE_WAL_BYTES,
    SELF_STORE_SEAL_MISMATCHES,
    SELF_STORE_QUARANTINED,
    SELF_STORE_FREE_BYTES,
    SELF_STORE_MEMORY_BYTES,
    SELF_METRIC_COUNT
};

static const char *const metric_names[SELF_METRIC_COUNT] = {
    [SELF_CONNECTIONS] = "dendro_collector_connections",
    [SELF_FRAMES] = "dendro_collector_frames_total",
    [SELF_RECEIVED_BYTES] = "dendro_collector_received_bytes_total",
    [SELF_ACKS] = "dendro_collector_acks_total",
    [SELF_NACKS] = "dendro_collector_nacks_total",
    [SELF_ACK_SECONDS_SUM] = "dendro_collector_ack_seconds_sum",
    [SELF_ACK_SECONDS_COUNT] = "dendro_collector_ack_seconds_count",
    [SELF_BATCHES] = "dendro_collector_batches_total",
    [SELF_LINES] = "dendro_collector_lines_total",
    [SELF_EVENTS] = "dendro_collector_events_total",
    [SELF_RAW_EVENTS] = "dendro_collector_raw_events_total",
    [SELF_RAW_BYTES] = "dendro_collector_line_bytes_total",
    [SELF_SAMPLES] = "dendro_collector_samples_total",
    [SELF_RANGES_TRIMMED] = "dendro_collector_ranges_trimmed_total",
    [SELF_RANGES_DUPLICATE] = "dendro_collector_ranges_duplicate_total",
    [SELF_LOST_BYTES] = "dendro_collector_lost_bytes_total",
    [SELF_COMMITS] = "dendro_collector_commits_total",
    [SELF_COMMIT_RETRIES] = "dendro_collector_commit_retries_total",
    [SELF_QUEUED_BYTES] = "dendro_collector_queued_bytes",
    [SELF_STORE_ROWS] = "dendro_collector_store_rows",
    [SELF_STORE_SEGMENTS] = "dendro_collector_store_segments",
    [SELF_STORE_SEGMENT_BYTES] = "dendro_collector_store_segment_bytes",
    [SELF_STORE_WAL_BYTES] = "dendro_collector_store_wal_bytes",
    [SELF_STORE_SEAL_MISMATCHES] = "dendro_collector_store_seal_mismatches_total",
    [SELF_STORE_QUARANTINED] = "dendro_collector_store_quarantined",
    [SELF_STORE_FREE_BYTES] = "dendro_collector_store_free_bytes",
    [SELF_STORE_MEMORY_BYTES] = "dendro_collector_store_memory_bytes",
};

struct self_samples {
    struct self_samples_options options;
    struct event_source source;
    struct sample samples[SELF_METRIC_COUNT];
    atomic_bool pending; /* an append is on its way */
    char host[NAME_SIZE_MAX + 1];
};

enum status self_samples_new(const struct self_samples_options *options, struct self_samples **out,
                             struct error *err)
{
    static const char generation[sizeof(((struct source_id *)0)->generation)] = "collector-self";
    struct self_samples *self = calloc(1, sizeof(*self));

    if (self == NULL)
        return error_set(err, STATUS_NO_MEMORY, "own samples: no memory");
    self->options = *options;
    if (gethostname(self->host, sizeof(self->host) - 1) != 0)
        memcpy(self->host, "localhost", sizeof("localhost"));
    memcpy(self->source.id.generation, generation, sizeof(generation));
    self->source.geo = slice_of(options->geo);
    self->source.host = slice_of(self->host);
    self->source.role = slice_of("dendro");
    self->source.path = slice_of("dendro-collector");
    *out = self;
    return STATUS_OK;
}

void self_samples_free(struct self_samples *self)
{
    free(self);
}

static void gather_input(const struct self_samples *self, double values[SELF_METRIC_COUNT])
{
    struct native_stats stats;

    native_stats(self->options.native, &stats);
    values[SELF_CONNECTIONS] = stats.open;
    values[SELF_FRAMES] = (double)stats.frames;
    values[SELF_RECEIVED_BYTES] = (double)stats.received_bytes;
    values[SELF_ACKS] = (double)stats.acks;
    values[SELF_ACK_SECONDS_SUM] = (double)stats.latency_ns_total / 1e9;
    for (size_t i = 0; i <= LATENCY_BUCKETS; i++)
        values[SELF_ACK_SECONDS_COUNT] += (double)stats.latency[i];
    for (size_t i = 0; i < NACK_CODE_END; i++)
        values[SELF_NACKS] += (double)stats.nacks[i];
}

static void gather_pipeline(const struct self_samples *self, double values[SELF_METRIC_COUNT])
{
    struct pipeline_stats stats;

    pipeline_stats(self->options.pipeline, &stats);
    values[SELF_BATCHES] = (double)stats.batches;
    values[SELF_LINES] = (double)stats.lines;
    values[SELF_EVENTS] = (double)stats.events;
    values[SELF_RAW_EVENTS] = (double)stats.raw_events;
    values[SELF_RAW_BYTES] = (double)stats.raw_bytes;
    values[SELF_SAMPLES] = (double)stats.samples;
    values[SELF_RANGES_TRIMMED] = (double)stats.ranges_trimmed;
    values[SELF_RANGES_DUPLICATE] = (double)stats.ranges_duplicate;
    values[SELF_LOST_BYTES] = (double)stats.lost_bytes;
    values[SELF_COMMITS] = (double)stats.commits;
    values[SELF_COMMIT_RETRIES] = (double)stats.commit_retries;
    values[SELF_QUEUED_BYTES] = (double)stats.queued_bytes;
}

static void gather_store(const struct self_samples *self, double values[SELF_METRIC_COUNT])
{
    struct store_stats stats;

    store_stats(self->options.store, &stats);
    values[SELF_STORE_ROWS] = (double)stats.rows;
    values[SELF_STORE_SEGMENTS] = (double)stats.segments;
    values[SELF_STORE_SEGMENT_BYTES] = (double)stats.segment_bytes;
    values[SELF_STORE_WAL_BYTES] = (double)stats.wal_bytes;
    values[SELF_STORE_SEAL_MISMATCHES] = (double)stats.seal_mismatches;
    values[SELF_STORE_QUARANTINED] = (double)stats.quarantined;
    values[SELF_STORE_FREE_BYTES] = (double)stats.free_bytes;
    values[SELF_STORE_MEMORY_BYTES] = (double)stats.memory_bytes;
}

/* On the committer thread. A refused append costs these samples; the next ones come in 10 s. */
static void on_durable(void *user, enum status status, const struct error *err)
{
    struct self_samples *self = user;

    (void)status;
    (void)err;
    atomic_store(&self->pending, false);
}

void self_samples_take(struct self_samples *self)
{
    double values[SELF_METRIC_COUNT] = {0};
    int64_t now_ns = io_wall_ns(self->options.io);
    struct batch batch = {.sources = &self->source,
                          .source_count = 1,
                          .samples = self->samples,
                          .sample_count = SELF_METRIC_COUNT};
    uint32_t shard = store_shard_of(self->options.store, &self->source.id);

    if (atomic_exchange(&self->pending, true))
        return;
    gather_input(self, values);
    gather_pipeline(self, values);
    gather_store(self, values);
    for (size_t i = 0; i < SELF_METRIC_COUNT; i++)
        self->samples[i] = (struct sample){.time_ns = now_ns,
                                           .value = values[i],
                                           .metric = slice_of(metric_names[i])};
    if (store_append(self->options.store, shard, &batch, on_durable, self, NULL) != STATUS_OK)
        atomic_store(&self->pending, false);
}
