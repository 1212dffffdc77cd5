/* base/worker_pool.h -- our own threads for store and query work (libuv's pool is shared with files
 * and name look-ups, and has one queue). Three queues: ingest before queries before background.
 *
 * Background work never takes the last free thread, so that a long merge cannot hold up ingest; and
 * every 16th choice starts with the least urgent queue, so that a flood cannot stop merges for
 * ever. Order within a queue is first in, first out.
 * Thread safety: submit from any thread, also from a task; the rest from the owner. */
#ifndef DENDRO_BASE_WORKER_POOL_H
#define DENDRO_BASE_WORKER_POOL_H

#include "base/error.h"

#include <stddef.h>

enum work_priority { WORK_INGEST, WORK_QUERY, WORK_BACKGROUND, WORK_PRIORITY_COUNT };

enum { WORKER_COUNT_MAX = 64 };

typedef void work_function(void *arg);

/* One task, in the caller's memory: submitting needs none and cannot fail. It must stay until `run`
 * is called, which may free or submit it again. */
struct work {
    work_function *run;
    void *arg;
    struct work *next; /* the pool's */
};

struct worker_pool;

/* `thread_count` threads, 1..WORKER_COUNT_MAX; 0: one per processor. Signals are blocked in them.
 * Errors: NO_MEMORY (also: no thread to be had). */
enum status worker_pool_new(unsigned thread_count, struct worker_pool **out,
                            struct error *err) WARN_UNUSED;

void worker_pool_submit(struct worker_pool *pool, struct work *work, enum work_priority priority);

/* Wait until nothing is queued and nothing runs. */
void worker_pool_drain(struct worker_pool *pool);
/* Run all that is queued, also what that submits, then end the threads. NULL does nothing. */
void worker_pool_free(struct worker_pool *pool);

unsigned worker_pool_thread_count(const struct worker_pool *pool);
/* Tasks of one priority that wait; for metrics. */
size_t worker_pool_waiting(struct worker_pool *pool, enum work_priority priority);

#endif
