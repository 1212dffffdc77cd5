/* tests/support/random.h -- a seeded generator: the same seed gives the same run everywhere.
 * Source: splitmix64 (Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators", 2014).
 * Thread safety: one thread at a time per generator. */
#ifndef DENDRO_TESTS_SUPPORT_RANDOM_H
#define DENDRO_TESTS_SUPPORT_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

struct test_random {
    uint64_t state; /* the seed; any value is fine */
};

static inline uint64_t test_random_next(struct test_random *random)
{
    uint64_t mixed = random->state += 0x9E3779B97F4A7C15U;

    mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9U;
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBU;
    return mixed ^ (mixed >> 31);
}

/* 0 .. limit - 1; limit > 0. The bias of the remainder does not matter for tests. */
static inline uint64_t test_random_below(struct test_random *random, uint64_t limit)
{
    return test_random_next(random) % limit;
}

/* True `percent` times in a hundred. */
static inline bool test_random_chance(struct test_random *random, unsigned percent)
{
    return test_random_below(random, 100) < percent;
}

#endif
