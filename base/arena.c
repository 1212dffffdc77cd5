/* base/arena.c -- chunks that double in size; the newest serves until it is full. */
#include "base/arena.h"

#include "base/spare.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

enum {
    ARENA_CHUNK_SIZE_MIN = 4096,
    /* With its header and that of the piece a megabyte, and no page more: MEMORY_PIECE_SIZE of
     * queries. A larger single object gets a chunk of its own size. */
    ARENA_CHUNK_SIZE_MAX = (1 << 20) - SPARE_HEADER_SIZE - 16,
};

struct arena_chunk {
    struct arena_chunk *next;
    size_t size; /* bytes behind this header */
    _Alignas(max_align_t) char bytes[];
};
static_assert(SPARE_HEADER_SIZE + sizeof(struct arena_chunk) + ARENA_CHUNK_SIZE_MAX == 1 << 20,
              "a piece of even size");

static struct arena_chunk *take_spare(struct arena *arena, size_t needed)
{
    struct arena_chunk **at = &arena->spares;
    struct arena_chunk *chunk;

    while (*at != NULL && (*at)->size < needed)
        at = &(*at)->next;
    chunk = *at;
    if (chunk == NULL)
        return NULL;
    *at = chunk->next;
    chunk->next = arena->chunks;
    arena->chunks = chunk;
    return chunk;
}

static struct arena_chunk *chunk_new(struct arena *arena, size_t needed)
{
    size_t size = arena->chunks == NULL ? ARENA_CHUNK_SIZE_MIN : arena->chunks->size * 2;
    struct arena_chunk *chunk = take_spare(arena, needed);
    size_t total;

    if (chunk != NULL)
        return chunk;
    if (size > ARENA_CHUNK_SIZE_MAX)
        size = ARENA_CHUNK_SIZE_MAX;
    if (size < needed)
        size = needed;
    if (__builtin_add_overflow(size, sizeof(*chunk), &total) ||
        total > arena->size_max - arena->allocated)
        return NULL;
    chunk = spare_take(total);
    if (chunk == NULL)
        return NULL;
    *chunk = (struct arena_chunk){.next = arena->chunks, .size = size};
    arena->chunks = chunk;
    arena->allocated += total;
    return chunk;
}

void *arena_take_chunk(struct arena *arena, size_t bytes)
{
    struct arena_chunk *chunk = bytes > SIZE_MAX / 2 ? NULL : chunk_new(arena, bytes);

    if (chunk == NULL) {
        arena->failed = true;
        return NULL;
    }
    arena->next = chunk->bytes + bytes;
    arena->end = chunk->bytes + chunk->size;
    arena->used += bytes;
    return chunk->bytes;
}

void *arena_alloc(struct arena *arena, size_t size, size_t align, size_t count)
{
    void *memory = arena_take(arena, size, align, count);

    if (memory != NULL)
        memset(memory, 0, size * count);
    return memory;
}

struct slice arena_copy(struct arena *arena, struct slice text)
{
    char *copy = arena_take(arena, 1, 1, text.len);

    if (copy == NULL)
        return (struct slice){NULL, 0};
    if (text.len > 0)
        memcpy(copy, text.data, text.len);
    return (struct slice){copy, text.len};
}

char *arena_copy_text(struct arena *arena, struct slice text)
{
    char *copy = text.len == SIZE_MAX ? NULL : arena_alloc(arena, 1, 1, text.len + 1);

    if (copy != NULL && text.len > 0)
        memcpy(copy, text.data, text.len);
    return copy;
}

static void free_chunks(struct arena_chunk *chunk)
{
    struct arena_chunk *next;

    for (; chunk != NULL; chunk = next) {
        next = chunk->next;
        spare_give(chunk);
    }
}

/* The spares are not walked, which have been out of the processor's sight for long. */
void arena_reset(struct arena *arena)
{
    struct arena_chunk *largest = arena->chunks;
    struct arena_chunk *next;

    for (struct arena_chunk *chunk = arena->chunks; chunk != NULL; chunk = chunk->next) {
        arena->allocated -= chunk->size + sizeof(*chunk);
        if (chunk->size > largest->size)
            largest = chunk;
    }
    for (struct arena_chunk *chunk = arena->chunks; chunk != NULL; chunk = next) {
        size_t size = chunk->size + sizeof(*chunk);

        next = chunk->next;
        if (arena->kept_max == 0 ? chunk != largest : arena->allocated + size > arena->kept_max) {
            spare_give(chunk);
            continue;
        }
        chunk->next = arena->spares;
        arena->spares = chunk;
        arena->allocated += size;
    }
    arena->chunks = NULL;
    arena->next = arena->end = NULL;
    arena->used = 0;
    arena->failed = false;
}

void arena_release(struct arena *arena)
{
    free_chunks(arena->chunks);
    free_chunks(arena->spares);
    *arena = arena_empty(arena->size_max);
}
