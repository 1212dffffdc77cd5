/* tests/base/test_thread_priority.c -- a thread lowers its own priority, and nobody else's. */
#include "base/thread_priority.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>

#include <cmocka.h>

struct seen {
    enum work_priority priority;
    int nice;
};

static void *look(void *user)
{
    struct seen *seen = user;

    thread_priority_set(seen->priority);
    seen->nice = getpriority(PRIO_PROCESS, 0);
    return NULL;
}

static void test_of_one_thread(void **unused)
{
    struct seen seen[] = {{WORK_INGEST, 0}, {WORK_QUERY, 0}, {WORK_BACKGROUND, 0}};
    int own = getpriority(PRIO_PROCESS, 0);

    (void)unused;
    for (size_t i = 0; i < 3; i++) {
        pthread_t thread;

        assert_int_equal(pthread_create(&thread, NULL, look, &seen[i]), 0);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_int_equal(getpriority(PRIO_PROCESS, 0), own);
    }
    assert_int_equal(seen[0].nice, own);
    assert_true(seen[1].nice > seen[0].nice || own >= 15); /* 19 is the end */
    assert_true(seen[2].nice > seen[1].nice || own >= 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_of_one_thread)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
