/* base/worker_pool.c -- one lock, one condition for "there is work", one for "there is none". */
#include "base/worker_pool.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

enum { FAIR_CHOICE_INTERVAL = 16 };

struct queue {
    struct work *first;
    struct work **last; /* where the next one is linked */
    size_t count;
    unsigned running;
};

struct worker_pool {
    pthread_mutex_t lock;
    pthread_cond_t work_came, work_went;
    struct queue queues[WORK_PRIORITY_COUNT];
    unsigned choices; /* made so far */
    bool stopping;
    unsigned thread_count;
    pthread_t threads[WORKER_COUNT_MAX];
};

static unsigned running_count(const struct worker_pool *pool)
{
    unsigned count = 0;

    for (size_t i = 0; i < WORK_PRIORITY_COUNT; i++)
        count += pool->queues[i].running;
    return count;
}

/* May this queue give a task now? The lock is held. */
static bool may_start(const struct worker_pool *pool, size_t priority)
{
    const struct queue *queue = &pool->queues[priority];

    if (queue->first == NULL)
        return false;
    return priority != WORK_BACKGROUND || pool->thread_count == 1 ||
           queue->running < pool->thread_count - 1;
}

/* The queue to serve, or NULL. The lock is held. */
static struct queue *choose(struct worker_pool *pool)
{
    bool fair = pool->choices % FAIR_CHOICE_INTERVAL == FAIR_CHOICE_INTERVAL - 1;

    for (size_t i = 0; i < WORK_PRIORITY_COUNT; i++) {
        size_t priority = fair ? WORK_PRIORITY_COUNT - 1 - i : i;

        if (may_start(pool, priority)) {
            pool->choices++;
            return &pool->queues[priority];
        }
    }
    return NULL;
}

static bool is_idle(const struct worker_pool *pool)
{
    for (size_t i = 0; i < WORK_PRIORITY_COUNT; i++)
        if (pool->queues[i].first != NULL)
            return false;
    return running_count(pool) == 0;
}

/* Take one task off and run it. The lock is held before and after. */
static void run_one(struct worker_pool *pool, struct queue *queue)
{
    struct work *work = queue->first;

    queue->first = work->next;
    if (queue->first == NULL)
        queue->last = &queue->first;
    queue->count--;
    queue->running++;
    (void)pthread_mutex_unlock(&pool->lock);
    work->run(work->arg); /* `work` may be gone now */
    (void)pthread_mutex_lock(&pool->lock);
    queue->running--;
    if (is_idle(pool))
        (void)pthread_cond_broadcast(&pool->work_went);
    /* A thread that refused background work for want of a free one may go on now; and when all is
     * done while stopping, all must wake up to end. */
    if (queue == &pool->queues[WORK_BACKGROUND] || pool->stopping)
        (void)pthread_cond_broadcast(&pool->work_came);
}

static void *worker(void *arg)
{
    struct worker_pool *pool = arg;

    (void)pthread_mutex_lock(&pool->lock);
    while (!pool->stopping || !is_idle(pool)) {
        struct queue *queue = choose(pool);

        if (queue != NULL)
            run_one(pool, queue);
        else
            (void)pthread_cond_wait(&pool->work_came, &pool->lock);
    }
    (void)pthread_mutex_unlock(&pool->lock);
    return NULL;
}

static unsigned default_thread_count(void)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);

    return processors < 1                  ? 1
           : processors > WORKER_COUNT_MAX ? WORKER_COUNT_MAX
                                           : (unsigned)processors;
}

/* Signals go to the thread that runs the event loop. */
static bool start_threads(struct worker_pool *pool, unsigned count)
{
    sigset_t all;
    sigset_t before;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    (void)pthread_mutex_lock(&pool->lock); /* no thread looks at thread_count before it is final */
    for (; pool->thread_count < count; pool->thread_count++)
        if (pthread_create(&pool->threads[pool->thread_count], NULL, worker, pool) != 0)
            break;
    (void)pthread_mutex_unlock(&pool->lock);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return pool->thread_count == count;
}

enum status worker_pool_new(unsigned thread_count, struct worker_pool **out, struct error *err)
{
    struct worker_pool *pool = calloc(1, sizeof(*pool));

    assert(thread_count <= WORKER_COUNT_MAX);
    if (pool == NULL)
        return error_set(err, STATUS_NO_MEMORY, "no memory for worker threads");
    (void)pthread_mutex_init(&pool->lock, NULL);
    (void)pthread_cond_init(&pool->work_came, NULL);
    (void)pthread_cond_init(&pool->work_went, NULL);
    for (size_t i = 0; i < WORK_PRIORITY_COUNT; i++)
        pool->queues[i].last = &pool->queues[i].first;
    if (!start_threads(pool, thread_count == 0 ? default_thread_count() : thread_count)) {
        worker_pool_free(pool);
        return error_set(err, STATUS_NO_MEMORY, "the system gives no more threads");
    }
    *out = pool;
    return STATUS_OK;
}

void worker_pool_submit(struct worker_pool *pool, struct work *work, enum work_priority priority)
{
    struct queue *queue = &pool->queues[priority];

    work->next = NULL;
    (void)pthread_mutex_lock(&pool->lock);
    *queue->last = work;
    queue->last = &work->next;
    queue->count++;
    (void)pthread_cond_signal(&pool->work_came);
    (void)pthread_mutex_unlock(&pool->lock);
}

void worker_pool_drain(struct worker_pool *pool)
{
    (void)pthread_mutex_lock(&pool->lock);
    while (!is_idle(pool))
        (void)pthread_cond_wait(&pool->work_went, &pool->lock);
    (void)pthread_mutex_unlock(&pool->lock);
}

void worker_pool_free(struct worker_pool *pool)
{
    if (pool == NULL)
        return;
    (void)pthread_mutex_lock(&pool->lock);
    pool->stopping = true;
    (void)pthread_cond_broadcast(&pool->work_came);
    (void)pthread_mutex_unlock(&pool->lock);
    for (unsigned i = 0; i < pool->thread_count; i++)
        (void)pthread_join(pool->threads[i], NULL);
    (void)pthread_mutex_destroy(&pool->lock);
    (void)pthread_cond_destroy(&pool->work_came);
    (void)pthread_cond_destroy(&pool->work_went);
    free(pool);
}

unsigned worker_pool_thread_count(const struct worker_pool *pool)
{
    return pool->thread_count;
}

size_t worker_pool_waiting(struct worker_pool *pool, enum work_priority priority)
{
    size_t count;

    (void)pthread_mutex_lock(&pool->lock);
    count = pool->queues[priority].count;
    (void)pthread_mutex_unlock(&pool->lock);
    return count;
}
