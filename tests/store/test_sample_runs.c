/* tests/store/test_sample_runs.c -- samples of many series and sources in the order of a segment, against
 * the C library's sort of the whole key. */
#include "store/sample_runs.h"

#include "tests/store/keyed_sample.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { COUNT_MAX = 5000, SERIES_MAX = 700, TEXT_MAX = 16 };

static const struct order_case {
    const char *name;
    uint32_t count, series, sources, late; /* one of `late` samples comes before others of its series */
} cases[] = {
    {"none", 0, 1, 1, 0},
    {"one", 1, 1, 1, 0},
    {"one series in order", 100, 1, 1, 0},
    {"one series of many sources", COUNT_MAX, 1, 300, 0},
    {"many series of one source", COUNT_MAX, SERIES_MAX, 1, 0},
    {"some come late", COUNT_MAX, 40, 7, 10},
    {"all in any order", COUNT_MAX, 40, 7, 1},
};

static char texts[SERIES_MAX][TEXT_MAX];

/* Series of no certain order, one the begin of another, one empty. */
static struct slice text_of(uint32_t series)
{
    return series == 0 ? (struct slice){NULL, 0} : slice_of(texts[series]);
}

static void make_sample(const struct order_case *c, uint32_t i, struct keyed_sample *out)
{
    bool late = c->late > 0 && (uint32_t)rand() % c->late == 0;

    *out = (struct keyed_sample){
        .series = text_of((uint32_t)rand() % c->series),
        .source = (uint32_t)rand() % c->sources,
        .sample = {.time_ns = late ? rand() % COUNT_MAX : (int64_t)i, .value = i, .sequence = i}};
}

/* Count them, sort the runs, put each to its place. */
static void put_apart(const struct keyed_sample *from, uint32_t count, struct sample_runs *runs,
                      struct segment_sample *out)
{
    static uint32_t numbers[COUNT_MAX];
    uint64_t *places;

    for (uint32_t i = 0; i < count; i++) {
        numbers[i] = sample_runs_get(runs, from[i].series, from[i].source);
        assert_int_not_equal(numbers[i], MAP_NONE);
        runs->items[numbers[i]].count++;
    }
    assert_true(sample_runs_sort(runs, &places));
    for (uint32_t i = 0; i < count; i++)
        out[places[numbers[i]]++] = from[i].sample;
    free(places);
    sample_runs_order(runs, out);
}

static void test_order(void **unused)
{
    static struct keyed_sample keyed[COUNT_MAX];
    static struct segment_sample sorted[COUNT_MAX];

    (void)unused;
    srand(1);
    for (uint32_t i = 0; i < SERIES_MAX; i++)
        (void)snprintf(texts[i], TEXT_MAX, "s%u", i * 7919 % SERIES_MAX);
    for (size_t k = 0; k < COUNT_OF(cases); k++) {
        const struct order_case *c = &cases[k];
        const struct keyed_sample *expected = keyed;
        const struct segment_sample *got = sorted;
        struct sample_runs runs;

        print_message("  %s\n", c->name);
        sample_runs_init(&runs, 1 << 20);
        for (uint32_t i = 0; i < c->count; i++)
            make_sample(c, i, &keyed[i]);
        put_apart(keyed, c->count, &runs, sorted);
        qsort(keyed, c->count, sizeof(*keyed), keyed_sample_compare);
        for (uint32_t run = 0; run < runs.count; run++)
            for (uint64_t i = 0; i < runs.items[run].count; i++, expected++, got++) {
                assert_true(slice_equal(runs.items[run].encoded, expected->series));
                assert_int_equal(runs.items[run].source, expected->source);
                assert_memory_equal(got, &expected->sample, sizeof(*got));
                assert_true(i > 0 || run == 0 || /* each is one run */
                            !slice_equal(runs.items[run - 1].encoded, expected->series) ||
                            runs.items[run - 1].source != expected->source);
            }
        assert_int_equal(expected - keyed, c->count);
        sample_runs_release(&runs);
    }
}

/* No memory for one more series: nothing is changed by it. */
static void test_full(void **unused)
{
    struct sample_runs runs;
    char text[5000] = {0};

    (void)unused;
    sample_runs_init(&runs, 8192);
    assert_int_equal(sample_runs_get(&runs, SLICE_LITERAL("a"), 0), 0);
    assert_int_equal(sample_runs_get(&runs, SLICE_LITERAL("a"), 1), 1);
    assert_int_equal(sample_runs_get(&runs, slice_make(text, sizeof(text)), 0), MAP_NONE);
    assert_int_equal(sample_runs_get(&runs, SLICE_LITERAL("a"), 1), 1);
    assert_int_equal(runs.count, 2);
    sample_runs_release(&runs);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_full),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
