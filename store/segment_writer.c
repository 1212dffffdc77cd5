/* store/segment_writer.c -- rows into one segment file, then read back and compared.
 *
 * Two passes: shaped_rows.c splits every row and groups the templates; then, family by family, the
 * columns of a block are gathered and encoded. Pages collect in memory by region; the directory, with a
 * hash of every page, is written last. Should the file read back differently, it is written once more with
 * all lines kept as text, so that a bug in the engine costs space, never data. */
#include "store/segment_writer.h"

#include "base/byteorder.h"
#include "base/cpu_pace.h"
#include "base/diag.h"
#include "base/hash.h"
#include "base/spare.h"
#include "store/event_rows.h"
#include "store/segment_check.h"
#include "store/segment_fields.h"
#include "store/segment_rollup.h"
#include "store/text_stamp.h"
#include "store/zstd_context.h"

#include <stdlib.h>

/* Of zstd. Strings of a column are short and mostly distinct: there level 3 takes 2.5 times as long and
 * finds less, since the matches that it prefers are few and far away. */
enum { TEXTS_LEVEL = 1, LINES_LEVEL = 3, DIRECTORY_LEVEL = 1 };

static enum status no_memory(struct segment_writer *writer)
{
    return error_set(writer->err, STATUS_NO_MEMORY, "no memory to write a segment of %llu rows",
                     (unsigned long long)writer->content->row_count);
}

static void widen(int64_t value, int64_t *min, int64_t *max)
{
    *min = value < *min ? value : *min;
    *max = value > *max ? value : *max;
}

static bool end_run(struct source_state *source)
{
    if (source->run_rows == 0)
        return true;
    source->run_count++;
    return buf_append_varint(&source->runs, source->run_rows) &&
           buf_append_varint(&source->runs, zigzag(source->run_distance));
}

/* Account one row to its source; its rank there is source->info.rows. */
static bool account_source(struct source_state *source, const struct row_facts *row)
{
    uint64_t rank = source->info.rows++;

    if (rank == 0)
        source->tail = (int64_t)row->source_len - (int64_t)row->size;
    if (rank == 0 || row->sequence != source->next_sequence) {
        if (!end_run(source))
            return false;
        source->run_rows = 0;
        source->run_distance = (int64_t)(row->sequence - source->next_sequence);
    }
    source->run_rows++;
    source->next_sequence = row->sequence + 1;
    if (row->offset != source->next_offset || rank == 0) {
        if (!buf_append_varint(&source->anchors, rank - source->anchor_rank) ||
            !buf_append_varint(&source->anchors,
                               zigzag((int64_t)(row->offset - source->next_offset))))
            return false;
        source->anchor_rank = rank;
        source->anchor_count++;
    }
    source->next_offset = row->offset + row->size + (uint64_t)source->tail;
    if (row->offset < source->info.from_offset)
        source->info.from_offset = row->offset;
    if (row->offset + row->source_len > source->info.to_offset)
        source->info.to_offset = row->offset + row->source_len;
    return true;
}

enum { PREFETCH_ROWS = 24 };

static enum status account_rows(struct segment_writer *writer)
{
    const struct segment_content *content = writer->content;
    struct segment_summary *summary = &writer->summary;

    for (uint32_t i = 0; i < content->source_count; i++) {
        writer->sources[i].info.source = content->sources[i];
        writer->sources[i].info.from_offset = UINT64_MAX;
        writer->sources[i].runs = buf_empty(DIRECTORY_PART_MAX);
        writer->sources[i].anchors = buf_empty(DIRECTORY_PART_MAX);
    }
    for (uint64_t i = 0; i < content->row_count; i++) {
        struct row_facts *row = &content->facts[i];
        struct source_state *source = &writer->sources[row->source];

        row->rank = (uint32_t)source->info.rows;
        if (!account_source(source, row))
            return no_memory(writer);
        widen(row->time_ns, &summary->time_min_ns, &summary->time_max_ns);
        widen(row_order_ns(row), &summary->order_min_ns, &summary->order_max_ns);
        if (row->sequence < summary->sequence_min)
            summary->sequence_min = row->sequence;
        if (row->sequence > summary->sequence_max)
            summary->sequence_max = row->sequence;
        summary->raw_bytes += row->size;
    }
    for (uint32_t i = 0; i < content->source_count; i++)
        if (!end_run(&writer->sources[i]))
            return no_memory(writer);
    summary->rows = content->row_count;
    return STATUS_OK;
}

/* Fields of the rows that are kept as text. */
static enum status make_blobs(struct segment_writer *writer)
{
    const struct shaped_rows *rows = &writer->rows;
    uint64_t first = rows->family_start[rows->set.family_count];
    uint64_t count = rows->family_start[rows->set.family_count + 1] - first;
    struct event_field room[EVENT_FIELDS_MAX];
    size_t at = 0;

    writer->blobs = calloc(count + 1, sizeof(*writer->blobs));
    if (writer->blobs == NULL)
        return no_memory(writer);
    for (uint64_t i = 0; i < count; i++) {
        struct event event =
            segment_row_event(writer->content, &writer->facts[rows->order[first + i]], room);
        size_t start = writer->blob_bytes.len;

        for (uint32_t k = 0; k < event.field_count; k++)
            if (!segment_field_append(&writer->blob_bytes, &event.fields[k],
                                     segment_field_number(writer, event.fields[k].field)))
                return no_memory(writer);
        writer->blobs[i].len = writer->blob_bytes.len - start;
    }
    for (uint64_t i = 0; i < count; i++) { /* only now the bytes stay in place */
        writer->blobs[i].data = writer->blobs[i].len == 0 ? "" : writer->blob_bytes.data + at;
        at += writer->blobs[i].len;
    }
    writer->gathering.blobs = writer->blobs;
    return STATUS_OK;
}

enum { BLOCK_PARTS_MAX = SEGMENT_SMALL_FAMILY_ROWS };

struct block_plan {
    struct block_part parts[BLOCK_PARTS_MAX];
    uint32_t part_count, row_count;
    size_t bytes_max; /* of the lines of a part: it ends with the row that exceeds it */
};

/* Codes of a part: templates of its family, or of rows kept as text the format (put_text_family()). */
static void put_templates(struct segment_writer *writer, const struct block_part *part,
                          int64_t *out)
{
    const struct family_set *set = &writer->rows.set;
    const uint32_t *rows = segment_part_rows(writer, part);
    const struct shaped_row *shaped = writer->rows.rows + (rows - writer->rows.order);

    if (part->family == set->family_count) {
        for (uint32_t i = 0; i < part->count; i++)
            out[i] = writer->facts[rows[i]].format;
        return;
    }
    for (uint32_t i = 0; i < part->count; i++)
        out[i] = (int64_t)set->members[shaped[i].template].template -
                 (int64_t)set->families[part->family].first_template;
}

struct block_range {
    int64_t time_min, time_max, order_min, order_max;
};

/* Rows of one part, from place `at` of the block on, until they have `bytes_max` bytes: how many there are
 * is in part->count. Of ranks the distance to the one expected: see segment_format.h. */
static void fill_part(struct segment_writer *writer, struct block_part *part, uint32_t at,
                      size_t bytes_max, struct block_range *range)
{
    const uint32_t *rows = segment_part_rows(writer, part);
    int64_t *out[BLOCK_PAGE_COUNT];
    uint32_t count = part->count, i;
    size_t bytes = 0;

    for (unsigned page = 0; page < BLOCK_PAGE_COUNT; page++)
        out[page] = segment_page_numbers(writer, (enum block_page)page) + at;
    for (i = 0; i < count && bytes < bytes_max; i++) {
        const struct row_facts *row = &writer->facts[rows[i]];
        int64_t *expected = &writer->expected_ranks[row->source];

        if (i + PREFETCH_ROWS < count)
            __builtin_prefetch(&writer->facts[rows[i + PREFETCH_ROWS]]);
        out[PAGE_TIME][i] = row->time_ns;
        out[PAGE_ORDER][i] = row->order_distance_ns;
        out[PAGE_SOURCE][i] = row->source;
        out[PAGE_RANK][i] = (int64_t)row->rank - *expected;
        out[PAGE_LEVEL][i] = row->level;
        out[PAGE_FLAGS][i] = row->flags;
        *expected = (int64_t)row->rank + 1;
        bytes += row->size;
        widen(row->time_ns, &range->time_min, &range->time_max);
        widen(row_order_ns(row), &range->order_min, &range->order_max);
    }
    part->count = i;
}

/* The numbers of all pages of a block, but for templates, in one pass over its rows. */
static void fill_pages(struct segment_writer *writer, struct block_plan *plan,
                       struct block_range *range)
{
    plan->row_count = 0;
    memset(writer->expected_ranks, 0,
           writer->content->source_count * sizeof(*writer->expected_ranks));
    for (uint32_t k = 0; k < plan->part_count; k++) {
        fill_part(writer, &plan->parts[k], plan->row_count, plan->bytes_max, range);
        plan->row_count += plan->parts[k].count;
    }
}

static bool put_block_page(struct segment_writer *writer, const struct block_plan *plan,
                           enum block_page page)
{
    bool is_code = page != PAGE_TIME && page != PAGE_ORDER && page != PAGE_RANK;

    return page_writer_put_numbers(&writer->pages, is_code ? REGION_CODES : REGION_NUMBERS,
                                   segment_page_numbers(writer, page), plan->row_count,
                                   &writer->blocks);
}

static bool put_block_head(struct segment_writer *writer, const struct block_plan *plan,
                           const struct block_range *range)
{
    struct buf *out = &writer->blocks;
    uint64_t time_min = (uint64_t)range->time_min, order_min = (uint64_t)range->order_min;

    writer->block_count++;
    return buf_append_byte(out, 0) && buf_append_varint(out, plan->row_count) &&
           buf_append_varint(out, zigzag(range->time_min)) &&
           buf_append_varint(out, zigzag((int64_t)((uint64_t)range->time_max - time_min))) &&
           buf_append_varint(out, zigzag((int64_t)(order_min - time_min))) &&
           buf_append_varint(out, zigzag((int64_t)((uint64_t)range->order_max - order_min)));
}

static bool put_text_stamp(struct segment_writer *writer, const struct slice *texts, uint32_t count)
{
    uint8_t stamp[TEXT_STAMP_SIZE];

    text_stamp_make(texts, count, stamp);
    return page_writer_put(&writer->pages, REGION_TEXTS, slice_make(stamp, sizeof(stamp)),
                           &writer->blocks);
}

static bool put_text_page(struct segment_writer *writer, const struct slice *texts, uint32_t count)
{
    struct buf raw = buf_empty(SEGMENT_PAGE_SIZE_MAX), *page = &writer->pages.scratch;
    int level = writer->gathering.family == NULL ? LINES_LEVEL : TEXTS_LEVEL;
    bool fine;

    buf_reset(page);
    fine = text_page_append(texts, count, &writer->pages.encoder, &raw) &&
           buf_append_varint(page, raw.len) && zstd_append(page, buf_slice(&raw), level) &&
           page_writer_put(&writer->pages, REGION_TEXTS, buf_slice(page), &writer->blocks);
    buf_release(&raw);
    return fine;
}

static bool put_column(struct segment_writer *writer, const struct gathered_column *column,
                       uint32_t count)
{
    enum page_region region = column->class == CLASS_CODES ? REGION_CODES : REGION_NUMBERS;

    if (column->class == CLASS_TEXTS)
        return put_text_page(writer, column->texts, count) &&
               put_text_stamp(writer, column->texts, count);
    return page_writer_put_numbers(&writer->pages, region, column->numbers, count,
                                   &writer->blocks) &&
           (column->class != CLASS_DECIMALS ||
            page_writer_put_numbers(&writer->pages, region, column->scales, count,
                                    &writer->blocks));
}

/* `at`: of its first row in the block. */
static bool put_section(struct segment_writer *writer, const struct block_part *part, uint32_t at)
{
    struct gathered *gathered = &writer->gathered[part->family];

    if (part->first == 0 && !gather_begin(&writer->gathering, part->family, gathered))
        return false;
    if (!gather_rows(&writer->gathering, part->first, part->count,
                     segment_page_numbers(writer, PAGE_TIME) + at) ||
        !buf_append_varint(&writer->blocks, part->family) ||
        !buf_append_varint(&writer->blocks, part->count))
        return false;
    for (uint32_t c = 0; c < gathered->column_count; c++)
        if (!put_column(writer, &gathered->columns[c], part->count))
            return false;
    segment_rollup_add(writer, part, at);
    if (part->first + part->count == gathered->row_count)
        gather_end(&writer->gathering);
    return true;
}

static enum status put_block(struct segment_writer *writer, struct block_plan *plan)
{
    struct block_range range = {INT64_MAX, INT64_MIN, INT64_MAX, INT64_MIN};
    int64_t *templates = segment_page_numbers(writer, PAGE_TEMPLATE);
    bool fine;

    fill_pages(writer, plan, &range);
    for (uint32_t i = 0; i < plan->part_count; templates += plan->parts[i++].count)
        put_templates(writer, &plan->parts[i], templates);
    fine = put_block_head(writer, plan, &range);
    page_writer_forget(&writer->pages);
    for (int page = 0; page < BLOCK_PAGE_COUNT && fine; page++)
        fine = put_block_page(writer, plan, (enum block_page)page);
    fine = fine && buf_append_varint(&writer->blocks, plan->part_count);
    for (uint32_t i = 0, at = 0; i < plan->part_count && fine; at += plan->parts[i++].count) {
        page_writer_forget(&writer->pages);
        fine = put_section(writer, &plan->parts[i], at);
    }
    (void)cpu_pace_rest();
    return fine ? STATUS_OK : no_memory(writer);
}

/* Cut a family of its own blocks by rows and bytes. */
static enum status put_large_family(struct segment_writer *writer, uint32_t family,
                                    struct block_plan *plan)
{
    bool as_text = family == writer->rows.set.family_count;
    uint32_t count = segment_family_rows(writer, family);
    enum status status = STATUS_OK;

    plan->part_count = 1;
    plan->bytes_max = as_text ? SEGMENT_TEXT_BLOCK_BYTES_MAX : SEGMENT_BLOCK_BYTES_MAX;
    for (uint32_t first = 0; first < count && status == STATUS_OK; first += plan->row_count) {
        uint32_t left = count - first;

        plan->parts[0] = (struct block_part){
            family, first, left < BLOCK_ROWS_MAX ? left : (uint32_t)BLOCK_ROWS_MAX};
        status = put_block(writer, plan);
    }
    return status;
}

static bool is_large(const struct segment_writer *writer, uint32_t family)
{
    return family == writer->rows.set.family_count ||
           segment_family_rows(writer, family) >= SEGMENT_SMALL_FAMILY_ROWS;
}

static enum status put_small_families(struct segment_writer *writer, struct block_plan *plan)
{
    enum status status = STATUS_OK;

    plan->part_count = plan->row_count = 0;
    plan->bytes_max = SIZE_MAX;
    for (uint32_t family = 0; family <= writer->rows.set.family_count && status == STATUS_OK;
         family++) {
        uint32_t count =
            family == writer->rows.set.family_count ? 0 : segment_family_rows(writer, family);
        bool flush = family == writer->rows.set.family_count;

        if (!flush && (count == 0 || is_large(writer, family)))
            continue;
        if (plan->part_count > 0 && (flush || plan->row_count + count > BLOCK_ROWS_MAX ||
                                     plan->part_count == BLOCK_PARTS_MAX)) {
            status = put_block(writer, plan);
            plan->part_count = plan->row_count = 0;
        }
        if (!flush) {
            plan->parts[plan->part_count++] = (struct block_part){family, 0, count};
            plan->row_count += count;
        }
    }
    return status;
}

static enum status put_blocks(struct segment_writer *writer)
{
    struct block_plan *plan = malloc(sizeof(*plan));
    enum status status = STATUS_OK;

    if (plan == NULL)
        return no_memory(writer);
    for (uint32_t family = 0; family <= writer->rows.set.family_count && status == STATUS_OK;
         family++)
        if (is_large(writer, family))
            status = put_large_family(writer, family, plan);
    if (status == STATUS_OK)
        status = put_small_families(writer, plan);
    free(plan);
    return status;
}

/* ---- file ---- */

struct file_out {
    struct segment_writer *writer;
    int fd;
    uint64_t offset;
};

static enum status put_bytes(struct file_out *out, struct slice bytes)
{
    enum status status = io_write_all(out->writer->io, out->fd, bytes.data, bytes.len, out->offset,
                                      out->writer->path, out->writer->err);

    out->offset += bytes.len;
    return status;
}

static enum status put_footer(struct file_out *out, struct slice directory,
                              uint64_t directory_offset)
{
    struct segment_writer *writer = out->writer;
    char footer[SEGMENT_FOOTER_SIZE] = {0};
    struct hash128 hash = hash128(directory.data, directory.len, writer->pages.seed);

    put_le64(footer, writer->pages.seed);
    for (unsigned i = 0; i < REGION_COUNT; i++)
        put_le64(footer + segment_footer_region(i), writer->pages.regions[i].len);
    put_le64(footer + 48, directory_offset);
    put_le64(footer + 56, directory.len);
    put_le64(footer + 64, writer->directory.len);
    put_le64(footer + 72, hash.low);
    put_le64(footer + 80, hash.high);
    put_le32(footer + 112, SEGMENT_VERSION);
    memcpy(footer + 120, SEGMENT_END_MAGIC, 8);
    writer->summary.footer_hash = hash;
    writer->summary.file_bytes = out->offset + sizeof(footer);
    return put_bytes(out, slice_make(footer, sizeof(footer)));
}

static enum status put_file(struct segment_writer *writer)
{
    struct file_out out = {.writer = writer, .fd = -1};
    struct buf packed = buf_empty_spare(SEGMENT_DIRECTORY_SIZE_MAX);
    char header[SEGMENT_HEADER_SIZE] = SEGMENT_MAGIC;
    uint64_t directory_offset;
    enum status status = io_open(writer->io, writer->path,
                                 IO_READ | IO_WRITE | IO_CREATE | IO_TRUNCATE, &out.fd,
                                 writer->err);

    put_le32(header + 8, SEGMENT_VERSION);
    if (status == STATUS_OK)
        status = put_bytes(&out, slice_make(header, sizeof(header)));
    for (unsigned i = 0; i < REGION_COUNT && status == STATUS_OK; i++)
        status = put_bytes(&out, buf_slice(&writer->pages.regions[i]));
    directory_offset = out.offset;
    if (status == STATUS_OK &&
        !zstd_append(&packed, buf_slice(&writer->directory), DIRECTORY_LEVEL))
        status = no_memory(writer);
    if (status == STATUS_OK)
        status = put_bytes(&out, buf_slice(&packed));
    if (status == STATUS_OK)
        status = put_footer(&out, buf_slice(&packed), directory_offset);
    if (status == STATUS_OK)
        status = io_sync(writer->io, out.fd, writer->path, writer->err);
    io_close(writer->io, &out.fd);
    buf_release(&packed);
    return status;
}

static uint64_t seed_of(const struct segment_summary *summary)
{
    uint64_t parts[] = {summary->rows,
                        summary->samples,
                        summary->raw_bytes,
                        (uint64_t)summary->time_min_ns,
                        (uint64_t)summary->time_max_ns,
                        summary->sequence_min,
                        summary->sequence_max};

    return hash64(parts, sizeof(parts));
}

static enum status allocate(struct segment_writer *writer)
{
    const struct segment_content *content = writer->content;

    writer->sources = calloc(content->source_count + 1, sizeof(*writer->sources));
    writer->expected_ranks = calloc(content->source_count + 1, sizeof(*writer->expected_ranks));
    writer->numbers =
        spare_take((size_t)BLOCK_PAGE_COUNT * BLOCK_ROWS_MAX * sizeof(*writer->numbers));
    return writer->sources == NULL || writer->expected_ranks == NULL || writer->numbers == NULL
               ? no_memory(writer)
               : STATUS_OK;
}

static void release(struct segment_writer *writer)
{
    for (uint32_t i = 0; writer->sources != NULL && i < writer->content->source_count; i++) {
        buf_release(&writer->sources[i].runs);
        buf_release(&writer->sources[i].anchors);
    }
    for (uint32_t i = 0; writer->gathered != NULL && i <= writer->rows.set.family_count; i++)
        gathered_release(&writer->gathered[i]);
    free(writer->gathered);
    free(writer->sources);
    free(writer->expected_ranks);
    free(writer->field_numbers);
    free(writer->blobs);
    spare_give(writer->numbers);
    buf_release(&writer->field_names);
    buf_release(&writer->blob_bytes);
    buf_release(&writer->blocks);
    buf_release(&writer->directory);
    gathering_release(&writer->gathering);
    page_writer_release(&writer->pages);
    segment_samples_release(&writer->samples);
    segment_rollup_release(writer);
    shaped_rows_release(&writer->rows);
}

static enum status write_content(struct segment_writer *writer, bool plain)
{
    enum status status = allocate(writer);

    if (status == STATUS_OK)
        status = account_rows(writer);
    segment_samples_account(writer->content, &writer->summary);
    if (status == STATUS_OK)
        status = shaped_rows_make(&writer->rows, writer->content, plain, writer->err);
    if (status != STATUS_OK)
        return status;
    page_writer_init(&writer->pages, seed_of(&writer->summary));
    writer->gathered = calloc(writer->rows.set.family_count + 1, sizeof(*writer->gathered));
    if (writer->gathered == NULL)
        return no_memory(writer);
    segment_rollup_begin(writer);
    status = make_blobs(writer);
    if (status == STATUS_OK)
        status = put_blocks(writer);
    if (status == STATUS_OK &&
        !segment_samples_put(&writer->samples, writer->content, &writer->pages))
        status = no_memory(writer);
    if (status == STATUS_OK)
        status = segment_directory_make(writer);
    return status == STATUS_OK ? put_file(writer) : status;
}

static enum status write_once(struct io *io, const char *path,
                              const struct segment_content *content, bool plain,
                              struct segment_summary *out, struct error *err)
{
    struct segment_writer *writer = calloc(1, sizeof(*writer));
    enum status status;

    if (writer == NULL)
        return error_set(err, STATUS_NO_MEMORY, "no memory to write a segment");
    writer->io = io;
    writer->path = path;
    writer->content = content;
    writer->facts = content->facts;
    writer->err = err;
    writer->field_names = buf_empty(DIRECTORY_PART_MAX);
    writer->blob_bytes = buf_empty((size_t)1 << 32);
    writer->blocks = buf_empty(DIRECTORY_PART_MAX);
    writer->directory = buf_empty_spare(SEGMENT_DIRECTORY_SIZE_MAX);
    segment_samples_init(&writer->samples);
    gathering_init(&writer->gathering, &writer->rows);
    writer->summary = (struct segment_summary){.time_min_ns = INT64_MAX,
                                               .time_max_ns = INT64_MIN,
                                               .order_min_ns = INT64_MAX,
                                               .order_max_ns = INT64_MIN,
                                               .sequence_min = UINT64_MAX};
    status = write_content(writer, plain);
    if (status == STATUS_OK)
        status = segment_check(writer, err);
    *out = writer->summary;
    release(writer);
    free(writer);
    return status;
}

/* Once more with all lines kept as text if they read back differently. */
static enum status write_rows(struct io *io, const char *path,
                              const struct segment_content *content, struct segment_summary *out,
                              struct error *err)
{
    struct error ignored;
    enum status status = write_once(io, path, content, false, out, err);

    if (status == STATUS_CORRUPT) {
        diag_error("store: segment %s: %s; written again as text", path,
                   err == NULL ? "read back differs" : err->message);
        status = write_once(io, path, content, true, out, err);
    }
    if (status != STATUS_OK && io_remove(io, path, &ignored) != STATUS_OK)
        diag_warn("store: %s", ignored.message);
    return status;
}

enum status segment_write(struct io *io, const char *path, const struct segment_content *content,
                          struct segment_summary *out, struct error *err)
{
    struct event_rows rows;
    enum status status;

    if (content->rows == NULL)
        return write_rows(io, path, content, out, err);
    status = event_rows_make(&rows, content, err);
    if (status != STATUS_OK)
        return status;
    status = write_rows(io, path, &rows.content, out, err);
    event_rows_release(&rows);
    return status;
}
