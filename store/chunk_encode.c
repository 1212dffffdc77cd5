/* store/chunk_encode.c -- a batch into the bytes of a chunk (layout: chunk.h). One buffer: the fixed
 * part is reserved first, then the tables and fields grow behind it, then the text. */
#include "store/chunk.h"

#include "base/hash.h"

#include <stdlib.h>

enum {
    BINDING_SLOTS = 512, /* a small table; when two bindings share a slot, they are found by a walk */
    GUESSES = 32,
    FIELD_SIZE = 5, /* of a short field: binding and length in a byte, start in two, and some to spare */
    SLACK_SIZE = 1024,     /* small tables and bindings */
    SAMPLE_STRIDE = 16,    /* of events whose computed texts are measured: about is enough */
    SAMPLE_ALL_MAX = 256,  /* of fewer events all are */
    FIELD_COUNT_SIZE = 2,  /* EVENT_FIELDS_MAX as a varint, */
    BINDING_SIZE_MAX = 3,  /* CHUNK_TABLE_COUNT_MAX as one, */
    NUMBER_SIZE_MAX = 5,   /* and 32 bits: a chunk is no larger */
};

struct encoder {
    const struct batch *batch;
    struct name_table *fields;
    struct buf *out;
    struct error *err;
    int64_t *last_order_ns;
    uint32_t row_total;
    size_t rows_at, samples_at, tables_at, fields_at;
    uint64_t text_size;
    size_t fields_size; /* about */
    bool refused;       /* for what `err` says, not for its size */
    struct event_field *bindings; /* one example of each */
    uint32_t binding_count, binding_capacity;
    uint32_t binding_slots[BINDING_SLOTS]; /* index + 1 */
    uint32_t guesses[GUESSES];             /* binding by place in the row, */
    uint64_t guess_keys[GUESSES];          /* and what it is one of; 0: nothing yet */
    struct map series;
    struct arena series_texts;
};

static const struct event *event_at(const struct batch *batch, uint32_t row)
{
    return row < batch->event_count ? &batch->events[row]
                                    : &batch->open_events[row - batch->event_count];
}

static_assert(offsetof(struct event_field, field) == 0 && sizeof(field_id) == 4 &&
                  offsetof(struct event_field, type) == 4 && offsetof(struct event_field, unit) == 5,
              "binding_key() reads the three as one number");

/* What fields of one binding have in common, as a number; never 0. */
static inline uint64_t binding_key(const struct event_field *field)
{
    return (get_le64(field) & UINT64_C(0xffffffffffff)) |
           UINT64_C(1) << (62 + (field->text.data != NULL));
}

static bool same_binding(const struct event_field *a, const struct event_field *b)
{
    return binding_key(a) == binding_key(b);
}

static bool binding_room(struct encoder *encoder)
{
    uint32_t capacity = encoder->binding_capacity == 0 ? 64 : encoder->binding_capacity * 2;
    struct event_field *grown;

    if (encoder->binding_count < encoder->binding_capacity)
        return true;
    if (encoder->binding_count >= CHUNK_TABLE_COUNT_MAX)
        return false;
    grown = realloc(encoder->bindings, capacity * sizeof(*grown));
    if (grown == NULL)
        return false;
    encoder->bindings = grown;
    encoder->binding_capacity = capacity;
    return true;
}

/* What was asked to be encoded is wrong; gives false. */
static bool refuse(struct encoder *encoder, const char *why)
{
    encoder->refused = true;
    (void)error_set(encoder->err, STATUS_INVALID, "%s", why);
    return false;
}

static uint32_t find_binding(struct encoder *encoder, const struct event_field *field)
{
    uint32_t key = field->field * 64 + field->type * 8u + field->unit * 2u +
                   (field->text.data == NULL);
    uint32_t *slot = &encoder->binding_slots[(key * 2654435761u) >> 23];

    if (*slot != 0 && same_binding(&encoder->bindings[*slot - 1], field))
        return *slot - 1;
    for (uint32_t i = 0; i < encoder->binding_count; i++)
        if (same_binding(&encoder->bindings[i], field)) {
            *slot = i + 1;
            return i;
        }
    if (field->type > FIELD_LEVEL || field->unit > UNIT_KIBIBYTES) {
        (void)refuse(encoder, "a field has an unknown type or unit");
        return MAP_NONE;
    }
    if (!binding_room(encoder))
        return MAP_NONE;
    encoder->bindings[encoder->binding_count] = *field;
    *slot = ++encoder->binding_count;
    return encoder->binding_count - 1;
}

/* Number of the field's binding; MAP_NONE when there is no room for another. `place` is the field's
 * in its row: rows of one format mostly have the same fields at the same places. */
static uint32_t binding_of(struct encoder *encoder, const struct event_field *field,
                           uint32_t place)
{
    uint64_t key = binding_key(field);
    uint32_t binding;

    if (place < GUESSES && encoder->guess_keys[place] == key)
        return encoder->guesses[place];
    binding = find_binding(encoder, field);
    if (place < GUESSES && binding != MAP_NONE) {
        encoder->guesses[place] = binding;
        encoder->guess_keys[place] = key;
    }
    return binding;
}

static enum status check_counts(const struct batch *batch, struct error *err)
{
    if ((uint64_t)batch->event_count + batch->open_event_count > CHUNK_ROWS_MAX ||
        batch->sample_count > CHUNK_ROWS_MAX)
        return error_set(err, STATUS_TOO_LARGE, "a batch of more than %d rows", CHUNK_ROWS_MAX);
    if (batch->source_count > CHUNK_TABLE_COUNT_MAX ||
        batch->format_count > CHUNK_TABLE_COUNT_MAX ||
        batch->watermark_count > CHUNK_TABLE_COUNT_MAX ||
        batch->loss_count > CHUNK_TABLE_COUNT_MAX)
        return error_set(err, STATUS_TOO_LARGE, "a batch with more than %d sources or formats",
                         CHUNK_TABLE_COUNT_MAX);
    return STATUS_OK;
}

static size_t computed_size(const struct event *event)
{
    size_t size = 0;

    for (uint32_t i = 0; i < event->field_count; i++)
        if (event->fields[i].text.data != NULL)
            size += event->fields[i].text.len;
    return size;
}

/* All but its fields: these are checked as they are written. */
static enum status check_event(struct encoder *encoder, const struct event *event)
{
    const struct batch *batch = encoder->batch;
    struct error *err = encoder->err;

    if (event->source >= batch->source_count || event->format >= batch->format_count)
        return error_set(err, STATUS_INVALID, "an event names a source or format out of range");
    if (event->level >= LEVEL_COUNT || event->field_count > EVENT_FIELDS_MAX)
        return error_set(err, STATUS_INVALID, "an event has a bad level or %u fields",
                         event->field_count);
    encoder->text_size += event->bytes.len;
    encoder->fields_size += 1 + event->field_count * (size_t)FIELD_SIZE;
    return STATUS_OK;
}

static enum status check_events(struct encoder *encoder)
{
    uint32_t stride = encoder->row_total <= SAMPLE_ALL_MAX ? 1 : SAMPLE_STRIDE;
    enum status status = STATUS_OK;

    for (uint32_t row = 0; row < encoder->row_total && status == STATUS_OK; row++) {
        const struct event *event = event_at(encoder->batch, row);

        status = check_event(encoder, event);
        if (row % stride == 0 && status == STATUS_OK)
            encoder->fields_size += stride * computed_size(event);
    }
    return status;
}

static enum status check_batch(struct encoder *encoder)
{
    const struct batch *batch = encoder->batch;
    enum status status = check_counts(batch, encoder->err);

    if (status == STATUS_OK)
        status = check_events(encoder);
    for (uint32_t i = 0; i < batch->sample_count && status == STATUS_OK; i++)
        if (batch->samples[i].source >= batch->source_count ||
            batch->samples[i].label_count > SAMPLE_LABELS_MAX)
            status = error_set(encoder->err, STATUS_INVALID, "a sample has a bad source or labels");
    for (uint32_t i = 0; i < batch->loss_count && status == STATUS_OK; i++)
        if (batch->losses[i].source >= batch->source_count ||
            batch->losses[i].reason.len > LOSS_REASON_SIZE_MAX)
            status = error_set(encoder->err, STATUS_INVALID, "a loss has a bad source or reason");
    if (status == STATUS_OK && encoder->text_size > CHUNK_SIZE_MAX)
        status = error_set(encoder->err, STATUS_TOO_LARGE, "a batch of %llu bytes",
                           (unsigned long long)encoder->text_size);
    return status;
}

static int64_t order_time(struct encoder *encoder, const struct event *event, bool open)
{
    int64_t *last = &encoder->last_order_ns[event->source];
    int64_t order = event->time_ns > *last ? event->time_ns : *last;

    if (!open) /* a provisional event may still get another time */
        *last = order;
    return order;
}

/* As put_varint(), for the numbers of a field: nearly all take a byte or two. */
static inline char *put_small(char *at, uint64_t value)
{
    if (value < 0x80) {
        *at = (char)value;
        return at + 1;
    }
    if (value < 0x4000) {
        put_le16(at, (uint16_t)(value >> 7 << 8 | 0x80 | (value & 0x7f)));
        return at + 2;
    }
    return at + put_varint(at, value);
}

/* Room for `size` more bytes at `at`, behind the end of `out`; where that is then, or NULL. */
static inline char *make_room(struct buf *out, char *at, size_t size)
{
    size_t used;

    if ((size_t)(out->data + out->capacity - at) >= size)
        return at;
    used = (size_t)(at - out->data) - out->len;
    return buf_reserve(out, used + size) ? out->data + out->len + used : NULL;
}

static bool append_fields(struct encoder *encoder, const struct event *event)
{
    enum { FIELD_SIZE_MAX = BINDING_SIZE_MAX + 2 * NUMBER_SIZE_MAX };
    const struct event_field *const fields = event->fields, *const end = fields + event->field_count;
    struct buf *out = encoder->out;
    size_t len = event->bytes.len;
    bool bad_span = false;
    char *at = make_room(out, out->data + out->len,
                         FIELD_COUNT_SIZE + event->field_count * (size_t)FIELD_SIZE_MAX);

    if (at == NULL)
        return false;
    at = put_small(at, event->field_count);
    for (const struct event_field *field = fields; field < end; field++) {
        uint32_t binding = binding_of(encoder, field, (uint32_t)(field - fields));

        if (binding == MAP_NONE)
            return false;
        at = put_small(at, binding);
        if (field->text.data == NULL) {
            bad_span |= (uint64_t)field->start + field->len > len;
            at = put_small(at, field->start);
            at = put_small(at, field->len);
            continue;
        }
        at = put_small(at, field->text.len);
        at = make_room(out, at, field->text.len + (size_t)(end - field) * FIELD_SIZE_MAX);
        if (at == NULL)
            return false;
        memcpy(at, field->text.data, field->text.len);
        at += field->text.len;
    }
    buf_commit(out, (size_t)(at - (out->data + out->len)));
    return !bad_span || refuse(encoder, "a span ends behind its event");
}

static bool append_rows(struct encoder *encoder)
{
    const struct batch *batch = encoder->batch;
    struct buf *out = encoder->out;
    uint32_t text_at = 0;

    encoder->fields_at = encoder->out->len;
    for (uint32_t i = 0; i < encoder->row_total; i++) {
        const struct event *event = event_at(batch, i);
        struct chunk_row row = {
            .time_ns = event->time_ns,
            .order_ns = order_time(encoder, event, i >= batch->event_count),
            .offset = event->offset,
            .text_at = text_at,
            .text_len = (uint32_t)event->bytes.len,
            .fields_at = (uint32_t)(out->len - encoder->fields_at),
            .source_len = event->source_len,
            .source = event->source,
            .format = event->format,
            .level = event->level,
            .flags = event->flags,
        };

        if (i >= batch->event_count)
            row.flags |= EVENT_OPEN;
        text_at += row.text_len;
        if (!append_fields(encoder, event))
            return false;
        memcpy(out->data + encoder->rows_at + i * sizeof(row), &row, sizeof(row));
    }
    return true;
}

static bool append_texts(struct encoder *encoder)
{
    struct buf *out = encoder->out;
    char *at;

    if (!buf_reserve(out, encoder->text_size))
        return false;
    at = out->data + out->len;
    for (uint32_t i = 0; i < encoder->row_total; i++) {
        struct slice bytes = event_at(encoder->batch, i)->bytes;

        if (bytes.len > 0)
            memcpy(at, bytes.data, bytes.len);
        at += bytes.len;
    }
    buf_commit(out, encoder->text_size);
    return true;
}

/* Number of the sample's series in this chunk; its encoding goes to the tables when it is new. */
static uint32_t series_of(struct encoder *encoder, const struct sample *sample, struct buf *scratch)
{
    struct slice key;
    uint32_t number;

    buf_reset(scratch);
    if (!series_append(scratch, sample))
        return MAP_NONE;
    number = map_get(&encoder->series, buf_slice(scratch));
    if (number != MAP_NONE)
        return number;
    key = arena_copy(&encoder->series_texts, buf_slice(scratch));
    if (key.len != scratch->len || !map_put(&encoder->series, key, encoder->series.count))
        return MAP_NONE;
    if (!buf_append_varint(encoder->out, key.len) || !buf_append_slice(encoder->out, key))
        return MAP_NONE;
    return encoder->series.count - 1;
}

static bool append_samples(struct encoder *encoder)
{
    const struct batch *batch = encoder->batch;
    struct buf scratch = buf_empty(1 << 20);
    bool fine = true;

    for (uint32_t i = 0; i < batch->sample_count && fine; i++) {
        struct chunk_sample row = {
            .time_ns = batch->samples[i].time_ns,
            .value = batch->samples[i].value,
            .source = batch->samples[i].source,
            .series = series_of(encoder, &batch->samples[i], &scratch),
        };

        fine = row.series != MAP_NONE;
        memcpy(encoder->out->data + encoder->samples_at + i * sizeof(row), &row, sizeof(row));
    }
    buf_release(&scratch);
    return fine;
}

static bool append_small_tables(struct encoder *encoder)
{
    const struct batch *batch = encoder->batch;
    bool fine = true;

    for (uint32_t i = 0; i < batch->source_count && fine; i++)
        fine = source_append(encoder->out, &batch->sources[i]);
    for (uint32_t i = 0; i < batch->format_count && fine; i++)
        fine = buf_append_varint(encoder->out, batch->formats[i].len) &&
               buf_append_slice(encoder->out, batch->formats[i]);
    for (uint32_t i = 0; i < batch->watermark_count && fine; i++)
        fine = watermark_append(encoder->out, &batch->watermarks[i]);
    for (uint32_t i = 0; i < batch->loss_count && fine; i++)
        fine = loss_append(encoder->out, &batch->losses[i]);
    return fine;
}

/* Behind the text, since the bindings are known only when all rows are written. */
static bool append_bindings(struct encoder *encoder)
{
    bool fine = true;

    for (uint32_t i = 0; i < encoder->binding_count && fine; i++) {
        const struct event_field *field = &encoder->bindings[i];
        uint8_t kind = (uint8_t)(field->type << 4 | field->unit << 1 | (field->text.data != NULL));

        struct slice name = name_table_name(encoder->fields, field->field);

        fine = name.len > 0 && buf_append_varint(encoder->out, name.len) &&
               buf_append_slice(encoder->out, name) && buf_append_byte(encoder->out, (char)kind);
    }
    return fine;
}

static void put_header(struct encoder *encoder, size_t fields_end)
{
    const struct batch *batch = encoder->batch;
    const uint32_t words[] = {
        CHUNK_VERSION,          batch->source_count,     batch->format_count,
        encoder->binding_count, batch->event_count,      batch->open_event_count,
        batch->sample_count,    encoder->series.count,   batch->watermark_count,
        batch->loss_count,      (uint32_t)(encoder->fields_at - encoder->tables_at),
        (uint32_t)(fields_end - encoder->fields_at),
    };

    for (size_t i = 0; i < COUNT_OF(words); i++)
        put_le32(encoder->out->data + i * sizeof(uint32_t), words[i]);
    put_le64(encoder->out->data + 48, encoder->text_size);
    put_le64(encoder->out->data + CHUNK_SEQUENCE_AT, 0);
}

static enum status encode(struct encoder *encoder)
{
    const struct batch *batch = encoder->batch;
    struct buf *out = encoder->out;
    size_t fixed, fields_end;
    bool fine;

    encoder->rows_at = CHUNK_HEADER_SIZE;
    encoder->samples_at = encoder->rows_at + encoder->row_total * sizeof(struct chunk_row);
    fixed = encoder->samples_at + batch->sample_count * sizeof(struct chunk_sample);
    encoder->tables_at = fixed;
    /* Most often that is enough, and little is left over. */
    fine = buf_reserve(out, fixed + encoder->text_size + encoder->fields_size + SLACK_SIZE);
    if (fine) {
        buf_commit(out, fixed);
        fine = append_small_tables(encoder) && append_samples(encoder) && append_rows(encoder);
        fields_end = out->len;
        fine = fine && append_texts(encoder) && append_bindings(encoder);
        if (fine)
            put_header(encoder, fields_end);
    }
    if (fine)
        return STATUS_OK;
    if (encoder->refused)
        return STATUS_INVALID;
    if (out->failed)
        return buf_check(out, "a batch", encoder->err);
    return error_set(encoder->err, STATUS_TOO_LARGE, "a batch with too many fields or series");
}

enum status chunk_encode(const struct batch *batch, struct name_table *fields,
                         int64_t *last_order_ns, struct buf *out, struct error *err)
{
    struct encoder encoder = {
        .batch = batch,
        .fields = fields,
        .out = out,
        .err = err,
        .last_order_ns = last_order_ns,
        .row_total = batch->event_count + batch->open_event_count,
        .series = map_empty(CHUNK_TABLE_COUNT_MAX),
        .series_texts = arena_empty(CHUNK_SIZE_MAX),
    };
    enum status status;

    *out = buf_empty_spare(CHUNK_SIZE_MAX);
    status = check_batch(&encoder);
    if (status == STATUS_OK)
        status = encode(&encoder);
    if (status == STATUS_OK)
        buf_shrink(out); /* a head keeps chunks for minutes */
    else
        buf_release(out);
    free(encoder.bindings);
    map_release(&encoder.series);
    arena_release(&encoder.series_texts);
    return status;
}
