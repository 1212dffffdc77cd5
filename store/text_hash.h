/* store/text_hash.h -- the hash by which strings are told apart while a segment is made. It is never
 * stored.
 *
 * Most slots and words are short: a call costs more than hashing them. Up to 16 bytes are two words,
 * zeros behind the text, multiplied and folded (as XXH3 and wyhash do); up to 32 are two such pairs that
 * may overlap; longer ones take hash64().
 * Thread safety: pure functions. */
#ifndef DENDRO_STORE_TEXT_HASH_H
#define DENDRO_STORE_TEXT_HASH_H

#include "base/hash.h"

#include <string.h>

enum { TEXT_HASH_SHORT_MAX = 16, TEXT_HASH_PAIRS_MAX = 32 };

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
    uint64_t hash = text_hash_fold(first ^ 0x9e3779b97f4a7c15u, last ^ 0xc2b2ae3d27d4eb4fu) +
                    first + (last << 32 | last >> 32) + len;

    return text_hash_fold(hash, 0xd6e8feb86659fd93u);
}

static inline uint64_t text_hash_load(const void *at)
{
    uint64_t word;

    memcpy(&word, at, sizeof(word));
    return word;
}

static inline uint64_t text_hash_long(const char *text, size_t len)
{
    uint64_t hash;

    if (len > TEXT_HASH_PAIRS_MAX)
        return hash64(text, len);
    hash = text_hash_words(text_hash_load(text), text_hash_load(text + 8), len);
    return text_hash_words(text_hash_load(text + len - 16) ^ hash, text_hash_load(text + len - 8),
                           len);
}

/* Bytes are put where the text has them, as text_hash_readable() finds them. */
static inline uint64_t text_hash(const char *text, size_t len)
{
    uint64_t words[2] = {0, 0};

    if (len > TEXT_HASH_SHORT_MAX)
        return text_hash_long(text, len);
    if (len >= 8) {
        words[0] = text_hash_load(text);
        if (len > 8) /* of the last eight bytes those behind the first eight */
            words[1] = text_hash_load(text + len - 8) >> (8 * (TEXT_HASH_SHORT_MAX - len));
    } else if (len >= 4) { /* two halves, or three pieces, that may overlap */
        uint32_t begin, end;

        memcpy(&begin, text, 4);
        memcpy(&end, text + len - 4, 4);
        words[0] = begin | (uint64_t)end << (8 * (len - 4));
    } else if (len > 0) {
        words[0] = (unsigned char)text[0] |
                   (uint64_t)(unsigned char)text[len / 2] << (8 * (len / 2)) |
                   (uint64_t)(unsigned char)text[len - 1] << (8 * (len - 1));
    }
    return text_hash_words(words[0], words[1], len);
}

/* The same of a text of which TEXT_HASH_SHORT_MAX bytes may be read, however short it is. */
static inline uint64_t text_hash_readable(const char *text, size_t len)
{
    static const unsigned char masks[2 * TEXT_HASH_SHORT_MAX] = {
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    const unsigned char *mask;

    if (len > TEXT_HASH_SHORT_MAX)
        return text_hash_long(text, len);
    mask = masks + TEXT_HASH_SHORT_MAX - len;
    return text_hash_words(text_hash_load(text) & text_hash_load(mask),
                           text_hash_load(text + 8) & text_hash_load(mask + 8), len);
}

#endif
