/* query/api/runner.c -- a bounded queue and the threads that empty it. */
#include "query/api/runner.h"

#include "base/memory_budget.h"
#include "base/thread_priority.h"
#include "query/api/api_private.h"

#include <pthread.h>
#include <stdlib.h>

struct runner {
    pthread_mutex_t lock;
    pthread_cond_t work;
    struct api_call *first, **last;
    unsigned running, waiting, waiting_max;
    unsigned thread_count, thread_max;
    bool stopping;
    void (*run)(struct api_call *call);
    pthread_t threads[];
};

static struct api_call *take_call(struct runner *runner)
{
    struct api_call *call = runner->first;

    runner->first = call->next;
    if (runner->first == NULL)
        runner->last = &runner->first;
    runner->waiting--;
    runner->running++;
    return call;
}

static void *run_thread(void *user)
{
    struct runner *runner = user;

    (void)memory_budget_enter(MEMORY_QUERIES);
    thread_priority_set(WORK_QUERY); /* the threads that it starts inherit it */
    pthread_mutex_lock(&runner->lock);
    for (;;) {
        while (runner->first == NULL && !runner->stopping)
            pthread_cond_wait(&runner->work, &runner->lock);
        if (runner->first == NULL)
            break;
        {
            struct api_call *call = take_call(runner);

            pthread_mutex_unlock(&runner->lock);
            runner->run(call);
            pthread_mutex_lock(&runner->lock);
            runner->running--;
        }
    }
    pthread_mutex_unlock(&runner->lock);
    return NULL;
}

enum status runner_new(unsigned thread_count, unsigned waiting_max,
                       void (*run)(struct api_call *call), struct runner **out, struct error *err)
{
    struct runner *runner = calloc(1, sizeof(*runner) + thread_count * sizeof(pthread_t));

    if (runner == NULL)
        return error_set(err, STATUS_NO_MEMORY, "no memory for query threads");
    (void)pthread_mutex_init(&runner->lock, NULL);
    (void)pthread_cond_init(&runner->work, NULL);
    runner->last = &runner->first;
    runner->run = run;
    runner->waiting_max = waiting_max;
    runner->thread_max = thread_count;
    for (; runner->thread_count < thread_count; runner->thread_count++)
        if (pthread_create(&runner->threads[runner->thread_count], NULL, run_thread, runner) != 0) {
            runner_free(runner);
            return error_set(err, STATUS_NO_MEMORY, "cannot start a query thread");
        }
    *out = runner;
    return STATUS_OK;
}

enum status runner_submit(struct runner *runner, struct api_call *call)
{
    enum status status = STATUS_OK;

    pthread_mutex_lock(&runner->lock);
    /* A call in the queue that an idle thread is about to take is not waiting. */
    if (runner->running + runner->waiting >= runner->thread_max + runner->waiting_max) {
        status = STATUS_AGAIN;
    } else {
        call->next = NULL;
        *runner->last = call;
        runner->last = &call->next;
        runner->waiting++;
        pthread_cond_signal(&runner->work);
    }
    pthread_mutex_unlock(&runner->lock);
    return status;
}

void runner_load(struct runner *runner, unsigned *running, unsigned *waiting)
{
    pthread_mutex_lock(&runner->lock);
    *running = runner->running;
    *waiting = runner->waiting;
    pthread_mutex_unlock(&runner->lock);
}

void runner_free(struct runner *runner)
{
    if (runner == NULL)
        return;
    pthread_mutex_lock(&runner->lock);
    runner->stopping = true;
    pthread_cond_broadcast(&runner->work);
    pthread_mutex_unlock(&runner->lock);
    for (unsigned i = 0; i < runner->thread_count; i++)
        (void)pthread_join(runner->threads[i], NULL);
    pthread_cond_destroy(&runner->work);
    pthread_mutex_destroy(&runner->lock);
    free(runner);
}
