/* store/rollup_encode.c -- sums into columns of varints, columns into a zstd frame. */
#include "store/rollup_encode.h"

#include "store/rollup_page.h"

enum {
    STREAM_LEVEL_OF_ZSTD = 1, /* there is nothing to match in them: higher levels find less */
    /* The most bytes that one of them takes: 32 bits in 5, 64 in 10. */
    UNIT_SIZE_MAX = 5 * 5,
    CELL_SIZE_MAX = 2 * 5,
    FAMILY_SIZE_MAX = 3 * 5,
    VALUE_SIZE_MAX = 4 * 5 + 4 * 10,
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

static bool begins_bunch(const struct rollup_values *values, uint32_t i)
{
    return values->leaders == NULL || values->leaders[i] == values->families[i];
}

static void put_families(struct buf *raw, const struct rollup_values *values)
{
    uint32_t before = 0, cell = 0;

    for (uint32_t i = 0; i < values->family_count; i++)
        rollup_put_distance(raw, values->families[i], &before);
    for (uint32_t i = 0; i < values->family_count; i++)
        rollup_put(raw, !begins_bunch(values, i));
    for (uint32_t i = 0; i < values->family_count; i++) {
        uint32_t first = cell;

        if (!begins_bunch(values, i))
            continue;
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

/* Bytes of the buckets to their streams, what they have no room for to `raw`. */
static void put_buckets(struct buf *raw, struct buf streams[ROLLUP_STREAMS],
                        const struct rollup_values *values)
{
    for (uint32_t i = 0; i < values->cell_count; i++) {
        const struct rollup_value *cell = &values->cells[i];
        const struct rollup_bucket *buckets = values->buckets + cell->first_bucket;
        uint32_t last = 0, before_last = 0;

        for (uint32_t k = 0; k < cell->bucket_count; k++) {
            struct buf *stream = &streams[(uint64_t)last + before_last >= ROLLUP_MANY];
            uint32_t step = k == 0 ? 1 : buckets[k].bucket - buckets[k - 1].bucket;
            uint32_t steps = step < ROLLUP_STEPS ? step : (uint32_t)ROLLUP_STEPS;
            uint32_t count = buckets[k].values;
            uint32_t counts = count < ROLLUP_VALUES ? count : (uint32_t)ROLLUP_VALUES;

            stream->data[stream->len++] = (char)((steps - 1) * ROLLUP_VALUES + counts - 1);
            if (steps == ROLLUP_STEPS)
                rollup_put(raw, step - ROLLUP_STEPS);
            if (counts == ROLLUP_VALUES)
                rollup_put(raw, count - ROLLUP_VALUES);
            before_last = last;
            last = count;
        }
    }
}

static void put_values(struct buf *raw, struct buf streams[ROLLUP_STREAMS],
                       const struct rollup_values *values)
{
    uint32_t before = 0;

    rollup_put(raw, values->family_count);
    rollup_put(raw, values->cell_count);
    rollup_put(raw, values->bucket_count);
    rollup_put(raw, zigzag(values->first_slot));
    put_families(raw, values);
    put_value_cells(raw, values);
    for (uint32_t i = 0; i < values->cell_count; i++)
        rollup_put_distance(raw, values->buckets[values->cells[i].first_bucket].bucket, &before);
    put_buckets(raw, streams, values);
}

bool rollup_values_encode(const struct rollup_values *values, struct buf *out)
{
    struct buf raw = buf_empty(ROLLUP_PAGE_MAX), streams[ROLLUP_STREAMS];
    bool fine = buf_reserve(&raw, values_size_max(values));

    for (unsigned i = 0; i < ROLLUP_STREAMS; i++) {
        streams[i] = buf_empty(ROLLUP_PAGE_MAX);
        fine = buf_reserve(&streams[i], (size_t)values->bucket_count + 1) && fine;
    }
    if (fine)
        put_values(&raw, streams, values);
    fine = fine && rollup_close_next(&raw, ROLLUP_LEVEL_OF_ZSTD, out);
    for (unsigned i = 0; i < ROLLUP_STREAMS; i++)
        fine = fine && rollup_close_next(&streams[i], STREAM_LEVEL_OF_ZSTD, out);
    for (unsigned i = 0; i < ROLLUP_STREAMS; i++)
        buf_release(&streams[i]);
    buf_release(&raw);
    return fine;
}
