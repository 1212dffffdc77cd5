/* base/spare.c -- a short list of large pieces of memory, newest first. */
#include "base/spare.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

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

/* Stands before the memory that it describes. */
struct spare {
    size_t size; /* bytes behind it */
    int64_t given_ns;
    enum memory_class class;     /* that is charged for it; while it waits, MEMORY_SPARES is */
    struct spare *newer, *older; /* while it waits */
    _Alignas(max_align_t) char bytes[];
};

static struct {
    pthread_mutex_t lock;
    struct spare *newest, *oldest;
    size_t kept, kept_max;
    int64_t now_ns;
} spares = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct spare *spare_of(void *memory)
{
    return (struct spare *)((char *)memory - offsetof(struct spare, bytes));
}

static size_t whole_size(const struct spare *spare)
{
    return sizeof(*spare) + spare->size;
}

/* Up to the next eighth of a power of two, so that pieces of about the same size replace each other. */
static size_t round_size(size_t size)
{
    size_t step;

    if (size < SPARE_SIZE_MIN)
        return size;
    step = (size_t)1 << (60 - __builtin_clzl(size)); /* 63 - clz: the highest bit */
    return (size + step - 1) & ~(step - 1);
}

static void take_out(struct spare *spare)
{
    *(spare->newer == NULL ? &spares.newest : &spare->newer->older) = spare->older;
    *(spare->older == NULL ? &spares.oldest : &spare->older->newer) = spare->newer;
    spares.kept -= spare->size;
}

static void put_in(struct spare *spare)
{
    spare->given_ns = spares.now_ns;
    spare->newer = NULL;
    spare->older = spares.newest;
    *(spares.newest == NULL ? &spares.oldest : &spares.newest->newer) = spare;
    spares.newest = spare;
    spares.kept += spare->size;
}

/* The smallest that waits with `size` bytes, but not much more. */
static struct spare *find_fitting(size_t size)
{
    struct spare *best = NULL;

    for (struct spare *spare = spares.newest; spare != NULL; spare = spare->older)
        if (spare->size >= size && spare->size - size <= size / 2 &&
            (best == NULL || spare->size < best->size)) {
            best = spare;
            if (best->size == size)
                break;
        }
    return best;
}

/* The largest with less than `size` bytes: most of its pages need no clearing. */
static struct spare *find_below(size_t size)
{
    struct spare *best = NULL;

    for (struct spare *spare = spares.newest; spare != NULL; spare = spare->older)
        if (spare->size < size && (best == NULL || spare->size > best->size))
            best = spare;
    return best;
}

static struct spare *find_largest(size_t size)
{
    struct spare *best = NULL;

    for (struct spare *spare = spares.newest; spare != NULL; spare = spare->older)
        if (spare->size >= size && (best == NULL || spare->size > best->size))
            best = spare;
    return best;
}

/* One that waits, for `size` bytes, or with less if what is in it does not matter; NULL: none. */
static struct spare *find(size_t size, bool growing)
{
    struct spare *best;

    if (size < SPARE_SIZE_MIN)
        return NULL;
    (void)pthread_mutex_lock(&spares.lock);
    best = growing && size > SPARE_GROWING_MIN ? find_largest(size) : find_fitting(size);
    if (best == NULL && !growing)
        best = find_below(size);
    if (best != NULL)
        take_out(best);
    (void)pthread_mutex_unlock(&spares.lock);
    return best;
}

/* Charge one that has waited to the class of this thread, which may have no room for it. */
static struct spare *wake_up(struct spare *spare)
{
    memory_budget_discharge(MEMORY_SPARES, whole_size(spare));
    spare->class = memory_budget_current();
    if (memory_budget_try(spare->class, whole_size(spare)))
        return spare;
    free(spare);
    return NULL;
}

static struct spare *make(size_t size)
{
    enum memory_class class = memory_budget_current();
    struct spare *spare;

    if (!memory_budget_try(class, sizeof(*spare) + size))
        return NULL;
    spare = malloc(sizeof(*spare) + size);
    if (spare == NULL)
        memory_budget_discharge(class, sizeof(*spare) + size);
    else
        *spare = (struct spare){.size = size, .class = class};
    return spare;
}

/* By realloc(), which moves the pages of large pieces and copies nothing. The class that it was charged
 * to takes the rest, too. */
static struct spare *enlarge(struct spare *from, size_t size)
{
    size_t more = size - from->size;
    struct spare *to;

    if (!memory_budget_try(from->class, more))
        return NULL;
    to = realloc(from, sizeof(*to) + size);
    if (to == NULL)
        memory_budget_discharge(from->class, more);
    else
        to->size = size;
    return to;
}

/* One that waits, with at least `size` bytes; NULL: none, or there is no room for the rest of it. */
static struct spare *reuse(size_t size)
{
    struct spare *spare = find(size, false), *large;

    if (spare != NULL)
        spare = wake_up(spare);
    if (spare == NULL || spare->size >= size)
        return spare;
    large = enlarge(spare, size);
    if (large == NULL)
        spare_give(spare->bytes);
    return large;
}

void *spare_take(size_t size)
{
    size_t rounded = round_size(size);
    struct spare *spare;

    if (size > SPARE_SIZE_MAX)
        return NULL;
    spare = reuse(rounded);
    if (spare == NULL)
        spare = make(rounded);
    return spare == NULL ? NULL : spare->bytes;
}

/* Unlink the oldest ones while more than `kept_max` bytes wait, or they came before `before_ns`. */
static struct spare *take_old(size_t kept_max, int64_t before_ns)
{
    struct spare *list = NULL;

    while (spares.oldest != NULL &&
           (spares.kept > kept_max || spares.oldest->given_ns < before_ns)) {
        struct spare *spare = spares.oldest;

        take_out(spare);
        spare->older = list;
        list = spare;
    }
    return list;
}

static void free_list(struct spare *list)
{
    while (list != NULL) {
        struct spare *spare = list;

        list = spare->older;
        memory_budget_discharge(MEMORY_SPARES, whole_size(spare));
        free(spare);
    }
}

static void reclaim(size_t wanted)
{
    struct spare *old;

    (void)pthread_mutex_lock(&spares.lock);
    old = take_old(spares.kept > wanted ? spares.kept - wanted : 0, INT64_MIN);
    (void)pthread_mutex_unlock(&spares.lock);
    free_list(old);
}

void spare_keep(size_t size_max)
{
    struct spare *old;

    memory_budget_reclaimer(reclaim);

    (void)pthread_mutex_lock(&spares.lock);
    spares.kept_max = KEEPS ? size_max : 0;
    old = take_old(spares.kept_max, INT64_MIN);
    (void)pthread_mutex_unlock(&spares.lock);
    free_list(old);
}

void spare_give(void *memory)
{
    struct spare *spare = memory == NULL ? NULL : spare_of(memory), *old;

    if (spare == NULL)
        return;
    if (spare->size < SPARE_SIZE_MIN) {
        memory_budget_discharge(spare->class, whole_size(spare));
        free(spare);
        return;
    }
    memory_budget_move(spare->class, MEMORY_SPARES, whole_size(spare));
    (void)pthread_mutex_lock(&spares.lock);
    put_in(spare);
    old = take_old(spares.kept_max, INT64_MIN);
    (void)pthread_mutex_unlock(&spares.lock);
    free_list(old);
}

void *spare_grow(void *memory, size_t used, size_t size)
{
    struct spare *from = memory == NULL ? NULL : spare_of(memory), *to;
    size_t rounded = round_size(size);

    if (from != NULL && from->size >= size)
        return memory;
    if (size > SPARE_SIZE_MAX)
        return NULL;
    to = from == NULL ? NULL : find(rounded, true);
    if (to != NULL)
        to = wake_up(to);
    if (to != NULL) {
        if (used > 0)
            memcpy(to->bytes, memory, used);
        spare_give(memory);
        return to->bytes;
    }
    if (from == NULL)
        return spare_take(size);
    to = enlarge(from, rounded);
    return to == NULL ? NULL : to->bytes;
}

void *spare_shrink(void *memory, size_t size)
{
    struct spare *from = spare_of(memory), *to;
    size_t less;

    if (from->size >= SPARE_SIZE_MIN || size >= from->size)
        return memory;
    less = from->size - size;
    to = realloc(from, sizeof(*to) + size);
    if (to == NULL)
        return memory;
    to->size = size;
    memory_budget_discharge(to->class, less);
    return to->bytes;
}

void spare_charge(void *memory, enum memory_class class)
{
    struct spare *spare = spare_of(memory);

    memory_budget_move(spare->class, class, whole_size(spare));
    spare->class = class;
}

void spare_trim(int64_t mono_ns)
{
    struct spare *old;

    (void)pthread_mutex_lock(&spares.lock);
    spares.now_ns = mono_ns;
    old = take_old(SIZE_MAX, mono_ns - SPARE_KEPT_NS);
    (void)pthread_mutex_unlock(&spares.lock);
    free_list(old);
}

size_t spare_kept(void)
{
    size_t kept;

    (void)pthread_mutex_lock(&spares.lock);
    kept = spares.kept;
    (void)pthread_mutex_unlock(&spares.lock);
    return kept;
}
