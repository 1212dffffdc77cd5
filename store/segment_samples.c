/* store/segment_samples.c -- samples as pages of numbers. */
#include "store/segment_samples.h"

#include "base/byteorder.h"
#include "base/spare.h"
#include "store/rollup.h"
#include "store/sample_value.h"

#include <stdlib.h>

void segment_samples_init(struct segment_samples *samples)
{
    *samples = (struct segment_samples){.blocks = buf_empty(SEGMENT_DIRECTORY_SIZE_MAX / 4),
                                       .series = buf_empty(SEGMENT_DIRECTORY_SIZE_MAX / 4)};
}

void segment_samples_release(struct segment_samples *samples)
{
    sample_builder_release(&samples->cells);
    buf_release(&samples->blocks);
    buf_release(&samples->series);
}

/* Of a run, whose samples are in order of time. */
static void account_run(const struct segment_sample *samples, uint64_t count,
                        struct segment_summary *summary)
{
    int64_t first_ns = samples[0].time_ns, last_ns = samples[count - 1].time_ns;

    summary->time_min_ns = first_ns < summary->time_min_ns ? first_ns : summary->time_min_ns;
    summary->time_max_ns = last_ns > summary->time_max_ns ? last_ns : summary->time_max_ns;
    summary->order_min_ns = first_ns < summary->order_min_ns ? first_ns : summary->order_min_ns;
    summary->order_max_ns = last_ns > summary->order_max_ns ? last_ns : summary->order_max_ns;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t sequence = samples[i].sequence;

        if (sequence < summary->sequence_min)
            summary->sequence_min = sequence;
        if (sequence > summary->sequence_max)
            summary->sequence_max = sequence;
    }
}

void segment_samples_account(const struct segment_content *content, struct segment_summary *summary)
{
    const struct segment_sample *samples = content->samples;

    for (uint32_t i = 0; i < content->run_count; samples += content->runs[i++].count)
        account_run(samples, content->runs[i].count, summary);
    summary->samples = content->sample_count;
    if (summary->rows + summary->samples == 0)
        *summary = (struct segment_summary){0};
}

/* One scale for a whole page packs better: raise those of its decimals to the largest. A quotient of whole
 * numbers that a double has is the same double by any of its fractions. */
static void unify_scales(int64_t *scales, int64_t *numbers, uint32_t count)
{
    int64_t largest = 0;

    for (uint32_t i = 0; i < count; i++)
        if (scales[i] != SAMPLE_SCALE_BITS && scales[i] > largest)
            largest = scales[i];
    for (uint32_t i = 0; i < count; i++) {
        int64_t raised;

        if (scales[i] == SAMPLE_SCALE_BITS || scales[i] == largest ||
            __builtin_mul_overflow(numbers[i], (int64_t)sample_powers[largest - scales[i]],
                                   &raised) ||
            raised > SAMPLE_WHOLE_MAX || raised < -SAMPLE_WHOLE_MAX)
            continue;
        scales[i] = largest;
        numbers[i] = raised;
    }
}

static bool put_series(struct segment_samples *samples, const struct sample_run *run)
{
    struct buf *out = &samples->series;

    samples->series_count++;
    return buf_append_varint(out, run->source) && buf_append_slice(out, run->encoded) &&
           buf_append_varint(out, run->count);
}

/* ---- cells ---- */

/* Cells that a step makes of a run. */
static uint64_t count_cells_of(const struct segment_sample *samples, uint64_t count,
                               int64_t step_ns)
{
    int64_t begin_ns = 0;
    uint64_t cells = 0;

    for (uint64_t i = 0; i < count; i++) {
        uint64_t since = (uint64_t)samples[i].time_ns - (uint64_t)begin_ns;

        if (cells > 0 && since < (uint64_t)step_ns)
            continue;
        begin_ns = (int64_t)((uint64_t)rollup_slot(samples[i].time_ns, step_ns) *
                             (uint64_t)step_ns);
        cells++;
    }
    return cells;
}

static uint64_t count_cells(const struct segment_content *content, int64_t step_ns)
{
    const struct segment_sample *samples = content->samples;
    uint64_t cells = 0;

    for (uint32_t i = 0; i < content->run_count; samples += content->runs[i++].count)
        cells += count_cells_of(samples, content->runs[i].count, step_ns);
    return cells;
}

static bool are_worth_it(const struct segment_content *content, uint64_t cells)
{
    return cells > 0 && cells <= SAMPLE_CELLS_MAX &&
           content->sample_count / cells >= SAMPLES_PER_CELL_MIN;
}

static int64_t first_time(const struct segment_content *content)
{
    const struct segment_sample *samples = content->samples;
    int64_t first_ns = INT64_MAX;

    for (uint32_t i = 0; i < content->run_count; samples += content->runs[i++].count)
        first_ns = samples->time_ns < first_ns ? samples->time_ns : first_ns;
    return first_ns;
}

/* The shortest step whose cells stand for enough samples. */
static void begin_cells(struct segment_samples *samples, const struct segment_content *content)
{
    static const int64_t steps[] = {SAMPLE_STEP_SHORT_NS, SAMPLE_STEP_LONG_NS};

    if (!are_worth_it(content, content->run_count)) /* each has one at least */
        return;
    for (size_t i = 0; i < COUNT_OF(steps) && !samples->rolled; i++) {
        if (!are_worth_it(content, count_cells(content, steps[i])))
            continue;
        samples->rolled = true;
        sample_builder_init(&samples->cells, steps[i],
                            rollup_slot(first_time(content), steps[i]));
    }
}

/* Rollups are a part that a segment can do without: what fails is left out. */
bool segment_samples_put_rollup(struct segment_samples *samples, struct page_writer *pages,
                                struct buf *out)
{
    struct sample_rollups cells;

    buf_reset(&pages->scratch);
    if (samples->rolled && sample_builder_end(&samples->cells, &cells) && cells.cell_count > 0 &&
        !sample_rollups_encode(&cells, &pages->scratch))
        return false;
    return page_writer_put(pages, REGION_ROLLUP, buf_slice(&pages->scratch), out);
}

/* ---- blocks ---- */

struct sample_arrays {
    int64_t times[BLOCK_ROWS_MAX], sequences[BLOCK_ROWS_MAX], series[BLOCK_ROWS_MAX];
    int64_t scales[BLOCK_ROWS_MAX], numbers[BLOCK_ROWS_MAX], sources[BLOCK_ROWS_MAX];
    int64_t zeros[BLOCK_ROWS_MAX];
};

static bool put_head(struct segment_samples *samples, const struct sample_arrays *arrays,
                     uint32_t count)
{
    int64_t min = arrays->times[0], max = min;
    struct buf *out = &samples->blocks;

    for (uint32_t i = 1; i < count; i++) {
        min = arrays->times[i] < min ? arrays->times[i] : min;
        max = arrays->times[i] > max ? arrays->times[i] : max;
    }
    samples->block_count++;
    return buf_append_byte(out, 1) && buf_append_varint(out, count) &&
           buf_append_varint(out, zigzag(min)) &&
           buf_append_varint(out, zigzag((int64_t)((uint64_t)max - (uint64_t)min))) &&
           buf_append_varint(out, 0) &&
           buf_append_varint(out, zigzag((int64_t)((uint64_t)max - (uint64_t)min)));
}

static bool put_block(struct segment_samples *samples, const struct sample_arrays *arrays,
                      uint32_t count, struct page_writer *pages)
{
    const int64_t *const values[BLOCK_PAGE_COUNT] = {
        [PAGE_TIME] = arrays->times,     [PAGE_ORDER] = arrays->zeros,
        [PAGE_SOURCE] = arrays->sources, [PAGE_RANK] = arrays->sequences,
        [PAGE_LEVEL] = arrays->series,   [PAGE_FLAGS] = arrays->scales,
        [PAGE_TEMPLATE] = arrays->numbers,
    };
    bool fine = put_head(samples, arrays, count);

    page_writer_forget(pages);
    for (unsigned page = 0; page < BLOCK_PAGE_COUNT && fine; page++) {
        pages->encoder.repeats = page == PAGE_TIME; /* all series of a host have the same */
        fine = page_writer_put_numbers(pages, REGION_NUMBERS, values[page], count,
                                       &samples->blocks);
    }
    pages->encoder.repeats = false;
    return fine && buf_append_varint(&samples->blocks, 0); /* no sections */
}

static void add_to_cells(struct segment_samples *samples, const struct sample_arrays *arrays,
                         uint32_t at)
{
    struct sample_point point = {arrays->times[at], arrays->scales[at], arrays->numbers[at]};

    sample_builder_add(&samples->cells, samples->series_count - 1, &point);
}

/* Samples of the last series to `at` of the arrays. */
static void put_part(struct segment_samples *samples, struct sample_arrays *arrays, uint32_t at,
                     const struct segment_sample *part, uint32_t count)
{
    int64_t likely = 0;

    for (uint32_t i = 0; i < count; i++) {
        int64_t *scale = &arrays->scales[at + i];

        arrays->times[at + i] = part[i].time_ns;
        arrays->sequences[at + i] = (int64_t)part[i].sequence;
        sample_value_split(part[i].value, likely, scale, &arrays->numbers[at + i]);
        if (*scale > likely && *scale <= SAMPLE_SCALE_MAX)
            likely = *scale;
    }
    for (uint32_t i = 0; i < count && samples->rolled; i++)
        add_to_cells(samples, arrays, at + i);
}

static void fill(int64_t *numbers, uint32_t count, int64_t number)
{
    for (uint32_t i = 0; i < count; i++)
        numbers[i] = number;
}

/* Fill the arrays from the place on; false without memory. */
static bool take_block(struct segment_samples *samples, const struct segment_content *content,
                       struct sample_place *place, struct sample_arrays *arrays, uint32_t count)
{
    uint32_t part;

    for (uint32_t at = 0; at < count; at += part) {
        const struct sample_run *run = &content->runs[place->run];

        if (place->passed == 0 && !put_series(samples, run))
            return false;
        part = sample_place_part(content, place, count - at);
        put_part(samples, arrays, at, &content->samples[place->sample], part);
        fill(arrays->series + at, part, samples->series_count - 1);
        fill(arrays->sources + at, part, run->source);
        sample_place_pass(content, place, part);
    }
    unify_scales(arrays->scales, arrays->numbers, count);
    return true;
}

static bool put_blocks(struct segment_samples *samples, const struct segment_content *content,
                       struct page_writer *pages)
{
    struct sample_arrays *arrays = spare_take(sizeof(*arrays));
    struct sample_place place = {0};
    bool fine = arrays != NULL;

    if (fine)
        fill(arrays->zeros, BLOCK_ROWS_MAX, 0);
    while (place.sample < content->sample_count && fine) {
        uint64_t left = content->sample_count - place.sample;
        uint32_t count = left < BLOCK_ROWS_MAX ? (uint32_t)left : BLOCK_ROWS_MAX;

        fine = take_block(samples, content, &place, arrays, count) &&
               put_block(samples, arrays, count, pages);
    }
    spare_give(arrays);
    return fine;
}

bool segment_samples_put(struct segment_samples *samples, const struct segment_content *content,
                         struct page_writer *pages)
{
    struct buf entries;
    bool fine;

    begin_cells(samples, content);
    fine = content->sample_count == 0 || put_blocks(samples, content, pages);
    entries = samples->series; /* the count goes before the entries */
    samples->series = buf_empty(SEGMENT_DIRECTORY_SIZE_MAX / 4);
    fine = fine && buf_append_varint(&samples->series, samples->series_count) &&
           buf_append_slice(&samples->series, buf_slice(&entries));
    buf_release(&entries);
    return fine;
}
