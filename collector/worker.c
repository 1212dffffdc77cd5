/* The state machine of one worker. `commit` walks NONE -> RUNNING -> ENDED -> NONE, and through
 * WAITS when the store does not take the batch now: the batch is kept as it is and offered again.
 * Nothing is ever rolled back, since a position that moved would have to move back with the
 * parser's state. */
#include "collector/worker.h"

#include "base/diag.h"
#include "base/memory_budget.h"
#include "collector/derive_front.h"

#include <errno.h>
#include <time.h>

static int64_t now_ns(const struct worker *worker)
{
    return io_mono_ns(worker->pipeline->options.io);
}

/* ---- queues ---- */

/* Ends what holds the lock. It signals without it, or the worker would wake up only to wait for it. */
static void unlock_and_wake(struct worker *worker)
{
    worker->woken = true;
    (void)pthread_mutex_unlock(&worker->lock);
    (void)pthread_cond_signal(&worker->wake);
}

void worker_wake(struct worker *worker)
{
    (void)pthread_mutex_lock(&worker->lock);
    unlock_and_wake(worker);
}

void worker_put_frame(struct worker *worker, struct pipeline_frame *frame)
{
    frame->next = NULL;
    (void)pthread_mutex_lock(&worker->lock);
    if (worker->first_frame == NULL)
        worker->first_frame = frame;
    else
        worker->last_frame->next = frame;
    worker->last_frame = frame;
    unlock_and_wake(worker);
}

void worker_put_part(struct worker *worker, struct frame_part *part)
{
    part->next = NULL;
    (void)pthread_mutex_lock(&worker->lock);
    if (worker->first_part == NULL)
        worker->first_part = part;
    else
        worker->last_part->next = part;
    worker->last_part = part;
    unlock_and_wake(worker);
}

static struct frame_part *take_part(struct worker *worker)
{
    struct frame_part *part;

    (void)pthread_mutex_lock(&worker->lock);
    part = worker->first_part;
    if (part != NULL)
        worker->first_part = part->next;
    (void)pthread_mutex_unlock(&worker->lock);
    return part;
}

static struct pipeline_frame *take_frame(struct worker *worker)
{
    struct pipeline_frame *frame;

    (void)pthread_mutex_lock(&worker->lock);
    frame = worker->first_frame;
    if (frame != NULL)
        worker->first_frame = frame->next;
    (void)pthread_mutex_unlock(&worker->lock);
    return frame;
}

/* Only this worker takes frames, so the one put back is the first again. */
static void put_frame_back(struct worker *worker, struct pipeline_frame *frame)
{
    (void)pthread_mutex_lock(&worker->lock);
    frame->next = worker->first_frame;
    if (worker->first_frame == NULL)
        worker->last_frame = frame;
    worker->first_frame = frame;
    (void)pthread_mutex_unlock(&worker->lock);
}

/* ---- commit ---- */

/* On the store's committer thread. */
static void on_durable(void *user, enum status status, const struct error *err)
{
    struct worker *worker = user;

    (void)pthread_mutex_lock(&worker->lock);
    worker->commit = COMMIT_ENDED;
    worker->commit_result = (struct error){.status = status};
    if (status != STATUS_OK && err != NULL)
        worker->commit_result = *err;
    worker->woken = true;
    (void)pthread_cond_broadcast(&worker->wake);
    (void)pthread_mutex_unlock(&worker->lock);
}

static void set_commit(struct worker *worker, enum commit_state state)
{
    (void)pthread_mutex_lock(&worker->lock);
    worker->commit = state;
    (void)pthread_mutex_unlock(&worker->lock);
}

static enum commit_state commit_of(struct worker *worker)
{
    enum commit_state state;

    (void)pthread_mutex_lock(&worker->lock);
    state = worker->commit;
    (void)pthread_mutex_unlock(&worker->lock);
    return state;
}

static void set_refused(struct worker *worker, const struct error *reason)
{
    struct pipeline *pipeline = worker->pipeline;

    (void)pthread_mutex_lock(&pipeline->outcome_lock);
    if (reason != NULL)
        pipeline->refusal = *reason;
    if ((reason != NULL) != worker->refused) {
        worker->refused = reason != NULL;
        atomic_fetch_add(&pipeline->refusing, worker->refused ? 1u : UINT32_MAX);
        if (worker->refused)
            diag_warn("shard %u: the store refuses a batch, it is kept: %s",
                      worker->index, reason->message);
        else
            diag_info("shard %u: the store takes batches again", worker->index);
    }
    (void)pthread_mutex_unlock(&pipeline->outcome_lock);
}

/* Content that the store will never take must not block the shard: first without fields, then as
 * a counted loss. */
static void degrade(struct worker *worker, const struct error *reason)
{
    struct pipeline *pipeline = worker->pipeline;

    if (shard_batch_strip(worker->in_flight)) {
        count_up(&pipeline->counters.stripped_batches, 1);
        diag_warn("shard %u: a batch is stored without its fields: %s", worker->index,
                  reason->message);
        return;
    }
    count_up(&pipeline->counters.quarantined_batches, 1);
    diag_error("shard %u: the store refuses the content of a batch, it becomes a loss: "
               "%s", worker->index, reason->message);
    shard_batch_quarantine(worker->in_flight, io_wall_ns(pipeline->options.io));
}

static void wait_to_retry(struct worker *worker, const struct error *reason)
{
    int64_t delay_ms = reason->status == STATUS_AGAIN ? COMMIT_AGAIN_MS : COMMIT_RETRY_MS;

    set_commit(worker, COMMIT_WAITS);
    worker->retry_at_ns = now_ns(worker) + delay_ms * 1000000;
    count_up(&worker->pipeline->counters.commit_retries, 1);
    if (reason->status == STATUS_TOO_LARGE || reason->status == STATUS_INVALID)
        degrade(worker, reason);
    else if (reason->status != STATUS_AGAIN)
        set_refused(worker, reason);
}

/* Give the batch in flight to the store. */
static void offer(struct worker *worker)
{
    struct pipeline *pipeline = worker->pipeline;
    struct error err = {0};
    struct batch batch;
    enum status status = STATUS_OK;

    if (!worker->in_flight_sealed)
        status = shard_batch_seal(worker->in_flight, &err);
    worker->in_flight_sealed = status == STATUS_OK;
    if (status == STATUS_OK) {
        shard_batch_view(worker->in_flight, &batch);
        worker->offered_ns = now_ns(worker);
        set_commit(worker, COMMIT_RUNNING); /* before: the answer may come at once */
        status = store_append(pipeline->options.store, worker->index, &batch, on_durable, worker,
                              &err);
    }
    if (status != STATUS_OK) {
        err.status = status;
        wait_to_retry(worker, &err);
    }
}

/* Everything that `batch` was waiting for is durable; the store had it for `store_ns`. */
static void finish_batch(struct worker *worker, struct shard_batch *batch, int64_t store_ns)
{
    struct frame_part *part = batch->first_part, *next;

    for (uint32_t i = 0; i < batch->source_count; i++)
        batch->states[i]->pending--;
    batch->first_part = batch->last_part = NULL;
    for (; part != NULL; part = next) {
        next = part->next; /* the frame, and the part in it, may be gone afterwards */
        atomic_store(&part->frame->store_ns, store_ns);
        frame_part_done(worker->pipeline, part->frame);
    }
    shard_batch_reset(batch, ++worker->batch_number);
}

static bool end_commit(struct worker *worker)
{
    struct error result;

    if (commit_of(worker) != COMMIT_ENDED)
        return false;
    result = worker->commit_result; /* written before ENDED was set, under the lock */
    if (result.status != STATUS_OK) {
        wait_to_retry(worker, &result);
        return true;
    }
    set_refused(worker, NULL);
    count_up(&worker->pipeline->counters.commits, 1);
    count_up(&worker->pipeline->counters.stripped_events, worker->in_flight->sink.stripped_count);
    finish_batch(worker, worker->in_flight, now_ns(worker) - worker->offered_ns);
    worker->in_flight = NULL;
    set_commit(worker, COMMIT_NONE);
    return true;
}

static bool retry_commit(struct worker *worker)
{
    if (commit_of(worker) != COMMIT_WAITS || now_ns(worker) < worker->retry_at_ns)
        return false;
    offer(worker);
    return true;
}

static bool start_commit(struct worker *worker)
{
    struct shard_batch *batch = worker->filling;

    if (worker->in_flight != NULL || (!batch->touched && batch->first_part == NULL))
        return false;
    if (!batch->touched) { /* duplicates only, of what is durable by now */
        finish_batch(worker, batch, 0);
        return true;
    }
    worker->in_flight = batch;
    worker->in_flight_sealed = false;
    worker->filling = batch == &worker->batches[0] ? &worker->batches[1] : &worker->batches[0];
    offer(worker);
    return true;
}

/* ---- steps ---- */

static bool may_fill(const struct worker *worker)
{
    return !shard_batch_full(worker->filling);
}

static bool apply_part(struct worker *worker)
{
    struct frame_part *part = may_fill(worker) ? take_part(worker) : NULL;

    if (part == NULL)
        return false;
    frame_apply(worker, part);
    return true;
}

static bool decode_frame(struct worker *worker)
{
    struct pipeline_frame *frame = take_frame(worker);

    if (frame == NULL)
        return false;
    if (frame_decode(worker, frame))
        return true;
    put_frame_back(worker, frame);
    return false;
}

static bool check_idle(struct worker *worker)
{
    struct parse_guard *guard = worker->pipeline->options.guard;
    int64_t now = now_ns(worker);

    if (now < worker->idle_check_ns)
        return false;
    if (guard != NULL)
        parse_guard_rest(guard, worker->index);
    worker->idle_check_ns = now + (int64_t)IDLE_CHECK_MS * 1000000;
    if (now - worker->swept_ns >= (int64_t)SOURCE_SWEEP_S * 1000000000) {
        worker->swept_ns = now;
        source_set_sweep(&worker->sources, now);
    }
    if (may_fill(worker))
        frame_apply_idle(worker);
    return worker->filling->touched;
}

bool worker_step(struct worker *worker)
{
    return end_commit(worker) || retry_commit(worker) || start_commit(worker) ||
           apply_part(worker) || decode_frame(worker) || check_idle(worker);
}

/* ---- thread ---- */

static struct timespec after_ms(int64_t delay_ms)
{
    struct timespec at;

    (void)clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_sec += delay_ms / 1000;
    at.tv_nsec += delay_ms % 1000 * 1000000;
    if (at.tv_nsec >= 1000000000) {
        at.tv_sec++;
        at.tv_nsec -= 1000000000;
    }
    return at;
}

/* Until somebody wakes us, or a retry or a look at open events may be due. */
static void wait_for_work(struct worker *worker)
{
    struct timespec at;

    (void)pthread_mutex_lock(&worker->lock);
    at = after_ms(worker->commit == COMMIT_WAITS ? COMMIT_AGAIN_MS : IDLE_CHECK_MS);
    while (!worker->woken && !worker->stop)
        if (pthread_cond_timedwait(&worker->wake, &worker->lock, &at) == ETIMEDOUT)
            break;
    worker->woken = false;
    (void)pthread_mutex_unlock(&worker->lock);
}

static bool stopping(struct worker *worker)
{
    bool stop;

    (void)pthread_mutex_lock(&worker->lock);
    stop = worker->stop;
    (void)pthread_mutex_unlock(&worker->lock);
    return stop;
}

static void *run(void *user)
{
    struct worker *worker = user;

    (void)memory_budget_enter(MEMORY_PARSING);
    while (!stopping(worker))
        if (!worker_step(worker))
            wait_for_work(worker);
    return NULL;
}

enum status worker_init(struct worker *worker, struct pipeline *pipeline, uint32_t index,
                        struct error *err)
{
    pthread_condattr_t attributes;
    enum status status;

    *worker = (struct worker){.pipeline = pipeline, .index = index};
    (void)pthread_mutex_init(&worker->lock, NULL);
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&worker->wake, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    worker->memory = derive_memory_new(); /* without it only slower */
    for (size_t i = 0; i < COUNT_OF(worker->batches); i++) {
        field_encoder_init(&worker->fields[i]);
        shard_batch_init(&worker->batches[i], &worker->fields[i], worker->memory);
    }
    shard_batch_reset(&worker->batches[1], ++worker->batch_number);
    worker->filling = &worker->batches[0];
    status = compressor_new(&worker->compressor, err);
    if (status == STATUS_OK)
        status = source_set_init(&worker->sources, pipeline->options.store,
                                   pipeline->options.overrides, err);
    return status;
}

enum status worker_start(struct worker *worker, struct error *err)
{
    int error = pthread_create(&worker->thread, NULL, run, worker);

    if (error != 0)
        return error_set_errno(err, error, "collector: cannot start a worker");
    worker->thread_runs = true;
    return STATUS_OK;
}

/* The store still has a pointer to us while a commit runs. */
static void await_commit(struct worker *worker)
{
    const struct pipeline_options *options = &worker->pipeline->options;
    struct error err = {0};

    if (options->manual) {
        while (commit_of(worker) == COMMIT_RUNNING &&
               store_step(options->store, &err) != STATUS_END)
            continue;
        return;
    }
    (void)pthread_mutex_lock(&worker->lock);
    while (worker->commit == COMMIT_RUNNING)
        (void)pthread_cond_wait(&worker->wake, &worker->lock);
    (void)pthread_mutex_unlock(&worker->lock);
}

void worker_stop(struct worker *worker)
{
    (void)pthread_mutex_lock(&worker->lock);
    worker->stop = true;
    (void)pthread_cond_broadcast(&worker->wake);
    (void)pthread_mutex_unlock(&worker->lock);
    if (worker->thread_runs)
        (void)pthread_join(worker->thread, NULL);
    worker->thread_runs = false;
    await_commit(worker);
}

static void drop_parts(struct worker *worker, struct frame_part *part)
{
    struct frame_part *next;

    for (; part != NULL; part = next) {
        next = part->next;
        frame_part_done(worker->pipeline, part->frame);
    }
}

void worker_release(struct worker *worker)
{
    struct pipeline_frame *frame;

    drop_parts(worker, worker->first_part);
    for (size_t i = 0; i < COUNT_OF(worker->batches); i++) {
        drop_parts(worker, worker->batches[i].first_part);
        worker->batches[i].first_part = NULL;
        shard_batch_release(&worker->batches[i]);
        field_encoder_release(&worker->fields[i]);
    }
    while ((frame = take_frame(worker)) != NULL)
        pipeline_frame_free(frame);
    derive_memory_free(worker->memory);
    source_set_release(&worker->sources);
    compressor_free(worker->compressor);
    (void)pthread_cond_destroy(&worker->wake);
    (void)pthread_mutex_destroy(&worker->lock);
}
