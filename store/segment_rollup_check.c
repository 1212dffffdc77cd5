/* store/segment_rollup_check.c -- count the rows of a segment again, as the ordinary reader gives
 * them, and compare with what its pages say: every family that they keep must be kept whole, with
 * the numbers that were counted. A family that they leave out is no mistake: its rows are looked
 * at. */
#include "store/segment_rollup.h"

#include <stdlib.h>
#include <string.h>

#define COMPARE_ARENA_MAX ((size_t)256 << 20)

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
    recount->builder.all = true;
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

static bool is_kept(const struct segment *segment, field_id field)
{
    for (uint32_t i = 0; i < segment->rollups.field_count; i++)
        if (segment->rollups.fields[i].field == field)
            return true;
    return false;
}

/* The fields that the writer counted, as far as the segment keeps any of their values. */
static void begin_family(struct rollup_recount *recount, const struct segment *segment,
                         uint32_t number)
{
    const struct segment_family *family = &segment->families[number];
    field_id names[ROLLUP_FIELDS_MAX];
    uint32_t seen = 0;

    if (recount->family == number)
        return;
    if (recount->family != UINT32_MAX)
        rollup_end_family(&recount->builder);
    recount->family = number;
    recount->field_count = 0;
    for (uint32_t i = 0; i < family->field_count && seen < ROLLUP_FIELDS_MAX; i++) {
        const struct segment_field *field = &family->fields[i];

        if ((field->type != FIELD_DURATION && field->type != FIELD_BYTES) ||
            !is_first_place(family, i))
            continue;
        seen++;
        if (is_kept(segment, field->field))
            names[recount->field_count++] = field->field;
    }
    memcpy(recount->fields, names, recount->field_count * sizeof(*names));
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

/* A batch of a section's rows: rows [first, first + count) of the block. */
struct rolled_batch {
    uint32_t first, count;
    uint64_t keys[ROLLUP_BATCH_ROWS];
    int64_t values[ROLLUP_BATCH_ROWS];
};

static int64_t value_at(const struct column *column, uint32_t row)
{
    int64_t value;

    if (column->present != NULL && !bit_get(column->present, row))
        return ROLLUP_NO_VALUE;
    if (column->kind == COLUMN_INT)
        value = column->ints[row];
    else if (column->kind == COLUMN_FLOAT) /* another family of the block has fractions */
        value = (int64_t)column->floats[row];
    else
        return ROLLUP_NO_VALUE;
    return value < 0 ? -1 : value; /* negative ones are all as bad */
}

static void add_batch(struct rollup_recount *recount, const struct segment_family *family,
                      const struct rows *rows, const struct column *columns,
                      struct rolled_batch *batch)
{
    for (uint32_t i = 0; i < batch->count; i++) {
        uint32_t row = batch->first + i;

        batch->keys[i] = rollup_key(&recount->builder, rows->sources[row],
                                    family->as_text ? rows->templates[row] - family->first_template
                                                    : family->format,
                                    (uint32_t)rows->levels[row] & 15, rows->times[row]);
    }
    rollup_add_rows(&recount->builder, batch->keys, batch->count);
    for (uint32_t k = 0; k < recount->field_count; k++) {
        for (uint32_t i = 0; i < batch->count; i++)
            batch->values[i] = value_at(&columns[k], batch->first + i);
        rollup_add_values(&recount->builder, k, batch->keys, batch->values, batch->count);
    }
}

static enum status add_section(struct rollup_recount *recount, struct segment_block *block,
                               const struct segment_section *section, const struct rows *rows,
                               struct error *err)
{
    const struct segment_family *family = &block->segment->families[section->family];
    uint32_t end = section->first_row + section->row_count;
    struct column columns[ROLLUP_FIELDS_MAX];
    struct rolled_batch batch; /* filled piece by piece */

    batch.first = section->first_row;
    begin_family(recount, block->segment, section->family);
    for (uint32_t k = 0; k < recount->field_count; k++) {
        enum status status =
            block_column(&block->base, recount->fields[k], false, &columns[k], err);

        if (status != STATUS_OK)
            return status;
    }
    for (; batch.first < end; batch.first += batch.count) {
        batch.count =
            end - batch.first < ROLLUP_BATCH_ROWS ? end - batch.first : (uint32_t)ROLLUP_BATCH_ROWS;
        add_batch(recount, family, rows, columns, &batch);
    }
    return STATUS_OK;
}

enum status rollup_recount_block(struct rollup_recount *recount, struct segment_block *block,
                                 struct error *err)
{
    struct rows rows;
    enum status status;

    if (!block->segment->rollups.kept || recount->builder.given_up)
        return STATUS_OK; /* nothing to compare */
    status = load(block, &rows, err);
    for (uint32_t k = 0; k < block->entry->section_count && status == STATUS_OK; k++)
        status = add_section(recount, block, &block->entry->sections[k], &rows, err);
    return status;
}

/* ---- comparing ---- */

static bool units_equal(const struct rollup_counts *a, const struct rollup_unit *left,
                        const struct rollup_counts *b, const struct rollup_unit *right)
{
    if (left->family != right->family || left->origin != right->origin ||
        left->format != right->format || left->level != right->level ||
        left->cell_count != right->cell_count)
        return false;
    for (uint32_t i = 0; i < left->cell_count; i++) {
        const struct rollup_cell *x = &a->cells[left->first_cell + i];
        const struct rollup_cell *y = &b->cells[right->first_cell + i];

        if (x->slot != y->slot || x->rows != y->rows)
            return false;
    }
    return true;
}

/* Every family that is kept is kept whole; families follow each other as their rows do. */
static bool counts_agree(const struct rollup_counts *kept, const struct rollup_counts *counted)
{
    uint32_t at = 0;

    if (kept->unit_count > 0 && kept->first_slot != counted->first_slot)
        return false;
    for (uint32_t i = 0; i < kept->unit_count; i++, at++) {
        uint32_t family = kept->units[i].family;
        bool new_family = i == 0 || kept->units[i - 1].family != family;

        if (new_family && i > 0 && at < counted->unit_count &&
            counted->units[at].family == kept->units[i - 1].family)
            return false; /* the family before has more units */
        while (new_family && at < counted->unit_count && counted->units[at].family != family)
            at++;
        if (at == counted->unit_count ||
            !units_equal(kept, &kept->units[i], counted, &counted->units[at]))
            return false;
    }
    return kept->unit_count == 0 || at == counted->unit_count ||
           counted->units[at].family != counted->units[at - 1].family;
}

static bool cells_equal(const struct rollup_values *a, const struct rollup_value *left,
                        const struct rollup_values *b, const struct rollup_value *right)
{
    if (left->origin != right->origin || left->slot != right->slot ||
        left->values != right->values || left->sum != right->sum || left->min != right->min ||
        left->max != right->max || left->bucket_count != right->bucket_count)
        return false;
    for (uint32_t i = 0; i < left->bucket_count; i++) {
        const struct rollup_bucket *x = &a->buckets[left->first_bucket + i];
        const struct rollup_bucket *y = &b->buckets[right->first_bucket + i];

        if (x->bucket != y->bucket || x->values != y->values)
            return false;
    }
    return true;
}

/* As counts_agree(); a family without cells is none. */
static bool values_agree(const struct rollup_values *kept, const struct rollup_values *counted)
{
    uint32_t at = 0, cell = 0, kept_cell = 0;

    if (kept->family_count > 0 && kept->first_slot != counted->first_slot)
        return false;
    for (uint32_t i = 0; i < kept->family_count; i++) {
        uint32_t family = kept->families[i];

        for (; at < counted->family_count && counted->families[at] != family; at++)
            while (cell < counted->cell_count &&
                   counted->cells[cell].family == counted->families[at])
                cell++;
        if (at == counted->family_count)
            return false;
        for (; kept_cell < kept->cell_count && kept->cells[kept_cell].family == family;
             kept_cell++, cell++)
            if (cell == counted->cell_count || counted->cells[cell].family != family ||
                !cells_equal(kept, &kept->cells[kept_cell], counted, &counted->cells[cell]))
                return false;
        if (cell < counted->cell_count && counted->cells[cell].family == family)
            return false;
        at++;
    }
    return true;
}

static enum status compare_field(struct rollup_recount *recount, struct segment *segment,
                                 uint32_t index, struct arena *arena, struct error *err)
{
    struct rollup_builder *builder = &recount->builder;
    field_id field = segment->rollups.fields[index].field;
    const struct rollup_values *kept;
    struct rollup_values counted = {0};
    enum status status = segment_rollup_values(segment, field, arena, &kept, err);

    for (uint32_t i = 0; i < builder->name_count; i++)
        if (builder->names[i].field == field)
            rollup_built_values(builder, i, &counted);
    if (status == STATUS_OK && !values_agree(kept, &counted))
        status = segment_corrupt(segment, "rollup: its values count otherwise", err);
    return status;
}

enum status rollup_recount_compare(struct rollup_recount *recount, struct segment *segment,
                                   struct error *err)
{
    struct rollup_builder *builder = &recount->builder;
    const struct segment_rollups *rollups = &segment->rollups;
    struct arena arena = arena_empty(COMPARE_ARENA_MAX);
    const struct rollup_counts *kept;
    struct rollup_counts counted;
    enum status status;

    if (!rollups->kept)
        return STATUS_OK;
    if (recount->family != UINT32_MAX) {
        if (!builder->given_up)
            rollup_end_family(builder);
        if (builder->given_up)
            return no_memory(err);
    }
    rollup_built_counts(builder, &counted);
    status = segment_rollup_counts(segment, &arena, &kept, err);
    if (status == STATUS_OK && kept != NULL && !counts_agree(kept, &counted))
        status = segment_corrupt(segment, "rollup: its rows count otherwise", err);
    for (uint32_t i = 0; i < rollups->field_count && status == STATUS_OK; i++)
        status = compare_field(recount, segment, i, &arena, err);
    arena_release(&arena);
    return status;
}

void rollup_recount_release(struct rollup_recount *recount)
{
    rollup_builder_release(&recount->builder);
    free(recount->origins);
    recount->origins = NULL;
}
