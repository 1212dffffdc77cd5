/* tests/base/test_worker_pool.c -- order by priority, the reserved thread, drain and stop. */
#include "base/worker_pool.h"

#include "base/slice.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>

#include <cmocka.h>

/* A task that waits for the test's permission. */
struct gate {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned entered;
    bool open;
};

static void gate_init(struct gate *gate)
{
    *gate = (struct gate){0};
    (void)pthread_mutex_init(&gate->lock, NULL);
    (void)pthread_cond_init(&gate->changed, NULL);
}

static void pass_gate(void *arg)
{
    struct gate *gate = arg;

    (void)pthread_mutex_lock(&gate->lock);
    gate->entered++;
    (void)pthread_cond_broadcast(&gate->changed);
    while (!gate->open)
        (void)pthread_cond_wait(&gate->changed, &gate->lock);
    (void)pthread_mutex_unlock(&gate->lock);
}

static void wait_entered(struct gate *gate, unsigned count)
{
    (void)pthread_mutex_lock(&gate->lock);
    while (gate->entered < count)
        (void)pthread_cond_wait(&gate->changed, &gate->lock);
    (void)pthread_mutex_unlock(&gate->lock);
}

static void open_gate(struct gate *gate)
{
    (void)pthread_mutex_lock(&gate->lock);
    gate->open = true;
    (void)pthread_cond_broadcast(&gate->changed);
    (void)pthread_mutex_unlock(&gate->lock);
}

/* Appends its letter; only one thread runs these. */
struct letter {
    struct work work;
    char value;
};

static char order[64];
static size_t order_len;

static void write_letter(void *arg)
{
    order[order_len++] = ((struct letter *)arg)->value;
}

static void test_urgent_work_first(void **unused)
{
    static const struct { char value; enum work_priority priority; } tasks[] = {
        {'b', WORK_BACKGROUND}, {'q', WORK_QUERY},      {'i', WORK_INGEST},
        {'B', WORK_BACKGROUND}, {'Q', WORK_QUERY},      {'I', WORK_INGEST},
    };
    struct letter letters[COUNT_OF(tasks)];
    struct work first;
    struct gate gate;
    struct worker_pool *pool;

    (void)unused;
    gate_init(&gate);
    assert_int_equal(worker_pool_new(1, &pool, NULL), STATUS_OK);
    first = (struct work){.run = pass_gate, .arg = &gate};
    worker_pool_submit(pool, &first, WORK_QUERY);
    wait_entered(&gate, 1);
    for (size_t i = 0; i < COUNT_OF(tasks); i++) {
        letters[i] = (struct letter){.work = {.run = write_letter, .arg = &letters[i]},
                                     .value = tasks[i].value};
        worker_pool_submit(pool, &letters[i].work, tasks[i].priority);
    }
    assert_int_equal(worker_pool_waiting(pool, WORK_QUERY), 2);
    open_gate(&gate);
    worker_pool_drain(pool);
    assert_string_equal(order, "iIqQbB");
    worker_pool_free(pool);
}

/* Two threads, two background tasks that do not end: ingest still runs. */
static void test_background_leaves_a_thread(void **unused)
{
    struct work blocked[2];
    struct work urgent;
    struct gate gate;
    struct gate ingest;
    struct worker_pool *pool;

    (void)unused;
    gate_init(&gate);
    gate_init(&ingest);
    open_gate(&ingest);
    assert_int_equal(worker_pool_new(2, &pool, NULL), STATUS_OK);
    for (size_t i = 0; i < COUNT_OF(blocked); i++) {
        blocked[i] = (struct work){.run = pass_gate, .arg = &gate};
        worker_pool_submit(pool, &blocked[i], WORK_BACKGROUND);
    }
    wait_entered(&gate, 1);
    urgent = (struct work){.run = pass_gate, .arg = &ingest};
    worker_pool_submit(pool, &urgent, WORK_INGEST);
    wait_entered(&ingest, 1);
    assert_int_equal(gate.entered, 1);
    open_gate(&gate);
    worker_pool_drain(pool);
    assert_int_equal(gate.entered, 2);
    worker_pool_free(pool);
}

struct chain {
    struct work work;
    struct worker_pool *pool;
    atomic_uint *count;
    unsigned left;
};

static void count_and_go_on(void *arg)
{
    struct chain *chain = arg;

    atomic_fetch_add(chain->count, 1);
    if (chain->left-- > 0)
        worker_pool_submit(chain->pool, &chain->work, (enum work_priority)(chain->left % 3));
}

/* Tasks that submit themselves again, 100 times each; free runs them all. */
static void test_free_runs_everything(void **unused)
{
    struct chain chains[50];
    atomic_uint count = 0;
    struct worker_pool *pool;

    (void)unused;
    assert_int_equal(worker_pool_new(4, &pool, NULL), STATUS_OK);
    for (size_t i = 0; i < COUNT_OF(chains); i++) {
        chains[i] = (struct chain){.work = {.run = count_and_go_on, .arg = &chains[i]},
                                   .pool = pool, .count = &count, .left = 99};
        worker_pool_submit(pool, &chains[i].work, (enum work_priority)(i % 3));
    }
    worker_pool_free(pool);
    assert_int_equal(atomic_load(&count), 5000);
}

static void test_sizes(void **unused)
{
    struct worker_pool *pool;

    (void)unused;
    assert_int_equal(worker_pool_new(0, &pool, NULL), STATUS_OK);
    assert_true(worker_pool_thread_count(pool) >= 1);
    worker_pool_drain(pool);
    worker_pool_free(pool);
    worker_pool_free(NULL);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_urgent_work_first),
        cmocka_unit_test(test_background_leaves_a_thread),
        cmocka_unit_test(test_free_runs_everything),
        cmocka_unit_test(test_sizes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
