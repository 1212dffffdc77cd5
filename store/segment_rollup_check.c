/* store/segment_rollup_check.c -- count the rows of a segment again, as the ordinary reader gives them, and
 * compare the pages byte by byte. */
#include "store/segment_rollup.h"

#include <stdlib.h>

static enum status no_memory(struct error *err)
{
    return error_set(err, STATUS_NO_MEMORY, "no memory to count the rows of a segment");
}

enum status rollup_recount_init(struct rollup_recount *recount, struct segment *segment,
                                struct error *err)
{
    const struct event_source **sources =
        malloc(((size_t)segment->source_count + 1) * sizeof(*sources));

    *recount = (struct rollup_recount){.family = UINT32_MAX};
    for (uint32_t i = 0; i < segment->source_count && sources != NULL; i++)
        sources[i] = &segment->sources[i].info.source;
    if (sources != NULL && segment->source_count <= ROLLUP_ORIGINS_MAX)
        recount->origins = rollup_origins(sources, segment->source_count);
    free((void *)sources);
    rollup_builder_init(&recount->builder, recount->origins, segment->summary.time_min_ns,
                        segment->summary.time_max_ns);
    return recount->origins == NULL && segment->source_count <= ROLLUP_ORIGINS_MAX ? no_memory(err)
                                                                                   : STATUS_OK;
}

static bool is_first_place(const struct segment_family *family, uint32_t index)
{
    for (uint32_t i = 0; i < family->field_count; i++)
        if (family->fields[i].field == family->fields[index].field &&
            family->fields[i].place < family->fields[index].place)
            return false;
    return true;
}

static void begin_family(struct rollup_recount *recount, const struct segment *segment,
                         uint32_t number)
{
    const struct segment_family *family = &segment->families[number];
    field_id names[ROLLUP_FIELDS_MAX];

    if (recount->family == number)
        return;
    if (recount->family != UINT32_MAX)
        rollup_end_family(&recount->builder);
    recount->family = number;
    recount->field_count = 0;
    for (uint32_t i = 0; i < family->field_count && recount->field_count < ROLLUP_FIELDS_MAX; i++)
        if ((family->fields[i].type == FIELD_DURATION || family->fields[i].type == FIELD_BYTES) &&
            is_first_place(family, i))
            recount->fields[recount->field_count++] = &family->fields[i];
    for (uint32_t i = 0; i < recount->field_count; i++)
        names[i] = recount->fields[i]->field;
    rollup_begin_family(&recount->builder, number, names, recount->field_count);
}

struct rows {
    const int64_t *times, *levels;
    const uint32_t *sources, *templates;
};

static enum status load(struct segment_block *block, struct rows *out, struct error *err)
{
    enum status status = segment_block_page(block, PAGE_TIME, &out->times, err);

    if (status == STATUS_OK)
        status = segment_block_page(block, PAGE_LEVEL, &out->levels, err);
    if (status == STATUS_OK)
        status = segment_block_sources(block, &out->sources, err);
    if (status == STATUS_OK)
        status = segment_block_templates(block, &out->templates, err);
    return status;
}

static enum status add_values(struct rollup_recount *recount, struct segment_block *block,
                              const struct segment_section *section, const struct rows *rows,
                              uint32_t index, struct error *err)
{
    struct column column;
    enum status status =
        block_column(&block->base, recount->fields[index]->field, false, &column, err);

    for (uint32_t row = section->first_row;
         row < section->first_row + section->row_count && status == STATUS_OK; row++) {
        int64_t value;

        if (column.present != NULL && !bit_get(column.present, row))
            continue;
        if (column.kind == COLUMN_INT)
            value = column.ints[row];
        else if (column.kind == COLUMN_FLOAT) /* another family of the block has fractions */
            value = (int64_t)column.floats[row];
        else
            continue;
        rollup_add_value(&recount->builder, index, rows->sources[row], rows->times[row], value);
    }
    return status;
}

enum status rollup_recount_block(struct rollup_recount *recount, struct segment_block *block,
                                 struct error *err)
{
    struct segment *segment = block->segment;
    struct rows rows;
    enum status status = load(block, &rows, err);

    for (uint32_t k = 0; k < block->entry->section_count && status == STATUS_OK; k++) {
        const struct segment_section *section = &block->entry->sections[k];
        const struct segment_family *family = &segment->families[section->family];

        begin_family(recount, segment, section->family);
        for (uint32_t row = section->first_row; row < section->first_row + section->row_count;
             row++)
            rollup_add_row(&recount->builder, rows.sources[row],
                           family->as_text ? rows.templates[row] - family->first_template
                                           : family->format,
                           (uint32_t)rows.levels[row] & 15, rows.times[row]);
        for (uint32_t i = 0; i < recount->field_count && status == STATUS_OK; i++)
            status = add_values(recount, block, section, &rows, i, err);
    }
    return status;
}

static enum status compare_page(const struct segment *segment, const struct page_ref *page,
                                struct buf *counted, struct error *err)
{
    struct arena arena = arena_empty(SEGMENT_PAGE_SIZE_MAX);
    struct slice bytes;
    enum status status = segment_page_read(segment, page, &arena, &bytes, NULL, err);

    if (status == STATUS_OK && !slice_equal(bytes, buf_slice(counted)))
        status = segment_corrupt(segment, "rollup: its rows count otherwise", err);
    arena_release(&arena);
    buf_reset(counted);
    return status;
}

enum status rollup_recount_compare(struct rollup_recount *recount, struct segment *segment,
                                   struct error *err)
{
    struct rollup_builder *builder = &recount->builder;
    const struct segment_rollups *rollups = &segment->rollups;
    struct buf page = buf_empty(2 * ROLLUP_PAGE_MAX);
    enum status status = STATUS_OK;
    uint32_t names;

    if (!rollups->kept)
        return STATUS_OK;
    if (recount->family != UINT32_MAX)
        rollup_end_family(builder);
    names = builder->given_up ? 0 : builder->name_count;
    if (!rollup_counts_encode(builder, &page))
        status = no_memory(err);
    if (status == STATUS_OK)
        status = compare_page(segment, &rollups->counts, &page, err);
    if (status == STATUS_OK && names != rollups->field_count)
        status = segment_corrupt(segment, "list of rollups", err);
    for (uint32_t i = 0; i < names && status == STATUS_OK; i++) {
        if (rollups->fields[i].field != builder->names[i].field)
            status = segment_corrupt(segment, "list of rollups", err);
        else if (!rollup_values_encode(builder, i, &page))
            status = no_memory(err);
        if (status == STATUS_OK)
            status = compare_page(segment, &rollups->fields[i].page, &page, err);
    }
    buf_release(&page);
    return status;
}

void rollup_recount_release(struct rollup_recount *recount)
{
    rollup_builder_release(&recount->builder);
    free(recount->origins);
    recount->origins = NULL;
}
