/* tests/crash/test_rewrite_crash.c -- crash enumeration over compaction and erasure: cut the power
 * after every I/O call that changes the disk, recover, compare with a model.
 *
 * Of each source the store must hold a prefix of what was sent, at least what was acknowledged, once
 * each and in order; but none of the erased source's lines from before an erasure that was answered,
 * and, when it has settled, no byte of them anywhere. */
#include "tests/crash/crash_points.h"
#include "tests/store/erase_fixture.h"

#include "store/store_impl.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { SOURCES = 2, LINES_MAX = 400, LINE_SIZE_MAX = 64, ERASED_SOURCE = 1 };

struct model {
    char lines[SOURCES][LINES_MAX][LINE_SIZE_MAX];
    uint64_t ends[SOURCES][LINES_MAX + 1];
    uint32_t sent[SOURCES], acked[SOURCES];
    uint32_t erased;      /* lines of ERASED_SOURCE that an answered erasure covers */
    uint32_t erase_tried; /* ... or one that was not answered */
};

/* a b append three lines; S seals without background work; t runs all queued work; E erases the lines
 * of b so far; R closes and opens again. */
static const struct workload {
    const char *name, *steps;
} workloads[] = {
    {"joins", "aSbSaSabStaSbStt"},
    {"erasure from heads and segments", "abSabEtabSt"},
    {"erasure, restart, erasure", "abSERabSbEtRt"},
    {"joins and erasures", "aSbSabStEtaSbSEtt"},
};

static struct store *open_quietly(struct sim_io *sim)
{
    struct store_options options = fixture_erase_options(sim);
    struct store *store = NULL;
    struct error err = {0};

    options.compact_size = 1 << 20;
    options.wal_file_size = 2048;
    return store_open(&options, &store, &err) == STATUS_OK ? store : NULL;
}

static void do_append(struct store *store, struct model *model, uint8_t source)
{
    const char *lines[3];
    uint32_t first = model->sent[source];
    struct fixture_batch batch = {.source = (uint8_t)(source + 1),
                                  .lines = lines,
                                  .count = 3,
                                  .offset = model->ends[source][first]};
    struct error err = {0};

    for (uint32_t i = 0; i < 3; i++) {
        char *line = model->lines[source][first + i];

        (void)snprintf(line, LINE_SIZE_MAX, "2%02u source%u line %u %.*s", i, source, first + i,
                       (int)((first + i) % 20), "xxxxxxxxxxxxxxxxxxxx");
        model->ends[source][first + i + 1] = model->ends[source][first + i] + strlen(line) + 1;
        lines[i] = line;
    }
    model->sent[source] = first + 3;
    if (fixture_append(store, &batch, &err) == STATUS_OK)
        model->acked[source] = model->sent[source];
}

static void do_erase(struct store *store, struct model *model)
{
    struct erase_request request = {.filter = SLICE_LITERAL("has source1"),
                                    .by = SLICE_LITERAL("test"),
                                    .time_min_ns = INT64_MIN,
                                    .time_max_ns = INT64_MAX};
    struct error err = {0};
    uint64_t number;

    model->erase_tried = model->sent[ERASED_SOURCE];
    if (store_erase(store, &request, &number, &err) == STATUS_OK)
        model->erased = model->acked[ERASED_SOURCE];
}

static void run(struct sim_io *sim, const struct workload *workload, struct model *model)
{
    struct store *store = open_quietly(sim);
    struct error err = {0};

    for (const char *step = workload->steps; *step != '\0' && store != NULL; step++) {
        if (sim_io_crashed(sim))
            break;
        switch (*step) {
        case 'S':
            while (store_seal_one(store, true, &err) == STATUS_OK)
                ;
            break;
        case 't':
            fixture_settle(store);
            break;
        case 'E':
            do_erase(store, model);
            break;
        case 'R':
            store_close(store);
            store = open_quietly(sim);
            break;
        default:
            do_append(store, model, (uint8_t)(*step - 'a'));
        }
    }
    if (store != NULL)
        store_close(store);
}

/* Lines of the source, in order: from one that may be the first, without holes. */
static void check_source(struct store *store, const struct model *model, uint32_t source)
{
    struct fixture_rows rows = fixture_scan(store, NULL, false);
    struct event_source identity = fixture_source((uint8_t)(source + 1));
    struct watermark watermark = {.durable_offset = 0};
    uint32_t next = UINT32_MAX, first = 0, last = 0;

    assert_int_equal(rows.damaged, 0);
    for (uint32_t i = 0; i < rows.count; i++) {
        if (store_source(store, rows.sources[i])->id.generation[0] != source + 1)
            continue;
        if (next == UINT32_MAX)
            for (next = 0; strcmp(rows.lines[i], model->lines[source][next]) != 0;)
                if (++next > model->sent[source])
                    fail_msg("unknown line: %s", rows.lines[i]);
        first = last == 0 ? next : first;
        assert_string_equal(rows.lines[i], model->lines[source][next]);
        last = ++next;
    }
    fixture_rows_free(&rows);
    if (store_watermark(store, &identity.id, &watermark) != STATUS_OK)
        watermark.durable_offset = 0; /* nothing of it is durable */
    if (source != ERASED_SOURCE) {
        assert_int_equal(first, 0);
        assert_true(last >= model->acked[source]);
        assert_int_equal(watermark.durable_offset, model->ends[source][last]);
        return;
    }
    assert_true(watermark.durable_offset >= model->ends[source][model->acked[source]]);
    if (last == 0) { /* nothing left: then all of it was meant */
        assert_true(model->acked[source] <= model->erase_tried);
        return;
    }
    assert_true(first >= model->erased);
    assert_true(first == 0 || first <= model->erase_tried);
    assert_true(last >= model->acked[source]);
}

static void check_recovered(struct sim_io *sim, const struct model *model)
{
    struct store *store = open_quietly(sim);

    assert_non_null(store);
    for (int settled = 0; settled < 2; settled++) {
        for (uint32_t source = 0; source < SOURCES; source++)
            check_source(store, model, source);
        fixture_settle(store);
    }
    if (model->erased > 0) {
        assert_int_equal(fixture_last_erasure(store).state, ERASE_FINISHED);
        for (uint32_t i = 0; i < model->erased; i += 5)
            assert_int_equal(fixture_files_with(sim, model->lines[ERASED_SOURCE][i]), 0);
    }
    crash_close_undamaged(sim, store);
}

static bool crash_once(const struct workload *workload, const struct crash_points *point,
                       struct model *model)
{
    struct sim_io *sim = sim_io_new(point->seed);
    bool crashed;

    memset(model, 0, sizeof(*model));
    sim_io_set_wall(sim, FIXTURE_TIME_NS + 3 * NS_PER_DAY); /* two files are enough for a join */
    sim_io_faults(sim)->crash_after = point->after;
    run(sim, workload, model);
    crashed = sim_io_crashed(sim);
    sim_io_crash(sim, point->mode);
    check_recovered(sim, model);
    sim_io_free(sim);
    return crashed;
}

static void test_every_crash_point(void **unused)
{
    struct model *model = malloc(sizeof(*model));
    uint64_t recoveries = 0;

    (void)unused;
    assert_non_null(model);
    for (unsigned w = 0; w < COUNT_OF(workloads); w++) {
        struct crash_points points = crash_points_of(w);

        print_message("  %s\n", workloads[w].name);
        while (crash_points_next(&points))
            points.reached = crash_once(&workloads[w], &points, model);
        recoveries += points.count;
    }
    print_message("  %lu recoveries\n", (unsigned long)recoveries);
    free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_crash_point),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
