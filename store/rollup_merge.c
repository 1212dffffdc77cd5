/* store/rollup_merge.c -- cells of several families in order of origin and time; buckets of cells that
 * are one are added in a table by number. */
#include "store/rollup_merge.h"

#include <stdlib.h>
#include <string.h>

enum {
    /* Fewer on average are not worth their bytes: the columns are read almost as fast. */
    VALUES_PER_BUCKET_MIN = 2,
    SMALL_BUNCH = 64, /* buckets that may be kept anyway: rows shared with others cost a block */
};

struct merging {
    const struct rollup_values *values;
    const struct rollup_value **cells; /* of the bunch at hand */
    uint64_t *table;                   /* values by place_of() a bucket; all 0 between cells */
    uint32_t lowest_bucket;            /* that occurs, but for 0 */
    struct rollup_value *out_cells;
    struct rollup_bucket *out_buckets;
    uint32_t cell_count, out_cell_count, out_bucket_count;
};

static int compare_cells(const void *a, const void *b)
{
    const struct rollup_value *x = *(const struct rollup_value *const *)a;
    const struct rollup_value *y = *(const struct rollup_value *const *)b;

    if (x->origin != y->origin)
        return x->origin < y->origin ? -1 : 1;
    if (x->slot != y->slot)
        return x->slot < y->slot ? -1 : 1;
    return (x->family > y->family) - (x->family < y->family);
}

/* Bucket 0 is far below all others, which lie close together: it stands next to them. */
static uint32_t place_of(const struct merging *merging, uint32_t bucket)
{
    return bucket == 0 ? 0 : bucket - merging->lowest_bucket + 1;
}

/* Move what the table has in places from `low` to `high` to the output. */
static void put_buckets(struct merging *merging, uint32_t low, uint32_t high)
{
    for (uint32_t place = low; place <= high; place++) {
        if (merging->table[place] == 0)
            continue;
        merging->out_buckets[merging->out_bucket_count++] =
            (struct rollup_bucket){.bucket = place == 0 ? 0 : merging->lowest_bucket + place - 1,
                                   .values = (uint32_t)merging->table[place]};
        merging->table[place] = 0;
    }
}

/* Cells [first, end) of the list, which are one, to the output. False: their sums are too large. */
static bool put_cell(struct merging *merging, uint32_t family, uint32_t first, uint32_t end)
{
    struct rollup_value *out = &merging->out_cells[merging->out_cell_count++];
    uint32_t low = UINT32_MAX, high = 0;
    bool fine = true;

    *out = *merging->cells[first];
    out->family = family;
    out->values = 0;
    out->sum = 0;
    out->print = 0;
    out->first_bucket = merging->out_bucket_count;
    for (uint32_t i = first; i < end; i++) {
        const struct rollup_value *cell = merging->cells[i];
        const struct rollup_bucket *buckets = &merging->values->buckets[cell->first_bucket];

        out->values += cell->values;
        out->print += cell->print;
        fine = !__builtin_add_overflow(out->sum, cell->sum, &out->sum) && fine;
        out->min = cell->min < out->min ? cell->min : out->min;
        out->max = cell->max > out->max ? cell->max : out->max;
        for (uint32_t k = 0; k < cell->bucket_count; k++) {
            uint32_t place = place_of(merging, buckets[k].bucket);

            merging->table[place] += buckets[k].values;
            low = place < low ? place : low;
            high = place > high ? place : high;
        }
    }
    put_buckets(merging, low, high);
    out->bucket_count = merging->out_bucket_count - out->first_bucket;
    return fine && out->values <= UINT32_MAX;
}

/* The bunch at hand; false: it is not to be kept, and the output is as it was. */
static bool put_bunch(struct merging *merging, uint32_t family, bool all)
{
    uint32_t cells = merging->out_cell_count, buckets = merging->out_bucket_count, count;
    uint64_t values = 0;
    bool fine = true;

    qsort(merging->cells, merging->cell_count, sizeof(struct rollup_value *), compare_cells);
    for (uint32_t i = 0, end; i < merging->cell_count; i = end) {
        for (end = i + 1; end < merging->cell_count &&
                          merging->cells[end]->origin == merging->cells[i]->origin &&
                          merging->cells[end]->slot == merging->cells[i]->slot;)
            end++;
        fine = put_cell(merging, family, i, end) && fine;
        values += merging->out_cells[merging->out_cell_count - 1].values;
    }
    count = merging->out_bucket_count - buckets;
    if (fine && (all || count <= SMALL_BUNCH || values >= (uint64_t)count * VALUES_PER_BUCKET_MIN))
        return true;
    merging->out_cell_count = cells;
    merging->out_bucket_count = buckets;
    return false;
}

/* Cells of all families of a kind, into the list. `starts`: first cell by place of the family. */
static void collect(struct merging *merging, const uint32_t *kinds, const uint32_t *starts,
                    uint32_t first)
{
    const struct rollup_values *values = merging->values;

    merging->cell_count = 0;
    for (uint32_t i = first; i < values->family_count; i++)
        if (kinds[values->families[i]] == kinds[values->families[first]])
            for (uint32_t cell = starts[i]; cell < starts[i + 1]; cell++)
                merging->cells[merging->cell_count++] = &values->cells[cell];
}

/* For the buckets that occur, which are few of those that there could be. */
static void make_table(struct merging *merging, struct arena *arena)
{
    const struct rollup_values *values = merging->values;
    uint32_t low = ROLLUP_BUCKETS_MAX, high = 0;

    for (uint32_t i = 0; i < values->bucket_count; i++) {
        uint32_t bucket = values->buckets[i].bucket;

        low = bucket > 0 && bucket < low ? bucket : low;
        high = bucket > high ? bucket : high;
    }
    merging->lowest_bucket = low;
    merging->table = arena_new(arena, uint64_t, high < low ? 1 : high - low + 2);
}

static bool allocate(struct merging *merging, struct arena *arena)
{
    const struct rollup_values *values = merging->values;

    merging->cells =
        arena_alloc(arena, sizeof(struct rollup_value *), 8, (size_t)values->cell_count + 1);
    make_table(merging, arena);
    merging->out_cells = arena_new(arena, struct rollup_value, (size_t)values->cell_count + 1);
    merging->out_buckets = arena_new(arena, struct rollup_bucket, (size_t)values->bucket_count + 1);
    return !arena->failed;
}

static void find_starts(const struct rollup_values *values, uint32_t *starts)
{
    uint32_t cell = 0;

    for (uint32_t i = 0; i < values->family_count; i++) {
        starts[i] = cell;
        while (cell < values->cell_count && values->cells[cell].family == values->families[i])
            cell++;
    }
    starts[values->family_count] = cell;
}

bool rollup_values_merge(const struct rollup_values *values, const uint32_t *kinds, bool all,
                         struct arena *arena, struct rollup_values *out)
{
    struct merging merging = {.values = values};
    uint32_t count = values->family_count;
    uint32_t *starts = arena_new(arena, uint32_t, (size_t)count + 1);
    uint32_t *families = arena_new(arena, uint32_t, (size_t)count + 1);
    uint32_t *leaders = arena_new(arena, uint32_t, (size_t)count + 1);
    uint8_t *done = arena_new(arena, uint8_t, (size_t)count + 1);

    *out = (struct rollup_values){.first_slot = values->first_slot, .prints = values->prints};
    if (!allocate(&merging, arena))
        return false;
    find_starts(values, starts);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t kind = kinds[values->families[i]];

        if (done[i] || kind == ROLLUP_KIND_NONE)
            continue;
        collect(&merging, kinds, starts, i);
        for (uint32_t k = i; k < count; k++)
            done[k] = done[k] || kinds[values->families[k]] == kind;
        if (merging.cell_count == 0 || !put_bunch(&merging, values->families[i], all))
            continue;
        for (uint32_t k = i; k < count; k++)
            if (kinds[values->families[k]] == kind) {
                families[out->family_count] = values->families[k];
                leaders[out->family_count++] = values->families[i];
            }
    }
    out->families = families;
    out->leaders = leaders;
    out->cells = merging.out_cells;
    out->buckets = merging.out_buckets;
    out->cell_count = merging.out_cell_count;
    out->bucket_count = merging.out_bucket_count;
    return true;
}
