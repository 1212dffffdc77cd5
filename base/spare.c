/* base/spare.c -- large pieces are cut from one range of addresses, which is reserved as a whole and
 * gets memory block by block. A block is as long as a large page of the system: one fault brings 2 MiB
 * of cleared memory, where 512 faults would take ten times as long, and addresses are looked up faster
 * in it. A block of no piece waits with its memory for the next piece, until it is given back. */
#include "base/spare.h"

#include "base/extents.h"

#include <assert.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#if defined(__SANITIZE_ADDRESS__)
#define KEEPS false
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define KEEPS false
#endif
#endif
#ifndef KEEPS
#define KEEPS true
#endif

enum {
    PAGE_SIZE = 4096,
    BLOCK_SIZE = 2 << 20,
    BLOCK_COUNT = 2048, /* 4 GiB of addresses; what does not fit comes from the allocator */
};
#define RANGE_SIZE ((size_t)BLOCK_COUNT * BLOCK_SIZE)

/* Stands before the memory that it describes. */
struct spare {
    size_t size; /* bytes behind it */
    enum memory_class class;
    _Alignas(max_align_t) char bytes[];
};
static_assert(sizeof(struct spare) == SPARE_HEADER_SIZE, "who takes whole pages counts on it");

enum block_memory { BLOCK_NONE, BLOCK_WHOLE, BLOCK_PIECES }; /* what of it may be resident */

struct block {
    uint16_t pages; /* of pieces */
    enum block_memory memory;
    int64_t changed_ns;
};

static struct {
    pthread_mutex_t lock;
    char *base; /* NULL: all pieces come from the allocator */
    struct extents extents;
    struct block blocks[BLOCK_COUNT];
    size_t block_end;      /* behind the last that has memory */
    size_t resident, used; /* bytes that blocks have, and pieces */
    size_t charged;        /* to MEMORY_SPARES */
    size_t kept_max;
    int64_t now_ns;
} range = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct spare *spare_of(void *memory)
{
    return (struct spare *)((char *)memory - offsetof(struct spare, bytes));
}

static size_t whole_size(const struct spare *spare)
{
    return sizeof(*spare) + spare->size;
}

static size_t round_to_pages(size_t size)
{
    return (size + PAGE_SIZE - 1) & ~(size_t)(PAGE_SIZE - 1);
}

/* With what stands before it. */
static size_t size_of_piece(size_t size)
{
    return size < SPARE_SIZE_MIN ? sizeof(struct spare) + size
                                 : round_to_pages(sizeof(struct spare) + size);
}

static bool in_range(const struct spare *spare)
{
    return range.base != NULL && (uintptr_t)spare - (uintptr_t)range.base < RANGE_SIZE;
}

static size_t place_of(const struct spare *spare)
{
    return (size_t)((const char *)spare - range.base);
}

/* ---- blocks; all with the lock held ---- */

static size_t kept(void)
{
    return range.resident - range.used;
}

static void charge_kept(void)
{
    size_t now = kept();

    if (now > range.charged)
        memory_budget_charge(MEMORY_SPARES, now - range.charged);
    else
        memory_budget_discharge(MEMORY_SPARES, range.charged - now);
    range.charged = now;
}

static size_t resident_size(const struct block *block)
{
    if (block->memory == BLOCK_WHOLE)
        return BLOCK_SIZE;
    return block->memory == BLOCK_NONE ? 0 : (size_t)block->pages * PAGE_SIZE;
}

static void set_block(struct block *block, size_t pages, enum block_memory memory)
{
    range.resident -= resident_size(block);
    block->pages = (uint16_t)pages;
    block->memory = memory;
    range.resident += resident_size(block);
}

/* Pages of the piece at `at` to `end` in a block. */
static size_t pages_in(size_t block, size_t at, size_t end)
{
    size_t from = block * BLOCK_SIZE, to = from + BLOCK_SIZE;

    return ((end < to ? end : to) - (at > from ? at : from)) / PAGE_SIZE;
}

static void occupy(size_t at, size_t size)
{
    size_t i = at / BLOCK_SIZE;

    for (; i * BLOCK_SIZE < at + size; i++) {
        struct block *block = &range.blocks[i];

        set_block(block, block->pages + pages_in(i, at, at + size), BLOCK_WHOLE);
        block->changed_ns = range.now_ns;
    }
    if (range.block_end < i)
        range.block_end = i;
    range.used += size;
    charge_kept();
}

static bool drop(size_t at, size_t size)
{
    return madvise(range.base + at, size, MADV_DONTNEED) == 0;
}

/* What is free in a block between pieces. Its large page is lost. */
static void drop_holes(size_t index)
{
    size_t from = index * BLOCK_SIZE, to = from + BLOCK_SIZE;

    for (size_t i = 0; i < range.extents.count; i++) {
        const struct extent *hole = &range.extents.free[i];
        size_t at = hole->at > from ? hole->at : from;
        size_t end = hole->at + hole->size < to ? hole->at + hole->size : to;

        if (at < end && !drop(at, end - at))
            return;
    }
    set_block(&range.blocks[index], range.blocks[index].pages, BLOCK_PIECES);
}

/* Blocks of no piece lose their memory, the last first, while more than `kept_max` bytes are kept;
 * blocks where nothing has changed since `before_ns` lose all that is of no piece. */
static void give_back(size_t kept_max, int64_t before_ns)
{
    for (size_t i = range.block_end; i-- > 0;) {
        struct block *block = &range.blocks[i];
        bool old = block->changed_ns < before_ns;

        if (block->memory != BLOCK_NONE && block->pages == 0 && (old || kept() > kept_max) &&
            drop(i * BLOCK_SIZE, BLOCK_SIZE))
            set_block(block, 0, BLOCK_NONE);
        else if (block->memory == BLOCK_WHOLE && block->pages > 0 && old)
            drop_holes(i);
        if (block->memory == BLOCK_NONE && i + 1 == range.block_end)
            range.block_end = i;
    }
    charge_kept();
}

static void vacate(size_t at, size_t size)
{
    for (size_t i = at / BLOCK_SIZE; i * BLOCK_SIZE < at + size; i++) {
        struct block *block = &range.blocks[i];

        set_block(block, block->pages - pages_in(i, at, at + size), BLOCK_WHOLE);
        block->changed_ns = range.now_ns;
    }
    range.used -= size;
    if (kept() > range.kept_max)
        give_back(range.kept_max, INT64_MIN);
    charge_kept();
}

/* ---- pieces ---- */

static struct spare *cut(size_t whole, bool grows)
{
    size_t at = EXTENTS_NONE;

    (void)pthread_mutex_lock(&range.lock);
    if (range.base != NULL)
        at = grows ? extents_take_widest(&range.extents, whole)
                   : extents_take(&range.extents, whole);
    if (at != EXTENTS_NONE)
        occupy(at, whole);
    (void)pthread_mutex_unlock(&range.lock);
    return at == EXTENTS_NONE ? NULL : (struct spare *)(range.base + at);
}

static void put_back(struct spare *spare, size_t whole)
{
    if (!in_range(spare)) {
        free(spare);
        return;
    }
    (void)pthread_mutex_lock(&range.lock);
    extents_give(&range.extents, place_of(spare), whole);
    vacate(place_of(spare), whole);
    (void)pthread_mutex_unlock(&range.lock);
}

/* Cut before it is charged: else what is kept for it would count twice. */
static void *take(size_t size, bool grows)
{
    enum memory_class class = memory_budget_current();
    size_t whole = size_of_piece(size);
    struct spare *spare = size < SPARE_SIZE_MIN ? NULL : cut(whole, grows);

    if (!memory_budget_try(class, whole)) {
        if (spare != NULL)
            put_back(spare, whole);
        return NULL;
    }
    if (spare == NULL)
        spare = malloc(whole);
    if (spare == NULL) {
        memory_budget_discharge(class, whole);
        return NULL;
    }
    *spare = (struct spare){.size = whole - sizeof(*spare), .class = class};
    return spare->bytes;
}

void *spare_take(size_t size)
{
    return size > SPARE_SIZE_MAX ? NULL : take(size, false);
}

void spare_give(void *memory)
{
    struct spare *spare = memory == NULL ? NULL : spare_of(memory);

    if (spare == NULL)
        return;
    memory_budget_discharge(spare->class, whole_size(spare));
    put_back(spare, whole_size(spare));
}

/* Into what is free behind it. It is charged afterwards, as in take(). */
static bool extend(struct spare *spare, size_t size)
{
    size_t more = size_of_piece(size) - whole_size(spare);
    size_t end = place_of(spare) + whole_size(spare);
    bool fits;

    (void)pthread_mutex_lock(&range.lock);
    fits = extents_extend(&range.extents, end, more);
    if (fits)
        occupy(end, more);
    (void)pthread_mutex_unlock(&range.lock);
    if (!fits)
        return false;
    if (memory_budget_try(spare->class, more)) {
        spare->size += more;
        return true;
    }
    (void)pthread_mutex_lock(&range.lock);
    extents_give_tail(&range.extents, end, more);
    vacate(end, more);
    (void)pthread_mutex_unlock(&range.lock);
    return false;
}

/* One of the allocator's. The class that it was charged to takes the rest, too. */
static void *resize(struct spare *from, size_t size)
{
    size_t whole = size_of_piece(size), more = whole - whole_size(from);
    struct spare *to;

    if (!memory_budget_try(from->class, more))
        return NULL;
    to = realloc(from, whole);
    if (to == NULL) {
        memory_budget_discharge(from->class, more);
        return NULL;
    }
    to->size += more;
    return to->bytes;
}

void *spare_grow(void *memory, size_t used, size_t size)
{
    struct spare *from = memory == NULL ? NULL : spare_of(memory);
    void *to;

    if (from != NULL && from->size >= size)
        return memory;
    if (from == NULL || size > SPARE_SIZE_MAX)
        return spare_take(size);
    if (!in_range(from) && (size < SPARE_SIZE_MIN || range.base == NULL))
        return resize(from, size);
    if (in_range(from) && extend(from, size))
        return memory;
    to = take(size, size > SPARE_GROWING_MIN);
    if (to == NULL)
        return NULL;
    memcpy(to, memory, used);
    spare_give(memory);
    return to;
}

void spare_charge(void *memory, enum memory_class class)
{
    struct spare *spare = spare_of(memory);

    memory_budget_move(spare->class, class, whole_size(spare));
    spare->class = class;
}

/* ---- what is kept ---- */

static void reclaim(size_t wanted)
{
    (void)pthread_mutex_lock(&range.lock);
    give_back(kept() > wanted ? kept() - wanted : 0, INT64_MIN);
    (void)pthread_mutex_unlock(&range.lock);
}

/* Without addresses, or large pages, all goes on without them. */
static void reserve_range(void)
{
    size_t size = RANGE_SIZE + BLOCK_SIZE;
    char *memory;

    if (!extents_init(&range.extents, RANGE_SIZE))
        return;
    memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        extents_release(&range.extents);
        return;
    }
    range.base = memory + (-(uintptr_t)memory & (BLOCK_SIZE - 1));
    (void)madvise(range.base, RANGE_SIZE, MADV_HUGEPAGE);
}

void spare_keep(size_t size_max)
{
    memory_budget_reclaimer(reclaim);
    (void)pthread_mutex_lock(&range.lock);
    if (KEEPS && size_max > 0 && range.base == NULL)
        reserve_range();
    range.kept_max = size_max;
    give_back(range.kept_max, INT64_MIN);
    (void)pthread_mutex_unlock(&range.lock);
}

void spare_trim(int64_t mono_ns)
{
    (void)pthread_mutex_lock(&range.lock);
    range.now_ns = mono_ns;
    give_back(SIZE_MAX, mono_ns - SPARE_KEPT_NS);
    (void)pthread_mutex_unlock(&range.lock);
}

size_t spare_kept(void)
{
    size_t size;

    (void)pthread_mutex_lock(&range.lock);
    size = kept();
    (void)pthread_mutex_unlock(&range.lock);
    return size;
}
