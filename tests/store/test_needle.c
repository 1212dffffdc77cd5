/* tests/store/test_needle.c -- needles over templates, by hand. In a template "{i}" is a number,
 * "{t}" a token, "{f}" any text. */
#include "store/needle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static const struct needle_case {
    const char *name, *template, *needle;
    enum text_match match;
    enum needle_verdict verdict;
    uint32_t ways;
} cases[] = {
    {"inside a literal", "took {i} ms", "took", TEXT_SUBSTRING, NEEDLE_ALL, 0},
    {"in no part", "took {i} ms", "lost", TEXT_SUBSTRING, NEEDLE_NONE, 0},
    {"letters meet no number", "a {i} b {i}", "xyz", TEXT_SUBSTRING, NEEDLE_NONE, 0},
    {"digits meet each number", "a {i} b {i}", "77", TEXT_SUBSTRING, NEEDLE_SOME, 2},
    {"token or literal", "at {t} b", "host", TEXT_SUBSTRING, NEEDLE_SOME, 1},
    {"end of a number and on", "took {i} ms", "7 ms", TEXT_SUBSTRING, NEEDLE_SOME, 1},
    {"across, value whole", "took {i} ms", "took 17 m", TEXT_SUBSTRING, NEEDLE_SOME, 1},
    {"across, other literal", "took {i} ms", "took 17 s", TEXT_SUBSTRING, NEEDLE_NONE, 0},
    {"unit behind the slot", "took {i}ms", "17ms", TEXT_SUBSTRING, NEEDLE_SOME, 1},
    {"word inside a literal", "timed out", "timed", TEXT_PHRASE, NEEDLE_ALL, 0},
    {"half a word", "timed out", "time", TEXT_PHRASE, NEEDLE_NONE, 0},
    {"half a word as prefix", "timed out", "time", TEXT_PREFIX, NEEDLE_ALL, 0},
    {"word before a number: only if it is negative", "id{i}", "id", TEXT_PHRASE, NEEDLE_SOME, 1},
    {"word at a token's edge", "id {t}", "id", TEXT_PHRASE, NEEDLE_ALL, 0},
    {"exact, no slots", "all done", "all done", TEXT_EXACT, NEEDLE_ALL, 0},
    {"exact, more follows", "all done now", "all done", TEXT_EXACT, NEEDLE_NONE, 0},
    {"exact with a value", "n={i}", "n=5", TEXT_EXACT, NEEDLE_SOME, 1},
    {"exact prefix", "n={i} of", "n=5", TEXT_EXACT_PREFIX, NEEDLE_SOME, 1},
    {"free text may hold all", "\"{f}\" {i}", "a b", TEXT_SUBSTRING, NEEDLE_SOME, 1},
    {"free text, then the literal", "\"{f}\" {i}", "b\" 1", TEXT_SUBSTRING, NEEDLE_SOME, 2},
};

static uint32_t parse(struct slice text, struct needle_part *parts)
{
    uint32_t count = 0;
    uint16_t column = 0;

    while (text.len > 0) {
        size_t brace = slice_find_byte(text, '{');

        if (brace == 0) {
            struct slot_kind kind = {SLOT_INT, 0};

            if (text.data[1] != 'i')
                kind = (struct slot_kind){SLOT_TEXT, text.data[1] == 'f' ? TEXT_FREE : TEXT_TOKEN};
            parts[count++] = (struct needle_part){.is_slot = true, .kind = kind, .column = column++};
            text = slice_from(text, 3);
            continue;
        }
        parts[count++].literal = slice_first(text, brace == SIZE_MAX ? text.len : brace);
        text = slice_from(text, parts[count - 1].literal.len);
    }
    return count;
}

static void test_plans(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct needle_case *c = &cases[i];
        struct needle needle = {.text = slice_of(c->needle), .match = c->match};
        struct needle_part parts[16] = {{0}};
        struct needle_plan plan;

        print_message("  %s\n", c->name);
        needle_plan_make(&needle, parts, parse(slice_of(c->template), parts), &plan);
        assert_int_equal(plan.verdict, c->verdict);
        if (plan.verdict == NEEDLE_SOME)
            assert_int_equal(plan.way_count, c->ways);
    }
}

static const struct term_case {
    const char *name, *value;
    enum needle_test test;
    enum needle_edge left, right;
    bool pass;
} terms[] = { /* the needle is "abc" */
    {"equal", "abc", TEST_EQUAL, EDGE_ANY, EDGE_ANY, true},
    {"longer is not equal", "abcd", TEST_EQUAL, EDGE_ANY, EDGE_ANY, false},
    {"prefix", "abcd", TEST_PREFIX, EDGE_ANY, EDGE_ANY, true},
    {"prefix needs a boundary", "abcd", TEST_PREFIX, EDGE_ANY, EDGE_GOOD, false},
    {"prefix with a boundary", "abc.d", TEST_PREFIX, EDGE_ANY, EDGE_GOOD, true},
    {"prefix, whole value, edge good", "abc", TEST_PREFIX, EDGE_ANY, EDGE_GOOD, true},
    {"prefix, whole value, edge bad", "abc", TEST_PREFIX, EDGE_ANY, EDGE_BAD, false},
    {"suffix", "xabc", TEST_SUFFIX, EDGE_ANY, EDGE_ANY, true},
    {"suffix needs a boundary", "xabc", TEST_SUFFIX, EDGE_BAD, EDGE_ANY, false},
    {"second place has the boundaries", "xabc-abc", TEST_CONTAINS, EDGE_GOOD, EDGE_GOOD, true},
    {"no place has the boundaries", "xabc-abcx", TEST_CONTAINS, EDGE_GOOD, EDGE_GOOD, false},
    {"first byte is no word byte", "-abc", TEST_FIRST_NOT_WORD, EDGE_ANY, EDGE_ANY, true},
    {"last byte is a word byte", "-abc", TEST_LAST_NOT_WORD, EDGE_ANY, EDGE_ANY, false},
};

static void test_terms(void **state)
{
    struct needle needle = {.text = SLICE_LITERAL("abc")};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(terms); i++) {
        struct needle_term term = {.test = (uint8_t)terms[i].test,
                                   .left = (uint8_t)terms[i].left,
                                   .right = (uint8_t)terms[i].right,
                                   .len = 3};

        print_message("  %s\n", terms[i].name);
        assert_int_equal(needle_term_match(&needle, &term, slice_of(terms[i].value)),
                         terms[i].pass);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_plans), cmocka_unit_test(test_terms)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
