/* store/chunk_encode.c -- a batch into the bytes of a chunk (layout: chunk.h).
 *
 * Two passes over the events: the first finds the range of each column, and encodes their fields if
 * nobody has done so (batch.fields), so that all sizes are known; the second writes columns and text to
 * where they stay, in memory of just that size: a head keeps it for minutes. */
#include "store/chunk.h"

#include "base/spare.h"
#include "store/chunk_encode_fields.h"
#include "store/chunk_encode_samples.h"
#include "store/wal.h"

#include <stdlib.h>

enum { SCALE_COUNT = 4 };

struct range {
    uint64_t min, max;
};

/* What the second pass cannot find again. */
struct note {
    uint64_t distance; /* order time - time */
    uint32_t fields_at;
};

/* The complete events of a batch, or its open ones. */
struct event_rows {
    const struct event *events;
    struct note *notes;
    uint32_t count;
    uint8_t flags; /* of all of them */
};

struct column_plan {
    uint64_t base;
    uint32_t width, scale; /* index in `scales` */
    char *at;              /* of the next number */
};

/* In what a row is mostly as the one before it. */
struct steady {
    uint64_t marks; /* format, level and flags */
    uint32_t beyond, source;
};

struct encoder {
    const struct batch *batch;
    struct error *err;
    int64_t *last_order_ns;
    uint32_t row_total;
    struct name_table *names;
    const struct field_encoder *fields; /* of all rows, after the first pass */
    struct field_encoder *own;          /* these, if the batch has none; else NULL */
    struct note *notes;                 /* of each row */
    struct event_rows complete, open;
    struct range *source_offsets;       /* of each source */
    struct range ranges[CHUNK_COLUMN_COUNT];
    struct steady before; /* of the last row; at first marks that none has */
    int64_t time_before_ns, time_first_ns, time_min_ns, time_max_ns;
    uint32_t time_scale, order_scale; /* index of the largest that divides all */
    struct column_plan columns[CHUNK_COLUMN_COUNT];
    size_t columns_size;
    uint64_t text_size;
    struct buf tables;
    struct sample_encoder samples;
};

/* ---- the batch, checked ---- */

static enum status check_counts(const struct batch *batch, struct error *err)
{
    if ((uint64_t)batch->event_count + batch->open_event_count > CHUNK_ROWS_MAX ||
        batch->sample_count > CHUNK_ROWS_MAX)
        return error_set(err, STATUS_TOO_LARGE, "a batch of more than %d rows", CHUNK_ROWS_MAX);
    if (batch->source_count > CHUNK_TABLE_COUNT_MAX ||
        batch->format_count > CHUNK_TABLE_COUNT_MAX ||
        batch->watermark_count > CHUNK_TABLE_COUNT_MAX || batch->loss_count > CHUNK_TABLE_COUNT_MAX)
        return error_set(err, STATUS_TOO_LARGE, "a batch with more than %d sources or formats",
                         CHUNK_TABLE_COUNT_MAX);
    return STATUS_OK;
}

static enum status check_batch(const struct batch *batch, struct error *err)
{
    enum status status = check_counts(batch, err);

    for (uint32_t i = 0; i < batch->sample_count && status == STATUS_OK; i++)
        if (batch->samples[i].source >= batch->source_count ||
            batch->samples[i].label_count > SAMPLE_LABELS_MAX)
            status = error_set(err, STATUS_INVALID, "a sample has a bad source or labels");
    for (uint32_t i = 0; i < batch->loss_count && status == STATUS_OK; i++)
        if (batch->losses[i].source >= batch->source_count ||
            batch->losses[i].reason.len > LOSS_REASON_SIZE_MAX)
            status = error_set(err, STATUS_INVALID, "a loss has a bad source or reason");
    return status;
}

/* ---- first pass ---- */

/* Stamps of a log are whole seconds, or thousandths of something. */
static const uint32_t scales[SCALE_COUNT] = {1000000000, 1000000, 1000, 1};

/* By constants, which the compiler turns into multiplications. */
static inline uint64_t scaled(uint64_t value, uint32_t scale)
{
    switch (scale) {
    case 0:
        return value / 1000000000;
    case 1:
        return value / 1000000;
    case 2:
        return value / 1000;
    default:
        return value;
    }
}

static inline bool has_scale(uint64_t value, uint32_t scale)
{
    switch (scale) {
    case 0:
        return value % 1000000000 == 0;
    case 1:
        return value % 1000000 == 0;
    case 2:
        return value % 1000 == 0;
    default:
        return true;
    }
}

/* The largest scale from `scale` on that divides the value. */
static inline uint32_t narrow_scale(uint64_t value, uint32_t scale)
{
    while (!has_scale(value, scale))
        scale++;
    return scale;
}

static inline void widen(struct range *range, uint64_t value)
{
    range->min = value < range->min ? value : range->min;
    range->max = value > range->max ? value : range->max;
}

static inline int64_t order_time(struct encoder *encoder, const struct event *event, uint8_t flags)
{
    int64_t *last = &encoder->last_order_ns[event->source];
    int64_t order = event->time_ns > *last ? event->time_ns : *last;

    if ((flags & EVENT_OPEN) == 0) /* a provisional event may still get another time */
        *last = order;
    return order;
}

static inline uint64_t time_distance(int64_t a, int64_t b)
{
    return a > b ? (uint64_t)a - (uint64_t)b : (uint64_t)b - (uint64_t)a;
}

static uint32_t beyond_text(const struct event *event)
{
    return event->source_len - (uint32_t)event->bytes.len;
}

static inline struct steady steady_of(const struct event *event, uint8_t flags)
{
    uint64_t marks = (uint64_t)event->format << 16 | (uint64_t)event->level << 8 | flags;

    return (struct steady){marks, beyond_text(event), event->source};
}

static inline bool is_steady(const struct steady *before, const struct steady *now)
{
    return before->marks == now->marks && before->beyond == now->beyond &&
           before->source == now->source;
}

/* It is not as the one before: check it, and widen the ranges of these columns. */
static enum status measure_change(struct encoder *encoder, const struct event *event, uint8_t flags)
{
    const struct batch *batch = encoder->batch;
    struct range *ranges = encoder->ranges;

    if (event->source >= batch->source_count || event->format >= batch->format_count)
        return error_set(encoder->err, STATUS_INVALID,
                         "an event names a source or format out of range");
    if (event->level >= LEVEL_COUNT)
        return error_set(encoder->err, STATUS_INVALID, "an event has a bad level");
    encoder->before = steady_of(event, flags);
    widen(&ranges[CHUNK_SOURCE_LENS], encoder->before.beyond);
    widen(&ranges[CHUNK_SOURCES], event->source);
    widen(&ranges[CHUNK_FORMATS], event->format);
    widen(&ranges[CHUNK_LEVELS], event->level);
    widen(&ranges[CHUNK_FLAGS], flags);
    return STATUS_OK;
}

/* The stamps of rows that follow each other are often the same. */
static inline void measure_time(struct encoder *encoder, int64_t time_ns)
{
    if (time_ns == encoder->time_before_ns)
        return;
    encoder->time_before_ns = time_ns;
    if (time_ns < encoder->time_min_ns)
        encoder->time_min_ns = time_ns;
    if (time_ns > encoder->time_max_ns)
        encoder->time_max_ns = time_ns;
    encoder->time_scale =
        narrow_scale(time_distance(time_ns, encoder->time_first_ns), encoder->time_scale);
}

static inline void measure_row(struct encoder *encoder, const struct event *event,
                               struct note *note, uint32_t fields_at, uint8_t flags)
{
    int64_t order = order_time(encoder, event, flags);
    uint64_t distance = (uint64_t)order - (uint64_t)event->time_ns;
    struct range *offsets = &encoder->source_offsets[event->source];

    *note = (struct note){distance, fields_at};
    measure_time(encoder, event->time_ns);
    if (distance > 0) {
        encoder->order_scale = narrow_scale(distance, encoder->order_scale);
        widen(&encoder->ranges[CHUNK_ORDERS], distance);
    }
    widen(offsets, event->offset);
    encoder->text_size += event->bytes.len;
}

static bool first_pass_room(struct encoder *encoder)
{
    encoder->notes = spare_take(((size_t)encoder->row_total + 1) * sizeof(*encoder->notes));
    encoder->source_offsets =
        malloc(((size_t)encoder->batch->source_count + 1) * sizeof(*encoder->source_offsets));
    if (encoder->notes == NULL || encoder->source_offsets == NULL)
        return false;
    for (uint32_t i = 0; i < encoder->batch->source_count; i++)
        encoder->source_offsets[i] = (struct range){UINT64_MAX, 0};
    return true;
}

static enum status measure_rows(struct encoder *encoder, const struct event_rows *rows)
{
    enum status status = STATUS_OK;

    for (uint32_t i = 0; i < rows->count && status == STATUS_OK; i++) {
        const struct event *event = &rows->events[i];
        uint8_t flags = event->flags | rows->flags;
        struct steady now = steady_of(event, flags);
        uint32_t fields_at = event->fields_at;

        if (!is_steady(&encoder->before, &now))
            status = measure_change(encoder, event, flags);
        if (status == STATUS_OK && encoder->own != NULL) {
            fields_at = (uint32_t)encoder->own->out.len;
            status = field_encoder_add(encoder->own, event, encoder->err);
        }
        if (status == STATUS_OK)
            measure_row(encoder, event, &rows->notes[i], fields_at, rows->flags);
    }
    return status;
}

static enum status first_pass(struct encoder *encoder)
{
    const struct batch *batch = encoder->batch;
    enum status status;

    if (!first_pass_room(encoder))
        return error_set(encoder->err, STATUS_NO_MEMORY, "no memory for a batch");
    encoder->complete = (struct event_rows){batch->events, encoder->notes, batch->event_count, 0};
    encoder->open = (struct event_rows){batch->open_events, encoder->notes + batch->event_count,
                                        batch->open_event_count, EVENT_OPEN};
    if (encoder->row_total > 0)
        encoder->time_first_ns =
            (batch->event_count > 0 ? batch->events : batch->open_events)->time_ns;
    encoder->time_before_ns = encoder->time_first_ns;
    encoder->time_min_ns = encoder->time_max_ns = encoder->time_first_ns;
    status = measure_rows(encoder, &encoder->complete);
    if (status == STATUS_OK)
        status = measure_rows(encoder, &encoder->open);
    if (status == STATUS_OK && encoder->text_size > CHUNK_SIZE_MAX)
        status = error_set(encoder->err, STATUS_TOO_LARGE, "a batch of more than %d bytes",
                           CHUNK_SIZE_MAX);
    if (status == STATUS_OK && !field_encoder_is_named(encoder->fields, encoder->names))
        status = error_set(encoder->err, STATUS_INVALID, "a field has an unknown name");
    return status;
}

/* ---- columns ---- */

static uint32_t column_count(const struct encoder *encoder, enum chunk_column_name name)
{
    return name == CHUNK_VALUES  ? encoder->fields->values.count + 1
           : name == CHUNK_TEXTS ? encoder->row_total + 1
                                 : encoder->row_total;
}

static void plan_column(struct encoder *encoder, enum chunk_column_name name, uint64_t base,
                        uint64_t max, uint32_t scale)
{
    struct column_plan *column = &encoder->columns[name];

    *column = (struct column_plan){
        .base = base, .width = chunk_column_width(scaled(max - base, scale)), .scale = scale};
    encoder->columns_size += chunk_column_size(column->width, column_count(encoder, name));
}

/* How far offsets go beyond the smallest of their source. */
static uint64_t offsets_max(const struct encoder *encoder)
{
    uint64_t max = 0;

    for (uint32_t i = 0; i < encoder->batch->source_count; i++) {
        const struct range *range = &encoder->source_offsets[i];

        if (range->min <= range->max && range->max - range->min > max)
            max = range->max - range->min;
    }
    return max;
}

static void plan_columns(struct encoder *encoder)
{
    enum { PLAIN = SCALE_COUNT - 1 };
    static const enum chunk_column_name ranged[] = {CHUNK_SOURCE_LENS, CHUNK_SOURCES, CHUNK_FORMATS,
                                                    CHUNK_LEVELS, CHUNK_FLAGS};

    if (encoder->row_total == 0)
        memset(encoder->ranges, 0, sizeof(encoder->ranges));
    plan_column(encoder, CHUNK_TIMES, (uint64_t)encoder->time_min_ns,
                (uint64_t)encoder->time_max_ns, encoder->time_scale);
    plan_column(encoder, CHUNK_ORDERS, 0, encoder->ranges[CHUNK_ORDERS].max, encoder->order_scale);
    plan_column(encoder, CHUNK_OFFSETS, 0, offsets_max(encoder), PLAIN);
    plan_column(encoder, CHUNK_TEXTS, 0, encoder->text_size, PLAIN);
    plan_column(encoder, CHUNK_FIELDS, 0, encoder->fields->out.len, PLAIN);
    plan_column(encoder, CHUNK_VALUES, 0, encoder->fields->values_size, PLAIN);
    for (size_t i = 0; i < COUNT_OF(ranged); i++)
        plan_column(encoder, ranged[i], encoder->ranges[ranged[i]].min,
                    encoder->ranges[ranged[i]].max, PLAIN);
}

/* Eight bytes are written, of which the next number overwrites what is too much, and the pad takes
 * the rest. */
static inline void put_number(struct column_plan *column, uint64_t number)
{
    put_le64(column->at, number);
    column->at += column->width;
}

static inline void put_row(struct encoder *encoder, const struct event *event,
                           const struct note *note, uint8_t flags, uint32_t text_at)
{
    struct column_plan *columns = encoder->columns;
    uint64_t time = (uint64_t)event->time_ns - columns[CHUNK_TIMES].base;

    put_number(&columns[CHUNK_TIMES], scaled(time, encoder->time_scale));
    put_number(&columns[CHUNK_ORDERS], scaled(note->distance, encoder->order_scale));
    put_number(&columns[CHUNK_OFFSETS], event->offset - encoder->source_offsets[event->source].min);
    put_number(&columns[CHUNK_TEXTS], text_at);
    put_number(&columns[CHUNK_SOURCE_LENS], beyond_text(event) - columns[CHUNK_SOURCE_LENS].base);
    put_number(&columns[CHUNK_FIELDS], note->fields_at);
    put_number(&columns[CHUNK_SOURCES], event->source - columns[CHUNK_SOURCES].base);
    put_number(&columns[CHUNK_FORMATS], event->format - columns[CHUNK_FORMATS].base);
    put_number(&columns[CHUNK_LEVELS], event->level - columns[CHUNK_LEVELS].base);
    put_number(&columns[CHUNK_FLAGS], (uint8_t)(event->flags | flags) - columns[CHUNK_FLAGS].base);
}

static void put_value_places(struct encoder *encoder)
{
    const struct slice *values = encoder->fields->values.items;
    uint64_t at = 0;

    for (uint32_t i = 0; i < encoder->fields->values.count; i++) {
        put_number(&encoder->columns[CHUNK_VALUES], at);
        at += values[i].len;
    }
    put_number(&encoder->columns[CHUNK_VALUES], at);
}

static void place_columns(struct encoder *encoder, char *at, char *nowhere)
{
    memset(at, 0, encoder->columns_size); /* the pads */
    for (enum chunk_column_name i = 0; i < CHUNK_COLUMN_COUNT; i++) {
        struct column_plan *column = &encoder->columns[i];

        column->at = column->width == 0 ? nowhere : at;
        at += chunk_column_size(column->width, column_count(encoder, i));
    }
}

/* Their bytes go to `text` from `text_at` on: where they end. */
static uint32_t put_events(struct encoder *encoder, const struct event_rows *rows, char *text,
                           uint32_t text_at)
{
    for (uint32_t i = 0; i < rows->count; i++) {
        struct slice bytes = rows->events[i].bytes;

        put_row(encoder, &rows->events[i], &rows->notes[i], rows->flags, text_at);
        if (bytes.len > 0)
            memcpy(text + text_at, bytes.data, bytes.len);
        text_at += (uint32_t)bytes.len;
    }
    return text_at;
}

/* Second pass: rows into `columns`, their bytes to `text`. */
static void put_rows(struct encoder *encoder, char *columns, char *text)
{
    char nowhere[CHUNK_COLUMN_PAD]; /* columns without bytes */
    uint32_t text_at;

    place_columns(encoder, columns, nowhere);
    text_at = put_events(encoder, &encoder->complete, text, 0);
    text_at = put_events(encoder, &encoder->open, text, text_at);
    put_number(&encoder->columns[CHUNK_TEXTS], text_at);
    put_value_places(encoder);
}

/* ---- tables ---- */

static bool append_source(struct encoder *encoder, uint32_t i)
{
    const struct range *offsets = &encoder->source_offsets[i];

    return source_append(&encoder->tables, &encoder->batch->sources[i]) &&
           buf_append_varint(&encoder->tables, offsets->min <= offsets->max ? offsets->min : 0);
}

static bool append_columns(struct encoder *encoder)
{
    bool fine = true;

    for (enum chunk_column_name i = 0; i < CHUNK_COLUMN_COUNT && fine; i++) {
        const struct column_plan *column = &encoder->columns[i];

        fine = buf_append_byte(&encoder->tables, (char)column->width) &&
               buf_append_varint(&encoder->tables, column->base) &&
               buf_append_varint(&encoder->tables, scales[column->scale]);
    }
    return fine;
}

static bool append_tables(struct encoder *encoder)
{
    const struct batch *batch = encoder->batch;
    struct buf *out = &encoder->tables;
    bool fine = true;

    for (uint32_t i = 0; i < batch->source_count && fine; i++)
        fine = append_source(encoder, i);
    for (uint32_t i = 0; i < batch->format_count && fine; i++)
        fine = buf_append_varint(out, batch->formats[i].len) &&
               buf_append_slice(out, batch->formats[i]);
    for (uint32_t i = 0; i < batch->watermark_count && fine; i++)
        fine = watermark_append(out, &batch->watermarks[i]);
    for (uint32_t i = 0; i < batch->loss_count && fine; i++)
        fine = loss_append(out, &batch->losses[i]);
    return fine && sample_encoder_add(&encoder->samples, batch, encoder->names, out) &&
           append_columns(encoder);
}

/* ---- all of it ---- */

static void put_header(const struct encoder *encoder, char *at)
{
    const struct batch *batch = encoder->batch;
    const struct field_encoder *fields = encoder->fields;
    const uint32_t words[CHUNK_HEADER_SIZE / sizeof(uint32_t)] = {
        CHUNK_VERSION,
        batch->source_count,
        batch->format_count,
        fields->kinds.count,
        batch->event_count,
        batch->open_event_count,
        batch->sample_count,
        encoder->samples.series_count,
        batch->watermark_count,
        batch->loss_count,
        (uint32_t)encoder->tables.len,
        (uint32_t)fields->out.len,
        (uint32_t)encoder->text_size,
        (uint32_t)fields->values_size,
        0, /* first_sequence, */
        0, /* set when it is known */
        fields->values.count,
        fields->starts.count,
        fields->places.count,
        (uint32_t)encoder->columns_size,
    };

    for (size_t i = 0; i < COUNT_OF(words); i++)
        put_le32(at + i * sizeof(uint32_t), words[i]);
}

static char *put_slice(char *at, struct slice bytes)
{
    if (bytes.len > 0)
        memcpy(at, bytes.data, bytes.len);
    return at + bytes.len;
}

static void put_sections(struct encoder *encoder, char *at)
{
    const struct field_encoder *fields = encoder->fields;
    char *columns;

    put_header(encoder, at);
    at = sample_encoder_put(&encoder->samples, encoder->batch, at + CHUNK_HEADER_SIZE);
    columns = put_slice(at, buf_slice(&encoder->tables));
    at = put_slice(columns + encoder->columns_size, buf_slice(&fields->out));
    put_rows(encoder, columns, at);
    at += encoder->text_size;
    field_encoder_put_values(fields, at);
    at += fields->values_size;
    field_encoder_put_shapes(fields, at);
    field_encoder_put_bindings(fields, encoder->names, at + field_encoder_shapes_size(fields));
}

/* Room for `size` bytes, which begin a WAL record if they are many: put_sections() writes to the
 * answer. NULL: `out` has failed. */
static char *reserve(struct buf *out, size_t size, struct chunk_frame *frame)
{
    size_t pages = (WAL_RECORD_HEADER_SIZE + size + WAL_PAGE_SIZE - 1) / WAL_PAGE_SIZE;
    size_t framed = pages * WAL_PAGE_SIZE, before;

    if (frame == NULL || size < CHUNK_FRAMED_MIN || framed > CHUNK_SIZE_MAX - WAL_PAGE_SIZE) {
        if (frame != NULL)
            *frame = (struct chunk_frame){0};
        if (!buf_reserve(out, size))
            return NULL;
        buf_commit(out, size);
        return out->data;
    }
    if (!buf_reserve(out, WAL_PAGE_SIZE - 1 + framed))
        return NULL;
    before = (size_t)(-(uintptr_t)out->data % WAL_PAGE_SIZE);
    *frame = (struct chunk_frame){before + WAL_RECORD_HEADER_SIZE, size};
    buf_commit(out, before + framed);
    memset(out->data + frame->at + size, 0, framed - WAL_RECORD_HEADER_SIZE - size);
    return out->data + frame->at;
}

static enum status encode(struct encoder *encoder, struct buf *out, struct chunk_frame *frame)
{
    const struct field_encoder *fields = encoder->fields;
    enum status status = check_batch(encoder->batch, encoder->err);
    size_t size;
    char *at;

    if (status == STATUS_OK)
        status = first_pass(encoder);
    if (status != STATUS_OK)
        return status;
    plan_columns(encoder);
    if (!append_tables(encoder))
        return error_set(encoder->err, STATUS_TOO_LARGE, "a batch with too many series");
    size = CHUNK_HEADER_SIZE + encoder->batch->sample_count * sizeof(struct chunk_sample) +
           encoder->tables.len + encoder->columns_size + fields->out.len + encoder->text_size +
           fields->values_size + field_encoder_shapes_size(fields) +
           field_encoder_bindings_size(fields, encoder->names);
    at = reserve(out, size, frame);
    if (at == NULL)
        return buf_check(out, "a batch", encoder->err);
    put_sections(encoder, at);
    return STATUS_OK;
}

static void release(struct encoder *encoder)
{
    if (encoder->own != NULL)
        field_encoder_release(encoder->own);
    spare_give(encoder->notes);
    free(encoder->source_offsets);
    sample_encoder_release(&encoder->samples);
    buf_release(&encoder->tables);
}

enum status chunk_encode(const struct batch *batch, struct name_table *fields,
                         int64_t *last_order_ns, struct buf *out, struct chunk_frame *frame,
                         struct error *err)
{
    struct field_encoder own;
    struct encoder encoder = {
        .batch = batch,
        .err = err,
        .names = fields,
        .own = batch->fields == NULL ? &own : NULL,
        .fields = batch->fields == NULL ? &own : batch->fields,
        .last_order_ns = last_order_ns,
        .row_total = batch->event_count + batch->open_event_count,
        .before = {.marks = UINT64_MAX},
        .tables = buf_empty(CHUNK_SIZE_MAX),
    };
    enum status status;

    *out = buf_empty_spare(CHUNK_SIZE_MAX);
    for (size_t i = 0; i < COUNT_OF(encoder.ranges); i++)
        encoder.ranges[i] = (struct range){UINT64_MAX, 0};
    if (encoder.own != NULL)
        field_encoder_init(encoder.own);
    status = encode(&encoder, out, frame);
    if (status != STATUS_OK)
        buf_release(out);
    release(&encoder);
    return status;
}
