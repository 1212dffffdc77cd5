/* tests/store/test_predicate.c -- what a text test means (docs/query.md), and numbers
 * in texts. */
#include "store/predicate.h"
#include "store/value.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static const struct text_case {
    const char *name;
    enum text_match match;
    bool fold;
    const char *needle, *text;
    bool passes;
} text_cases[] = {
    {"word alone", TEXT_PHRASE, false, "error", "error", true},
    {"word between blanks", TEXT_PHRASE, false, "error", "an error here", true},
    {"word inside a word", TEXT_PHRASE, false, "error", "myerrors", false},
    {"underscore is a word character", TEXT_PHRASE, false, "error", "my_error", false},
    {"dot is none", TEXT_PHRASE, false, "error", "my.error.here", true},
    {"byte from 0x80 on is one", TEXT_PHRASE, false, "error", "\xc3\xa9" "error", false},
    {"second occurrence counts", TEXT_PHRASE, false, "error", "errors error", true},
    {"an end that is no word character needs no boundary", TEXT_PHRASE, false, "/a/", "x/a/y", true},
    {"one end needs it", TEXT_PHRASE, false, "/a", "x/ab", false},
    {"phrase with blanks", TEXT_PHRASE, false, "timed out", "it timed out.", true},
    {"case counts", TEXT_PHRASE, false, "Error", "error", false},
    {"case folds", TEXT_PHRASE, true, "Error", "an eRROR", true},
    {"only ASCII folds", TEXT_PHRASE, true, "\xc3\x89", "\xc3\xa9", false},
    {"fold does not touch [ and {", TEXT_SUBSTRING, true, "[", "{", false},
    {"prefix", TEXT_PREFIX, false, "err", "an error", true},
    {"prefix needs the left boundary", TEXT_PREFIX, false, "rror", "an error", false},
    {"substring", TEXT_SUBSTRING, false, "rro", "an error", true},
    {"substring longer than the text", TEXT_SUBSTRING, false, "errors", "error", false},
    {"empty substring", TEXT_SUBSTRING, false, "", "", true},
    {"exact", TEXT_EXACT, false, "GET", "GET", true},
    {"exact is the whole value", TEXT_EXACT, false, "GET", "GETS", false},
    {"exact folded", TEXT_EXACT, true, "get", "GET", true},
    {"exact prefix", TEXT_EXACT_PREFIX, false, "/a/x/", "/a/x/y", true},
    {"exact prefix longer than the text", TEXT_EXACT_PREFIX, false, "/a/x/", "/a", false},
    {"exact prefix of the middle", TEXT_EXACT_PREFIX, false, "b", "ab", false},
};

static void test_text(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(text_cases); i++) {
        const struct text_case *c = &text_cases[i];
        struct predicate predicate = {.kind = PRED_TEXT,
                                      .match = c->match,
                                      .fold_case = c->fold,
                                      .text = slice_of(c->needle)};

        print_message("  %s\n", c->name);
        assert_int_equal(predicate_match_text(&predicate, slice_of(c->text)), c->passes);
    }
}

static const struct sequence_case {
    const char *name, *first, *second, *text;
    bool passes;
} sequence_cases[] = {
    {"in order", "one", "two", "one two", true},
    {"out of order", "two", "one", "one two", false},
    {"may not overlap", "one two", "two", "one two", false},
    {"the same twice", "one", "one", "one one", true},
    {"the same once", "one", "one", "one ones", false},
};

static void test_sequence(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(sequence_cases); i++) {
        const struct sequence_case *c = &sequence_cases[i];
        struct slice texts[2] = {slice_of(c->first), slice_of(c->second)};
        struct predicate predicate = {.kind = PRED_SEQUENCE, .texts = texts, .text_count = 2};

        print_message("  %s\n", c->name);
        assert_int_equal(predicate_match_text(&predicate, slice_of(c->text)), c->passes);
    }
}

static void test_length(void **unused)
{
    struct predicate predicate = {.kind = PRED_LENGTH, .low = 2, .high = INFINITY};

    (void)unused;
    assert_false(predicate_match_text(&predicate, slice_of("a")));
    assert_true(predicate_match_text(&predicate, slice_of("ab")));
    predicate.high = 2;
    assert_false(predicate_match_text(&predicate, slice_of("abc")));
}

/* Values by hand: 1.2 s are 1,200,000,000 ns; 4 KiB are 4,096 bytes. */
static const struct value_case {
    const char *name, *text;
    unsigned type, unit;
    bool fine;
    double value;
} value_cases[] = {
    {"integer", "200", FIELD_INT, UNIT_NONE, true, 200},
    {"negative", "-7", FIELD_INT, UNIT_NONE, true, -7},
    {"not a number", "2xx", FIELD_INT, UNIT_NONE, false, 0},
    {"empty", "", FIELD_INT, UNIT_NONE, false, 0},
    {"fraction of an integer field", "1.5", FIELD_INT, UNIT_NONE, true, 1.5},
    {"microseconds", "1500", FIELD_DURATION, UNIT_MICROSECONDS, true, 1500000},
    {"seconds with fraction", "0.123", FIELD_DURATION, UNIT_SECONDS, true, 123000000},
    {"own unit", "1.2s", FIELD_DURATION, UNIT_NONE, true, 1200000000},
    {"milliseconds of their own", "12ms", FIELD_DURATION, UNIT_NONE, true, 12000000},
    {"two units", "1m30s", FIELD_DURATION, UNIT_NONE, true, 90e9},
    {"clock", "0:00:01.5", FIELD_DURATION, UNIT_NONE, true, 1500000000},
    {"clock of two parts", "2:03", FIELD_DURATION, UNIT_NONE, true, 123e9},
    {"clock of four parts", "1:2:3:4:5", FIELD_DURATION, UNIT_NONE, false, 0},
    {"unknown unit", "3parsec", FIELD_DURATION, UNIT_NONE, false, 0},
    {"kibibytes", "4", FIELD_BYTES, UNIT_KIBIBYTES, true, 4096},
    {"address", "10.0.0.1", FIELD_IPV4, UNIT_NONE, true, 167772161},
    {"address with a part too large", "10.0.0.256", FIELD_IPV4, UNIT_NONE, false, 0},
    {"address with a part too few", "10.0.1", FIELD_IPV4, UNIT_NONE, false, 0},
    {"address with a part too many", "1.2.3.4.5", FIELD_IPV4, UNIT_NONE, false, 0},
    {"level", "error", FIELD_LEVEL, UNIT_NONE, true, LEVEL_ERROR},
    {"unknown level", "bad", FIELD_LEVEL, UNIT_NONE, false, 0},
    {"too large for nanoseconds", "99999999999999999999", FIELD_DURATION, UNIT_SECONDS, false, 0},
    {"text as a number", "17", FIELD_TEXT, UNIT_NONE, true, 17},
};

static void test_values(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(value_cases); i++) {
        const struct value_case *c = &value_cases[i];
        struct value value = {0};

        print_message("  %s\n", c->name);
        assert_int_equal(value_of_text(slice_of(c->text), c->type, c->unit, &value), c->fine);
        if (c->fine)
            assert_true(value.fraction == c->value);
    }
}

static void test_names(void **unused)
{
    (void)unused;
    for (int level = 0; level < LEVEL_COUNT; level++)
        assert_int_equal(level_of(slice_of(level_name((enum level)level))), level);
    assert_int_equal(level_of(slice_of("ERROR")), LEVEL_COUNT);
    assert_string_equal(well_known_field_names[FIELD_ID_TENANT], "tenant");
    for (int i = 0; i < FIELD_ID_WELL_KNOWN_COUNT; i++)
        assert_non_null(well_known_field_names[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),   cmocka_unit_test(test_sequence),
        cmocka_unit_test(test_length), cmocka_unit_test(test_values),
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
