/* store/encoding/int_page_cost.c -- count bytes, then sum up their logarithms. */
#include "store/encoding/int_page_cost.h"

#include <pthread.h>
#include <string.h>

enum { BYTE_VALUES = 256, WEIGHT_COUNT = 1024 /* 8 KB: stays in the cache */ };

/* count * log2(count), to within count / 1000. The exponent of a double is the whole part of its
 * logarithm; the rest is a cubic through 0 and 1. */
static double weighted_log2(uint32_t count)
{
    double number = count, whole, part;
    uint64_t bits;

    if (count < 2)
        return 0;
    memcpy(&bits, &number, sizeof(bits));
    whole = (double)((int)(bits >> 52) - 1023);
    bits = (bits & 0xfffffffffffffu) | 0x3ff0000000000000u;
    memcpy(&part, &bits, sizeof(part));
    part -= 1;
    return number * (whole + part + part * (1 - part) * (0.42739 - 0.1751 * part));
}

/* Of counts that most byte values have. */
static double weights[WEIGHT_COUNT];
static pthread_once_t weights_once = PTHREAD_ONCE_INIT;

static void make_weights(void)
{
    for (uint32_t count = 0; count < WEIGHT_COUNT; count++)
        weights[count] = weighted_log2(count);
}

static inline double weight_of(uint32_t count)
{
    return count < WEIGHT_COUNT ? weights[count] : weighted_log2(count);
}

/* Of `count` bytes, none of which is above `largest`. Bytes that do not occur weigh nothing; which ones
 * do no processor foresees, so none is left out. Four sums do not wait for each other. */
static double entropy(const uint32_t even[BYTE_VALUES], const uint32_t odd[BYTE_VALUES],
                      unsigned largest, size_t count, unsigned *distinct)
{
    double sums[4] = {0};
    unsigned occur = 0;

    (void)pthread_once(&weights_once, make_weights);
    for (unsigned i = 0; i <= largest; i += 4) /* largest | 3 is below BYTE_VALUES */
        for (unsigned k = 0; k < 4; k++) {
            uint32_t occurs = even[i + k] + odd[i + k];

            occur += occurs != 0;
            sums[k] += weight_of(occurs);
        }
    *distinct = occur;
    return (weight_of((uint32_t)count) - (sums[0] + sums[1] + sums[2] + sums[3])) / 8;
}

/* Equal neighbours do not wait for each other in two tables. */
static void count_numbers(const uint64_t *residuals, size_t count, unsigned shift, uint32_t *even,
                          uint32_t *odd)
{
    size_t i = 0;

    for (; i + 4 <= count; i += 4) {
        even[residuals[i] >> shift & 255]++;
        odd[residuals[i + 1] >> shift & 255]++;
        even[residuals[i + 2] >> shift & 255]++;
        odd[residuals[i + 3] >> shift & 255]++;
    }
    for (; i < count; i++)
        even[residuals[i] >> shift & 255]++;
}

double int_cost_of_numbers(const uint64_t *residuals, size_t count, uint64_t largest,
                           double planes[sizeof(uint64_t)])
{
    double size = 0;
    unsigned distinct;

    for (unsigned byte = 0; byte < sizeof(largest) && largest >> (8 * byte) != 0; byte++) {
        uint64_t highest = largest >> (8 * byte);
        uint32_t even[BYTE_VALUES] = {0}, odd[BYTE_VALUES] = {0};

        count_numbers(residuals, count, 8 * byte, even, odd);
        planes[byte] = entropy(even, odd,
                               highest < BYTE_VALUES ? (unsigned)highest : BYTE_VALUES - 1, count,
                               &distinct);
        size += planes[byte];
    }
    return size;
}

double int_cost_of_plane(const uint8_t *plane, size_t count, unsigned *distinct)
{
    uint32_t even[BYTE_VALUES] = {0}, odd[BYTE_VALUES] = {0};
    size_t i = 0;

    for (; i + 8 <= count; i += 8) {
        uint64_t eight;

        memcpy(&eight, plane + i, sizeof(eight));
        for (unsigned pair = 0; pair < 4; pair++, eight >>= 16) {
            even[eight & 255]++;
            odd[eight >> 8 & 255]++;
        }
    }
    for (; i < count; i++)
        even[plane[i]]++;
    return entropy(even, odd, BYTE_VALUES - 1, count, distinct);
}
