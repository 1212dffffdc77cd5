/* store/segment_directory_writer.c -- write the directory of a segment (layout:
 * segment_format.h); segment_directory.c reads it. */
#include "store/segment_writer.h"

#include "base/byteorder.h"
#include "store/gram_filter.h"
#include "store/segment_rollup.h"
#include "store/source_table.h"

#include <stdlib.h>

enum { POOL_LEVEL = 1 };

uint32_t segment_field_number(struct segment_writer *writer, field_id field)
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

static bool put_summary(struct segment_writer *writer)
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

static bool put_names(struct segment_writer *writer)
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

static bool put_sources(struct segment_writer *writer)
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

static bool put_templates(struct segment_writer *writer, const struct family *family)
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

static bool put_classes(struct segment_writer *writer, uint32_t family)
{
    const struct gathered *gathered = &writer->gathered[family];
    bool fine = true;

    for (uint32_t i = 0; i < gathered->column_count && fine; i++)
        fine = buf_append_byte(&writer->directory, (char)gathered->columns[i].class);
    return fine;
}

static bool put_family(struct segment_writer *writer, uint32_t number)
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
        uint64_t name = segment_field_number(writer, field->field);

        fine = buf_append_varint(out, name << 1 | field->computed) &&
               buf_append_byte(out, (char)field->type) &&
               buf_append_byte(out, (char)field->unit) &&
               buf_append_varint(out, field->begin_gap) &&
               buf_append_varint(out, field->end_gap) && buf_append_varint(out, field->source);
    }
    return fine && put_classes(writer, number) && put_templates(writer, family);
}

/* Rows kept as text have one family for all formats: its template i stands for format i. */
static bool put_text_family(struct segment_writer *writer)
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

static bool put_families(struct segment_writer *writer)
{
    uint32_t count = writer->rows.set.family_count;
    bool as_text = segment_family_rows(writer, count) > 0;
    bool fine = buf_append_varint(&writer->directory, count + as_text) &&
                buf_append_varint(&writer->directory,
                                  writer->rows.set.template_count +
                                      (as_text ? writer->content->format_count : 0));

    for (uint32_t i = 0; i < count && fine; i++)
        fine = put_family(writer, i);
    return fine && (!as_text || put_text_family(writer));
}

/* Pool numbers of one dictionary column by code; they stay, to be compared with those of others. */
static bool put_list(struct segment_writer *writer, const struct gathered_column *column,
                     struct arena *arena)
{
    int64_t *numbers = arena_new(arena, int64_t, column->dict_count);

    if (numbers == NULL || column->dict_count > INT_PAGE_COUNT_MAX)
        return false;
    for (uint32_t code = 0; code < column->dict_count; code++)
        numbers[code] = writer->gathering.texts.final[column->list[code]];
    return buf_append_varint(&writer->directory, column->dict_count) &&
           page_writer_put_numbers(&writer->pages, REGION_CODES, numbers, column->dict_count,
                                   &writer->directory);
}

static bool put_lists(struct segment_writer *writer)
{
    struct arena arena = arena_empty(SEGMENT_DIRECTORY_SIZE_MAX);
    bool fine = true;

    page_writer_forget(&writer->pages);
    for (uint32_t i = 0; i < writer->rows.set.family_count && fine; i++)
        for (uint32_t k = 0; k < writer->gathered[i].column_count && fine; k++)
            if (writer->gathered[i].columns[k].class == CLASS_CODES)
                fine = put_list(writer, &writer->gathered[i].columns[k], &arena);
    page_writer_forget(&writer->pages);
    arena_release(&arena);
    return fine;
}

static bool put_grams(struct segment_writer *writer, uint32_t first, uint32_t count, size_t bytes)
{
    const struct text_pool *pool = &writer->gathering.texts;
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

static bool put_pool(struct segment_writer *writer)
{
    struct text_pool *pool = &writer->gathering.texts;
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

/* Bytes [at, at + size) of the ids from `first` on, one behind the other; false without memory. */
static bool put_id_parts(const struct id_pool *pool, uint32_t first, uint32_t count, unsigned at,
                         unsigned size, struct buf *out)
{
    const uint8_t *from = pool->bytes + (size_t)first * pool->size + at;
    char *to;

    if (!buf_reserve(out, (size_t)count * size + ID_SLACK))
        return false;
    to = out->data + out->len;
    for (uint32_t i = 0; i < count; i++, from += pool->size, to += size)
        for (unsigned done = 0; done < size; done += ID_SLACK)
            memcpy(to + done, from + done, ID_SLACK); /* the next one overwrites what is too much */
    buf_commit(out, (size_t)count * size);
    return true;
}

/* Heads of all ids in one page, the rest in pages of ID_PAGE_COUNT ids. */
static bool put_id_pool(struct segment_writer *writer, const struct id_pool *pool)
{
    struct buf *page = &writer->pages.scratch, *out = &writer->directory;
    bool fine = buf_append_byte(out, (char)pool->kind.type) &&
                buf_append_byte(out, (char)pool->kind.param) &&
                buf_append_varint(out, pool->count);

    buf_reset(page);
    fine = fine && put_id_parts(pool, 0, pool->count, 0, ID_HEAD_SIZE, page) &&
           page_writer_put(&writer->pages, REGION_IDS, buf_slice(page), out);
    for (uint32_t first = 0; first < pool->count && fine; first += ID_PAGE_COUNT) {
        uint32_t count = pool->count - first < ID_PAGE_COUNT ? pool->count - first : ID_PAGE_COUNT;

        buf_reset(page);
        fine = put_id_parts(pool, first, count, ID_HEAD_SIZE, pool->size - ID_HEAD_SIZE, page) &&
               page_writer_put(&writer->pages, REGION_IDS, buf_slice(page), out);
    }
    return fine;
}

static bool put_ids(struct segment_writer *writer)
{
    bool fine = buf_append_varint(&writer->directory, writer->gathering.ids_count);

    for (uint32_t i = 0; i < writer->gathering.ids_count && fine; i++)
        fine = put_id_pool(writer, &writer->gathering.ids[i]);
    return fine;
}

/* Fields are numbered while families and blobs are put, so names come after them: two parts. */
enum status segment_directory_make(struct segment_writer *writer)
{
    struct buf tail, *out = &writer->directory;
    bool fine = text_pool_sort(&writer->gathering.texts);

    fine = fine && put_families(writer) &&
           buf_append_varint(out, writer->block_count + writer->samples.block_count) &&
           buf_append_slice(out, buf_slice(&writer->blocks)) &&
           buf_append_slice(out, buf_slice(&writer->samples.blocks)) && put_lists(writer) &&
           put_pool(writer) && put_ids(writer) &&
           buf_append_slice(out, buf_slice(&writer->samples.series)) &&
           segment_rollup_put(writer) &&
           segment_samples_put_rollup(&writer->samples, &writer->pages, out);
    tail = writer->directory;
    writer->directory = buf_empty_spare(SEGMENT_DIRECTORY_SIZE_MAX);
    fine = fine && put_summary(writer) && put_names(writer) && put_sources(writer) &&
           buf_append_slice(out, buf_slice(&tail));
    buf_release(&tail);
    return fine ? STATUS_OK
                : error_set(writer->err, STATUS_NO_MEMORY, "no memory for a segment's directory");
}
