/* tests/base/test_json_writer.c -- escapes, numbers, times and commas. Expected texts: RFC 8259,
 * Unicode 15 section 3.9 (table 3-8 for replacement), RFC 4648 section 10, `date -u -d @N`. */
#include "base/json_writer.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define TEXT(literal) literal, sizeof(literal) - 1

static const struct text_case {
    const char *name, *text;
    size_t len;
    const char *json;
    bool utf8;
} text_cases[] = {
    {"empty", TEXT(""), "\"\"", true},
    {"quote and backslash", TEXT("a\"b\\c/"), "\"a\\\"b\\\\c/\"", true},
    {"short forms", TEXT("\b\f\n\r\t"), "\"\\b\\f\\n\\r\\t\"", true},
    {"other controls", TEXT("\x01\x1b[31m\x7f"), "\"\\u0001\\u001b[31m\\u007f\"", true},
    {"NUL", TEXT("a\0b"), "\"a\\u0000b\"", true},
    {"two, three and four bytes", TEXT("\xC3\xA9\xE2\x82\xAC\xF0\x9F\x8C\xB2"),
     "\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x8C\xB2\"", true},
    {"C1 control",
     TEXT("\xC2\x9B"
          "31m"),
     "\"\\u009b31m\"", true},
    {"Latin-1", TEXT("caf\xE9."), "\"caf\xEF\xBF\xBD.\"", false},
    {"overlong slash", TEXT("\xC0\xAF"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\"", false},
    {"surrogate", TEXT("\xED\xA0\x80"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"", false},
    {"above U+10FFFF", TEXT("\xF4\x90\x80\x80"),
     "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"", false},
    {"cut off: one for the maximal part", TEXT("\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41"),
     "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"
     "A\"",
     false}, /* table 3-11 */
    {"cut off at the end", TEXT("x\xE2\x82"), "\"x\xEF\xBF\xBD\"", false},
};

static void test_text(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(text_cases); i++) {
        const struct text_case *c = &text_cases[i];
        struct buf out = buf_empty(1024);
        struct json_writer json;

        print_message("  %s\n", c->name);
        jsonw_begin(&json, &out);
        jsonw_text(&json, slice_make(c->text, c->len));
        buf_append_byte(&out, '\0');
        assert_string_equal(out.data, c->json);
        assert_int_equal(jsonw_utf8_valid(slice_make(c->text, c->len)), c->utf8);
        buf_release(&out);
    }
}

/* Texts are copied sixteen bytes at a time, then eight, then one: what has to be escaped may stand anywhere. */
static void test_places(void **unused)
{
    static const struct { char byte; const char *escaped; } special[] = {
        {'"', "\\\""}, {'\\', "\\\\"}, {'\n', "\\n"}, {0x1F, "\\u001f"}, {0x7F, "\\u007f"},
    };
    char text[48], expected[64];

    (void)unused;
    for (size_t len = 1; len < sizeof(text); len++)
        for (size_t at = 0; at < len; at++)
            for (size_t i = 0; i < COUNT_OF(special); i++) {
                struct buf out = buf_empty(1024);

                memset(text, '~', len);
                text[at] = special[i].byte;
                (void)snprintf(expected, sizeof(expected), "%.*s%s%.*s", (int)at, text,
                               special[i].escaped, (int)(len - at - 1), text + at + 1);
                jsonw_escape(&out, slice_make(text, len));
                assert_int_equal(out.len, strlen(expected));
                assert_memory_equal(out.data, expected, out.len);
                buf_release(&out);
            }
}

static const struct {
    double value;
    const char *json;
} double_cases[] = {
    {0, "0"},
    {-0.0, "-0"},
    {1, "1"},
    {-3, "-3"},
    {0.1, "0.1"},
    {0.216, "0.216"},
    {1.0 / 3, "0.3333333333333333"},
    {1e300, "1e+300"},
    {9007199254740991.0, "9007199254740991"},
    {DBL_MAX, "1.7976931348623157e+308"},
    {5e-324, "4.94065645841247e-324"},
    {NAN, "null"},
    {INFINITY, "null"},
    {-INFINITY, "null"},
};

static void test_doubles(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(double_cases); i++) {
        char text[32];
        size_t length = jsonw_format_double(double_cases[i].value, text);

        assert_string_equal(text, double_cases[i].json);
        assert_int_equal(length, strlen(text));
        if (isfinite(double_cases[i].value))
            assert_true(strtod(text, NULL) == double_cases[i].value);
    }
}

static const struct {
    int64_t time_ns;
    const char *text;
} time_cases[] = {
    {0, "1970-01-01T00:00:00Z"},
    {INT64_C(1772459998104000000), "2026-03-02T13:59:58.104Z"},
    {INT64_C(1772459998000001000), "2026-03-02T13:59:58.000001Z"},
    {INT64_C(1772459998000000001), "2026-03-02T13:59:58.000000001Z"},
    {INT64_C(951782400000000000), "2000-02-29T00:00:00Z"},
    {INT64_C(4107542400000000000), "2100-03-01T00:00:00Z"},
    {-1, "1969-12-31T23:59:59.999999999Z"},
    {INT64_MAX, "2262-04-11T23:47:16.854775807Z"},
    {INT64_MIN, "1677-09-21T00:12:43.145224192Z"},
};

static void test_times(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(time_cases); i++) {
        char text[STAMP_TEXT_SIZE];

        assert_int_equal(jsonw_format_time(time_cases[i].time_ns, text),
                         strlen(time_cases[i].text));
        assert_string_equal(text, time_cases[i].text);
    }
}

static void test_structure(void **unused)
{
    static const char *const plain[] = {"", "f", "fo", "foo", "foob", "fooba", "foobar"};
    static const struct json_number numbers[] = {{"e", 0}, {"f", UINT64_MAX}};
    struct buf out = buf_empty(4096);
    struct json_writer json;

    (void)unused;
    jsonw_begin(&json, &out);
    jsonw_object(&json);
    jsonw_key(&json, "a");
    jsonw_array(&json);
    jsonw_u64(&json, UINT64_MAX);
    jsonw_i64(&json, INT64_MIN);
    jsonw_object(&json);
    jsonw_end_object(&json);
    jsonw_array(&json);
    jsonw_end_array(&json);
    jsonw_end_array(&json);
    jsonw_key(&json, "b\"");
    jsonw_null(&json);
    jsonw_key(&json, "c");
    jsonw_bool(&json, true);
    jsonw_key(&json, "d");
    jsonw_array(&json);
    for (size_t i = 0; i < COUNT_OF(plain); i++)
        jsonw_base64(&json, slice_of(plain[i]));
    jsonw_end_array(&json);
    jsonw_numbers(&json, numbers, COUNT_OF(numbers));
    jsonw_end_object(&json);
    buf_append_byte(&out, '\0');
    assert_string_equal(
        out.data, "{\"a\":[18446744073709551615,-9223372036854775808,{},[]],\"b\\\"\":null,"
                  "\"c\":true,\"d\":[\"\",\"Zg==\",\"Zm8=\",\"Zm9v\",\"Zm9vYg==\",\"Zm9vYmE=\","
                  "\"Zm9vYmFy\"],\"e\":0,\"f\":18446744073709551615}");
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_doubles),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_structure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
