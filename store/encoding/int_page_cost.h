/* store/encoding/int_page_cost.h -- what numbers would take if each of their bytes were coded by itself.
 *
 * Order-0 entropy is what the entropy stage of zstd comes close to; residuals repeat in no other way
 * that it would find. Both measures count in bytes.
 * Thread safety: pure functions. */
#ifndef DENDRO_STORE_ENCODING_INT_PAGE_COST_H
#define DENDRO_STORE_ENCODING_INT_PAGE_COST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is enough to tell two ways of writing a page apart that differ by more than a tenth. */
enum { COST_SAMPLE_RUNS = 16, COST_RUN_COUNT = 32 };

/* Of all bytes of numbers up to `largest`; in `planes` those of each byte position that they have. */
double int_cost_of_numbers(const uint64_t *residuals, size_t count, uint64_t largest,
                           double planes[sizeof(uint64_t)]);

/* Of one byte position of all residuals, exactly. `distinct`: how many bytes occur. */
double int_cost_of_plane(const uint8_t *plane, size_t count, unsigned *distinct);

#endif
