/* tests/base/test_memory_budget.c -- what is counted where, what is refused, who gives back. */
#include "base/memory_budget.h"

#include "base/arena.h"
#include "base/spare.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#define MIB ((size_t)1 << 20)

static uint64_t used_by(enum memory_class class)
{
    struct memory_class_state state;

    memory_budget_state(class, &state);
    return state.used;
}

static int no_limits(void **unused)
{
    (void)unused;
    memory_budget_set(0);
    (void)memory_budget_enter(MEMORY_OTHER);
    for (int class = 0; class < MEMORY_CLASS_COUNT; class++)
        if (used_by((enum memory_class)class) > 0) /* what a failed test left */
            memory_budget_discharge((enum memory_class)class, used_by((enum memory_class)class));
    return 0;
}

static void test_limits_are_shares(void **unused)
{
    static const struct share_case {
        const char *name;
        uint64_t total;
        enum memory_class class;
        uint64_t limit;
    } cases[] = {
        {"default: queries, 4 of 32 MiB", 512 * MIB, MEMORY_QUERIES, 128 * MIB},
        {"twice the total, twice the limit", 1024 * MIB, MEMORY_QUERIES, 256 * MIB},
        {"less than the least counts as the least", 1, MEMORY_QUERIES, 32 * MIB},
        {"no total, no limit", 0, MEMORY_QUERIES, 0},
        {"received", 512 * MIB, MEMORY_RECEIVED, 64 * MIB},
    };

    (void)unused;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        print_message("  %s\n", cases[i].name);
        memory_budget_set(cases[i].total);
        assert_int_equal(memory_budget_limit(cases[i].class), cases[i].limit);
    }
}

static void test_arenas_charge_the_class_of_the_thread(void **unused)
{
    struct arena arena = arena_empty(16 * MIB);
    enum memory_class before = memory_budget_enter(MEMORY_SEALS);

    (void)unused;
    assert_non_null(arena_alloc(&arena, 1, 1, 3 * MIB));
    assert_int_equal(memory_budget_enter(before), MEMORY_SEALS);
    assert_in_range(used_by(MEMORY_SEALS), 3 * MIB, 4 * MIB);
    arena_release(&arena); /* in another class: it goes back to where it was charged */
    assert_int_equal(used_by(MEMORY_SEALS), 0);
    assert_int_equal(used_by(MEMORY_OTHER), 0);
    assert_int_equal(memory_budget_used(), 0);
}

static void test_what_waits_is_a_class_of_its_own(void **unused)
{
    enum memory_class before = memory_budget_enter(MEMORY_PARSING);
    void *memory;
    size_t kept;

    (void)unused;
    spare_keep(8 * MIB);
    memory = spare_take(2 * MIB);
    assert_in_range(used_by(MEMORY_PARSING), 2 * MIB, 2 * MIB + 4096);
    spare_give(memory);
    kept = spare_kept(); /* 0 with AddressSanitizer, else two blocks of 2 MiB */
    assert_int_equal(used_by(MEMORY_PARSING), 0);
    assert_int_equal(used_by(MEMORY_SPARES), kept);
    (void)memory_budget_enter(MEMORY_SEALS);
    memory = spare_take(2 * MIB);
    assert_int_equal(used_by(MEMORY_SPARES), spare_kept());
    assert_true(kept == 0 || spare_kept() + used_by(MEMORY_SEALS) == kept);
    assert_in_range(used_by(MEMORY_SEALS), 2 * MIB, 2 * MIB + 4096);
    memory = spare_grow(memory, 1, 5 * MIB);
    assert_in_range(used_by(MEMORY_SEALS), 5 * MIB, 5 * MIB + 4096);
    spare_charge(memory, MEMORY_HEADS);
    assert_int_equal(used_by(MEMORY_SEALS), 0);
    assert_in_range(used_by(MEMORY_HEADS), 5 * MIB, 5 * MIB + 4096);
    spare_give(memory);
    spare_keep(0);
    assert_int_equal(memory_budget_used(), 0);
    (void)memory_budget_enter(before);
}

static void test_queries_are_refused_at_their_limit(void **unused)
{
    struct memory_class_state state;

    (void)unused;
    memory_budget_set(512 * MIB);
    assert_true(memory_budget_try(MEMORY_QUERIES, 128 * MIB)); /* its share to the last byte */
    assert_false(memory_budget_try(MEMORY_QUERIES, 1));
    memory_budget_state(MEMORY_QUERIES, &state);
    assert_int_equal(state.used, 128 * MIB);
    assert_int_equal(state.peak >= 128 * MIB, 1);
    assert_int_equal(state.refused >= 1, 1);
    assert_true(memory_budget_over(MEMORY_QUERIES, 1));
    assert_false(memory_budget_over(MEMORY_HEADS, 1));
    memory_budget_discharge(MEMORY_QUERIES, 1);
    assert_true(memory_budget_try(MEMORY_QUERIES, 1));
    memory_budget_discharge(MEMORY_QUERIES, 128 * MIB);
}

static void test_ingest_is_never_refused(void **unused)
{
    (void)unused;
    memory_budget_set(512 * MIB);
    assert_true(memory_budget_try(MEMORY_HEADS, 600 * MIB));
    assert_true(memory_budget_over(MEMORY_HEADS, 1));
    assert_true(memory_budget_over(MEMORY_RECEIVED, 1)); /* the process is over its limit */
    assert_false(memory_budget_try(MEMORY_QUERIES, 1));
    memory_budget_discharge(MEMORY_HEADS, 600 * MIB);
    assert_false(memory_budget_over(MEMORY_RECEIVED, 1));
}

static size_t pages;

static void give_pages(size_t wanted)
{
    size_t given = wanted < pages ? wanted : pages;

    pages -= given;
    memory_budget_discharge(MEMORY_PAGES, given);
}

static void test_what_is_kept_is_given_back_first(void **unused)
{
    (void)unused;
    memory_budget_set(512 * MIB); /* 432 MiB of them are counted */
    memory_budget_reclaimer(give_pages);
    pages = 96 * MIB;
    memory_budget_charge(MEMORY_PAGES, pages);
    memory_budget_charge(MEMORY_HEADS, 284 * MIB);
    assert_true(memory_budget_try(MEMORY_QUERIES, 52 * MIB));
    assert_int_equal(pages, 96 * MIB); /* 432 in all: just fits */
    assert_true(memory_budget_try(MEMORY_QUERIES, 20 * MIB));
    assert_int_equal(pages, 76 * MIB);
    memory_budget_charge(MEMORY_HEADS, 76 * MIB);
    assert_false(memory_budget_try(MEMORY_QUERIES, MIB)); /* all pages gone, and no room */
    assert_int_equal(pages, 0);
    memory_budget_discharge(MEMORY_HEADS, 360 * MIB);
    memory_budget_discharge(MEMORY_QUERIES, 72 * MIB);
}

static void test_an_arena_of_a_query_fails_at_the_limit(void **unused)
{
    struct arena arena = arena_empty(1024 * MIB);
    enum memory_class before = memory_budget_enter(MEMORY_QUERIES);

    (void)unused;
    memory_budget_set(MEMORY_BUDGET_MIN); /* 32 MiB for queries */
    while (arena_take(&arena, 1, 1, 1000) != NULL)
        continue;
    assert_true(arena.failed);
    assert_in_range(arena.used, 30 * MIB, 32 * MIB); /* a chunk is a megabyte */
    assert_in_range(used_by(MEMORY_QUERIES), 30 * MIB, 32 * MIB);
    arena_release(&arena);
    assert_int_equal(used_by(MEMORY_QUERIES), 0);
    (void)memory_budget_enter(before);
}

static int64_t mono_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static void *leave_later(void *unused)
{
    (void)nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    memory_budget_discharge(MEMORY_QUERIES, 100 * MIB);
    return unused;
}

static bool always(const void *unused)
{
    (void)unused;
    return true;
}

static void test_waiting_for_room(void **unused)
{
    pthread_t thread;

    (void)unused;
    memory_budget_set(512 * MIB);
    assert_true(memory_budget_wait(128 * MIB, 0, NULL, NULL));
    memory_budget_charge(MEMORY_QUERIES, 100 * MIB);
    assert_false(memory_budget_wait(32 * MIB, mono_ns() + 30000000, NULL, NULL));
    assert_false(memory_budget_wait(32 * MIB, INT64_MAX, always, NULL));
    assert_int_equal(pthread_create(&thread, NULL, leave_later, NULL), 0);
    assert_true(memory_budget_wait(32 * MIB, mono_ns() + INT64_C(20000000000), NULL, NULL));
    assert_int_equal(pthread_join(thread, NULL), 0);
}

static void *charge_often(void *got)
{
    for (int i = 0; i < 10000; i++) {
        if (!memory_budget_try(MEMORY_QUERIES, 3 * MIB))
            continue;
        ++*(int *)got;
        memory_budget_discharge(MEMORY_QUERIES, 3 * MIB);
    }
    return NULL;
}

static void test_threads_together(void **unused)
{
    pthread_t threads[4];
    int got[4] = {0};

    (void)unused;
    memory_budget_set(512 * MIB);
    memory_budget_charge(MEMORY_QUERIES, 122 * MIB); /* two of the four fit */
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, charge_often, &got[i]), 0);
    for (size_t i = 0; i < COUNT_OF(threads); i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_in_range(got[i], 1, 10000);
    }
    memory_budget_discharge(MEMORY_QUERIES, 122 * MIB);
    assert_int_equal(memory_budget_used(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_limits_are_shares, no_limits),
        cmocka_unit_test_setup(test_arenas_charge_the_class_of_the_thread, no_limits),
        cmocka_unit_test_setup(test_what_waits_is_a_class_of_its_own, no_limits),
        cmocka_unit_test_setup(test_queries_are_refused_at_their_limit, no_limits),
        cmocka_unit_test_setup(test_ingest_is_never_refused, no_limits),
        cmocka_unit_test_setup(test_what_is_kept_is_given_back_first, no_limits),
        cmocka_unit_test_setup(test_an_arena_of_a_query_fails_at_the_limit, no_limits),
        cmocka_unit_test_setup(test_waiting_for_room, no_limits),
        cmocka_unit_test_setup(test_threads_together, no_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
