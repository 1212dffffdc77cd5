/* tests/query/test_lexer.c -- symbols, strings and their places. */
#include "query/lexer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const struct string_case {
    const char *name, *text, *value; /* value NULL: an error at `at` */
    size_t at;
} string_cases[] = {
    {"double quotes", "\"a b\"", "a b", 0},
    {"single quotes hold double ones", "'say \"x\"'", "say \"x\"", 0},
    {"raw keeps backslashes", "`a\\d`", "a\\d", 0},
    {"newline and tab", "\"a\\n\\tb\"", "a\n\tb", 0},
    {"byte", "\"\\x41\"", "A", 0},
    {"two bytes of UTF-8", "\"\\u00e9\"", "\xc3\xa9", 0},
    {"pair of surrogates", "\"\\ud83d\\ude00\"", "\xf0\x9f\x98\x80", 0},
    {"lone surrogate", "\"ab\\ud83d\"", NULL, 3},
    {"unknown escape", "\"a\\qb\"", NULL, 2},
    {"no end", "\"abc", NULL, 0},
    {"backslash at the end", "\"abc\\", NULL, 0},
};

static void test_strings(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(string_cases); i++) {
        const struct string_case *c = &string_cases[i];
        struct arena arena = arena_empty(1 << 20);
        struct query_problem problem = {0};
        struct lexer lexer = {.text = slice_of(c->text), .arena = &arena, .problem = &problem};
        struct symbol symbol;
        enum status status = lexer_next(&lexer, &symbol);

        print_message("  %s\n", c->name);
        assert_int_equal(status, c->value == NULL ? STATUS_INVALID : STATUS_OK);
        if (c->value != NULL) {
            assert_int_equal(symbol.kind, SYMBOL_STRING);
            assert_true(slice_is(symbol.text, c->value));
            assert_int_equal(symbol.length, strlen(c->text));
        } else {
            assert_int_equal(problem.at, c->at);
        }
        arena_release(&arena);
    }
}

static const struct symbols_case {
    const char *name, *text;
    enum lexer_mode mode;
    const char *shown; /* symbols separated by blanks */
} symbols_cases[] = {
    {"field and test", "status:>=500", LEXER_PLAIN, "status : >= 500"},
    {"a token keeps dots, dashes and slashes", "10.0.0.1 a-b /a/x", LEXER_PLAIN,
     "10.0.0.1 a-b /a/x"},
    {"a dash in front is a sign", "-a", LEXER_PLAIN, "- a"},
    {"comment", "a # b | c\nd", LEXER_PLAIN, "a d"},
    {"longest operator", "a!=b!~c=~d", LEXER_PLAIN, "a != b !~ c =~ d"},
    {"both spellings of and and or", "a && b || c | d", LEXER_PLAIN, "a && b || c | d"},
    {"an instant keeps its colons", "2026-03-02T14:05+05:30)", LEXER_INSTANT,
     "2026-03-02T14:05+05:30 )"},
    {"math splits at operators", "a/b-c^2%d", LEXER_MATH, "a / b - c ^ 2 % d"},
    {"bytes above 0x7f are part of words", "\xc3\xa9t\xc3\xa9", LEXER_PLAIN, "\xc3\xa9t\xc3\xa9"},
};

static void test_symbols(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(symbols_cases); i++) {
        const struct symbols_case *c = &symbols_cases[i];
        struct arena arena = arena_empty(1 << 20);
        struct query_problem problem = {0};
        struct lexer lexer = {
            .text = slice_of(c->text), .mode = c->mode, .arena = &arena, .problem = &problem};
        struct buf shown = buf_empty(1000);
        struct symbol symbol;

        print_message("  %s\n", c->name);
        for (;;) {
            assert_int_equal(lexer_next(&lexer, &symbol), STATUS_OK);
            if (symbol.kind == SYMBOL_END)
                break;
            if (shown.len > 0)
                assert_true(buf_append_byte(&shown, ' '));
            assert_true(buf_append_slice(&shown, symbol.text));
        }
        assert_true(slice_is(buf_slice(&shown), c->shown));
        buf_release(&shown);
        arena_release(&arena);
    }
}

static void test_is_token(void **unused)
{
    (void)unused;
    assert_true(lexer_is_token(slice_of("a-b/c.d")));
    assert_false(lexer_is_token(slice_of("")));
    assert_false(lexer_is_token(slice_of("-a")));
    assert_false(lexer_is_token(slice_of("a b")));
    assert_false(lexer_is_token(slice_of("a:b")));
    assert_false(lexer_is_token(slice_of("and")));
    assert_false(lexer_is_token(slice_of("OR")));
    assert_true(lexer_is_token(slice_of("andy")));
}

/* The one string that stands for the bytes, and every byte comes back. */
static void test_quote(void **unused)
{
    struct arena arena = arena_empty(1 << 16);
    struct buf out = buf_empty(4096);
    struct query_problem problem = {0};
    struct lexer lexer = {.arena = &arena, .problem = &problem};
    struct symbol symbol;
    char all[256];

    (void)unused;
    assert_true(lexer_quote(&out, slice_make("a \"b\\\n\x7f\xc3\xa9", 9)));
    assert_true(slice_is(buf_slice(&out), "\"a \\\"b\\\\\\x0a\\x7f\xc3\xa9\""));
    for (int i = 0; i < 256; i++)
        all[i] = (char)i;
    buf_reset(&out);
    assert_true(lexer_quote(&out, slice_make(all, sizeof(all))));
    lexer.text = buf_slice(&out);
    assert_int_equal(lexer_next(&lexer, &symbol), STATUS_OK);
    assert_int_equal(symbol.kind, SYMBOL_STRING);
    assert_true(slice_equal(symbol.text, slice_make(all, sizeof(all))));
    buf_release(&out);
    arena_release(&arena);
}

static void test_nearest(void **unused)
{
    static const char *const names[] = {"stats", "sort", NULL, "fields"};

    (void)unused;
    assert_string_equal(nearest_name(slice_of("stat"), names, 4), "stats");
    assert_string_equal(nearest_name(slice_of("sotr"), names, 4), "sort"); /* one swap */
    assert_string_equal(nearest_name(slice_of("feilds"), names, 4), "fields");
    assert_null(nearest_name(slice_of("banana"), names, 4));
    assert_null(nearest_name(slice_of(""), names, 4));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_symbols),
        cmocka_unit_test(test_is_token),
        cmocka_unit_test(test_quote),
        cmocka_unit_test(test_nearest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
