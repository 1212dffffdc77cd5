/* collector/derive_front.c -- cut the front off a text and find its place in the table. */
#include "collector/derive_front.h"

#include "base/byteorder.h"

#include <stdlib.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum {
    FRONT_SIZE_MIN = 8,
    SEGMENTS_MAX = 5,
    SEGMENT_SIZE_MAX = 20, /* what is longer is most likely an id, */
    SEGMENT_OF_TENANT = 2, /* but not in /a/<tenant>/: the first one is in front of the slash */
};

struct derive_memory *derive_memory_new(void)
{
    struct derive_memory *memory = aligned_alloc(_Alignof(struct derive_memory), sizeof(*memory));

    if (memory == NULL)
        return NULL;
    memset(memory, 0, sizeof(*memory));
    derive_shapes_init(&memory->shapes);
    return memory;
}

void derive_memory_free(struct derive_memory *memory)
{
    if (memory == NULL)
        return;
    derive_shapes_release(&memory->shapes);
    free(memory);
}

/* Bit i: byte i is a slash; of the first FRONT_SIZE_MAX bytes. */
static uint64_t find_slashes(struct slice text)
{
    size_t len = text.len < FRONT_SIZE_MAX ? text.len : FRONT_SIZE_MAX;
    uint64_t slashes = 0;
    size_t at = 0;

#ifdef __SSE2__
    const __m128i slash = _mm_set1_epi8('/');

    for (; at + 16 <= len; at += 16)
        slashes |= (uint64_t)(unsigned)_mm_movemask_epi8(
                       _mm_cmpeq_epi8(_mm_loadu_si128((const void *)(text.data + at)), slash))
                   << at;
    if (at < len && len >= 16)
        return slashes | (uint64_t)(unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(
                             _mm_loadu_si128((const void *)(text.data + len - 16)), slash))
                             << (len - 16);
#endif
    for (; at < len; at++)
        slashes |= (uint64_t)(text.data[at] == '/') << at;
    return slashes;
}

/* Whole segments, up to the first that looks like an id. */
static size_t front_len(struct slice text)
{
    uint64_t slashes = find_slashes(text);
    size_t len = 0;

    for (unsigned segment = 0; slashes != 0 && segment < SEGMENTS_MAX; segment++) {
        size_t slash = (size_t)__builtin_ctzll(slashes);

        if (slash - len >= SEGMENT_SIZE_MAX && segment > SEGMENT_OF_TENANT)
            break;
        len = slash + 1;
        slashes &= slashes - 1;
    }
    return len;
}

/* Of eight bytes or more. */
static uint64_t hash_of(const char *bytes, size_t len)
{
    uint64_t hash = len;

    for (size_t at = 0; at + 8 < len; at += 8)
        hash = (hash ^ get_le64(bytes + at)) * UINT64_C(0x9e3779b97f4a7c15);
    hash = (hash ^ get_le64(bytes + len - 8)) * UINT64_C(0x9e3779b97f4a7c15);
    return hash >> 40;
}

void derive_memory_use(struct derive_memory *memory, uint64_t rules)
{
    if (memory->rules == rules)
        return;
    for (size_t i = 0; i < FRONTS_COUNT; i++)
        memory->fronts[i].len = 0;
    derive_shapes_forget(&memory->shapes);
    memory->rules = rules;
}

static bool is_front(const struct derive_front *front, struct slice text, size_t len)
{
    return front->len == len && memcmp(front->bytes, text.data, len) == 0;
}

static void start_front(struct derive_front *front, const struct url_set *set, struct slice bytes)
{
    struct url_walk walk = url_set_begin(set);

    url_set_walk(set, &walk, bytes);
    *front = (struct derive_front){
        .len = (uint8_t)bytes.len, .row = (uint16_t)walk.row, .found = walk.found};
    memcpy(front->bytes, bytes.data, bytes.len);
}

struct derive_front *derive_memory_front(struct derive_memory *memory, const struct url_set *set,
                                         struct slice text)
{
    size_t len = front_len(text), place;
    struct derive_front *ways;

    if (len < FRONT_SIZE_MIN)
        return NULL;
    place = hash_of(text.data, len) % (FRONTS_COUNT / FRONT_WAYS);
    ways = &memory->fronts[place * FRONT_WAYS];
    for (uint8_t way = 0; way < FRONT_WAYS; way++)
        if (is_front(&ways[way], text, len)) {
            memory->hits++;
            memory->last[place] = way;
            return &ways[way];
        }
    memory->misses++;
    memory->last[place] = (uint8_t)((memory->last[place] + 1) % FRONT_WAYS);
    start_front(&ways[memory->last[place]], set, slice_first(text, len));
    return &ways[memory->last[place]];
}
