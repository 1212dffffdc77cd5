/* collector/pipeline.h -- frames in, durable rows out.
 *
 *   submit -> [decode: inflate, check] -> parts, one per shard -> [dedup, parse, fill a batch]
 *          -> store_append -> durable -> done
 *
 * There is one worker per shard of the store. A shipper's frames are decoded by one worker, in
 * order; a source's ranges are parsed by the worker of its shard, in order. While one batch of a
 * worker is being made durable, the next is filled: group commit without a timer. A batch that the
 * store refuses is kept and offered again until it is taken, so a full disk costs time, never a
 * row, and positions only ever move forward.
 *
 * Thread safety: pipeline_submit() and the answers for status may be called from any thread. */
#ifndef DENDRO_COLLECTOR_PIPELINE_H
#define DENDRO_COLLECTOR_PIPELINE_H

#include "base/batch_message.h"
#include "base/frame.h"
#include "base/io.h"
#include "base/message.h"
#include "collector/derive.h"
#include "collector/limits.h"
#include "collector/parse_guard.h"
#include "collector/source_settings.h"
#include "collector/source_set.h"
#include "store/store.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct pipeline;
struct pipeline_frame;

struct frame_part { /* what one worker has to do for a frame */
    struct pipeline_frame *frame;
    struct frame_part *next;
};

/* One BATCH or LOSS frame on its way; the input makes it and gets it back in done(). */
struct pipeline_frame {
    /* set by the input */
    struct frame_header header;
    struct buf body;             /* as sent; owned */
    uint8_t shipper[WIRE_ID_SIZE];
    char host[NAME_SIZE_MAX + 1];
    int64_t receive_ns;          /* wall clock */
    int64_t submit_ns;           /* monotonic */
    void *owner;                 /* the input's own */
    struct pipeline_frame *next; /* free for whoever holds the frame */

    /* outcome, valid in done() */
    uint8_t nack_code;           /* 0: durable; else enum nack_code */
    bool permanent;
    bool has_watermark;          /* of the source that was refused */
    struct wire_watermark watermark;
    uint32_t ahead_count;        /* sources whose range was trimmed or a duplicate */
    struct wire_watermark ahead[AHEAD_WATERMARKS_MAX];
    char detail[WIRE_DETAIL_SIZE_MAX];
    _Atomic int64_t store_ns;    /* how long the store had its last part */

    /* the pipeline's own */
    struct buf raw;
    struct batch_message message;
    struct loss_message loss;
    size_t inflated_size;        /* charged */
    atomic_uint parts_left;
    struct frame_part parts[WORKERS_MAX];
};

struct pipeline_options {
    struct store *store;
    struct io *io;
    const char *geo;
    const struct derive_rules *rules;
    const struct source_overrides *overrides; /* may be NULL */
    struct parse_guard *guard;                /* may be NULL */
    uint32_t worker_count;                    /* shards of the store */
    size_t inflated_size_max;                 /* 0: INFLATED_SIZE_MAX */
    bool manual;                              /* tests: no threads, see pipeline_step() */
    /* Runs on a worker thread when everything of the frame is durable, or it is refused. */
    void (*done)(void *user, struct pipeline_frame *frame);
    void *user;
};

/* Starts the workers and takes up the events that were open at the last commit. Options are
 * copied; what they point to must outlive the pipeline. */
enum status pipeline_open(const struct pipeline_options *options, struct pipeline **out,
                          struct error *err) WARN_UNUSED;
/* Stop the workers: what is queued is dropped without done(), since nobody was promised it; what
 * is at the store is awaited. Frames not given back are freed. */
void pipeline_close(struct pipeline *pipeline);

struct pipeline_frame *pipeline_frame_new(void); /* NULL: no memory */
void pipeline_frame_free(struct pipeline_frame *frame);

/* Takes the frame (BATCH or LOSS with an intact body). */
void pipeline_submit(struct pipeline *pipeline, struct pipeline_frame *frame);
/* Bytes of frames as received that are not done yet. */
size_t pipeline_queued_size(const struct pipeline *pipeline);
/* False, with the reason, while the store refuses batches. */
bool pipeline_ready(struct pipeline *pipeline, struct error *err);

/* options.manual: one piece of work on this thread; false if there is none. */
bool pipeline_step(struct pipeline *pipeline);

struct pipeline_stats {
    uint64_t batches, lines, events, raw_events, samples, raw_bytes;
    uint64_t ranges, ranges_trimmed, ranges_duplicate, losses, lost_bytes;
    uint64_t commits, commit_retries, guarded_ranges, stripped_batches, quarantined_batches;
    uint64_t stripped_events, queued_bytes, inflated_bytes, sources;
};
void pipeline_stats(struct pipeline *pipeline, struct pipeline_stats *out);
/* Every source in memory; `visit` must be quick. */
void pipeline_sources(struct pipeline *pipeline, source_visit *visit, void *user);

#endif
