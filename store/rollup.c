/* store/rollup.c -- pages of rollups from bytes that may be damaged: every number is checked against
 * what it counts or points to, so that the rest can trust them. */
#include "store/rollup.h"

#include "store/rollup_page.h"

/* ---- counts ---- */

static bool take_units(struct rollup_reading *reading, struct rollup_counts *out,
                       struct rollup_unit *units)
{
    uint32_t before = 0, count = out->unit_count, first = 0;

    for (uint32_t i = 0; i < count; i++, before = units[i - 1].family)
        if (!rollup_take_next(reading, before, reading->bounds->families, &units[i].family))
            return false;
    before = 0;
    for (uint32_t i = 0; i < count; i++, before = units[i - 1].origin)
        if (!rollup_take_next(reading, before, reading->bounds->origins, &units[i].origin))
            return false;
    for (uint32_t i = 0; i < count; i++)
        if (!rollup_take_below(reading, reading->bounds->formats, &units[i].format))
            return false;
    for (uint32_t i = 0; i < count; i++)
        if (!rollup_take_below(reading, LEVEL_COUNT, &units[i].level))
            return false;
    for (uint32_t i = 0; i < count; i++) {
        units[i].first_cell = first;
        if (!rollup_take_below(reading, (uint64_t)out->cell_count - first + 1,
                               &units[i].cell_count))
            return false;
        first += units[i].cell_count;
    }
    return first == out->cell_count;
}

static bool take_cells(struct rollup_reading *reading, const struct rollup_counts *out,
                       struct rollup_cell *cells)
{
    for (uint32_t i = 0; i < out->unit_count; i++) {
        const struct rollup_unit *unit = &out->units[i];
        uint32_t slot = 0, step;

        for (uint32_t k = 0; k < unit->cell_count; k++) {
            if (!rollup_take_below(reading, (uint64_t)ROLLUP_SLOTS_MAX - slot, &step) ||
                (k > 0 && step == 0))
                return false;
            slot += step;
            cells[unit->first_cell + k].slot = slot;
        }
    }
    for (uint32_t i = 0; i < out->cell_count; i++)
        if (!rollup_take_below(reading, UINT32_MAX, &cells[i].rows))
            return false;
    return reading->rest.len == 0;
}

bool rollup_counts_decode(struct slice page, const struct rollup_bounds *bounds,
                          struct arena *arena, struct rollup_counts *out)
{
    struct rollup_reading reading = {.bounds = bounds, .arena = arena};
    struct rollup_unit *units;
    struct rollup_cell *cells;

    if (!rollup_open(&reading, page) || !rollup_take_count(&reading, &out->unit_count) ||
        !rollup_take_count(&reading, &out->cell_count) ||
        !rollup_take_slot(&reading, &out->first_slot))
        return false;
    out->units = units = arena_new(arena, struct rollup_unit, (size_t)out->unit_count + 1);
    out->cells = cells = arena_new(arena, struct rollup_cell, (size_t)out->cell_count + 1);
    return units != NULL && cells != NULL && take_units(&reading, out, units) &&
           take_cells(&reading, out, cells);
}

/* ---- values ---- */

/* The first family of each bunch. */
static bool take_leaders(struct rollup_reading *reading, const struct rollup_values *out,
                         uint32_t *leaders)
{
    uint32_t joins = 0;

    for (uint32_t i = 0; i < out->family_count; i++) {
        if (reading->bounds->bunches && !rollup_take_below(reading, i == 0 ? 1 : 2, &joins))
            return false;
        leaders[i] = joins ? leaders[i - 1] : out->families[i];
    }
    return true;
}

static bool take_families(struct rollup_reading *reading, struct rollup_values *out,
                          struct rollup_value *cells)
{
    uint32_t *families = arena_new(reading->arena, uint32_t, (size_t)out->family_count + 1);
    uint32_t *leaders = arena_new(reading->arena, uint32_t, (size_t)out->family_count + 1);
    uint32_t before = 0, first = 0, count;

    out->families = families;
    out->leaders = leaders;
    if (families == NULL || leaders == NULL)
        return false;
    for (uint32_t i = 0; i < out->family_count; i++, before = families[i - 1])
        if (!rollup_take_next(reading, before, reading->bounds->families, &families[i]))
            return false;
    if (!take_leaders(reading, out, leaders))
        return false;
    for (uint32_t i = 0; i < out->family_count; i++) {
        if (i > 0 && leaders[i] == leaders[i - 1])
            continue;
        if (!rollup_take_below(reading, (uint64_t)out->cell_count - first + 1, &count))
            return false;
        for (; count > 0; count--)
            cells[first++].family = leaders[i];
    }
    return first == out->cell_count;
}

/* Smallest and largest value of a cell, and their sum. */
static bool take_sums(struct rollup_reading *reading, uint32_t count, struct rollup_value *cells)
{
    uint64_t value;

    for (uint32_t i = 0; i < count; i++)
        if (!take_varint(&reading->rest, &cells[i].values) || cells[i].values == 0 ||
            cells[i].values > UINT32_MAX)
            return false;
    for (uint32_t i = 0; i < count; i++) {
        if (!take_varint(&reading->rest, &value) || value > INT64_MAX)
            return false;
        cells[i].sum = (int64_t)value;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (!take_varint(&reading->rest, &value) || value > INT64_MAX)
            return false;
        cells[i].min = (int64_t)value;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (!take_varint(&reading->rest, &value) ||
            value > (uint64_t)INT64_MAX - (uint64_t)cells[i].min)
            return false;
        cells[i].max = cells[i].min + (int64_t)value;
    }
    return true;
}

static bool take_value_cells(struct rollup_reading *reading, const struct rollup_values *out,
                             struct rollup_value *cells)
{
    uint32_t before = 0, first = 0, count = out->cell_count;

    for (uint32_t i = 0; i < count; i++, before = cells[i - 1].origin)
        if (!rollup_take_next(reading, before, reading->bounds->origins, &cells[i].origin))
            return false;
    for (uint32_t i = 0; i < count; i++)
        if (!rollup_take_below(reading, ROLLUP_SLOTS_MAX, &cells[i].slot))
            return false;
    if (!take_sums(reading, count, cells))
        return false;
    for (uint32_t i = 0; i < count; i++) {
        cells[i].first_bucket = first;
        if (!rollup_take_below(reading, (uint64_t)out->bucket_count - first + 1,
                               &cells[i].bucket_count))
            return false;
        first += cells[i].bucket_count;
    }
    return first == out->bucket_count;
}

/* The values of a cell's buckets are its values. */
static bool take_buckets(struct rollup_reading *reading, const struct rollup_values *out,
                         struct rollup_bucket *buckets)
{
    for (uint32_t i = 0; i < out->cell_count; i++) {
        uint32_t bucket = 0, step;

        for (uint32_t k = 0; k < out->cells[i].bucket_count; k++) {
            if (!rollup_take_below(reading, (uint64_t)ROLLUP_BUCKETS_MAX - bucket, &step) ||
                (k > 0 && step == 0))
                return false;
            bucket += step;
            buckets[out->cells[i].first_bucket + k].bucket = bucket;
        }
    }
    for (uint32_t i = 0; i < out->cell_count; i++) {
        const struct rollup_value *cell = &out->cells[i];
        uint64_t sum = 0;

        for (uint32_t k = 0; k < cell->bucket_count; k++) {
            struct rollup_bucket *bucket = &buckets[cell->first_bucket + k];

            if (!rollup_take_below(reading, UINT32_MAX, &bucket->values))
                return false;
            sum += bucket->values;
        }
        if (sum != cell->values)
            return false;
    }
    return reading->rest.len == 0;
}

/* ---- buckets in streams ---- */

struct streams {
    struct slice rest[ROLLUP_STREAMS];
    uint32_t last, before_last; /* values of the two buckets before */
};

static bool open_streams(struct rollup_reading *reading, struct slice *page, struct streams *out)
{
    struct slice rest = reading->rest;

    for (unsigned i = 0; i < ROLLUP_STREAMS; i++) {
        if (!rollup_open_next(reading, page))
            return false;
        out->rest[i] = reading->rest;
    }
    reading->rest = rest;
    return page->len == 0;
}

/* Step from the bucket before, and values. */
static bool take_pair(struct rollup_reading *reading, struct streams *streams, uint32_t *step,
                      uint32_t *values)
{
    unsigned many = (uint64_t)streams->last + streams->before_last >= ROLLUP_MANY;
    struct slice *rest = &streams->rest[many];
    uint32_t more;
    unsigned byte;

    if (rest->len == 0)
        return false;
    byte = (unsigned char)rest->data[0];
    *rest = slice_from(*rest, 1);
    *step = byte / ROLLUP_VALUES + 1;
    *values = byte % ROLLUP_VALUES + 1;
    if (*step == ROLLUP_STEPS) {
        if (!rollup_take_below(reading, ROLLUP_BUCKETS_MAX, &more))
            return false;
        *step += more;
    }
    if (*values == ROLLUP_VALUES) {
        if (!rollup_take_below(reading, UINT32_MAX - ROLLUP_VALUES, &more))
            return false;
        *values += more;
    }
    streams->before_last = streams->last;
    streams->last = *values;
    return true;
}

static bool take_streams(struct rollup_reading *reading, struct streams *streams,
                         const struct rollup_values *out, struct rollup_bucket *buckets)
{
    uint32_t first = 0;

    for (uint32_t i = 0; i < out->cell_count; first = buckets[out->cells[i++].first_bucket].bucket)
        if (out->cells[i].bucket_count == 0 ||
            !rollup_take_next(reading, first, ROLLUP_BUCKETS_MAX,
                              &buckets[out->cells[i].first_bucket].bucket))
            return false;
    for (uint32_t i = 0; i < out->cell_count; i++) {
        const struct rollup_value *cell = &out->cells[i];
        uint64_t bucket = buckets[cell->first_bucket].bucket, sum = 0;

        streams->last = streams->before_last = 0;
        for (uint32_t k = 0; k < cell->bucket_count; k++) {
            struct rollup_bucket *to = &buckets[cell->first_bucket + k];
            uint32_t step;

            if (!take_pair(reading, streams, &step, &to->values))
                return false;
            bucket += k == 0 ? 0 : step;
            if (bucket >= ROLLUP_BUCKETS_MAX)
                return false;
            to->bucket = (uint32_t)bucket;
            sum += to->values;
        }
        if (sum != cell->values)
            return false;
    }
    return reading->rest.len == 0 && streams->rest[0].len == 0 && streams->rest[1].len == 0;
}

/* Head of a page, and room for what it counts. `more`: numbers of buckets that stand elsewhere. */
static bool take_head(struct rollup_reading *reading, size_t more, struct rollup_values *out)
{
    return rollup_take_count(reading, &out->family_count) &&
           rollup_take_count(reading, &out->cell_count) &&
           rollup_take_below(reading, reading->rest.len + more + 1, &out->bucket_count) &&
           rollup_take_slot(reading, &out->first_slot);
}

bool rollup_values_decode(struct slice page, const struct rollup_bounds *bounds,
                          struct arena *arena, struct rollup_values *out)
{
    struct rollup_reading reading = {.bounds = bounds, .arena = arena};
    struct streams streams = {0};
    struct rollup_value *cells;
    struct rollup_bucket *buckets;

    if (bounds->streams ? !rollup_open_next(&reading, &page) ||
                              !open_streams(&reading, &page, &streams)
                        : !rollup_open(&reading, page))
        return false;
    if (!take_head(&reading, streams.rest[0].len + streams.rest[1].len, out))
        return false;
    out->cells = cells = arena_new(arena, struct rollup_value, (size_t)out->cell_count + 1);
    out->buckets = buckets = arena_new(arena, struct rollup_bucket, (size_t)out->bucket_count + 1);
    return cells != NULL && buckets != NULL && take_families(&reading, out, cells) &&
           take_value_cells(&reading, out, cells) &&
           (bounds->streams ? take_streams(&reading, &streams, out, buckets)
                            : take_buckets(&reading, out, buckets));
}
