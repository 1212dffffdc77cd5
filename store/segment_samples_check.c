/* store/segment_samples_check.c -- samples read back: each with its bits, each series with its texts, and
 * the cells counted again from what the pages say. */
#include "store/segment_samples_check.h"

#include "store/chunk.h"

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

static bool series_equal(const struct segment_series *kept, const struct sample_run *run)
{
    struct slice rest = run->encoded, metric;
    struct label label;
    uint32_t count;

    if (kept->source != run->source || !series_take(&rest, &metric, &count) ||
        kept->label_count != count || !slice_equal(kept->metric, metric))
        return false;
    for (uint32_t i = 0; i < count; i++)
        if (!label_take(&rest, &label) || !slice_equal(kept->labels[i].name, label.name) ||
            !slice_equal(kept->labels[i].value, label.value))
            return false;
    return rest.len == 0;
}

static bool sample_equal(const struct sample_pages *pages, uint32_t row,
                         const struct segment_sample *wanted)
{
    double value = sample_value_join(pages->scales[row], pages->numbers[row]);

    return pages->times[row] == wanted->time_ns &&
           (uint64_t)pages->sequences[row] == wanted->sequence &&
           memcmp(&value, &wanted->value, sizeof(value)) == 0;
}

/* How many of the samples, all of one run, come back as they were. */
static uint32_t count_equal(const struct segment *segment, const struct sample_pages *pages,
                            uint32_t first, uint32_t count, const struct sample_run *run,
                            const struct segment_sample *wanted)
{
    uint64_t series = (uint64_t)pages->series[first];
    uint32_t equal = 0;

    if (series >= segment->series_count || !series_equal(&segment->series[series], run))
        return 0;
    while (equal < count && (uint64_t)pages->series[first + equal] == series &&
           pages->sources[first + equal] == run->source &&
           sample_equal(pages, first + equal, &wanted[equal]))
        equal++;
    return equal;
}

enum status segment_samples_compare(const struct segment_content *content,
                                    struct segment_block *block, struct sample_place *place,
                                    struct error *err)
{
    struct sample_pages pages;
    enum status status = load(block, &pages, err);
    uint32_t part, equal;

    for (uint32_t row = 0; row < block->base.row_count && status == STATUS_OK; row += part) {
        part = equal = 0;
        if (place->sample < content->sample_count) {
            part = sample_place_part(content, place, block->base.row_count - row);
            equal = count_equal(block->segment, &pages, row, part, &content->runs[place->run],
                                &content->samples[place->sample]);
        }
        if (equal == 0 || equal < part)
            status = error_set(err, STATUS_CORRUPT, "sample %llu reads back as another one",
                               (unsigned long long)(place->sample + equal));
        else
            sample_place_pass(content, place, part);
    }
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

/* Rows from `row` on that are of the series by the counts of the directory. */
static uint32_t rows_of_series(const struct segment_block *block, uint32_t series, uint32_t row)
{
    const struct segment *segment = block->segment;
    uint32_t left = block->base.row_count - row;
    uint64_t part;

    if (series + 1 >= segment->series_count)
        return left;
    part = segment->series[series + 1].first_sample - (block->entry->first_sample + row);
    return part < left ? (uint32_t)part : left;
}

static bool recount_series(struct rollup_recount *recount, const struct sample_pages *pages,
                           uint32_t series, uint32_t first, uint32_t count)
{
    for (uint32_t row = first; row < first + count; row++) {
        struct sample_point point = {pages->times[row], pages->scales[row], pages->numbers[row]};

        if ((uint64_t)pages->series[row] != series)
            return false;
        if (recount->cells != NULL)
            sample_builder_add(&recount->samples, series, &point);
    }
    return count > 0;
}

enum status segment_samples_recount(struct rollup_recount *recount, struct segment_block *block,
                                    struct error *err)
{
    struct segment *segment = block->segment;
    struct sample_pages pages;
    uint32_t series, part;
    enum status status;

    if (!segment_counts_samples(segment))
        return STATUS_OK; /* nothing to compare */
    status = begin(recount, segment, err);
    if (status == STATUS_OK)
        status = load(block, &pages, err);
    if (status != STATUS_OK)
        return status;
    series = segment_series_of(segment, block->entry->first_sample);
    for (uint32_t row = 0; row < block->base.row_count; row += part, series++) {
        part = rows_of_series(block, series, row);
        if (!recount_series(recount, &pages, series, row, part))
            return segment_corrupt(segment, "series: its samples count otherwise", err);
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
