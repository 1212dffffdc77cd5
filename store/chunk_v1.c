/* store/chunk_v1.c -- a batch of version 1 is read as it was appended, and encoded anew. */
#include "store/chunk_v1.h"

#include "store/chunk.h"

#include <stdlib.h>

enum { V1_HEADER_SIZE = 64, V1_ROW_SIZE = 48 };

struct v1 {
    struct slice rows, samples, fields, text;
    struct event_field *bindings; /* with a text that is not NULL: computed */
    uint32_t binding_count, series_count, row_total;
    uint64_t first_sequence;
    /* What becomes the batch. */
    struct event_source *sources;
    struct slice *formats;
    struct event *events;
    struct event_field *event_fields;
    struct sample *samples_out, *series;
    struct label *labels;
    struct watermark *watermarks;
    struct loss *losses;
    int64_t *orders;
    struct batch batch;
};

static enum status bad(struct error *err, const char *what)
{
    return error_set(err, STATUS_CORRUPT, "batch of version 1 in the WAL: bad %s", what);
}

static enum status no_memory(struct error *err)
{
    return error_set(err, STATUS_NO_MEMORY, "no memory for a batch of version 1");
}

static enum status read_header(struct v1 *v1, struct slice bytes, struct slice *tables,
                               struct slice *bindings, struct error *err)
{
    struct batch *batch = &v1->batch;
    struct slice rest = slice_from(bytes, V1_HEADER_SIZE);
    const char *at = bytes.data;

    if (bytes.len < V1_HEADER_SIZE || bytes.len > CHUNK_SIZE_MAX)
        return bad(err, "size");
    batch->source_count = get_le32(at + 4);
    batch->format_count = get_le32(at + 8);
    v1->binding_count = get_le32(at + 12);
    batch->event_count = get_le32(at + 16);
    batch->open_event_count = get_le32(at + 20);
    batch->sample_count = get_le32(at + 24);
    v1->series_count = get_le32(at + 28);
    batch->watermark_count = get_le32(at + 32);
    batch->loss_count = get_le32(at + 36);
    v1->first_sequence = get_le64(at + CHUNK_SEQUENCE_AT);
    if (batch->event_count > CHUNK_ROWS_MAX || batch->open_event_count > CHUNK_ROWS_MAX ||
        batch->sample_count > CHUNK_ROWS_MAX || batch->source_count > CHUNK_TABLE_COUNT_MAX ||
        batch->format_count > CHUNK_TABLE_COUNT_MAX || v1->binding_count > CHUNK_TABLE_COUNT_MAX ||
        v1->series_count > CHUNK_TABLE_COUNT_MAX ||
        batch->watermark_count > CHUNK_TABLE_COUNT_MAX || batch->loss_count > CHUNK_TABLE_COUNT_MAX)
        return bad(err, "counts");
    v1->row_total = batch->event_count + batch->open_event_count;
    if (!take_bytes(&rest, (size_t)v1->row_total * V1_ROW_SIZE, &v1->rows) ||
        !take_bytes(&rest, batch->sample_count * sizeof(struct chunk_sample), &v1->samples) ||
        !take_bytes(&rest, get_le32(at + 40), tables) ||
        !take_bytes(&rest, get_le32(at + 44), &v1->fields) || get_le64(at + 48) > rest.len ||
        !take_bytes(&rest, (size_t)get_le64(at + 48), &v1->text))
        return bad(err, "section sizes");
    *bindings = rest;
    return STATUS_OK;
}

static void release(struct v1 *v1)
{
    free(v1->bindings);
    free(v1->sources);
    free(v1->formats);
    free(v1->events);
    free(v1->event_fields);
    free(v1->samples_out);
    free(v1->series);
    free(v1->labels);
    free(v1->watermarks);
    free(v1->losses);
    free(v1->orders);
}

static enum status make_arrays(struct v1 *v1, struct error *err)
{
    const struct batch *batch = &v1->batch;

    v1->bindings = calloc((size_t)v1->binding_count + 1, sizeof(*v1->bindings));
    v1->sources = calloc((size_t)batch->source_count + 1, sizeof(*v1->sources));
    v1->formats = calloc((size_t)batch->format_count + 1, sizeof(*v1->formats));
    v1->events = calloc((size_t)v1->row_total + 1, sizeof(*v1->events));
    v1->samples_out = calloc((size_t)batch->sample_count + 1, sizeof(*v1->samples_out));
    v1->series = calloc((size_t)v1->series_count + 1, sizeof(*v1->series));
    v1->watermarks = calloc((size_t)batch->watermark_count + 1, sizeof(*v1->watermarks));
    v1->losses = calloc((size_t)batch->loss_count + 1, sizeof(*v1->losses));
    v1->orders = calloc((size_t)batch->source_count + 1, sizeof(*v1->orders));
    return v1->bindings != NULL && v1->sources != NULL && v1->formats != NULL &&
                   v1->events != NULL && v1->samples_out != NULL && v1->series != NULL &&
                   v1->watermarks != NULL && v1->losses != NULL && v1->orders != NULL
               ? STATUS_OK
               : no_memory(err);
}

/* Read every series; with `labels` not NULL also their labels. Gives the count of all labels. */
static bool read_series(struct v1 *v1, struct slice *rest, struct label *labels, size_t *count)
{
    *count = 0;
    for (uint32_t i = 0; i < v1->series_count; i++) {
        struct sample *series = &v1->series[i];
        struct slice encoded;
        struct label label;

        if (!take_text(rest, &encoded) ||
            !series_take(&encoded, &series->metric, &series->label_count))
            return false;
        series->labels = labels == NULL ? NULL : labels + *count;
        for (uint32_t k = 0; k < series->label_count; k++, (*count)++)
            if (!label_take(&encoded, labels == NULL ? &label : &labels[*count]))
                return false;
        if (encoded.len != 0)
            return false;
    }
    return rest->len == 0;
}

static enum status read_tables(struct v1 *v1, struct slice rest, struct error *err)
{
    const struct batch *batch = &v1->batch;
    struct slice series;
    size_t labels;

    for (uint32_t i = 0; i < batch->source_count; i++)
        if (!source_take(&rest, &v1->sources[i]))
            return bad(err, "source");
    for (uint32_t i = 0; i < batch->format_count; i++)
        if (!take_text(&rest, &v1->formats[i]))
            return bad(err, "format");
    for (uint32_t i = 0; i < batch->watermark_count; i++)
        if (!watermark_take(&rest, &v1->watermarks[i]))
            return bad(err, "watermark");
    for (uint32_t i = 0; i < batch->loss_count; i++)
        if (!loss_take(&rest, &v1->losses[i]) || v1->losses[i].source >= batch->source_count)
            return bad(err, "loss");
    series = rest;
    if (!read_series(v1, &series, NULL, &labels))
        return bad(err, "series");
    v1->labels = calloc(labels + 1, sizeof(*v1->labels));
    if (v1->labels == NULL)
        return no_memory(err);
    return read_series(v1, &rest, v1->labels, &labels) ? STATUS_OK : bad(err, "series");
}

static enum status read_bindings(struct v1 *v1, struct name_table *fields, struct slice rest,
                                 struct error *err)
{
    for (uint32_t i = 0; i < v1->binding_count; i++) {
        struct event_field *binding = &v1->bindings[i];
        struct slice name;
        uint8_t kind;

        if (!take_text(&rest, &name) || !take_u8(&rest, &kind) || name.len == 0)
            return bad(err, "binding");
        *binding = (struct event_field){
            .field = name_table_get(fields, name), .type = kind >> 4, .unit = (kind >> 1) & 7};
        if (kind & 1)
            binding->text = slice_make("", 0);
        if (binding->field == NAME_TABLE_NONE)
            return error_set(err, STATUS_TOO_LARGE, "more than %d field names", NAME_COUNT_MAX);
        if (binding->type > FIELD_LEVEL)
            return bad(err, "type of a field");
    }
    return rest.len == 0 ? STATUS_OK : bad(err, "bindings");
}

/* The fields at the front of `rest`, of a row of `text_len` bytes; `out` NULL: only their count. */
static bool read_fields(const struct v1 *v1, struct slice rest, size_t text_len,
                        struct event_field *out, uint64_t *count)
{
    if (!take_varint(&rest, count) || *count > EVENT_FIELDS_MAX)
        return false;
    for (uint64_t i = 0; i < *count; i++) {
        struct event_field field;
        uint64_t binding, number, len;

        if (!take_varint(&rest, &binding) || binding >= v1->binding_count ||
            !take_varint(&rest, &number))
            return false;
        field = v1->bindings[binding];
        if (field.text.data != NULL) {
            if (number > rest.len || !take_bytes(&rest, (size_t)number, &field.text))
                return false;
        } else {
            if (!take_varint(&rest, &len) || number > text_len || len > text_len - number)
                return false;
            field.start = (uint32_t)number;
            field.len = (uint32_t)len;
        }
        if (out != NULL)
            out[i] = field;
    }
    return true;
}

static bool read_row(struct v1 *v1, uint32_t row, struct event *out, struct slice *fields)
{
    const char *at = v1->rows.data + (size_t)row * V1_ROW_SIZE;
    uint32_t text_at = get_le32(at + 24), text_len = get_le32(at + 28);
    uint64_t count;

    if (text_at > v1->text.len || text_len > v1->text.len - text_at)
        return false;
    *fields = slice_from(v1->fields, get_le32(at + 32));
    *out = (struct event){
        .time_ns = (int64_t)get_le64(at),
        .bytes = slice_sub(v1->text, text_at, text_len),
        .offset = get_le64(at + 16),
        .source = get_le32(at + 40),
        .source_len = get_le32(at + 36),
        .format = get_le16(at + 44),
        .level = (uint8_t)at[46],
        .flags = (uint8_t)at[47],
    };
    if (out->source >= v1->batch.source_count || out->format >= v1->batch.format_count ||
        out->level >= LEVEL_COUNT || !read_fields(v1, *fields, text_len, NULL, &count))
        return false;
    out->field_count = (uint32_t)count;
    return true;
}

/* The encoder makes order times from times, and from where each source stood: at the earliest of
 * its own here. */
static void note_order(struct v1 *v1, uint32_t row)
{
    int64_t order = (int64_t)get_le64(v1->rows.data + (size_t)row * V1_ROW_SIZE + 8);
    int64_t *first = &v1->orders[v1->events[row].source];

    if (order < *first)
        *first = order;
}

static enum status read_rows(struct v1 *v1, struct error *err)
{
    struct event_field *out;
    struct slice fields;
    size_t total = 0;
    uint64_t count;

    for (uint32_t i = 0; i < v1->batch.source_count; i++)
        v1->orders[i] = INT64_MAX;
    for (uint32_t i = 0; i < v1->row_total; i++) {
        if (!read_row(v1, i, &v1->events[i], &fields))
            return bad(err, "row");
        total += v1->events[i].field_count;
        note_order(v1, i);
    }
    out = v1->event_fields = malloc((total + 1) * sizeof(*out));
    if (out == NULL)
        return no_memory(err);
    for (uint32_t i = 0; i < v1->row_total; i++) {
        struct event *event = &v1->events[i];

        (void)read_row(v1, i, event, &fields);
        (void)read_fields(v1, fields, event->bytes.len, out, &count);
        event->fields = out;
        out += event->field_count;
    }
    return STATUS_OK;
}

static enum status read_samples(struct v1 *v1, struct error *err)
{
    for (uint32_t i = 0; i < v1->batch.sample_count; i++) {
        struct chunk_sample from;

        memcpy(&from, v1->samples.data + i * sizeof(from), sizeof(from));
        if (from.source >= v1->batch.source_count || from.series >= v1->series_count)
            return bad(err, "sample");
        v1->samples_out[i] = v1->series[from.series];
        v1->samples_out[i].time_ns = from.time_ns;
        v1->samples_out[i].value = from.value;
        v1->samples_out[i].source = from.source;
    }
    return STATUS_OK;
}

static enum status read_batch(struct v1 *v1, struct slice bytes, struct name_table *fields,
                              struct error *err)
{
    struct slice tables = {0}, bindings = {0};
    enum status status = read_header(v1, bytes, &tables, &bindings, err);

    if (status == STATUS_OK)
        status = make_arrays(v1, err);
    if (status == STATUS_OK)
        status = read_tables(v1, tables, err);
    if (status == STATUS_OK)
        status = read_bindings(v1, fields, bindings, err);
    if (status == STATUS_OK)
        status = read_rows(v1, err);
    if (status == STATUS_OK)
        status = read_samples(v1, err);
    if (status != STATUS_OK)
        return status;
    v1->batch.sources = v1->sources;
    v1->batch.formats = v1->formats;
    v1->batch.events = v1->events;
    v1->batch.open_events = v1->events + v1->batch.event_count;
    v1->batch.samples = v1->samples_out;
    v1->batch.watermarks = v1->watermarks;
    v1->batch.losses = v1->losses;
    return STATUS_OK;
}

enum status chunk_v1_convert(struct buf *bytes, struct name_table *fields, struct error *err)
{
    struct v1 v1 = {0};
    struct buf out;
    enum status status = read_batch(&v1, buf_slice(bytes), fields, err);

    if (status == STATUS_OK)
        status = chunk_encode(&v1.batch, fields, v1.orders, &out, NULL, err);
    if (status == STATUS_OK) {
        put_le64(out.data + CHUNK_SEQUENCE_AT, v1.first_sequence);
        buf_release(bytes);
        *bytes = out;
    }
    release(&v1);
    return status;
}
