/* store/sample_rollup_build.c -- cells from samples, one series after the other. The samples of the
 * series at hand are kept until it ends: only then its scale is known. */
#include "store/sample_rollup.h"

#include "store/rollup.h"

#include <stdlib.h>

#define WHOLE_MAX   ((int64_t)1 << 53) /* whole numbers up to it are exact in a double */
#define DECIMAL_MAX ((int64_t)1 << 51) /* up to it a double is the nearest of one decimal only */

static const int64_t powers[SAMPLE_SCALE_MAX + 1] = {1,      10,      100,      1000,      10000,
                                                     100000, 1000000, 10000000, 100000000, 1000000000};

void sample_builder_init(struct sample_builder *builder, int64_t step_ns, int64_t first_slot)
{
    *builder = (struct sample_builder){.step_ns = step_ns, .first_slot = first_slot};
}

void sample_builder_release(struct sample_builder *builder)
{
    free(builder->points);
    free(builder->series);
    free(builder->cells);
    *builder = (struct sample_builder){0};
}

/* Room for one more; NULL without memory. */
static void *grow(void *array, uint32_t *room, uint32_t count, size_t size)
{
    uint32_t wanted = *room == 0 ? 64 : *room * 2;
    void *grown;

    if (count < *room)
        return array;
    grown = realloc(array, wanted * size);
    if (grown != NULL)
        *room = wanted;
    return grown;
}

/* The largest scale, if all values are decimals of it. */
static bool find_scale(const struct sample_builder *builder, int64_t *scale)
{
    *scale = 0;
    for (uint32_t i = 0; i < builder->point_count; i++) {
        if (builder->points[i].scale < 0 || builder->points[i].scale > SAMPLE_SCALE_MAX)
            return false;
        *scale = builder->points[i].scale > *scale ? builder->points[i].scale : *scale;
    }
    return true;
}

/* The point as a sum of one; false: not a number of that scale, or of no time that a cell can have. */
static bool sum_of_point(const struct sample_builder *builder, const struct sample_point *point,
                         int64_t scale, struct sample_cell *out)
{
    int64_t slot = rollup_slot(point->time_ns, builder->step_ns) - builder->first_slot, number;
    int64_t largest = scale == 0 ? WHOLE_MAX : DECIMAL_MAX;

    if (__builtin_mul_overflow(point->number, powers[scale - point->scale], &number) ||
        number > largest || number < -largest || slot < 0 || slot >= ROLLUP_SLOTS_MAX)
        return false;
    *out = (struct sample_cell){.slot = (uint32_t)slot,
                                .sum = {.samples = 1,
                                        .first_ns = point->time_ns,
                                        .last_ns = point->time_ns,
                                        .first = number,
                                        .last = number,
                                        .min = number,
                                        .max = number,
                                        .sum = number,
                                        .scale = (uint8_t)scale,
                                        .grows = true}};
    return true;
}

static bool put_cell(struct sample_builder *builder, const struct sample_cell *cell)
{
    struct sample_cell *grown = builder->cell_count == SAMPLE_CELLS_MAX
                                    ? NULL
                                    : grow(builder->cells, &builder->cell_room,
                                           builder->cell_count, sizeof(*grown));

    if (grown == NULL) {
        builder->failed = true;
        return false;
    }
    builder->cells = grown;
    grown[builder->cell_count++] = *cell;
    return true;
}

/* Cells of the points; false: the series cannot be kept. `falls`: values below the one before. */
static bool put_cells(struct sample_builder *builder, int64_t scale, uint32_t *falls, bool *twice)
{
    uint32_t first = builder->cell_count;
    int64_t last = 0, last_ns = 0;

    for (uint32_t i = 0; i < builder->point_count; i++) {
        struct sample_cell *at = &builder->cells[builder->cell_count - (i > 0)], one;

        if (!sum_of_point(builder, &builder->points[i], scale, &one))
            return false;
        if (i > 0 && one.sum.first_ns < last_ns) {
            builder->failed = true;
            return false;
        }
        *falls += i > 0 && one.sum.first < last;
        *twice = *twice || (i > 0 && one.sum.first_ns == last_ns);
        last = one.sum.last;
        last_ns = one.sum.last_ns;
        if (builder->cell_count > first && at->slot == one.slot ? !sample_sum_append(&at->sum, &one.sum)
                                                                : !put_cell(builder, &one))
            return false;
    }
    return true;
}

static void end_series(struct sample_builder *builder)
{
    struct sample_series *grown = grow(builder->series, &builder->series_room,
                                       builder->series_count, sizeof(*grown));
    uint32_t first = builder->cell_count, falls = 0;
    bool twice = false;
    int64_t scale;

    if (grown == NULL) {
        builder->failed = true;
        return;
    }
    builder->series = grown;
    if (!find_scale(builder, &scale) || !put_cells(builder, scale, &falls, &twice))
        builder->cell_count = first;
    /* A gauge falls all the time: what it dropped is of no use, and as long as its sum. */
    for (uint32_t i = first; i < builder->cell_count; i++)
        builder->cells[i].sum.grows = !twice && falls <= builder->cell_count - first;
    grown[builder->series_count++] = (struct sample_series){first, builder->cell_count - first};
    builder->point_count = 0;
}

/* Pages may keep a value with more places than it needs. */
static struct sample_point shortest(const struct sample_point *point)
{
    struct sample_point out = *point;

    while (out.scale > 0 && out.scale <= SAMPLE_SCALE_MAX && out.number % 10 == 0) {
        out.number /= 10;
        out.scale--;
    }
    return out;
}

void sample_builder_add(struct sample_builder *builder, uint32_t series,
                        const struct sample_point *point)
{
    struct sample_point *grown;

    if (builder->point_count > 0 && series == builder->number + 1)
        end_series(builder);
    else if (series != (builder->point_count > 0 ? builder->number : 0))
        builder->failed = true;
    grown = builder->failed ? NULL
                            : grow(builder->points, &builder->point_room, builder->point_count,
                                   sizeof(*grown));
    if (grown == NULL) {
        builder->failed = true;
        return;
    }
    builder->number = series;
    builder->points = grown;
    grown[builder->point_count++] = shortest(point);
}

bool sample_builder_end(struct sample_builder *builder, struct sample_rollups *out)
{
    if (!builder->failed && builder->point_count > 0)
        end_series(builder);
    *out = (struct sample_rollups){.step_ns = builder->step_ns,
                                   .first_slot = builder->first_slot,
                                   .series = builder->series,
                                   .cells = builder->cells,
                                   .series_count = builder->series_count,
                                   .cell_count = builder->cell_count};
    return !builder->failed;
}
