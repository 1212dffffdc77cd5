/* store/chunk.c -- find the sections of a chunk, and give its names the numbers of this process. */
#include "store/chunk.h"

#include "base/byteorder.h"
#include "base/memory_budget.h"
#include "base/spare.h"
#include "store/chunk_impl.h"
#include "store/label_names.h"
#include "store/chunk_v1.h"

#include <stdlib.h>

struct chunk_sizes {
    uint32_t tables, columns, fields, text, values;
};

/* The sections that are read once, here. */
struct chunk_parts {
    struct slice tables, columns, bindings;
};

static enum status read_header(struct chunk *chunk, struct chunk_sizes *sizes, struct error *err)
{
    const struct {
        uint32_t at, *to;
    } words[] = {
        {4, &chunk->source_count},  {8, &chunk->format_count},     {12, &chunk->binding_count},
        {16, &chunk->row_count},    {20, &chunk->open_count},      {24, &chunk->sample_count},
        {28, &chunk->series_count}, {32, &chunk->watermark_count}, {36, &chunk->loss_count},
        {40, &sizes->tables},       {44, &sizes->fields},          {48, &sizes->text},
        {52, &sizes->values},       {64, &chunk->value_count},     {68, &chunk->shape_count},
        {72, &chunk->place_count},  {76, &sizes->columns},
    };

    if (chunk->size < CHUNK_HEADER_SIZE || chunk->size > CHUNK_SIZE_MAX)
        return chunk_bad(err, "size");
    for (size_t i = 0; i < COUNT_OF(words); i++)
        *words[i].to = get_le32(chunk->data + words[i].at);
    chunk->first_sequence = get_le64(chunk->data + CHUNK_SEQUENCE_AT);
    if (chunk->row_count > CHUNK_ROWS_MAX || chunk->open_count > CHUNK_ROWS_MAX ||
        chunk->sample_count > CHUNK_ROWS_MAX || chunk->source_count > CHUNK_TABLE_COUNT_MAX ||
        chunk->format_count > CHUNK_TABLE_COUNT_MAX ||
        chunk->binding_count > CHUNK_TABLE_COUNT_MAX ||
        chunk->series_count > CHUNK_TABLE_COUNT_MAX || chunk->value_count > sizes->fields)
        return chunk_bad(err, "counts");
    return STATUS_OK;
}

/* The sections in their order; bindings are what is left. */
static enum status cut_sections(struct chunk *chunk, const struct chunk_sizes *sizes,
                                struct chunk_parts *parts, struct error *err)
{
    struct slice rest = slice_from(slice_make(chunk->data, chunk->size), CHUNK_HEADER_SIZE);
    struct slice samples, shapes, places;

    if (!take_bytes(&rest, chunk->sample_count * sizeof(struct chunk_sample), &samples) ||
        !take_bytes(&rest, sizes->tables, &parts->tables) ||
        !take_bytes(&rest, sizes->columns, &parts->columns) ||
        !take_bytes(&rest, sizes->fields, &chunk->fields) ||
        !take_bytes(&rest, sizes->text, &chunk->text) ||
        !take_bytes(&rest, sizes->values, &chunk->values) ||
        !take_bytes(&rest, ((size_t)chunk->shape_count + 1) * CHUNK_SHAPE_SIZE, &shapes) ||
        !take_bytes(&rest, (size_t)chunk->place_count * CHUNK_PLACE_SIZE, &places))
        return chunk_bad(err, "section sizes");
    chunk->samples = (const void *)samples.data;
    chunk->shapes = shapes.data;
    chunk->places = places.data;
    parts->bindings = rest;
    return STATUS_OK;
}

/* Bytes that no piece of base/spare.h accounts for. */
static size_t charged_by_hand(const struct chunk *chunk)
{
    return chunk->memory_size - (chunk->bytes.spare ? chunk->bytes.len : 0);
}

static enum status make_arrays(struct chunk *chunk, struct error *err)
{
    chunk->source_numbers = calloc((size_t)chunk->source_count + 1, sizeof(uint32_t));
    chunk->source_offsets = calloc((size_t)chunk->source_count + 1, sizeof(uint64_t));
    chunk->source_orders = malloc(((size_t)chunk->source_count + 1) * sizeof(int64_t));
    chunk->formats = calloc((size_t)chunk->format_count + 1, sizeof(struct chunk_format));
    chunk->bindings = calloc((size_t)chunk->binding_count + 1, sizeof(struct chunk_binding));
    chunk->series = calloc((size_t)chunk->series_count + 1, sizeof(struct slice));
    if (chunk->source_numbers == NULL || chunk->source_offsets == NULL ||
        chunk->source_orders == NULL || chunk->formats == NULL || chunk->bindings == NULL ||
        chunk->series == NULL)
        return error_set(err, STATUS_NO_MEMORY, "no memory for a batch");
    chunk->memory_size = sizeof(*chunk) + chunk->bytes.len +
                         chunk->source_count * (sizeof(uint32_t) + 2 * sizeof(uint64_t)) +
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

        if (!source_take(rest, &source) || !take_varint(rest, &chunk->source_offsets[i]))
            return chunk_bad(err, "source");
        chunk->source_numbers[i] = source_table_get(tables->sources, &source);
        if (chunk->source_numbers[i] == SOURCE_NONE)
            return error_set(err, STATUS_TOO_LARGE, "more than %d sources", SOURCE_COUNT_MAX);
    }
    for (uint32_t i = 0; i < chunk->format_count; i++) {
        struct slice name;

        if (!take_text(rest, &name))
            return chunk_bad(err, "format");
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

static bool series_is_whole(struct slice encoded, struct label_names *names)
{
    struct slice metric;
    struct label label;
    uint32_t count;

    if (!series_take(&encoded, &metric, &count))
        return false;
    for (uint32_t i = 0; i < count; i++) {
        if (!label_take(&encoded, &label))
            return false;
        label_names_add(names, i, label.name);
    }
    return encoded.len == 0;
}

/* `check`: what comes from a disk may be damaged, and its labels are not known yet. */
static enum status take_series(struct chunk *chunk, const struct chunk_tables *tables, bool check,
                               struct slice *rest, struct error *err)
{
    struct label_names names;

    label_names_init(&names, tables->fields);
    for (uint32_t i = 0; i < chunk->series_count; i++)
        if (!take_text(rest, &chunk->series[i]) ||
            (check && !series_is_whole(chunk->series[i], &names)))
            return chunk_bad(err, "series");
    return STATUS_OK;
}

static enum status check_small_tables(struct chunk *chunk, struct slice *rest, struct error *err)
{
    struct slice start = *rest;
    struct watermark watermark;
    struct loss loss;

    for (uint32_t i = 0; i < chunk->watermark_count; i++)
        if (!watermark_take(rest, &watermark))
            return chunk_bad(err, "watermark");
    chunk->watermarks = slice_first(start, start.len - rest->len);
    start = *rest;
    for (uint32_t i = 0; i < chunk->loss_count; i++)
        if (!loss_take(rest, &loss) || loss.source >= chunk->source_count)
            return chunk_bad(err, "loss");
    chunk->losses = slice_first(start, start.len - rest->len);
    return STATUS_OK;
}

/* Numbers in a column; 0 rows have a text and the values an end, too. */
static uint32_t column_count(const struct chunk *chunk, enum chunk_column_name name)
{
    uint32_t rows = chunk->row_count + chunk->open_count;

    return name == CHUNK_VALUES ? chunk->value_count + 1 : name == CHUNK_TEXTS ? rows + 1 : rows;
}

static enum status resolve_columns(struct chunk *chunk, struct slice *tables, struct slice bytes,
                                   struct error *err)
{
    static const char nothing[CHUNK_COLUMN_PAD];

    for (enum chunk_column_name i = 0; i < CHUNK_COLUMN_COUNT; i++) {
        struct chunk_column *column = &chunk->columns[i];
        struct slice numbers;
        uint8_t width;

        if (!take_u8(tables, &width) || width > CHUNK_COLUMN_WIDTH_MAX ||
            !take_varint(tables, &column->base) || !take_varint(tables, &column->scale) ||
            !take_bytes(&bytes, chunk_column_size(width, column_count(chunk, i)), &numbers))
            return chunk_bad(err, "column");
        column->width = width;
        column->mask = chunk_column_mask(width);
        column->data = width == 0 ? nothing : numbers.data;
    }
    return tables->len == 0 && bytes.len == 0 ? STATUS_OK : chunk_bad(err, "tables");
}

static enum status resolve_bindings(struct chunk *chunk, const struct chunk_tables *tables,
                                    struct slice rest, struct error *err)
{
    for (uint32_t i = 0; i < chunk->binding_count; i++) {
        struct chunk_binding *binding = &chunk->bindings[i];
        struct slice name;
        uint8_t kind;

        if (!take_text(&rest, &name) || !take_u8(&rest, &kind))
            return chunk_bad(err, "binding");
        binding->field = name_table_get(tables->fields, name);
        if (binding->field == NAME_TABLE_NONE)
            return error_set(err, STATUS_TOO_LARGE, "more than %d field names", NAME_COUNT_MAX);
        binding->type = kind >> 4;
        binding->unit = (kind >> 1) & 7;
        binding->computed = kind & 1;
        if (binding->type > FIELD_LEVEL)
            return chunk_bad(err, "type of a field");
    }
    return rest.len == 0 ? STATUS_OK : chunk_bad(err, "bindings");
}

static void widen(int64_t value, int64_t *min, int64_t *max)
{
    if (value < *min)
        *min = value;
    if (value > *max)
        *max = value;
}

/* Add `rows` to the totals of their format. */
static void account_format(struct chunk_format *format, const struct chunk_format *rows)
{
    format->row_count += rows->row_count;
    widen(rows->time_min_ns, &format->time_min_ns, &format->time_max_ns);
    widen(rows->time_max_ns, &format->time_min_ns, &format->time_max_ns);
    widen(rows->order_min_ns, &format->order_min_ns, &format->order_max_ns);
    widen(rows->order_max_ns, &format->order_min_ns, &format->order_max_ns);
}

/* The row is the first of `rows`, or one more of them. */
static inline void account_row(struct chunk_format *rows, const struct chunk_row *row)
{
    if (rows->row_count++ == 0) {
        rows->time_min_ns = rows->time_max_ns = row->time_ns;
        rows->order_min_ns = rows->order_max_ns = row->order_ns;
        return;
    }
    widen(row->time_ns, &rows->time_min_ns, &rows->time_max_ns);
    widen(row->order_ns, &rows->order_min_ns, &rows->order_max_ns);
}

/* Totals by source and, run by run of rows, by format. */
static void account_runs(struct chunk *chunk)
{
    struct chunk_format rows = {0};
    uint16_t format = 0;

    for (uint32_t i = 0; i < chunk->source_count; i++)
        chunk->source_orders[i] = INT64_MIN;
    for (uint32_t i = 0; i < chunk->row_count; i++) {
        struct chunk_row row = chunk_row_at(chunk, i);

        if (row.format != format && rows.row_count > 0) {
            account_format(&chunk->formats[format], &rows);
            rows.row_count = 0;
        }
        format = row.format;
        account_row(&rows, &row);
        if (row.order_ns > chunk->source_orders[row.source])
            chunk->source_orders[row.source] = row.order_ns;
    }
    if (rows.row_count > 0)
        account_format(&chunk->formats[format], &rows);
}

static void account_rows(struct chunk *chunk)
{
    const struct chunk_column *texts = &chunk->columns[CHUNK_TEXTS];

    account_runs(chunk);
    chunk->raw_size = chunk_column_at(texts, chunk->row_count) - chunk_column_at(texts, 0);
    for (uint32_t i = 0; i < chunk->format_count; i++) {
        const struct chunk_format *format = &chunk->formats[i];

        if (format->row_count == 0)
            continue;
        widen(format->time_min_ns, &chunk->time_min_ns, &chunk->time_max_ns);
        widen(format->time_max_ns, &chunk->time_min_ns, &chunk->time_max_ns);
        widen(format->order_min_ns, &chunk->order_min_ns, &chunk->order_max_ns);
        widen(format->order_max_ns, &chunk->order_min_ns, &chunk->order_max_ns);
    }
    for (uint32_t i = 0; i < chunk->sample_count; i++)
        widen(chunk->samples[i].time_ns, &chunk->sample_min_ns, &chunk->sample_max_ns);
}

static enum status open_chunk(struct chunk *chunk, const struct chunk_tables *tables, bool check,
                              struct error *err)
{
    struct chunk_sizes sizes = {0};
    struct chunk_parts parts = {0};
    enum status status = read_header(chunk, &sizes, err);

    if (status == STATUS_OK)
        status = cut_sections(chunk, &sizes, &parts, err);
    if (status == STATUS_OK)
        status = make_arrays(chunk, err);
    if (status == STATUS_OK)
        status = resolve_tables(chunk, tables, &parts.tables, err);
    if (status == STATUS_OK)
        status = check_small_tables(chunk, &parts.tables, err);
    if (status == STATUS_OK)
        status = take_series(chunk, tables, check, &parts.tables, err);
    if (status == STATUS_OK)
        status = resolve_columns(chunk, &parts.tables, parts.columns, err);
    if (status == STATUS_OK)
        status = resolve_bindings(chunk, tables, parts.bindings, err);
    if (status == STATUS_OK && check)
        status = chunk_check_rows(chunk, err);
    if (status == STATUS_OK)
        account_rows(chunk);
    return status;
}

static enum status make_chunk(struct buf *bytes, const struct chunk_frame *frame,
                              const struct chunk_tables *tables, bool check, struct chunk **out,
                              struct error *err)
{
    struct chunk *chunk = calloc(1, sizeof(*chunk));
    enum status status;

    if (chunk == NULL) {
        buf_release(bytes);
        return error_set(err, STATUS_NO_MEMORY, "no memory for a batch");
    }
    chunk->bytes = *bytes;
    chunk->framed = frame->size > 0;
    chunk->data = chunk->framed ? bytes->data + frame->at : bytes->data;
    chunk->size = chunk->framed ? frame->size : bytes->len;
    if (bytes->spare && bytes->data != NULL)
        spare_charge(bytes->data, MEMORY_HEADS);
    *bytes = buf_empty(0);
    atomic_init(&chunk->refs, 1);
    chunk->time_min_ns = chunk->order_min_ns = chunk->sample_min_ns = INT64_MAX;
    chunk->time_max_ns = chunk->order_max_ns = chunk->sample_max_ns = INT64_MIN;
    status = open_chunk(chunk, tables, check, err);
    if (status == STATUS_OK)
        *out = chunk;
    else
        chunk_unref(chunk);
    return status;
}

enum status chunk_new_encoded(struct buf *bytes, const struct chunk_frame *frame,
                              const struct chunk_tables *tables, struct chunk **out,
                              struct error *err)
{
    return make_chunk(bytes, frame, tables, false, out, err);
}

static enum status check_version(const struct buf *bytes, struct error *err)
{
    uint32_t version = bytes->len < sizeof(version) ? 0 : get_le32(bytes->data);

    if (version > CHUNK_VERSION)
        return error_set(err, STATUS_INVALID, "batch of version %u, this program knows %d", version,
                         CHUNK_VERSION);
    return version == 0 ? chunk_bad(err, "version") : STATUS_OK;
}

enum status chunk_new(struct buf *bytes, const struct chunk_tables *tables, struct chunk **out,
                      struct error *err)
{
    const struct chunk_frame none = {0};
    enum status status = check_version(bytes, err);

    if (status == STATUS_OK && get_le32(bytes->data) == CHUNK_V1_VERSION)
        status = chunk_v1_convert(bytes, tables->fields, err);
    if (status == STATUS_OK)
        return make_chunk(bytes, &none, tables, true, out, err);
    buf_release(bytes);
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
    free(chunk->source_offsets);
    free(chunk->source_orders);
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
