/* store/sample_rollup.c -- cells of samples as pages, and back. What is read may be damaged: every number
 * is checked against what it counts or orders, so that the rest can trust it. */
#include "store/sample_rollup.h"

#include "store/rollup_page.h"

#define VALUE_MAX ((int64_t)1 << 53)

enum {
    KIND_GROWS = SAMPLE_SCALE_MAX + 1, /* added to the kind of a series */
    KIND_COUNT = 1 + 2 * KIND_GROWS,
    /* The most bytes that one of them takes: 32 bits in 5, 64 in 10. */
    HEAD_SIZE_MAX = 4 * 10,
    SERIES_SIZE_MAX = 2 * 5,
    CELL_SIZE_MAX = 5 + 9 * 10,
};

static bool fits(int64_t a, int64_t b, int64_t *out)
{
    return !__builtin_add_overflow(a, b, out);
}

bool sample_sum_append(struct sample_sum *sum, const struct sample_sum *later)
{
    bool falls = later->first < sum->last;

    if (!fits(sum->sum, later->sum, &sum->sum))
        return false;
    if (sum->grows && (!fits(sum->dropped, later->dropped, &sum->dropped) ||
                       !fits(sum->dropped, falls ? sum->last : 0, &sum->dropped)))
        return false;
    sum->samples += later->samples;
    sum->last_ns = later->last_ns;
    sum->last = later->last;
    sum->min = later->min < sum->min ? later->min : sum->min;
    sum->max = later->max > sum->max ? later->max : sum->max;
    sum->grows = sum->grows && later->grows;
    return true;
}

static int64_t begin_of(const struct sample_rollups *rollups, const struct sample_cell *cell)
{
    return (int64_t)((uint64_t)(rollups->first_slot + cell->slot) * (uint64_t)rollups->step_ns);
}

/* What a sum is near to: that of a straight line. Modulo 2^64. */
static uint64_t line_sum(const struct sample_sum *sum)
{
    uint64_t ends = (uint64_t)sum->first + (uint64_t)sum->last;

    return sum->samples * (uint64_t)((int64_t)ends >> 1);
}

/* ---- writing ---- */

static bool is_too_large(const struct sample_rollups *rollups)
{
    return HEAD_SIZE_MAX + (uint64_t)rollups->series_count * SERIES_SIZE_MAX +
               (uint64_t)rollups->cell_count * CELL_SIZE_MAX >
           ROLLUP_PAGE_MAX;
}

static void put_series(struct buf *raw, const struct sample_rollups *rollups)
{
    for (uint32_t i = 0; i < rollups->series_count; i++) {
        const struct sample_series *series = &rollups->series[i];
        const struct sample_sum *sum = &rollups->cells[series->first_cell].sum;

        rollup_put(raw, series->cell_count == 0 ? 0
                                                : 1u + sum->scale + (sum->grows ? KIND_GROWS : 0u));
    }
    for (uint32_t i = 0; i < rollups->series_count; i++)
        if (rollups->series[i].cell_count > 0)
            rollup_put(raw, rollups->series[i].cell_count);
}

enum cell_number {
    CELL_SLOT,
    CELL_SAMPLES,
    CELL_FIRST_NS,
    CELL_LAST_NS,
    CELL_FIRST,
    CELL_LAST,
    CELL_MIN,
    CELL_MAX,
    CELL_SUM,
    CELL_DROPPED,
    CELL_NUMBER_COUNT
};

/* `before`: in the same series; NULL: none. */
static uint64_t number_of(const struct sample_rollups *rollups, const struct sample_cell *cell,
                          const struct sample_cell *before, enum cell_number number)
{
    const struct sample_sum *sum = &cell->sum;
    int64_t low = sum->first < sum->last ? sum->first : sum->last;
    int64_t high = sum->first > sum->last ? sum->first : sum->last;

    switch (number) {
    case CELL_SLOT:
        return cell->slot - (before == NULL ? 0 : before->slot);
    case CELL_SAMPLES:
        return sum->samples;
    case CELL_FIRST_NS:
        return (uint64_t)sum->first_ns - (uint64_t)begin_of(rollups, cell);
    case CELL_LAST_NS:
        return (uint64_t)sum->last_ns - (uint64_t)sum->first_ns;
    case CELL_FIRST:
        return zigzag((int64_t)((uint64_t)sum->first -
                                (before == NULL ? 0 : (uint64_t)before->sum.last)));
    case CELL_LAST:
        return zigzag((int64_t)((uint64_t)sum->last - (uint64_t)sum->first));
    case CELL_MIN:
        return (uint64_t)low - (uint64_t)sum->min;
    case CELL_MAX:
        return (uint64_t)sum->max - (uint64_t)high;
    case CELL_SUM:
        return zigzag((int64_t)((uint64_t)sum->sum - line_sum(sum)));
    default:
        return zigzag(sum->dropped);
    }
}

static void put_cells(struct buf *raw, const struct sample_rollups *rollups,
                      enum cell_number number)
{
    for (uint32_t i = 0; i < rollups->series_count; i++) {
        const struct sample_cell *cells = &rollups->cells[rollups->series[i].first_cell];

        for (uint32_t k = 0; k < rollups->series[i].cell_count; k++)
            if (number != CELL_DROPPED || cells[k].sum.grows)
                rollup_put(raw,
                           number_of(rollups, &cells[k], k == 0 ? NULL : &cells[k - 1], number));
    }
}

/* Series from `first` on that make a chunk, as rollups of their own. */
static struct sample_rollups chunk_at(const struct sample_rollups *rollups, uint32_t first)
{
    struct sample_rollups chunk = *rollups;

    chunk.series = &rollups->series[first];
    chunk.series_count = 0;
    chunk.cell_count = 0;
    while (first + chunk.series_count < rollups->series_count &&
           chunk.cell_count < SAMPLE_CHUNK_CELLS)
        chunk.cell_count += chunk.series[chunk.series_count++].cell_count;
    return chunk;
}

static bool put_chunk(const struct sample_rollups *chunk, struct buf *out)
{
    struct buf raw = buf_empty(ROLLUP_PAGE_MAX);

    if (!buf_reserve(&raw, (size_t)chunk->series_count * SERIES_SIZE_MAX +
                               (size_t)chunk->cell_count * CELL_SIZE_MAX + 1))
        return false;
    put_series(&raw, chunk);
    for (unsigned number = 0; number < CELL_NUMBER_COUNT; number++)
        put_cells(&raw, chunk, (enum cell_number)number);
    return buf_append_varint(out, chunk->series_count) &&
           buf_append_varint(out, chunk->cell_count) &&
           rollup_close_next(&raw, ROLLUP_LEVEL_OF_ZSTD, out);
}

bool sample_rollups_encode(const struct sample_rollups *rollups, struct buf *out)
{
    struct sample_rollups chunk;
    uint32_t chunks = 0;
    bool fine = true;

    if (is_too_large(rollups))
        return true;
    for (uint32_t i = 0; i < rollups->series_count; i += chunk.series_count, chunks++)
        chunk = chunk_at(rollups, i);
    fine = buf_append_varint(out, (uint64_t)(rollups->step_ns / ROLLUP_COUNT_NS)) &&
           buf_append_varint(out, rollups->series_count) &&
           buf_append_varint(out, rollups->cell_count) &&
           buf_append_varint(out, zigzag(rollups->first_slot)) && buf_append_varint(out, chunks);
    for (uint32_t i = 0; i < rollups->series_count && fine; i += chunk.series_count) {
        chunk = chunk_at(rollups, i);
        fine = put_chunk(&chunk, out);
    }
    return fine;
}

/* ---- reading ---- */

static bool take_head(struct rollup_reading *reading, uint32_t series_count,
                      struct sample_page *out)
{
    uint64_t minutes;

    if (!take_varint(&reading->rest, &minutes) ||
        (minutes != SAMPLE_STEP_SHORT_NS / ROLLUP_COUNT_NS &&
         minutes != SAMPLE_STEP_LONG_NS / ROLLUP_COUNT_NS) ||
        !rollup_take_below(reading, (uint64_t)series_count + 1, &out->series_count) ||
        out->series_count != series_count ||
        !rollup_take_below(reading, SAMPLE_CELLS_MAX + 1, &out->cell_count) ||
        !rollup_take_slot(reading, &out->first_slot) ||
        !rollup_take_count(reading, &out->chunk_count))
        return false;
    out->step_ns = (int64_t)minutes * ROLLUP_COUNT_NS;
    /* All steps of a page begin at times that an int64 holds. */
    return out->first_slot >= INT64_MIN / out->step_ns &&
           out->first_slot <= INT64_MAX / out->step_ns - ROLLUP_SLOTS_MAX - 1;
}

static bool take_series(struct rollup_reading *reading, const struct sample_rollups *out,
                        struct sample_series *series, struct sample_cell *cells, uint8_t *kinds)
{
    uint32_t first = 0, kind;

    for (uint32_t i = 0; i < out->series_count; i++) {
        if (!rollup_take_below(reading, KIND_COUNT, &kind))
            return false;
        kinds[i] = (uint8_t)kind;
    }
    for (uint32_t i = 0; i < out->series_count; i++) {
        uint32_t count = 0;

        if (kinds[i] > 0 &&
            (!rollup_take_below(reading, (uint64_t)out->cell_count - first + 1, &count) ||
             count == 0))
            return false;
        series[i] = (struct sample_series){first, count};
        for (uint32_t end = first + count; first < end; first++) {
            cells[first].sum.grows = kinds[i] > KIND_GROWS;
            cells[first].sum.scale = (uint8_t)((kinds[i] - 1) % KIND_GROWS);
        }
    }
    return first == out->cell_count;
}

/* Values of samples are whole numbers that doubles have. */
static bool is_value(int64_t number)
{
    return number >= -VALUE_MAX && number <= VALUE_MAX;
}

/* Into the cell; false: no cell has such a number. */
static bool set_number(const struct sample_rollups *rollups, struct sample_cell *cell,
                       const struct sample_cell *before, enum cell_number number, uint64_t value)
{
    struct sample_sum *sum = &cell->sum;
    int64_t low = sum->first < sum->last ? sum->first : sum->last;
    int64_t high = sum->first > sum->last ? sum->first : sum->last;

    switch (number) {
    case CELL_SLOT:
        if (value >= ROLLUP_SLOTS_MAX || (before != NULL && value == 0))
            return false;
        cell->slot = (uint32_t)value + (before == NULL ? 0 : before->slot);
        return cell->slot < ROLLUP_SLOTS_MAX;
    case CELL_SAMPLES:
        sum->samples = value;
        return value > 0 && value <= UINT32_MAX;
    case CELL_FIRST_NS:
        sum->first_ns = begin_of(rollups, cell) + (int64_t)(value & INT64_MAX) % rollups->step_ns;
        return value < (uint64_t)rollups->step_ns;
    case CELL_LAST_NS:
        if (value >= (uint64_t)(begin_of(rollups, cell) + rollups->step_ns - sum->first_ns))
            return false;
        sum->last_ns = sum->first_ns + (int64_t)value;
        return true;
    case CELL_FIRST:
        sum->first = (int64_t)((uint64_t)unzigzag(value) +
                               (before == NULL ? 0 : (uint64_t)before->sum.last));
        return is_value(sum->first);
    case CELL_LAST:
        sum->last = (int64_t)((uint64_t)unzigzag(value) + (uint64_t)sum->first);
        return is_value(sum->last);
    case CELL_MIN:
        sum->min = (int64_t)((uint64_t)low - value);
        return sum->min <= low && is_value(sum->min);
    case CELL_MAX:
        sum->max = (int64_t)((uint64_t)high + value);
        return sum->max >= high && is_value(sum->max);
    case CELL_SUM:
        sum->sum = (int64_t)((uint64_t)unzigzag(value) + line_sum(sum));
        return true;
    default:
        sum->dropped = unzigzag(value);
        return true;
    }
}

static bool take_cells(struct rollup_reading *reading, const struct sample_rollups *out,
                       struct sample_cell *cells, enum cell_number number)
{
    uint64_t value;

    for (uint32_t i = 0; i < out->series_count; i++) {
        const struct sample_series *series = &out->series[i];

        for (uint32_t k = series->first_cell; k < series->first_cell + series->cell_count; k++) {
            if (number == CELL_DROPPED && !cells[k].sum.grows)
                continue;
            if (!take_varint(&reading->rest, &value) ||
                !set_number(out, &cells[k], k == series->first_cell ? NULL : &cells[k - 1], number,
                            value))
                return false;
        }
    }
    return true;
}

/* The first of a cell counts from the last of the cell before it: both at once. */
static bool take_ends(struct rollup_reading *reading, const struct sample_rollups *out,
                      struct sample_cell *cells)
{
    struct rollup_reading lasts = *reading;
    uint64_t first, last;

    for (uint32_t i = 0; i < out->cell_count; i++)
        if (!take_varint(&lasts.rest, &first))
            return false;
    for (uint32_t i = 0; i < out->series_count; i++) {
        const struct sample_series *series = &out->series[i];

        for (uint32_t k = series->first_cell; k < series->first_cell + series->cell_count; k++) {
            const struct sample_cell *before = k == series->first_cell ? NULL : &cells[k - 1];

            if (!take_varint(&reading->rest, &first) || !take_varint(&lasts.rest, &last) ||
                !set_number(out, &cells[k], before, CELL_FIRST, first) ||
                !set_number(out, &cells[k], before, CELL_LAST, last))
                return false;
        }
    }
    *reading = lasts;
    return true;
}

static bool take_chunk(struct rollup_reading *reading, const struct sample_page *page,
                       uint32_t first_series, uint32_t cells_left, struct sample_chunk *out)
{
    uint64_t stored;

    out->first_series = first_series;
    if (!rollup_take_below(reading, (uint64_t)page->series_count - first_series + 1,
                           &out->series_count) ||
        out->series_count == 0 ||
        !rollup_take_below(reading, (uint64_t)cells_left + 1, &out->cell_count) ||
        !take_varint(&reading->rest, &out->raw_size) || out->raw_size > ROLLUP_PAGE_MAX ||
        out->raw_size < out->series_count || out->raw_size / 9 < out->cell_count ||
        !take_varint(&reading->rest, &stored) || stored > reading->rest.len)
        return false;
    out->frame = slice_first(reading->rest, stored);
    reading->rest = slice_from(reading->rest, stored);
    return true;
}

bool sample_page_open(struct slice page, uint32_t series_count, struct arena *arena,
                      struct sample_page *out)
{
    struct rollup_reading reading = {.rest = page, .arena = arena};
    struct sample_chunk *chunks;
    uint32_t series = 0, cells = 0;

    if (!take_head(&reading, series_count, out))
        return false;
    out->chunks = chunks = arena_new(arena, struct sample_chunk, (size_t)out->chunk_count + 1);
    for (uint32_t i = 0; i < out->chunk_count && chunks != NULL; i++) {
        if (!take_chunk(&reading, out, series, out->cell_count - cells, &chunks[i]))
            return false;
        series += chunks[i].series_count;
        cells += chunks[i].cell_count;
    }
    return chunks != NULL && series == series_count && cells == out->cell_count &&
           reading.rest.len == 0;
}

/* Into arrays that have room; series count cells from `cells`. */
static bool read_chunk(const struct sample_page *page, const struct sample_chunk *chunk,
                       struct arena *arena, struct sample_series *series,
                       struct sample_cell *cells)
{
    struct rollup_reading reading = {.arena = arena};
    struct sample_rollups view = {.step_ns = page->step_ns,
                                  .first_slot = page->first_slot,
                                  .series = series,
                                  .cells = cells,
                                  .series_count = chunk->series_count,
                                  .cell_count = chunk->cell_count};
    char *raw = arena_take(arena, 1, 8, chunk->raw_size + 1);
    uint8_t *kinds = arena_new(arena, uint8_t, (size_t)chunk->series_count + 1);

    if (raw == NULL || kinds == NULL || !zstd_read(chunk->frame, raw, chunk->raw_size))
        return false;
    reading.rest = slice_make(raw, chunk->raw_size);
    if (!take_series(&reading, &view, series, cells, kinds))
        return false;
    for (unsigned number = 0; number < CELL_NUMBER_COUNT; number++) {
        if (number == CELL_LAST)
            continue;
        if (number == CELL_FIRST ? !take_ends(&reading, &view, cells)
                                 : !take_cells(&reading, &view, cells, (enum cell_number)number))
            return false;
    }
    return reading.rest.len == 0;
}

static bool allocate(struct arena *arena, uint32_t series_count, uint32_t cell_count,
                     struct sample_series **series, struct sample_cell **cells,
                     struct sample_rollups *out)
{
    out->series = *series = arena_new(arena, struct sample_series, (size_t)series_count + 1);
    out->cells = *cells = arena_new(arena, struct sample_cell, (size_t)cell_count + 1);
    out->series_count = series_count;
    out->cell_count = cell_count;
    return *series != NULL && *cells != NULL;
}

bool sample_page_chunk(const struct sample_page *page, const struct sample_chunk *chunk,
                       struct arena *arena, struct sample_rollups *out)
{
    struct sample_series *series;
    struct sample_cell *cells;

    *out = (struct sample_rollups){.step_ns = page->step_ns, .first_slot = page->first_slot};
    return allocate(arena, chunk->series_count, chunk->cell_count, &series, &cells, out) &&
           read_chunk(page, chunk, arena, series, cells);
}

bool sample_page_all(const struct sample_page *page, struct arena *arena,
                     struct sample_rollups *out)
{
    struct sample_series *series;
    struct sample_cell *cells;
    uint32_t first = 0;

    *out = (struct sample_rollups){.step_ns = page->step_ns, .first_slot = page->first_slot};
    if (!allocate(arena, page->series_count, page->cell_count, &series, &cells, out))
        return false;
    for (uint32_t i = 0; i < page->chunk_count; i++) {
        const struct sample_chunk *chunk = &page->chunks[i];

        if (!read_chunk(page, chunk, arena, &series[chunk->first_series], &cells[first]))
            return false;
        for (uint32_t k = 0; k < chunk->series_count; k++)
            series[chunk->first_series + k].first_cell += first;
        first += chunk->cell_count;
    }
    return true;
}

/* ---- comparing ---- */

static bool sums_equal(const struct sample_sum *a, const struct sample_sum *b)
{
    return a->samples == b->samples && a->first_ns == b->first_ns && a->last_ns == b->last_ns &&
           a->first == b->first && a->last == b->last && a->min == b->min && a->max == b->max &&
           a->sum == b->sum && a->scale == b->scale && a->grows == b->grows &&
           (!a->grows || a->dropped == b->dropped);
}

bool sample_rollups_equal(const struct sample_rollups *a, const struct sample_rollups *b)
{
    if (a->step_ns != b->step_ns || a->first_slot != b->first_slot ||
        a->series_count != b->series_count || a->cell_count != b->cell_count)
        return false;
    for (uint32_t i = 0; i < a->series_count; i++)
        if (a->series[i].first_cell != b->series[i].first_cell ||
            a->series[i].cell_count != b->series[i].cell_count)
            return false;
    for (uint32_t i = 0; i < a->cell_count; i++)
        if (a->cells[i].slot != b->cells[i].slot ||
            !sums_equal(&a->cells[i].sum, &b->cells[i].sum))
            return false;
    return true;
}
