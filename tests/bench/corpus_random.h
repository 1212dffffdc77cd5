/* tests/bench/corpus_random.h -- the deterministic randomness of the corpus: splitmix64
 * (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014), Zipf ranks.
 * Thread safety: one thread per generator. */
#ifndef DENDRO_TESTS_BENCH_CORPUS_RANDOM_H
#define DENDRO_TESTS_BENCH_CORPUS_RANDOM_H

#include <math.h>
#include <stdint.h>

struct corpus_random {
    uint64_t state;
};

static inline uint64_t random_u64(struct corpus_random *random)
{
    uint64_t z = random->state += 0x9E3779B97F4A7C15U;

    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
    return z ^ (z >> 31);
}

static inline uint32_t random_below(struct corpus_random *random, uint32_t limit)
{
    return (uint32_t)(((random_u64(random) >> 32) * limit) >> 32);
}

static inline double random_unit(struct corpus_random *random)
{
    return (double)(random_u64(random) >> 11) * 0x1p-53;
}

/* Rank 0..limit-1, Zipf with exponent near 1: P(rank) ~ 1 / (rank + 1), by inversion of the
 * continuous form. */
static inline uint32_t random_zipf(struct corpus_random *random, uint32_t limit)
{
    uint32_t rank = (uint32_t)(exp(random_unit(random) * log((double)limit + 1)) - 1);

    return rank < limit ? rank : limit - 1;
}

/* Log-normal: latencies have long tails. */
static inline double random_lognormal(struct corpus_random *random, double median, double sigma)
{
    double u = random_unit(random) + 1e-12;
    double v = random_unit(random);

    return median * exp(sigma * sqrt(-2 * log(u)) * cos(6.283185307179586 * v));
}

#endif
