/* base/arena.h -- one arena per unit of work: allocate piece by piece, free as a whole.
 * Memory comes zeroed. An arena cannot exist without its maximum; at the limit, or out of memory,
 * arena_alloc() gives NULL and sets `failed`.
 * Thread safety: one thread at a time per arena. */
#ifndef DENDRO_BASE_ARENA_H
#define DENDRO_BASE_ARENA_H

#include "base/slice.h"

#include <stdbool.h>
#include <stddef.h>

struct arena_chunk;

struct arena {
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

/* As arena_alloc(), but not zeroed: for what is written whole at once. */
void *arena_take(struct arena *arena, size_t size, size_t align, size_t count);

/* A copy that lives as long as the arena; arena_copy_text() adds a NUL behind it.
 * On failure the empty slice / NULL, with `failed` set. */
struct slice arena_copy(struct arena *arena, struct slice text);
char *arena_copy_text(struct arena *arena, struct slice text);

/* Give all back for reuse; chunks are kept up to `kept_max`, or else the largest one. */
void arena_reset(struct arena *arena);
void arena_release(struct arena *arena);

#endif
