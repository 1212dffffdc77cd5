/* tests/store/test_field_encoder.c -- fields that were encoded as they came, in any order, are read out of the
 * chunk in order of start; what was forgotten, or refused, is not there. The order expected is that of
 * a search for the smallest start that is left. */
#include "store/chunk_encode_fields.h"
#include "store/chunk.h"
#include "tests/support/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { ROWS = 3000, KINDS = 40, FIELDS = 40, LINE_SIZE = 20000 };

struct bench {
    struct name_table fields, formats;
    struct source_table sources;
    struct field_encoder encoder;
    struct event events[ROWS];
    struct event_field found[ROWS][FIELDS]; /* as they are given */
    char line[LINE_SIZE];
};

static void *bench_new(void)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    struct error err = {0};

    assert_non_null(bench);
    assert_int_equal(name_table_init(&bench->fields, &err), STATUS_OK);
    assert_int_equal(name_table_init(&bench->formats, &err), STATUS_OK);
    assert_int_equal(source_table_init(&bench->sources, &err), STATUS_OK);
    for (uint32_t i = 0; i < FIELD_ID_WELL_KNOWN_COUNT; i++)
        (void)name_table_get(&bench->fields, slice_of(well_known_field_names[i]));
    field_encoder_init(&bench->encoder);
    for (uint32_t i = 0; i < LINE_SIZE; i++)
        bench->line[i] = (char)('a' + i % 26);
    return bench;
}

static void bench_free(struct bench *bench)
{
    field_encoder_release(&bench->encoder);
    name_table_release(&bench->fields);
    name_table_release(&bench->formats);
    source_table_release(&bench->sources);
    free(bench);
}

/* A field of `kind` at `place`: of one kind in 16 rows of 17 a span, and else computed; starts are equal often. */
static struct event_field make_field(struct bench *bench, struct test_random *random, uint32_t kind,
                                     uint32_t place)
{
    struct event_field field = {
        .field = FIELD_ID_FIRST_SPAN + (kind * 7 + place) % 20,
        .type = (uint8_t)((kind + place) % (FIELD_LEVEL + 1)),
        .unit = (uint8_t)(place % 3),
        .start = (uint32_t)(test_random_chance(random, 20) ? place / 4 * 3
                                                           : (place * 37 + kind * 11) % 18000),
        .len = (uint32_t)test_random_below(random, 300),
    };

    if ((kind + place) % 5 == 0 || test_random_chance(random, 6)) {
        field.start = field.len = 0;
        field.text = slice_make(bench->line + test_random_below(random, 60),
                                test_random_below(random, 30));
    }
    return field;
}

static void make_event(struct bench *bench, struct test_random *random, uint32_t row)
{
    uint32_t kind = (uint32_t)test_random_below(random, KINDS), count = kind % FIELDS;

    for (uint32_t i = 0; i < count; i++)
        bench->found[row][i] = make_field(bench, random, kind, i);
    bench->events[row] = (struct event){.time_ns = row,
                                        .bytes = {bench->line, LINE_SIZE},
                                        .offset = (uint64_t)row * LINE_SIZE,
                                        .source_len = LINE_SIZE,
                                        .format = (uint16_t)(kind % 3),
                                        .fields = bench->found[row],
                                        .field_count = count};
}

static void add(struct bench *bench, uint32_t row)
{
    struct event *event = &bench->events[row];
    struct error err = {0};

    event->fields_at = (uint32_t)bench->encoder.out.len;
    assert_int_equal(field_encoder_add_found(&bench->encoder, event, &err), STATUS_OK);
    event->fields = NULL; /* they need not stay */
}

/* The place of the field that comes next: the first of those with the smallest start. */
static uint32_t next_place(const struct event_field *fields, uint32_t count, bool *taken)
{
    uint32_t best = UINT32_MAX;

    for (uint32_t i = 0; i < count; i++)
        if (!taken[i] && (best == UINT32_MAX || fields[i].start < fields[best].start))
            best = i;
    taken[best] = true;
    return best;
}

static void check_fields(const struct event *event, const struct event_field *found)
{
    bool taken[FIELDS] = {false};

    for (uint32_t i = 0; i < event->field_count; i++) {
        const struct event_field *got = &event->fields[i];
        const struct event_field *said = &found[next_place(found, event->field_count, taken)];

        assert_int_equal(got->field, said->field);
        assert_int_equal(got->type, said->type);
        assert_int_equal(got->unit, said->unit);
        assert_int_equal(got->text.data != NULL, said->text.data != NULL);
        assert_true(slice_equal(got->text, said->text));
        assert_int_equal(got->start, said->start);
        assert_int_equal(got->len, said->len);
    }
}

static enum status encode(struct bench *bench, uint32_t rows, uint32_t open, struct chunk **out)
{
    static const struct event_source source = {.path = {"/log", 4}};
    static const struct slice formats[] = {{"a", 1}, {"b", 1}, {"c", 1}};
    struct chunk_tables tables = {&bench->fields, &bench->formats, &bench->sources};
    struct batch batch = {.sources = &source,
                          .source_count = 1,
                          .formats = formats,
                          .format_count = 3,
                          .events = bench->events,
                          .event_count = rows - open,
                          .open_events = bench->events + rows - open,
                          .open_event_count = open,
                          .fields = &bench->encoder};
    struct buf bytes = buf_empty(CHUNK_SIZE_MAX);
    struct error err = {0};
    int64_t order = INT64_MIN;
    enum status status = chunk_encode(&batch, &bench->fields, &order, &bytes, NULL, &err);

    return status == STATUS_OK ? chunk_new(&bytes, &tables, out, &err) : status;
}

/* Rows 0 .. rows - 1 are those that were found. */
static void check_rows(struct bench *bench, uint32_t rows, uint32_t open)
{
    static struct event_field fields[EVENT_FIELDS_MAX];
    struct chunk *chunk;

    assert_int_equal(encode(bench, rows, open, &chunk), STATUS_OK);
    assert_int_equal(chunk->row_count + chunk->open_count, rows);
    for (uint32_t i = 0; i < rows; i++) {
        struct chunk_row row = chunk_row_at(chunk, i);
        struct event event;

        chunk_event(chunk, &row, fields, &event);
        assert_int_equal(event.field_count, bench->events[i].field_count);
        assert_int_equal(event.format, bench->events[i].format);
        check_fields(&event, bench->found[i]);
    }
    chunk_unref(chunk);
}

/* Batch after batch with one encoder; in each the last rows were forgotten once and came again otherwise. */
static void test_found(void **unused)
{
    struct bench *bench = bench_new();
    struct test_random random = {1};

    (void)unused;
    for (uint32_t rows = 30; rows <= ROWS; rows *= 10) {
        uint32_t again = rows - rows / 4;

        for (uint32_t i = 0; i < rows; i++) {
            make_event(bench, &random, i);
            add(bench, i);
        }
        field_encoder_cut(&bench->encoder, bench->events[again].fields_at);
        for (uint32_t i = again; i < rows; i++) {
            make_event(bench, &random, i);
            add(bench, i);
        }
        check_rows(bench, rows, rows / 10);
        field_encoder_reset(&bench->encoder);
    }
    bench_free(bench);
}

/* What is wrong with the second of two events, of which the first is kept. */
static const struct refused_case {
    const char *name;
    struct event_field field;
} refused_cases[] = {
    {"a span that ends behind its event", {.field = FIELD_ID_PATH, .start = LINE_SIZE, .len = 1}},
    {"a type out of range", {.field = FIELD_ID_PATH, .type = FIELD_LEVEL + 1, .len = 1}},
    {"a unit out of range", {.field = FIELD_ID_PATH, .unit = UNIT_KIBIBYTES + 1, .len = 1}},
};

static void test_refused(void **unused)
{
    struct bench *bench = bench_new();

    (void)unused;
    for (size_t i = 0; i < sizeof(refused_cases) / sizeof(refused_cases[0]); i++) {
        struct event bad = {.bytes = {bench->line, LINE_SIZE}, .field_count = 1};
        struct error err = {0};
        size_t before;

        print_message("  %s\n", refused_cases[i].name);
        bench->found[0][0] = (struct event_field){.field = FIELD_ID_PATH, .start = 3, .len = 4};
        bench->events[0] = (struct event){
            .bytes = {bench->line, LINE_SIZE}, .field_count = 1, .fields = bench->found[0]};
        add(bench, 0);
        before = bench->encoder.out.len;
        bad.fields = &refused_cases[i].field;
        assert_int_equal(field_encoder_add_found(&bench->encoder, &bad, &err), STATUS_INVALID);
        assert_int_equal(bench->encoder.out.len, before);
        check_rows(bench, 1, 0);
        field_encoder_reset(&bench->encoder);
    }
    bench_free(bench);
}

/* A field without a name is found when the chunk is written, since that is where names are. */
static void test_unnamed(void **unused)
{
    struct bench *bench = bench_new();
    struct chunk *chunk;

    (void)unused;
    bench->found[0][0] = (struct event_field){.field = 60000, .len = 1};
    bench->events[0] = (struct event){
        .bytes = {bench->line, LINE_SIZE}, .field_count = 1, .fields = bench->found[0]};
    add(bench, 0);
    assert_int_equal(encode(bench, 1, 0, &chunk), STATUS_INVALID);
    bench_free(bench);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_found),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_unnamed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
