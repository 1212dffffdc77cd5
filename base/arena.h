/* base/arena.h -- one arena per unit of work: allocate piece by piece, free as a whole.
 * Memory comes zeroed. An arena cannot exist without its maximum; at the limit, or out of memory,
 * arena_alloc() gives NULL and sets `failed`.
 * Thread safety: one thread at a time per arena. */
#ifndef DENDRO_BASE_ARENA_H
#define DENDRO_BASE_ARENA_H

#include "base/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena_chunk;

struct arena {
    char *next, *end;           /* what is free of the newest chunk */
    struct arena_chunk *chunks; /* newest first */
    struct arena_chunk *spares; /* empty: kept by arena_reset() */
    size_t used;                /* bytes handed out, with alignment */
    size_t size_max;            /* bytes it may ever take from the heap */
    size_t allocated;           /* bytes taken from the heap, spares included */
    size_t kept_max;            /* bytes that a reset keeps; 0: the largest chunk */
    bool failed;
};

static inline struct arena arena_empty(size_t size_max)
{
    return (struct arena){.size_max = size_max};
}

/* `count` zeroed objects of `size` bytes, or NULL. */
void *arena_alloc(struct arena *arena, size_t size, size_t align, size_t count);
#define arena_new(arena, type, count) \
    ((type *)arena_alloc((arena), sizeof(type), _Alignof(type), (count)))

/* arena_take() of bytes for which the newest chunk has no room; for nobody else. */
void *arena_take_chunk(struct arena *arena, size_t bytes);

/* As arena_alloc(), but not zeroed: for what is written whole at once. Inline: several per line. */
static inline void *arena_take(struct arena *arena, size_t size, size_t align, size_t count)
{
    size_t bytes, pad = -(uintptr_t)arena->next & (align - 1), needed;
    char *memory;

    if (__builtin_mul_overflow(size, count, &bytes))
        bytes = SIZE_MAX; /* refused there */
    if (arena->next == NULL || __builtin_add_overflow(bytes, pad, &needed) ||
        needed > (size_t)(arena->end - arena->next))
        return arena_take_chunk(arena, bytes);
    memory = arena->next + pad;
    arena->next += needed;
    arena->used += needed;
    return memory;
}

/* A copy that lives as long as the arena; arena_copy_text() adds a NUL behind it.
 * On failure the empty slice / NULL, with `failed` set. */
struct slice arena_copy(struct arena *arena, struct slice text);
char *arena_copy_text(struct arena *arena, struct slice text);

/* Give all back for reuse; chunks are kept up to `kept_max`, or else the largest one. */
void arena_reset(struct arena *arena);
void arena_release(struct arena *arena);

#endif
