/* The pipeline as a whole: workers, what they share, and the answers for status. */
#include "collector/pipeline.h"

#include "base/diag.h"
#include "base/hash.h"
#include "base/memory_budget.h"
#include "collector/worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- frames ---- */

struct pipeline_frame *pipeline_frame_new(void)
{
    struct pipeline_frame *frame = calloc(1, sizeof(*frame));

    if (frame != NULL) {
        frame->body = buf_empty(FRAME_BODY_SIZE_MAX);
        frame->raw = buf_empty(0);
    }
    return frame;
}

void pipeline_frame_free(struct pipeline_frame *frame)
{
    if (frame == NULL)
        return;
    buf_release(&frame->body);
    buf_release(&frame->raw);
    free(frame);
}

void frame_refuse(struct pipeline *pipeline, struct pipeline_frame *frame, enum nack_code code,
                  bool permanent, const struct wire_watermark *watermark, const char *detail)
{
    (void)pthread_mutex_lock(&pipeline->outcome_lock);
    if (frame->nack_code == 0) {
        frame->nack_code = (uint8_t)code;
        frame->permanent = permanent;
        frame->has_watermark = watermark != NULL;
        if (watermark != NULL)
            frame->watermark = *watermark;
        (void)snprintf(frame->detail, sizeof(frame->detail), "%s", detail);
    }
    (void)pthread_mutex_unlock(&pipeline->outcome_lock);
}

static void wake_all(struct pipeline *pipeline)
{
    for (uint32_t i = 0; i < pipeline->worker_count; i++)
        worker_wake(&pipeline->workers[i]);
}

void frame_part_done(struct pipeline *pipeline, struct pipeline_frame *frame)
{
    if (atomic_fetch_sub(&frame->parts_left, 1) != 1)
        return;
    buf_release(&frame->raw);
    atomic_fetch_sub(&pipeline->inflated_size, frame->inflated_size);
    atomic_fetch_sub(&pipeline->queued_size, frame->body.len);
    memory_budget_discharge(MEMORY_RECEIVED, frame->body.len);
    if (pipeline->closing) {
        pipeline_frame_free(frame);
        return;
    }
    pipeline->options.done(pipeline->options.user, frame);
    if (atomic_exchange(&pipeline->budget_wanted, false))
        wake_all(pipeline);
}

void pipeline_submit(struct pipeline *pipeline, struct pipeline_frame *frame)
{
    /* All frames of a shipper go through one worker, so that they stay in order also across a
     * reconnect, when frames of the old connection are still under way. */
    uint32_t index = (uint32_t)(hash64(frame->shipper, sizeof(frame->shipper)) %
                                pipeline->worker_count);

    assert(frame->header.type == FRAME_BATCH || frame->header.type == FRAME_LOSS);
    atomic_fetch_add(&pipeline->queued_size, frame->body.len);
    memory_budget_charge(MEMORY_RECEIVED, frame->body.len);
    worker_put_frame(&pipeline->workers[index], frame);
}

/* ---- start and stop ---- */

static field_id get_field(void *user, struct slice name)
{
    return store_field(user, name);
}

/* An event that was open, copied: what the store shows is borrowed for the visit, and during it
 * the store must not be asked for anything else. */
struct open_event {
    struct open_event *next;
    struct event_source from;
    struct slice format;
    struct event event;
};

struct restore {
    struct arena arena;
    struct open_event *first, **end;
    uint64_t failed;
};

static void keep_open_event(void *user, const struct event_source *from, struct slice format,
                            const struct event *event)
{
    struct restore *restore = user;
    struct arena *arena = &restore->arena;
    struct open_event *copy = arena_new(arena, struct open_event, 1);

    if (copy == NULL) {
        restore->failed++;
        return;
    }
    copy->from = (struct event_source){
        .id = from->id,
        .geo = arena_copy(arena, from->geo),
        .host = arena_copy(arena, from->host),
        .role = arena_copy(arena, from->role),
        .path = arena_copy(arena, from->path),
    };
    copy->format = arena_copy(arena, format);
    copy->event = *event;
    copy->event.bytes = arena_copy(arena, event->bytes);
    copy->event.fields = NULL; /* parsed again when it ends */
    copy->event.field_count = 0;
    *restore->end = copy;
    restore->end = &copy->next;
}

static void restore_open_events(struct pipeline *pipeline)
{
    struct restore restore = {.arena = arena_empty(RESTORE_SIZE_MAX)};
    struct store *store = pipeline->options.store;
    struct error err = {0};

    restore.end = &restore.first;
    store_open_events(store, keep_open_event, &restore);
    for (struct open_event *one = restore.first; one != NULL; one = one->next) {
        uint32_t shard = store_shard_of(store, &one->from.id);

        if (shard >= pipeline->worker_count ||
            worker_restore(&pipeline->workers[shard], &one->from, one->format, &one->event,
                           &err) != STATUS_OK)
            restore.failed++; /* the store keeps it as it was: only its end is not joined */
    }
    if (restore.failed > 0 || restore.arena.failed)
        diag_warn("%llu events that were open could not be taken up again",
                  (unsigned long long)restore.failed);
    arena_release(&restore.arena);
}

static enum status start_workers(struct pipeline *pipeline, struct error *err)
{
    enum status status = STATUS_OK;

    for (uint32_t i = 0; i < pipeline->worker_count && status == STATUS_OK; i++)
        status = worker_init(&pipeline->workers[i], pipeline, i, err);
    if (status != STATUS_OK)
        return status;
    restore_open_events(pipeline);
    for (uint32_t i = 0; i < pipeline->worker_count && status == STATUS_OK; i++)
        if (!pipeline->options.manual)
            status = worker_start(&pipeline->workers[i], err);
    return status;
}

enum status pipeline_open(const struct pipeline_options *options, struct pipeline **out,
                          struct error *err)
{
    struct pipeline *pipeline = calloc(1, sizeof(*pipeline));
    enum status status;

    assert(options->worker_count >= 1 && options->worker_count <= WORKERS_MAX);
    if (pipeline == NULL)
        return error_set(err, STATUS_NO_MEMORY, "pipeline: no memory");
    pipeline->options = *options;
    if (pipeline->options.inflated_size_max == 0)
        pipeline->options.inflated_size_max = INFLATED_SIZE_MAX;
    pipeline->names = (struct field_names){get_field, options->store};
    (void)pthread_mutex_init(&pipeline->outcome_lock, NULL);
    pipeline->workers = calloc(options->worker_count, sizeof(pipeline->workers[0]));
    if (pipeline->workers == NULL) {
        pipeline_close(pipeline);
        return error_set(err, STATUS_NO_MEMORY, "pipeline: no memory");
    }
    pipeline->worker_count = options->worker_count;
    status = start_workers(pipeline, err);
    if (status != STATUS_OK) {
        pipeline_close(pipeline);
        return status;
    }
    *out = pipeline;
    return STATUS_OK;
}

void pipeline_close(struct pipeline *pipeline)
{
    if (pipeline == NULL)
        return;
    for (uint32_t i = 0; i < pipeline->worker_count; i++)
        if (pipeline->workers[i].pipeline != NULL)
            worker_stop(&pipeline->workers[i]);
    pipeline->closing = true;
    for (uint32_t i = 0; i < pipeline->worker_count; i++)
        if (pipeline->workers[i].pipeline != NULL)
            worker_release(&pipeline->workers[i]);
    free(pipeline->workers);
    (void)pthread_mutex_destroy(&pipeline->outcome_lock);
    free(pipeline);
}

bool pipeline_step(struct pipeline *pipeline)
{
    bool any = false;

    for (uint32_t i = 0; i < pipeline->worker_count; i++)
        any |= worker_step(&pipeline->workers[i]);
    return any;
}

/* ---- answers ---- */

size_t pipeline_queued_size(const struct pipeline *pipeline)
{
    return atomic_load(&pipeline->queued_size);
}

bool pipeline_ready(struct pipeline *pipeline, struct error *err)
{
    bool ready;

    (void)pthread_mutex_lock(&pipeline->outcome_lock);
    ready = atomic_load(&pipeline->refusing) == 0;
    if (!ready && err != NULL)
        *err = pipeline->refusal;
    (void)pthread_mutex_unlock(&pipeline->outcome_lock);
    return ready && store_ready(pipeline->options.store, err);
}

static uint64_t read_counter(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

static void count_source(void *user, const struct source *source)
{
    uint64_t *count = user;

    (void)source;
    (*count)++;
}

void pipeline_stats(struct pipeline *pipeline, struct pipeline_stats *out)
{
    const struct pipeline_counters *from = &pipeline->counters;

    *out = (struct pipeline_stats){
        .batches = read_counter(&from->batches),
        .lines = read_counter(&from->lines),
        .events = read_counter(&from->events),
        .raw_events = read_counter(&from->raw_events),
        .samples = read_counter(&from->samples),
        .raw_bytes = read_counter(&from->raw_bytes),
        .ranges = read_counter(&from->ranges),
        .ranges_trimmed = read_counter(&from->ranges_trimmed),
        .ranges_duplicate = read_counter(&from->ranges_duplicate),
        .losses = read_counter(&from->losses),
        .lost_bytes = read_counter(&from->lost_bytes),
        .commits = read_counter(&from->commits),
        .commit_retries = read_counter(&from->commit_retries),
        .guarded_ranges = read_counter(&from->guarded_ranges),
        .stripped_batches = read_counter(&from->stripped_batches),
        .stripped_events = read_counter(&from->stripped_events),
        .quarantined_batches = read_counter(&from->quarantined_batches),
        .queued_bytes = atomic_load(&pipeline->queued_size),
        .inflated_bytes = atomic_load(&pipeline->inflated_size),
    };
    pipeline_sources(pipeline, count_source, &out->sources);
}

void pipeline_sources(struct pipeline *pipeline, source_visit *visit, void *user)
{
    for (uint32_t i = 0; i < pipeline->worker_count; i++)
        source_set_visit(&pipeline->workers[i].sources, visit, user);
}
