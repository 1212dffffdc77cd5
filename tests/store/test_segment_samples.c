/* tests/store/test_segment_samples.c -- samples that a segment keeps against those it was made of: each
 * kind of difference is found, at its place. */
#include "store/segment_samples_check.h"

#include "store/chunk.h"
#include "store/segment_block.h"
#include "tests/support/segment_names.h"
#include "tests/support/sim_io.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { LONG_RUN = BLOCK_ROWS_MAX + 100 /* goes on in the next block */, COUNT = LONG_RUN + 30 };
#define PATH "/x.seg"

struct made {
    struct event_source sources[2];
    struct buf texts[2];
    struct sample_run runs[3];
    struct segment_sample samples[COUNT];
    struct segment_content content;
};

static void make(struct made *made, const struct segment_names *names)
{
    static const char *const metrics[] = {"level", "reads"};

    for (uint32_t i = 0; i < COUNT_OF(metrics); i++) {
        const struct label label = {SLICE_LITERAL("device"), SLICE_LITERAL("sda")};
        const struct sample series = {
            .metric = slice_of(metrics[i]), .label_count = 1, .labels = &label};

        made->sources[i] = (struct event_source){.id = {.generation = {(uint8_t)i}}};
        made->texts[i] = buf_empty(100);
        assert_true(series_append(&made->texts[i], &series));
    }
    made->runs[0] = (struct sample_run){buf_slice(&made->texts[0]), LONG_RUN, 0};
    made->runs[1] = (struct sample_run){buf_slice(&made->texts[0]), 10, 1};
    made->runs[2] = (struct sample_run){buf_slice(&made->texts[1]), 20, 0};
    for (uint32_t i = 0; i < COUNT; i++)
        made->samples[i] = (struct segment_sample){
            .time_ns = (int64_t)i * 10, .value = i % 50 / 4.0, .sequence = 1 + i};
    made->content = (struct segment_content){.runs = made->runs,
                                             .samples = made->samples,
                                             .sources = made->sources,
                                             .names = names,
                                             .sample_count = COUNT,
                                             .run_count = 3,
                                             .source_count = 2};
}

static void other_time(struct made *made)
{
    made->samples[LONG_RUN - 1].time_ns++;
}

static void other_value(struct made *made)
{
    made->samples[50].value = -0.0; /* stored: 0 */
}

static void other_sequence(struct made *made)
{
    made->samples[COUNT - 1].sequence++;
}

static void other_source(struct made *made)
{
    made->runs[1].source = 0;
}

static void other_text(struct made *made)
{
    made->texts[1].data[1] = 'R';
}

static void longer_run(struct made *made)
{
    made->runs[1].count++;
    made->runs[2].count--;
}

static void fewer_samples(struct made *made)
{
    made->content.sample_count--;
    made->runs[2].count--;
}

static const struct change_case {
    const char *name;
    void (*change)(struct made *made);
    uint32_t at; /* first sample that is another one */
} cases[] = {
    {"nothing", NULL, COUNT},
    {"time", other_time, LONG_RUN - 1},
    {"sign of zero", other_value, 50},
    {"sequence", other_sequence, COUNT - 1},
    {"source", other_source, LONG_RUN},
    {"text of a series", other_text, LONG_RUN + 10},
    {"one more in a run", longer_run, LONG_RUN + 10},
    {"one sample less", fewer_samples, COUNT - 1},
};

static enum status compare(struct segment *segment, const struct segment_content *content,
                           struct error *err)
{
    struct sample_place place = {0};
    enum status status = STATUS_OK;

    for (uint32_t i = 0; i < segment_block_count(segment) && status == STATUS_OK; i++) {
        struct segment_block *block;

        assert_int_equal(segment_block_new(segment, i, &block, err), STATUS_OK);
        status = segment_samples_compare(content, block, &place, err);
        block_release(&block->base);
    }
    if (status == STATUS_OK)
        assert_int_equal(place.sample, content->sample_count);
    return status;
}

static void test_changes(void **unused)
{
    struct made *made = malloc(sizeof(*made));
    struct sim_io *sim = sim_io_new(1);
    struct test_names names;
    struct segment_summary summary;
    struct segment *segment;
    struct error err = {0};

    (void)unused;
    assert_non_null(made);
    test_names_init(&names);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char sentence[100];

        print_message("  %s\n", cases[i].name);
        make(made, &names.segment);
        assert_int_equal(
            segment_write(sim_io_table(sim), PATH, &made->content, &summary, &err), STATUS_OK);
        assert_int_equal(segment_open(sim_io_table(sim), PATH, &names.segment, &segment, &err),
                         STATUS_OK);
        if (cases[i].change != NULL)
            cases[i].change(made);
        assert_int_equal(compare(segment, &made->content, &err),
                         cases[i].change == NULL ? STATUS_OK : STATUS_CORRUPT);
        (void)snprintf(sentence, sizeof(sentence), "sample %u reads back as another one",
                       cases[i].at);
        if (cases[i].change != NULL)
            assert_string_equal(err.message, sentence);
        segment_close(segment);
        for (size_t k = 0; k < COUNT_OF(made->texts); k++)
            buf_release(&made->texts[k]);
    }
    test_names_release(&names);
    sim_io_free(sim);
    free(made);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_changes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
