/* shipper/batcher.c -- batch_builder plus the memory of what is in it.
 *
 * The range of a source stays open over several turns; its end is wherever the source has been
 * read to when another source, or the end of the batch, comes. */
#include "shipper/batcher.h"

#include "shipper/limits.h"

#include <assert.h>

void batcher_init(struct batcher *batcher, const struct shipper_settings *settings)
{
    *batcher =
        (struct batcher){.size_target = settings->batch_size, .age_ns = settings->batch_age_ns};
    /* A full turn, or the longest line, must fit on top of an almost full batch. */
    batcher->builder =
        batch_builder_empty((size_t)settings->batch_size + (size_t)2 * LINE_SIZE_CEILING);
}

void batcher_release(struct batcher *batcher)
{
    batch_builder_release(&batcher->builder);
}

bool batcher_is_full(const struct batcher *batcher)
{
    return batcher->range_count == BATCH_SOURCES_MAX ||
           batcher->builder.line_count >= BATCH_LINES_TARGET ||
           batch_builder_size(&batcher->builder) >= batcher->size_target;
}

bool batcher_is_due(const struct batcher *batcher, int64_t now_ns)
{
    return !batcher_is_empty(batcher) &&
           (batcher_is_full(batcher) || now_ns - batcher->opened_ns >= batcher->age_ns);
}

static struct batch_range describe(const struct source *source)
{
    const struct source_settings *settings = source->settings;
    struct batch_range range = {
        .start_offset = source->read_off,
        .prev_tail = source->read_tail,
        .path = slice_of(source->gen.path),
        .role = slice_of(settings->role),
        .format = slice_of(settings->format),
        .labels = settings->labels,
        .label_count = settings->label_count,
    };

    memcpy(range.source.generation, source->gen.gen_id, GEN_ID_SIZE);
    range.source.truncations = source->gen.trunc_no;
    if (!source->begun) {
        range.flags = RANGE_BEGIN;
        if (source->has_previous) {
            range.flags |= RANGE_HANDOFF;
            range.previous = source->previous;
        }
    }
    return range;
}

enum status batcher_open(struct batcher *batcher, struct source *source, int64_t now_ns,
                         struct error *err)
{
    struct batch_range range;
    enum status status;

    if (batcher->open == source)
        return STATUS_OK;
    status = batcher_end_range(batcher, 0, err);
    if (status != STATUS_OK)
        return status;
    if (batcher->range_count == BATCH_SOURCES_MAX)
        return error_set(err, STATUS_TOO_LARGE, "the batch has %d ranges", BATCH_SOURCES_MAX);
    range = describe(source);
    status = batch_builder_begin(&batcher->builder, &range, err);
    if (status != STATUS_OK)
        return status;
    if (batcher->range_count == 0)
        batcher->opened_ns = now_ns;
    batcher->ranges[batcher->range_count++] = (struct sent_range){.source = source,
                                                                  .start = source->read_off,
                                                                  .end = source->read_off,
                                                                  .start_tail = source->read_tail};
    batcher->open = source;
    source->begun = true;
    source->in_flight++;
    return STATUS_OK;
}

enum status batcher_line(struct batcher *batcher, const struct batch_line *line, struct error *err)
{
    assert(batcher->open != NULL);
    return batch_builder_line(&batcher->builder, line, err);
}

enum status batcher_text(struct batcher *batcher, struct slice text, uint64_t offset,
                         struct error *err)
{
    assert(batcher->open != NULL);
    return batch_builder_text(&batcher->builder, text, offset, err);
}

enum status batcher_end_range(struct batcher *batcher, uint8_t more_flags, struct error *err)
{
    struct sent_range *range;

    if (batcher->open == NULL)
        return STATUS_OK;
    range = &batcher->ranges[batcher->range_count - 1];
    range->end = batcher->open->read_off;
    range->end_tail = batcher->open->read_tail;
    batcher->open = NULL;
    return batch_builder_end(&batcher->builder, range->end, range->end_tail, more_flags, err);
}

enum status batcher_final(struct batcher *batcher, struct source *source, int64_t now_ns,
                          struct error *err)
{
    enum status status = batcher_open(batcher, source, now_ns, err);

    return status == STATUS_OK ? batcher_end_range(batcher, RANGE_FINAL, err) : status;
}

enum status batcher_finish(struct batcher *batcher, uint64_t wall_ns, int64_t clock_offset_ns,
                           struct buf *out, struct error *err)
{
    enum status status = batcher_end_range(batcher, 0, err);

    return status == STATUS_OK
               ? batch_builder_finish(&batcher->builder, wall_ns, clock_offset_ns, out, err)
               : status;
}

void batcher_reset(struct batcher *batcher)
{
    batch_builder_reset(&batcher->builder);
    batcher->range_count = 0;
    batcher->open = NULL;
}
