/* collector/worker.h -- one worker of the pipeline: the thread of one shard, and the state machine
 * that it runs.
 *
 *   frames  -> decode -> a part for each shard that the frame touches
 *   parts   -> dedup, parse -> `filling`
 *   filling -> (nothing in flight) seal, store_append -> `in_flight` -> durable -> done
 *
 * worker_step() does one piece of the first of these that can go on, and never waits; the thread
 * waits between steps. Parts go before frames, so that what is inflated leaves before more is
 * inflated, and the end of the line (the store) holds back the beginning.
 * Thread safety: worker_put_*() and worker_wake() from any thread; the rest on the worker's own. */
#ifndef DENDRO_COLLECTOR_WORKER_H
#define DENDRO_COLLECTOR_WORKER_H

#include "base/compress.h"
#include "collector/pipeline.h"
#include "collector/shard_batch.h"
#include "store/chunk_encode_fields.h"

#include <pthread.h>
#include <string.h>

struct pipeline_counters { /* relaxed atomics: any thread adds */
    _Atomic uint64_t batches, lines, events, raw_events, samples, raw_bytes;
    _Atomic uint64_t ranges, ranges_trimmed, ranges_duplicate, losses, lost_bytes;
    _Atomic uint64_t commits, commit_retries, guarded_ranges, stripped_batches;
    _Atomic uint64_t stripped_events;
    _Atomic uint64_t quarantined_batches;
};

static inline void count_up(_Atomic uint64_t *counter, uint64_t by)
{
    (void)atomic_fetch_add_explicit(counter, by, memory_order_relaxed);
}

enum commit_state { COMMIT_NONE, COMMIT_WAITS, COMMIT_RUNNING, COMMIT_ENDED };

struct worker {
    struct pipeline *pipeline;
    uint32_t index; /* of the worker and of its shard */
    pthread_t thread;
    bool thread_runs;

    pthread_mutex_t lock; /* of the next five */
    pthread_cond_t wake;
    struct frame_part *first_part, *last_part;
    struct pipeline_frame *first_frame, *last_frame;
    enum commit_state commit;    /* of in_flight */
    struct error commit_result;  /* with COMMIT_ENDED */
    bool stop, woken;

    struct compressor *compressor;
    struct source_set sources;
    struct derive_memory *memory;
    struct field_encoder fields[2]; /* of each batch */
    struct shard_batch batches[2];
    struct shard_batch *filling, *in_flight; /* in_flight NULL with COMMIT_NONE */
    uint64_t batch_number;
    bool in_flight_sealed;
    bool refused;                /* counted in pipeline.refusing; under outcome_lock */
    int64_t offered_ns;          /* with COMMIT_RUNNING: since then */
    int64_t retry_at_ns;         /* with COMMIT_WAITS */
    int64_t idle_check_ns;       /* of the next look at open events */
    int64_t swept_ns;            /* of the last sweep of sources */
};

struct pipeline {
    struct pipeline_options options;
    struct field_names names;
    struct worker *workers;
    uint32_t worker_count;
    bool closing;                 /* all threads have ended: frames are freed, not given back */
    _Atomic size_t queued_size;
    _Atomic size_t inflated_size;
    atomic_bool budget_wanted;    /* a worker waits for inflated_size to fall */
    _Atomic uint32_t refusing;    /* workers whose batch the store refuses */
    pthread_mutex_t outcome_lock; /* of frames' outcomes and of refusal */
    struct error refusal;
    struct pipeline_counters counters;
};

enum status worker_init(struct worker *worker, struct pipeline *pipeline, uint32_t index,
                        struct error *err) WARN_UNUSED;
enum status worker_start(struct worker *worker, struct error *err) WARN_UNUSED;
/* Ends the thread; then release. */
void worker_stop(struct worker *worker);
void worker_release(struct worker *worker);

void worker_put_frame(struct worker *worker, struct pipeline_frame *frame);
void worker_put_part(struct worker *worker, struct frame_part *part);
void worker_wake(struct worker *worker);

/* One piece of work; false if there is none now. */
bool worker_step(struct worker *worker);

/* Take up an event that was open at the last commit. */
enum status worker_restore(struct worker *worker, const struct event_source *from,
                           struct slice format, const struct event *event,
                           struct error *err) WARN_UNUSED;

/* collector/frame_decode.c: inflate and check a frame, then hand its parts to the workers.
 * False: no room in the budget of inflated bytes now; the frame is untouched. */
bool frame_decode(struct worker *worker, struct pipeline_frame *frame);
/* collector/frame_apply.c: dedup and parse what belongs to this worker's shard. */
void frame_apply(struct worker *worker, struct frame_part *part);
/* Finish open events that wait too long, into worker->filling. */
void frame_apply_idle(struct worker *worker);

static inline struct source_id frame_source_id(const struct pipeline_frame *frame,
                                               const struct wire_source *source)
{
    struct source_id id = {.truncations = source->truncations};

    memcpy(id.shipper, frame->shipper, sizeof(id.shipper));
    memcpy(id.generation, source->generation, sizeof(id.generation));
    return id;
}

/* First refusal of a frame wins; any worker. */
void frame_refuse(struct pipeline *pipeline, struct pipeline_frame *frame, enum nack_code code,
                  bool permanent, const struct wire_watermark *watermark, const char *detail);
/* One of its parts is finished; the last one gives the frame back (frees it while closing). */
void frame_part_done(struct pipeline *pipeline, struct pipeline_frame *frame);

#endif
