/* base/memory_budget.h -- the memory of the process, counted by class, with a limit for all.
 *
 * Whoever takes memory that matters charges it to a class. Most do not say so themselves: a thread
 * enters the class that it works for, and what arenas (base/arena.h) and large pieces
 * (base/spare.h) take from then on is charged there, and discharged there wherever it is freed.
 * What lives in buffers is charged by hand. Small pieces are not counted at all: a part of the total,
 * 80 of 512 MiB, is kept for them, for the program itself and for what the allocator cannot use.
 *
 * Limits are shares of the total, and add up to more than it, since the classes do not all need
 * theirs at once. When the rest gets short, in this order: what is only kept is given back
 * (reclaimers: spares, pages); queries get no more and fail, one by one; ingest is slowed down by
 * its credit (memory_budget_over()). Nothing else is refused.
 *
 * The counters are of the process, as its memory is. Without memory_budget_set() they count, and
 * nothing is limited.
 * Thread safety: any thread; the class that a thread is in belongs to the thread. */
#ifndef DENDRO_BASE_MEMORY_BUDGET_H
#define DENDRO_BASE_MEMORY_BUDGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum memory_class {
    MEMORY_OTHER,       /* of threads that entered no class */
    MEMORY_HEADS,       /* newest rows, also those that wait for the disk */
    MEMORY_REGISTRY,    /* names, sources and their states */
    MEMORY_CATALOG,     /* directories of open segments */
    MEMORY_PAGES,       /* decoded pages that are kept for the next query */
    MEMORY_QUERIES,
    MEMORY_SEALS,       /* turning heads into segments */
    MEMORY_BACKGROUND,  /* compaction, erasure, scrub */
    MEMORY_RECEIVED,    /* frames that are not durable yet, packed and inflated */
    MEMORY_PARSING,     /* batches of parsed events */
    MEMORY_CONNECTIONS, /* HTTP and shippers */
    MEMORY_SPARES,      /* given back, and kept for the next who needs as much */
    MEMORY_CLASS_COUNT
};

#define MEMORY_BUDGET_MIN ((uint64_t)128 << 20)

struct memory_class_state {
    const char *name;           /* as on /metrics: "heads" */
    uint64_t used, peak, limit; /* bytes; limit 0: none */
    uint64_t refused;           /* times that somebody got no memory */
};

/* Divide `total` bytes, at least MEMORY_BUDGET_MIN, among the classes; 0: no limits. At start. */
void memory_budget_set(uint64_t total);
uint64_t memory_budget_total(void);
uint64_t memory_budget_limit(enum memory_class class);
/* All that is charged. */
uint64_t memory_budget_used(void);
void memory_budget_state(enum memory_class class, struct memory_class_state *out);

/* The class that this thread works for from now on; gives the one before, to go back to. */
enum memory_class memory_budget_enter(enum memory_class class);
enum memory_class memory_budget_current(void);

/* Take account of memory in any case; or only (try) if neither the class nor the process goes over
 * its limit. For classes other than MEMORY_QUERIES try always succeeds. */
void memory_budget_charge(enum memory_class class, size_t size);
bool memory_budget_try(enum memory_class class, size_t size);
void memory_budget_discharge(enum memory_class class, size_t size);
/* The memory goes on under another class. */
void memory_budget_move(enum memory_class from, enum memory_class to, size_t size);

/* Would `size` more bytes take the class over its limit, or the process over its own? Who can wait
 * or shrink then does. */
bool memory_budget_over(enum memory_class class, size_t size);

/* Give back up to `wanted` bytes of what is only kept. Called on any thread, whatever locks it
 * holds but the reclaimer's own: it must not take memory. */
typedef void memory_reclaim(size_t wanted);
enum { MEMORY_RECLAIMERS_MAX = 4 };
/* At start; a function that is there already is not added again. */
void memory_budget_reclaimer(memory_reclaim *reclaim);

/* Wait until MEMORY_QUERIES has `size` bytes left, or `deadline_ns` has come (CLOCK_MONOTONIC), or
 * `stop` (NULL: never), looked at some times per second, is true. False: there is no room. Nothing
 * is reserved: it keeps a query from starting that would soon fail. */
bool memory_budget_wait(size_t size, int64_t deadline_ns, bool (*stop)(const void *user),
                        const void *user);

#endif
