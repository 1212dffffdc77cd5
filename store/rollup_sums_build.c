/* store/rollup_sums_build.c -- rows and values into the cells of bunches. */
#include "store/rollup_sums.h"

#include <stdlib.h>
#include <string.h>

enum {
    ROWS_PER_CELL_MIN = 4,
    SMALL_BUNCH = 64, /* cells of which everything may be kept */
    MINUTES_PER_SLOT = ROLLUP_SUM_NS / ROLLUP_COUNT_NS,
    ROOM_MIN = 64,
    /* A key: group, slot, tenant. */
    TENANT_BITS = 28,
    SLOT_BITS = 16,
};
#define NO_CELL UINT32_MAX

void rollup_sums_init(struct rollup_sums_builder *builder, const uint32_t *groups,
                      uint32_t source_count, int64_t time_min_ns)
{
    builder->groups = groups;
    builder->source_count = source_count;
    builder->first_slot = rollup_slot(time_min_ns, ROLLUP_SUM_NS);
    builder->slot_distance = (uint32_t)(rollup_slot(time_min_ns, ROLLUP_COUNT_NS) -
                                        builder->first_slot * MINUTES_PER_SLOT);
    builder->given_up = groups == NULL;
    builder->all = false;
    builder->bunches = NULL;
    builder->bunch_count = 0;
    builder->at = NULL;
}

void rollup_sums_release(struct rollup_sums_builder *builder)
{
    for (uint32_t i = 0; i < builder->bunch_count; i++) {
        struct rollup_bunch_build *bunch = &builder->bunches[i];

        rollup_tally_release(&bunch->cells);
        free(bunch->families);
        free(bunch->rows);
        for (uint32_t k = 0; k < bunch->field_count; k++)
            free(bunch->sums[k]);
    }
    free(builder->bunches);
    builder->bunches = NULL;
    builder->bunch_count = 0;
    builder->given_up = true;
}

/* ---- families ---- */

static bool is_of(const struct rollup_bunch_build *bunch, const struct rollup_sums_family *family)
{
    return bunch->format == family->format && bunch->tenants == family->tenants &&
           bunch->field_count == family->field_count &&
           memcmp(bunch->fields, family->fields, family->field_count * sizeof(*family->fields)) ==
               0;
}

static struct rollup_bunch_build *bunch_of(struct rollup_sums_builder *builder,
                                           const struct rollup_sums_family *family)
{
    struct rollup_bunch_build *grown;

    for (uint32_t i = 0; i < builder->bunch_count; i++)
        if (is_of(&builder->bunches[i], family))
            return &builder->bunches[i];
    if (builder->bunch_count == ROLLUP_BUNCHES_MAX)
        return NULL; /* its rows are looked at */
    grown = realloc(builder->bunches, (builder->bunch_count + 1) * sizeof(*grown));
    if (grown == NULL) {
        builder->given_up = true;
        return NULL;
    }
    builder->bunches = grown;
    grown += builder->bunch_count++;
    *grown = (struct rollup_bunch_build){
        .format = family->format, .tenants = family->tenants, .field_count = family->field_count};
    memcpy(grown->fields, family->fields, family->field_count * sizeof(*family->fields));
    return grown;
}

void rollup_sums_begin(struct rollup_sums_builder *builder, const struct rollup_sums_family *family)
{
    struct rollup_bunch_build *bunch = builder->given_up ? NULL : bunch_of(builder, family);

    builder->at = bunch;
    if (bunch == NULL)
        return;
    if (bunch->family_count == bunch->family_room) {
        uint32_t room = bunch->family_room == 0 ? (uint32_t)ROOM_MIN : bunch->family_room * 2;
        uint32_t *grown = realloc(bunch->families, room * sizeof(*grown));

        if (grown == NULL) {
            builder->given_up = true;
            return;
        }
        bunch->families = grown;
        bunch->family_room = room;
    }
    bunch->families[bunch->family_count++] = family->family;
}

/* ---- rows ---- */

static bool make_room(struct rollup_bunch_build *bunch)
{
    uint32_t room = bunch->room == 0 ? (uint32_t)ROOM_MIN : bunch->room * 2;
    uint32_t *rows = realloc(bunch->rows, room * sizeof(*rows));

    if (rows == NULL)
        return false;
    bunch->rows = rows;
    for (uint32_t k = 0; k < bunch->field_count; k++) {
        struct rollup_sum *sums = realloc(bunch->sums[k], room * sizeof(*sums));

        if (sums == NULL)
            return false;
        bunch->sums[k] = sums;
    }
    bunch->room = room;
    return true;
}

/* Number of a cell; NO_CELL: the bunch is given up. */
static uint32_t cell_of(struct rollup_bunch_build *bunch, uint64_t key)
{
    uint32_t known = bunch->cells.count, number = rollup_tally_find(&bunch->cells, key);

    if (number == ROLLUP_TALLY_FULL || (number == bunch->room && !make_room(bunch))) {
        bunch->given_up = true;
        return NO_CELL;
    }
    if (bunch->cells.count > known) {
        bunch->cells.sums[number] = number;
        bunch->rows[number] = 0;
        for (uint32_t k = 0; k < bunch->field_count; k++)
            bunch->sums[k][number] = (struct rollup_sum){0};
    }
    return number;
}

void rollup_sums_add_rows(struct rollup_sums_builder *builder, const uint64_t *keys,
                          const uint32_t *tenants, uint32_t count)
{
    struct rollup_bunch_build *bunch = builder->at;
    uint32_t number = NO_CELL;
    uint64_t last = UINT64_MAX;

    if (builder->given_up || bunch == NULL || bunch->given_up)
        return;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t slot = ((uint32_t)(keys[i] & 0xffff) + builder->slot_distance) / MINUTES_PER_SLOT;
        uint64_t origin = keys[i] >> 36;
        /* A time that its segment does not admit to makes a key of anything. */
        uint64_t group = origin < builder->source_count ? builder->groups[origin] : 0;
        uint64_t key = group << (TENANT_BITS + SLOT_BITS) | (uint64_t)slot << TENANT_BITS |
                       (tenants == NULL ? ROLLUP_NO_TENANT : tenants[i] + 1);

        if (key != last)
            number = cell_of(bunch, key);
        last = key;
        if (number == NO_CELL)
            return;
        bunch->rows[number]++;
        builder->numbers[i] = number;
    }
    bunch->row_count += count;
}

void rollup_sums_add_values(struct rollup_sums_builder *builder, uint32_t index,
                            const int64_t *values, uint32_t count)
{
    struct rollup_bunch_build *bunch = builder->at;

    if (builder->given_up || bunch == NULL || bunch->given_up || bunch->fields_given_up[index])
        return;
    for (uint32_t i = 0; i < count; i++) {
        struct rollup_sum *sum = &bunch->sums[index][builder->numbers[i]];

        if (values[i] == ROLLUP_NO_VALUE)
            continue;
        if (values[i] < 0 || __builtin_add_overflow(sum->sum, values[i], &sum->sum)) {
            bunch->fields_given_up[index] = true;
            return;
        }
        sum->values++;
    }
}

/* ---- results ---- */

static bool is_kept(const struct rollup_sums_builder *builder,
                    const struct rollup_bunch_build *bunch)
{
    uint32_t cells = bunch->cells.count;

    return !bunch->given_up && cells > 0 &&
           (builder->all || cells <= SMALL_BUNCH ||
            (uint64_t)cells * ROWS_PER_CELL_MIN <= bunch->row_count);
}

/* Arrays that the bunches are written to, one behind the other. */
struct putting {
    struct rollup_bunch *bunches;
    uint32_t *families;
    field_id *fields;
    struct rollup_sum_cell *cells;
    struct rollup_sum *sums;
    uint64_t *scratch;
    const uint32_t *tenants;
    struct rollup_sums *out;
};

static bool allocate(const struct rollup_sums_builder *builder, struct arena *arena,
                     struct putting *putting)
{
    size_t families = 1, fields = 1, cells = 1, sums = 1, most = 1;

    for (uint32_t i = 0; i < builder->bunch_count; i++) {
        const struct rollup_bunch_build *bunch = &builder->bunches[i];

        families += bunch->family_count;
        fields += bunch->field_count;
        cells += bunch->cells.count;
        sums += (size_t)bunch->cells.count * bunch->field_count;
        most = bunch->cells.count > most ? bunch->cells.count : most;
    }
    putting->bunches = arena_new(arena, struct rollup_bunch, (size_t)builder->bunch_count + 1);
    putting->families = arena_new(arena, uint32_t, families);
    putting->fields = arena_new(arena, field_id, fields);
    putting->cells = arena_new(arena, struct rollup_sum_cell, cells);
    putting->sums = arena_new(arena, struct rollup_sum, sums);
    putting->scratch = arena_new(arena, uint64_t, 2 * most);
    return !arena->failed;
}

/* Sorted by group, slot and final tenant. */
static void put_cells(struct putting *putting, struct rollup_bunch_build *bunch,
                      struct rollup_bunch *out)
{
    const uint64_t tenant_mask = ((uint64_t)1 << TENANT_BITS) - 1;
    struct rollup_tally *cells = &bunch->cells;

    for (uint32_t i = 0; i < cells->count && putting->tenants != NULL; i++) {
        uint64_t tenant = cells->keys[i] & tenant_mask;

        if (tenant != ROLLUP_NO_TENANT)
            cells->keys[i] =
                (cells->keys[i] & ~tenant_mask) | ((uint64_t)putting->tenants[tenant - 1] + 1);
    }
    rollup_tally_sort(cells, putting->scratch);
    for (uint32_t i = 0; i < cells->count; i++) {
        uint64_t key = cells->keys[i];

        putting->cells[out->first_cell + i] = (struct rollup_sum_cell){
            .group = (uint32_t)(key >> (TENANT_BITS + SLOT_BITS)),
            .slot = (uint32_t)(key >> TENANT_BITS) & ((1u << SLOT_BITS) - 1),
            .tenant = (uint32_t)(key & tenant_mask),
            .rows = bunch->rows[cells->sums[i]]};
    }
    for (uint32_t k = 0; k < bunch->field_count; k++) {
        if (bunch->fields_given_up[k])
            continue;
        putting->fields[putting->out->field_count++] = bunch->fields[k];
        for (uint32_t i = 0; i < cells->count; i++)
            putting->sums[putting->out->sum_count++] = bunch->sums[k][cells->sums[i]];
    }
}

bool rollup_sums_built(struct rollup_sums_builder *builder, const uint32_t *tenants,
                       struct arena *arena, struct rollup_sums *out)
{
    struct putting putting = {.tenants = tenants, .out = out};

    *out = (struct rollup_sums){.first_slot = builder->first_slot};
    if (builder->given_up)
        return true;
    if (!allocate(builder, arena, &putting))
        return false;
    for (uint32_t i = 0; i < builder->bunch_count; i++) {
        struct rollup_bunch_build *from = &builder->bunches[i];
        struct rollup_bunch *bunch = &putting.bunches[out->bunch_count];

        if (!is_kept(builder, from))
            continue;
        *bunch = (struct rollup_bunch){.format = from->format,
                                       .tenants = from->tenants,
                                       .first_family = out->family_count,
                                       .family_count = from->family_count,
                                       .first_field = out->field_count,
                                       .first_cell = out->cell_count,
                                       .cell_count = from->cells.count,
                                       .first_sum = out->sum_count};
        memcpy(putting.families + out->family_count, from->families,
               from->family_count * sizeof(*from->families));
        put_cells(&putting, from, bunch);
        bunch->field_count = out->field_count - bunch->first_field;
        out->family_count += from->family_count;
        out->cell_count += from->cells.count;
        out->bunch_count++;
    }
    out->bunches = putting.bunches;
    out->families = putting.families;
    out->fields = putting.fields;
    out->cells = putting.cells;
    out->sums = putting.sums;
    return true;
}
