/* Opening and closing in the right order: the store first and last, since everything else holds
 * it; the native input before the pipeline, since the pipeline gives frames back to it. */
#include "collector/collector.h"

#include "base/diag.h"
#include "collector/inputs/native.h"
#include "collector/parse_guard.h"
#include "collector/pipeline.h"
#include "collector/self_samples.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

enum {
    DIR_SIZE_MAX = 4096 - 64, /* room for the names below it within PATH_MAX */
    PATH_SIZE = 4096,
    DRAIN_STEP_MS = 20,
    DRAIN_MS_MAX = 3000,      /* for what is on its way; the rest comes again after a restart */
    STATUS_SOURCES_MAX = 2000, /* listed in the status answer */
};

struct collector {
    struct collector_options options;
    struct store *store;
    struct derive_rules *rules;
    struct parse_guard *guard;
    struct native *native;
    struct pipeline *pipeline;
    struct self_samples *self;
    uv_timer_t timer;        /* own samples; while closing: the drain */
    bool timer_made;
    int64_t drain_until_ns;
    void (*closed)(void *user);
    void *closed_user;
};

/* ---- opening ---- */

static enum status sub_dir(const struct collector *collector, const char *name, char *out,
                           struct error *err)
{
    (void)snprintf(out, PATH_SIZE, "%.*s/%s", DIR_SIZE_MAX, collector->options.config->data_dir,
                   name);
    return io_make_dirs(collector->options.io, out, err);
}

static uint32_t shard_count(const struct collector_config *config)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);

    if (config->shard_count > 0)
        return (uint32_t)config->shard_count;
    if (processors < 1)
        processors = 1;
    return processors > WORKERS_MAX ? WORKERS_MAX : (uint32_t)processors;
}

static void report_line(void *user, const char *line)
{
    (void)user;
    diag_warn("store: %s", line);
}

static enum status open_store(struct collector *collector, struct error *err)
{
    const struct collector_config *config = collector->options.config;
    char dir[PATH_SIZE];
    struct store_options options = {
        .dir = dir,
        .io = collector->options.io,
        .shard_count = shard_count(config),
        .memory_max = config->memory_max,
        .scrub_rate = config->scrub_rate,
        .retention_ns = config->retention_ns,
        .retention_bytes = config->retention_bytes,
        .seal_age_ns = config->seal_age_ns,
        .rules = config->retention_rules.items,
        .rule_count = (uint32_t)config->retention_rules.count,
        .compact_size = config->compact_size,
        .make_filter = collector->options.make_filter,
    };
    enum status status = sub_dir(collector, "store", dir, err);

    if (status == STATUS_OK)
        status = store_open(&options, &collector->store, err);
    if (status == STATUS_OK)
        store_report(collector->store, report_line, NULL);
    return status;
}

static enum status open_guard(struct collector *collector, struct error *err)
{
    char path[PATH_SIZE + 16];
    enum status status = sub_dir(collector, "state", path, err);

    if (status != STATUS_OK)
        return status;
    (void)snprintf(path + strlen(path), 16, "/parse_guard");
    status = parse_guard_open(collector->options.io, path, &collector->guard, err);
    if (status == STATUS_OK && parse_guard_suspects(collector->guard) > 0)
        diag_warn("the last run ended while parsing; a range that does so twice is "
                  "stored unparsed");
    return status;
}

static enum status open_native(struct collector *collector, struct error *err)
{
    const struct collector_config *config = collector->options.config;
    struct native_options options = {
        .loop = collector->options.loop,
        .listen = config->wire,
        .allow_remote = config->insecure,
        .geo = config->geo,
        .build = collector->options.version,
        .io = collector->options.io,
        .store = collector->store,
    };

    io_random(collector->options.io, options.node, sizeof(options.node));
    return native_new(&options, &collector->native, err);
}

static enum status open_pipeline(struct collector *collector, struct error *err)
{
    const struct collector_config *config = collector->options.config;
    struct pipeline_options options = {
        .store = collector->store,
        .io = collector->options.io,
        .geo = config->geo,
        .rules = collector->rules,
        .overrides = &config->overrides,
        .guard = collector->guard,
        .worker_count = shard_count(config),
        .done = native_done,
        .user = collector->native,
    };

    return pipeline_open(&options, &collector->pipeline, err);
}

static enum status open_self(struct collector *collector, struct error *err)
{
    struct self_samples_options options = {
        .io = collector->options.io,
        .store = collector->store,
        .pipeline = collector->pipeline,
        .native = collector->native,
        .geo = collector->options.config->geo,
    };

    return self_samples_new(&options, &collector->self, err);
}

static enum status open_rules(struct collector *collector, struct error *err)
{
    return derive_rules_new(&collector->options.config->derive, &collector->rules, err);
}

static enum status open_timer(struct collector *collector, struct error *err)
{
    collector->timer.data = collector;
    if (uv_timer_init(collector->options.loop, &collector->timer) != 0)
        return error_set(err, STATUS_IO, "collector: cannot make its timer");
    collector->timer_made = true;
    return STATUS_OK;
}

static void free_parts(struct collector *collector);

enum status collector_open(const struct collector_options *options, struct collector **out,
                           struct error *err)
{
    static enum status (*const steps[])(struct collector *collector, struct error *err) = {
        open_rules, open_store, open_guard, open_native, open_pipeline, open_self, open_timer,
    };
    struct collector *collector = calloc(1, sizeof(*collector));
    enum status status = STATUS_OK;

    if (collector == NULL)
        return error_set(err, STATUS_NO_MEMORY, "collector: no memory");
    collector->options = *options;
    for (size_t i = 0; i < COUNT_OF(steps) && status == STATUS_OK; i++)
        status = steps[i](collector, err);
    if (status == STATUS_OK) {
        *out = collector;
        return STATUS_OK;
    }
    pipeline_close(collector->pipeline);
    native_close(collector->native, NULL, NULL); /* freed when the caller's loop runs */
    free_parts(collector);
    return status;
}

static void on_sample_time(uv_timer_t *timer)
{
    struct collector *collector = timer->data;

    self_samples_take(collector->self);
}

enum status collector_listen(struct collector *collector, struct error *err)
{
    enum status status = native_start(collector->native, collector->pipeline, err);

    if (status == STATUS_OK && uv_timer_start(&collector->timer, on_sample_time, 0,
                                              SELF_SAMPLE_INTERVAL_MS) != 0)
        status = error_set(err, STATUS_IO, "collector: cannot start its timer");
    return status;
}

uint16_t collector_wire_port(const struct collector *collector)
{
    return native_port(collector->native);
}

struct store *collector_store(struct collector *collector)
{
    return collector->store;
}

/* ---- closing ---- */

/* What is left when pipeline and native are closed. */
static void free_parts(struct collector *collector)
{
    parse_guard_close(collector->guard);
    if (collector->store != NULL)
        store_close(collector->store);
    self_samples_free(collector->self); /* after the store: an append may have held it */
    derive_rules_free(collector->rules);
    free(collector);
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct collector *collector = handle->data;
    void (*closed)(void *user) = collector->closed;
    void *user = collector->closed_user;

    free_parts(collector);
    if (closed != NULL)
        closed(user);
}

static void on_native_closed(void *user)
{
    struct collector *collector = user;

    uv_close((uv_handle_t *)&collector->timer, on_timer_closed);
}

static void on_drain(uv_timer_t *timer)
{
    struct collector *collector = timer->data;

    if (pipeline_queued_size(collector->pipeline) > 0 &&
        io_mono_ns(collector->options.io) < collector->drain_until_ns)
        return;
    (void)uv_timer_stop(timer);
    native_hang_up(collector->native);
    pipeline_close(collector->pipeline); /* joins the workers: a batch in flight ends first */
    collector->pipeline = NULL;
    native_close(collector->native, on_native_closed, collector);
}

void collector_close(struct collector *collector, void (*closed)(void *user), void *user)
{
    if (collector == NULL) {
        closed(user);
        return;
    }
    collector->closed = closed;
    collector->closed_user = user;
    collector->drain_until_ns =
        io_mono_ns(collector->options.io) + (int64_t)DRAIN_MS_MAX * 1000000;
    native_drain(collector->native);
    (void)uv_timer_start(&collector->timer, on_drain, 0, DRAIN_STEP_MS);
}

/* ---- answers ---- */

static void counter(struct buf *out, const char *name, const char *help, uint64_t value)
{
    buf_printf(out, "# HELP %s %s\n# TYPE %s counter\n%s %llu\n", name, help, name, name,
               (unsigned long long)value);
}

static void gauge(struct buf *out, const char *name, const char *help, uint64_t value)
{
    buf_printf(out, "# HELP %s %s\n# TYPE %s gauge\n%s %llu\n", name, help, name, name,
               (unsigned long long)value);
}

void collector_metrics(void *user, struct buf *out)
{
    struct collector *collector = user;
    struct pipeline_stats stats;

    if (collector->pipeline == NULL)
        return;
    native_metrics(collector->native, out);
    pipeline_stats(collector->pipeline, &stats);
    counter(out, "dendro_collector_batches_total", "frames decoded", stats.batches);
    counter(out, "dendro_collector_lines_total", "lines taken", stats.lines);
    counter(out, "dendro_collector_line_bytes_total", "bytes of lines taken", stats.raw_bytes);
    counter(out, "dendro_collector_events_total", "events made of them", stats.events);
    counter(out, "dendro_collector_raw_events_total", "events that no format explained",
            stats.raw_events);
    counter(out, "dendro_collector_samples_total", "samples taken", stats.samples);
    counter(out, "dendro_collector_ranges_total", "ranges of sources seen", stats.ranges);
    counter(out, "dendro_collector_ranges_trimmed_total", "ranges stored in part before",
            stats.ranges_trimmed);
    counter(out, "dendro_collector_ranges_duplicate_total", "ranges stored before",
            stats.ranges_duplicate);
    counter(out, "dendro_collector_losses_total", "LOSS messages stored", stats.losses);
    counter(out, "dendro_collector_lost_bytes_total", "bytes that shippers count as lost",
            stats.lost_bytes);
    counter(out, "dendro_collector_commits_total", "batches made durable", stats.commits);
    counter(out, "dendro_collector_commit_retries_total", "batches the store put off",
            stats.commit_retries);
    counter(out, "dendro_collector_guarded_ranges_total",
            "ranges stored unparsed, since they crashed the parser twice", stats.guarded_ranges);
    counter(out, "dendro_collector_stripped_batches_total", "batches stored without fields",
            stats.stripped_batches);
    counter(out, "dendro_collector_stripped_events_total",
            "events stored without their fields, which no chunk can hold", stats.stripped_events);
    counter(out, "dendro_collector_quarantined_batches_total", "batches that became a loss",
            stats.quarantined_batches);
    gauge(out, "dendro_collector_queued_bytes", "bytes of frames not durable yet",
          stats.queued_bytes);
    gauge(out, "dendro_collector_inflated_bytes", "bytes of inflated frames",
          stats.inflated_bytes);
    gauge(out, "dendro_collector_sources", "sources in memory", stats.sources);
}

struct source_list {
    struct json_writer *json;
    uint32_t count;
};

static void write_source(void *user, const struct source *source)
{
    struct source_list *list = user;
    struct json_writer *json = list->json;

    if (list->count++ >= STATUS_SOURCES_MAX)
        return;
    jsonw_object(json);
    jsonw_key(json, "host");
    jsonw_text(json, source->about.host);
    jsonw_key(json, "source");
    jsonw_text(json, source->about.path);
    jsonw_key(json, "role");
    jsonw_text(json, source->about.role);
    jsonw_key(json, "accepted_offset");
    jsonw_u64(json, atomic_load_explicit(&source->accepted_offset, memory_order_relaxed));
    jsonw_key(json, "lines");
    jsonw_u64(json, atomic_load_explicit(&source->line_count, memory_order_relaxed));
    jsonw_key(json, "received");
    jsonw_time(json, atomic_load_explicit(&source->received_ns, memory_order_relaxed));
    jsonw_end_object(json);
}

void collector_status(void *user, struct json_writer *json)
{
    struct collector *collector = user;
    struct source_list list = {.json = json};

    if (collector->pipeline == NULL)
        return;
    native_status(collector->native, json);
    jsonw_key(json, "live_sources");
    jsonw_array(json);
    pipeline_sources(collector->pipeline, write_source, &list);
    jsonw_end_array(json);
    jsonw_key(json, "live_source_count");
    jsonw_u64(json, list.count);
}

bool collector_ready(void *user, struct error *err)
{
    struct collector *collector = user;

    if (collector->pipeline == NULL) {
        (void)error_set(err, STATUS_CANCELLED, "the collector is stopping");
        return false;
    }
    return pipeline_ready(collector->pipeline, err);
}
