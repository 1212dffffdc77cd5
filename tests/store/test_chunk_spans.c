/* tests/store/test_chunk_spans.c -- where the fields of a chunk's rows are, without their names, is where
 * the fields that went in were; and rows share a list only if their fields have the same names. */
#include "store/chunk_impl.h"
#include "store/text_hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { ROWS = 300, FIELDS = 4, LINE_SIZE = 20000 };

struct made {
    struct event_source source;
    struct slice format;
    struct event events[ROWS];
    struct event_field fields[ROWS][FIELDS];
    char line[LINE_SIZE];
    struct batch batch;
};

/* Spans of one, two and three bytes' numbers, before, inside and behind each other; the third field is
 * computed in every third row, and every fifth row has one field less. */
static void make_event(struct made *made, uint32_t row)
{
    struct event_field *fields = made->fields[row];
    uint32_t step = row * row % 61;

    fields[0] = (struct event_field){.field = FIELD_ID_METHOD, .start = step, .len = row % 4 * step};
    fields[1] = (struct event_field){
        .field = FIELD_ID_PATH, .start = step + row % 3, .len = row % 7 == 0 ? 17000 : row % 200};
    fields[2] = (struct event_field){.field = FIELD_ID_STATUS,
                                     .type = FIELD_INT,
                                     .start = row % 11 == 0 ? 18000 : step + row % 90,
                                     .len = row % 130};
    if (row % 3 == 0) {
        fields[2].text = (struct slice){made->line + row, row % 20};
        fields[2].start = fields[2].len = 0;
    }
    fields[3] = (struct event_field){.field = FIELD_ID_TENANT, .start = 18000, .len = 1};
    made->events[row] = (struct event){.time_ns = row,
                                       .bytes = {made->line, LINE_SIZE},
                                       .offset = (uint64_t)row * LINE_SIZE,
                                       .source_len = LINE_SIZE,
                                       .fields = fields,
                                       .field_count = FIELDS - (row % 5 == 0)};
}

static struct made *make(void)
{
    struct made *made = calloc(1, sizeof(*made));

    assert_non_null(made);
    for (uint32_t i = 0; i < LINE_SIZE; i++)
        made->line[i] = (char)('a' + i % 26);
    for (uint32_t i = 0; i < ROWS; i++)
        make_event(made, i);
    made->source = (struct event_source){.host = SLICE_LITERAL("web1"), .path = SLICE_LITERAL("/log")};
    made->format = slice_of("lines");
    made->batch = (struct batch){.sources = &made->source,
                                 .source_count = 1,
                                 .formats = &made->format,
                                 .format_count = 1,
                                 .events = made->events,
                                 .event_count = ROWS};
    return made;
}

static void check_row(const struct event *event, const struct event_spans *spans)
{
    for (uint32_t i = 0; i < event->field_count; i++) {
        const struct event_field *field = &event->fields[i];

        if (field->text.data != NULL) {
            assert_int_equal(spans->ends[2 * i] | spans->ends[2 * i + 1], 0);
            assert_true(spans->hashes[i] == text_hash(field->text.data, field->text.len));
        } else {
            assert_int_equal(spans->ends[2 * i], field->start);
            assert_int_equal(spans->ends[2 * i + 1], field->start + field->len);
        }
    }
}

static void test_spans(void **unused)
{
    static struct event_spans spans;
    static uint64_t hashes[ROWS];
    struct made *made = make();
    struct name_table fields, formats;
    struct source_table sources;
    struct chunk_tables tables = {&fields, &formats, &sources};
    struct buf bytes = buf_empty(CHUNK_SIZE_MAX);
    struct chunk *chunk;
    struct error err = {0};
    int64_t order = INT64_MIN;

    (void)unused;
    assert_int_equal(name_table_init(&fields, &err), STATUS_OK);
    assert_int_equal(name_table_init(&formats, &err), STATUS_OK);
    assert_int_equal(source_table_init(&sources, &err), STATUS_OK);
    for (uint32_t i = 0; i < FIELD_ID_WELL_KNOWN_COUNT; i++)
        (void)name_table_get(&fields, slice_of(well_known_field_names[i]));
    assert_int_equal(chunk_encode(&made->batch, &fields, &order, &bytes, NULL, &err), STATUS_OK);
    assert_int_equal(chunk_new(&bytes, &tables, &chunk, &err), STATUS_OK);
    assert_in_range(chunk->value_count, 1, ROWS);
    chunk_hash_values(chunk, hashes);
    for (uint32_t i = 0; i < ROWS; i++) {
        struct chunk_row row = chunk_row_at(chunk, i);
        uint32_t list = chunk_event_spans(chunk, row.fields_at, hashes, &spans), first = i % 15;

        check_row(&made->events[i], &spans);
        row = chunk_row_at(chunk, first); /* the names follow from the number modulo 3 and 5 */
        assert_int_equal(list, chunk_event_spans(chunk, row.fields_at, hashes, &spans));
        row = chunk_row_at(chunk, 1); /* whole, not computed */
        assert_int_equal(list == chunk_event_spans(chunk, row.fields_at, hashes, &spans),
                         i % 3 != 0 && i % 5 != 0);
    }
    chunk_unref(chunk);
    name_table_release(&fields);
    name_table_release(&formats);
    source_table_release(&sources);
    free(made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_spans)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
