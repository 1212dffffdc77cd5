/* store/segment_writer.c -- rows into one segment file, then read back and compared.
 *
 * Rows are grouped by format, keeping their order, and cut into blocks. Pages go to the file as
 * they are made; the directory, with a hash of every page, comes last. */
#include "store/segment_format.h"

#include "base/byteorder.h"
#include "store/chunk.h"
#include "store/segment_column.h"
#include "store/segment_check.h"

#include <stdio.h>
#include <stdlib.h>
#include <zstd.h>

enum { BINDINGS_MAX = SEGMENT_BLOCK_COLUMNS_MAX - COLUMN_ID_COUNT };

/* The values of one (field, type, unit, computed) in the block at hand. */
struct binding {
    struct event_field kind;
    uint32_t field; /* index of the segment's fields */
    struct field_value *values;
    uint32_t count, capacity;
};

struct writer {
    struct io *io;
    const char *path;
    const struct segment_content *content;
    struct error *err;
    int fd;
    uint64_t offset, seed;
    ZSTD_CCtx *zstd;
    struct buf page, packed; /* raw and compressed page */
    struct buf pending;      /* bytes not yet written */
    struct buf blocks;       /* encoded block entries */
    uint32_t block_count;
    struct segment_summary summary;
    /* names: process number -> index of this segment + 1 */
    struct map field_index;
    struct buf field_names;
    struct arena keys;
    struct segment_source *sources;
    /* the block at hand */
    struct segment_column columns[SEGMENT_BLOCK_COLUMNS_MAX];
    uint32_t column_count;
    struct binding *bindings;
    uint32_t binding_count, binding_capacity;
    uint64_t *numbers;
};

static enum status no_memory(struct writer *writer)
{
    return error_set(writer->err, STATUS_NO_MEMORY, "no memory to write a segment");
}

enum { WRITE_SIZE = 1 << 20 };

static enum status flush(struct writer *writer)
{
    enum status status = io_write_all(writer->io, writer->fd, writer->pending.data,
                                      writer->pending.len, writer->offset, writer->path,
                                      writer->err);

    writer->offset += writer->pending.len;
    buf_reset(&writer->pending);
    return status;
}

static enum status put_bytes(struct writer *writer, struct slice bytes)
{
    if (!buf_append_slice(&writer->pending, bytes))
        return no_memory(writer);
    return writer->pending.len >= WRITE_SIZE ? flush(writer) : STATUS_OK;
}

static enum status compress(struct writer *writer, struct slice raw, struct slice *out)
{
    size_t bound = ZSTD_compressBound(raw.len), size;

    buf_reset(&writer->packed);
    if (!buf_reserve(&writer->packed, bound))
        return no_memory(writer);
    size = ZSTD_compressCCtx(writer->zstd, writer->packed.data, bound, raw.data, raw.len,
                             SEGMENT_ZSTD_LEVEL);
    *out = raw;
    if (!ZSTD_isError(size) && size < raw.len - raw.len / 8)
        *out = slice_make(writer->packed.data, size);
    return STATUS_OK;
}

/* writer->page becomes the page of `column`, which joins the block's columns. */
static enum status put_page(struct writer *writer, struct segment_column *column)
{
    struct slice raw = buf_slice(&writer->page), stored = raw;
    enum status status = STATUS_OK;

    if (writer->column_count == SEGMENT_BLOCK_COLUMNS_MAX)
        return error_set(writer->err, STATUS_TOO_LARGE, "a block of too many columns");
    if (writer->page.failed)
        return no_memory(writer);
    column->raw_size = raw.len;
    column->offset = writer->offset + writer->pending.len;
    if (raw.len > 0) {
        status = compress(writer, raw, &stored);
        if (status != STATUS_OK)
            return status;
        column->size = stored.len;
        column->hash = hash64_seed(stored.data, stored.len,
                                   segment_page_seed(writer->seed, writer->block_count,
                                                     writer->column_count));
        status = put_bytes(writer, stored);
    }
    writer->columns[writer->column_count++] = *column;
    buf_reset(&writer->page);
    return status;
}

static enum status put_numbers(struct writer *writer, enum segment_column_id id, uint32_t count)
{
    struct segment_column column = {.id = (uint8_t)id};

    if (!column_encode_numbers(writer->numbers, count, &column, &writer->page))
        return no_memory(writer);
    return put_page(writer, &column);
}

static uint64_t row_number(const struct segment_row *row, enum segment_column_id id)
{
    const struct event *event = row->event;

    switch (id) {
    case COLUMN_ID_TIME:
        return (uint64_t)event->time_ns;
    case COLUMN_ID_ORDER:
        return (uint64_t)row->order_time_ns - (uint64_t)event->time_ns;
    case COLUMN_ID_SOURCE:
        return event->source;
    case COLUMN_ID_SEQUENCE:
        return row->sequence;
    case COLUMN_ID_OFFSET:
        return event->offset;
    case COLUMN_ID_SOURCE_LEN:
        return event->source_len;
    case COLUMN_ID_LEVEL:
        return event->level;
    case COLUMN_ID_FLAGS:
        return event->flags;
    default:
        return event->bytes.len;
    }
}

static enum status put_row_columns(struct writer *writer, const struct segment_row *const *rows,
                                   uint32_t count)
{
    struct segment_column text = {.id = COLUMN_ID_TEXT, .encoding = ENCODING_BYTES};
    enum status status = STATUS_OK;

    for (int id = COLUMN_ID_TIME; id <= COLUMN_ID_TEXT_LEN && status == STATUS_OK; id++) {
        for (uint32_t i = 0; i < count; i++)
            writer->numbers[i] = row_number(rows[i], (enum segment_column_id)id);
        status = put_numbers(writer, (enum segment_column_id)id, count);
    }
    for (uint32_t i = 0; i < count && status == STATUS_OK; i++)
        if (!buf_append_slice(&writer->page, rows[i]->event->bytes))
            status = no_memory(writer);
    return status == STATUS_OK ? put_page(writer, &text) : status;
}

/* Index of the name in this segment; UINT32_MAX without memory. */
static uint32_t field_index(struct writer *writer, field_id field)
{
    uint32_t key = field, index = map_get(&writer->field_index, slice_make(&key, sizeof(key)));
    struct slice name, kept;

    if (index != MAP_NONE)
        return index;
    name = writer->content->names->field_name(writer->content->names->user, field);
    kept = arena_copy(&writer->keys, slice_make(&key, sizeof(key)));
    index = writer->field_index.count;
    if (kept.len == 0 || !map_put(&writer->field_index, kept, index) ||
        !buf_append_varint(&writer->field_names, name.len) ||
        !buf_append_slice(&writer->field_names, name))
        return MAP_NONE;
    return index;
}

static bool same_kind(const struct event_field *a, const struct event_field *b)
{
    return a->field == b->field && a->type == b->type && a->unit == b->unit &&
           (a->text.data == NULL) == (b->text.data == NULL);
}

/* The binding of a field; `guess` is where it was in the row before. */
static struct binding *binding_of(struct writer *writer, const struct event_field *field,
                                  uint32_t guess)
{
    struct binding *found;

    if (guess < writer->binding_count && same_kind(&writer->bindings[guess].kind, field))
        return &writer->bindings[guess];
    for (uint32_t i = 0; i < writer->binding_count; i++)
        if (same_kind(&writer->bindings[i].kind, field))
            return &writer->bindings[i];
    if (writer->binding_count == writer->binding_capacity) {
        uint32_t capacity = writer->binding_capacity == 0 ? 64 : writer->binding_capacity * 2;
        struct binding *grown;

        if (writer->binding_count >= BINDINGS_MAX)
            return NULL;
        grown = realloc(writer->bindings, capacity * sizeof(*grown));
        if (grown == NULL)
            return NULL;
        memset(grown + writer->binding_capacity, 0,
               (capacity - writer->binding_capacity) * sizeof(*grown));
        writer->bindings = grown;
        writer->binding_capacity = capacity;
    }
    found = &writer->bindings[writer->binding_count++];
    found->kind = *field;
    found->field = field_index(writer, field->field);
    found->count = 0;
    return found->field == MAP_NONE ? NULL : found;
}

static bool add_value(struct binding *binding, uint32_t row, const struct event *event,
                      const struct event_field *field)
{
    struct field_value *grown;

    if (binding->count > 0 && binding->values[binding->count - 1].row == row)
        return true; /* the first place of a field counts */
    if (binding->count == binding->capacity) {
        uint32_t capacity = binding->capacity == 0 ? 256 : binding->capacity * 2;

        grown = realloc(binding->values, capacity * sizeof(*grown));
        if (grown == NULL)
            return false;
        binding->values = grown;
        binding->capacity = capacity;
    }
    binding->values[binding->count++] = (struct field_value){
        .row = row,
        .start = field->start,
        .text = field->text.data != NULL ? field->text
                                         : slice_sub(event->bytes, field->start, field->len),
    };
    return true;
}

/* Blocks with more kinds of fields than a block may have keep the first ones as columns; the rest
 * stays in the text. */
static enum status collect_fields(struct writer *writer, const struct segment_row *const *rows,
                                  uint32_t count)
{
    writer->binding_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct event *event = rows[i]->event;

        for (uint32_t k = 0; k < event->field_count; k++) {
            struct binding *binding = binding_of(writer, &event->fields[k], k);

            if (binding == NULL && writer->binding_count >= BINDINGS_MAX)
                continue;
            if (binding == NULL || !add_value(binding, i, event, &event->fields[k]))
                return no_memory(writer);
        }
    }
    return STATUS_OK;
}

static enum status put_field_columns(struct writer *writer, uint32_t row_count)
{
    enum status status = STATUS_OK;

    for (uint32_t i = 0; i < writer->binding_count && status == STATUS_OK; i++) {
        const struct binding *binding = &writer->bindings[i];
        struct segment_column column = {
            .id = COLUMN_ID_FIELD,
            .field = binding->field,
            .type = binding->kind.type,
            .unit = binding->kind.unit,
        };

        if (!column_encode_field(binding->values, binding->count, row_count,
                                 binding->kind.text.data != NULL, &column, &writer->page))
            return no_memory(writer);
        status = put_page(writer, &column);
    }
    return status;
}

static void widen(int64_t value, int64_t *min, int64_t *max)
{
    *min = value < *min ? value : *min;
    *max = value > *max ? value : *max;
}

static bool put_signed(struct buf *out, int64_t value)
{
    return buf_append_u64(out, (uint64_t)value);
}

static enum status put_block_entry(struct writer *writer, const struct segment_block_entry *entry)
{
    struct buf *out = &writer->blocks;
    bool fine = buf_append_byte(out, entry->samples ? 1 : 0) &&
                buf_append_varint(out, entry->row_count) &&
                buf_append_varint(out, entry->format) && put_signed(out, entry->time_min_ns) &&
                put_signed(out, entry->time_max_ns) && put_signed(out, entry->order_min_ns) &&
                put_signed(out, entry->order_max_ns) &&
                buf_append_varint(out, writer->column_count);

    for (uint32_t i = 0; i < writer->column_count && fine; i++) {
        const struct segment_column *column = &writer->columns[i];

        fine = buf_append_byte(out, (char)column->id) &&
               buf_append_byte(out, (char)column->encoding) &&
               buf_append_varint(out, column->field) &&
               buf_append_byte(out, (char)column->type) &&
               buf_append_byte(out, (char)column->unit) && buf_append_u64(out, column->value) &&
               buf_append_varint(out, column->offset) && buf_append_varint(out, column->size) &&
               buf_append_varint(out, column->raw_size) && buf_append_u64(out, column->hash);
    }
    writer->column_count = 0;
    writer->block_count++;
    widen(entry->time_min_ns, &writer->summary.time_min_ns, &writer->summary.time_max_ns);
    widen(entry->time_max_ns, &writer->summary.time_min_ns, &writer->summary.time_max_ns);
    widen(entry->order_min_ns, &writer->summary.order_min_ns, &writer->summary.order_max_ns);
    widen(entry->order_max_ns, &writer->summary.order_min_ns, &writer->summary.order_max_ns);
    return fine ? STATUS_OK : no_memory(writer);
}

static void account_sequence(struct writer *writer, uint64_t sequence)
{
    struct segment_summary *summary = &writer->summary;

    summary->sequence_min = sequence < summary->sequence_min ? sequence : summary->sequence_min;
    summary->sequence_max = sequence > summary->sequence_max ? sequence : summary->sequence_max;
}

static enum status write_event_block(struct writer *writer, const struct segment_row *const *rows,
                                     uint32_t count)
{
    struct segment_block_entry entry = {
        .row_count = count,
        .format = rows[0]->event->format,
        .time_min_ns = INT64_MAX,
        .time_max_ns = INT64_MIN,
        .order_min_ns = INT64_MAX,
        .order_max_ns = INT64_MIN,
    };
    enum status status;

    for (uint32_t i = 0; i < count; i++) {
        const struct event *event = rows[i]->event;
        struct segment_source *source = &writer->sources[event->source];

        widen(event->time_ns, &entry.time_min_ns, &entry.time_max_ns);
        widen(rows[i]->order_time_ns, &entry.order_min_ns, &entry.order_max_ns);
        account_sequence(writer, rows[i]->sequence);
        writer->summary.raw_bytes += event->bytes.len;
        source->rows++;
        if (event->offset < source->from_offset)
            source->from_offset = event->offset;
        if (event->offset + event->source_len > source->to_offset)
            source->to_offset = event->offset + event->source_len;
    }
    writer->summary.rows += count;
    status = put_row_columns(writer, rows, count);
    if (status == STATUS_OK)
        status = collect_fields(writer, rows, count);
    if (status == STATUS_OK)
        status = put_field_columns(writer, count);
    return status == STATUS_OK ? put_block_entry(writer, &entry) : status;
}

/* Stable order by format; blocks end at BLOCK_ROWS_MAX rows or SEGMENT_BLOCK_TEXT_MAX bytes. */
static enum status write_events(struct writer *writer, const struct segment_row **sorted)
{
    const struct segment_content *content = writer->content;
    uint64_t at = 0;
    enum status status = STATUS_OK;

    for (uint32_t format = 0; format < content->format_count; format++)
        for (uint64_t i = 0; i < content->row_count; i++)
            if (content->rows[i].event->format == format)
                sorted[at++] = &content->rows[i];
    for (uint64_t first = 0; first < at && status == STATUS_OK;) {
        uint64_t end = first;
        size_t text = 0;

        while (end < at && end - first < BLOCK_ROWS_MAX && text < SEGMENT_BLOCK_TEXT_MAX &&
               sorted[end]->event->format == sorted[first]->event->format)
            text += sorted[end++]->event->bytes.len;
        status = write_event_block(writer, sorted + first, (uint32_t)(end - first));
        first = end;
    }
    return status;
}

static enum status put_series(struct writer *writer, const struct segment_sample *samples,
                              uint32_t count)
{
    struct segment_column column = {.id = COLUMN_ID_SERIES};
    struct slice *texts = malloc(((size_t)count + 1) * sizeof(*texts));
    struct buf encoded = buf_empty(SEGMENT_PAGE_SIZE_MAX);
    bool fine = texts != NULL;
    enum status status;

    for (uint32_t i = 0; i < count && fine; i++) {
        size_t start = encoded.len;

        fine = series_append(&encoded, samples[i].sample);
        texts[i] = (struct slice){NULL, encoded.len - start};
    }
    for (size_t i = 0, start = 0; i < count && fine; start += texts[i++].len)
        texts[i].data = encoded.data + start;
    fine = fine && column_encode_texts(texts, count, &column, &writer->page);
    status = fine ? put_page(writer, &column) : no_memory(writer);
    buf_release(&encoded);
    free(texts);
    return status;
}

static uint64_t sample_number(const struct segment_sample *sample, enum segment_column_id id)
{
    switch (id) {
    case COLUMN_ID_TIME:
        return (uint64_t)sample->sample->time_ns;
    case COLUMN_ID_SOURCE:
        return sample->sample->source;
    default:
        return sample->sequence;
    }
}

static enum status write_sample_block(struct writer *writer, const struct segment_sample *samples,
                                      uint32_t count)
{
    static const enum segment_column_id ids[] = {COLUMN_ID_TIME, COLUMN_ID_SOURCE,
                                                 COLUMN_ID_SEQUENCE};
    struct segment_column values = {.id = COLUMN_ID_VALUE, .encoding = ENCODING_BYTES};
    struct segment_block_entry entry = {.samples = true,
                                        .row_count = count,
                                        .time_min_ns = INT64_MAX,
                                        .time_max_ns = INT64_MIN};
    enum status status = STATUS_OK;

    for (uint32_t i = 0; i < count; i++) {
        widen(samples[i].sample->time_ns, &entry.time_min_ns, &entry.time_max_ns);
        account_sequence(writer, samples[i].sequence);
    }
    entry.order_min_ns = entry.time_min_ns;
    entry.order_max_ns = entry.time_max_ns;
    writer->summary.samples += count;
    for (size_t k = 0; k < COUNT_OF(ids) && status == STATUS_OK; k++) {
        for (uint32_t i = 0; i < count; i++)
            writer->numbers[i] = sample_number(&samples[i], ids[k]);
        status = put_numbers(writer, ids[k], count);
    }
    if (status == STATUS_OK)
        status = put_series(writer, samples, count);
    for (uint32_t i = 0; i < count && status == STATUS_OK; i++)
        if (!buf_append(&writer->page, &samples[i].sample->value, sizeof(double)))
            status = no_memory(writer);
    if (status == STATUS_OK)
        status = put_page(writer, &values);
    return status == STATUS_OK ? put_block_entry(writer, &entry) : status;
}

static enum status write_samples(struct writer *writer)
{
    const struct segment_content *content = writer->content;
    enum status status = STATUS_OK;

    for (uint64_t first = 0; first < content->sample_count && status == STATUS_OK;) {
        uint64_t left = content->sample_count - first;
        uint32_t count = left < BLOCK_ROWS_MAX ? (uint32_t)left : BLOCK_ROWS_MAX;

        status = write_sample_block(writer, content->samples + first, count);
        first += count;
    }
    return status;
}

static bool put_directory_head(struct writer *writer, struct buf *out)
{
    const struct segment_summary *summary = &writer->summary;
    const struct segment_content *content = writer->content;
    bool fine = buf_append_varint(out, summary->rows) && buf_append_varint(out, summary->samples) &&
                buf_append_varint(out, summary->raw_bytes) &&
                put_signed(out, summary->time_min_ns) && put_signed(out, summary->time_max_ns) &&
                put_signed(out, summary->order_min_ns) && put_signed(out, summary->order_max_ns) &&
                buf_append_u64(out, summary->sequence_min) &&
                buf_append_u64(out, summary->sequence_max) &&
                buf_append_varint(out, writer->field_index.count) &&
                buf_append_slice(out, buf_slice(&writer->field_names)) &&
                buf_append_varint(out, content->format_count);

    for (uint32_t i = 0; i < content->format_count && fine; i++)
        fine = buf_append_varint(out, content->formats[i].len) &&
               buf_append_slice(out, content->formats[i]);
    fine = fine && buf_append_varint(out, content->source_count);
    for (uint32_t i = 0; i < content->source_count && fine; i++) {
        const struct segment_source *source = &writer->sources[i];

        fine = source_append(out, &content->sources[i]) && buf_append_varint(out, source->rows) &&
               buf_append_varint(out, source->rows == 0 ? 0 : source->from_offset) &&
               buf_append_varint(out, source->to_offset);
    }
    return fine;
}

static enum status write_directory(struct writer *writer)
{
    char footer[SEGMENT_FOOTER_SIZE] = {0};
    struct buf raw = buf_empty(SEGMENT_DIRECTORY_SIZE_MAX);
    struct slice stored = {NULL, 0};
    enum status status;

    if (!put_directory_head(writer, &raw) || !buf_append_varint(&raw, writer->block_count) ||
        !buf_append_slice(&raw, buf_slice(&writer->blocks))) {
        buf_release(&raw);
        return no_memory(writer);
    }
    writer->summary.footer_hash = hash128(raw.data, raw.len, writer->seed);
    put_le64(footer, writer->offset + writer->pending.len);
    put_le64(footer + 16, raw.len);
    put_le64(footer + 24, writer->seed);
    put_le64(footer + 32, writer->summary.footer_hash.low);
    put_le64(footer + 40, writer->summary.footer_hash.high);
    put_le32(footer + 64, SEGMENT_VERSION);
    memcpy(footer + 72, SEGMENT_END_MAGIC, 8);
    status = compress(writer, buf_slice(&raw), &stored);
    put_le64(footer + 8, stored.len);
    if (status == STATUS_OK)
        status = put_bytes(writer, stored);
    if (status == STATUS_OK)
        status = put_bytes(writer, slice_make(footer, sizeof(footer)));
    if (status == STATUS_OK)
        status = flush(writer);
    writer->summary.file_bytes = writer->offset;
    buf_release(&raw);
    return status;
}

static void release(struct writer *writer)
{
    io_close(writer->io, &writer->fd);
    (void)ZSTD_freeCCtx(writer->zstd);
    buf_release(&writer->page);
    buf_release(&writer->packed);
    buf_release(&writer->pending);
    buf_release(&writer->blocks);
    buf_release(&writer->field_names);
    map_release(&writer->field_index);
    arena_release(&writer->keys);
    for (uint32_t i = 0; i < writer->binding_capacity; i++)
        free(writer->bindings[i].values);
    free(writer->bindings);
    free(writer->sources);
    free(writer->numbers);
}

static enum status prepare(struct writer *writer)
{
    const struct segment_content *content = writer->content;
    char header[SEGMENT_HEADER_SIZE] = SEGMENT_MAGIC;
    uint64_t identity[3] = {content->row_count, content->sample_count, 0};
    enum status status;

    if (content->row_count > 0)
        identity[2] = content->rows[0].sequence;
    else if (content->sample_count > 0)
        identity[2] = content->samples[0].sequence;
    writer->seed = hash64(identity, sizeof(identity)); /* the same content gives the same bytes */
    writer->page = writer->packed = writer->pending = buf_empty(SEGMENT_PAGE_SIZE_MAX);
    writer->blocks = writer->field_names = buf_empty(SEGMENT_DIRECTORY_SIZE_MAX);
    writer->field_index = map_empty(NAME_COUNT_MAX);
    writer->keys = arena_empty(SEGMENT_DIRECTORY_SIZE_MAX);
    writer->summary = (struct segment_summary){.time_min_ns = INT64_MAX,
                                               .time_max_ns = INT64_MIN,
                                               .order_min_ns = INT64_MAX,
                                               .order_max_ns = INT64_MIN,
                                               .sequence_min = UINT64_MAX};
    writer->zstd = ZSTD_createCCtx();
    writer->sources = calloc((size_t)content->source_count + 1, sizeof(*writer->sources));
    writer->numbers = malloc(BLOCK_ROWS_MAX * sizeof(*writer->numbers));
    if (writer->zstd == NULL || writer->sources == NULL || writer->numbers == NULL)
        return no_memory(writer);
    for (uint32_t i = 0; i < content->source_count; i++)
        writer->sources[i].from_offset = UINT64_MAX;
    status = io_open(writer->io, writer->path, IO_READ | IO_WRITE | IO_CREATE | IO_TRUNCATE,
                     &writer->fd, writer->err);
    put_le32(header + 8, SEGMENT_VERSION);
    return status == STATUS_OK ? put_bytes(writer, slice_make(header, sizeof(header))) : status;
}

static enum status write_all(struct writer *writer)
{
    const struct segment_row **sorted =
        malloc((writer->content->row_count + 1) * sizeof(struct segment_row *));
    enum status status = sorted == NULL ? no_memory(writer) : prepare(writer);

    if (status == STATUS_OK)
        status = write_events(writer, sorted);
    if (status == STATUS_OK)
        status = write_samples(writer);
    if (status == STATUS_OK)
        status = write_directory(writer);
    if (status == STATUS_OK)
        status = io_sync(writer->io, writer->fd, writer->path, writer->err);
    io_close(writer->io, &writer->fd);
    if (status == STATUS_OK)
        status = segment_check(writer->io, writer->path, writer->content, sorted,
                               &writer->summary.footer_hash, writer->err);
    free(sorted);
    return status;
}

enum status segment_write(struct io *io, const char *path, const struct segment_content *content,
                          struct segment_summary *out, struct error *err)
{
    struct writer *writer = calloc(1, sizeof(*writer));
    struct error local = {0};
    enum status status;

    if (writer == NULL)
        return error_set(err, STATUS_NO_MEMORY, "no memory to write a segment");
    writer->io = io;
    writer->path = path;
    writer->content = content;
    writer->err = err == NULL ? &local : err;
    writer->fd = -1;
    status = write_all(writer);
    *out = writer->summary;
    release(writer);
    free(writer);
    if (status != STATUS_OK) {
        error_context(err, "segment %s", path);
        if (io_remove(io, path, &local) != STATUS_OK)
            return status; /* swept at the next start */
    }
    return status;
}
