/* store/text_hash.h -- the hash by which strings are told apart while a segment is made. It is never
 * stored.
 *
 * Most slots and words are short: a call costs more than hashing them. Up to 16 bytes are two words that
 * may overlap, multiplied and folded (as XXH3 and wyhash do); longer ones take hash64().
 * Thread safety: pure functions. */
#ifndef DENDRO_STORE_TEXT_HASH_H
#define DENDRO_STORE_TEXT_HASH_H

#include "base/hash.h"

#include <string.h>

enum { TEXT_HASH_SHORT_MAX = 16 };

__extension__ typedef unsigned __int128 text_hash_product;

/* The product of two words in both halves, folded. */
static inline uint64_t text_hash_fold(uint64_t a, uint64_t b)
{
    text_hash_product product = (text_hash_product)a * b;

    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t text_hash_words(uint64_t first, uint64_t last, size_t len)
{
    /* The words are added as well: a factor that happens to be zero would lose the other one. */
    uint64_t hash = text_hash_fold(first ^ 0x9e3779b97f4a7c15u, last ^ 0xc2b2ae3d27d4eb4fu) + first +
                    (last << 32 | last >> 32) + len;

    return text_hash_fold(hash, 0xd6e8feb86659fd93u);
}

static inline uint64_t text_hash(const char *text, size_t len)
{
    uint64_t first = 0, last = 0;
    uint32_t begin, end;

    if (len > TEXT_HASH_SHORT_MAX)
        return hash64(text, len);
    if (len >= 8) {
        memcpy(&first, text, 8);
        memcpy(&last, text + len - 8, 8);
    } else if (len >= 4) {
        memcpy(&begin, text, 4);
        memcpy(&end, text + len - 4, 4);
        first = begin;
        last = end;
    } else if (len > 0) {
        first = (unsigned char)text[0] | (uint64_t)(unsigned char)text[len / 2] << 8;
        last = (unsigned char)text[len - 1];
    }
    return text_hash_words(first, last, len);
}

#endif
