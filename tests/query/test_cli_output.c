/* What the command line makes of answers: frames and events in any pieces, values with units,
 * carets under mistakes, nothing that drives a terminal. */
#include "query/cli/columns.h"
#include "query/cli/framed_reader.h"
#include "query/cli/problem_report.h"
#include "query/cli/sse.h"
#include "query/cli/table.h"
#include "query/cli/terminal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void expect_text(struct buf *got, const char *wanted)
{
    if (!slice_is(buf_slice(got), wanted))
        print_message("    got \"%.*s\"\n", SLICE_ARG(buf_slice(got)));
    assert_true(slice_is(buf_slice(got), wanted));
    buf_release(got);
}

/* ---- frames ---- */

static bool on_rows(void *user, struct slice piece)
{
    return buf_append_slice(user, piece);
}

static bool on_record(void *user, struct slice json)
{
    return buf_append_byte(user, '<') && buf_append_slice(user, json) && buf_append_byte(user, '>');
}

static const struct framed_case {
    const char *name, *bytes, *got;
    bool corrupt;
} framed_cases[] = {
    {"rows and a record", "rows 4\na\nb\nrecord 2\n{}", "a\nb\n<{}>", false},
    {"padded number", "record 0000000002\n{}rows 2\nx\n", "<{}>x\n", false},
    {"rows of no bytes", "rows 0\nrows 2\nx\n", "x\n", false},
    {"unknown kind", "lines 4\nabcd", "", true},
    {"no number", "rows x\n", "", true},
    {"a head without end", "rows 11111111111111111111111111111111111111", "", true},
    {"a record above the limit", "record 99999999999\n", "", true},
    {"cut rows", "rows 10\nabc", "abc", false},
};

static void test_framed(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(framed_cases); i++)
        for (size_t step = 1; step < 8; step++) {
            const struct framed_case *c = &framed_cases[i];
            struct buf got = buf_empty(1000);
            const struct framed_receiver receiver = {on_rows, on_record, &got};
            struct framed_reader reader = framed_reader_empty(&receiver);
            struct slice rest = slice_of(c->bytes);

            print_message("  %s, %zu bytes at a time\n", c->name, step);
            for (; rest.len > 0 && !reader.corrupt;
                 rest = slice_from(rest, rest.len < step ? rest.len : step))
                (void)framed_reader_feed(&reader, slice_first(rest, step));
            assert_int_equal(reader.corrupt, c->corrupt);
            expect_text(&got, c->got);
            framed_reader_release(&reader);
        }
}

/* ---- server-sent events: WHATWG HTML, 9.2.6 ---- */

static bool on_event(void *user, struct slice name, struct slice data)
{
    return buf_printf(user, "%.*s=%.*s;", SLICE_ARG(name), SLICE_ARG(data));
}

static const struct sse_case {
    const char *name, *bytes, *got, *id;
} sse_cases[] = {
    {"event", "event: rows\ndata: {}\n\n", "rows={};", ""},
    {"id", "id: 7\nevent: rows\ndata: x\n\n", "rows=x;", "7"},
    {"comment", ":\n\ndata: x\n\n", "=x;", ""},
    {"CR LF", "event: a\r\ndata: b\r\n\r\n", "a=b;", ""},
    {"two data lines", "data: a\ndata: b\n\n", "=a\nb;", ""},
    {"no space", "data:a\n\n", "=a;", ""},
    {"an event without data is none", "event: a\n\ndata: b\n\n", "=b;", ""},
    {"an event that is cut is none", "data: a\n\ndata: b\n", "=a;", ""},
};

static void test_sse(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(sse_cases); i++)
        for (size_t step = 1; step < 6; step++) {
            const struct sse_case *c = &sse_cases[i];
            struct buf got = buf_empty(1000);
            struct sse sse = sse_empty(on_event, &got);
            struct slice rest = slice_of(c->bytes);

            print_message("  %s, %zu bytes at a time\n", c->name, step);
            for (; rest.len > 0; rest = slice_from(rest, rest.len < step ? rest.len : step))
                assert_true(sse_feed(&sse, slice_first(rest, step)));
            assert_true(slice_is(buf_slice(&sse.id), c->id));
            expect_text(&got, c->got);
            sse_release(&sse);
        }
}

/* ---- values ---- */

static void test_units(void **unused)
{
    static const struct {
        double seconds;
        const char *text;
    } durations[] = {{0, "0s"}, {0.216, "216ms"}, {1.5, "1.5s"}, {90, "1.5m"}, {7200, "2h"},
                     {172800, "2d"}, {0.00025, "250us"}, {1e-9, "1ns"}, {-0.5, "-500ms"}};
    static const struct {
        double bytes;
        const char *text;
    } sizes[] = {{0, "0B"}, {999, "999B"}, {1536, "1.54KB"}, {2.5e6, "2.5MB"}, {1e13, "10TB"}};

    (void)unused;
    for (size_t i = 0; i < COUNT_OF(durations); i++) {
        struct buf out = buf_empty(100);

        table_print_duration(&out, durations[i].seconds);
        expect_text(&out, durations[i].text);
    }
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        struct buf out = buf_empty(100);

        table_print_bytes(&out, sizes[i].bytes);
        expect_text(&out, sizes[i].text);
    }
}

static const struct column_case {
    const char *name, *chunk, *column;
    size_t row;
    const char *text; /* NULL: no value */
} column_cases[] = {
    {"list", "{\"n\":1,\"c\":{\"a\":[\"x\"]}}", "a", 0, "x"},
    {"number", "{\"n\":1,\"c\":{\"a\":[200]}}", "a", 0, "200"},
    {"null", "{\"n\":1,\"c\":{\"a\":[null]}}", "a", 0, NULL},
    {"no such column", "{\"n\":1,\"c\":{}}", "a", 0, NULL},
    {"dictionary", "{\"n\":3,\"c\":{\"a\":{\"dict\":[\"x\",\"y\"],\"i\":[1,0,-1]}}}", "a", 0, "y"},
    {"null of a dictionary", "{\"n\":3,\"c\":{\"a\":{\"dict\":[\"x\"],\"i\":[0,0,-1]}}}", "a", 2,
     NULL},
    {"code past the dictionary", "{\"n\":1,\"c\":{\"a\":{\"dict\":[\"x\"],\"i\":[7]}}}", "a", 0,
     NULL},
    {"time", "{\"n\":1,\"c\":{\"a\":{\"base\":\"1772459998104000000\",\"unit\":\"ms\",\"d\":[3]}}}",
     "a", 0, "2026-03-02T13:59:58.107Z"}, /* date -u -d @1772459998: 2026-03-02 13:59:58 */
    {"time that overflows",
     "{\"n\":1,\"c\":{\"a\":{\"base\":\"9223372036854775807\",\"unit\":\"s\",\"d\":[9]}}}", "a", 0,
     NULL},
    {"line that is not UTF-8",
     "{\"n\":1,\"c\":{\"_msg\":[\"caf?\"],\"_msg_b64\":[\"Y2Fm6Q==\"]}}", "_msg", 0, "caf\xe9"},
};

static void test_columns(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(column_cases); i++) {
        const struct column_case *c = &column_cases[i];
        json_t *object = json_loads(c->chunk, 0, NULL);
        struct buf out = buf_empty(100);
        struct columns columns;
        bool has;

        print_message("  %s\n", c->name);
        assert_true(columns_of(object, &columns));
        has = strcmp(c->column, "_msg") == 0 ? columns_line(&columns, c->row, &out)
                                              : columns_text(&columns, c->column, c->row, &out);
        assert_int_equal(has, c->text != NULL);
        expect_text(&out, c->text == NULL ? "" : c->text);
        json_decref(object);
    }
}

/* RFC 4648, section 10 */
static void test_base64(void **unused)
{
    static const struct {
        const char *text, *bytes;
        bool valid;
    } cases[] = {{"", "", true},          {"Zg==", "f", true},      {"Zm8=", "fo", true},
                 {"Zm9v", "foo", true},   {"Zm9vYg==", "foob", true}, {"Zm9vYmE=", "fooba", true},
                 {"Zm9vYmFy", "foobar", true}, {"Z", "", false},    {"Zm9*", "foo", false}};

    (void)unused;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct buf out = buf_empty(100);

        assert_int_equal(base64_decode(slice_of(cases[i].text), &out), cases[i].valid);
        if (cases[i].valid)
            assert_true(slice_is(buf_slice(&out), cases[i].bytes));
        buf_release(&out);
    }
}

/* ---- people ---- */

static void test_point(void **unused)
{
    static const struct {
        const char *query;
        size_t at, length;
        const char *text;
    } cases[] = {
        {"error | stat count()", 8, 4, "error | stat count()\n        ^^^^\n"},
        {"a\nb | c", 6, 1, "b | c\n    ^\n"},
        {"caf\xc3\xa9 | x", 8, 1, "caf\xc3\xa9 | x\n       ^\n"},
        {"\tx", 1, 1, "\tx\n\t^\n"},
        {"a |", 3, 0, "a |\n   ^\n"},
        {"a", 100, 100, "a\n ^\n"},
        {"", 0, 0, "\n^\n"},
    };

    (void)unused;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct buf out = buf_empty(1000);

        problem_point(&out, slice_of(cases[i].query), cases[i].at, cases[i].length);
        expect_text(&out, cases[i].text);
    }
}

static void test_escape(void **unused)
{
    static const struct {
        const char *name, *text, *shown;
    } cases[] = {
        {"plain", "a b\tc\n", "a b\tc\n"},
        {"escape", "\033[2J", "\\x1b[2J"},
        {"bell, CR, DEL", "\a\r\x7f", "\\x07\\x0d\\x7f"},
        {"letters beyond ASCII", "\xc3\xa9\xe0\xa4\xb9", "\xc3\xa9\xe0\xa4\xb9"},
        {"not UTF-8", "caf\xe9", "caf\\xe9"},
        {"overlong slash", "\xc0\xaf", "\\xc0\\xaf"},
        {"C1 control", "\xc2\x9b", "\\xc2\\x9b"},
        {"right-to-left override", "\xe2\x80\xae", "\\xe2\\x80\\xae"},
        {"isolate", "\xe2\x81\xa6", "\\xe2\\x81\\xa6"},
        {"surrogate", "\xed\xa0\x80", "\\xed\\xa0\\x80"},
    };

    (void)unused;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct buf out = buf_empty(1000);

        print_message("  %s\n", cases[i].name);
        terminal_escape(&out, slice_of(cases[i].text));
        expect_text(&out, cases[i].shown);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_framed),  cmocka_unit_test(test_sse),
        cmocka_unit_test(test_units),   cmocka_unit_test(test_columns),
        cmocka_unit_test(test_base64),  cmocka_unit_test(test_point),
        cmocka_unit_test(test_escape),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
