/* store/segment_samples.c -- samples as pages of numbers. */
#include "store/segment_samples.h"

#include "base/byteorder.h"
#include "store/rollup.h"

#include <math.h>
#include <stdlib.h>

enum { SCALE_MAX = SAMPLE_SCALE_MAX };
#define EXACT_MAX 9007199254740992.0 /* 2^53: whole numbers up to it are exact in a double */

static const double powers[SCALE_MAX + 1] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9};

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

void segment_samples_account(const struct segment_content *content, struct segment_summary *summary)
{
    for (uint64_t i = 0; i < content->sample_count; i++) {
        int64_t time = content->samples[i].sample->time_ns;
        uint64_t sequence = content->samples[i].sequence;

        summary->time_min_ns = time < summary->time_min_ns ? time : summary->time_min_ns;
        summary->time_max_ns = time > summary->time_max_ns ? time : summary->time_max_ns;
        summary->order_min_ns = time < summary->order_min_ns ? time : summary->order_min_ns;
        summary->order_max_ns = time > summary->order_max_ns ? time : summary->order_max_ns;
        if (sequence < summary->sequence_min)
            summary->sequence_min = sequence;
        if (sequence > summary->sequence_max)
            summary->sequence_max = sequence;
    }
    summary->samples = content->sample_count;
    if (summary->rows + summary->samples == 0)
        *summary = (struct segment_summary){0};
}

double segment_sample_value(int64_t scale, int64_t number)
{
    double value;

    if (scale >= 0 && scale <= SCALE_MAX)
        return (double)number / powers[scale];
    memcpy(&value, &number, sizeof(value));
    return value;
}

/* The smallest scale at which the value is a whole number of the same bits. */
static void split_value(double value, int64_t *scale, int64_t *number)
{
    for (int64_t i = 0; i <= SCALE_MAX; i++) {
        double scaled = value * powers[i], again;

        if (!(fabs(scaled) <= EXACT_MAX))
            break;
        *scale = i;
        *number = llround(scaled);
        again = segment_sample_value(i, *number);
        if (memcmp(&again, &value, sizeof(value)) == 0) /* also tells -0 from 0 */
            return;
    }
    *scale = SAMPLE_SCALE_BITS;
    memcpy(number, &value, sizeof(*number));
}

/* One scale for a whole page packs better: raise those of its decimals to the largest. */
static void unify_scales(int64_t *scales, int64_t *numbers, uint32_t count)
{
    int64_t largest = 0;

    for (uint32_t i = 0; i < count; i++)
        if (scales[i] != SAMPLE_SCALE_BITS && scales[i] > largest)
            largest = scales[i];
    for (uint32_t i = 0; i < count; i++) {
        int64_t factor, raised;
        double before, after;

        if (scales[i] == SAMPLE_SCALE_BITS || scales[i] == largest)
            continue;
        factor = (int64_t)powers[largest - scales[i]];
        if (__builtin_mul_overflow(numbers[i], factor, &raised) ||
            fabs((double)raised) > EXACT_MAX)
            continue;
        before = segment_sample_value(scales[i], numbers[i]);
        after = segment_sample_value(largest, raised);
        if (memcmp(&before, &after, sizeof(before)) != 0)
            continue;
        scales[i] = largest;
        numbers[i] = raised;
    }
}

static bool same_series(const struct sample *a, const struct sample *b)
{
    if (a->source == b->source && a->labels == b->labels && a->label_count == b->label_count &&
        a->metric.data == b->metric.data && a->metric.len == b->metric.len)
        return true; /* one text of both */
    return a->source == b->source && a->label_count == b->label_count &&
           slice_equal(a->metric, b->metric) && labels_equal(a->labels, b->labels, a->label_count);
}

static bool put_text(struct buf *out, struct slice text)
{
    return buf_append_varint(out, text.len) && buf_append_slice(out, text);
}

/* The series of a sample; `run`: how many it has. */
static bool put_series(struct segment_samples *samples, const struct sample *sample, uint64_t run)
{
    struct buf *out = &samples->series;
    bool fine = buf_append_varint(out, sample->source) && put_text(out, sample->metric) &&
                buf_append_varint(out, sample->label_count);

    for (uint32_t i = 0; i < sample->label_count && fine; i++)
        fine = put_text(out, sample->labels[i].name) && put_text(out, sample->labels[i].value);
    samples->series_count++;
    return fine && buf_append_varint(out, run);
}

/* Samples of the series that begins at `first`. */
static uint64_t run_of(const struct segment_content *content, uint64_t first)
{
    const struct segment_sample *samples = content->samples;
    uint64_t at = first + 1;

    while (at < content->sample_count && same_series(samples[at - 1].sample, samples[at].sample))
        at++;
    return at - first;
}

/* ---- cells ---- */

/* Cells that a step makes of the samples. */
static uint64_t count_cells(const struct segment_content *content, int64_t step_ns)
{
    int64_t slot = 0, before = 0;
    uint64_t count = 0;

    for (uint64_t i = 0; i < content->sample_count; i++, before = slot) {
        slot = rollup_slot(content->samples[i].sample->time_ns, step_ns);
        count += i == 0 || slot != before ||
                 !same_series(content->samples[i - 1].sample, content->samples[i].sample);
    }
    return count;
}

/* The shortest step whose cells stand for enough samples. */
static void begin_cells(struct segment_samples *samples, const struct segment_content *content)
{
    static const int64_t steps[] = {SAMPLE_STEP_SHORT_NS, SAMPLE_STEP_LONG_NS};
    int64_t first_ns = INT64_MAX;

    for (uint64_t i = 0; i < content->sample_count; i++)
        if (content->samples[i].sample->time_ns < first_ns)
            first_ns = content->samples[i].sample->time_ns;
    for (size_t i = 0; i < COUNT_OF(steps) && !samples->rolled; i++) {
        uint64_t cells = count_cells(content, steps[i]);

        if (cells == 0 || cells > SAMPLE_CELLS_MAX ||
            content->sample_count / cells < SAMPLES_PER_CELL_MIN)
            continue;
        samples->rolled = true;
        sample_builder_init(&samples->cells, steps[i], rollup_slot(first_ns, steps[i]));
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

bool segment_samples_put(struct segment_samples *samples, const struct segment_content *content,
                        struct page_writer *pages)
{
    struct sample_arrays *arrays = calloc(1, sizeof(*arrays));
    struct buf entries;
    uint64_t run_end = 0;
    bool fine = arrays != NULL;

    begin_cells(samples, content);
    for (uint64_t first = 0; first < content->sample_count && fine;) {
        uint32_t count = 0;

        for (; count < BLOCK_ROWS_MAX && first + count < content->sample_count && fine; count++) {
            const struct segment_sample *row = &content->samples[first + count];

            if (first + count == run_end) {
                uint64_t run = run_of(content, run_end);

                fine = put_series(samples, row->sample, run);
                run_end += run;
            }
            arrays->times[count] = row->sample->time_ns;
            arrays->sequences[count] = (int64_t)row->sequence;
            arrays->series[count] = samples->series_count - 1;
            arrays->sources[count] = row->sample->source;
            split_value(row->sample->value, &arrays->scales[count], &arrays->numbers[count]);
            if (samples->rolled)
                add_to_cells(samples, arrays, count);
        }
        unify_scales(arrays->scales, arrays->numbers, count);
        fine = fine && put_block(samples, arrays, count, pages);
        first += count;
    }
    free(arrays);
    entries = samples->series; /* the count goes before the entries */
    samples->series = buf_empty(SEGMENT_DIRECTORY_SIZE_MAX / 4);
    fine = fine && buf_append_varint(&samples->series, samples->series_count) &&
           buf_append_slice(&samples->series, buf_slice(&entries));
    buf_release(&entries);
    return fine;
}
