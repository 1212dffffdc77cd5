/* tests/store/test_registry.c -- first times are kept over starts; a damaged file costs what was in
 * it and no more; a store finds them again from its segments. */
#include "store/registry.h"
#include "tests/store/store_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define DIR "/registry"

static struct registry *open_one(struct io *io)
{
    struct registry *registry = NULL;

    assert_int_equal(registry_open(io, DIR, &registry, NULL), STATUS_OK);
    return registry;
}

static void add(struct registry *registry, uint64_t segment, uint64_t id, int64_t first_ns)
{
    struct template_seen seen = {id, first_ns};

    assert_int_equal(registry_add(registry, registry_generation(registry), segment, &seen, 1, NULL),
                     STATUS_OK);
}

static void check(struct registry *registry, uint64_t id, int64_t first_ns)
{
    int64_t found = -1;

    assert_true(registry_first(registry, id, &found));
    assert_int_equal(found, first_ns);
}

static struct io *make_io(struct sim_io **sim)
{
    *sim = sim_io_new(1);
    assert_int_equal(io_make_dirs(sim_io_table(*sim), DIR, NULL), STATUS_OK);
    return sim_io_table(*sim);
}

static void test_kept_over_starts(void **unused)
{
    struct sim_io *sim;
    struct io *io = make_io(&sim);
    struct registry *registry = open_one(io);
    int64_t ignored;

    (void)unused;
    add(registry, 1, 17, 500);
    add(registry, 2, 17, 300); /* an older row came later */
    add(registry, 3, 17, 900); /* no news, but the segment is known */
    add(registry, 3, 18, -5);  /* before 1970 */
    registry_close(registry);
    registry = open_one(io);
    check(registry, 17, 300);
    check(registry, 18, -5);
    assert_false(registry_first(registry, 19, &ignored));
    assert_false(registry_first(registry, 0, &ignored));
    for (uint64_t segment = 1; segment <= 3; segment++)
        assert_true(registry_has_segment(registry, segment));
    assert_false(registry_has_segment(registry, 4));
    registry_close(registry);
    sim_io_free(sim);
}

/* Header 16 bytes, records of 24 + 16. Each byte of the file is changed in turn, and the file cut at
 * each: the records before it stay, nothing wrong is read, and what is added then is kept. */
static void test_every_byte(void **unused)
{
    static const size_t size = 16 + 3 * 40;
    struct sim_io *sim;
    struct io *io = make_io(&sim);
    struct registry *registry = open_one(io);
    struct buf good = buf_empty(1 << 16);

    (void)unused;
    for (uint64_t i = 1; i <= 3; i++)
        add(registry, i, 100 + i, (int64_t)i);
    registry_close(registry);
    assert_int_equal(io_read_file(io, DIR "/registry", &good, NULL), STATUS_OK);
    assert_int_equal(good.len, size);
    for (size_t at = 0; at < 2 * size; at++) {
        size_t place = at / 2, whole = place < 16 ? 0 : (place - 16) / 40;
        struct slice content = {good.data, at % 2 == 0 ? size : place};
        struct registry_stats stats;

        if (place >= 12 && place < 16 && at % 2 == 0)
            continue; /* reserved bytes mean nothing yet */
        good.data[place] = (char)(good.data[place] ^ (at % 2 == 0 ? 0x10 : 0));
        assert_int_equal(io_replace_file(io, DIR "/registry", content, NULL), STATUS_OK);
        good.data[place] = (char)(good.data[place] ^ (at % 2 == 0 ? 0x10 : 0));
        registry = open_one(io);
        registry_stats(registry, &stats);
        assert_int_equal(stats.templates, whole);
        assert_int_equal(stats.segments, whole);
        add(registry, 9, 999, 9);
        registry_close(registry);
        registry = open_one(io);
        check(registry, 999, 9);
        for (uint64_t i = 1; i <= whole; i++)
            check(registry, 100 + i, (int64_t)i);
        registry_close(registry);
    }
    buf_release(&good);
    sim_io_free(sim);
}

static void test_roll_and_forget(void **unused)
{
    static const uint64_t live[] = {2, 3, 7};
    struct sim_io *sim;
    struct io *io = make_io(&sim);
    struct registry *registry = open_one(io);
    int64_t ignored;

    (void)unused;
    for (uint64_t i = 1; i <= 3; i++)
        add(registry, i, 100 + i, (int64_t)i);
    assert_int_equal(registry_roll(registry, live, 3, NULL), STATUS_OK);
    registry_close(registry);
    registry = open_one(io);
    check(registry, 101, 1); /* outlives its segment */
    assert_false(registry_has_segment(registry, 1));
    assert_true(registry_has_segment(registry, 2));
    assert_false(registry_has_segment(registry, 7)); /* it never said what is in it */
    assert_int_equal(registry_forget(registry, NULL), STATUS_OK);
    assert_false(registry_first(registry, 101, &ignored));
    add(registry, 4, 104, 4);
    registry_close(registry);
    registry = open_one(io);
    assert_false(registry_first(registry, 101, &ignored));
    check(registry, 104, 4);
    registry_close(registry);
    sim_io_free(sim);
}

/* ---- of a store ---- */

static uint64_t templates_after_sync(struct store *store)
{
    struct registry_stats stats;
    struct error err = {0};
    uint32_t left;

    if (store_templates_sync(store, 100, &left, &err) != STATUS_OK)
        fail_msg("%s", err.message);
    assert_int_equal(left, 0);
    store_templates_stats(store, &stats);
    return stats.templates;
}

/* Twelve lines of one shape make a family, two more are kept as text: three patterns in all. */
static void append_lines(struct store *store)
{
    static const char *const lines[] = {"job 1 done", "job 2 done", "job 3 done", "job 4 done",
                                        "job 5 done", "job 6 done", "job 7 done", "job 8 done",
                                        "job 9 done", "job 10 done", "job 11 done", "job 12 done",
                                        "disk full", "bye"};

    fixture_append_lines(store, 1, lines, COUNT_OF(lines), 0);
    assert_int_equal(store_seal(store, NULL), STATUS_OK);
}

static void test_found_again(void **unused)
{
    struct sim_io *sim = sim_io_new(3);
    struct store *store = fixture_open(sim);
    uint64_t count;

    (void)unused;
    append_lines(store);
    count = templates_after_sync(store);
    assert_int_equal(count, 3);
    store_close(store);

    store = fixture_open(sim); /* read from the file: there is nothing left to do */
    assert_int_equal(templates_after_sync(store), count);
    assert_int_equal(registry_rebuild(store, NULL), STATUS_OK);
    assert_int_equal(templates_after_sync(store), count);
    store_close(store);

    assert_int_equal(io_remove(sim_io_table(sim), FIXTURE_DIR "/registry", NULL), STATUS_OK);
    store = fixture_open(sim);
    assert_int_equal(templates_after_sync(store), count);
    store_close(store);
    sim_io_free(sim);
}

/* Power cut after each changing call while the registry is written: the next start has all again. */
static void test_power_cuts(void **unused)
{
    static const enum sim_crash modes[] = {SIM_CRASH_ALL_LOST, SIM_CRASH_ALL_KEPT,
                                           SIM_CRASH_RANDOM};
    bool cut = true;

    (void)unused;
    for (uint64_t after = 1; cut && after < 100; after++) {
        struct sim_io *sim = sim_io_new(after);
        struct store *store = fixture_open(sim);
        struct registry_stats stats;
        uint32_t left;

        append_lines(store);
        sim_io_faults(sim)->crash_after = after;
        (void)!store_templates_sync(store, 100, &left, NULL);
        cut = sim_io_crashed(sim);
        store_close(store);
        sim_io_crash(sim, modes[after % COUNT_OF(modes)]);
        store = fixture_open(sim);
        assert_int_equal(templates_after_sync(store), 3);
        store_templates_stats(store, &stats);
        assert_int_equal(stats.refused, 0);
        store_close(store);
        sim_io_free(sim);
    }
    assert_false(cut); /* the last run was not cut */
}

/* What was read before an erasure ended is of rows that are gone: it is not taken. */
static void test_forgotten_meanwhile(void **unused)
{
    struct template_seen seen = {104, 4};
    struct sim_io *sim;
    struct io *io = make_io(&sim);
    struct registry *registry = open_one(io);
    uint64_t before = registry_generation(registry);
    int64_t ignored;

    (void)unused;
    add(registry, 1, 101, 1);
    assert_int_equal(registry_forget(registry, NULL), STATUS_OK);
    assert_int_equal(registry_add(registry, before, 4, &seen, 1, NULL), STATUS_AGAIN);
    for (int starts = 0; starts < 2; starts++) {
        assert_false(registry_first(registry, 104, &ignored));
        assert_false(registry_has_segment(registry, 4));
        registry_close(registry);
        registry = open_one(io);
    }
    add(registry, 4, 104, 4);
    check(registry, 104, 4);
    registry_close(registry);
    sim_io_free(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forgotten_meanwhile),
        cmocka_unit_test(test_kept_over_starts), cmocka_unit_test(test_every_byte),
        cmocka_unit_test(test_roll_and_forget),  cmocka_unit_test(test_found_again),
        cmocka_unit_test(test_power_cuts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
