/* store/segment_rollup_check.c -- count the rows of a segment again, as the ordinary reader gives
 * them, and compare with what its pages say: every family that they keep must be kept whole, with
 * the numbers that were counted. A family that they leave out is no mistake: its rows are looked
 * at.
 *
 * Buckets of values are the most of it, many for each cell with a few values each. They are not
 * counted again one by one: every bucket has a number of its own of 64 bits, and the sum of these
 * numbers over the values of a cell is compared with the same sum over the page's buckets. It needs
 * no table, and it does not depend on the one that the builder counts in. */
#include "store/segment_rollup.h"

#include "store/rollup_agree.h"
#include "store/rollup_merge.h"
#include "store/segment_plan.h"
#include "store/segment_samples_check.h"
#include "store/slot_number.h"

#include <stdlib.h>

#define COMPARE_ARENA_MAX ((size_t)256 << 20)

static enum status no_memory(struct error *err)
{
    return error_set(err, STATUS_NO_MEMORY, "no memory to count the rows of a segment");
}

static field_id *list_wanted(const struct segment *segment)
{
    field_id *wanted = malloc(((size_t)segment->rollups.field_count + 1) * sizeof(*wanted));

    for (uint32_t i = 0; i < segment->rollups.field_count && wanted != NULL; i++)
        wanted[i] = segment->rollups.fields[i].field;
    return wanted;
}

enum status rollup_recount_init(struct rollup_recount *recount, struct segment *segment,
                                struct error *err)
{
    const struct event_source **sources =
        malloc(((size_t)segment->source_count + 1) * sizeof(*sources));
    const struct segment_summary *summary = &segment->summary;
    uint32_t count = segment->source_count;

    *recount = (struct rollup_recount){.family = UINT32_MAX, .tenant_column = UINT32_MAX};
    for (uint32_t i = 0; i < count && sources != NULL; i++)
        sources[i] = &segment->sources[i].info.source;
    if (sources != NULL && count <= ROLLUP_ORIGINS_MAX) {
        recount->origins = rollup_origins(sources, count);
        recount->groups = rollup_groups(sources, count);
        recount->wanted = list_wanted(segment);
    }
    free((void *)sources);
    rollup_builder_init(&recount->builder, recount->origins, summary->time_min_ns,
                        summary->time_max_ns);
    rollup_sums_init(&recount->sums, recount->groups, count, summary->time_min_ns);
    recount->builder.all = recount->sums.all = true;
    recount->builder.prints = true;
    recount->builder.wanted = recount->wanted;
    recount->builder.wanted_count = recount->wanted == NULL ? 0 : segment->rollups.field_count;
    if (count > ROLLUP_ORIGINS_MAX)
        return STATUS_OK; /* there are no rollups */
    return recount->origins == NULL || recount->groups == NULL || recount->wanted == NULL
               ? no_memory(err)
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

/* How the sums by tenant take the rows of a family. */
static void begin_sums(struct rollup_recount *recount, const struct segment *segment,
                       uint32_t number)
{
    const struct segment_family *family = &segment->families[number];
    struct rollup_sums_family sums = {.family = number,
                                      .format = family->format,
                                      .field_count = recount->field_count,
                                      .fields = recount->fields};

    recount->sums.at = NULL;
    recount->tenant_column = UINT32_MAX;
    if (family->as_text || segment->rollups.sums.size == 0)
        return;
    sums.tenants = segment_find_field(family, FIELD_ID_TENANT) != UINT32_MAX;
    if (sums.tenants) {
        recount->tenant_column = segment_dict_column(segment, family, FIELD_ID_TENANT);
        if (recount->tenant_column == UINT32_MAX)
            return;
    }
    rollup_sums_begin(&recount->sums, &sums);
}

/* The fields that the writer counted. */
static void begin_family(struct rollup_recount *recount, const struct segment *segment,
                         uint32_t number)
{
    const struct segment_family *family = &segment->families[number];

    if (recount->family == number)
        return;
    if (recount->family != UINT32_MAX)
        rollup_end_family(&recount->builder);
    recount->family = number;
    recount->field_count = 0;
    for (uint32_t i = 0; i < family->field_count && recount->field_count < ROLLUP_FIELDS_MAX; i++)
        if ((family->fields[i].type == FIELD_DURATION || family->fields[i].type == FIELD_BYTES) &&
            is_first_place(family, i))
            recount->fields[recount->field_count++] = family->fields[i].field;
    rollup_begin_family(&recount->builder, number, recount->fields, recount->field_count);
    begin_sums(recount, segment, number);
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
    uint32_t tenants[ROLLUP_BATCH_ROWS];
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

/* Columns of a section: its values, and tenants as codes; NULL: it has none. */
struct counted_columns {
    const struct segment_family *family;
    uint32_t first_row;
    const int64_t *plain[ROLLUP_FIELDS_MAX]; /* by row of the section; NULL: see `values` */
    struct column values[ROLLUP_FIELDS_MAX];
    const uint32_t *codes, *tenants; /* by row of the section; number in the pool by code */
};

/* A duration or a size that is a number of its own in every row, which most are: the column of a whole
 * block is not made for it. NULL: it is not, or not in all rows. */
static enum status plain_values(struct segment_block *block, uint32_t section, field_id field,
                                const int64_t **out, struct error *err)
{
    const struct segment_family *family = segment_family_of(block, section);
    uint32_t count = block->entry->sections[section].row_count;
    const struct segment_values *values;
    const struct segment_column *column;
    struct field_slot slot;
    enum status status;
    int64_t *plain;

    *out = NULL;
    if (family->as_text || !segment_field_slot(block->segment, family, field, &slot))
        return STATUS_OK;
    column = &family->columns[slot.column];
    if (column->kind.type != SLOT_INT && column->class != CLASS_DECIMALS)
        return STATUS_OK;
    status = segment_block_printable(block, section, slot.column, &values, err);
    if (status != STATUS_OK)
        return status;
    plain = arena_take(&block->base.arena, sizeof(*plain), _Alignof(int64_t), (size_t)count + 1);
    if (plain == NULL)
        return no_memory(err);
    for (uint32_t i = 0; i < count; i++) {
        struct value value;

        if (!(column->class == CLASS_DECIMALS
                  ? slot_decimal_value(values->numbers[i], values->scales[i], slot.type, slot.unit,
                                       &value)
                  : slot_int_value(values->numbers[i], slot.type, slot.unit, &value)))
            return STATUS_OK;
        plain[i] = value.whole < 0 ? -1 : value.whole;
    }
    *out = plain;
    return STATUS_OK;
}

static enum status load_columns(struct rollup_recount *recount, struct segment_block *block,
                                uint32_t section, struct counted_columns *out, struct error *err)
{
    enum status status = STATUS_OK;

    *out = (struct counted_columns){.family = segment_family_of(block, section),
                                    .first_row = block->entry->sections[section].first_row};
    for (uint32_t k = 0; k < recount->field_count && status == STATUS_OK; k++) {
        status = plain_values(block, section, recount->fields[k], &out->plain[k], err);
        if (status == STATUS_OK && out->plain[k] == NULL)
            status = block_column(&block->base, recount->fields[k], false, &out->values[k], err);
    }
    if (status == STATUS_OK && recount->tenant_column != UINT32_MAX) {
        const struct segment_values *values;

        status = segment_block_values(block, section, recount->tenant_column, &values, err);
        if (status == STATUS_OK)
            status = segment_block_list(block, section, recount->tenant_column, &out->tenants, err);
        out->codes = status == STATUS_OK ? values->codes : NULL;
    }
    return status;
}

static void add_batch(struct rollup_recount *recount, const struct rows *rows,
                      const struct counted_columns *columns, struct rolled_batch *batch)
{
    const struct segment_family *family = columns->family;

    for (uint32_t i = 0; i < batch->count; i++) {
        uint32_t row = batch->first + i;

        batch->keys[i] = rollup_key(&recount->builder, rows->sources[row],
                                    family->as_text ? rows->templates[row] - family->first_template
                                                    : family->format,
                                    (uint32_t)rows->levels[row] & 15, rows->times[row]);
        if (columns->codes != NULL)
            batch->tenants[i] = columns->tenants[columns->codes[row - columns->first_row]];
    }
    rollup_add_rows(&recount->builder, batch->keys, batch->count);
    rollup_sums_add_rows(&recount->sums, batch->keys,
                         columns->codes != NULL ? batch->tenants : NULL, batch->count);
    for (uint32_t k = 0; k < recount->field_count; k++) {
        const int64_t *values = columns->plain[k] == NULL
                                    ? batch->values
                                    : columns->plain[k] + (batch->first - columns->first_row);

        for (uint32_t i = 0; i < batch->count && columns->plain[k] == NULL; i++)
            batch->values[i] = value_at(&columns->values[k], batch->first + i);
        rollup_add_values(&recount->builder, k, batch->keys, values, batch->count);
        rollup_sums_add_values(&recount->sums, k, values, batch->count);
    }
}

static enum status add_section(struct rollup_recount *recount, struct segment_block *block,
                               uint32_t number, const struct rows *rows, struct error *err)
{
    const struct segment_section *section = &block->entry->sections[number];
    uint32_t end = section->first_row + section->row_count;
    struct counted_columns columns;
    struct rolled_batch batch; /* filled piece by piece */
    enum status status;

    begin_family(recount, block->segment, section->family);
    status = load_columns(recount, block, number, &columns, err);
    if (status != STATUS_OK)
        return status;
    for (batch.first = section->first_row; batch.first < end; batch.first += batch.count) {
        batch.count =
            end - batch.first < ROLLUP_BATCH_ROWS ? end - batch.first : (uint32_t)ROLLUP_BATCH_ROWS;
        add_batch(recount, rows, &columns, &batch);
    }
    return STATUS_OK;
}

enum status rollup_recount_block(struct rollup_recount *recount, struct segment_block *block,
                                 struct error *err)
{
    struct rows rows;
    enum status status;

    if (block->base.samples)
        return segment_samples_recount(recount, block, err);
    if (!block->segment->rollups.kept || recount->builder.given_up)
        return STATUS_OK; /* nothing to compare */
    status = load(block, &rows, err);
    for (uint32_t k = 0; k < block->entry->section_count && status == STATUS_OK; k++)
        status = add_section(recount, block, k, &rows, err);
    return status;
}

/* ---- comparing ---- */

/* In the bunches that are kept. */
static enum status merge_counted(const struct segment *segment, const struct rollup_values *kept,
                                 struct arena *arena, struct rollup_values *counted,
                                 struct error *err)
{
    uint32_t *kinds = arena_new(arena, uint32_t, (size_t)segment->family_count + 1);
    struct rollup_values merged;

    if (kinds == NULL)
        return no_memory(err);
    for (uint32_t i = 0; i < segment->family_count; i++)
        kinds[i] = ROLLUP_KIND_NONE;
    for (uint32_t i = 0; i < kept->family_count; i++)
        kinds[kept->families[i]] = kept->leaders[i];
    if (!rollup_values_merge(counted, kinds, true, arena, &merged))
        return no_memory(err);
    *counted = merged;
    return STATUS_OK;
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
    if (status == STATUS_OK)
        status = merge_counted(segment, kept, arena, &counted, err);
    if (status == STATUS_OK && !rollup_values_agree(kept, &counted))
        status = segment_corrupt(segment, "rollup: its values count otherwise", err);
    return status;
}

static enum status compare_sums(struct rollup_recount *recount, struct segment *segment,
                                struct arena *arena, struct error *err)
{
    const struct segment_sums *kept;
    struct rollup_sums counted;
    enum status status = segment_rollup_sums(segment, arena, &kept, err);

    if (status != STATUS_OK || kept == NULL)
        return status;
    if (recount->sums.given_up || !rollup_sums_built(&recount->sums, NULL, arena, &counted))
        return no_memory(err);
    return rollup_sums_agree(&kept->sums, &counted)
               ? STATUS_OK
               : segment_corrupt(segment, "rollup: its sums by tenant count otherwise", err);
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
    status = segment_samples_recounted(recount, segment, err);
    if (status != STATUS_OK)
        return status;
    if (recount->family != UINT32_MAX) {
        if (!builder->given_up)
            rollup_end_family(builder);
        if (builder->given_up)
            return no_memory(err);
    }
    rollup_built_counts(builder, &counted);
    status = segment_rollup_counts(segment, &arena, &kept, err);
    if (status == STATUS_OK && kept != NULL && !rollup_counts_agree(kept, &counted))
        status = segment_corrupt(segment, "rollup: its rows count otherwise", err);
    for (uint32_t i = 0; i < rollups->field_count && status == STATUS_OK; i++)
        status = compare_field(recount, segment, i, &arena, err);
    if (status == STATUS_OK)
        status = compare_sums(recount, segment, &arena, err);
    arena_release(&arena);
    return status;
}

void rollup_recount_release(struct rollup_recount *recount)
{
    rollup_builder_release(&recount->builder);
    rollup_sums_release(&recount->sums);
    free(recount->origins);
    free(recount->groups);
    free(recount->wanted);
    sample_builder_release(&recount->samples);
    arena_release(&recount->arena);
    recount->origins = recount->groups = NULL;
    recount->wanted = NULL;
}
