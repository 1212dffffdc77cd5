/* From bytes as sent to a checked message, within a budget that is charged before inflating. A
 * frame that cannot be decoded is refused for ever (the shipper puts a LOSS in its place), so
 * nothing undecodable is acknowledged and nothing undecodable blocks its lane. */
#include "collector/worker.h"

#include "base/memory_budget.h"
#include "base/spare.h"

static bool charge(struct pipeline *pipeline, size_t size)
{
    size_t used = atomic_load(&pipeline->inflated_size);

    for (;;) {
        /* One frame always fits, whatever the budget. */
        if (used > 0 && used + size > pipeline->options.inflated_size_max) {
            atomic_store(&pipeline->budget_wanted, true);
            used = atomic_load(&pipeline->inflated_size); /* it may have fallen before the flag */
            if (used > 0 && used + size > pipeline->options.inflated_size_max)
                return false;
        }
        if (atomic_compare_exchange_weak(&pipeline->inflated_size, &used, used + size))
            return true;
    }
}

static enum status inflate(struct worker *worker, struct pipeline_frame *frame, struct slice *raw,
                           struct error *err)
{
    struct frame view = {.header = frame->header, .body = buf_slice(&frame->body)};

    enum status status;

    frame->raw = buf_empty_spare(frame->header.raw_size);
    status = frame_raw(&view, worker->compressor, &frame->raw, raw, err);
    if (frame->raw.data != NULL)
        spare_charge(frame->raw.data, MEMORY_RECEIVED);
    return status;
}

/* Bit n: worker n has to do something for this frame. */
static uint32_t shards_of(struct worker *worker, const struct pipeline_frame *frame)
{
    struct store *store = worker->pipeline->options.store;
    struct batch_reader reader = batch_read(&frame->message);
    struct batch_range range;
    struct source_id id;
    uint32_t shards = 0;

    if (frame->header.type == FRAME_LOSS) {
        id = frame_source_id(frame, &frame->loss.source);
        return 1u << store_shard_of(store, &id);
    }
    while (batch_range_next(&reader, &range)) {
        id = frame_source_id(frame, &range.source);
        shards |= 1u << store_shard_of(store, &id);
        reader.lines_left = 0; /* only sources matter here */
    }
    return shards;
}

static void hand_out(struct worker *worker, struct pipeline_frame *frame)
{
    struct pipeline *pipeline = worker->pipeline;
    uint32_t shards = shards_of(worker, frame);

    if (shards == 0) /* no range: nothing to store, but it has its place in the order */
        shards = 1u << worker->index;
    atomic_store(&frame->parts_left, (unsigned)__builtin_popcount(shards));
    for (uint32_t i = 0; i < pipeline->worker_count; i++)
        if (shards & (1u << i)) {
            frame->parts[i].frame = frame;
            worker_put_part(&pipeline->workers[i], &frame->parts[i]);
            shards &= ~(1u << i);
            if (shards == 0)
                return; /* the last part is out: the frame may be gone */
        }
}

bool frame_decode(struct worker *worker, struct pipeline_frame *frame)
{
    struct pipeline *pipeline = worker->pipeline;
    size_t size = frame->header.codec == CODEC_NONE ? 0 : frame->header.raw_size;
    struct error err = {0};
    struct slice raw = {0};
    enum nack_code code = NACK_DECOMP;
    enum status status;

    if (!charge(pipeline, size))
        return false;
    frame->inflated_size = size;
    status = inflate(worker, frame, &raw, &err);
    if (status == STATUS_OK) {
        code = NACK_SCHEMA;
        status = frame->header.type == FRAME_LOSS ? loss_message_decode(raw, &frame->loss, &err)
                                                  : batch_decode(raw, &frame->message, &err);
    }
    if (status == STATUS_OK) {
        count_up(&pipeline->counters.batches, 1);
        hand_out(worker, frame);
        return true;
    }
    atomic_store(&frame->parts_left, 1);
    frame_refuse(pipeline, frame, status == STATUS_NO_MEMORY ? NACK_QUOTA : code,
                 status != STATUS_NO_MEMORY, NULL, err.message);
    frame_part_done(pipeline, frame);
    return true;
}
