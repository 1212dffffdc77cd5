/* A range that kills the process twice is not parsed a third time (store/README.md). A crash is
 * played by opening the file again without leaving the slot. */
#include "collector/parse_guard.h"
#include "tests/support/sim_io.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const struct source_id source_a = { .generation = { 1 } }, source_b = { .generation = { 2 } };

static struct parse_guard *open_guard(struct sim_io *sim)
{
    struct parse_guard *guard = NULL;
    struct error err = {0};

    if (parse_guard_open(sim_io_table(sim), "/guard", &guard, &err) != STATUS_OK)
        fail_msg("%s", err.message);
    return guard;
}

/* One life of the process: the ranges that it entered; the last one without leaving it. */
struct life {
    uint64_t start, end;
    bool crashes;
    bool raw; /* what enter must say */
};

static const struct guard_case {
    const char *name;
    struct life lives[4];
    uint32_t suspects; /* after the last life, opened once more */
} guard_cases[] = {
    { "no crash", { { 0, 10, false, false }, { 0, 10, false, false } }, 0 },
    { "one crash is not enough", { { 0, 10, true, false }, { 0, 10, false, false } }, 0 },
    { "the second one is", { { 0, 10, true, false }, { 0, 10, true, false }, { 0, 10, false, true } },
      1 },
    { "other borders after a restart",
      { { 0, 100, true, false }, { 50, 60, true, false }, { 55, 57, false, true } }, 1 },
    { "bytes that only one of the two crashes covers",
      { { 0, 100, true, false }, { 50, 60, true, false }, { 70, 80, false, false } }, 1 },
    { "next to it", { { 0, 10, true, false }, { 0, 10, true, false }, { 10, 20, false, false } },
      1 },
};

static void test_lives(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(guard_cases); i++) {
        struct sim_io *sim = sim_io_new(i);
        struct parse_guard *guard;

        print_message("  %s\n", guard_cases[i].name);
        for (const struct life *life = guard_cases[i].lives; life->end > 0; life++) {
            guard = open_guard(sim);
            assert_int_equal(parse_guard_enter(guard, 3, &source_a, life->start, life->end),
                             life->raw);
            assert_false(parse_guard_enter(guard, 4, &source_b, life->start, life->end));
            parse_guard_leave(guard, 4);
            if (!life->crashes)
                parse_guard_leave(guard, 3);
            parse_guard_close(guard);
        }
        guard = open_guard(sim);
        assert_int_equal(parse_guard_suspects(guard), guard_cases[i].suspects);
        parse_guard_close(guard);
        sim_io_free(sim);
    }
}

/* Each range takes the place of the one before it: one write for each, and only the one that was
 * being parsed is suspected. */
static void test_ranges_in_turn(void **unused)
{
    struct sim_io *sim = sim_io_new(1);
    struct parse_guard *guard;
    uint64_t changes;

    (void)unused;
    for (unsigned life = 0; life < 2; life++) {
        guard = open_guard(sim);
        assert_false(parse_guard_enter(guard, 3, &source_a, 0, 10));
        parse_guard_leave(guard, 3);
        assert_false(parse_guard_enter(guard, 3, &source_b, 0, 10));
        parse_guard_close(guard);
    }
    guard = open_guard(sim);
    changes = sim_io_counts(sim).changes;
    assert_false(parse_guard_enter(guard, 3, &source_a, 0, 10));
    parse_guard_leave(guard, 3);
    assert_true(parse_guard_enter(guard, 3, &source_b, 0, 10));
    parse_guard_leave(guard, 3);
    assert_int_equal(sim_io_counts(sim).changes - changes, 2);
    parse_guard_rest(guard, 3);
    parse_guard_rest(guard, 3);
    assert_int_equal(sim_io_counts(sim).changes - changes, 3);
    parse_guard_close(guard);
    guard = open_guard(sim);
    assert_int_equal(parse_guard_suspects(guard), 1);
    parse_guard_close(guard);
    sim_io_free(sim);
}

/* A kill between two ranges blames the one that was parsed well, until its source goes on: the store
 * may have it, and then it never comes again. At rest nothing is blamed. */
static void test_killed_between_ranges(void **unused)
{
    struct sim_io *sim = sim_io_new(1);
    struct parse_guard *killed = open_guard(sim), *guard, *again;

    (void)unused;
    assert_false(parse_guard_enter(killed, 3, &source_a, 0, 10));
    parse_guard_leave(killed, 3);
    guard = open_guard(sim);
    assert_int_equal(parse_guard_suspects(guard), 1);
    assert_false(parse_guard_enter(guard, 3, &source_b, 10, 20));
    parse_guard_leave(guard, 3);
    assert_int_equal(parse_guard_suspects(guard), 1);
    assert_false(parse_guard_enter(guard, 3, &source_a, 10, 20));
    parse_guard_leave(guard, 3);
    assert_int_equal(parse_guard_suspects(guard), 0);
    parse_guard_rest(guard, 3);
    again = open_guard(sim);
    assert_int_equal(parse_guard_suspects(again), 0);
    parse_guard_close(again);
    parse_guard_close(guard);
    parse_guard_close(killed); /* not before: this empties its slot, too */
    sim_io_free(sim);
}

/* Whatever lies there, the collector starts. */
static void test_damaged_file(void **unused)
{
    static const char *const contents[] = { "", "DNGUARD1", "not a guard at all" };

    (void)unused;
    for (size_t i = 0; i < COUNT_OF(contents); i++) {
        struct sim_io *sim = sim_io_new(i);
        struct error err = {0};
        struct parse_guard *guard;

        assert_int_equal(io_replace_file(sim_io_table(sim), "/guard", slice_of(contents[i]), &err),
                         STATUS_OK);
        guard = open_guard(sim);
        assert_int_equal(parse_guard_suspects(guard), 0);
        parse_guard_close(guard);
        sim_io_free(sim);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lives),
        cmocka_unit_test(test_ranges_in_turn),
        cmocka_unit_test(test_killed_between_ranges),
        cmocka_unit_test(test_damaged_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
