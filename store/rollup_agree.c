/* store/rollup_agree.c -- two sets of sums, number by number. Families follow each other in the
 * order of their rows in both, so one pass finds what belongs together. */
#include "store/rollup_agree.h"

#include <string.h>

/* ---- counts and values ---- */

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
bool rollup_counts_agree(const struct rollup_counts *kept, const struct rollup_counts *counted)
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

static uint64_t print_of(const struct rollup_values *values, const struct rollup_value *cell)
{
    uint64_t print = 0;

    for (uint32_t i = 0; i < cell->bucket_count; i++) {
        const struct rollup_bucket *bucket = &values->buckets[cell->first_bucket + i];

        print += bucket->values * rollup_bucket_print(bucket->bucket);
    }
    return print;
}

static bool cells_equal(const struct rollup_values *a, const struct rollup_value *left,
                        const struct rollup_values *b, const struct rollup_value *right)
{
    if (left->origin != right->origin || left->slot != right->slot ||
        left->values != right->values || left->sum != right->sum || left->min != right->min ||
        left->max != right->max)
        return false;
    if (b->prints)
        return print_of(a, left) == right->print;
    if (left->bucket_count != right->bucket_count)
        return false;
    for (uint32_t i = 0; i < left->bucket_count; i++) {
        const struct rollup_bucket *x = &a->buckets[left->first_bucket + i];
        const struct rollup_bucket *y = &b->buckets[right->first_bucket + i];

        if (x->bucket != y->bucket || x->values != y->values)
            return false;
    }
    return true;
}

/* Both have the same families, in the same bunches and the same order. */
bool rollup_values_agree(const struct rollup_values *kept, const struct rollup_values *counted)
{
    size_t size = kept->family_count * sizeof(*kept->families);

    if (kept->family_count != counted->family_count || kept->cell_count != counted->cell_count)
        return false;
    if (kept->family_count == 0)
        return true;
    if (kept->first_slot != counted->first_slot ||
        memcmp(kept->families, counted->families, size) != 0 ||
        memcmp(kept->leaders, counted->leaders, size) != 0)
        return false;
    for (uint32_t i = 0; i < kept->cell_count; i++)
        if (kept->cells[i].family != counted->cells[i].family ||
            !cells_equal(kept, &kept->cells[i], counted, &counted->cells[i]))
            return false;
    return true;
}

/* ---- sums by tenant ---- */

static bool bunches_equal(const struct rollup_sums *a, const struct rollup_bunch *left,
                          const struct rollup_sums *b, const struct rollup_bunch *right)
{
    return left->format == right->format && left->tenants == right->tenants &&
           left->family_count == right->family_count && left->cell_count == right->cell_count &&
           memcmp(a->families + left->first_family, b->families + right->first_family,
                  left->family_count * sizeof(*a->families)) == 0 &&
           memcmp(a->cells + left->first_cell, b->cells + right->first_cell,
                  left->cell_count * sizeof(*a->cells)) == 0;
}

/* Is field `index` of the left bunch one of the right bunch, with the same sums? */
static bool field_agrees(const struct rollup_sums *a, const struct rollup_bunch *left,
                         uint32_t index, const struct rollup_sums *b,
                         const struct rollup_bunch *right)
{
    for (uint32_t k = 0; k < right->field_count; k++)
        if (b->fields[right->first_field + k] == a->fields[left->first_field + index])
            return memcmp(a->sums + left->first_sum + index * left->cell_count,
                          b->sums + right->first_sum + k * right->cell_count,
                          left->cell_count * sizeof(*a->sums)) == 0;
    return false;
}

bool rollup_sums_agree(const struct rollup_sums *kept, const struct rollup_sums *counted)
{
    uint32_t at = 0;

    if (kept->bunch_count > 0 && kept->first_slot != counted->first_slot)
        return false;
    for (uint32_t i = 0; i < kept->bunch_count; i++, at++) {
        const struct rollup_bunch *bunch = &kept->bunches[i];

        while (at < counted->bunch_count &&
               !bunches_equal(kept, bunch, counted, &counted->bunches[at]))
            at++;
        if (at == counted->bunch_count)
            return false;
        for (uint32_t k = 0; k < bunch->field_count; k++)
            if (!field_agrees(kept, bunch, k, counted, &counted->bunches[at]))
                return false;
    }
    return true;
}
