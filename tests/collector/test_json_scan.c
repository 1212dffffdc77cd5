/* tests/collector/test_json_scan.c -- tokens of RFC 8259. */
#include "collector/json_scan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

/* Tokens as one letter each: { } [ ] k(ey) s(tring) n(umber) t f 0(null). */
static const struct scan_case {
    const char *name, *text, *tokens, *error; /* error NULL: a whole value */
} scan_cases[] = {
    {"empty object", "{}", "{}", NULL},
    {"white space everywhere", " \t\r\n{ \"a\" : 1 , \"b\" : [ ] } \n", "{knk[]}", NULL},
    {"all types", "[\"\",-1.5e+3,true,false,null]", "[sntf0]", NULL},
    {"nested", "{\"a\":{\"b\":[{},[1]]}}", "{k{k[{}[n]]}}", NULL},
    {"a bare value", "12", "n", NULL},
    {"escapes", "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\"", "s", NULL},
    {"bytes that are not UTF-8", "\"\xff\xfe\"", "s", NULL},
    {"empty text", "", "", "text without end"},
    {"blanks only", "  ", "", "text without end"},
    {"leading zero", "01", "", "bad number"},
    {"no digit behind the point", "1.", "", "bad number"},
    {"no digit in the exponent", "1e+", "", "bad number"},
    {"plus sign", "+1", "", "bad number"},
    {"comma at the end of an object", "{\"a\":1,}", "{kn", "no key"},
    {"comma at the end of an array", "[1,]", "[n", "bad number"},
    {"two commas", "[1,,2]", "[n", "bad number"},
    {"no comma", "[1 2]", "[n", "no comma"},
    {"no colon", "{\"a\" 1}", "{k", "no colon behind a key"},
    {"key that is no string", "{1:2}", "{", "no key"},
    {"bracket of the other kind", "[1}", "[n", "bracket of the other kind"},
    {"text behind", "{} x", "{}", "text behind the value"},
    {"string without end", "\"abc", "", "string without end"},
    {"cut in an escape", "\"a\\", "", "bad escape"},
    {"unknown escape", "\"\\x\"", "", "bad escape"},
    {"short unicode escape", "\"\\u12\"", "", "bad escape"},
    {"control byte", "\"a\nb\"", "", "control byte in a string"},
    {"control byte in a long string", "\"0123456789abcdef0123456789\x1f\"", "",
     "control byte in a string"},
    {"half a word", "tru", "", "no JSON value"},
    {"object without end", "{\"a\":1", "{kn", "text without end"},
};

static char letter_of(enum json_type type)
{
    return "{}[]ksntf0"[type];
}

static void test_scan(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(scan_cases); i++) {
        const struct scan_case *c = &scan_cases[i];
        struct json_scan scan;
        struct json_token token;
        char tokens[64];
        size_t count = 0;

        print_message("  %s\n", c->name);
        json_scan_init(&scan, slice_of(c->text));
        while (json_scan_next(&scan, &token))
            tokens[count++] = letter_of(token.type);
        tokens[count] = '\0';
        assert_string_equal(tokens, c->tokens);
        assert_int_equal(json_scan_done(&scan), c->error == NULL);
        if (c->error != NULL)
            assert_string_equal(scan.error, c->error);
    }
}

/* 32 open brackets are allowed, 33 are not. */
static void test_depth(void **unused)
{
    char text[80];

    (void)unused;
    for (int depth = 32; depth <= 33; depth++) {
        struct json_scan scan;
        struct json_token token;

        memset(text, '[', (size_t)depth);
        memset(text + depth, ']', (size_t)depth);
        json_scan_init(&scan, slice_make(text, (size_t)depth * 2));
        while (json_scan_next(&scan, &token))
            continue;
        assert_int_equal(json_scan_done(&scan), depth == 32);
    }
}

static void test_skip(void **unused)
{
    struct json_scan scan;
    struct json_token token;
    struct slice whole;

    (void)unused;
    json_scan_init(&scan, SLICE_LITERAL("{\"a\":[1,{\"b\":[]}],\"c\":2}"));
    for (int i = 0; i < 3; i++)
        assert_true(json_scan_next(&scan, &token));
    assert_int_equal(token.type, JSON_TOKEN_ARRAY_BEGIN);
    assert_true(json_scan_skip(&scan, &token, &whole));
    assert_true(slice_is(whole, "[1,{\"b\":[]}]"));
    assert_true(json_scan_next(&scan, &token));
    assert_true(token.type == JSON_TOKEN_KEY && slice_is(token.text, "c"));
}

static const struct unescape_case {
    const char *name, *text, *expected;
} unescape_cases[] = {
    {"short escapes", "a\\n\\t\\\"\\\\\\/z", "a\n\t\"\\/z"},
    {"two bytes of UTF-8", "\\u00e9", "\xc3\xa9"},
    {"three bytes", "\\u20ac", "\xe2\x82\xac"},
    {"surrogate pair", "\\ud83d\\ude00", "\xf0\x9f\x98\x80"},
    {"high half alone", "\\ud83dx", "\xef\xbf\xbdx"},
    {"low half alone", "\\ude00", "\xef\xbf\xbd"},
    {"high half twice", "\\ud83d\\ud83d\\ude00", "\xef\xbf\xbd\xf0\x9f\x98\x80"},
    {"nothing to do", "plain", "plain"},
    {"empty", "", ""},
};

static void test_unescape(void **unused)
{
    struct arena arena = arena_empty(1 << 16);

    (void)unused;
    for (size_t i = 0; i < COUNT_OF(unescape_cases); i++) {
        print_message("  %s\n", unescape_cases[i].name);
        assert_true(slice_is(json_unescape(slice_of(unescape_cases[i].text), &arena),
                             unescape_cases[i].expected));
    }
    arena_release(&arena);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scan),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_skip),
        cmocka_unit_test(test_unescape),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
