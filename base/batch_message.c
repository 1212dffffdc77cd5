/* BATCH bodies. Columns instead of records: the sizes of a file's lines lie together and compress
 * to little, the payload is the file's own bytes with its newlines, so a whole read can be copied
 * at once and the lines of an event lie side by side at the collector. The decoder walks the body
 * once and checks every count, size and offset; the iterators then only step. */
#include "base/batch_message.h"

#include "base/byteorder.h"

#include <assert.h>
#include <string.h>

enum { COLUMN_GAPS = 1, COLUMN_EXTRAS = 2, COLUMN_FLAGS = 4, COLUMNS_ALL = 7 };

enum {
    BODY_HEAD_SIZE = 1 + 1 + 8 + 8,
    LINE_COST_MAX = 3 * VARINT_SIZE_MAX + 1, /* columns of one line */
    RANGE_FLAGS_ALL = RANGE_BEGIN | RANGE_HANDOFF | RANGE_FINAL | RANGE_RESENT,
};

/* ---- ranges and labels, both ways ---- */

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

static bool take_short_text(struct slice *rest, struct slice *out)
{
    return take_text(rest, out) && out->len <= WIRE_TEXT_SIZE_MAX;
}

/* A count and that many labels: `bytes` is what label_next() reads. */
static bool take_labels(struct slice *rest, struct slice *bytes, uint32_t *count)
{
    uint64_t value;
    struct slice at, text;

    if (!take_varint(rest, &value) || value > BATCH_LABELS_MAX)
        return false;
    at = *rest;
    for (uint64_t i = 0; i < 2 * value; i++)
        if (!take_short_text(&at, &text))
            return false;
    *bytes = slice_first(*rest, rest->len - at.len);
    *count = (uint32_t)value;
    *rest = at;
    return true;
}

bool label_next(struct slice *label_bytes, struct wire_label *out)
{
    return take_text(label_bytes, &out->name) && take_text(label_bytes, &out->value);
}

static void append_source(struct buf *out, const struct wire_source *source)
{
    buf_append(out, source->generation, WIRE_ID_SIZE);
    buf_append_varint(out, source->truncations);
}

static bool take_source(struct slice *rest, struct wire_source *out)
{
    struct slice id;
    uint64_t truncations;

    if (!take_bytes(rest, WIRE_ID_SIZE, &id) || !take_varint(rest, &truncations) ||
        truncations > UINT32_MAX)
        return false;
    memcpy(out->generation, id.data, WIRE_ID_SIZE);
    out->truncations = (uint32_t)truncations;
    return true;
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

static bool take_position(struct slice *rest, struct batch_range *out)
{
    uint64_t len, lines;

    if (!take_varint(rest, &out->start_offset) || !take_varint(rest, &len) ||
        out->start_offset > INT64_MAX || len > INT64_MAX - out->start_offset ||
        !take_u64(rest, &out->prev_tail) || !take_u64(rest, &out->end_tail) ||
        !take_varint(rest, &lines) || lines > BATCH_LINES_MAX)
        return false;
    out->end_offset = out->start_offset + len;
    out->line_count = (uint32_t)lines;
    return true;
}

static bool take_range(struct slice *rest, struct batch_range *out)
{
    *out = (struct batch_range){0};
    return take_u8(rest, &out->flags) && (out->flags & ~RANGE_FLAGS_ALL) == 0 &&
           take_source(rest, &out->source) && take_position(rest, out) &&
           ((out->flags & RANGE_HANDOFF) == 0 || take_source(rest, &out->previous)) &&
           take_short_text(rest, &out->path) && take_short_text(rest, &out->role) &&
           take_short_text(rest, &out->format) &&
           take_labels(rest, &out->label_bytes, &out->label_count);
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

enum status batch_samples_append(struct buf *out, uint64_t wall_ns, int64_t clock_offset_ns,
                                 const struct batch_range *ranges, uint32_t range_count,
                                 const struct wire_series *series, uint32_t series_count,
                                 const struct wire_sample *samples, uint32_t sample_count,
                                 struct error *err)
{
    size_t before = out->len;
    enum status status = check_series(series, series_count, range_count, err);

    assert(range_count <= WIRE_SOURCES_MAX && series_count <= BATCH_SERIES_MAX);
    assert(sample_count <= BATCH_SAMPLES_MAX);
    append_head(out, BATCH_SAMPLES, wall_ns, clock_offset_ns);
    buf_append_varint(out, range_count);
    for (uint32_t i = 0; i < range_count && status == STATUS_OK; i++) {
        status = check_range(&ranges[i], err);
        append_range(out, &ranges[i], 0);
    }
    buf_append_varint(out, series_count);
    for (uint32_t i = 0; i < series_count && status == STATUS_OK; i++)
        append_series(out, &series[i]);
    buf_append_varint(out, sample_count);
    append_sample_columns(out, samples, sample_count);
    if (status == STATUS_OK)
        status = buf_check(out, "batch", err);
    if (status != STATUS_OK) {
        out->len = before;
        out->failed = false;
    }
    return status;
}

/* ---- decoder ---- */

static bool take_column(struct slice *rest, bool present, struct slice *out)
{
    *out = (struct slice){0};
    return !present || take_text(rest, out);
}

static bool take_ranges(struct slice *rest, struct batch_message *out)
{
    uint64_t count;
    struct slice at;
    struct batch_range range;

    if (!take_varint(rest, &count) || count > WIRE_SOURCES_MAX)
        return false;
    at = *rest;
    out->range_count = (uint32_t)count;
    for (uint64_t i = 0; i < count; i++) {
        if (!take_range(&at, &range) || range.line_count > BATCH_LINES_MAX - out->line_count ||
            (out->kind == BATCH_SAMPLES && range.line_count > 0))
            return false;
        out->line_count += range.line_count;
    }
    out->ranges = slice_first(*rest, rest->len - at.len);
    *rest = at;
    return true;
}

/* Step over one line; false when a column ends early or a rule of the header is broken. */
static bool take_line(struct batch_reader *reader, struct batch_line *out)
{
    uint64_t size, gap = 0, extra = 0;
    int64_t source_len;

    *out = (struct batch_line){0};
    if (!take_varint(&reader->sizes, &size) || size > BATCH_LINE_SIZE_MAX ||
        (reader->gaps.data != NULL && !take_varint(&reader->gaps, &gap)) ||
        (reader->extras.data != NULL && !take_varint(&reader->extras, &extra)) ||
        (reader->flags.data != NULL && !take_u8(&reader->flags, &out->flags)) ||
        !take_bytes(&reader->payload, size, &out->bytes) || reader->payload.len == 0 ||
        reader->payload.data[0] != '\n' || (out->flags & ~WIRE_LINE_FLAGS) != 0)
        return false;
    reader->payload = slice_from(reader->payload, 1);
    if (gap > INT64_MAX - reader->offset || unzigzag(extra) > UINT32_MAX ||
        unzigzag(extra) < -(int64_t)BATCH_LINE_SIZE_MAX - 1)
        return false;
    source_len = (int64_t)size + 1 + unzigzag(extra);
    if (source_len <= 0 || source_len > UINT32_MAX)
        return false;
    out->offset = reader->offset + gap;
    out->source_len = (uint32_t)source_len;
    if (out->source_len > INT64_MAX - out->offset)
        return false;
    reader->offset = out->offset + out->source_len;
    return true;
}

static enum status check_lines(const struct batch_message *message, struct error *err)
{
    struct batch_reader reader = batch_read(message);
    struct batch_range range;
    struct batch_line line;

    for (uint32_t index = 0; batch_range_next(&reader, &range); index++) {
        for (uint32_t i = 0; i < range.line_count; i++)
            if (!take_line(&reader, &line) || reader.offset > range.end_offset)
                return error_set(err, STATUS_INVALID, "batch: range %u: line %u of %u: its size, "
                                 "position or flags are wrong", index, i, range.line_count);
        reader.lines_left = 0;
    }
    if (reader.sizes.len + reader.gaps.len + reader.extras.len + reader.flags.len +
            reader.payload.len > 0)
        return error_set(err, STATUS_INVALID, "batch: bytes behind the last line");
    return STATUS_OK;
}

static enum status decode_lines(struct slice rest, struct batch_message *out, struct error *err)
{
    uint8_t columns;

    if (!take_u8(&rest, &columns) || (columns & ~COLUMNS_ALL) != 0 ||
        !take_column(&rest, true, &out->sizes) ||
        !take_column(&rest, columns & COLUMN_GAPS, &out->gaps) ||
        !take_column(&rest, columns & COLUMN_EXTRAS, &out->extras) ||
        !take_column(&rest, columns & COLUMN_FLAGS, &out->flags))
        return error_set(err, STATUS_INVALID, "batch: the columns of the lines are cut short");
    out->payload = rest;
    return check_lines(out, err);
}

static bool take_series(struct slice *rest, uint32_t range_count, struct wire_series *out)
{
    uint64_t range;

    *out = (struct wire_series){0};
    if (!take_varint(rest, &range) || range >= range_count ||
        !take_short_text(rest, &out->metric) || out->metric.len == 0 ||
        !take_labels(rest, &out->label_bytes, &out->label_count))
        return false;
    out->range = (uint32_t)range;
    return true;
}

/* The store wants labels in order and each once. */
static bool labels_ascend(struct slice label_bytes)
{
    struct wire_label label, before = {0};

    for (bool first = true; label_next(&label_bytes, &label); first = false, before = label)
        if (label.name.len == 0 || (!first && slice_compare(before.name, label.name) >= 0))
            return false;
    return true;
}

static enum status check_samples(const struct batch_message *message, struct error *err)
{
    struct sample_reader reader = batch_read_samples(message);
    struct wire_sample sample;

    for (uint32_t i = 0; i < message->sample_count; i++)
        if (!batch_sample_next(&reader, &sample) || sample.series >= message->series_count ||
            sample.time_ns < 0)
            return error_set(err, STATUS_INVALID, "batch: sample %u: bad series or time", i);
    if (reader.indexes.len + reader.times.len + reader.values.len > 0)
        return error_set(err, STATUS_INVALID, "batch: bytes behind the last sample");
    return STATUS_OK;
}

static enum status decode_samples(struct slice rest, struct batch_message *out, struct error *err)
{
    struct wire_series series;
    uint64_t count;
    struct slice at;

    if (!take_varint(&rest, &count) || count > BATCH_SERIES_MAX)
        return error_set(err, STATUS_INVALID, "batch: bad count of series");
    at = rest;
    out->series_count = (uint32_t)count;
    for (uint32_t i = 0; i < out->series_count; i++)
        if (!take_series(&at, out->range_count, &series) || !labels_ascend(series.label_bytes))
            return error_set(err, STATUS_INVALID, "batch: series %u: bad range, name or labels", i);
    out->series = slice_first(rest, rest.len - at.len);
    rest = at;
    if (!take_varint(&rest, &count) || count > BATCH_SAMPLES_MAX ||
        !take_text(&rest, &out->series_indexes) || !take_text(&rest, &out->times) ||
        !take_text(&rest, &out->values) || rest.len > 0)
        return error_set(err, STATUS_INVALID, "batch: the columns of the samples are cut short");
    out->sample_count = (uint32_t)count;
    return check_samples(out, err);
}

enum status batch_decode(struct slice body, struct batch_message *out, struct error *err)
{
    struct slice rest = body;
    uint8_t version;
    uint64_t clock_offset;

    *out = (struct batch_message){0};
    if (!take_u8(&rest, &version) || version != BATCH_VERSION)
        return error_set(err, STATUS_INVALID, "batch: not of version %d", BATCH_VERSION);
    if (!take_u8(&rest, &out->kind) || (out->kind != BATCH_LINES && out->kind != BATCH_SAMPLES))
        return error_set(err, STATUS_INVALID, "batch: neither lines nor samples");
    if (!take_u64(&rest, &out->wall_ns) || !take_u64(&rest, &clock_offset) ||
        !take_ranges(&rest, out))
        return error_set(err, STATUS_INVALID, "batch: byte %zu: a range is cut short or out of "
                         "bounds", body.len - rest.len);
    out->clock_offset_ns = (int64_t)clock_offset;
    return out->kind == BATCH_LINES ? decode_lines(rest, out, err) : decode_samples(rest, out, err);
}

/* ---- iterators over a checked body ---- */

struct batch_reader batch_read(const struct batch_message *message)
{
    return (struct batch_reader){
        .ranges = message->ranges,
        .sizes = message->sizes,
        .gaps = message->gaps,
        .extras = message->extras,
        .flags = message->flags,
        .payload = message->payload,
    };
}

bool batch_range_next(struct batch_reader *reader, struct batch_range *out)
{
    struct batch_line skipped;

    while (batch_line_next(reader, &skipped))
        continue;
    if (reader->ranges.len == 0 || !take_range(&reader->ranges, out))
        return false;
    out->first_line = reader->first_line;
    reader->first_line += out->line_count;
    reader->lines_left = out->line_count;
    reader->offset = out->start_offset;
    return true;
}

bool batch_line_next(struct batch_reader *reader, struct batch_line *out)
{
    if (reader->lines_left == 0 || !take_line(reader, out))
        return false;
    reader->lines_left--;
    return true;
}

struct series_reader batch_read_series(const struct batch_message *message)
{
    return (struct series_reader){message->series};
}

bool batch_series_next(struct series_reader *reader, struct wire_series *out)
{
    return reader->rest.len > 0 && take_series(&reader->rest, UINT32_MAX, out);
}

struct sample_reader batch_read_samples(const struct batch_message *message)
{
    return (struct sample_reader){.indexes = message->series_indexes,
                                  .times = message->times,
                                  .values = message->values};
}

bool batch_sample_next(struct sample_reader *reader, struct wire_sample *out)
{
    uint64_t index, delta, bits;

    if (!take_varint(&reader->indexes, &index) || index > UINT32_MAX ||
        !take_varint(&reader->times, &delta) || !take_u64(&reader->values, &bits))
        return false;
    /* Unsigned, since a hostile delta may overflow; a wrapped time fails the sign check. */
    reader->time_ns = (int64_t)((uint64_t)reader->time_ns + (uint64_t)unzigzag(delta));
    out->series = (uint32_t)index;
    out->time_ns = reader->time_ns;
    memcpy(&out->value, &bits, sizeof(bits));
    return true;
}
