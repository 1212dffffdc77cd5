/* tests/store/test_store.c -- the facade: what is acknowledged is there, after a restart and after a
 * seal, once and in order. */
#include "tests/store/store_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const char *const first_lines[] = {"200 GET /a", "404 GET /b", "", "503 POST /c"};
static const char *const more_lines[] = {"200 GET /d", "200 GET /e"};

static void check_lines(const struct fixture_rows *rows, const char *const *expected,
                        uint32_t count)
{
    assert_int_equal(rows->count, count);
    for (uint32_t i = 0; i < count; i++)
        assert_string_equal(rows->lines[i], expected[i]);
}

static void append(struct store *store, uint8_t source, const char *const *lines, uint32_t count,
                   uint64_t offset)
{
    struct fixture_batch batch = {
        .source = source, .lines = lines, .count = count, .offset = offset};
    struct error err = {0};

    if (fixture_append(store, &batch, &err) != STATUS_OK)
        fail_msg("append: %s", err.message);
}

static void check_all(struct store *store)
{
    static const char *const all[] = {"200 GET /a", "404 GET /b", "",
                                      "503 POST /c", "200 GET /d", "200 GET /e"};
    struct event_source source = fixture_source(1);
    struct fixture_rows rows = fixture_scan(store, NULL, false);
    struct watermark watermark;

    check_lines(&rows, all, 6);
    assert_int_equal(rows.cost.rows_total, 6);
    for (uint32_t i = 0; i < rows.count; i++)
        assert_int_equal(rows.sequences[i], i + 1);
    fixture_rows_free(&rows);
    assert_int_equal(store_watermark(store, &source.id, &watermark), STATUS_OK);
    assert_int_equal(watermark.durable_offset, 57); /* 35 bytes and 22 bytes of lines */
}

enum stage { IN_HEAD, REPLAYED, SEALED, SEALED_REOPENED };

static void test_rows_survive(void **unused)
{
    struct sim_io *sim = sim_io_new(1);
    struct store *store = fixture_open(sim);
    struct error err = {0};

    (void)unused;
    append(store, 1, first_lines, 4, 0);
    append(store, 1, more_lines, 2, 35);
    for (enum stage stage = IN_HEAD; stage <= SEALED_REOPENED; stage++) {
        print_message("  stage %d\n", (int)stage);
        if (stage == SEALED)
            assert_int_equal(store_seal(store, &err), STATUS_OK);
        if (stage == REPLAYED || stage == SEALED_REOPENED) {
            store_close(store);
            sim_io_crash(sim, SIM_CRASH_ALL_LOST);
            store = fixture_open(sim);
        }
        check_all(store);
    }
    store_close(store);
    assert_int_equal(sim_io_open_count(sim), 0);
    sim_io_free(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_survive),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
