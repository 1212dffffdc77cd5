/* store/engine_segment_writer.c -- rows into one segment file, then read back and compared.
 *
 * Two passes: shaped_rows.c splits every row and groups the templates; then family by family the
 * columns are gathered and encoded. Pages collect in memory by region; the directory, with a hash of
 * every page, is written last. Should the file read back differently, it is written once more with
 * all lines kept as text, so that a bug in the engine costs space, never data. */
#include "store/engine_segment_format.h"

#include "base/byteorder.h"
#include "base/diag.h"
#include "store/engine_check.h"
#include "store/engine_fields.h"
#include "store/engine_gather.h"
#include "store/engine_page_writer.h"
#include "store/engine_samples.h"
#include "store/gram_filter.h"
#include "store/source_table.h"
#include "store/zstd_context.h"

#include <stdlib.h>

enum { NUMBERS_LEVEL = 1, TEXTS_LEVEL = 3, POOL_LEVEL = 3, DIRECTORY_LEVEL = 6 };
#define DIRECTORY_PART_MAX ((size_t)ENGINE_DIRECTORY_SIZE_MAX / 2)

/* What is known of a source while its rows go by in segment order. */
struct source_state {
    struct segment_source info;
    int64_t tail;
    uint64_t next_sequence, next_offset;
    uint64_t run_rows;      /* rows of the run at hand */
    uint64_t anchor_rank;   /* of the last anchor */
    uint32_t run_count, anchor_count;
    struct buf runs, anchors;
    int64_t run_distance;
};

struct engine_writer {
    struct io *io;
    const char *path;
    const struct segment_content *content;
    struct error *err;
    struct segment_summary summary;
    struct shaped_rows rows;
    struct source_state *sources;
    int64_t *ranks;               /* of each row in its source */
    int64_t *expected_ranks;      /* per source: in the block at hand */
    uint32_t *field_numbers;      /* process number -> number in the file + 1 */
    uint32_t field_capacity;
    struct buf field_names;
    uint32_t field_count;
    struct slice *blobs;          /* fields of the rows kept as text, in their order */
    struct buf blob_bytes;
    struct gather_pools pools;
    struct gathered *gathered;    /* per family, kept for classes and lists */
    struct page_writer pages;
    struct buf blocks;            /* entries of blocks */
    uint32_t block_count;
    struct engine_samples samples;
    int64_t *numbers;             /* BLOCK_ROWS_MAX of them */
    struct buf directory;
};

static enum status no_memory(struct engine_writer *writer)
{
    return error_set(writer->err, STATUS_NO_MEMORY, "no memory to write a segment of %llu rows",
                     (unsigned long long)writer->content->row_count);
}

/* Number of a field in the file, from 0; UINT32_MAX without memory. */
static uint32_t field_number(struct engine_writer *writer, field_id field)
{
    const struct segment_names *names = writer->content->names;
    struct slice name;

    if (field >= writer->field_capacity) {
        uint32_t capacity = field + 256;
        uint32_t *grown = realloc(writer->field_numbers, capacity * sizeof(*grown));

        if (grown == NULL)
            return UINT32_MAX;
        memset(grown + writer->field_capacity, 0,
               (capacity - writer->field_capacity) * sizeof(*grown));
        writer->field_numbers = grown;
        writer->field_capacity = capacity;
    }
    if (writer->field_numbers[field] == 0) {
        name = names->field_name(names->user, field);
        if (!buf_append_varint(&writer->field_names, name.len) ||
            !buf_append_slice(&writer->field_names, name))
            return UINT32_MAX;
        writer->field_numbers[field] = ++writer->field_count;
    }
    return writer->field_numbers[field] - 1;
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
static bool account_source(struct source_state *source, const struct segment_row *row)
{
    const struct event *event = row->event;
    uint64_t rank = source->info.rows++;

    if (rank == 0)
        source->tail = (int64_t)event->source_len - (int64_t)event->bytes.len;
    if (rank == 0 || row->sequence != source->next_sequence) {
        if (!end_run(source))
            return false;
        source->run_rows = 0;
        source->run_distance = (int64_t)(row->sequence - source->next_sequence);
    }
    source->run_rows++;
    source->next_sequence = row->sequence + 1;
    if (event->offset != source->next_offset || rank == 0) {
        if (!buf_append_varint(&source->anchors, rank - source->anchor_rank) ||
            !buf_append_varint(&source->anchors,
                               zigzag((int64_t)(event->offset - source->next_offset))))
            return false;
        source->anchor_rank = rank;
        source->anchor_count++;
    }
    source->next_offset = event->offset + event->bytes.len + (uint64_t)source->tail;
    if (event->offset < source->info.from_offset)
        source->info.from_offset = event->offset;
    if (event->offset + event->source_len > source->info.to_offset)
        source->info.to_offset = event->offset + event->source_len;
    return true;
}

static enum status account_rows(struct engine_writer *writer)
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
        const struct segment_row *row = &content->rows[i];
        struct source_state *source = &writer->sources[row->event->source];

        writer->ranks[i] = (int64_t)source->info.rows;
        if (!account_source(source, row))
            return no_memory(writer);
        widen(row->event->time_ns, &summary->time_min_ns, &summary->time_max_ns);
        widen(row->order_time_ns, &summary->order_min_ns, &summary->order_max_ns);
        if (row->sequence < summary->sequence_min)
            summary->sequence_min = row->sequence;
        if (row->sequence > summary->sequence_max)
            summary->sequence_max = row->sequence;
        summary->raw_bytes += row->event->bytes.len;
    }
    for (uint32_t i = 0; i < content->source_count; i++)
        if (!end_run(&writer->sources[i]))
            return no_memory(writer);
    summary->rows = content->row_count;
    return STATUS_OK;
}

/* Fields of the rows that are kept as text. */
static enum status make_blobs(struct engine_writer *writer)
{
    const struct shaped_rows *rows = &writer->rows;
    uint64_t first = rows->family_start[rows->set.family_count];
    uint64_t count = rows->family_start[rows->set.family_count + 1] - first;
    size_t at = 0;

    writer->blobs = calloc(count + 1, sizeof(*writer->blobs));
    if (writer->blobs == NULL)
        return no_memory(writer);
    for (uint64_t i = 0; i < count; i++) {
        const struct event *event = writer->content->rows[rows->order[first + i]].event;
        size_t start = writer->blob_bytes.len;

        for (uint32_t k = 0; k < event->field_count; k++)
            if (!engine_field_append(&writer->blob_bytes, &event->fields[k],
                                     field_number(writer, event->fields[k].field)))
                return no_memory(writer);
        writer->blobs[i].len = writer->blob_bytes.len - start;
    }
    for (uint64_t i = 0; i < count; i++) { /* only now the bytes stay in place */
        writer->blobs[i].data = writer->blob_bytes.data + at;
        at += writer->blobs[i].len;
    }
    return STATUS_OK;
}

/* Rows [first, first + count) of one family in a block. */
struct block_part {
    uint32_t family;
    uint32_t first, count;
};

enum { BLOCK_PARTS_MAX = ENGINE_SMALL_FAMILY_ROWS };

struct block_plan {
    struct block_part parts[BLOCK_PARTS_MAX];
    uint32_t part_count, row_count;
    size_t bytes;
};

static uint32_t part_row(const struct engine_writer *writer, const struct block_part *part,
                         uint32_t i)
{
    return writer->rows.order[writer->rows.family_start[part->family] + part->first + i];
}

static int64_t rank_distance(struct engine_writer *writer, uint32_t row)
{
    uint32_t source = writer->content->rows[row].event->source;
    int64_t distance = writer->ranks[row] - writer->expected_ranks[source];

    writer->expected_ranks[source] = writer->ranks[row] + 1;
    return distance;
}

static int64_t template_code(const struct engine_writer *writer, uint32_t family, uint32_t row)
{
    const struct family_set *set = &writer->rows.set;

    if (family == set->family_count) /* see put_text_family() */
        return writer->content->rows[row].event->format;
    return (int64_t)set->members[writer->rows.templates[row]].template -
           (int64_t)set->families[family].first_template;
}

static int64_t row_number(struct engine_writer *writer, enum block_page page, uint32_t family,
                          uint32_t index)
{
    const struct segment_row *row = &writer->content->rows[index];

    switch (page) {
    case PAGE_TIME:
        return row->event->time_ns;
    case PAGE_ORDER:
        return (int64_t)((uint64_t)row->order_time_ns - (uint64_t)row->event->time_ns);
    case PAGE_SOURCE:
        return row->event->source;
    case PAGE_RANK:
        return rank_distance(writer, index);
    case PAGE_LEVEL:
        return row->event->level;
    case PAGE_FLAGS:
        return row->event->flags;
    default:
        return template_code(writer, family, index);
    }
}

static bool put_block_page(struct engine_writer *writer, const struct block_plan *plan,
                           enum block_page page)
{
    bool is_code = page != PAGE_TIME && page != PAGE_ORDER && page != PAGE_RANK;
    uint32_t at = 0;

    if (page == PAGE_RANK)
        memset(writer->expected_ranks, 0,
               writer->content->source_count * sizeof(*writer->expected_ranks));
    for (uint32_t k = 0; k < plan->part_count; k++)
        for (uint32_t i = 0; i < plan->parts[k].count; i++)
            writer->numbers[at++] = row_number(writer, page, plan->parts[k].family,
                                               part_row(writer, &plan->parts[k], i));
    return page_writer_put_numbers(&writer->pages, is_code ? REGION_CODES : REGION_NUMBERS,
                                   writer->numbers, at, &writer->blocks);
}

static bool put_block_head(struct engine_writer *writer, const struct block_plan *plan)
{
    int64_t time_min = INT64_MAX, time_max = INT64_MIN, order_min = INT64_MAX,
            order_max = INT64_MIN;
    struct buf *out = &writer->blocks;

    for (uint32_t k = 0; k < plan->part_count; k++)
        for (uint32_t i = 0; i < plan->parts[k].count; i++) {
            const struct segment_row *row =
                &writer->content->rows[part_row(writer, &plan->parts[k], i)];

            widen(row->event->time_ns, &time_min, &time_max);
            widen(row->order_time_ns, &order_min, &order_max);
        }
    writer->block_count++;
    return buf_append_byte(out, 0) && buf_append_varint(out, plan->row_count) &&
           buf_append_varint(out, zigzag(time_min)) &&
           buf_append_varint(out, zigzag((int64_t)((uint64_t)time_max - (uint64_t)time_min))) &&
           buf_append_varint(out, zigzag((int64_t)((uint64_t)order_min - (uint64_t)time_min))) &&
           buf_append_varint(out, zigzag((int64_t)((uint64_t)order_max - (uint64_t)order_min)));
}

static bool put_text_page(struct engine_writer *writer, const struct slice *texts, uint32_t count)
{
    struct buf raw = buf_empty(ENGINE_PAGE_SIZE_MAX), *page = &writer->pages.scratch;
    bool fine;

    buf_reset(page);
    fine = text_page_append(texts, count, &writer->pages.encoder, &raw) &&
           buf_append_varint(page, raw.len) && zstd_append(page, buf_slice(&raw), TEXTS_LEVEL) &&
           page_writer_put(&writer->pages, REGION_TEXTS, buf_slice(page), &writer->blocks);
    buf_release(&raw);
    return fine;
}

static bool put_column(struct engine_writer *writer, const struct gathered_column *column,
                       const struct block_part *part)
{
    enum page_region region = column->class == CLASS_CODES ? REGION_CODES : REGION_NUMBERS;

    if (column->class == CLASS_TEXTS)
        return put_text_page(writer, column->texts + part->first, part->count);
    return page_writer_put_numbers(&writer->pages, region, column->numbers + part->first,
                                   part->count, &writer->blocks) &&
           (column->class != CLASS_DECIMALS ||
            page_writer_put_numbers(&writer->pages, region, column->scales + part->first,
                                    part->count, &writer->blocks));
}

static bool put_section(struct engine_writer *writer, const struct block_part *part)
{
    struct gathered *gathered = &writer->gathered[part->family];

    if (gathered->columns == NULL &&
        !gather_family(gathered, &writer->rows, part->family, writer->blobs, &writer->pools))
        return false;
    if (!buf_append_varint(&writer->blocks, part->family) ||
        !buf_append_varint(&writer->blocks, part->count))
        return false;
    for (uint32_t c = 0; c < gathered->column_count; c++)
        if (!put_column(writer, &gathered->columns[c], part))
            return false;
    if (part->first + part->count == gathered->row_count) /* the last rows: keep only the lists */
        for (uint32_t c = 0; c < gathered->column_count; c++) {
            free(gathered->columns[c].numbers);
            free(gathered->columns[c].scales);
            free(gathered->columns[c].texts);
            gathered->columns[c].numbers = gathered->columns[c].scales = NULL;
            gathered->columns[c].texts = NULL;
        }
    return true;
}

static enum status put_block(struct engine_writer *writer, const struct block_plan *plan)
{
    bool fine = put_block_head(writer, plan);

    page_writer_forget(&writer->pages);
    for (int page = 0; page < BLOCK_PAGE_COUNT && fine; page++)
        fine = put_block_page(writer, plan, (enum block_page)page);
    fine = fine && buf_append_varint(&writer->blocks, plan->part_count);
    for (uint32_t i = 0; i < plan->part_count && fine; i++) {
        page_writer_forget(&writer->pages);
        fine = put_section(writer, &plan->parts[i]);
    }
    return fine ? STATUS_OK : no_memory(writer);
}

static uint32_t family_rows(const struct engine_writer *writer, uint32_t family)
{
    const uint64_t *start = writer->rows.family_start;

    return (uint32_t)(start[family + 1] - start[family]);
}

/* Cut a family of its own blocks by rows and bytes. */
static enum status put_large_family(struct engine_writer *writer, uint32_t family,
                                    struct block_plan *plan)
{
    bool as_text = family == writer->rows.set.family_count;
    size_t bytes_max = as_text ? ENGINE_TEXT_BLOCK_BYTES_MAX : ENGINE_BLOCK_BYTES_MAX;
    uint32_t count = family_rows(writer, family);
    enum status status = STATUS_OK;

    for (uint32_t first = 0; first < count && status == STATUS_OK;) {
        struct block_part *part = &plan->parts[0];
        size_t bytes = 0;

        *part = (struct block_part){.family = family, .first = first};
        while (first + part->count < count && part->count < BLOCK_ROWS_MAX && bytes < bytes_max)
            bytes += writer->content->rows[part_row(writer, part, part->count++)].event->bytes.len;
        plan->part_count = 1;
        plan->row_count = part->count;
        status = put_block(writer, plan);
        first += part->count;
    }
    return status;
}

static bool is_large(const struct engine_writer *writer, uint32_t family)
{
    return family == writer->rows.set.family_count ||
           family_rows(writer, family) >= ENGINE_SMALL_FAMILY_ROWS;
}

static enum status put_small_families(struct engine_writer *writer, struct block_plan *plan)
{
    enum status status = STATUS_OK;

    plan->part_count = plan->row_count = 0;
    for (uint32_t family = 0; family <= writer->rows.set.family_count && status == STATUS_OK;
         family++) {
        uint32_t count = family == writer->rows.set.family_count ? 0 : family_rows(writer, family);
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

static enum status put_blocks(struct engine_writer *writer)
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

/* ---- directory ---- */

static bool put_summary(struct engine_writer *writer)
{
    const struct segment_summary *summary = &writer->summary;
    struct buf *out = &writer->directory;

    return buf_append_varint(out, summary->rows) && buf_append_varint(out, summary->samples) &&
           buf_append_varint(out, summary->raw_bytes) &&
           buf_append_u64(out, (uint64_t)summary->time_min_ns) &&
           buf_append_u64(out, (uint64_t)summary->time_max_ns) &&
           buf_append_u64(out, (uint64_t)summary->order_min_ns) &&
           buf_append_u64(out, (uint64_t)summary->order_max_ns) &&
           buf_append_u64(out, summary->sequence_min) && buf_append_u64(out, summary->sequence_max);
}

static bool put_names(struct engine_writer *writer)
{
    struct buf *out = &writer->directory;
    bool fine = buf_append_varint(out, writer->field_count) &&
                buf_append_slice(out, buf_slice(&writer->field_names)) &&
                buf_append_varint(out, writer->content->format_count);

    for (uint32_t i = 0; i < writer->content->format_count && fine; i++)
        fine = buf_append_varint(out, writer->content->formats[i].len) &&
               buf_append_slice(out, writer->content->formats[i]);
    return fine;
}

static bool put_sources(struct engine_writer *writer)
{
    struct buf *out = &writer->directory;
    bool fine = buf_append_varint(out, writer->content->source_count);

    for (uint32_t i = 0; i < writer->content->source_count && fine; i++) {
        struct source_state *source = &writer->sources[i];

        if (source->info.rows == 0)
            source->info.from_offset = 0;
        fine = source_append(out, &source->info.source) &&
               buf_append_varint(out, source->info.rows) &&
               buf_append_varint(out, source->info.from_offset) &&
               buf_append_varint(out, source->info.to_offset) &&
               buf_append_varint(out, zigzag(source->tail)) &&
               buf_append_varint(out, source->run_count) &&
               buf_append_slice(out, buf_slice(&source->runs)) &&
               buf_append_varint(out, source->anchor_count) &&
               buf_append_slice(out, buf_slice(&source->anchors));
    }
    return fine;
}

static bool put_templates(struct engine_writer *writer, const struct family *family)
{
    struct template *const *templates = writer->rows.set.templates + family->first_template;
    struct buf *out = &writer->directory;
    bool fine = buf_append_varint(out, family->template_count);

    for (uint32_t i = 0; i < family->template_count && fine; i++) {
        for (uint32_t gap = 0; gap <= family->slot_count && fine; gap++)
            fine = buf_append_varint(out, template_gap(templates[i], gap).len);
        for (uint32_t k = 0; k < family->field_count && fine; k++)
            if (!templates[i]->fields[k].computed)
                fine = buf_append_varint(out, templates[i]->fields[k].begin_offset) &&
                       buf_append_varint(out, templates[i]->fields[k].end_offset);
    }
    for (uint32_t i = 0; i < family->template_count && fine; i++)
        fine = buf_append(out, templates[i]->literals, templates[i]->gap_ends[family->slot_count]);
    return fine;
}

static bool put_classes(struct engine_writer *writer, uint32_t family)
{
    const struct gathered *gathered = &writer->gathered[family];
    bool fine = true;

    for (uint32_t i = 0; i < gathered->column_count && fine; i++)
        fine = buf_append_byte(&writer->directory, (char)gathered->columns[i].class);
    return fine;
}

static bool put_family(struct engine_writer *writer, uint32_t number)
{
    const struct family *family = &writer->rows.set.families[number];
    struct buf *out = &writer->directory;
    bool fine = buf_append_varint(out, (uint64_t)family->format << 1) &&
                buf_append_varint(out, family->slot_count);

    for (uint32_t i = 0; i < family->slot_count && fine; i++)
        fine = buf_append_byte(out, (char)family->kinds[i].type) &&
               buf_append_byte(out, (char)family->kinds[i].param);
    fine = fine && buf_append_varint(out, family->field_count);
    for (uint32_t i = 0; i < family->field_count && fine; i++) {
        const struct shape_field *field = &family->fields[i];
        uint64_t name = field_number(writer, field->field);

        fine = buf_append_varint(out, name << 1 | field->computed) &&
               buf_append_byte(out, (char)field->type) &&
               buf_append_byte(out, (char)field->unit) &&
               buf_append_varint(out, field->begin_gap) &&
               buf_append_varint(out, field->end_gap) && buf_append_varint(out, field->source);
    }
    return fine && put_classes(writer, number) && put_templates(writer, family);
}

/* Rows kept as text have one family for all formats: its template i stands for format i. */
static bool put_text_family(struct engine_writer *writer)
{
    static const char kind[] = {SLOT_TEXT, TEXT_FREE};
    struct buf *out = &writer->directory;
    bool fine = buf_append_varint(out, 1) && buf_append_varint(out, 1) &&
                buf_append(out, kind, sizeof(kind)) && buf_append_varint(out, 0) &&
                put_classes(writer, writer->rows.set.family_count) &&
                buf_append_varint(out, writer->content->format_count);

    for (uint32_t i = 0; i < writer->content->format_count && fine; i++)
        fine = buf_append(out, "\0\0", 2); /* two empty gaps */
    return fine;
}

static bool put_families(struct engine_writer *writer)
{
    uint32_t count = writer->rows.set.family_count;
    bool as_text = family_rows(writer, count) > 0;
    bool fine = buf_append_varint(&writer->directory, count + as_text) &&
                buf_append_varint(&writer->directory,
                                  writer->rows.set.template_count +
                                      (as_text ? writer->content->format_count : 0));

    for (uint32_t i = 0; i < count && fine; i++)
        fine = put_family(writer, i);
    return fine && (!as_text || put_text_family(writer));
}

/* Pool numbers of each dictionary column by code. */
static bool put_lists(struct engine_writer *writer)
{
    const uint32_t *final = writer->pools.texts.final;
    bool fine = true;

    page_writer_forget(&writer->pages);
    for (uint32_t i = 0; i < writer->rows.set.family_count && fine; i++)
        for (uint32_t k = 0; k < writer->gathered[i].column_count && fine; k++) {
            const struct gathered_column *column = &writer->gathered[i].columns[k];
            int64_t *numbers;

            if (column->class != CLASS_CODES)
                continue;
            numbers = malloc(column->dict_count * sizeof(*numbers));
            for (uint32_t code = 0; code < column->dict_count && numbers != NULL; code++)
                numbers[code] = final[column->list[code]];
            fine = numbers != NULL && column->dict_count <= INT_PAGE_COUNT_MAX &&
                   buf_append_varint(&writer->directory, column->dict_count) &&
                   page_writer_put_numbers(&writer->pages, REGION_CODES, numbers,
                                           column->dict_count, &writer->directory);
            free(numbers);
        }
    return fine;
}

static bool put_grams(struct engine_writer *writer, uint32_t first, uint32_t count, size_t bytes)
{
    const struct text_pool *pool = &writer->pools.texts;
    struct buf *page = &writer->pages.scratch;
    size_t size = gram_filter_size(bytes);

    buf_reset(page);
    if (!buf_reserve(page, size))
        return false;
    memset(page->data, 0, size);
    buf_commit(page, size);
    for (uint32_t i = 0; i < count; i++)
        gram_filter_add((uint8_t *)page->data, size, pool->strings[pool->order[first + i]]);
    return page_writer_put(&writer->pages, REGION_POOL, buf_slice(page), &writer->directory);
}

static bool put_pool(struct engine_writer *writer)
{
    struct text_pool *pool = &writer->pools.texts;
    struct buf *page = &writer->pages.scratch, *out = &writer->directory;
    uint32_t pages = 0;
    size_t bytes;
    bool fine = buf_append_varint(out, pool->count);

    for (uint32_t first = 0; first < pool->count; pages++)
        first += text_pool_page_count(pool, first, &bytes);
    fine = fine && buf_append_varint(out, pages);
    for (uint32_t first = 0, count; first < pool->count && fine; first += count) {
        struct slice encoded;
        uint64_t raw_size;

        count = text_pool_page_count(pool, first, &bytes);
        buf_reset(page);
        fine = text_pool_page_encode(pool, first, count, &writer->pages.encoder, POOL_LEVEL, page);
        encoded = buf_slice(page);
        fine = fine && take_varint(&encoded, &raw_size) && buf_append_varint(out, count) &&
               buf_append_varint(out, raw_size) &&
               page_writer_put(&writer->pages, REGION_POOL, encoded, out) &&
               put_grams(writer, first, count, bytes);
    }
    return fine;
}

/* Heads of all ids in one page, the rest in pages of ID_PAGE_COUNT ids. */
static bool put_id_pool(struct engine_writer *writer, const struct id_pool *pool)
{
    struct buf *page = &writer->pages.scratch, *out = &writer->directory;
    bool fine = buf_append_byte(out, (char)pool->kind.type) &&
                buf_append_byte(out, (char)pool->kind.param) &&
                buf_append_varint(out, pool->count);

    buf_reset(page);
    for (uint32_t i = 0; i < pool->count && fine; i++)
        fine = buf_append(page, pool->bytes + (size_t)i * pool->size, ID_HEAD_SIZE);
    fine = fine && page_writer_put(&writer->pages, REGION_IDS, buf_slice(page), out);
    for (uint32_t first = 0; first < pool->count && fine; first += ID_PAGE_COUNT) {
        buf_reset(page);
        for (uint32_t i = first; i < pool->count && i < first + ID_PAGE_COUNT && fine; i++)
            fine = buf_append(page, pool->bytes + (size_t)i * pool->size + ID_HEAD_SIZE,
                              pool->size - ID_HEAD_SIZE);
        fine = fine && page_writer_put(&writer->pages, REGION_IDS, buf_slice(page), out);
    }
    return fine;
}

static bool put_ids(struct engine_writer *writer)
{
    bool fine = buf_append_varint(&writer->directory, writer->pools.ids_count);

    for (uint32_t i = 0; i < writer->pools.ids_count && fine; i++)
        fine = put_id_pool(writer, &writer->pools.ids[i]);
    return fine;
}

/* Fields are numbered while families and blobs are put, so names come after them: two parts. */
static enum status make_directory(struct engine_writer *writer)
{
    struct buf tail, *out = &writer->directory;
    bool fine = text_pool_sort(&writer->pools.texts);

    fine = fine && put_families(writer) &&
           buf_append_varint(out, writer->block_count + writer->samples.block_count) &&
           buf_append_slice(out, buf_slice(&writer->blocks)) &&
           buf_append_slice(out, buf_slice(&writer->samples.blocks)) && put_lists(writer) &&
           put_pool(writer) && put_ids(writer) &&
           buf_append_slice(out, buf_slice(&writer->samples.series));
    tail = writer->directory;
    writer->directory = buf_empty(ENGINE_DIRECTORY_SIZE_MAX);
    fine = fine && put_summary(writer) && put_names(writer) && put_sources(writer) &&
           buf_append_slice(out, buf_slice(&tail));
    buf_release(&tail);
    return fine ? STATUS_OK : no_memory(writer);
}

/* ---- file ---- */

struct file_out {
    struct engine_writer *writer;
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

static enum status put_footer(struct file_out *out, uint64_t directory_offset,
                              uint64_t directory_size)
{
    struct engine_writer *writer = out->writer;
    char footer[ENGINE_FOOTER_SIZE] = {0};
    struct hash128 hash = hash128(writer->directory.data, writer->directory.len,
                                  writer->pages.seed);

    put_le64(footer, writer->pages.seed);
    for (unsigned i = 0; i < REGION_COUNT; i++)
        put_le64(footer + 8 + 8 * i, writer->pages.regions[i].len);
    put_le64(footer + 48, directory_offset);
    put_le64(footer + 56, directory_size);
    put_le64(footer + 64, writer->directory.len);
    put_le64(footer + 72, hash.low);
    put_le64(footer + 80, hash.high);
    put_le32(footer + 112, ENGINE_VERSION);
    memcpy(footer + 120, ENGINE_END_MAGIC, 8);
    writer->summary.footer_hash = hash;
    writer->summary.file_bytes = out->offset + sizeof(footer);
    return put_bytes(out, slice_make(footer, sizeof(footer)));
}

static enum status put_file(struct engine_writer *writer)
{
    struct file_out out = {.writer = writer, .fd = -1};
    struct buf packed = buf_empty(ENGINE_DIRECTORY_SIZE_MAX);
    char header[ENGINE_HEADER_SIZE] = ENGINE_MAGIC;
    uint64_t directory_offset;
    enum status status = io_open(writer->io, writer->path,
                                 IO_READ | IO_WRITE | IO_CREATE | IO_TRUNCATE, &out.fd,
                                 writer->err);

    put_le32(header + 8, ENGINE_VERSION);
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
        status = put_footer(&out, directory_offset, packed.len);
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

static enum status allocate(struct engine_writer *writer)
{
    const struct segment_content *content = writer->content;

    writer->sources = calloc(content->source_count + 1, sizeof(*writer->sources));
    writer->expected_ranks = calloc(content->source_count + 1, sizeof(*writer->expected_ranks));
    writer->ranks = malloc((content->row_count + 1) * sizeof(*writer->ranks));
    writer->numbers = malloc(BLOCK_ROWS_MAX * sizeof(*writer->numbers));
    return writer->sources == NULL || writer->expected_ranks == NULL || writer->ranks == NULL ||
                   writer->numbers == NULL
               ? no_memory(writer)
               : STATUS_OK;
}

static void release(struct engine_writer *writer)
{
    for (uint32_t i = 0; writer->sources != NULL && i < writer->content->source_count; i++) {
        buf_release(&writer->sources[i].runs);
        buf_release(&writer->sources[i].anchors);
    }
    for (uint32_t i = 0; writer->gathered != NULL && i <= writer->rows.set.family_count; i++)
        gathered_release(&writer->gathered[i]);
    free(writer->gathered);
    free(writer->sources);
    free(writer->ranks);
    free(writer->expected_ranks);
    free(writer->field_numbers);
    free(writer->blobs);
    free(writer->numbers);
    buf_release(&writer->field_names);
    buf_release(&writer->blob_bytes);
    buf_release(&writer->blocks);
    buf_release(&writer->directory);
    gather_pools_release(&writer->pools);
    page_writer_release(&writer->pages);
    engine_samples_release(&writer->samples);
    shaped_rows_release(&writer->rows);
}

static enum status write_content(struct engine_writer *writer, bool plain)
{
    enum status status = allocate(writer);

    if (status == STATUS_OK)
        status = account_rows(writer);
    engine_samples_account(writer->content, &writer->summary);
    if (status == STATUS_OK)
        status = shaped_rows_make(&writer->rows, writer->content, plain, writer->err);
    if (status != STATUS_OK)
        return status;
    page_writer_init(&writer->pages, seed_of(&writer->summary), NUMBERS_LEVEL);
    writer->gathered = calloc(writer->rows.set.family_count + 1, sizeof(*writer->gathered));
    if (writer->gathered == NULL)
        return no_memory(writer);
    status = make_blobs(writer);
    if (status == STATUS_OK)
        status = put_blocks(writer);
    if (status == STATUS_OK &&
        !engine_samples_put(&writer->samples, writer->content, &writer->pages))
        status = no_memory(writer);
    if (status == STATUS_OK)
        status = make_directory(writer);
    return status == STATUS_OK ? put_file(writer) : status;
}

static enum status write_once(struct io *io, const char *path,
                              const struct segment_content *content, bool plain,
                              struct segment_summary *out, struct error *err)
{
    struct engine_writer *writer = calloc(1, sizeof(*writer));
    enum status status;

    if (writer == NULL)
        return error_set(err, STATUS_NO_MEMORY, "no memory to write a segment");
    writer->io = io;
    writer->path = path;
    writer->content = content;
    writer->err = err;
    writer->field_names = buf_empty(DIRECTORY_PART_MAX);
    writer->blob_bytes = buf_empty((size_t)1 << 32);
    writer->blocks = buf_empty(DIRECTORY_PART_MAX);
    writer->directory = buf_empty(ENGINE_DIRECTORY_SIZE_MAX);
    engine_samples_init(&writer->samples);
    writer->summary = (struct segment_summary){.time_min_ns = INT64_MAX,
                                               .time_max_ns = INT64_MIN,
                                               .order_min_ns = INT64_MAX,
                                               .order_max_ns = INT64_MIN,
                                               .sequence_min = UINT64_MAX};
    status = write_content(writer, plain);
    if (status == STATUS_OK)
        status = engine_check(io, path, content, &writer->rows, err);
    *out = writer->summary;
    release(writer);
    free(writer);
    return status;
}

enum status engine_segment_write(struct io *io, const char *path,
                                 const struct segment_content *content,
                                 struct segment_summary *out, struct error *err)
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
