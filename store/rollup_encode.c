/* store/rollup_encode.c -- sums into columns of varints, columns into a zstd frame. */
#include "store/rollup_encode.h"

#include "store/rollup_page.h"

enum {
    /* The most bytes that one of them takes: 32 bits in 5, 64 in 10. */
    UNIT_SIZE_MAX = 5 * 5,
    CELL_SIZE_MAX = 2 * 5,
    FAMILY_SIZE_MAX = 2 * 5,
    VALUE_SIZE_MAX = 3 * 5 + 4 * 10,
    BUCKET_SIZE_MAX = 2 * 5,
    HEAD_SIZE_MAX = 4 * 10,
};

static uint64_t counts_size_max(const struct rollup_counts *counts)
{
    return HEAD_SIZE_MAX + (uint64_t)counts->unit_count * UNIT_SIZE_MAX +
           (uint64_t)counts->cell_count * CELL_SIZE_MAX;
}

static uint64_t values_size_max(const struct rollup_values *values)
{
    return HEAD_SIZE_MAX + (uint64_t)values->family_count * FAMILY_SIZE_MAX +
           (uint64_t)values->cell_count * VALUE_SIZE_MAX +
           (uint64_t)values->bucket_count * BUCKET_SIZE_MAX;
}

bool rollup_counts_fit(const struct rollup_counts *counts)
{
    return counts_size_max(counts) <= ROLLUP_PAGE_MAX;
}

bool rollup_values_fit(const struct rollup_values *values)
{
    return values_size_max(values) <= ROLLUP_PAGE_MAX;
}

static void put_units(struct buf *raw, const struct rollup_counts *counts)
{
    const struct rollup_unit *units = counts->units;
    uint32_t count = counts->unit_count, before = 0;

    for (uint32_t i = 0; i < count; i++)
        rollup_put_distance(raw, units[i].family, &before);
    before = 0;
    for (uint32_t i = 0; i < count; i++)
        rollup_put_distance(raw, units[i].origin, &before);
    for (uint32_t i = 0; i < count; i++)
        rollup_put(raw, units[i].format);
    for (uint32_t i = 0; i < count; i++)
        rollup_put(raw, units[i].level);
    for (uint32_t i = 0; i < count; i++)
        rollup_put(raw, units[i].cell_count);
}

bool rollup_counts_encode(const struct rollup_counts *counts, struct buf *out)
{
    const struct rollup_cell *cells = counts->cells;
    struct buf raw = buf_empty(ROLLUP_PAGE_MAX);

    if (!buf_reserve(&raw, counts_size_max(counts)))
        return false;
    rollup_put(&raw, counts->unit_count);
    rollup_put(&raw, counts->cell_count);
    rollup_put(&raw, zigzag(counts->first_slot));
    put_units(&raw, counts);
    for (uint32_t i = 0; i < counts->unit_count; i++) {
        const struct rollup_unit *unit = &counts->units[i];
        uint32_t before = 0;

        for (uint32_t k = unit->first_cell; k < unit->first_cell + unit->cell_count; k++) {
            rollup_put(&raw, cells[k].slot - before);
            before = cells[k].slot;
        }
    }
    for (uint32_t i = 0; i < counts->cell_count; i++)
        rollup_put(&raw, cells[i].rows);
    return rollup_close(&raw, out);
}

static void put_families(struct buf *raw, const struct rollup_values *values)
{
    uint32_t before = 0, cell = 0;

    for (uint32_t i = 0; i < values->family_count; i++)
        rollup_put_distance(raw, values->families[i], &before);
    for (uint32_t i = 0; i < values->family_count; i++) {
        uint32_t first = cell;

        while (cell < values->cell_count && values->cells[cell].family == values->families[i])
            cell++;
        rollup_put(raw, cell - first);
    }
}

static void put_value_cells(struct buf *raw, const struct rollup_values *values)
{
    const struct rollup_value *cells = values->cells;
    uint32_t count = values->cell_count, before = 0;

    for (uint32_t i = 0; i < count; i++)
        rollup_put_distance(raw, cells[i].origin, &before);
    for (uint32_t i = 0; i < count; i++)
        rollup_put(raw, cells[i].slot);
    for (uint32_t i = 0; i < count; i++)
        rollup_put(raw, cells[i].values);
    for (uint32_t i = 0; i < count; i++)
        rollup_put(raw, (uint64_t)cells[i].sum);
    for (uint32_t i = 0; i < count; i++)
        rollup_put(raw, (uint64_t)cells[i].min);
    for (uint32_t i = 0; i < count; i++)
        rollup_put(raw, (uint64_t)(cells[i].max - cells[i].min));
    for (uint32_t i = 0; i < count; i++)
        rollup_put(raw, cells[i].bucket_count);
}

bool rollup_values_encode(const struct rollup_values *values, struct buf *out)
{
    struct buf raw = buf_empty(ROLLUP_PAGE_MAX);

    if (!buf_reserve(&raw, values_size_max(values)))
        return false;
    rollup_put(&raw, values->family_count);
    rollup_put(&raw, values->cell_count);
    rollup_put(&raw, values->bucket_count);
    rollup_put(&raw, zigzag(values->first_slot));
    put_families(&raw, values);
    put_value_cells(&raw, values);
    for (uint32_t i = 0; i < values->cell_count; i++) {
        const struct rollup_value *cell = &values->cells[i];
        uint32_t before = 0;

        for (uint32_t k = cell->first_bucket; k < cell->first_bucket + cell->bucket_count; k++) {
            rollup_put(&raw, values->buckets[k].bucket - before);
            before = values->buckets[k].bucket;
        }
    }
    for (uint32_t i = 0; i < values->bucket_count; i++)
        rollup_put(&raw, values->buckets[i].values);
    return rollup_close(&raw, out);
}
