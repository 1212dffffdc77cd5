/* collector/shard_batch.h -- what one worker collects for its next append: events, samples,
 * losses and watermarks of several frames, with the frames themselves, since bytes are borrowed
 * from them until the batch is durable.
 * Thread safety: one thread at a time. */
#ifndef DENDRO_COLLECTOR_SHARD_BATCH_H
#define DENDRO_COLLECTOR_SHARD_BATCH_H

#include "base/arena.h"
#include "collector/pipeline.h"

enum { BATCH_FORMATS_MAX = 64 }; /* more than there are formats */

struct shard_batch {
    uint64_t number;               /* tells sources whether they are in this one */
    struct arena arena;
    struct event_sink sink;        /* finished events */
    struct event_sink open;        /* filled by shard_batch_seal() */
    struct field_encoder *fields;  /* of the events of both; borrowed */
    struct source **states;        /* the same index as sources, in the arena */
    struct event_source *sources;
    struct watermark *watermarks;  /* one per source; valid where `moved` */
    uint64_t *started;             /* position before this batch */
    bool *moved;
    uint32_t source_count, source_capacity;
    const struct format *format_keys[BATCH_FORMATS_MAX];
    struct slice formats[BATCH_FORMATS_MAX];
    uint16_t format_count;
    struct sample *samples;
    uint32_t sample_count, sample_capacity;
    struct loss *losses;
    uint32_t loss_count, loss_capacity;
    struct watermark *sealed_watermarks;
    uint32_t sealed_watermark_count;
    struct frame_part *first_part, *last_part;
    uint64_t raw_size;             /* bytes of lines */
    bool touched;                  /* has something for the store */
};

/* `fields` and `memory` are borrowed; `memory` may be NULL: see derive_apply(). */
void shard_batch_init(struct shard_batch *batch, struct field_encoder *fields,
                      struct derive_memory *memory);
void shard_batch_release(struct shard_batch *batch);
/* Empty it under a new number; the parts must have been taken off. */
void shard_batch_reset(struct shard_batch *batch, uint64_t number);

/* Index of the source in this batch, adding it if needed; UINT32_MAX: no memory. */
uint32_t shard_batch_source(struct shard_batch *batch, struct source *source);
/* The source is accepted up to `offset`: becomes its watermark. */
void shard_batch_move(struct shard_batch *batch, struct source *source, uint32_t index,
                      uint64_t offset, uint64_t end_tail);
/* An event of one line, without fields: for lines that must not or cannot be parsed. */
bool shard_batch_raw_event(struct shard_batch *batch, uint32_t index,
                           const struct source_line *line, int64_t time_ns);
bool shard_batch_sample(struct shard_batch *batch, const struct sample *sample);
bool shard_batch_loss(struct shard_batch *batch, const struct loss *loss);
void shard_batch_part(struct shard_batch *batch, struct frame_part *part);

/* No more should go in: append it first. */
bool shard_batch_full(const struct shard_batch *batch);
/* So much is in that the next lines should cost no fields. */
bool shard_batch_heavy(const struct shard_batch *batch);

/* Collect the open events of all its sources; once, before the first shard_batch_view(). They are
 * copied, since parsers go on while the batch is on its way. */
enum status shard_batch_seal(struct shard_batch *batch, struct error *err) WARN_UNUSED;
void shard_batch_view(const struct shard_batch *batch, struct batch *out);

/* The store refuses its content: take the fields away. False: they are away already. */
bool shard_batch_strip(struct shard_batch *batch);
/* Last resort: ranges become LOSS(QUARANTINE), so that one batch cannot block its shard. */
void shard_batch_quarantine(struct shard_batch *batch, int64_t wall_ns);

#endif
