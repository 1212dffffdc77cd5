/* store/chunk.c -- check the bytes of a chunk once, then read them without further checks. */
#include "store/chunk.h"

#include "base/byteorder.h"
#include "base/memory_budget.h"
#include "base/spare.h"

#include <stdlib.h>

struct chunk_sizes {
    uint32_t tables, fields;
    uint64_t text;
};

/* As take_varint(), quick for the one byte that most numbers of a row take. */
static inline bool take_short(struct slice *rest, uint64_t *out)
{
    if (rest->len > 0 && (unsigned char)rest->data[0] < 0x80) {
        *out = (unsigned char)rest->data[0];
        rest->data++;
        rest->len--;
        return true;
    }
    return take_varint(rest, out);
}

static enum status bad(struct error *err, const char *what)
{
    return error_set(err, STATUS_CORRUPT, "batch in the WAL: bad %s", what);
}

static enum status read_header(struct chunk *chunk, struct chunk_sizes *sizes, struct error *err)
{
    uint32_t *const counts[] = {
        &chunk->source_count, &chunk->format_count, &chunk->binding_count,   &chunk->row_count,
        &chunk->open_count,   &chunk->sample_count, &chunk->series_count,    &chunk->watermark_count,
        &chunk->loss_count,   &sizes->tables,       &sizes->fields,
    };

    if (chunk->size < CHUNK_HEADER_SIZE || chunk->size > CHUNK_SIZE_MAX)
        return bad(err, "size");
    if (get_le32(chunk->data) != CHUNK_VERSION)
        return error_set(err, STATUS_INVALID, "batch of version %u, this program knows %d",
                         get_le32(chunk->data), CHUNK_VERSION);
    for (size_t i = 0; i < COUNT_OF(counts); i++)
        *counts[i] = get_le32(chunk->data + 4 + i * 4);
    sizes->text = get_le64(chunk->data + 48);
    chunk->first_sequence = get_le64(chunk->data + CHUNK_SEQUENCE_AT);
    if (chunk->row_count > CHUNK_ROWS_MAX || chunk->open_count > CHUNK_ROWS_MAX ||
        chunk->sample_count > CHUNK_ROWS_MAX || chunk->source_count > CHUNK_TABLE_COUNT_MAX ||
        chunk->format_count > CHUNK_TABLE_COUNT_MAX ||
        chunk->binding_count > CHUNK_TABLE_COUNT_MAX ||
        chunk->series_count > CHUNK_TABLE_COUNT_MAX)
        return bad(err, "counts");
    return STATUS_OK;
}

/* The sections in their order; bindings are what is left. */
static enum status cut_sections(struct chunk *chunk, const struct chunk_sizes *sizes,
                                struct slice *tables, struct slice *bindings, struct error *err)
{
    struct slice rest = {chunk->data, chunk->size}, rows, samples;
    size_t row_total = (size_t)chunk->row_count + chunk->open_count;

    rest = slice_from(rest, CHUNK_HEADER_SIZE);
    if (!take_bytes(&rest, row_total * sizeof(struct chunk_row), &rows) ||
        !take_bytes(&rest, chunk->sample_count * sizeof(struct chunk_sample), &samples) ||
        !take_bytes(&rest, sizes->tables, tables) ||
        !take_bytes(&rest, sizes->fields, &chunk->fields) ||
        !take_bytes(&rest, sizes->text, &chunk->text))
        return bad(err, "section sizes");
    chunk->rows = (const void *)rows.data;
    chunk->samples = (const void *)samples.data;
    *bindings = rest;
    return STATUS_OK;
}

/* Bytes that no piece of base/spare.h accounts for. */
static size_t charged_by_hand(const struct chunk *chunk)
{
    return chunk->memory_size - (chunk->bytes.spare ? chunk->size : 0);
}

static enum status make_arrays(struct chunk *chunk, struct error *err)
{
    chunk->source_numbers = calloc((size_t)chunk->source_count + 1, sizeof(uint32_t));
    chunk->formats = calloc((size_t)chunk->format_count + 1, sizeof(struct chunk_format));
    chunk->bindings = calloc((size_t)chunk->binding_count + 1, sizeof(struct chunk_binding));
    chunk->series = calloc((size_t)chunk->series_count + 1, sizeof(struct slice));
    if (chunk->source_numbers == NULL || chunk->formats == NULL ||
        chunk->bindings == NULL || chunk->series == NULL)
        return error_set(err, STATUS_NO_MEMORY, "no memory for a batch");
    chunk->memory_size = sizeof(*chunk) + chunk->size +
                         chunk->source_count * sizeof(uint32_t) +
                         chunk->format_count * sizeof(struct chunk_format) +
                         chunk->binding_count * sizeof(struct chunk_binding) +
                         chunk->series_count * sizeof(struct slice);
    memory_budget_charge(MEMORY_HEADS, charged_by_hand(chunk));
    return STATUS_OK;
}

static enum status resolve_tables(struct chunk *chunk, const struct chunk_tables *tables,
                                  struct slice *rest, struct error *err)
{
    for (uint32_t i = 0; i < chunk->source_count; i++) {
        struct event_source source;

        if (!source_take(rest, &source))
            return bad(err, "source");
        chunk->source_numbers[i] = source_table_get(tables->sources, &source);
        if (chunk->source_numbers[i] == SOURCE_NONE)
            return error_set(err, STATUS_TOO_LARGE, "more than %d sources", SOURCE_COUNT_MAX);
    }
    for (uint32_t i = 0; i < chunk->format_count; i++) {
        struct slice name;

        if (!take_text(rest, &name))
            return bad(err, "format");
        chunk->formats[i] = (struct chunk_format){
            .number = name_table_get(tables->formats, name),
            .time_min_ns = INT64_MAX,
            .time_max_ns = INT64_MIN,
            .order_min_ns = INT64_MAX,
            .order_max_ns = INT64_MIN,
        };
        if (chunk->formats[i].number == NAME_TABLE_NONE)
            return error_set(err, STATUS_TOO_LARGE, "more than %d formats", NAME_COUNT_MAX);
    }
    return STATUS_OK;
}

/* Labels are fields of samples: queries find them by name. At the limit of names a label only
 * cannot be asked for. */
static bool series_is_whole(struct slice encoded, const struct chunk_tables *tables)
{
    struct slice metric;
    struct label label;
    uint32_t count;

    if (!series_take(&encoded, &metric, &count))
        return false;
    for (uint32_t i = 0; i < count; i++) {
        if (!label_take(&encoded, &label))
            return false;
        (void)name_table_get(tables->fields, label.name);
    }
    return encoded.len == 0;
}

static enum status check_small_tables(struct chunk *chunk, const struct chunk_tables *tables,
                                      struct slice *rest, struct error *err)
{
    struct slice start = *rest;
    struct watermark watermark;
    struct loss loss;

    for (uint32_t i = 0; i < chunk->watermark_count; i++)
        if (!watermark_take(rest, &watermark))
            return bad(err, "watermark");
    chunk->watermarks = slice_first(start, start.len - rest->len);
    start = *rest;
    for (uint32_t i = 0; i < chunk->loss_count; i++)
        if (!loss_take(rest, &loss) || loss.source >= chunk->source_count)
            return bad(err, "loss");
    chunk->losses = slice_first(start, start.len - rest->len);
    for (uint32_t i = 0; i < chunk->series_count; i++)
        if (!take_text(rest, &chunk->series[i]) || !series_is_whole(chunk->series[i], tables))
            return bad(err, "series");
    return rest->len == 0 ? STATUS_OK : bad(err, "tables");
}

static enum status resolve_bindings(struct chunk *chunk, const struct chunk_tables *tables,
                                    struct slice rest, struct error *err)
{
    for (uint32_t i = 0; i < chunk->binding_count; i++) {
        struct chunk_binding *binding = &chunk->bindings[i];
        struct slice name;
        uint8_t kind;

        if (!take_text(&rest, &name) || !take_u8(&rest, &kind))
            return bad(err, "binding");
        binding->field = name_table_get(tables->fields, name);
        if (binding->field == NAME_TABLE_NONE)
            return error_set(err, STATUS_TOO_LARGE, "more than %d field names", NAME_COUNT_MAX);
        binding->type = kind >> 4;
        binding->unit = (kind >> 1) & 7;
        binding->computed = kind & 1;
        if (binding->type > FIELD_LEVEL)
            return bad(err, "type of a field");
    }
    return rest.len == 0 ? STATUS_OK : bad(err, "bindings");
}

static bool row_fields_are_whole(const struct chunk *chunk, const struct chunk_row *row)
{
    struct slice rest = slice_from(chunk->fields, row->fields_at);
    uint64_t count, binding, start, len;

    if (!take_short(&rest, &count) || count > EVENT_FIELDS_MAX)
        return false;
    for (uint64_t i = 0; i < count; i++) {
        if (!take_short(&rest, &binding) || binding >= chunk->binding_count ||
            !take_short(&rest, &start))
            return false;
        if (chunk->bindings[binding].computed) {
            if (start > rest.len)
                return false;
            rest = slice_from(rest, (size_t)start);
        } else if (!take_short(&rest, &len) || start > row->text_len ||
                   len > row->text_len - start) {
            return false;
        }
    }
    return true;
}

static void widen(int64_t value, int64_t *min, int64_t *max)
{
    if (value < *min)
        *min = value;
    if (value > *max)
        *max = value;
}

/* Totals of the chunk and of the row's format. */
static void account_row(struct chunk *chunk, const struct chunk_row *row)
{
    struct chunk_format *format = &chunk->formats[row->format];

    chunk->raw_size += row->text_len;
    widen(row->time_ns, &chunk->time_min_ns, &chunk->time_max_ns);
    widen(row->order_ns, &chunk->order_min_ns, &chunk->order_max_ns);
    format->row_count++;
    widen(row->time_ns, &format->time_min_ns, &format->time_max_ns);
    widen(row->order_ns, &format->order_min_ns, &format->order_max_ns);
}

static enum status check_rows(struct chunk *chunk, struct error *err)
{
    uint32_t total = chunk->row_count + chunk->open_count;

    for (uint32_t i = 0; i < total; i++) {
        const struct chunk_row *row = &chunk->rows[i];

        if (row->source >= chunk->source_count || row->format >= chunk->format_count ||
            row->level >= LEVEL_COUNT || row->text_at > chunk->text.len ||
            row->text_len > chunk->text.len - row->text_at || !row_fields_are_whole(chunk, row))
            return bad(err, "row");
        if (i < chunk->row_count)
            account_row(chunk, row);
    }
    for (uint32_t i = 0; i < chunk->sample_count; i++) {
        const struct chunk_sample *sample = &chunk->samples[i];

        if (sample->source >= chunk->source_count || sample->series >= chunk->series_count)
            return bad(err, "sample");
        widen(sample->time_ns, &chunk->sample_min_ns, &chunk->sample_max_ns);
    }
    return STATUS_OK;
}

static enum status open_chunk(struct chunk *chunk, const struct chunk_tables *tables,
                              struct error *err)
{
    struct chunk_sizes sizes = {0};
    struct slice rest = {0}, bindings = {0};
    enum status status = read_header(chunk, &sizes, err);

    if (status == STATUS_OK)
        status = cut_sections(chunk, &sizes, &rest, &bindings, err);
    if (status == STATUS_OK)
        status = make_arrays(chunk, err);
    if (status == STATUS_OK)
        status = resolve_tables(chunk, tables, &rest, err);
    if (status == STATUS_OK)
        status = check_small_tables(chunk, tables, &rest, err);
    if (status == STATUS_OK)
        status = resolve_bindings(chunk, tables, bindings, err);
    return status == STATUS_OK ? check_rows(chunk, err) : status;
}

enum status chunk_new(struct buf *bytes, const struct chunk_tables *tables, struct chunk **out,
                      struct error *err)
{
    struct chunk *chunk = calloc(1, sizeof(*chunk));
    enum status status;

    if (chunk == NULL) {
        buf_release(bytes);
        return error_set(err, STATUS_NO_MEMORY, "no memory for a batch");
    }
    chunk->bytes = *bytes;
    chunk->data = bytes->data;
    chunk->size = bytes->len;
    if (bytes->spare && bytes->data != NULL)
        spare_charge(bytes->data, MEMORY_HEADS);
    *bytes = buf_empty(0);
    atomic_init(&chunk->refs, 1);
    chunk->time_min_ns = chunk->order_min_ns = chunk->sample_min_ns = INT64_MAX;
    chunk->time_max_ns = chunk->order_max_ns = chunk->sample_max_ns = INT64_MIN;
    status = open_chunk(chunk, tables, err);
    if (status == STATUS_OK)
        *out = chunk;
    else
        chunk_unref(chunk);
    return status;
}

struct chunk *chunk_ref(struct chunk *chunk)
{
    atomic_fetch_add_explicit(&chunk->refs, 1, memory_order_relaxed);
    return chunk;
}

void chunk_unref(struct chunk *chunk)
{
    if (chunk == NULL || atomic_fetch_sub_explicit(&chunk->refs, 1, memory_order_acq_rel) != 1)
        return;
    free(chunk->source_numbers);
    free(chunk->formats);
    free(chunk->bindings);
    free(chunk->series);
    if (chunk->memory_size > 0)
        memory_budget_discharge(MEMORY_HEADS, charged_by_hand(chunk));
    buf_release(&chunk->bytes);
    free(chunk);
}

void chunk_set_sequence(struct chunk *chunk, uint64_t first_sequence)
{
    chunk->first_sequence = first_sequence;
    put_le64(chunk->data + CHUNK_SEQUENCE_AT, first_sequence);
}

void chunk_fields_begin(const struct chunk *chunk, const struct chunk_row *row,
                        struct chunk_fields *walk)
{
    walk->chunk = chunk;
    walk->rest = slice_from(chunk->fields, row->fields_at);
    walk->text = chunk_row_text(chunk, row);
    walk->left = 0;
    (void)take_short(&walk->rest, &walk->left); /* checked by chunk_new() */
}

bool chunk_fields_next(struct chunk_fields *walk, const struct chunk_binding **binding,
                       struct slice *value)
{
    uint64_t number = 0, start = 0, len = 0;

    if (walk->left == 0)
        return false;
    walk->left--;
    (void)take_short(&walk->rest, &number);
    (void)take_short(&walk->rest, &start);
    *binding = &walk->chunk->bindings[number];
    if ((*binding)->computed) {
        *value = slice_first(walk->rest, (size_t)start);
        walk->rest = slice_from(walk->rest, (size_t)start);
    } else {
        (void)take_short(&walk->rest, &len);
        *value = slice_sub(walk->text, (size_t)start, (size_t)len);
    }
    return true;
}

/* A number of the fields section; chunk_new() has read it once. */
static inline uint64_t next_number(const unsigned char **at)
{
    uint64_t value = *(*at)++;

    if (value < 0x80)
        return value;
    value &= 0x7f;
    for (unsigned shift = 7;; shift += 7) {
        uint64_t byte = *(*at)++;

        value |= (byte & 0x7f) << shift;
        if (byte < 0x80)
            return value;
    }
}

uint32_t chunk_event_fields(const struct chunk *chunk, uint32_t fields_at, struct event_field *out)
{
    const unsigned char *at = (const unsigned char *)chunk->fields.data + fields_at;
    uint32_t count = (uint32_t)next_number(&at);

    for (uint32_t i = 0; i < count && out != NULL; i++) {
        const struct chunk_binding *binding = &chunk->bindings[next_number(&at)];
        uint32_t number = (uint32_t)next_number(&at);

        out[i] = (struct event_field){
            .field = binding->field, .type = binding->type, .unit = binding->unit};
        if (binding->computed) {
            out[i].text = (struct slice){(const char *)at, number};
            at += number;
        } else {
            out[i].start = number;
            out[i].len = (uint32_t)next_number(&at);
        }
    }
    return count;
}

void chunk_event(const struct chunk *chunk, const struct chunk_row *row,
                 struct event_field *fields, struct event *out)
{
    *out = (struct event){
        .time_ns = row->time_ns,
        .bytes = chunk_row_text(chunk, row),
        .offset = row->offset,
        .source = row->source,
        .source_len = row->source_len,
        .format = row->format,
        .level = row->level,
        .flags = row->flags,
        .field_count = chunk_event_fields(chunk, row->fields_at, fields),
        .fields = fields,
    };
}

bool watermark_append(struct buf *out, const struct watermark *watermark)
{
    return source_id_append(out, &watermark->id) &&
           buf_append_u64(out, watermark->durable_offset) &&
           buf_append_u64(out, watermark->tail_hash);
}

bool watermark_take(struct slice *rest, struct watermark *out)
{
    return source_id_take(rest, &out->id) && take_u64(rest, &out->durable_offset) &&
           take_u64(rest, &out->tail_hash);
}

bool loss_append(struct buf *out, const struct loss *loss)
{
    return buf_append_u32(out, loss->source) && buf_append_u64(out, loss->from_offset) &&
           buf_append_u64(out, loss->to_offset) && buf_append_u64(out, (uint64_t)loss->time_ns) &&
           buf_append_varint(out, loss->reason.len) && buf_append_slice(out, loss->reason);
}

bool loss_take(struct slice *rest, struct loss *out)
{
    uint64_t time;

    if (!take_u32(rest, &out->source) || !take_u64(rest, &out->from_offset) ||
        !take_u64(rest, &out->to_offset) || !take_u64(rest, &time) ||
        !take_text(rest, &out->reason) || out->reason.len > LOSS_REASON_SIZE_MAX)
        return false;
    out->time_ns = (int64_t)time;
    return true;
}

static bool text_append(struct buf *out, struct slice text)
{
    return buf_append_varint(out, text.len) && buf_append_slice(out, text);
}

bool series_append(struct buf *out, const struct sample *sample)
{
    bool fine = text_append(out, sample->metric) && buf_append_varint(out, sample->label_count);

    for (uint32_t i = 0; i < sample->label_count && fine; i++)
        fine = text_append(out, sample->labels[i].name) &&
               text_append(out, sample->labels[i].value);
    return fine;
}

bool series_take(struct slice *rest, struct slice *metric, uint32_t *label_count)
{
    uint64_t count;

    if (!take_text(rest, metric) || !take_varint(rest, &count) || count > SAMPLE_LABELS_MAX)
        return false;
    *label_count = (uint32_t)count;
    return true;
}

bool label_take(struct slice *rest, struct label *out)
{
    return take_text(rest, &out->name) && take_text(rest, &out->value);
}
