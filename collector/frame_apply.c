/* What one worker does with its part of a frame: for each range of its shard decide by position
 * (dedup.h), feed the lines to the source's parser, move the position. A part always joins the
 * filling batch, even when all of it is duplicate: what it repeats may still be on its way, and an
 * ack must not run ahead of it. */
#include "collector/worker.h"

#include "base/diag.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CLOCK_AHEAD_MAX_S = 600, CLOCK_BEHIND_MAX_S = 30 * 86400 };

/* One range or loss on its way through. */
struct applied {
    struct worker *worker;
    struct pipeline_frame *frame;
    struct source *source;
    uint32_t index;       /* of the source in the filling batch */
    int64_t receive_ns;   /* for lines without a time of their own */
};

static int64_t mono_ns(const struct worker *worker)
{
    return io_mono_ns(worker->pipeline->options.io);
}

/* The shipper's clock at the time of the batch, corrected by its estimate: a spool that is played
 * back an hour late keeps its times. Only if it is plausible. */
static int64_t batch_time(const struct pipeline_frame *frame)
{
    int64_t wall;

    if (frame->message.wall_ns > INT64_MAX ||
        __builtin_add_overflow((int64_t)frame->message.wall_ns, frame->message.clock_offset_ns,
                               &wall))
        return frame->receive_ns;
    if (wall > frame->receive_ns + (int64_t)CLOCK_AHEAD_MAX_S * 1000000000 ||
        wall < frame->receive_ns - (int64_t)CLOCK_BEHIND_MAX_S * 1000000000)
        return frame->receive_ns;
    return wall;
}

/* Memory of the process is gone. Nothing that was acknowledged is lost by ending here, while
 * going on would have to forget lines that the parser has half taken. */
static void out_of_memory(void)
{
    diag_error("out of memory in the middle of a batch; stopping, since unacknowledged "
               "lines come again after a restart");
    abort();
}

/* ---- outcomes ---- */

static struct wire_watermark watermark_of(const struct source *source)
{
    struct wire_watermark mark = {
        .source.truncations = source->about.id.truncations,
        .durable_offset = source->position.offset,
        .tail_hash = source->position.tail_hash,
    };

    memcpy(mark.source.generation, source->about.id.generation, WIRE_ID_SIZE);
    return mark;
}

static void tell_ahead(struct applied *at)
{
    struct pipeline *pipeline = at->worker->pipeline;

    (void)pthread_mutex_lock(&pipeline->outcome_lock);
    if (at->frame->ahead_count < AHEAD_WATERMARKS_MAX)
        at->frame->ahead[at->frame->ahead_count++] = watermark_of(at->source);
    (void)pthread_mutex_unlock(&pipeline->outcome_lock);
}

static void refuse_position(struct applied *at, enum dedup_verdict verdict, uint64_t start)
{
    struct wire_watermark mark = watermark_of(at->source);
    char detail[WIRE_DETAIL_SIZE_MAX];

    if (verdict == DEDUP_GAP)
        (void)snprintf(detail, sizeof(detail), "%.*s: bytes %llu to %llu are missing",
                       SLICE_ARG(slice_first(at->source->about.path, 300)),
                       (unsigned long long)at->source->position.offset, (unsigned long long)start);
    else
        (void)snprintf(detail, sizeof(detail), "%.*s: the bytes before %llu are not those that "
                       "were stored", SLICE_ARG(slice_first(at->source->about.path, 300)),
                       (unsigned long long)start);
    frame_refuse(at->worker->pipeline, at->frame, verdict == DEDUP_GAP ? NACK_GAP : NACK_IDENT,
                 false, &mark, detail);
}

/* True: take the range, from its start or from the position. */
static bool accept(struct applied *at, enum dedup_verdict verdict, uint64_t start)
{
    struct pipeline_counters *counters = &at->worker->pipeline->counters;

    switch (verdict) {
    case DEDUP_APPEND:
        return true;
    case DEDUP_TRIM:
        count_up(&counters->ranges_trimmed, 1);
        tell_ahead(at);
        return true;
    case DEDUP_DUPLICATE:
        count_up(&counters->ranges_duplicate, 1);
        tell_ahead(at);
        return false;
    case DEDUP_GAP:
    case DEDUP_IDENT:
        refuse_position(at, verdict, start);
        return false;
    }
    return false;
}

static bool is_refused(struct pipeline *pipeline, const struct pipeline_frame *frame)
{
    bool refused;

    (void)pthread_mutex_lock(&pipeline->outcome_lock);
    refused = frame->nack_code != 0;
    (void)pthread_mutex_unlock(&pipeline->outcome_lock);
    return refused;
}

/* ---- sources ---- */

static bool is_mine(struct worker *worker, const struct source_id *id)
{
    return store_shard_of(worker->pipeline->options.store, id) == worker->index;
}

static bool find_source(struct applied *at, struct source_description *said)
{
    struct error err = {0};

    said->about.geo = slice_of(at->worker->pipeline->options.geo);
    said->about.host = slice_of(at->frame->host);
    said->about.role = slice_first(said->about.role, NAME_SIZE_MAX);
    if (source_set_get(&at->worker->sources, said, mono_ns(at->worker), &at->source, &err) ==
        STATUS_OK)
        return true;
    frame_refuse(at->worker->pipeline, at->frame, NACK_QUOTA, false, NULL, err.message);
    return false;
}

static void enter_batch(struct applied *at)
{
    at->index = shard_batch_source(at->worker->filling, at->source);
    if (at->index == UINT32_MAX)
        out_of_memory();
    atomic_store_explicit(&at->source->received_ns, at->frame->receive_ns, memory_order_relaxed);
}

/* The parser of a source, made at its first line. Settings that do not compile are dropped. */
static void ensure_parser(struct worker *worker, struct source *source)
{
    struct pipeline *pipeline = worker->pipeline;
    struct format_settings plain = {.path = source->settings.path};
    struct error err = {0};

    if (source->parser != NULL ||
        source_parser_new(source->format, &source->settings, &pipeline->names,
                          pipeline->options.rules, &source->parser, &err) == STATUS_OK)
        return;
    diag_warn("%.*s: its settings are ignored: %s", SLICE_ARG(source->about.path),
              err.message);
    source->settings = plain;
    if (source_parser_new(source->format, &source->settings, &pipeline->names,
                          pipeline->options.rules, &source->parser, &err) != STATUS_OK)
        out_of_memory();
}

/* ---- lines ---- */

static uint8_t event_flags_of(uint8_t wire_flags)
{
    unsigned flags = 0;

    flags |= wire_flags & WIRE_LINE_PARTIAL ? EVENT_PARTIAL : 0u;
    flags |= wire_flags & WIRE_LINE_CONTINUED ? EVENT_CONTINUED : 0u;
    flags |= wire_flags & WIRE_LINE_TRUNCATED ? EVENT_TRUNCATED : 0u;
    flags |= wire_flags & WIRE_LINE_NUL_RUN ? EVENT_NUL_RUN : 0u;
    return (uint8_t)flags;
}

/* End what is open, so that raw events come behind it. */
static void finish_open(struct applied *at)
{
    struct shard_batch *batch = at->worker->filling;
    struct error err = {0};

    batch->sink.source = at->index;
    if (at->source->parser != NULL &&
        source_parser_idle(at->source->parser, mono_ns(at->worker), true, &batch->sink, &err) !=
            STATUS_OK)
        out_of_memory();
}

static bool feed_parsed(struct applied *at, const struct source_line *line)
{
    struct shard_batch *batch = at->worker->filling;
    struct error err; /* set by who fails, and read by nobody: zeros would cost every line */

    if (shard_batch_heavy(batch))
        return false;
    batch->sink.source = at->index;
    return source_parser_feed(at->source->parser, line, at->receive_ns, &batch->sink, &err) ==
           STATUS_OK;
}

/* The next one that is not stored yet. */
static bool next_line(struct batch_reader *reader, uint64_t from, struct batch_line *out)
{
    while (batch_line_next(reader, out))
        if (dedup_line(from, out))
            return true;
    return false;
}

static void feed_lines(struct applied *at, struct batch_reader *reader, uint64_t from, bool raw)
{
    struct shard_batch *batch = at->worker->filling;
    uint32_t events_before = batch->sink.count, count = 0;
    uint64_t raw_before = batch->sink.raw_count, size = 0;
    struct batch_line line;
    bool more = next_line(reader, from, &line);

    while (more) {
        struct source_line one = {line.bytes, line.offset, line.source_len,
                                  event_flags_of(line.flags), false};

        one.followed = more = next_line(reader, from, &line);
        count++;
        size += one.bytes.len + 1;
        if (!raw && feed_parsed(at, &one))
            continue;
        if (!raw)
            finish_open(at);
        raw = true;
        if (!shard_batch_raw_event(batch, at->index, &one, at->receive_ns))
            out_of_memory();
    }
    batch->raw_size += size;
    (void)atomic_fetch_add_explicit(&at->source->line_count, count, memory_order_relaxed);
    count_up(&at->worker->pipeline->counters.lines, count);
    count_up(&at->worker->pipeline->counters.raw_bytes, size);
    count_up(&at->worker->pipeline->counters.events, batch->sink.count - events_before);
    count_up(&at->worker->pipeline->counters.raw_events, batch->sink.raw_count - raw_before);
}

static void feed_range(struct applied *at, struct batch_reader *reader,
                       const struct batch_range *range, uint64_t from)
{
    struct parse_guard *guard = at->worker->pipeline->options.guard;
    bool raw = false;

    if (guard != NULL && range->line_count > 0)
        raw = parse_guard_enter(guard, at->worker->index, &at->source->about.id,
                                range->start_offset, range->end_offset);
    if (raw) {
        count_up(&at->worker->pipeline->counters.guarded_ranges, 1);
        finish_open(at);
    } else {
        ensure_parser(at->worker, at->source);
    }
    feed_lines(at, reader, from, raw);
    if (guard != NULL && range->line_count > 0)
        parse_guard_leave(guard, at->worker->index);
    if (range->flags & RANGE_FINAL) {
        finish_open(at);
        at->source->final = true;
    }
}

/* False: the frame is refused, and the rest of the part is left. */
static bool apply_range(struct applied *at, struct batch_reader *reader,
                        const struct batch_range *range)
{
    struct source_description said = {
        .about = { .id = frame_source_id(at->frame, &range->source),
                   .role = range->role,
                   .path = range->path },
        .format = range->format,
        .label_bytes = range->label_bytes,
    };
    enum dedup_verdict verdict;
    uint64_t from = range->start_offset;

    if (!is_mine(at->worker, &said.about.id))
        return true;
    if (!find_source(at, &said))
        return false;
    verdict = dedup_range(&at->source->position, range, true);
    count_up(&at->worker->pipeline->counters.ranges, 1);
    if (!accept(at, verdict, range->start_offset))
        return verdict == DEDUP_DUPLICATE;
    if (verdict == DEDUP_TRIM)
        from = at->source->position.offset;
    enter_batch(at);
    feed_range(at, reader, range, from);
    shard_batch_move(at->worker->filling, at->source, at->index, range->end_offset,
                     range->end_tail);
    return true;
}

static void apply_lines(struct applied *at)
{
    struct batch_reader reader = batch_read(&at->frame->message);
    struct batch_range range;

    while (batch_range_next(&reader, &range))
        if (!apply_range(at, &reader, &range))
            return;
}

/* ---- samples ---- */

struct sample_range {
    struct source *source; /* NULL: not ours, or all of it is duplicate */
    uint32_t index;        /* in the batch */
    int64_t cut_ns;        /* samples before it are stored already */
};

/* Look at all ranges before any position moves: false if the frame is refused, and then nothing
 * of it may count as stored. */
static bool find_sample_ranges(struct applied *at, struct sample_range *ranges)
{
    struct batch_reader reader = batch_read(&at->frame->message);
    struct batch_range range;

    for (uint32_t i = 0; batch_range_next(&reader, &range); i++) {
        struct source_description said = {
            .about = { .id = frame_source_id(at->frame, &range.source),
                       .role = range.role,
                       .path = range.path },
        };

        if (!is_mine(at->worker, &said.about.id))
            continue;
        if (!find_source(at, &said))
            return false;
        count_up(&at->worker->pipeline->counters.ranges, 1);
        if (!accept(at, dedup_range(&at->source->position, &range, false), range.start_offset))
            continue;
        ranges[i].source = at->source;
        ranges[i].cut_ns = at->source->position.known ? (int64_t)at->source->position.offset : 0;
    }
    return true;
}

static void move_sample_ranges(struct applied *at, struct sample_range *ranges)
{
    struct batch_reader reader = batch_read(&at->frame->message);
    struct batch_range range;

    for (uint32_t i = 0; batch_range_next(&reader, &range); i++) {
        if (ranges[i].source == NULL)
            continue;
        at->source = ranges[i].source;
        enter_batch(at);
        ranges[i].index = at->index;
        if (range.end_offset > at->source->position.offset)
            shard_batch_move(at->worker->filling, at->source, at->index, range.end_offset,
                             TAIL_HASH_UNKNOWN);
    }
}

static void sample_template(struct worker *worker, struct wire_series *series,
                            struct sample *out)
{
    struct label *labels =
        arena_new(&worker->filling->arena, struct label, series->label_count);
    struct wire_label label;

    if (series->label_count > 0 && labels == NULL)
        out_of_memory();
    for (uint32_t i = 0; label_next(&series->label_bytes, &label); i++)
        labels[i] = (struct label){label.name, label.value};
    out->metric = series->metric;
    out->labels = labels;
    out->label_count = series->label_count;
}

static void apply_samples(struct applied *at)
{
    const struct batch_message *message = &at->frame->message;
    struct arena *arena = &at->worker->filling->arena;
    struct sample_range *ranges = arena_new(arena, struct sample_range, message->range_count);
    struct sample *templates = arena_new(arena, struct sample, message->series_count);
    struct sample_range **range_of = arena_new(arena, struct sample_range *, message->series_count);
    struct series_reader series_reader = batch_read_series(message);
    struct sample_reader reader = batch_read_samples(message);
    struct wire_series series;
    struct wire_sample one;
    uint32_t count = 0;

    if (message->series_count == 0 || message->range_count == 0)
        return;
    if (ranges == NULL || templates == NULL || range_of == NULL)
        out_of_memory();
    if (!find_sample_ranges(at, ranges))
        return;
    move_sample_ranges(at, ranges);
    for (uint32_t i = 0; batch_series_next(&series_reader, &series); i++) {
        range_of[i] = &ranges[series.range];
        templates[i].source = range_of[i]->index;
        if (range_of[i]->source != NULL)
            sample_template(at->worker, &series, &templates[i]);
    }
    while (batch_sample_next(&reader, &one)) {
        struct sample sample = templates[one.series];

        if (range_of[one.series]->source == NULL || one.time_ns < range_of[one.series]->cut_ns)
            continue;
        sample.time_ns = one.time_ns;
        sample.value = one.value;
        if (!shard_batch_sample(at->worker->filling, &sample))
            out_of_memory();
        count++;
    }
    count_up(&at->worker->pipeline->counters.samples, count);
}

/* ---- losses ---- */

static void apply_loss(struct applied *at)
{
    const struct loss_message *said_loss = &at->frame->loss;
    struct source_description said = {
        .about = { .id = frame_source_id(at->frame, &said_loss->source),
                   .role = said_loss->role,
                   .path = said_loss->path },
    };
    bool contiguous = at->frame->header.lane != LANE_METRICS;
    struct loss loss = {
        .from_offset = said_loss->from_offset,
        .to_offset = said_loss->to_offset,
        .time_ns = said_loss->wall_ns <= INT64_MAX ? (int64_t)said_loss->wall_ns
                                                   : at->frame->receive_ns,
        .reason = slice_of(loss_reason_name(said_loss->reason)),
    };
    enum dedup_verdict verdict;

    if (!find_source(at, &said))
        return;
    verdict = dedup_loss(&at->source->position, loss.from_offset, loss.to_offset, contiguous);
    if (!accept(at, verdict, loss.from_offset))
        return;
    if (verdict == DEDUP_TRIM)
        loss.from_offset = at->source->position.offset;
    enter_batch(at);
    loss.source = at->index;
    if (!shard_batch_loss(at->worker->filling, &loss))
        out_of_memory();
    shard_batch_move(at->worker->filling, at->source, at->index, loss.to_offset,
                     said_loss->end_tail);
    count_up(&at->worker->pipeline->counters.losses, 1);
    count_up(&at->worker->pipeline->counters.lost_bytes, said_loss->size);
}

/* ---- the worker's calls ---- */

void frame_apply(struct worker *worker, struct frame_part *part)
{
    struct applied at = {.worker = worker, .frame = part->frame,
                         .receive_ns = batch_time(part->frame)};

    if (!is_refused(worker->pipeline, part->frame)) {
        if (part->frame->header.type == FRAME_LOSS)
            apply_loss(&at);
        else if (part->frame->message.kind == BATCH_SAMPLES)
            apply_samples(&at);
        else
            apply_lines(&at);
    }
    shard_batch_part(worker->filling, part);
}

void frame_apply_idle(struct worker *worker)
{
    struct shard_batch *batch = worker->filling;
    int64_t now = mono_ns(worker);
    struct error err = {0};

    for (uint32_t i = 0; i < worker->sources.count && !shard_batch_full(batch); i++) {
        struct source *source = worker->sources.sources[i];
        uint32_t before = batch->sink.count, events;

        if (source->open_count == 0 || source->parser == NULL)
            continue;
        /* The index is only needed if something ends: try with the next one. */
        batch->sink.source = source->batch_number == batch->number ? source->batch_index
                                                                   : batch->source_count;
        if (source_parser_idle(source->parser, now, false, &batch->sink, &err) != STATUS_OK)
            return;
        events = batch->sink.count - before;
        if (events > 0 && shard_batch_source(batch, source) == UINT32_MAX)
            out_of_memory();
        count_up(&worker->pipeline->counters.events, events);
    }
}

enum status worker_restore(struct worker *worker, const struct event_source *from,
                           struct slice format, const struct event *event, struct error *err)
{
    struct source_description said = {.about = *from, .format = format};
    struct source *source = NULL;
    enum status status =
        source_set_get(&worker->sources, &said, mono_ns(worker), &source, err);

    if (status != STATUS_OK)
        return status;
    ensure_parser(worker, source);
    status = source_parser_restore(source->parser, format_find(format), event, err);
    if (status == STATUS_OK)
        source->open_count++;
    return status;
}
