/* store/text_pool.c -- intern, sort and page the strings of a segment. */
#include "store/text_pool.h"

#include "base/byteorder.h"
#include "store/zstd_context.h"

#include <stdlib.h>

enum { PLACES_FIRST = 4096, STRINGS_AHEAD = 16 /* strings lie anywhere */ };
#define POOL_BYTES_MAX ((size_t)1 << 30)

void text_pool_init(struct text_pool *pool)
{
    *pool = (struct text_pool){.arena = arena_empty(POOL_BYTES_MAX)};
}

void text_pool_release(struct text_pool *pool)
{
    arena_release(&pool->arena);
    free(pool->strings);
    free(pool->hashes);
    free(pool->places);
    free(pool->final);
    free(pool->order);
    *pool = (struct text_pool){0};
}

/* Room for `capacity` strings in every array that is indexed by number. */
static bool grow_arrays(struct text_pool *pool, uint32_t capacity)
{
    struct slice *strings = realloc(pool->strings, capacity * sizeof(*strings));
    uint64_t *hashes = realloc(pool->hashes, capacity * sizeof(*hashes));

    pool->strings = strings == NULL ? pool->strings : strings;
    pool->hashes = hashes == NULL ? pool->hashes : hashes;
    return strings != NULL && hashes != NULL;
}

static bool grow(struct text_pool *pool)
{
    uint32_t place_count = pool->place_count == 0 ? PLACES_FIRST : pool->place_count * 2;
    uint32_t *places;

    if (!grow_arrays(pool, place_count / 2))
        return false;
    places = malloc(place_count * sizeof(*places));
    if (places == NULL)
        return false;
    memset(places, 0xff, place_count * sizeof(*places));
    for (uint32_t i = 0; i < pool->count; i++) {
        uint32_t place = (uint32_t)pool->hashes[i] & (place_count - 1);

        while (places[place] != TEXT_POOL_NONE)
            place = (place + 1) & (place_count - 1);
        places[place] = i;
    }
    free(pool->places);
    pool->places = places;
    pool->place_count = place_count;
    pool->capacity = place_count / 2;
    return true;
}

uint32_t text_pool_find(const struct text_pool *pool, uint64_t hash)
{
    uint32_t place = (uint32_t)hash & (pool->place_count - 1);

    if (pool->place_count == 0)
        return TEXT_POOL_NONE;
    for (; pool->places[place] != TEXT_POOL_NONE; place = (place + 1) & (pool->place_count - 1))
        if (pool->hashes[pool->places[place]] == hash)
            return pool->places[place];
    return TEXT_POOL_NONE;
}

uint32_t text_pool_add(struct text_pool *pool, uint64_t hash, struct slice text)
{
    struct slice copy = text.len == 0 ? SLICE_LITERAL("") : arena_copy(&pool->arena, text);
    uint32_t place;

    if (copy.data == NULL || (pool->count >= pool->capacity &&
                              (pool->count >= TEXT_POOL_COUNT_MAX || !grow(pool))))
        return TEXT_POOL_NONE;
    place = (uint32_t)hash & (pool->place_count - 1);
    while (pool->places[place] != TEXT_POOL_NONE)
        place = (place + 1) & (pool->place_count - 1);
    pool->places[place] = pool->count;
    pool->strings[pool->count] = copy;
    pool->hashes[pool->count] = hash;
    return pool->count++;
}

/* Sort key: the first eight bytes as a number decide most comparisons. */
struct sort_entry {
    uint64_t head;
    uint32_t number;
    struct slice text;
};

static int compare_entries(const void *a, const void *b)
{
    const struct sort_entry *left = a, *right = b;

    if (left->head != right->head)
        return left->head < right->head ? -1 : 1;
    return slice_compare(left->text, right->text);
}

static uint64_t head_of(struct slice text)
{
    uint64_t head = 0;

    memcpy(&head, text.data, text.len < 8 ? text.len : 8);
    return __builtin_bswap64(head);
}

bool text_pool_sort(struct text_pool *pool)
{
    struct sort_entry *entries = malloc((pool->count + 1) * sizeof(*entries));

    pool->final = malloc((pool->count + 1) * sizeof(*pool->final));
    pool->order = malloc((pool->count + 1) * sizeof(*pool->order));
    if (entries == NULL || pool->final == NULL || pool->order == NULL) {
        free(entries);
        return false;
    }
    for (uint32_t i = 0; i < pool->count; i++)
        entries[i] = (struct sort_entry){
            .head = head_of(pool->strings[i]), .number = i, .text = pool->strings[i]};
    qsort(entries, pool->count, sizeof(*entries), compare_entries);
    for (uint32_t i = 0; i < pool->count; i++) {
        pool->order[i] = entries[i].number;
        pool->final[entries[i].number] = i;
    }
    free(entries);
    return true;
}

uint32_t text_pool_page_count(const struct text_pool *pool, uint32_t first, size_t *size)
{
    uint32_t at = first;

    *size = 0;
    while (at < pool->count && *size < TEXT_POOL_PAGE_SIZE && at - first < INT_PAGE_COUNT_MAX)
        *size += pool->strings[pool->order[at++]].len;
    return at - first;
}

bool text_page_append(const struct slice *strings, uint32_t count, struct int_encoder *encoder,
                      struct buf *out)
{
    struct buf lengths = buf_empty((size_t)16 << 20);
    int64_t *values = malloc(count * sizeof(*values));
    bool fine = values != NULL;
    size_t size = 0;

    for (uint32_t i = 0; i < count && fine; i++) {
        values[i] = (int64_t)strings[i].len;
        size += strings[i].len;
    }
    fine = fine && int_page_encode(encoder, values, count, &lengths) &&
           buf_append_varint(out, lengths.len) && buf_append_slice(out, buf_slice(&lengths)) &&
           buf_reserve(out, size);
    for (uint32_t i = 0; i < count && fine; i++) {
        if (i + STRINGS_AHEAD < count)
            __builtin_prefetch(strings[i + STRINGS_AHEAD].data);
        fine = buf_append_slice(out, strings[i]);
    }
    free(values);
    buf_release(&lengths);
    return fine;
}

bool text_pool_page_encode(const struct text_pool *pool, uint32_t first, uint32_t count,
                           struct int_encoder *encoder, int level, struct buf *out)
{
    struct buf raw = buf_empty((size_t)64 << 20);
    struct slice *strings = malloc(count * sizeof(*strings));
    bool fine = strings != NULL;

    for (uint32_t i = 0; i < count && fine; i++)
        strings[i] = pool->strings[pool->order[first + i]];
    fine = fine && text_page_append(strings, count, encoder, &raw) &&
           buf_append_varint(out, raw.len) && zstd_append(out, buf_slice(&raw), level);
    free(strings);
    buf_release(&raw);
    return fine;
}

/* From inflated bytes; takes ownership of `memory` in any case. */
static bool text_page_take(char *memory, size_t raw_size, uint32_t count, struct text_page *out)
{
    struct slice rest = {memory, raw_size}, lengths;
    uint64_t lengths_size, end = 0;

    *out = (struct text_page){.memory = memory, .count = count};
    out->ends = malloc(((size_t)count + 1) * sizeof(*out->ends));
    if (out->ends == NULL || count == 0 || !take_varint(&rest, &lengths_size) ||
        lengths_size > rest.len || !take_bytes(&rest, (size_t)lengths_size, &lengths) ||
        !int_page_decode32(lengths, count, out->ends))
        goto damaged;
    out->text = rest;
    for (uint32_t i = 0; i < count; i++) {
        end += out->ends[i];
        out->ends[i] = (uint32_t)end;
        if (end > rest.len)
            goto damaged;
    }
    if (end == rest.len)
        return true;
damaged:
    text_page_release(out);
    return false;
}

bool text_page_decode(struct slice page, size_t raw_size, uint32_t count, struct text_page *out)
{
    char *memory = malloc(raw_size + 1);

    *out = (struct text_page){0};
    if (memory == NULL || !zstd_read(page, memory, raw_size)) {
        free(memory);
        return false;
    }
    return text_page_take(memory, raw_size, count, out);
}

void text_page_release(struct text_page *page)
{
    free(page->memory);
    free(page->ends);
    *page = (struct text_page){0};
}
