/* tests/query/test_text_pipes.c -- pipes that change texts or rows: answers written by hand. The text
 * comes from `format`, so that one row of the fixture is enough. */
#include "tests/query/query_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct fixture fixture;

static int make(void **unused)
{
    (void)unused;
    fixture_make(&fixture, 1, 1, false);
    return 0;
}

static int drop(void **unused)
{
    (void)unused;
    fixture_free(&fixture);
    return 0;
}

static const struct text_case {
    const char *name, *text, *pipe, *expected;
} text_cases[] = {
    {"every match", "a1b22", "replace_regexp (\"[0-9]+\", \"#\") at t", "a#b#"},
    {"groups", "k=v", "replace_regexp (\"(.)=(.)\", \"$2=$1\") at t", "v=k"},
    {"whole match and dollar", "ab", "replace_regexp (\"b\", \"<$0$$>\") at t", "a<b$>"},
    {"a group that does not exist is empty", "ab", "replace_regexp (\"b\", \"[$7]\") at t", "a[]"},
    {"a dollar alone is itself", "ab", "replace_regexp (\"b\", \"$x$\") at t", "a$x$"},
    {"empty matches", "ab", "replace_regexp (\"x*\", \"-\") at t", "-a-b-"},
    {"anchors hold once", "aa", "replace_regexp (\"^a\", \"b\") at t", "ba"},
    {"no match", "ab", "replace_regexp (\"x\", \"-\") at t", "ab"},
    {"all gone", "aaa", "replace_regexp (\"a\", \"\") at t", ""},
    {"colours", "\x1b[1;31mred\x1b[0m end", "decolorize at t", "red end"},
    {"no sequence", "[1;31m", "decolorize at t", "[1;31m"},
    {"cut sequence stays", "x\x1b[31", "decolorize at t", "x\x1b[31"},
    {"numbers", "took 12ms of 3, id 0x1F", "collapse_nums at t", "took <N>ms of <N>, id <N>"},
    {"hex needs a digit and 4 bytes", "deadbeef 7f3c9a51 a1b bad0", "collapse_nums at t",
     "deadbeef <N> a1b <N>"},
    {"address", "10.0.0.1:80", "collapse_nums at t", "<N>.<N>.<N>.<N>:<N>"},
    {"words with digits stay", "web12 x86_64 12th_x", "collapse_nums at t", "web12 x86_64 12th_x"},
    {"uuid", "3f2504e0-4f89-11d3-9a0c-0305e82c3301", "collapse_nums at t",
     "<N>-<N>-<N>-<N>-<N>"},
};

static void test_texts(void **unused)
{
    char query[400], expected[200];

    (void)unused;
    for (size_t i = 0; i < COUNT_OF(text_cases); i++) {
        const struct text_case *c = &text_cases[i];
        struct answer answer;

        print_message("  %s\n", c->name);
        snprintf(query, sizeof(query), "* | format \"%s\" as t | %s | fields t", c->text, c->pipe);
        snprintf(expected, sizeof(expected), "t=%s", c->expected);
        answer_of(&fixture, query, NULL, &answer);
        assert_int_equal(answer.count, 1);
        assert_string_equal(answer.rows[0], expected);
        answer_free(&answer);
    }
}

static const struct unroll_case {
    const char *name, *pipes;
    const char *rows[4];
} unroll_cases[] = {
    {"a row per element", "format '[1,\"b\",{\"c\":2}]' as a | format 'x' as k | unroll a | fields k, a",
     {"k=x a=1", "k=x a=b", "k=x a={\"c\":2}"}},
    {"side by side", "format '[1,2]' as a | format '[\"x\"]' as b | unroll by (a, b) | fields a, b",
     {"a=1 b=x", "a=2"}},
    {"null has no value", "format '[null,1]' as a | unroll a | fields a, b", {"", "a=1"}},
    {"no array stays", "format '{' as a | unroll a | fields a", {"a={"}},
    {"an empty array keeps the row", "format '[]' as a | format 'x' as k | unroll a | fields k, a",
     {"k=x"}},
    {"counted", "format '[1,2,3]' as a | unroll a | stats count() as n", {"n=3"}},
    {"limit ends it", "format '[1,2,3]' as a | unroll a | limit 2 | fields a", {"a=1", "a=2"}},
    {"a field that is not there", "unroll nothing | stats count() as n", {"n=1"}},
};

static void test_unroll(void **unused)
{
    char query[400];

    (void)unused;
    for (size_t i = 0; i < COUNT_OF(unroll_cases); i++) {
        const struct unroll_case *c = &unroll_cases[i];
        struct answer answer;
        uint32_t count = 0;

        print_message("  %s\n", c->name);
        snprintf(query, sizeof(query), "* | %s", c->pipes);
        answer_of(&fixture, query, NULL, &answer);
        while (count < COUNT_OF(c->rows) && c->rows[count] != NULL)
            count++;
        assert_int_equal(answer.count, count);
        for (uint32_t row = 0; row < count; row++)
            assert_string_equal(answer.rows[row], c->rows[row]);
        answer_free(&answer);
    }
}

/* More elements than are gathered at once. */
static void test_unroll_many(void **unused)
{
    struct buf query = buf_empty(1 << 20);
    struct answer answer;

    (void)unused;
    assert_true(buf_append_text(&query, "* | format '[1"));
    for (int i = 1; i < 20000; i++)
        assert_true(buf_append_text(&query, ",1"));
    assert_true(buf_append_text(&query, "]' as a | unroll a | stats sum(a) as n"));
    assert_true(buf_append_byte(&query, '\0'));
    answer_of(&fixture, query.data, NULL, &answer);
    assert_string_equal(answer.rows[0], "n=20000");
    answer_free(&answer);
    buf_release(&query);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_unroll),
        cmocka_unit_test(test_unroll_many),
    };

    return cmocka_run_group_tests(tests, make, drop);
}
