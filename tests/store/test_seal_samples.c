/* tests/store/test_seal_samples.c -- samples of the batches of a head as runs, against the C library's sort
 * of all of them. */
#include "store/seal_samples.h"

#include "store/name_table.h"
#include "store/source_table.h"
#include "tests/store/keyed_sample.h"
#include "tests/support/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { SERIES = 30, SOURCES = 3, BATCH_MAX = 40, BATCHES = 50, DAY = 20000 };
#define DAY_NS (DAY * NS_PER_DAY)

struct bench {
    struct name_table fields, formats;
    struct source_table sources;
    struct chunk_tables tables;
    struct head *head;
    struct label labels[SERIES];
    char values[SERIES][8];
    struct buf texts[SERIES];
    uint32_t source_index[SOURCES]; /* number in the table -> index + 1 */
    struct keyed_sample expected[BATCHES * BATCH_MAX];
    uint32_t count;
    struct test_random random;
};

static const struct shape_case {
    const char *name;
    bool same_list, many_sources, late, days;
} cases[] = {
    {"the same list each time", true, false, false, false},
    {"lists that change", false, false, false, false},
    {"several sources in a batch", false, true, false, false},
    {"late ones", true, true, true, false},
    {"three days", false, true, true, true},
};

static struct bench *bench_new(void)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    struct error err = {0};

    assert_non_null(bench);
    assert_int_equal(name_table_init(&bench->fields, &err), STATUS_OK);
    assert_int_equal(name_table_init(&bench->formats, &err), STATUS_OK);
    assert_int_equal(source_table_init(&bench->sources, &err), STATUS_OK);
    bench->tables = (struct chunk_tables){&bench->fields, &bench->formats, &bench->sources};
    assert_int_equal(head_new(0, &bench->head, &err), STATUS_OK);
    assert_int_equal(head_reserve(bench->head, BATCHES, &err), STATUS_OK);
    for (uint32_t i = 0; i < SOURCES; i++) /* in the segment in another order than here */
        bench->source_index[i] = SOURCES - i;
    bench->random.state = 1;
    return bench;
}

static void bench_free(struct bench *bench)
{
    head_unref(bench->head);
    name_table_release(&bench->fields);
    name_table_release(&bench->formats);
    source_table_release(&bench->sources);
    for (uint32_t i = 0; i < SERIES; i++)
        buf_release(&bench->texts[i]);
    free(bench);
}

static void name_series(struct bench *bench, uint32_t i, struct sample *out)
{
    if (bench->texts[i].len == 0)
        (void)snprintf(bench->values[i], sizeof(bench->values[i]), "%u", i * 7 % SERIES);
    bench->labels[i] = (struct label){SLICE_LITERAL("device"), slice_of(bench->values[i])};
    *out = (struct sample){
        .metric = SLICE_LITERAL("reads"), .label_count = 1, .labels = &bench->labels[i]};
    if (bench->texts[i].len > 0)
        return;
    bench->texts[i] = buf_empty(100);
    assert_true(series_append(&bench->texts[i], out));
}

static void make_sample(struct bench *bench, const struct shape_case *c, uint32_t batch, uint32_t i,
                        struct sample *out)
{
    struct test_random *random = &bench->random;
    uint32_t series = c->same_list ? i % SERIES : (uint32_t)test_random_below(random, SERIES);

    name_series(bench, series, out);
    out->time_ns = DAY_NS + batch;
    if (c->late)
        out->time_ns -= (int64_t)test_random_below(random, 100) - 50;
    if (c->days)
        out->time_ns += (int64_t)test_random_below(random, 3) * NS_PER_DAY;
    out->value = (double)test_random_below(random, 1000);
    out->source = c->many_sources ? (uint32_t)test_random_below(random, SOURCES) : 0;
    bench->expected[bench->count] = (struct keyed_sample){
        .series = buf_slice(&bench->texts[series]),
        .sample = {.time_ns = out->time_ns, .value = out->value, .sequence = bench->count}};
}

static void add_batch(struct bench *bench, const struct shape_case *c, uint32_t number)
{
    static struct sample samples[BATCH_MAX];
    struct event_source sources[SOURCES] = {0};
    uint32_t count = c->same_list
                         ? BATCH_MAX : 1 + (uint32_t)test_random_below(&bench->random, BATCH_MAX);
    uint32_t first = bench->count;
    int64_t orders[SOURCES] = {INT64_MIN, INT64_MIN, INT64_MIN};
    const struct batch batch = {.sources = sources,
                                .samples = samples,
                                .source_count = c->many_sources ? SOURCES : 1,
                                .sample_count = count};
    const struct chunk_frame none = {0};
    struct chunk *chunk;
    struct error err = {0};
    struct buf bytes;

    for (uint32_t i = 0; i < SOURCES; i++) /* turned from batch to batch */
        sources[i].id.generation[0] = (uint8_t)((i + number) % SOURCES);
    for (uint32_t i = 0; i < count; i++, bench->count++)
        make_sample(bench, c, number, i, &samples[i]);
    assert_int_equal(chunk_encode(&batch, &bench->fields, orders, &bytes, NULL, &err), STATUS_OK);
    assert_int_equal(chunk_new_encoded(&bytes, &none, &bench->tables, &chunk, &err), STATUS_OK);
    chunk_set_sequence(chunk, first);
    for (uint32_t i = 0; i < count; i++)
        bench->expected[first + i].source =
            bench->source_index[chunk->source_numbers[samples[i].source]] - 1;
    head_add(bench->head, chunk, 0);
}

static void check_content(const struct segment_content *content, const struct keyed_sample *expected,
                          uint32_t count)
{
    const struct segment_sample *got = content->samples;

    assert_int_equal(content->sample_count, count);
    for (uint32_t run = 0; run < content->run_count; run++) {
        assert_int_not_equal(content->runs[run].count, 0);
        for (uint64_t i = 0; i < content->runs[run].count; i++, got++, expected++) {
            assert_true(slice_equal(content->runs[run].encoded, expected->series));
            assert_int_equal(content->runs[run].source, expected->source);
            assert_memory_equal(got, &expected->sample, sizeof(*got));
        }
    }
    assert_int_equal(got - content->samples, count);
}

/* Those after `after` up to `day`, in order. */
static void check_days(struct bench *bench, const struct seal_samples *samples, int64_t after,
                       int64_t day, struct seal_samples_day *room)
{
    static struct keyed_sample wanted[BATCHES * BATCH_MAX];
    struct segment_content content = {0};
    uint32_t count = 0;

    for (uint32_t i = 0; i < bench->count; i++)
        if (bench->expected[i].sample.time_ns / NS_PER_DAY > after &&
            bench->expected[i].sample.time_ns / NS_PER_DAY <= day)
            wanted[count++] = bench->expected[i];
    qsort(wanted, count, sizeof(*wanted), keyed_sample_compare);
    assert_true(seal_samples_take(samples, after, day, room, &content));
    check_content(&content, wanted, count);
}

static void test_heads(void **unused)
{
    (void)unused;
    for (size_t k = 0; k < COUNT_OF(cases); k++) {
        struct bench *bench = bench_new();
        struct seal_samples samples;
        struct seal_samples_day room = {0};
        int64_t first_day;

        print_message("  %s\n", cases[k].name);
        for (uint32_t i = 0; i < BATCHES; i++)
            add_batch(bench, &cases[k], i);
        assert_true(seal_samples_of(bench->head, bench->source_index, SOURCES, &samples));
        check_days(bench, &samples, INT64_MIN, INT64_MAX, &room);
        first_day = cases[k].late ? DAY - 1 : DAY; /* 50 ns before it */
        assert_int_equal(seal_samples_next_day(&samples, INT64_MIN), first_day);
        check_days(bench, &samples, INT64_MIN, first_day, &room);
        assert_int_equal(seal_samples_next_day(&samples, DAY),
                         cases[k].days ? DAY + 1 : INT64_MAX);
        check_days(bench, &samples, DAY, DAY + 1, &room);
        check_days(bench, &samples, DAY + 1, INT64_MAX, &room);
        seal_samples_day_release(&room);
        seal_samples_release(&samples);
        bench_free(bench);
    }
}

static void test_none(void **unused)
{
    struct bench *bench = bench_new();
    struct seal_samples samples;
    struct seal_samples_day room = {0};
    struct segment_content content = {0};

    (void)unused;
    assert_true(seal_samples_of(bench->head, bench->source_index, SOURCES, &samples));
    assert_int_equal(seal_samples_next_day(&samples, INT64_MIN), INT64_MAX);
    assert_true(seal_samples_take(&samples, INT64_MIN, DAY, &room, &content));
    assert_int_equal(content.sample_count + content.run_count, 0);
    seal_samples_release(&samples);
    bench_free(bench);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_heads),
        cmocka_unit_test(test_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
