/* tests/query/test_memory.c -- queries within the memory of the process: who waits, who fails with
 * which sentence, and that everything is given back. */
#include "base/memory_budget.h"
#include "query/limits.h"
#include "tests/query/query_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define MIB ((size_t)1 << 20)

static struct fixture fixture;

static int make(void **unused)
{
    (void)unused;
    fixture_make(&fixture, ROWS_MAX, 7, true);
    return 0;
}

static int drop(void **unused)
{
    (void)unused;
    fixture_free(&fixture);
    return 0;
}

static uint64_t used_by_queries(void)
{
    struct memory_class_state state;

    memory_budget_state(MEMORY_QUERIES, &state);
    return state.used;
}

/* Leave `left` bytes for the queries of a process of 512 MiB; gives what was taken. */
static size_t leave(size_t left)
{
    size_t taken;

    memory_budget_set(512 * MIB);
    taken = 128 * MIB - left - used_by_queries();
    memory_budget_charge(MEMORY_QUERIES, taken);
    return taken;
}

static void test_no_room_to_begin(void **unused)
{
    struct query_options options = {.deadline_ns = io_mono_ns(io_system()) + 50000000};
    struct query_problem problem = {0};
    struct answer answer;
    size_t taken = leave(QUERY_START_SIZE - 1);

    (void)unused;
    assert_int_equal(answer_try(&fixture, "*", &options, &answer, &problem), STATUS_TOO_LARGE);
    assert_string_equal(problem.code, "query_limit");
    assert_non_null(strstr(problem.message, "128 MiB"));
    assert_non_null(strstr(problem.message, "key memory"));
    answer_free(&answer);
    memory_budget_discharge(MEMORY_QUERIES, taken);
}

static void test_cancelled_while_it_waits(void **unused)
{
    atomic_bool cancel;
    struct query_options options = {.cancel = &cancel};
    struct query_problem problem = {0};
    struct answer answer;
    size_t taken = leave(0);

    (void)unused;
    atomic_init(&cancel, true);
    assert_int_equal(answer_try(&fixture, "*", &options, &answer, &problem), STATUS_CANCELLED);
    assert_string_equal(problem.code, "cancelled");
    answer_free(&answer);
    memory_budget_discharge(MEMORY_QUERIES, taken);
}

static int no_charges(void **unused)
{
    (void)unused;
    memory_budget_discharge(MEMORY_QUERIES, used_by_queries());
    return 0;
}

static const char *const heavy[] = {
    "* | sort by (duration desc, _msg)",
    "* | stats by (_msg) count() n, values(path) v, quantile(0.9, duration) q",
    "* | uniq by (_msg, path)",
    "* | top 10000 by (_msg)",
    "* | stats count_uniq(_msg) n, uniq_values(path) v",
    "* | join by (path) (* | fields path, _msg)",
    "~\"(a|b|c)+.*[0-9]{3}.*clinic\" | sort by (_msg)",
};

/* There is enough to begin with, but not to end: the sentence names the limit of all. */
static void test_no_room_to_go_on(void **unused)
{
    static const char *const texts[] = {
        "* | sort by (duration desc, _msg)",
        "* | stats by (_msg) count() n, values(path) v, quantile(0.9, duration) q",
    };

    (void)unused;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct query_problem problem = {0};
        struct answer answer;
        size_t taken;

        print_message("  %s\n", texts[i]);
        taken = leave(QUERY_START_SIZE + MIB);
        assert_int_equal(answer_try(&fixture, texts[i], NULL, &answer, &problem),
                         STATUS_TOO_LARGE);
        assert_non_null(strstr(problem.message, "key memory"));
        answer_free(&answer);
        memory_budget_discharge(MEMORY_QUERIES, taken);
        assert_int_equal(used_by_queries(), 0);
    }
}

static void test_everything_is_given_back(void **unused)
{
    static const size_t limits[] = {1, 2, 4, 32}; /* MiB of one query: most fail at the first */

    (void)unused;
    memory_budget_set(512 * MIB);
    for (size_t i = 0; i < COUNT_OF(heavy); i++)
        for (size_t k = 0; k < COUNT_OF(limits); k++) {
            struct query_options options = {.memory_max = limits[k] * MIB};
            struct query_problem problem = {0};
            struct answer answer;

            print_message("  %s, %zu MiB\n", heavy[i], limits[k]);
            (void)!answer_try(&fixture, heavy[i], &options, &answer, &problem);
            answer_free(&answer);
            assert_int_equal(used_by_queries(), 0);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_room_to_begin),
        cmocka_unit_test(test_cancelled_while_it_waits),
        cmocka_unit_test_setup(test_no_room_to_go_on, no_charges),
        cmocka_unit_test_setup(test_everything_is_given_back, no_charges),
    };

    return cmocka_run_group_tests(tests, make, drop);
}
