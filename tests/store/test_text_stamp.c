/* tests/store/test_text_stamp.c -- stamps of pages of texts: bytes and runs counted by hand, and texts
 * against needle_term_match(). */
#include "store/text_stamp.h"

#include "base/byteorder.h"
#include "tests/support/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct runs_case {
    const char *name, *text;
    uint64_t runs;
} runs_cases[] = {
    {"one run", "abc", 1 << 3},
    {"a name and digits", "pillow-0-1c85", 1 << 6 | 1 << 1 | 1 << 4},
    {"others at both ends", "--ab..c:", 1 << 2 | 1 << 1},
    {"'_' and high bytes are of words", "a_\xc3\xa9", 1 << 4},
    {"no word byte", "-.-", 0},
    {"empty", "", 0},
};

static void test_runs(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(runs_cases); i++) {
        struct slice text = slice_of(runs_cases[i].text);
        uint8_t stamp[TEXT_STAMP_SIZE];

        print_message("  %s\n", runs_cases[i].name);
        text_stamp_make(&text, 1, stamp);
        assert_int_equal(get_le64(stamp + TEXT_STAMP_BYTES_SIZE), runs_cases[i].runs);
    }
}

static const struct hold_case {
    const char *name, *text, *needle;
    uint8_t test, left, right;
    bool fold, old, may;
} hold_cases[] = {
    {"an id in names with digits", "pillow-0-1c85beba84e8", "1c85-84e8-beba", TEST_CONTAINS, EDGE_ANY,
     EDGE_ANY, false, false, false},
    {"the same before version 5", "pillow-0-1c85beba84e8", "1c85-84e8-beba", TEST_CONTAINS, EDGE_ANY,
     EDGE_ANY, false, true, true},
    {"absent byte", "abc", "abx", TEST_CONTAINS, EDGE_ANY, EDGE_ANY, false, false, false},
    {"absent byte before version 5", "abc", "abx", TEST_CONTAINS, EDGE_ANY, EDGE_ANY, false, true, false},
    {"part of a run", "abcdef", "cd", TEST_CONTAINS, EDGE_ANY, EDGE_ANY, false, false, true},
    {"longer than any run", "abc-def", "abcdef", TEST_CONTAINS, EDGE_ANY, EDGE_ANY, false, false, false},
    {"a word is a whole run", "abcd", "abc", TEST_CONTAINS, EDGE_GOOD, EDGE_GOOD, false, false, false},
    {"begin of a word", "abcd", "abc", TEST_CONTAINS, EDGE_GOOD, EDGE_ANY, false, false, true},
    {"equal is whole", "abcd", "abc", TEST_EQUAL, EDGE_ANY, EDGE_ANY, false, false, false},
    {"prefix is open to the right", "abcd", "abc", TEST_PREFIX, EDGE_ANY, EDGE_ANY, false, false, true},
    {"prefix up to the end of a word", "abcd", "abc", TEST_PREFIX, EDGE_ANY, EDGE_BAD, false, false, false},
    {"suffix is open to the left", "abcd", "bcd", TEST_SUFFIX, EDGE_ANY, EDGE_ANY, false, false, true},
    {"suffix that is a word", "abcd", "bcd", TEST_SUFFIX, EDGE_BAD, EDGE_ANY, false, false, false},
    {"other case", "ABC", "abc", TEST_EQUAL, EDGE_ANY, EDGE_ANY, true, false, true},
    {"other case that counts", "ABC", "abc", TEST_EQUAL, EDGE_ANY, EDGE_ANY, false, false, false},
    {"runs of 70 and of 65 are equally long",
     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", TEST_EQUAL, EDGE_ANY,
     EDGE_ANY, false, false, true},
};

static void test_may_hold(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(hold_cases); i++) {
        const struct hold_case *c = &hold_cases[i];
        struct slice text = slice_of(c->text);
        struct needle needle = {.text = slice_of(c->needle), .fold = c->fold};
        struct needle_term term = {.test = c->test, .left = c->left, .right = c->right,
                                   .len = (uint16_t)needle.text.len};
        uint8_t stamp[TEXT_STAMP_SIZE];
        struct slice stored = {(const char *)stamp, c->old ? TEXT_STAMP_BYTES_SIZE : TEXT_STAMP_SIZE};

        print_message("  %s\n", c->name);
        text_stamp_make(&text, 1, stamp);
        assert_int_equal(text_stamp_may_hold(stored, &needle, &term), c->may);
    }
}

/* A text that passes the term is never held back. */
static void test_superset(void **unused)
{
    static const char alphabet[] = "aAb_-. \xe9";
    struct test_random random = {1};
    unsigned held = 0, excluded = 0;

    (void)unused;
    for (unsigned round = 0; round < 200000; round++) {
        char letters[2][12];
        size_t len = 1 + test_random_below(&random, 11), wanted = 1 + test_random_below(&random, 4);
        struct slice text = {letters[0], len};
        struct needle needle = {.text = {letters[1], wanted}, .fold = test_random_chance(&random, 50)};
        struct needle_term term = {.test = (uint8_t)test_random_below(&random, TEST_CONTAINS + 1),
                                   .len = (uint16_t)wanted};
        uint8_t stamp[TEXT_STAMP_SIZE];
        bool may;

        for (unsigned i = 0; i < 12; i++)
            for (unsigned k = 0; k < 2; k++)
                letters[k][i] = alphabet[test_random_below(&random, sizeof(alphabet) - 1)];
        for (size_t i = 0; i < wanted && needle.fold; i++)
            letters[1][i] = letters[1][i] == 'A' ? 'a' : letters[1][i];
        if (is_word_byte(letters[1][0])) /* an edge is asked for beside word bytes only */
            term.left = (uint8_t)test_random_below(&random, EDGE_BAD + 1);
        if (is_word_byte(letters[1][wanted - 1]))
            term.right = (uint8_t)test_random_below(&random, EDGE_BAD + 1);
        text_stamp_make(&text, 1, stamp);
        may = text_stamp_may_hold(slice_make((char *)stamp, TEXT_STAMP_SIZE), &needle, &term);
        if (needle_term_match(&needle, &term, text)) {
            assert_true(may);
            held++;
        }
        excluded += !may;
    }
    assert_true(held > 1000 && excluded > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_runs),
        cmocka_unit_test(test_may_hold),
        cmocka_unit_test(test_superset),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
