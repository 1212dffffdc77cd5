/* store/segment_reader.c -- open a segment: footer, directory, names. All bytes may be damaged. */
#include "store/segment_format.h"

#include "base/byteorder.h"
#include "store/source_table.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <zstd.h>

#define DIRECTORY_ARENA_MAX ((size_t)512 << 20)

struct footer {
    uint64_t offset, size, raw_size;
    struct hash128 hash;
};

static enum status corrupt(const struct segment *segment, const char *what, struct error *err)
{
    return error_set(err, STATUS_CORRUPT, "segment %s: bad %s", segment->path, what);
}

static enum status no_memory(const struct segment *segment, struct error *err)
{
    return error_set(err, STATUS_NO_MEMORY, "no memory to open segment %s", segment->path);
}

static enum status read_footer(struct segment *segment, struct footer *footer, struct error *err)
{
    char bytes[SEGMENT_FOOTER_SIZE], header[SEGMENT_HEADER_SIZE];
    struct io_info info;
    int done = segment->io->file->info(segment->io, segment->fd, &info);
    enum status status;

    if (done < 0)
        return error_set_errno(err, -done, "cannot look at %s", segment->path);
    if (info.size < SEGMENT_HEADER_SIZE + SEGMENT_FOOTER_SIZE)
        return corrupt(segment, "length", err);
    status = io_read_exact(segment->io, segment->fd, header, sizeof(header), 0, segment->path, err);
    if (status == STATUS_OK)
        status = io_read_exact(segment->io, segment->fd, bytes, sizeof(bytes),
                               info.size - sizeof(bytes), segment->path, err);
    if (status != STATUS_OK)
        return status;
    if (memcmp(header, SEGMENT_MAGIC, 8) != 0 || memcmp(bytes + 72, SEGMENT_END_MAGIC, 8) != 0)
        return corrupt(segment, "magic", err);
    if (get_le32(header + 8) != SEGMENT_VERSION || get_le32(bytes + 64) != SEGMENT_VERSION)
        return error_set(err, STATUS_INVALID, "segment %s has version %u, this program knows %d",
                         segment->path, get_le32(bytes + 64), SEGMENT_VERSION);
    *footer = (struct footer){
        .offset = get_le64(bytes),
        .size = get_le64(bytes + 8),
        .raw_size = get_le64(bytes + 16),
        .hash = {get_le64(bytes + 32), get_le64(bytes + 40)},
    };
    segment->seed = get_le64(bytes + 24);
    segment->summary.file_bytes = info.size;
    segment->summary.footer_hash = footer->hash;
    if (footer->raw_size > SEGMENT_DIRECTORY_SIZE_MAX || footer->size > footer->raw_size ||
        footer->offset > info.size || footer->size > info.size - footer->offset)
        return corrupt(segment, "footer", err);
    return STATUS_OK;
}

/* The raw directory, in the segment's arena: names stay there. */
static enum status read_directory(struct segment *segment, const struct footer *footer,
                                  struct slice *out, struct error *err)
{
    char *stored = malloc(footer->size + 1);
    char *raw = arena_alloc(&segment->arena, 1, 1, footer->raw_size + 1);
    size_t size = footer->raw_size;
    enum status status;

    if (stored == NULL || raw == NULL) {
        free(stored);
        return no_memory(segment, err);
    }
    status = io_read_exact(segment->io, segment->fd, stored, footer->size, footer->offset,
                           segment->path, err);
    if (status == STATUS_OK && footer->size < footer->raw_size)
        size = ZSTD_decompress(raw, footer->raw_size, stored, footer->size);
    else if (status == STATUS_OK)
        memcpy(raw, stored, footer->size);
    free(stored);
    if (status != STATUS_OK)
        return status;
    if (size != footer->raw_size ||
        !hash128_equal(hash128(raw, footer->raw_size, segment->seed), footer->hash))
        return corrupt(segment, "directory", err);
    *out = slice_make(raw, footer->raw_size);
    return STATUS_OK;
}

static bool take_i64(struct slice *rest, int64_t *out)
{
    uint64_t value;

    if (!take_u64(rest, &value))
        return false;
    *out = (int64_t)value;
    return true;
}

static bool take_summary(struct slice *rest, struct segment_summary *out)
{
    return take_varint(rest, &out->rows) && take_varint(rest, &out->samples) &&
           take_varint(rest, &out->raw_bytes) && take_i64(rest, &out->time_min_ns) &&
           take_i64(rest, &out->time_max_ns) && take_i64(rest, &out->order_min_ns) &&
           take_i64(rest, &out->order_max_ns) && take_u64(rest, &out->sequence_min) &&
           take_u64(rest, &out->sequence_max);
}

/* A count of things that take at least one byte each. */
static bool take_count(struct slice *rest, uint32_t *out)
{
    uint64_t count;

    if (!take_varint(rest, &count) || count > rest->len)
        return false;
    *out = (uint32_t)count;
    return true;
}

static bool take_names(struct segment *segment, struct slice *rest, struct slice **names,
                       uint32_t *count)
{
    if (!take_count(rest, count))
        return false;
    *names = arena_new(&segment->arena, struct slice, (size_t)*count + 1);
    for (uint32_t i = 0; i < *count && *names != NULL; i++)
        if (!take_text(rest, &(*names)[i]))
            return false;
    return *names != NULL;
}

static bool take_sources(struct segment *segment, struct slice *rest)
{
    if (!take_count(rest, &segment->source_count))
        return false;
    segment->sources =
        arena_new(&segment->arena, struct segment_source, (size_t)segment->source_count + 1);
    for (uint32_t i = 0; i < segment->source_count && segment->sources != NULL; i++) {
        struct segment_source *source = &segment->sources[i];

        if (!source_take(rest, &source->source) || !take_varint(rest, &source->rows) ||
            !take_varint(rest, &source->from_offset) || !take_varint(rest, &source->to_offset))
            return false;
    }
    return segment->sources != NULL;
}

static bool take_column(const struct segment *segment, struct slice *rest,
                        struct segment_column *out)
{
    uint64_t field;

    if (!take_u8(rest, &out->id) || !take_u8(rest, &out->encoding) || !take_varint(rest, &field) ||
        !take_u8(rest, &out->type) || !take_u8(rest, &out->unit) || !take_u64(rest, &out->value) ||
        !take_varint(rest, &out->offset) || !take_varint(rest, &out->size) ||
        !take_varint(rest, &out->raw_size) || !take_u64(rest, &out->hash))
        return false;
    out->field = (uint32_t)field;
    return out->id < COLUMN_ID_COUNT && out->encoding < ENCODING_COUNT &&
           (out->id != COLUMN_ID_FIELD || field < segment->field_count) &&
           out->raw_size <= SEGMENT_PAGE_SIZE_MAX && out->size <= out->raw_size &&
           out->type <= FIELD_LEVEL;
}

static bool take_block(struct segment *segment, struct slice *rest,
                       struct segment_block_entry *out)
{
    uint8_t flags;
    uint64_t rows, format, columns;

    if (!take_u8(rest, &flags) || !take_varint(rest, &rows) || !take_varint(rest, &format) ||
        !take_i64(rest, &out->time_min_ns) || !take_i64(rest, &out->time_max_ns) ||
        !take_i64(rest, &out->order_min_ns) || !take_i64(rest, &out->order_max_ns) ||
        !take_varint(rest, &columns))
        return false;
    out->samples = flags & 1;
    if (rows == 0 || rows > BLOCK_ROWS_MAX || columns > SEGMENT_BLOCK_COLUMNS_MAX ||
        columns > rest->len || (!out->samples && format >= segment->format_count))
        return false;
    out->row_count = (uint32_t)rows;
    out->format = (uint32_t)format;
    out->column_count = (uint32_t)columns;
    out->columns = arena_new(&segment->arena, struct segment_column, columns + 1);
    for (uint32_t i = 0; i < out->column_count && out->columns != NULL; i++)
        if (!take_column(segment, rest, &out->columns[i]))
            return false;
    return out->columns != NULL;
}

static bool take_blocks(struct segment *segment, struct slice *rest)
{
    if (!take_count(rest, &segment->block_count))
        return false;
    segment->blocks =
        arena_new(&segment->arena, struct segment_block_entry, (size_t)segment->block_count + 1);
    for (uint32_t i = 0; i < segment->block_count && segment->blocks != NULL; i++)
        if (!take_block(segment, rest, &segment->blocks[i]))
            return false;
    return segment->blocks != NULL && rest->len == 0;
}

static enum status parse_directory(struct segment *segment, struct slice rest, struct error *err)
{
    if (take_summary(&rest, &segment->summary) &&
        take_names(segment, &rest, &segment->field_names, &segment->field_count) &&
        take_names(segment, &rest, &segment->format_names, &segment->format_count) &&
        take_sources(segment, &rest) && take_blocks(segment, &rest))
        return STATUS_OK;
    return segment->arena.failed ? no_memory(segment, err)
                                 : corrupt(segment, "directory content", err);
}

static enum status resolve_names(struct segment *segment, struct error *err)
{
    const struct segment_names *names = segment->names;

    segment->fields = arena_new(&segment->arena, field_id, (size_t)segment->field_count + 1);
    segment->source_numbers =
        arena_new(&segment->arena, uint32_t, (size_t)segment->source_count + 1);
    segment->blocks_checked =
        arena_new(&segment->arena, atomic_uchar, (size_t)segment->block_count + 1);
    if (segment->fields == NULL || segment->source_numbers == NULL ||
        segment->blocks_checked == NULL)
        return no_memory(segment, err);
    for (uint32_t i = 0; i < segment->field_count; i++)
        segment->fields[i] = names->field(names->user, segment->field_names[i]);
    for (uint32_t i = 0; i < segment->source_count; i++) {
        segment->source_numbers[i] = names->source(names->user, &segment->sources[i].source);
        if (segment->source_numbers[i] == SOURCE_NONE)
            return error_set(err, STATUS_TOO_LARGE, "more than %d sources", SOURCE_COUNT_MAX);
    }
    return STATUS_OK;
}

enum status segment_open(struct io *io, const char *path, const struct segment_names *names,
                         struct segment **out, struct error *err)
{
    struct segment *segment = calloc(1, sizeof(*segment));
    struct footer footer = {0};
    struct slice directory;
    enum status status;

    if (segment == NULL)
        return error_set(err, STATUS_NO_MEMORY, "no memory to open segment %s", path);
    segment->io = io;
    segment->names = names;
    segment->fd = -1;
    segment->arena = arena_empty(DIRECTORY_ARENA_MAX);
    (void)snprintf(segment->path, sizeof(segment->path), "%s", path);
    status = io_open(io, path, IO_READ, &segment->fd, err);
    if (status == STATUS_OK)
        status = read_footer(segment, &footer, err);
    if (status == STATUS_OK)
        status = read_directory(segment, &footer, &directory, err);
    if (status == STATUS_OK)
        status = parse_directory(segment, directory, err);
    if (status == STATUS_OK)
        status = resolve_names(segment, err);
    if (status == STATUS_END) /* the file ends before its footer says */
        status = corrupt(segment, "length", err);
    if (status == STATUS_OK)
        *out = segment;
    else
        segment_close(segment);
    return status;
}

void segment_close(struct segment *segment)
{
    if (segment == NULL)
        return;
    io_close(segment->io, &segment->fd);
    arena_release(&segment->arena);
    free(segment);
}

const struct segment_summary *segment_summary_of(const struct segment *segment)
{
    return &segment->summary;
}

uint32_t segment_block_count(const struct segment *segment)
{
    return segment->block_count;
}

void segment_block_info(const struct segment *segment, uint32_t index,
                        struct segment_block_info *out)
{
    const struct segment_block_entry *entry = &segment->blocks[index];

    *out = (struct segment_block_info){
        .rows = entry->row_count,
        .time_min_ns = entry->time_min_ns,
        .time_max_ns = entry->time_max_ns,
        .order_min_ns = entry->order_min_ns,
        .order_max_ns = entry->order_max_ns,
        .samples = entry->samples,
    };
}

uint32_t segment_source_count(const struct segment *segment)
{
    return segment->source_count;
}

void segment_source(const struct segment *segment, uint32_t index, struct segment_source *out)
{
    *out = segment->sources[index];
}

static enum status page_damaged(const struct segment *segment, uint32_t block, uint32_t column,
                                struct error *err)
{
    return error_set(err, STATUS_CORRUPT, "segment %s: block %u, page %u is damaged",
                     segment->path, block, column);
}

enum status segment_page_read(const struct segment *segment, uint32_t block, uint32_t column,
                              struct arena *arena, struct slice *out, uint64_t *bytes_read,
                              struct error *err)
{
    const struct segment_column *entry = &segment->blocks[block].columns[column];
    bool packed = entry->size < entry->raw_size;
    char *stored, *raw;
    enum status status;

    *out = (struct slice){NULL, 0};
    if (entry->raw_size == 0)
        return STATUS_OK;
    raw = arena_alloc(arena, 1, 8, entry->raw_size);
    stored = packed ? malloc(entry->size + 1) : raw;
    if (raw == NULL || stored == NULL) {
        if (packed)
            free(stored);
        return error_set(err, STATUS_NO_MEMORY, "no memory for a page of %llu bytes",
                         (unsigned long long)entry->raw_size);
    }
    status = io_read_exact(segment->io, segment->fd, stored, entry->size, entry->offset,
                           segment->path, err);
    if (status == STATUS_END || status == STATUS_IO)
        status = STATUS_CORRUPT; /* the block is left out either way; the sentence says why */
    else if (status == STATUS_OK &&
             hash64_seed(stored, entry->size,
                         segment_page_seed(segment->seed, block, column)) != entry->hash)
        status = page_damaged(segment, block, column, err);
    if (status == STATUS_OK && packed &&
        ZSTD_decompress(raw, entry->raw_size, stored, entry->size) != entry->raw_size)
        status = page_damaged(segment, block, column, err);
    if (packed)
        free(stored);
    *bytes_read += entry->size;
    *out = slice_make(raw, entry->raw_size);
    return status;
}

enum status segment_block_check(const struct segment *segment, uint32_t block,
                                uint64_t *bytes_read, struct error *err)
{
    const struct segment_block_entry *entry = &segment->blocks[block];
    struct buf page = buf_empty(SEGMENT_PAGE_SIZE_MAX);
    enum status status = STATUS_OK;

    if (atomic_load_explicit(&segment->blocks_checked[block], memory_order_relaxed) != 0)
        return STATUS_OK;
    for (uint32_t i = 0; i < entry->column_count && status == STATUS_OK; i++) {
        const struct segment_column *column = &entry->columns[i];

        if (column->raw_size == 0)
            continue;
        buf_reset(&page);
        if (!buf_reserve(&page, column->size)) {
            status = buf_check(&page, "a page", err);
            break;
        }
        status = io_read_exact(segment->io, segment->fd, page.data, column->size, column->offset,
                               segment->path, err);
        if (status == STATUS_END || status == STATUS_IO)
            status = STATUS_CORRUPT;
        else if (status == STATUS_OK &&
                 hash64_seed(page.data, column->size,
                             segment_page_seed(segment->seed, block, i)) != column->hash)
            status = page_damaged(segment, block, i, err);
        *bytes_read += column->size;
    }
    buf_release(&page);
    if (status == STATUS_OK)
        atomic_store_explicit(&segment->blocks_checked[block], 1, memory_order_relaxed);
    return status;
}
