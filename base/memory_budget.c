/* base/memory_budget.c -- relaxed counters; who waits for room looks again from time to time. */
#include "base/memory_budget.h"

#include <assert.h>
#include <stdatomic.h>
#include <time.h>

#define NS_PER_S 1000000000LL

enum {
    SHARES = 512,           /* the limits below are in MiB of the default total */
    UNCOUNTED_SHARE = 80,   /* program, stacks, small pieces, holes of the allocator */
    WAIT_STEP_NS = 20000000, /* between two looks: short beside a query that waits for another */
};

struct memory_class_rule {
    const char *name;
    unsigned share; /* 0: no limit of its own */
};

/* As measured at full ingest on two cores; the sum is more than SHARES. */
static const struct memory_class_rule rules[MEMORY_CLASS_COUNT] = {
    [MEMORY_OTHER] = {"other", 0},
    [MEMORY_HEADS] = {"heads", 112},   /* three of 24 MiB of lines, with their fields */
    [MEMORY_REGISTRY] = {"registry", 32},
    [MEMORY_CATALOG] = {"catalog", 48},
    [MEMORY_PAGES] = {"pages", 96},
    [MEMORY_QUERIES] = {"queries", 128}, /* four of 32 MiB */
    [MEMORY_SEALS] = {"seals", 96},
    [MEMORY_BACKGROUND] = {"background", 112}, /* joining 24 MiB of lines */
    [MEMORY_RECEIVED] = {"received", 64},
    [MEMORY_PARSING] = {"parsing", 64},
    [MEMORY_CONNECTIONS] = {"connections", 32},
    [MEMORY_SPARES] = {"spares", 88}, /* what a seal and its head leave to the next */
};

struct memory_class_counters {
    _Alignas(64) atomic_size_t used; /* lines of their own: written by all threads */
    atomic_size_t peak;
    _Atomic uint64_t refused;
    _Atomic uint64_t limit;
};

static struct {
    struct memory_class_counters classes[MEMORY_CLASS_COUNT];
    _Alignas(64) atomic_size_t used;
    _Atomic uint64_t total, counted_max; /* 0: no limit */
    _Atomic(memory_reclaim *) reclaimers[MEMORY_RECLAIMERS_MAX];
} budget;

static _Thread_local enum memory_class current = MEMORY_OTHER;

void memory_budget_set(uint64_t total)
{
    if (total > 0 && total < MEMORY_BUDGET_MIN)
        total = MEMORY_BUDGET_MIN;
    for (size_t i = 0; i < MEMORY_CLASS_COUNT; i++)
        atomic_store(&budget.classes[i].limit, total / SHARES * rules[i].share);
    atomic_store(&budget.total, total);
    atomic_store(&budget.counted_max, total - total / SHARES * UNCOUNTED_SHARE);
}

uint64_t memory_budget_total(void)
{
    return atomic_load(&budget.total);
}

uint64_t memory_budget_limit(enum memory_class class)
{
    return atomic_load_explicit(&budget.classes[class].limit, memory_order_relaxed);
}

uint64_t memory_budget_used(void)
{
    return atomic_load_explicit(&budget.used, memory_order_relaxed);
}

void memory_budget_state(enum memory_class class, struct memory_class_state *out)
{
    const struct memory_class_counters *counters = &budget.classes[class];

    *out = (struct memory_class_state){.name = rules[class].name,
                                       .used = atomic_load(&counters->used),
                                       .peak = atomic_load(&counters->peak),
                                       .limit = atomic_load(&counters->limit),
                                       .refused = atomic_load(&counters->refused)};
}

enum memory_class memory_budget_enter(enum memory_class class)
{
    enum memory_class before = current;

    current = class;
    return before;
}

enum memory_class memory_budget_current(void)
{
    return current;
}

/* ---- counting ---- */

void memory_budget_charge(enum memory_class class, size_t size)
{
    struct memory_class_counters *counters = &budget.classes[class];
    size_t used = atomic_fetch_add_explicit(&counters->used, size, memory_order_relaxed) + size;
    size_t peak = atomic_load_explicit(&counters->peak, memory_order_relaxed);

    while (used > peak && !atomic_compare_exchange_weak_explicit(
                              &counters->peak, &peak, used, memory_order_relaxed,
                              memory_order_relaxed))
        continue;
    (void)atomic_fetch_add_explicit(&budget.used, size, memory_order_relaxed);
}

void memory_budget_discharge(enum memory_class class, size_t size)
{
    size_t before =
        atomic_fetch_sub_explicit(&budget.classes[class].used, size, memory_order_relaxed);

    assert(before >= size);
    (void)before;
    (void)atomic_fetch_sub_explicit(&budget.used, size, memory_order_relaxed);
}

void memory_budget_move(enum memory_class from, enum memory_class to, size_t size)
{
    memory_budget_charge(to, size);
    memory_budget_discharge(from, size);
}

/* ---- limits ---- */

static bool class_has_room(enum memory_class class, size_t size)
{
    uint64_t limit = memory_budget_limit(class);
    size_t used = atomic_load_explicit(&budget.classes[class].used, memory_order_relaxed);

    return limit == 0 || (used <= limit && size <= limit - used);
}

/* By how much the process would be over its limit. */
static size_t excess(size_t size)
{
    uint64_t most = atomic_load_explicit(&budget.counted_max, memory_order_relaxed);
    uint64_t wanted = memory_budget_used() + (uint64_t)size;

    return most == 0 || wanted <= most ? 0 : (size_t)(wanted - most);
}

/* Is there room in the process, if need be after what is only kept was given back? */
static bool process_has_room(size_t size)
{
    size_t over = excess(size);

    for (size_t i = 0; i < MEMORY_RECLAIMERS_MAX && over > 0; i++) {
        memory_reclaim *reclaim = atomic_load(&budget.reclaimers[i]);

        if (reclaim == NULL)
            break;
        reclaim(over);
        over = excess(size);
    }
    return over == 0;
}

bool memory_budget_try(enum memory_class class, size_t size)
{
    if (!process_has_room(size) && class == MEMORY_QUERIES) {
        (void)atomic_fetch_add(&budget.classes[class].refused, 1);
        return false;
    }
    memory_budget_charge(class, size);
    if (class != MEMORY_QUERIES || class_has_room(class, 0))
        return true;
    memory_budget_discharge(class, size); /* charged first: two who ask at once see each other */
    (void)atomic_fetch_add(&budget.classes[class].refused, 1);
    return false;
}

bool memory_budget_over(enum memory_class class, size_t size)
{
    return !class_has_room(class, size) || !process_has_room(size);
}

void memory_budget_reclaimer(memory_reclaim *reclaim)
{
    for (size_t i = 0; i < MEMORY_RECLAIMERS_MAX; i++) {
        memory_reclaim *expected = NULL;

        if (atomic_compare_exchange_strong(&budget.reclaimers[i], &expected, reclaim) ||
            expected == reclaim)
            return;
    }
    assert(false && "more reclaimers than MEMORY_RECLAIMERS_MAX");
}

/* ---- waiting ---- */

static int64_t mono_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * NS_PER_S + now.tv_nsec;
}

bool memory_budget_wait(size_t size, int64_t deadline_ns, bool (*stop)(const void *user),
                        const void *user)
{
    const struct timespec step = {.tv_nsec = WAIT_STEP_NS};

    while (memory_budget_over(MEMORY_QUERIES, size)) {
        if (mono_ns() >= deadline_ns || (stop != NULL && stop(user))) {
            (void)atomic_fetch_add(&budget.classes[MEMORY_QUERIES].refused, 1);
            return false;
        }
        (void)nanosleep(&step, NULL);
    }
    return true;
}
