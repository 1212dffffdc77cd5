/* store/segment_samples.h -- write the samples of a segment: series once, rows as numbers.
 *
 * Samples come sorted by series and time. A block holds up to BLOCK_ROWS_MAX of them; times are
 * deltas (a steady scrape costs nothing), values are decimals where that is exact (mantissa and
 * scale), else their bits.
 * Thread safety: one thread at a time. */
#ifndef DENDRO_STORE_SEGMENT_SAMPLES_H
#define DENDRO_STORE_SEGMENT_SAMPLES_H

#include "store/sample_rollup.h"
#include "store/segment_page_writer.h"

struct segment_samples {
    struct buf blocks, series; /* entries of the directory */
    uint32_t block_count, series_count;
    bool rolled; /* cells are worth keeping */
    struct sample_builder cells;
};

/* Where one is in the samples of a segment to be. */
struct sample_place {
    uint64_t sample; /* the next one */
    uint32_t run;    /* its run, */
    uint64_t passed; /* and how many samples of that are before it */
};

/* Samples of one run from the place on, at most `max`. There must be some left. */
static inline uint32_t sample_place_part(const struct segment_content *content,
                                         const struct sample_place *place, uint32_t max)
{
    uint64_t left = content->runs[place->run].count - place->passed;

    return left < max ? (uint32_t)left : max;
}

static inline void sample_place_pass(const struct segment_content *content,
                                     struct sample_place *place, uint32_t count)
{
    place->sample += count;
    place->passed += count;
    if (place->passed < content->runs[place->run].count)
        return;
    place->run++;
    place->passed = 0;
}

void segment_samples_init(struct segment_samples *samples);
void segment_samples_release(struct segment_samples *samples);
/* Times, sequences and counts of the samples into the summary. */
void segment_samples_account(const struct segment_content *content,
                            struct segment_summary *summary);
/* False without memory. Call it once also without samples: the directory has a count of series. */
bool segment_samples_put(struct segment_samples *samples, const struct segment_content *content,
                        struct page_writer *pages);
/* The last part of the directory: the page of cells, an empty one if none are kept. */
bool segment_samples_put_rollup(struct segment_samples *samples, struct page_writer *pages,
                                struct buf *out);

#endif
