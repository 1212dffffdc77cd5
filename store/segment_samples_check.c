/* store/segment_samples_check.c -- samples read back: each with its bits, each series with its texts, and
 * the cells counted again from what the pages say. */
#include "store/segment_samples_check.h"

#include "store/segment_samples.h"

#include <string.h>

#define KEPT_CELLS_MAX ((size_t)128 << 20) /* decoded, of one segment */

struct sample_pages {
    const int64_t *times, *sequences, *series, *scales, *numbers;
    const uint32_t *sources;
};

static enum status load(struct segment_block *block, struct sample_pages *out, struct error *err)
{
    const struct {
        enum block_page page;
        const int64_t **to;
    } pages[] = {{PAGE_TIME, &out->times},
                 {PAGE_RANK, &out->sequences},
                 {PAGE_LEVEL, &out->series},
                 {PAGE_FLAGS, &out->scales},
                 {PAGE_TEMPLATE, &out->numbers}};
    enum status status = segment_block_sources(block, &out->sources, err);

    for (size_t i = 0; i < COUNT_OF(pages) && status == STATUS_OK; i++)
        status = segment_block_page(block, pages[i].page, pages[i].to, err);
    return status;
}

/* ---- against what was to be stored ---- */

static bool series_equal(const struct segment_series *kept, const struct sample *sample)
{
    return kept->source == sample->source && kept->label_count == sample->label_count &&
           slice_equal(kept->metric, sample->metric) &&
           labels_equal(kept->labels, sample->labels, kept->label_count);
}

/* Does the sample have the texts of the one before it, whose series was compared? */
static bool shares_texts(const struct segment_sample *wanted)
{
    const struct sample *a = wanted[-1].sample, *b = wanted->sample;

    return a->source == b->source && a->labels == b->labels && a->label_count == b->label_count &&
           a->metric.data == b->metric.data && a->metric.len == b->metric.len;
}

static bool sample_equal(const struct segment *segment, const struct sample_pages *pages,
                         uint32_t row, const struct segment_sample *wanted)
{
    double value = segment_sample_value(pages->scales[row], pages->numbers[row]);
    uint64_t series = (uint64_t)pages->series[row];

    return pages->times[row] == wanted->sample->time_ns &&
           (uint64_t)pages->sequences[row] == wanted->sequence &&
           memcmp(&value, &wanted->sample->value, sizeof(value)) == 0 &&
           series < segment->series_count && pages->sources[row] == wanted->sample->source &&
           ((row > 0 && pages->series[row - 1] == pages->series[row] && shares_texts(wanted)) ||
            series_equal(&segment->series[series], wanted->sample));
}

enum status segment_samples_compare(const struct segment_content *content,
                                    struct segment_block *block, uint64_t *at, struct error *err)
{
    struct sample_pages pages;
    enum status status = load(block, &pages, err);

    for (uint32_t row = 0; row < block->base.row_count && status == STATUS_OK; row++, ++*at)
        if (*at >= content->sample_count ||
            !sample_equal(block->segment, &pages, row, &content->samples[*at]))
            status = error_set(err, STATUS_CORRUPT, "sample %llu reads back as another one",
                               (unsigned long long)*at);
    return status;
}

/* ---- cells counted again ---- */

static enum status begin(struct rollup_recount *recount, struct segment *segment,
                         struct error *err)
{
    enum status status;

    if (recount->arena.size_max > 0)
        return STATUS_OK; /* done at the first block */
    recount->arena = arena_empty(KEPT_CELLS_MAX);
    status = segment_rollup_samples(segment, &recount->arena, &recount->cells, err);
    if (status == STATUS_OK && recount->cells != NULL)
        sample_builder_init(&recount->samples, recount->cells->step_ns, recount->cells->first_slot);
    return status;
}

enum status segment_samples_recount(struct rollup_recount *recount, struct segment_block *block,
                                    struct error *err)
{
    struct segment *segment = block->segment;
    struct sample_pages pages;
    uint64_t at = block->entry->first_sample;
    uint32_t series;
    enum status status;

    if (!segment_counts_samples(segment))
        return STATUS_OK; /* nothing to compare */
    status = begin(recount, segment, err);
    if (status == STATUS_OK)
        status = load(block, &pages, err);
    if (status != STATUS_OK)
        return status;
    series = segment_series_of(segment, at);
    for (uint32_t row = 0; row < block->base.row_count; row++, at++) {
        struct sample_point point = {pages.times[row], pages.scales[row], pages.numbers[row]};

        series += series + 1 < segment->series_count && segment->series[series + 1].first_sample == at;
        if ((uint64_t)pages.series[row] != series)
            return segment_corrupt(segment, "series: its samples count otherwise", err);
        if (recount->cells != NULL)
            sample_builder_add(&recount->samples, series, &point);
    }
    return STATUS_OK;
}

enum status segment_samples_recounted(struct rollup_recount *recount, struct segment *segment,
                                      struct error *err)
{
    struct sample_rollups counted, kept;

    if (recount->cells == NULL)
        return STATUS_OK;
    if (!sample_page_all(recount->cells, &recount->arena, &kept) ||
        !sample_builder_end(&recount->samples, &counted) || !sample_rollups_equal(&kept, &counted))
        return segment_corrupt(segment, "rollup: its samples count otherwise", err);
    return STATUS_OK;
}
