/* tests/query/test_regex.c -- matching within limits, and the literals that a pattern needs. */
#include "query/regex.h"
#include "tests/support/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct match_case {
    const char *name, *pattern;
    unsigned flags;
    const char *text;
    bool matches;
} match_cases[] = {
    {"unanchored", "b+", 0, "abbc", true},
    {"anchored at both ends", "b+", REGEX_ANCHORED, "abbc", false},
    {"anchored, whole", "[a-c]+", REGEX_ANCHORED, "abbc", true},
    {"anchored leaves no newline", "abc", REGEX_ANCHORED, "abc\n", false},
    {"inline option", "(?i)ABC", 0, "xabcx", true},
    {"folded", "ABC", REGEX_FOLD_CASE, "xabcx", true},
    {"bytes above 0x7f do not fold", "\xc3\x84", REGEX_FOLD_CASE, "\xc3\xa4", false},
    {"word", "ab", REGEX_WORD, "cab ab", true},
    {"no word", "ab", REGEX_WORD, "cab abc", false},
    {"literal", "a.c", REGEX_LITERAL, "abc", false},
    {"literal found", "a.c", REGEX_LITERAL, "xa.cx", true},
    {"empty pattern", "", 0, "", true},
    {"look-behind", "(?<=x)y", 0, "xy", true},
};

static void test_match(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(match_cases); i++) {
        const struct match_case *c = &match_cases[i];
        struct error err = {0};
        struct regex *regex;

        print_message("  %s\n", c->name);
        assert_int_equal(regex_new(slice_of(c->pattern), c->flags, &regex, NULL, &err), STATUS_OK);
        assert_int_equal(regex_match(regex, slice_of(c->text)), c->matches);
        regex_free(regex);
    }
}

static void test_bad_patterns(void **unused)
{
    static const struct {
        const char *pattern;
        size_t at;
    } cases[] = {{"a(b", 3}, {"[a", 2}, {"a**b", 2}, {"\\", 1}, {"(*UTF)a", 6}, {"\\C", 2}};

    (void)unused;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct error err = {0};
        struct regex *regex;
        size_t at = 0;

        print_message("  %s\n", cases[i].pattern);
        assert_int_equal(regex_new(slice_of(cases[i].pattern), 0, &regex, &at, &err),
                         STATUS_INVALID);
        assert_int_equal(at, cases[i].at);
    }
}

/* 2^28 ways to fail: given up, counted, no match. */
static void test_limits(void **unused)
{
    struct error err = {0};
    struct regex *regex;

    (void)unused;
    assert_int_equal(regex_new(slice_of("^(a|a)*$"), 0, &regex, NULL, &err), STATUS_OK);
    assert_false(regex_match(regex, slice_of("aaaaaaaaaaaaaaaaaaaaaaaaaaaab")));
    assert_int_equal(regex_over_limit(regex), 1);
    assert_true(regex_match(regex, slice_of("aaaa")));
    assert_int_equal(regex_over_limit(regex), 1);
    regex_free(regex);
}

static bool always_late(void *asked)
{
    ++*(unsigned *)asked;
    return true;
}

/* Late once is late for ever, and nobody asks again; a text that was given up is the query's too. */
static void test_end_of_query(void **unused)
{
    atomic_ullong over_limit = 0;
    atomic_bool cancel = false;
    unsigned asked = 0, matched = 0;
    struct regex_query query = {&cancel, always_late, &asked, &over_limit};
    struct error err = {0};
    struct regex *regex;

    (void)unused;
    assert_int_equal(regex_new(slice_of("^(a|a)*$"), 0, &regex, NULL, &err), STATUS_OK);
    regex_belongs_to(regex, &query);
    assert_false(regex_match(regex, slice_of("aaaaaaaaaaaaaaaaaaaaaaaaaaaab")));
    assert_int_equal(over_limit, 1);
    for (unsigned i = 0; i < 100; i++)
        matched += regex_match(regex, slice_of("aaaa"));
    assert_in_range(matched, 1, 16); /* the clock is looked at every 16 texts */
    assert_int_equal(asked, 1);
    assert_false(regex_match(regex, slice_of("aaaa")));
    regex_free(regex);

    asked = 0;
    assert_int_equal(regex_new(slice_of("a"), 0, &regex, NULL, &err), STATUS_OK);
    regex_belongs_to(regex, &query);
    atomic_store(&cancel, true);
    assert_false(regex_match(regex, slice_of("a")));
    assert_int_equal(asked, 0);
    regex_free(regex);
}

static void test_groups(void **unused)
{
    struct regex_span spans[4];
    struct error err = {0};
    struct regex *regex;

    (void)unused;
    assert_int_equal(regex_new(slice_of("(?P<k>\\w+)=(\\d+)(x)?"), 0, &regex, NULL, &err),
                     STATUS_OK);
    assert_int_equal(regex_group_count(regex), 3);
    assert_true(slice_is(regex_group_name(regex, 1), "k"));
    assert_int_equal(regex_group_name(regex, 2).len, 0);
    assert_true(regex_find(regex, slice_of("a=b id=42"), 0, spans, 4));
    assert_int_equal(spans[0].start, 4);
    assert_int_equal(spans[0].end, 9);
    assert_int_equal(spans[2].start, 7);
    assert_true(spans[3].start > spans[3].end); /* took no part */
    assert_false(regex_find(regex, slice_of("id=42"), 4, spans, 4));
    regex_free(regex);
}

/* ---- literals ---- */

static void print_needs(const struct predicate *needs, char *out, size_t size)
{
    size_t len = strlen(out);

    if (needs == NULL) {
        snprintf(out + len, size - len, "-");
    } else if (needs->kind == PRED_TEXT) {
        assert_int_equal(needs->match, TEXT_SUBSTRING);
        snprintf(out + len, size - len, "%s%.*s", needs->fold_case ? "i:" : "",
                 SLICE_ARG(needs->text));
    } else {
        snprintf(out + len, size - len, "(");
        for (uint32_t i = 0; i < needs->child_count; i++) {
            if (i > 0)
                strncat(out, needs->kind == PRED_AND ? "&" : "|", size - strlen(out) - 1);
            print_needs(needs->children[i], out, size);
        }
        strncat(out, ")", size - strlen(out) - 1);
    }
}

static const struct literal_case {
    const char *pattern, *needs;
    bool exact;
} literal_cases[] = {
    {"timed out", "timed out", true},
    {"timed\\s+out", "(timed&out)", false},
    {"web|task|form", "(web|task|form)", true},
    {"web|t", "-", false}, /* one branch needs too little */
    {"id=(?P<id>[0-9a-f]{8})", "id=", false},
    {"abc?d", "ab", false},
    {"abc*d", "ab", false},
    {"abc+d", "abc", false},
    {"ab{2,3}cd", "cd", false},
    {"ab{x", "-", false},
    {"a(bc|de)f", "(bc|de)", false},
    {"a(bc|de)?f", "-", false},
    {"(bc|de)+", "(bc|de)", false},
    {"a\\.b\\/c", "a.b/c", true},
    {"\\bword\\b", "word", false},
    {"(?i)Error", "i:Error", true},
    {"x(?i)error", "-", false},
    {"[a-z]+foo.bar$", "(foo&bar)", false},
    {"\\x41bc", "-", false},
    {"(?=foo)bar", "-", false},
    {"(foo)\\1", "-", false},
    {"foo|", "-", false},
    {"", "-", false},
    {"((((abc))))", "abc", true},
    {"(?#no)abc", "-", false},
};

static void test_literals(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(literal_cases); i++) {
        const struct literal_case *c = &literal_cases[i];
        struct arena arena = arena_empty(1 << 20);
        char got[200] = "";
        bool exact;

        print_message("  %s\n", c->pattern);
        print_needs(regex_superset(slice_of(c->pattern), 0, FIELD_ID_MSG, &arena, &exact), got,
                    sizeof(got));
        assert_string_equal(got, c->needs);
        assert_int_equal(exact, c->exact);
        arena_release(&arena);
    }
}

static const struct parts_case {
    const char *pattern;
    unsigned flags;
    enum call_parts parts;
} parts_cases[] = {
    {"foo.*bar", 0, PARTS_WITH_GAPS},
    {"(foo|ba.*r)+x?", 0, PARTS_WITH_GAPS},
    {"(?i)foo.*?bar", REGEX_FOLD_CASE, PARTS_WITH_GAPS},
    {"foo.+bar", 0, PARTS_DECIDE}, /* one byte may stand for none */
    {"foo.bar", 0, PARTS_DECIDE},
    {"foo.{2}bar", 0, PARTS_DECIDE},
    {"foo[^x]*bar", 0, PARTS_DECIDE},
    {"foo\\d", 0, PARTS_DECIDE},
    {"foo\x01.*bar", 0, PARTS_DECIDE}, /* a byte that stands for a value */
    {"^foo", 0, PARTS_SAY_NOTHING},
    {"foo$", 0, PARTS_SAY_NOTHING},
    {"\\bfoo", 0, PARTS_SAY_NOTHING},
    {"foo\\Z", 0, PARTS_SAY_NOTHING},
    {"(?=foo)f", 0, PARTS_SAY_NOTHING},
    {"(?!foo)f", 0, PARTS_SAY_NOTHING},
    {"fo*+", 0, PARTS_SAY_NOTHING},
    {"(?>fo)", 0, PARTS_SAY_NOTHING},
    {"(foo)\\1", 0, PARTS_SAY_NOTHING},
    {"foo.*", REGEX_ANCHORED, PARTS_SAY_NOTHING},
    {"foo.*", REGEX_WORD, PARTS_SAY_NOTHING},
};

static void test_parts(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(parts_cases); i++) {
        const struct parts_case *c = &parts_cases[i];
        struct arena arena = arena_empty(1 << 20);

        print_message("  %s\n", c->pattern);
        assert_int_equal(regex_parts(slice_of(c->pattern), c->flags, &arena), c->parts);
        arena_release(&arena);
    }
}

static bool needs_pass(const struct predicate *needs, struct slice text)
{
    if (needs == NULL)
        return true;
    if (needs->kind == PRED_TEXT)
        return predicate_match_text(needs, text);
    for (uint32_t i = 0; i < needs->child_count; i++)
        if (needs_pass(needs->children[i], text) != (needs->kind == PRED_AND))
            return needs->kind == PRED_OR;
    return needs->kind == PRED_AND;
}

/* Random patterns over a small alphabet: whatever matches has what the pattern needs, and what has it
 * matches if the needs are exact. */
static void test_literals_are_needed(void **unused)
{
    static const char *const pieces[] = {"a", "b", "c", "ab", "bc", ".", "[ab]", "(", ")", "|", "?",
                                         "*", "+", "{2}", "{0,1}", "\\b", "\\.", "^", "$", "(?:",
                                         "(?i)", "\\w", "a", "b", "c", "abc"};
    struct test_random random = {11};
    unsigned compiled = 0, matched = 0;

    (void)unused;
    for (int round = 0; round < 20000; round++) {
        struct arena arena = arena_empty(1 << 20);
        char pattern[64] = "", text[24];
        struct regex *regex;
        const struct predicate *needs;
        bool exact;

        for (uint64_t i = test_random_below(&random, 8) + 1; i > 0; i--)
            strcat(pattern, pieces[test_random_below(&random, COUNT_OF(pieces))]);
        if (regex_new(slice_of(pattern), 0, &regex, NULL, NULL) == STATUS_OK) {
            compiled++;
            needs = regex_superset(slice_of(pattern), 0, FIELD_ID_MSG, &arena, &exact);
            for (int i = 0; i < 20; i++) {
                size_t len = (size_t)test_random_below(&random, sizeof(text) - 1);

                for (size_t at = 0; at < len; at++)
                    text[at] = "abcABC. "[test_random_below(&random, 8)];
                if (!regex_match(regex, (struct slice){text, len})) {
                    if (exact && needs_pass(needs, (struct slice){text, len}))
                        fail_msg("%s is not all that %.*s needs", pattern, (int)len, text);
                    continue;
                }
                matched++;
                if (!needs_pass(needs, (struct slice){text, len}))
                    fail_msg("%s needs too much for %.*s", pattern, (int)len, text);
            }
            regex_free(regex);
        }
        arena_release(&arena);
    }
    print_message("  %u patterns, %u matches\n", compiled, matched);
    assert_true(compiled > 2000 && matched > 10000);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_match),    cmocka_unit_test(test_bad_patterns),
        cmocka_unit_test(test_limits),   cmocka_unit_test(test_groups),
        cmocka_unit_test(test_end_of_query),
        cmocka_unit_test(test_literals), cmocka_unit_test(test_parts),
        cmocka_unit_test(test_literals_are_needed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
