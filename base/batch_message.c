/* BATCH bodies, decoded (batch_builder.c makes them). One walk over the body checks every count,
 * size and offset before anything is believed; the iterators then only step. */
#include "base/batch_message.h"

#include "base/byteorder.h"

#include <string.h>

enum { RANGE_FLAGS_ALL = RANGE_BEGIN | RANGE_HANDOFF | RANGE_FINAL | RANGE_RESENT };

/* ---- ranges and labels ---- */

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

/* Lines that are as they stand in the source, one behind the other: nearly all are. */
static inline bool are_plain(const struct batch_reader *reader)
{
    return reader->gaps.data == NULL && reader->extras.data == NULL && reader->flags.data == NULL;
}

/* take_varint() of a size: two bytes hold that of nearly every line. */
static inline bool take_size(struct slice *sizes, uint64_t *out)
{
    const unsigned char *at = (const unsigned char *)sizes->data;
    size_t len;

    if (sizes->len < 2 || (at[0] >= 0x80 && at[1] >= 0x80))
        return take_varint(sizes, out);
    len = at[0] < 0x80 ? 1 : 2;
    *out = len == 1 ? at[0] : (at[0] & 0x7fU) | (unsigned)at[1] << 7;
    *sizes = slice_make(sizes->data + len, sizes->len - len);
    return true;
}

/* take_line() of a line that is plain. */
static inline bool take_plain(struct batch_reader *reader, struct batch_line *out)
{
    uint64_t size, offset = reader->offset;

    if (!take_size(&reader->sizes, &size) || size > BATCH_LINE_SIZE_MAX ||
        size >= reader->payload.len || reader->payload.data[size] != '\n' ||
        size + 1 > INT64_MAX - offset)
        return false;
    *out = (struct batch_line){.bytes = slice_make(reader->payload.data, size),
                               .offset = offset,
                               .source_len = (uint32_t)size + 1};
    reader->payload = slice_make(reader->payload.data + size + 1, reader->payload.len - size - 1);
    reader->offset = offset + size + 1;
    return true;
}

/* Step over one line; false when a column ends early or a rule of the header is broken. */
static bool take_line(struct batch_reader *reader, struct batch_line *out)
{
    uint64_t size, gap = 0, extra = 0;
    int64_t source_len;

    if (are_plain(reader))
        return take_plain(reader, out);
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

/* Pass over the lines that are left of the range. Their bytes are not looked at: they may be far
 * away, and another worker's. */
static void skip_lines(struct batch_reader *reader)
{
    struct batch_line skipped;
    uint64_t size, len = 0;

    if (are_plain(reader)) {
        for (; reader->lines_left > 0 && take_size(&reader->sizes, &size); reader->lines_left--)
            len += size + 1;
        reader->payload = slice_from(reader->payload, len);
    }
    while (batch_line_next(reader, &skipped))
        continue;
}

bool batch_range_next(struct batch_reader *reader, struct batch_range *out)
{
    skip_lines(reader);
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
