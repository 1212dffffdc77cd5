/* store/rollup_sums.c -- pages of sums by tenant: written, and read from bytes that may be damaged.
 */
#include "store/rollup_sums.h"

#include "store/rollup_page.h"

enum {
    /* The most bytes that one of them takes: 32 bits in 5, 64 in 10. */
    HEAD_SIZE_MAX = 5 * 10,
    BUNCH_SIZE_MAX = 5 * 5,
    CELL_SIZE_MAX = 4 * 5,
    FIELD_SIZE_MAX = 2 * 5,
    SUM_SIZE_MAX = 2 * 10,
    POWER_MAX = 18, /* of ten: all that an int64 can be divided by */
};

static int64_t power_of_ten(uint32_t power)
{
    int64_t value = 1;

    while (power-- > 0)
        value *= 10;
    return value;
}

/* ---- writing ---- */

static uint64_t size_max(const struct rollup_sums *sums)
{
    return HEAD_SIZE_MAX + (uint64_t)sums->bunch_count * BUNCH_SIZE_MAX +
           (uint64_t)sums->family_count * 5 + (uint64_t)sums->field_count * FIELD_SIZE_MAX +
           (uint64_t)sums->cell_count * CELL_SIZE_MAX + (uint64_t)sums->sum_count * SUM_SIZE_MAX;
}

bool rollup_sums_fit(const struct rollup_sums *sums)
{
    return size_max(sums) <= ROLLUP_PAGE_MAX;
}

static void put_heads(struct buf *raw, const struct rollup_sums *sums)
{
    uint32_t before = 0;

    rollup_put(raw, sums->bunch_count);
    rollup_put(raw, sums->family_count);
    rollup_put(raw, sums->field_count);
    rollup_put(raw, sums->cell_count);
    rollup_put(raw, zigzag(sums->first_slot));
    for (uint32_t i = 0; i < sums->bunch_count; i++) {
        const struct rollup_bunch *bunch = &sums->bunches[i];

        rollup_put(raw, bunch->format);
        rollup_put(raw, bunch->tenants);
        rollup_put(raw, bunch->family_count);
        rollup_put(raw, bunch->field_count);
        rollup_put(raw, bunch->cell_count);
    }
    for (uint32_t i = 0; i < sums->family_count; i++)
        rollup_put_distance(raw, sums->families[i], &before);
    for (uint32_t i = 0; i < sums->field_count; i++)
        rollup_put(raw, sums->fields[i]);
}

static void put_cells(struct buf *raw, const struct rollup_sums *sums)
{
    const struct rollup_sum_cell *cells = sums->cells;
    uint32_t count = sums->cell_count, before = 0;

    for (uint32_t i = 0; i < count; i++)
        rollup_put_distance(raw, cells[i].group, &before);
    for (uint32_t i = 0; i < count; i++)
        rollup_put(raw, cells[i].slot);
    before = 0;
    for (uint32_t i = 0; i < count; i++)
        rollup_put_distance(raw, cells[i].tenant, &before);
    for (uint32_t i = 0; i < count; i++)
        rollup_put(raw, cells[i].rows);
}

/* Nanoseconds of logs that write milliseconds are millions: what divides them all need not be said.
 */
static uint32_t common_power(const struct rollup_sum *sums, uint32_t count)
{
    uint32_t power = POWER_MAX;

    for (uint32_t i = 0; i < count && power > 0; i++)
        while (power > 0 && sums[i].sum % power_of_ten(power) != 0)
            power--;
    return power;
}

bool rollup_sums_encode(const struct rollup_sums *sums, struct buf *out)
{
    struct buf raw = buf_empty(ROLLUP_PAGE_MAX);

    if (!buf_reserve(&raw, size_max(sums)))
        return false;
    put_heads(&raw, sums);
    put_cells(&raw, sums);
    for (uint32_t i = 0; i < sums->bunch_count; i++) {
        const struct rollup_bunch *bunch = &sums->bunches[i];

        for (uint32_t k = 0; k < bunch->field_count; k++) {
            const struct rollup_sum *column = sums->sums + bunch->first_sum + k * bunch->cell_count;
            uint32_t power = common_power(column, bunch->cell_count);
            int64_t scale = power_of_ten(power);

            rollup_put(&raw, power);
            for (uint32_t c = 0; c < bunch->cell_count; c++)
                rollup_put(&raw, sums->cells[bunch->first_cell + c].rows - column[c].values);
            for (uint32_t c = 0; c < bunch->cell_count; c++)
                rollup_put(&raw, (uint64_t)(column[c].sum / scale));
        }
    }
    return rollup_close(&raw, out);
}

/* ---- reading ---- */

static bool take_bunches(struct rollup_reading *reading, const struct rollup_sums_bounds *bounds,
                         struct rollup_sums *out, struct rollup_bunch *bunches)
{
    uint32_t families = 0, fields = 0, cells = 0;
    uint64_t sums = 0;

    for (uint32_t i = 0; i < out->bunch_count; i++) {
        struct rollup_bunch *bunch = &bunches[i];
        uint32_t tenants;

        *bunch = (struct rollup_bunch){.first_family = families,
                                       .first_field = fields,
                                       .first_cell = cells,
                                       .first_sum = (uint32_t)sums};
        if (!rollup_take_below(reading, bounds->formats, &bunch->format) ||
            !rollup_take_below(reading, 2, &tenants) ||
            !rollup_take_below(reading, (uint64_t)out->family_count - families + 1,
                               &bunch->family_count) ||
            !rollup_take_below(reading, (uint64_t)out->field_count - fields + 1,
                               &bunch->field_count) ||
            !rollup_take_below(reading, (uint64_t)out->cell_count - cells + 1, &bunch->cell_count))
            return false;
        bunch->tenants = tenants == 1;
        families += bunch->family_count;
        fields += bunch->field_count;
        cells += bunch->cell_count;
        sums += (uint64_t)bunch->cell_count * bunch->field_count;
        if (sums * 2 > reading->rest.len) /* each takes two bytes at least */
            return false;
    }
    out->sum_count = (uint32_t)sums;
    return families == out->family_count && fields == out->field_count && cells == out->cell_count;
}

static bool take_names(struct rollup_reading *reading, const struct rollup_sums_bounds *bounds,
                       struct rollup_sums *out)
{
    uint32_t *families = arena_new(reading->arena, uint32_t, (size_t)out->family_count + 1);
    field_id *fields = arena_new(reading->arena, field_id, (size_t)out->field_count + 1);
    uint32_t before = 0;

    if (families == NULL || fields == NULL)
        return false;
    for (uint32_t i = 0; i < out->family_count; i++, before = families[i - 1])
        if (!rollup_take_next(reading, before, bounds->families, &families[i]))
            return false;
    for (uint32_t i = 0; i < out->field_count; i++)
        if (!rollup_take_below(reading, bounds->fields, &fields[i]))
            return false;
    out->families = families;
    out->fields = fields;
    return true;
}

static bool take_cells(struct rollup_reading *reading, const struct rollup_sums_bounds *bounds,
                       struct rollup_sums *out)
{
    uint32_t count = out->cell_count, before = 0;
    struct rollup_sum_cell *cells =
        arena_new(reading->arena, struct rollup_sum_cell, (size_t)count + 1);

    if (cells == NULL)
        return false;
    for (uint32_t i = 0; i < count; i++, before = cells[i - 1].group)
        if (!rollup_take_next(reading, before, bounds->groups, &cells[i].group))
            return false;
    for (uint32_t i = 0; i < count; i++)
        if (!rollup_take_below(reading, ROLLUP_SLOTS_MAX, &cells[i].slot))
            return false;
    before = 0;
    for (uint32_t i = 0; i < count; i++, before = cells[i - 1].tenant)
        if (!rollup_take_next(reading, before, (uint64_t)bounds->tenants + 1, &cells[i].tenant))
            return false;
    for (uint32_t i = 0; i < count; i++)
        if (!rollup_take_below(reading, UINT32_MAX, &cells[i].rows))
            return false;
    out->cells = cells;
    return true;
}

/* One field of one bunch. */
static bool take_column(struct rollup_reading *reading, const struct rollup_sum_cell *cells,
                        uint32_t count, struct rollup_sum *column)
{
    uint32_t power, missing;
    int64_t scale;

    if (!rollup_take_below(reading, POWER_MAX + 1, &power))
        return false;
    scale = power_of_ten(power);
    for (uint32_t c = 0; c < count; c++) {
        if (!rollup_take_below(reading, (uint64_t)cells[c].rows + 1, &missing))
            return false;
        column[c].values = cells[c].rows - missing;
    }
    for (uint32_t c = 0; c < count; c++) {
        uint64_t sum;

        if (!take_varint(&reading->rest, &sum) || sum > (uint64_t)(INT64_MAX / scale))
            return false;
        column[c].sum = (int64_t)sum * scale;
    }
    return true;
}

bool rollup_sums_decode(struct slice page, const struct rollup_sums_bounds *bounds,
                        struct arena *arena, struct rollup_sums *out)
{
    struct rollup_reading reading = {.arena = arena};
    struct rollup_bunch *bunches;
    struct rollup_sum *sums;

    if (!rollup_open(&reading, page) || !rollup_take_count(&reading, &out->bunch_count) ||
        !rollup_take_count(&reading, &out->family_count) ||
        !rollup_take_count(&reading, &out->field_count) ||
        !rollup_take_count(&reading, &out->cell_count) ||
        !rollup_take_slot(&reading, &out->first_slot) || out->bunch_count > ROLLUP_BUNCHES_MAX)
        return false;
    out->bunches = bunches = arena_new(arena, struct rollup_bunch, (size_t)out->bunch_count + 1);
    if (bunches == NULL || !take_bunches(&reading, bounds, out, bunches) ||
        !take_names(&reading, bounds, out) || !take_cells(&reading, bounds, out))
        return false;
    out->sums = sums = arena_new(arena, struct rollup_sum, (size_t)out->sum_count + 1);
    if (sums == NULL)
        return false;
    for (uint32_t i = 0; i < out->bunch_count; i++)
        for (uint32_t k = 0; k < bunches[i].field_count; k++)
            if (!take_column(&reading, out->cells + bunches[i].first_cell, bunches[i].cell_count,
                             sums + bunches[i].first_sum + k * bunches[i].cell_count))
                return false;
    return reading.rest.len == 0;
}
