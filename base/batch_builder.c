/* BATCH bodies, made. Columns instead of records: the sizes of a file's lines lie together and
 * compress to little, the payload is the file's own bytes with its newlines, so a whole read can be
 * copied at once and the lines of an event lie side by side at the collector. */
#include "base/batch_message.h"

#include "base/byteorder.h"

#include <assert.h>

enum {
    BODY_HEAD_SIZE = 1 + 1 + 8 + 8,
    LINE_COST_MAX = 3 * VARINT_SIZE_MAX + 1, /* columns of one line */
};

/* ---- ranges and labels ---- */

static bool labels_fit(const struct wire_label *labels, uint32_t count)
{
    if (count > BATCH_LABELS_MAX)
        return false;
    for (uint32_t i = 0; i < count; i++)
        if (labels[i].name.len > WIRE_TEXT_SIZE_MAX || labels[i].value.len > WIRE_TEXT_SIZE_MAX)
            return false;
    return true;
}

static void append_text(struct buf *out, struct slice text)
{
    buf_append_varint(out, text.len);
    buf_append_slice(out, text);
}

static void append_labels(struct buf *out, const struct wire_label *labels, uint32_t count)
{
    buf_append_varint(out, count);
    for (uint32_t i = 0; i < count; i++) {
        append_text(out, labels[i].name);
        append_text(out, labels[i].value);
    }
}

static void append_source(struct buf *out, const struct wire_source *source)
{
    buf_append(out, source->generation, WIRE_ID_SIZE);
    buf_append_varint(out, source->truncations);
}

static void append_range(struct buf *out, const struct batch_range *range, uint32_t line_count)
{
    buf_append_byte(out, (char)range->flags);
    append_source(out, &range->source);
    buf_append_varint(out, range->start_offset);
    buf_append_varint(out, range->end_offset - range->start_offset);
    buf_append_u64(out, range->prev_tail);
    buf_append_u64(out, range->end_tail);
    buf_append_varint(out, line_count);
    if (range->flags & RANGE_HANDOFF)
        append_source(out, &range->previous);
    append_text(out, range->path);
    append_text(out, range->role);
    append_text(out, range->format);
    append_labels(out, range->labels, range->label_count);
}

static enum status check_range(const struct batch_range *range, struct error *err)
{
    if (range->path.len > WIRE_TEXT_SIZE_MAX || range->role.len > WIRE_TEXT_SIZE_MAX ||
        range->format.len > WIRE_TEXT_SIZE_MAX || !labels_fit(range->labels, range->label_count))
        return error_set(err, STATUS_INVALID, "a text of the source is longer than %d bytes, or "
                         "it has more than %d labels", WIRE_TEXT_SIZE_MAX, BATCH_LABELS_MAX);
    if (range->start_offset > INT64_MAX)
        return error_set(err, STATUS_INVALID, "the position is out of range");
    return STATUS_OK;
}

static void append_head(struct buf *out, enum batch_kind kind, uint64_t wall_ns,
                        int64_t clock_offset_ns)
{
    buf_append_byte(out, BATCH_VERSION);
    buf_append_byte(out, (char)kind);
    buf_append_u64(out, wall_ns);
    buf_append_u64(out, (uint64_t)clock_offset_ns);
}

/* ---- builder ---- */

struct batch_builder batch_builder_empty(size_t size_max)
{
    struct batch_builder builder = {.size_max = size_max};

    assert(size_max <= FRAME_RAW_SIZE_MAX);
    builder.ranges = builder.sizes = builder.payload = buf_empty(size_max);
    builder.gaps.bytes = builder.extras.bytes = builder.flags.bytes = buf_empty(size_max);
    return builder;
}

size_t batch_builder_size(const struct batch_builder *builder)
{
    return BODY_HEAD_SIZE + builder->ranges.len + builder->sizes.len + builder->payload.len +
           builder->gaps.bytes.len + builder->extras.bytes.len + builder->flags.bytes.len;
}

/* Room for the description of the open range and the trailing zeros of the columns. */
static size_t size_to_end(const struct batch_builder *builder)
{
    const struct batch_range *range = &builder->pending;
    size_t size = 160 + range->path.len + range->role.len + range->format.len;

    for (uint32_t i = 0; i < range->label_count; i++)
        size += 2 * VARINT_SIZE_MAX + range->labels[i].name.len + range->labels[i].value.len;
    return size + 3 * (size_t)builder->line_count;
}

static bool builder_has_room(const struct batch_builder *builder, size_t more)
{
    size_t used = batch_builder_size(builder) + size_to_end(builder);

    return used <= builder->size_max && more <= builder->size_max - used;
}

enum status batch_builder_begin(struct batch_builder *builder, const struct batch_range *range,
                                struct error *err)
{
    enum status status = check_range(range, err);

    assert(!builder->range_open);
    if (status != STATUS_OK)
        return status;
    builder->pending = *range;
    if (builder->range_count >= WIRE_SOURCES_MAX || !builder_has_room(builder, 0))
        return error_set(err, STATUS_TOO_LARGE, "the batch is full");
    builder->range_open = true;
    builder->range_lines = 0;
    builder->next_offset = range->start_offset;
    return STATUS_OK;
}

/* Number of the line that is being added; zeros before it are filled in now. */
static void column_put(struct batch_column *column, uint32_t line, uint64_t value)
{
    if (value == 0)
        return;
    for (; column->covered < line; column->covered++)
        buf_append_byte(&column->bytes, 0);
    buf_append_varint(&column->bytes, value);
    column->covered++;
}

enum status batch_builder_line(struct batch_builder *builder, const struct batch_line *line,
                               struct error *err)
{
    int64_t extra = (int64_t)line->source_len - (int64_t)line->bytes.len - 1;

    assert(builder->range_open);
    assert(line->offset >= builder->next_offset && line->source_len > 0);
    assert(line->bytes.len <= BATCH_LINE_SIZE_MAX);
    if (builder->line_count >= BATCH_LINES_MAX ||
        !builder_has_room(builder, line->bytes.len + 1 + LINE_COST_MAX))
        return error_set(err, STATUS_TOO_LARGE, "the batch is full");
    buf_append_varint(&builder->sizes, line->bytes.len);
    column_put(&builder->gaps, builder->line_count, line->offset - builder->next_offset);
    column_put(&builder->extras, builder->line_count, zigzag(extra));
    column_put(&builder->flags, builder->line_count, line->flags & WIRE_LINE_FLAGS);
    buf_append_slice(&builder->payload, line->bytes);
    buf_append_byte(&builder->payload, '\n');
    builder->line_count++;
    builder->range_lines++;
    builder->next_offset = line->offset + line->source_len;
    return buf_check(&builder->payload, "batch", err);
}

enum status batch_builder_text(struct batch_builder *builder, struct slice text, uint64_t offset,
                               struct error *err)
{
    size_t sizes_before = builder->sizes.len;
    struct slice rest = text, line;
    uint32_t count = 0;

    assert(builder->range_open && offset >= builder->next_offset);
    assert(text.len > 0 && text.data[text.len - 1] == '\n');
    while (slice_cut(&rest, '\n', &line)) {
        assert(line.len <= BATCH_LINE_SIZE_MAX);
        buf_append_varint(&builder->sizes, line.len);
        count++;
    }
    if (builder->sizes.failed || count > BATCH_LINES_MAX - builder->line_count ||
        !builder_has_room(builder, text.len + LINE_COST_MAX + 3 * (size_t)count) ||
        !buf_append_slice(&builder->payload, text)) {
        builder->sizes.len = sizes_before;
        builder->sizes.failed = builder->payload.failed = false;
        return error_set(err, STATUS_TOO_LARGE, "the batch is full");
    }
    column_put(&builder->gaps, builder->line_count, offset - builder->next_offset);
    builder->line_count += count;
    builder->range_lines += count;
    builder->next_offset = offset + text.len;
    return STATUS_OK;
}

enum status batch_builder_end(struct batch_builder *builder, uint64_t end_offset,
                              uint64_t end_tail, uint8_t more_flags, struct error *err)
{
    assert(builder->range_open && end_offset >= builder->next_offset);
    builder->range_open = false;
    builder->pending.end_offset = end_offset;
    builder->pending.end_tail = end_tail;
    builder->pending.flags |= more_flags;
    append_range(&builder->ranges, &builder->pending, builder->range_lines);
    builder->pending = (struct batch_range){0};
    builder->range_count++;
    return buf_check(&builder->ranges, "batch", err);
}

static void append_column(struct buf *out, const struct batch_column *column, uint32_t line_count)
{
    if (column->covered == 0)
        return;
    buf_append_varint(out, column->bytes.len + line_count - column->covered);
    buf_append_slice(out, buf_slice(&column->bytes));
    for (uint32_t i = column->covered; i < line_count; i++)
        buf_append_byte(out, 0);
}

enum status batch_builder_finish(const struct batch_builder *builder, uint64_t wall_ns,
                                 int64_t clock_offset_ns, struct buf *out, struct error *err)
{
    unsigned columns = (builder->gaps.covered > 0 ? COLUMN_GAPS : 0u) |
                       (builder->extras.covered > 0 ? COLUMN_EXTRAS : 0u) |
                       (builder->flags.covered > 0 ? COLUMN_FLAGS : 0u);

    assert(!builder->range_open);
    append_head(out, BATCH_LINES, wall_ns, clock_offset_ns);
    buf_append_varint(out, builder->range_count);
    buf_append_slice(out, buf_slice(&builder->ranges));
    buf_append_byte(out, (char)columns);
    buf_append_varint(out, builder->sizes.len);
    buf_append_slice(out, buf_slice(&builder->sizes));
    append_column(out, &builder->gaps, builder->line_count);
    append_column(out, &builder->extras, builder->line_count);
    append_column(out, &builder->flags, builder->line_count);
    buf_append_slice(out, buf_slice(&builder->payload));
    return buf_check(out, "batch", err);
}

void batch_builder_reset(struct batch_builder *builder)
{
    struct buf *bufs[] = { &builder->ranges,     &builder->sizes,        &builder->payload,
                           &builder->gaps.bytes, &builder->extras.bytes, &builder->flags.bytes };

    for (size_t i = 0; i < COUNT_OF(bufs); i++)
        buf_reset(bufs[i]);
    builder->gaps.covered = builder->extras.covered = builder->flags.covered = 0;
    builder->range_count = builder->line_count = builder->range_lines = 0;
    builder->range_open = false;
    builder->next_offset = 0;
    builder->pending = (struct batch_range){0};
}

void batch_builder_release(struct batch_builder *builder)
{
    batch_builder_reset(builder);
    buf_release(&builder->ranges);
    buf_release(&builder->sizes);
    buf_release(&builder->payload);
    buf_release(&builder->gaps.bytes);
    buf_release(&builder->extras.bytes);
    buf_release(&builder->flags.bytes);
}

/* ---- samples ---- */

static enum status check_series(const struct wire_series *series, uint32_t count,
                                uint32_t range_count, struct error *err)
{
    for (uint32_t i = 0; i < count; i++)
        if (series[i].range >= range_count || series[i].metric.len == 0 ||
            series[i].metric.len > WIRE_TEXT_SIZE_MAX ||
            !labels_fit(series[i].labels, series[i].label_count))
            return error_set(err, STATUS_INVALID, "series %u: bad range, name or labels", i);
    return STATUS_OK;
}

static void append_series(struct buf *out, const struct wire_series *series)
{
    buf_append_varint(out, series->range);
    append_text(out, series->metric);
    append_labels(out, series->labels, series->label_count);
}

static size_t varint_size(uint64_t value)
{
    size_t size = 1;

    for (; value >= 0x80; value >>= 7)
        size++;
    return size;
}

static void append_sample_columns(struct buf *out, const struct wire_sample *samples,
                                  uint32_t count)
{
    size_t index_size = 0, time_size = 0;
    int64_t before = 0;

    for (uint32_t i = 0; i < count; before = samples[i++].time_ns) {
        index_size += varint_size(samples[i].series);
        time_size += varint_size(zigzag(samples[i].time_ns - before));
    }
    buf_append_varint(out, index_size);
    for (uint32_t i = 0; i < count; i++)
        buf_append_varint(out, samples[i].series);
    buf_append_varint(out, time_size);
    before = 0;
    for (uint32_t i = 0; i < count; before = samples[i++].time_ns)
        buf_append_varint(out, zigzag(samples[i].time_ns - before));
    buf_append_varint(out, (uint64_t)count * sizeof(double));
    for (uint32_t i = 0; i < count; i++)
        buf_append(out, &samples[i].value, sizeof(double));
}

enum status batch_samples_append(struct buf *out, const struct batch_samples *batch,
                                 struct error *err)
{
    size_t before = out->len;
    enum status status = check_series(batch->series, batch->series_count, batch->range_count, err);

    assert(batch->range_count <= WIRE_SOURCES_MAX && batch->series_count <= BATCH_SERIES_MAX);
    assert(batch->sample_count <= BATCH_SAMPLES_MAX);
    append_head(out, BATCH_SAMPLES, batch->wall_ns, batch->clock_offset_ns);
    buf_append_varint(out, batch->range_count);
    for (uint32_t i = 0; i < batch->range_count && status == STATUS_OK; i++) {
        status = check_range(&batch->ranges[i], err);
        append_range(out, &batch->ranges[i], 0);
    }
    buf_append_varint(out, batch->series_count);
    for (uint32_t i = 0; i < batch->series_count && status == STATUS_OK; i++)
        append_series(out, &batch->series[i]);
    buf_append_varint(out, batch->sample_count);
    append_sample_columns(out, batch->samples, batch->sample_count);
    if (status == STATUS_OK)
        status = buf_check(out, "batch", err);
    if (status != STATUS_OK) {
        out->len = before;
        out->failed = false;
    }
    return status;
}
