/* tests/store/test_seal_rows.c -- the rows of a head come out in the order that a sort of all rows
 * gives, each once and with its own facts and fields, whole and in parts. */
#include "store/seal_rows.h"
#include "store/text_hash.h"

#include "tests/bench/corpus_random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { SOURCES = 5, FORMATS = 2, FIELDS = 2, CHUNK_ROWS = 70, CHUNKS = 40, ROWS_MAX = CHUNK_ROWS * CHUNKS };

/* A row that went in. */
struct put_row {
    int64_t time_ns, order_ns;
    uint64_t sequence, offset;
    uint32_t source;
    uint32_t field_len;
    char text[16]; /* its sequence in digits, so that no two are equal */
};

struct bench {
    struct corpus_random random;
    struct name_table fields, formats;
    struct source_table sources;
    struct chunk_tables tables;
    struct head *head;
    struct event_source source[SOURCES];
    int64_t order_ns[SOURCES], now_ns;
    uint64_t offset[SOURCES], sequence;
    struct put_row rows[ROWS_MAX];
    uint32_t row_count;
};

static struct bench *bench_new(uint64_t seed)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    struct error err = {0};

    assert_non_null(bench);
    bench->random = (struct corpus_random){seed};
    assert_int_equal(name_table_init(&bench->fields, &err), STATUS_OK);
    assert_int_equal(name_table_init(&bench->formats, &err), STATUS_OK);
    assert_int_equal(source_table_init(&bench->sources, &err), STATUS_OK);
    for (uint32_t i = 0; i < FIELD_ID_WELL_KNOWN_COUNT; i++)
        (void)name_table_get(&bench->fields, slice_of(well_known_field_names[i]));
    bench->tables = (struct chunk_tables){&bench->fields, &bench->formats, &bench->sources};
    for (uint8_t i = 0; i < SOURCES; i++) {
        bench->source[i] = (struct event_source){.id = {.generation = {i}}};
        bench->order_ns[i] = INT64_MIN;
    }
    assert_int_equal(head_new(0, &bench->head, &err), STATUS_OK);
    return bench;
}

static void bench_free(struct bench *bench)
{
    head_unref(bench->head);
    name_table_release(&bench->fields);
    name_table_release(&bench->formats);
    source_table_release(&bench->sources);
    free(bench);
}

/* A row of a source of the batch, which are those of the bench from the last to the first one. */
static struct event make_event(struct bench *bench, uint32_t batch_source,
                               struct event_field fields[FIELDS])
{
    struct put_row *row = &bench->rows[bench->row_count];
    uint32_t source = SOURCES - 1 - batch_source;

    bench->now_ns += random_below(&bench->random, 3); /* many rows of all sources have one time */
    row->sequence = bench->sequence++;
    row->source = source;
    row->time_ns = bench->now_ns - random_below(&bench->random, 4);
    if (row->time_ns > bench->order_ns[source])
        bench->order_ns[source] = row->time_ns;
    row->order_ns = bench->order_ns[source];
    row->offset = bench->offset[source];
    row->field_len = (uint32_t)(row->sequence % 3);
    (void)snprintf(row->text, sizeof(row->text), "%015u", (unsigned)row->sequence);
    bench->offset[source] += 16;
    fields[0] = (struct event_field){.field = FIELD_ID_PATH, .start = 1, .len = row->field_len};
    fields[1] = (struct event_field){.field = FIELD_ID_TENANT, .text = {row->text + 14, 1}};
    bench->row_count++;
    return (struct event){.time_ns = row->time_ns,
                          .bytes = {row->text, 15},
                          .offset = row->offset,
                          .source = batch_source,
                          .source_len = 16,
                          .format = (uint16_t)(row->sequence % FORMATS),
                          .level = (uint8_t)(row->sequence % LEVEL_COUNT),
                          .flags = (uint8_t)(row->sequence % 7),
                          .fields = fields,
                          .field_count = row->sequence % 5 == 0 ? 0 : FIELDS};
}

/* A chunk of up to `row_count` rows, its sources in runs of a few rows. */
static void add_chunk(struct bench *bench, uint32_t row_count)
{
    struct event events[CHUNK_ROWS];
    struct event_field fields[CHUNK_ROWS][FIELDS];
    struct event_source sources[SOURCES];
    const struct slice formats[FORMATS] = {SLICE_LITERAL("even"), SLICE_LITERAL("odd")};
    struct batch batch = {.sources = sources,
                          .source_count = SOURCES,
                          .formats = formats,
                          .format_count = FORMATS,
                          .events = events,
                          .event_count = row_count};
    struct buf bytes = buf_empty(CHUNK_SIZE_MAX);
    int64_t order_ns[SOURCES];
    uint64_t first_sequence = bench->sequence;
    uint32_t source = 0;
    struct chunk *chunk;
    struct error err = {0};

    for (uint32_t i = 0; i < SOURCES; i++) {
        sources[i] = bench->source[SOURCES - 1 - i];
        order_ns[i] = bench->order_ns[SOURCES - 1 - i];
    }
    for (uint32_t i = 0; i < row_count; i++) {
        if (random_below(&bench->random, 4) == 0)
            source = random_below(&bench->random, SOURCES);
        events[i] = make_event(bench, source, fields[i]);
    }
    assert_int_equal(chunk_encode(&batch, &bench->fields, order_ns, &bytes, NULL, &err), STATUS_OK);
    assert_int_equal(chunk_new(&bytes, &bench->tables, &chunk, &err), STATUS_OK);
    chunk_set_sequence(chunk, first_sequence);
    assert_int_equal(head_reserve(bench->head, 1, &err), STATUS_OK);
    head_add(bench->head, chunk, 0);
}

static int compare_put(const void *a, const void *b)
{
    const struct put_row *left = a, *right = b;

    if (left->order_ns != right->order_ns)
        return left->order_ns < right->order_ns ? -1 : 1;
    if (left->source != right->source) /* numbered as they come: from the last to the first one */
        return left->source > right->source ? -1 : 1;
    return left->sequence < right->sequence ? -1 : 1;
}

static void check_row(const struct segment_content *content, const struct row_facts *got,
                      const struct put_row *expected)
{
    static struct event_field room[EVENT_FIELDS_MAX];
    static struct event_spans spans;
    struct event event = segment_row_event(content, got, room);

    assert_int_equal(got->sequence, expected->sequence);
    assert_int_equal(row_order_ns(got), expected->order_ns);
    assert_int_equal(event.time_ns, expected->time_ns);
    assert_int_equal(event.bytes.len, 15);
    assert_memory_equal(event.bytes.data, expected->text, 15);
    assert_int_equal(event.offset, expected->offset);
    assert_int_equal(event.source_len, 16);
    assert_int_equal(content->sources[event.source].id.generation[0], expected->source);
    assert_true(slice_equal(content->formats[event.format],
                            slice_of(expected->sequence % FORMATS == 0 ? "even" : "odd")));
    assert_int_equal(event.level, expected->sequence % LEVEL_COUNT);
    assert_int_equal(event.flags, expected->sequence % 7);
    assert_int_equal(event.field_count, expected->sequence % 5 == 0 ? 0 : FIELDS);
    (void)content->spans(content->fields_user, got->place, &spans);
    if (event.field_count > 0) {
        assert_int_equal(event.fields[0].field, FIELD_ID_PATH);
        assert_int_equal(event.fields[0].len, expected->field_len);
        assert_int_equal(spans.ends[1] - spans.ends[0], expected->field_len);
        assert_true(slice_equal(event.fields[1].text, (struct slice){expected->text + 14, 1}));
        assert_true(spans.hashes[1] == text_hash(expected->text + 14, 1));
    }
}

/* Rows [first, first + count) of the sorted ones; as they stand those of a source are in order. */
static void check_part(const struct bench *bench, const struct seal_rows *rows, uint64_t first,
                       uint64_t count)
{
    int64_t last[SOURCES];
    struct seal_part part;
    struct error err = {0};

    for (uint32_t i = 0; i < SOURCES; i++)
        last[i] = -1;
    assert_int_equal(seal_part_of(rows, first, count, &part, &err), STATUS_OK);
    assert_int_equal(part.content.row_count, count);
    for (uint64_t i = 0; i < count; i++) {
        uint32_t at = part.content.order[i];

        assert_true(at < count);
        check_row(&part.content, &part.content.facts[at], &bench->rows[first + i]);
        assert_true(at > last[part.content.facts[at].source]);
        last[part.content.facts[at].source] = at;
    }
    seal_part_release(&part);
}

static const struct order_case {
    const char *name;
    uint32_t chunk_rows; /* at most */
    bool backwards;      /* the second half of the chunks has the smaller sequences, */
    int64_t step_ns;     /* and begins so much later */
} order_cases[] = {
    {"runs of all sources", CHUNK_ROWS, false, 0},
    {"chunks of one row or none", 2, false, 0},
    {"sequences that do not follow the chunks", CHUNK_ROWS, true, 0},
    {"a year between", CHUNK_ROWS, false, 31536000000000000},
    {"two hundred years between", CHUNK_ROWS, false, 6307200000000000000},
};

static void test_order(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(order_cases); i++) {
        const struct order_case *c = &order_cases[i];
        struct bench *bench = bench_new(i + 1);
        struct seal_rows rows;
        struct error err = {0};
        uint32_t count;

        print_message("  %s\n", c->name);
        bench->sequence = 100000;
        for (uint32_t k = 0; k < CHUNKS; k++) {
            if (c->backwards && k == CHUNKS / 2)
                bench->sequence = 1;
            bench->now_ns += k == CHUNKS / 2 ? c->step_ns : 0;
            add_chunk(bench, random_below(&bench->random, c->chunk_rows));
        }
        count = bench->row_count;
        assert_int_equal(seal_rows_of(bench->head, &bench->tables, &rows, &err), STATUS_OK);
        assert_int_equal(rows.row_count, count);
        qsort(bench->rows, count, sizeof(bench->rows[0]), compare_put);
        check_part(bench, &rows, 0, count);
        check_part(bench, &rows, 0, count / 3);
        check_part(bench, &rows, count / 3, count / 2);
        check_part(bench, &rows, count - 1, 1);
        seal_rows_release(&rows);
        bench_free(bench);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_order)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
