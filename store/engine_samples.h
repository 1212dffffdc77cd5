/* store/engine_samples.h -- write the samples of a segment: series once, rows as numbers.
 *
 * Samples come sorted by series and time. A block holds up to BLOCK_ROWS_MAX of them; times are
 * deltas (a steady scrape costs nothing), values are decimals where that is exact (mantissa and
 * scale), else their bits.
 * Thread safety: one thread at a time. */
#ifndef DENDRO_STORE_ENGINE_SAMPLES_H
#define DENDRO_STORE_ENGINE_SAMPLES_H

#include "store/engine_page_writer.h"

struct engine_samples {
    struct buf blocks, series; /* entries of the directory */
    uint32_t block_count, series_count;
};

void engine_samples_init(struct engine_samples *samples);
void engine_samples_release(struct engine_samples *samples);
/* Times, sequences and counts of the samples into the summary. */
void engine_samples_account(const struct segment_content *content,
                            struct segment_summary *summary);
/* False without memory. Call it once also without samples: the directory has a count of series. */
bool engine_samples_put(struct engine_samples *samples, const struct segment_content *content,
                        struct page_writer *pages);

/* The value of a sample from its two numbers. */
double engine_sample_value(int64_t scale, int64_t number);

#endif
