/* One append under construction. Lists grow by doubling inside the arena: the old halves stay
 * unused until the reset, which bounds the waste at the size of the list. */
#include "collector/shard_batch.h"

#include "store/chunk_encode_fields.h"

#include <string.h>

enum {
    LIST_CAPACITY_MIN = 64,
    BATCH_SOURCES_FULL = 4096,
};

/* 4,096 sources with an event of 256 KiB open in each, and what else a batch may hold. */
#define BATCH_OPEN_MAX ((size_t)BATCH_SOURCES_FULL * (256 << 10) + BATCH_ARENA_MAX)

static uint16_t format_index(void *user, const struct format *format)
{
    struct shard_batch *batch = user;

    for (uint16_t i = 0; i < batch->format_count; i++)
        if (batch->format_keys[i] == format)
            return i;
    if (batch->format_count == BATCH_FORMATS_MAX)
        return 0;
    batch->format_keys[batch->format_count] = format;
    batch->formats[batch->format_count] = slice_of(format->name);
    return batch->format_count++;
}

void shard_batch_init(struct shard_batch *batch, struct field_encoder *fields,
                      struct derive_memory *memory)
{
    *batch = (struct shard_batch){.arena = arena_empty(BATCH_ARENA_MAX), .fields = fields};
    batch->sink.memory = memory;
    batch->arena.kept_max = BATCH_ARENA_KEPT;
    shard_batch_reset(batch, 0);
}

void shard_batch_release(struct shard_batch *batch)
{
    arena_release(&batch->arena);
}

void shard_batch_reset(struct shard_batch *batch, uint64_t number)
{
    struct arena arena = batch->arena;
    struct field_encoder *fields = batch->fields;
    struct derive_memory *memory = batch->sink.memory;
    uint32_t expected = event_sink_expect(&batch->sink);

    assert(batch->first_part == NULL);
    arena_reset(&arena);
    arena.size_max = BATCH_ARENA_MAX;
    field_encoder_reset(fields);
    *batch = (struct shard_batch){.number = number, .arena = arena, .fields = fields};
    batch->sink = (struct event_sink){.arena = &batch->arena,
                                      .fields = fields,
                                      .memory = memory,
                                      .format_index = format_index,
                                      .user = batch};
    batch->open = batch->sink;
    batch->sink.expected = expected;
    (void)format_index(batch, &format_raw); /* index 0: what an overflow falls back to */
}

/* Room for one more in a list of the arena. */
static bool grow(struct shard_batch *batch, void *list, size_t size, uint32_t count,
                 uint32_t *capacity)
{
    void **at = list; /* address of a pointer to the elements, of whatever type */
    uint32_t wanted = *capacity == 0 ? LIST_CAPACITY_MIN : *capacity * 2;
    void *grown;

    if (count < *capacity)
        return true;
    grown = arena_take(&batch->arena, size, _Alignof(max_align_t), wanted);
    if (grown == NULL)
        return false;
    if (count > 0)
        memcpy(grown, *at, size * count);
    *at = grown;
    *capacity = wanted;
    return true;
}

/* The five parallel lists of sources grow together. */
static bool grow_sources(struct shard_batch *batch)
{
    uint32_t count = batch->source_count;
    uint32_t a = batch->source_capacity, b = a, c = a, d = a, e = a;

    if (!grow(batch, &batch->states, sizeof(batch->states[0]), count, &a) ||
        !grow(batch, &batch->sources, sizeof(batch->sources[0]), count, &b) ||
        !grow(batch, &batch->watermarks, sizeof(batch->watermarks[0]), count, &c) ||
        !grow(batch, &batch->started, sizeof(batch->started[0]), count, &d) ||
        !grow(batch, &batch->moved, sizeof(batch->moved[0]), count, &e))
        return false;
    batch->source_capacity = a;
    return true;
}

uint32_t shard_batch_source(struct shard_batch *batch, struct source *source)
{
    uint32_t index = batch->source_count;

    if (source->batch_number == batch->number)
        return source->batch_index;
    if (!grow_sources(batch))
        return UINT32_MAX;
    batch->states[index] = source;
    batch->sources[index] = source->about;
    batch->started[index] = source->position.offset;
    batch->watermarks[index] = (struct watermark){0};
    batch->moved[index] = false;
    batch->source_count++;
    batch->touched = true;
    source->batch_number = batch->number;
    source->batch_index = index;
    source->pending++;
    return index;
}

void shard_batch_move(struct shard_batch *batch, struct source *source, uint32_t index,
                      uint64_t offset, uint64_t end_tail)
{
    assert(!source->position.known || offset >= source->position.offset);
    source->position = (struct source_position){true, offset, end_tail};
    atomic_store_explicit(&source->accepted_offset, offset, memory_order_relaxed);
    batch->watermarks[index] = (struct watermark){source->about.id, offset, end_tail};
    batch->moved[index] = true;
}

bool shard_batch_raw_event(struct shard_batch *batch, uint32_t index,
                           const struct source_line *line, int64_t time_ns)
{
    struct event_sink *sink = &batch->sink;
    struct error ignored;

    if (!event_sink_reserve(sink))
        return false;
    sink->events[sink->count] = (struct event){
        .time_ns = time_ns,
        .bytes = line->bytes,
        .offset = line->offset,
        .source = index,
        .source_len = line->source_len,
        .level = LEVEL_INFO,
        .flags = line->flags | EVENT_TIME_GUESSED,
    };
    sink->raw_count++;
    return event_sink_commit(sink, &ignored) == STATUS_OK;
}

bool shard_batch_sample(struct shard_batch *batch, const struct sample *sample)
{
    if (!grow(batch, &batch->samples, sizeof(batch->samples[0]), batch->sample_count,
              &batch->sample_capacity))
        return false;
    batch->samples[batch->sample_count++] = *sample;
    return true;
}

bool shard_batch_loss(struct shard_batch *batch, const struct loss *loss)
{
    if (!grow(batch, &batch->losses, sizeof(batch->losses[0]), batch->loss_count,
              &batch->loss_capacity))
        return false;
    batch->losses[batch->loss_count++] = *loss;
    return true;
}

void shard_batch_part(struct shard_batch *batch, struct frame_part *part)
{
    part->next = NULL;
    if (batch->first_part == NULL)
        batch->first_part = part;
    else
        batch->last_part->next = part;
    batch->last_part = part;
}

bool shard_batch_full(const struct shard_batch *batch)
{
    return batch->raw_size >= BATCH_FILL_SIZE || batch->sink.count >= BATCH_FILL_EVENTS ||
           batch->sample_count >= BATCH_FILL_EVENTS || batch->source_count >= BATCH_SOURCES_FULL ||
           shard_batch_heavy(batch);
}

bool shard_batch_heavy(const struct shard_batch *batch)
{
    return batch->arena.used >= BATCH_ARENA_SOFT || batch->fields->out.len >= BATCH_FIELDS_SOFT;
}

/* ---- towards the store ---- */

/* The parser copies into the sink's arena. What is open must get into this batch, so here the
 * arena's maximum gives way: as much is open as the sources' parsers hold anyway. */
static enum status collect_open(struct shard_batch *batch, uint32_t index, struct error *err)
{
    struct source *source = batch->states[index];
    uint32_t before = batch->open.count;
    enum status status;

    source->open_count = 0;
    if (source->parser == NULL)
        return STATUS_OK;
    batch->open.source = index;
    status = source_parser_open(source->parser, &batch->open, err);
    while (status == STATUS_TOO_LARGE && batch->arena.size_max < BATCH_OPEN_MAX) {
        batch->arena.size_max += BATCH_ARENA_MAX;
        event_sink_cut(&batch->open, before);
        status = source_parser_open(source->parser, &batch->open, err);
    }
    source->open_count = batch->open.count - before;
    return status;
}

enum status shard_batch_seal(struct shard_batch *batch, struct error *err)
{
    enum status status = STATUS_OK;

    batch->sealed_watermarks = arena_new(&batch->arena, struct watermark, batch->source_count);
    if (batch->source_count > 0 && batch->sealed_watermarks == NULL)
        return error_set(err, STATUS_NO_MEMORY, "batch: no memory");
    batch->sealed_watermark_count = 0;
    event_sink_cut(&batch->open, 0);
    for (uint32_t i = 0; i < batch->source_count && status == STATUS_OK; i++) {
        if (batch->moved[i])
            batch->sealed_watermarks[batch->sealed_watermark_count++] = batch->watermarks[i];
        status = collect_open(batch, i, err);
    }
    return status;
}

void shard_batch_view(const struct shard_batch *batch, struct batch *out)
{
    *out = (struct batch){
        .sources = batch->sources,
        .formats = batch->formats,
        .events = batch->sink.events,
        .samples = batch->samples,
        .watermarks = batch->sealed_watermarks,
        .losses = batch->losses,
        .open_events = batch->open.events,
        .fields = batch->sink.fields,
        .source_count = batch->source_count,
        .format_count = batch->format_count,
        .event_count = batch->sink.count,
        .sample_count = batch->sample_count,
        .watermark_count = batch->sealed_watermark_count,
        .loss_count = batch->loss_count,
        .open_event_count = batch->open.count,
    };
}

static bool strip_events(struct event_sink *sink)
{
    bool any = false;

    sink->fields = NULL; /* they were encoded for nothing */
    for (uint32_t i = 0; i < sink->count; i++) {
        any |= sink->events[i].field_count > 0;
        sink->events[i].field_count = 0;
    }
    return any;
}

bool shard_batch_strip(struct shard_batch *batch)
{
    bool events = strip_events(&batch->sink), open = strip_events(&batch->open);

    return events || open;
}

void shard_batch_quarantine(struct shard_batch *batch, int64_t wall_ns)
{
    batch->sink.count = 0;
    batch->open.count = 0;
    batch->sink.fields = batch->open.fields = NULL;
    batch->sample_count = 0;
    for (uint32_t i = 0; i < batch->source_count; i++) {
        struct loss loss = {
            .source = i,
            .from_offset = batch->started[i],
            .to_offset = batch->watermarks[i].durable_offset,
            .time_ns = wall_ns,
            .reason = slice_of(loss_reason_name(LOSS_QUARANTINE)),
        };

        if (batch->moved[i] && loss.from_offset < loss.to_offset)
            (void)shard_batch_loss(batch, &loss); /* without memory the watermark still moves */
    }
}
