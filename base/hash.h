/* base/hash.h -- XXH3 for our own files and tables, CRC32C for frames.
 * Sources: XXH3 (xxhash library); CRC-32C (Castagnoli), RFC 3720 section B.4 for test vectors.
 * Thread safety: pure functions. */
#ifndef DENDRO_BASE_HASH_H
#define DENDRO_BASE_HASH_H

#include "base/slice.h"

#include <stdint.h>

struct hash128 {
    uint64_t low, high;
};

uint64_t hash64(const void *data, size_t len);
uint64_t hash64_seed(const void *data, size_t len, uint64_t seed);
struct hash128 hash128(const void *data, size_t len, uint64_t seed);

static inline bool hash128_equal(struct hash128 a, struct hash128 b)
{
    return a.low == b.low && a.high == b.high;
}

/* CRC-32C; uses the processor's instruction where there is one. */
uint32_t crc32c(const void *data, size_t len);

#endif
