/* tests/crash/test_store_crash.c -- crash enumeration (tests/README.md): run a workload, cut
 * the power after every I/O call that changes the disk, recover, compare with a model.
 *
 * The model of a source is the list of lines that were sent. After recovery the store must hold a
 * prefix of it, at least as long as what was acknowledged, once each and in order; the watermark must
 * stand exactly behind that prefix, and nothing may be reported as damage. */
#include "tests/crash/crash_points.h"
#include "tests/store/store_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { SOURCES = 3, LINES_MAX = 400, LINE_SIZE_MAX = 64 };

struct model {
    char lines[SOURCES][LINES_MAX][LINE_SIZE_MAX];
    uint64_t ends[SOURCES][LINES_MAX + 1]; /* offset behind line i - 1 */
    uint32_t sent[SOURCES], acked[SOURCES];
};

/* A workload is a row of letters: a b c append three lines to a source; A B C one line and one that
 * stays open; g two batches for a and one for b in one sync; S seals; t runs the queued work; R
 * closes and opens again. */
static const struct workload {
    const char *name, *steps;
    uint64_t wal_file_size, seal_size;
} workloads[] = {
    {"appends over many WAL files", "abcabcaabbccabcabcaabbccabcabcabcabcaabbccabcabc", 2048, 1 << 20},
    {"appends and seals", "abcSabSccSabcaSbSbcaSabcSSabc", 4096, 1 << 20},
    {"heads that fill and seal by themselves", "atbtctatbtctatbtctatbtctatbtct", 4096, 300},
    {"open events over seals and restarts", "AbSASBSbcSARBSCSRcSaRSb", 2048, 1 << 20},
    {"a seal frees many WAL files", "abcabcabcabcSaSabcabcabcSbS", 512, 1 << 20},
    {"groups of batches", "gggagSggbgRgg", 4096, 1 << 20},
    {"restarts between", "aRbRSRcRabcSRRaSRb", 2048, 1 << 20},
};

static uint32_t add_lines(struct model *model, uint8_t source, uint32_t count,
                          const char *out[LINES_MAX])
{
    uint32_t first = model->sent[source];

    for (uint32_t i = 0; i < count; i++) {
        char *line = model->lines[source][first + i];

        (void)snprintf(line, LINE_SIZE_MAX, "2%02u source %u line %u %.*s", i, source, first + i,
                       (int)((first + i) % 20), "xxxxxxxxxxxxxxxxxxxx");
        model->ends[source][first + i + 1] = model->ends[source][first + i] + strlen(line) + 1;
        out[i] = line;
    }
    model->sent[source] = first + count;
    return first;
}

/* False: the power is gone. An open line is sent again, complete, by the next append of its source;
 * here it is the model's next line already. */
static bool do_append(struct store *store, struct model *model, uint8_t source, bool open)
{
    const char *lines[LINES_MAX];
    uint32_t count = open ? 1 : 3;
    uint32_t first = add_lines(model, source, count, lines);
    struct fixture_batch batch = {
        .source = (uint8_t)(source + 1),
        .lines = lines,
        .count = count,
        .offset = model->ends[source][first],
        .open = open ? "299 still open" : NULL,
    };
    struct error err = {0};

    if (fixture_append(store, &batch, &err) != STATUS_OK)
        return false;
    model->acked[source] = model->sent[source];
    return true;
}

/* Of a group that was not synced any part may survive, but for each source only a prefix. */
static void do_group(struct sim_io *sim, struct store *store, struct model *model)
{
    static const uint8_t sources[] = {0, 0, 1};
    struct error err = {0};

    for (size_t i = 0; i < COUNT_OF(sources); i++) {
        const char *lines[LINES_MAX];
        uint32_t first = add_lines(model, sources[i], 3, lines);
        struct fixture_batch batch = {.source = (uint8_t)(sources[i] + 1),
                                      .lines = lines,
                                      .count = 3,
                                      .offset = model->ends[sources[i]][first],
                                      .queue_only = true};

        if (fixture_append(store, &batch, &err) != STATUS_OK)
            return;
    }
    if (store_step(store, &err) != STATUS_OK || sim_io_crashed(sim))
        return;
    model->acked[0] = model->sent[0];
    model->acked[1] = model->sent[1];
}

static struct store *open_quietly(struct sim_io *sim, const struct workload *workload)
{
    struct store_options options = fixture_options(sim);
    struct store *store = NULL;
    struct error err = {0};

    options.wal_file_size = workload->wal_file_size;
    options.seal_size = workload->seal_size;
    if (store_open(&options, &store, &err) != STATUS_OK)
        return NULL;
    return store;
}

static void run(struct sim_io *sim, const struct workload *workload, struct model *model)
{
    struct store *store = open_quietly(sim, workload);
    struct error err = {0};

    for (const char *step = workload->steps; *step != '\0' && store != NULL; step++) {
        if (sim_io_crashed(sim))
            break;
        if (*step == 'S') {
            if (store_seal(store, &err) != STATUS_OK && !sim_io_crashed(sim))
                fail_msg("seal: %s", err.message);
        } else if (*step == 't') {
            fixture_settle(store);
        } else if (*step == 'R') {
            store_close(store);
            store = open_quietly(sim, workload);
        } else if (*step == 'g') {
            do_group(sim, store, model);
        } else if (*step >= 'a') {
            (void)do_append(store, model, (uint8_t)(*step - 'a'), false);
        } else {
            (void)do_append(store, model, (uint8_t)(*step - 'A'), true);
        }
    }
    if (store != NULL)
        store_close(store);
}

static uint64_t expected_mark(const struct model *model, uint32_t source, uint32_t present)
{
    return model->ends[source][present];
}

struct open_search {
    uint32_t source, found;
};

static void on_open_event(void *user, const struct event_source *from, struct slice format,
                          const struct event *event)
{
    struct open_search *search = user;

    assert_true(slice_is(format, "plain"));
    if (from->id.generation[0] != search->source + 1)
        return;
    assert_true(slice_is(event->bytes, "299 still open"));
    search->found++;
}

/* Rows of one source, in order, are the first lines of the model. */
static void check_source(struct store *store, const struct fixture_rows *rows,
                         const struct model *model, uint32_t source)
{
    struct event_source identity = fixture_source((uint8_t)(source + 1));
    struct watermark watermark;
    uint32_t present = 0;

    for (uint32_t i = 0; i < rows->count; i++) {
        const struct event_source *of = store_source(store, rows->sources[i]);

        if (of->id.generation[0] != source + 1)
            continue;
        assert_true(present < model->sent[source]);
        assert_string_equal(rows->lines[i], model->lines[source][present]);
        present++;
    }
    assert_true(present >= model->acked[source]);
    if (store_watermark(store, &identity.id, &watermark) == STATUS_NOT_FOUND) {
        assert_int_equal(present, 0);
        return;
    }
    /* With an open event the watermark stands behind it, and the event is there. */
    if (watermark.durable_offset != expected_mark(model, source, present)) {
        struct open_search search = {.source = source};

        assert_int_equal(watermark.durable_offset,
                         expected_mark(model, source, present) + strlen("299 still open") + 1);
        store_open_events(store, on_open_event, &search);
        assert_int_equal(search.found, 1);
    }
}

static void check_recovered(struct sim_io *sim, const struct workload *workload,
                            const struct model *model)
{
    struct store *store = open_quietly(sim, workload);
    struct fixture_rows rows;
    struct error err = {0};

    assert_non_null(store);
    assert_int_equal(store_seal(store, &err), STATUS_OK);
    rows = fixture_scan(store, NULL, false);
    for (uint32_t source = 0; source < SOURCES; source++)
        check_source(store, &rows, model, source);
    fixture_rows_free(&rows);
    crash_close_undamaged(sim, store);
}

/* False when the workload ended before it. */
static bool crash_once(const struct workload *workload, const struct crash_points *point,
                       struct model *model)
{
    struct sim_io *sim = sim_io_new(point->seed);
    bool crashed;

    memset(model, 0, sizeof(*model));
    sim_io_faults(sim)->crash_after = point->after;
    run(sim, workload, model);
    crashed = sim_io_crashed(sim);
    sim_io_crash(sim, point->mode);
    check_recovered(sim, workload, model);
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
