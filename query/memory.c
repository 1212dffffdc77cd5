/* query/memory.c -- counted memory. */
#include "query/memory.h"

#include "base/memory_budget.h"

#include <stdlib.h>

void memory_init(struct memory *memory, size_t size_max)
{
    atomic_init(&memory->used, 0);
    atomic_init(&memory->peak, 0);
    memory->size_max = size_max;
}

enum status memory_short(struct error *err)
{
    return error_set(err, STATUS_TOO_LARGE,
                     "the queries that run now need more than %llu MiB of memory (key memory): try "
                     "again when others have ended, or narrow its filters",
                     (unsigned long long)memory_budget_limit(MEMORY_QUERIES) >> 20);
}

enum status memory_exceeded(const struct memory *memory, struct error *err)
{
    if (memory_budget_over(MEMORY_QUERIES, MEMORY_PIECE_SIZE))
        return memory_short(err);
    return error_set(err, STATUS_TOO_LARGE,
                     "the query needs more than %zu MiB of memory, as much as one query may use: "
                     "narrow its filters, group by fewer values, or add a limit",
                     memory->size_max >> 20);
}

/* In the limit of the query only: arenas charge the process themselves. */
static enum status count_up(struct memory *memory, size_t size, struct error *err)
{
    size_t used = atomic_fetch_add(&memory->used, size) + size;
    size_t peak = atomic_load(&memory->peak);

    if (used > memory->size_max) {
        atomic_fetch_sub(&memory->used, size);
        return memory_exceeded(memory, err);
    }
    while (used > peak && !atomic_compare_exchange_weak(&memory->peak, &peak, used))
        continue;
    return STATUS_OK;
}

static void count_down(struct memory *memory, size_t size)
{
    atomic_fetch_sub(&memory->used, size);
}

enum status memory_take(struct memory *memory, size_t size, struct error *err)
{
    enum status status = count_up(memory, size, err);

    if (status != STATUS_OK || memory_budget_try(MEMORY_QUERIES, size))
        return status;
    count_down(memory, size);
    return memory_short(err);
}

void memory_give(struct memory *memory, size_t size)
{
    count_down(memory, size);
    memory_budget_discharge(MEMORY_QUERIES, size);
}

void pool_init(struct pool *pool, struct memory *memory)
{
    *pool = (struct pool){.memory = memory, .arena = arena_empty(memory->size_max)};
}

void *pool_alloc(struct pool *pool, size_t size, size_t align, size_t count, struct error *err)
{
    void *made = arena_alloc(&pool->arena, size, align, count);
    size_t grown = pool->arena.allocated - pool->counted;

    if (made == NULL) {
        (void)memory_exceeded(pool->memory, err);
        return NULL;
    }
    if (grown > 0) {
        if (count_up(pool->memory, grown, err) != STATUS_OK)
            return NULL;
        pool->counted = pool->arena.allocated;
    }
    return made;
}

enum status pool_copy(struct pool *pool, struct slice text, struct slice *out, struct error *err)
{
    char *copy;

    *out = (struct slice){0};
    if (text.len == 0)
        return STATUS_OK;
    copy = pool_new(pool, char, text.len, err);
    if (copy == NULL)
        return STATUS_TOO_LARGE;
    memcpy(copy, text.data, text.len);
    *out = (struct slice){copy, text.len};
    return STATUS_OK;
}

void pool_reset(struct pool *pool)
{
    arena_reset(&pool->arena);
    if (pool->counted > pool->arena.allocated) {
        count_down(pool->memory, pool->counted - pool->arena.allocated);
        pool->counted = pool->arena.allocated;
    }
}

void pool_release(struct pool *pool)
{
    if (pool->memory == NULL)
        return;
    count_down(pool->memory, pool->counted);
    arena_release(&pool->arena);
    pool->counted = 0;
}

enum status memory_grow(struct memory *memory, void **items, uint32_t *capacity, uint32_t count,
                        size_t size, struct error *err)
{
    uint32_t wanted = *capacity == 0 ? 16 : *capacity;
    enum status status;
    char *grown;

    if (count <= *capacity)
        return STATUS_OK;
    while (wanted < count && wanted < UINT32_MAX / 2)
        wanted *= 2;
    if (wanted < count)
        return memory_exceeded(memory, err);
    status = memory_take(memory, (size_t)(wanted - *capacity) * size, err);
    if (status != STATUS_OK)
        return status;
    grown = realloc(*items, (size_t)wanted * size);
    if (grown == NULL) {
        memory_give(memory, (size_t)(wanted - *capacity) * size);
        return error_set(err, STATUS_NO_MEMORY, "out of memory");
    }
    memset(grown + (size_t)*capacity * size, 0, (size_t)(wanted - *capacity) * size);
    *items = grown;
    *capacity = wanted;
    return STATUS_OK;
}

void memory_free(struct memory *memory, void **items, uint32_t *capacity, size_t size)
{
    memory_give(memory, (size_t)*capacity * size);
    free(*items);
    *items = NULL;
    *capacity = 0;
}
