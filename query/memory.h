/* query/memory.h -- what one query may keep at once, counted over all its operators and threads.
 *
 * A pool is an arena whose bytes are counted; things that live in the heap are counted by hand.
 * Thread safety: a memory may be used by all threads of a run, a pool by one at a time. */
#ifndef DENDRO_QUERY_MEMORY_H
#define DENDRO_QUERY_MEMORY_H

#include "base/arena.h"
#include "base/error.h"

#include <stdatomic.h>
#include <stddef.h>

struct memory {
    atomic_size_t used, peak;
    size_t size_max;
};

/* The smallest piece that pools take, and so the least that a query must still be able to get. */
enum { MEMORY_PIECE_SIZE = 1 << 20 };

void memory_init(struct memory *memory, size_t size_max);
/* Of the heap, and of all queries together (MEMORY_QUERIES of base/memory_budget.h). TOO_LARGE names
 * the limit and the key that raises it. */
enum status memory_take(struct memory *memory, size_t size, struct error *err) WARN_UNUSED;
void memory_give(struct memory *memory, size_t size);
/* The sentence of memory_take(), for limits that are noticed elsewhere. */
enum status memory_exceeded(const struct memory *memory, struct error *err);
/* The other one: the query is within its limit, but there is no room in that of all. */
enum status memory_short(struct error *err);

struct pool {
    struct memory *memory;
    struct arena arena;
    size_t counted; /* bytes of the arena that `memory` knows */
};

void pool_init(struct pool *pool, struct memory *memory);
/* Zeroed; NULL with `err` set. */
void *pool_alloc(struct pool *pool, size_t size, size_t align, size_t count, struct error *err);
#define pool_new(pool, type, count, err) \
    ((type *)pool_alloc((pool), sizeof(type), _Alignof(type), (count), (err)))
enum status pool_copy(struct pool *pool, struct slice text, struct slice *out,
                      struct error *err) WARN_UNUSED;
void pool_reset(struct pool *pool);
void pool_release(struct pool *pool);

/* An array in the heap that grows by doubling and is counted: `*items` gets room for `count`
 * items of `size` bytes, new ones zeroed. `*capacity` is 0 at first. */
enum status memory_grow(struct memory *memory, void **items, uint32_t *capacity, uint32_t count,
                        size_t size, struct error *err) WARN_UNUSED;
void memory_free(struct memory *memory, void **items, uint32_t *capacity, size_t size);

#endif
