/* store/sample_rollup_build.c -- cells from samples, one series after the other. The samples of the
 * series at hand are kept until it ends: only then its scale is known. */
#include "store/sample_rollup.h"

#include "store/rollup.h"

#include <stdlib.h>

#define WHOLE_MAX   ((int64_t)1 << 53) /* whole numbers up to it are exact in a double */
#define DECIMAL_MAX ((int64_t)1 << 51) /* up to it a double is the nearest of one decimal only */

static const int64_t powers[SAMPLE_SCALE_MAX + 1] = {
    1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000};

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

/* The value of the point at a scale that is not below its own; false: too large. */
static bool number_at(const struct sample_point *point, int64_t scale, int64_t *number)
{
    int64_t largest = scale == 0 ? WHOLE_MAX : DECIMAL_MAX;

    return !__builtin_mul_overflow(point->number, powers[scale - point->scale], number) &&
           *number <= largest && *number >= -largest;
}

/* A cell of one sample; false: of no time that a cell can have. */
static bool begin_cell(const struct sample_builder *builder, int64_t time_ns, int64_t scale,
                       int64_t number, struct sample_cell *out)
{
    int64_t slot = rollup_slot(time_ns, builder->step_ns) - builder->first_slot;

    if (slot < 0 || slot >= ROLLUP_SLOTS_MAX)
        return false;
    *out = (struct sample_cell){.slot = (uint32_t)slot,
                                .sum = {.samples = 1,
                                        .first_ns = time_ns,
                                        .last_ns = time_ns,
                                        .first = number,
                                        .last = number,
                                        .min = number,
                                        .max = number,
                                        .sum = number,
                                        .scale = (uint8_t)scale,
                                        .grows = true}};
    return true;
}

/* One more of the same step; false: a number does not fit. */
static bool add_to_sum(struct sample_sum *sum, int64_t time_ns, int64_t number)
{
    if (__builtin_add_overflow(sum->sum, number, &sum->sum) ||
        __builtin_add_overflow(sum->dropped, number < sum->last ? sum->last : 0, &sum->dropped))
        return false;
    sum->samples++;
    sum->last_ns = time_ns;
    sum->last = number;
    sum->min = number < sum->min ? number : sum->min;
    sum->max = number > sum->max ? number : sum->max;
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

/* What is told from one value to the next. */
struct steps {
    int64_t last, last_ns;
    uint32_t falls; /* values below the one before */
    bool any, twice; /* two at one time */
};

/* False: not in order of time. */
static bool step_to(struct steps *steps, int64_t time_ns, int64_t number)
{
    if (steps->any && time_ns < steps->last_ns)
        return false;
    steps->falls += steps->any && number < steps->last;
    steps->twice |= steps->any && time_ns == steps->last_ns;
    steps->any = true;
    steps->last = number;
    steps->last_ns = time_ns;
    return true;
}

/* When the step of the cell ends. */
static int64_t end_of(const struct sample_builder *builder, const struct sample_cell *cell)
{
    int64_t end;

    return __builtin_mul_overflow(builder->first_slot + cell->slot + 1, builder->step_ns, &end)
               ? INT64_MAX
               : end;
}

/* Cells of the points; false: the series cannot be kept. */
static bool put_cells(struct sample_builder *builder, int64_t scale, struct steps *steps)
{
    struct sample_cell *at = NULL, one;
    int64_t end_ns = 0;

    for (uint32_t i = 0; i < builder->point_count; i++) {
        const struct sample_point *point = &builder->points[i];
        int64_t number;

        if (!number_at(point, scale, &number))
            return false;
        if (!step_to(steps, point->time_ns, number)) {
            builder->failed = true;
            return false;
        }
        if (at != NULL && point->time_ns < end_ns) {
            if (!add_to_sum(&at->sum, point->time_ns, number))
                return false;
            continue;
        }
        if (!begin_cell(builder, point->time_ns, scale, number, &one) || !put_cell(builder, &one))
            return false;
        at = &builder->cells[builder->cell_count - 1];
        end_ns = end_of(builder, at);
    }
    return true;
}

static void end_series(struct sample_builder *builder)
{
    struct sample_series *grown = grow(builder->series, &builder->series_room,
                                       builder->series_count, sizeof(*grown));
    uint32_t first = builder->cell_count;
    struct steps steps = {0};
    int64_t scale;

    if (grown == NULL) {
        builder->failed = true;
        return;
    }
    builder->series = grown;
    if (!find_scale(builder, &scale) || !put_cells(builder, scale, &steps))
        builder->cell_count = first;
    /* A gauge falls all the time: what it dropped is of no use, and as long as its sum. */
    for (uint32_t i = first; i < builder->cell_count; i++)
        builder->cells[i].sum.grows =
            !steps.twice && steps.falls <= builder->cell_count - first;
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
