/* store/rollup_build.c -- rows and values of a family into sums. Keys order by origin, format,
 * level and slot, so that sorting them gives units and cells. */
#include "store/rollup_build.h"

#include "base/map.h"
#include "store/sketch_bucket.h"

#include <assert.h>
#include <stdlib.h>

static_assert((int)ROLLUP_BUCKETS_MAX == (int)SKETCH_BUCKET_COUNT,
              "a key has 16 bits for a bucket");

enum {
    /* A family whose cells have fewer rows than this on average is not worth its bytes: its columns
     * are read almost as fast. */
    ROWS_PER_CELL_MIN = 4,
    VALUES_PER_BUCKET_MIN = 2,
    LARGE_FAMILY = 16384, /* buckets, of a family that must be worth them alone, not with its bunch */
    SMALL_FAMILY = 64, /* of which everything may be kept: rows shared with others cost a block */
    MINUTES_PER_VALUE_SLOT = ROLLUP_VALUE_NS / ROLLUP_COUNT_NS,
    ROOM_MIN = 256,
};

/* ---- origins ---- */

static bool append_text(struct buf *out, struct slice text)
{
    return buf_append_varint(out, text.len) && buf_append_slice(out, text);
}

static uint32_t *first_equals(const struct event_source *const *sources, uint32_t count, bool hosts)
{
    uint32_t *origins = malloc(((size_t)count + 1) * sizeof(*origins));
    struct arena arena = arena_empty((size_t)64 << 20);
    struct map map = map_empty(count + 1);
    struct buf key = buf_empty(1 << 20);
    bool fine = origins != NULL;

    for (uint32_t i = 0; i < count && fine; i++) {
        buf_reset(&key);
        fine = append_text(&key, sources[i]->geo) && append_text(&key, sources[i]->role) &&
               (!hosts || append_text(&key, sources[i]->host));
        origins[i] = fine ? map_get(&map, buf_slice(&key)) : 0;
        if (fine && origins[i] == MAP_NONE) {
            origins[i] = i;
            fine = map_put(&map, arena_copy(&arena, buf_slice(&key)), i) && !arena.failed;
        }
    }
    map_release(&map);
    arena_release(&arena);
    buf_release(&key);
    if (fine)
        return origins;
    free(origins);
    return NULL;
}

uint32_t *rollup_origins(const struct event_source *const *sources, uint32_t count)
{
    return first_equals(sources, count, true);
}

uint32_t *rollup_groups(const struct event_source *const *sources, uint32_t count)
{
    return first_equals(sources, count, false);
}

/* ---- life ---- */

void rollup_builder_init(struct rollup_builder *builder, const uint32_t *origins,
                         int64_t time_min_ns, int64_t time_max_ns)
{
    int64_t first = rollup_slot(time_min_ns, ROLLUP_COUNT_NS);
    int64_t first_value = rollup_slot(time_min_ns, ROLLUP_VALUE_NS);

    *builder = (struct rollup_builder){
        .origins = origins,
        .first_count_slot = first,
        .first_value_slot = first_value,
        .slot_distance = (uint32_t)(first - first_value * MINUTES_PER_VALUE_SLOT),
        .given_up = origins == NULL || time_max_ns < time_min_ns ||
                    rollup_slot(time_max_ns, ROLLUP_COUNT_NS) - first >= ROLLUP_SLOTS_MAX,
    };
}

void rollup_builder_release(struct rollup_builder *builder)
{
    rollup_tally_release(&builder->rows);
    for (size_t i = 0; i < COUNT_OF(builder->fields); i++) {
        rollup_tally_release(&builder->fields[i].cells);
        rollup_buckets_release(&builder->fields[i].buckets);
        free(builder->fields[i].sums);
    }
    for (uint32_t i = 0; i < builder->name_count; i++) {
        free(builder->names[i].families);
        free(builder->names[i].cells);
        free(builder->names[i].buckets);
    }
    free(builder->units);
    free(builder->cells);
    free(builder->names);
    free(builder->scratch);
    *builder = (struct rollup_builder){.given_up = true};
}

/* An array with room for `need` elements; NULL without memory, then it is as it was. */
static void *grow(void *array, uint32_t *room, uint32_t need, size_t size)
{
    uint32_t wish = *room < ROOM_MIN ? (uint32_t)ROOM_MIN : *room;
    void *grown;

    if (need <= *room && array != NULL)
        return array;
    while (wish < need)
        wish *= 2;
    grown = realloc(array, wish * size);
    if (grown != NULL)
        *room = wish;
    return grown;
}

/* ---- adding ---- */

void rollup_begin_family(struct rollup_builder *builder, uint32_t family, const field_id *fields,
                         uint32_t field_count)
{
    builder->family = family;
    builder->family_rows = 0;
    builder->field_count =
        field_count < ROLLUP_FIELDS_MAX ? field_count : (uint32_t)ROLLUP_FIELDS_MAX;
    rollup_tally_reset(&builder->rows);
    for (uint32_t i = 0; i < builder->field_count; i++) {
        builder->fields[i].field = fields[i];
        builder->fields[i].given_up = false;
        rollup_tally_reset(&builder->fields[i].cells);
        rollup_buckets_reset(&builder->fields[i].buckets);
    }
}

void rollup_add_rows(struct rollup_builder *builder, const uint64_t *keys, uint32_t count)
{
    if (builder->given_up)
        return;
    for (uint32_t i = 0, next; i < count; i = next) {
        next = i + 1;
        while (next < count && keys[next] == keys[i])
            next++;
        rollup_tally_add(&builder->rows, keys[i], next - i);
    }
    builder->family_rows += count;
}

/* The sums of a cell; NULL: given up. */
static struct rollup_value *sums_of(struct rollup_field_build *field, uint64_t cell)
{
    struct rollup_tally *cells = &field->cells;
    uint32_t known = cells->count, number = rollup_tally_find(cells, cell);

    if (number == ROLLUP_TALLY_FULL)
        return NULL;
    if (cells->count > known) {
        struct rollup_value *grown =
            grow(field->sums, &field->sum_capacity, cells->count, sizeof(*grown));

        if (grown == NULL)
            return NULL;
        field->sums = grown;
        field->sums[number] = (struct rollup_value){.min = INT64_MAX};
        cells->sums[number] = number;
    }
    return &field->sums[number];
}

static uint64_t cell_of(const struct rollup_builder *builder, uint64_t key)
{
    uint32_t minute = (uint32_t)(key & 0xffff) + builder->slot_distance;

    return key >> 36 << 16 | minute / MINUTES_PER_VALUE_SLOT;
}

/* One value of the cell; false: the field is given up. */
static inline bool add_value(struct rollup_value *sums, int64_t value)
{
    if (value < 0 || __builtin_add_overflow(sums->sum, value, &sums->sum))
        return false;
    sums->values++;
    sums->min = value < sums->min ? value : sums->min;
    sums->max = value > sums->max ? value : sums->max;
    return true;
}

void rollup_add_values(struct rollup_builder *builder, uint32_t index, const uint64_t *keys,
                       const int64_t *values, uint32_t count)
{
    struct rollup_field_build *field = &builder->fields[index];
    struct rollup_value *sums = NULL;
    uint64_t last = UINT64_MAX;
    bool prints = builder->prints;

    if (builder->given_up || field->given_up)
        return;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t cell = cell_of(builder, keys[i]);
        uint32_t bucket;

        if (values[i] == ROLLUP_NO_VALUE)
            continue;
        if (cell != last)
            sums = sums_of(field, cell);
        last = cell;
        if (sums == NULL || !add_value(sums, values[i])) {
            field->given_up = true;
            return;
        }
        bucket = (uint32_t)sketch_bucket_of((double)values[i]); /* of 0 it is 0 */
        if (prints)
            sums->print += rollup_bucket_print(bucket);
        else
            rollup_buckets_add(&field->buckets, cell, bucket);
    }
}

/* ---- one family ---- */

static bool reserve_scratch(struct rollup_builder *builder, uint32_t keys)
{
    uint64_t *grown = grow(builder->scratch, &builder->scratch_room, keys * 2, sizeof(*grown));

    if (grown == NULL)
        return false;
    builder->scratch = grown;
    return true;
}

static bool put_unit(struct rollup_builder *builder, uint64_t key, uint32_t first_cell)
{
    struct rollup_unit *grown =
        grow(builder->units, &builder->unit_room, builder->unit_count + 1, sizeof(*grown));

    if (grown == NULL)
        return false;
    builder->units = grown;
    grown[builder->unit_count++] = (struct rollup_unit){
        .family = builder->family,
        .origin = (uint32_t)(key >> 36),
        .format = (uint32_t)(key >> 20) & 0xffff,
        .level = (uint32_t)(key >> 16) & 15,
        .first_cell = first_cell,
        .cell_count = builder->cell_count - first_cell,
    };
    return true;
}

static bool put_counts(struct rollup_builder *builder)
{
    struct rollup_tally *rows = &builder->rows;
    uint32_t count = rows->count, first = builder->cell_count;
    struct rollup_cell *grown;
    bool fine = !rows->full;

    /* Values of a bunch are of use with the rows of all its families only. */
    if (fine && !builder->all && builder->field_count == 0 && count > SMALL_FAMILY &&
        (uint64_t)count * ROWS_PER_CELL_MIN > builder->family_rows)
        return true;
    fine = fine && reserve_scratch(builder, count);
    grown = fine ? grow(builder->cells, &builder->cell_room, first + count, sizeof(*grown)) : NULL;
    if (grown == NULL)
        return false;
    builder->cells = grown;
    rollup_tally_sort(rows, builder->scratch);
    for (uint32_t i = 0; i < count && fine; i++) {
        grown[builder->cell_count++] = (struct rollup_cell){
            .slot = (uint32_t)(rows->keys[i] & 0xffff), .rows = (uint32_t)rows->sums[i]};
        if (i + 1 < count && rows->keys[i] >> 16 == rows->keys[i + 1] >> 16)
            continue;
        fine = put_unit(builder, rows->keys[i], first);
        first = builder->cell_count;
    }
    return fine;
}

static struct rollup_field_sums *sums_of_name(struct rollup_builder *builder, field_id field)
{
    struct rollup_field_sums *grown;

    for (uint32_t i = 0; i < builder->name_count; i++)
        if (builder->names[i].field == field)
            return &builder->names[i];
    grown = builder->name_count == ROLLUP_NAMES_MAX
                ? NULL
                : realloc(builder->names, (builder->name_count + 1) * sizeof(*grown));
    if (grown == NULL)
        return NULL;
    builder->names = grown;
    grown[builder->name_count] = (struct rollup_field_sums){.field = field};
    return &grown[builder->name_count++];
}

static bool reserve_sums(struct rollup_field_sums *sums, uint32_t cells, uint32_t buckets)
{
    uint32_t *families =
        grow(sums->families, &sums->family_room, sums->family_count + 1, sizeof(*families));
    struct rollup_value *grown_cells;
    struct rollup_bucket *grown_buckets;

    if (families == NULL)
        return false;
    sums->families = families;
    grown_cells =
        grow(sums->cells, &sums->cell_room, sums->cell_count + cells, sizeof(*grown_cells));
    if (grown_cells == NULL)
        return false;
    sums->cells = grown_cells;
    grown_buckets = grow(sums->buckets, &sums->bucket_room, sums->bucket_count + buckets,
                         sizeof(*grown_buckets));
    if (grown_buckets == NULL)
        return false;
    sums->buckets = grown_buckets;
    return true;
}

/* Cells and buckets of the family at hand, both sorted: the buckets of a cell follow those of the
 * one before it. */
static void put_cells(struct rollup_field_sums *out, uint32_t family,
                      const struct rollup_field_build *field)
{
    const struct rollup_tally *cells = &field->cells;
    uint32_t at = 0;

    out->families[out->family_count++] = family;
    for (uint32_t i = 0; i < cells->count; i++) {
        struct rollup_value *cell = &out->cells[out->cell_count++];

        *cell = field->sums[cells->sums[i]];
        cell->family = family;
        cell->origin = (uint32_t)(cells->keys[i] >> 16);
        cell->slot = (uint32_t)(cells->keys[i] & 0xffff);
        cell->first_bucket = out->bucket_count;
        cell->bucket_count = rollup_buckets_take(&field->buckets, cells->keys[i], &at,
                                                 out->buckets + out->bucket_count);
        out->bucket_count += cell->bucket_count;
    }
}

static bool is_wanted(const struct rollup_builder *builder, field_id field)
{
    for (uint32_t i = 0; i < builder->wanted_count; i++)
        if (builder->wanted[i] == field)
            return true;
    return !builder->all;
}

static bool put_values(struct rollup_builder *builder, struct rollup_field_build *field)
{
    struct rollup_tally *cells = &field->cells;
    struct rollup_buckets *buckets = &field->buckets;
    struct rollup_field_sums *sums;

    if (field->given_up || cells->full || rollup_buckets_full(buckets) || cells->count == 0 ||
        !is_wanted(builder, field->field) ||
        (!builder->all && buckets->count > LARGE_FAMILY &&
         (uint64_t)buckets->count * VALUES_PER_BUCKET_MIN > builder->family_rows))
        return true;
    sums = sums_of_name(builder, field->field);
    if (sums == NULL)
        return builder->name_count == ROLLUP_NAMES_MAX;
    if (!reserve_sums(sums, cells->count, buckets->count) ||
        !reserve_scratch(builder, buckets->numbers.count + cells->count))
        return false;
    rollup_tally_sort(cells, builder->scratch);
    rollup_buckets_sort(buckets, builder->scratch);
    put_cells(sums, builder->family, field);
    return true;
}

void rollup_end_family(struct rollup_builder *builder)
{
    bool fine = true;

    if (builder->given_up)
        return;
    if (builder->rows.count > 0)
        fine = put_counts(builder);
    for (uint32_t i = 0; i < builder->field_count && fine; i++)
        fine = put_values(builder, &builder->fields[i]);
    builder->given_up = !fine;
}

/* ---- results ---- */

void rollup_built_counts(const struct rollup_builder *builder, struct rollup_counts *out)
{
    *out = (struct rollup_counts){.first_slot = builder->first_count_slot};
    if (builder->given_up)
        return;
    out->units = builder->units;
    out->cells = builder->cells;
    out->unit_count = builder->unit_count;
    out->cell_count = builder->cell_count;
}

void rollup_built_values(const struct rollup_builder *builder, uint32_t index,
                         struct rollup_values *out)
{
    const struct rollup_field_sums *sums = &builder->names[index];

    *out = (struct rollup_values){.first_slot = builder->first_value_slot,
                                  .families = sums->families,
                                  .cells = sums->cells,
                                  .buckets = sums->buckets,
                                  .family_count = sums->family_count,
                                  .cell_count = sums->cell_count,
                                  .bucket_count = sums->bucket_count,
                                  .prints = builder->prints};
}
