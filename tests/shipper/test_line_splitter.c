/* Lines, caps and NUL runs: expected values counted by hand. */
#include "shipper/line_splitter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define TEXT(text)                                                                                 \
    {                                                                                              \
        (text), sizeof(text) - 1                                                                   \
    } /* in an initializer */
#define NULS_64                                                                                    \
    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"                             \
    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"

static const struct split_case {
    const char *name;
    struct slice piece;
    struct split_limits limits;
    uint32_t used, count;
    struct split_line lines[4];
} split_cases[] = {
    {"nothing", {"", 0}, {100, 10, 100, false, false}, 0, 0, {{0}}},
    {"no end yet", TEXT("abc"), {100, 10, 100, true, false}, 0, 0, {{0}}},
    {"one line", TEXT("abc\n"), {100, 10, 100, true, false}, 4, 1, {{0, 3, 4, 0}}},
    {"rest stays",
     TEXT("a\n\nbc"),
     {100, 10, 100, true, false},
     3,
     2,
     {{0, 1, 2, 0}, {2, 0, 1, 0}}},
    {"a CR is a byte of the line",
     TEXT("a\r\n"),
     {100, 10, 100, true, false},
     3,
     1,
     {{0, 2, 3, 0}}},
    {"cut at the cap",
     TEXT("abcdef\ng\n"),
     {4, 10, 100, true, false},
     9,
     2,
     {{0, 4, 7, SPLIT_CUT}, {7, 1, 2, 0}}},
    {"no more lines than asked for",
     TEXT("a\nb\nc\n"),
     {100, 2, 100, true, false},
     4,
     2,
     {{0, 1, 2, 0}, {2, 1, 2, 0}}},
    {"no more bytes than asked for",
     TEXT("aaa\nbbb\n"),
     {100, 9, 5, true, false},
     4,
     1,
     {{0, 3, 4, 0}}},
    {"the first line always fits", TEXT("aaa\n"), {100, 9, 2, true, false}, 4, 1, {{0, 3, 4, 0}}},
    {"a few NULs are data", TEXT("a\0\0b\n"), {100, 9, 100, true, false}, 5, 1, {{0, 4, 5, 0}}},
    {"a hole, then a line",
     TEXT(NULS_64 "ab\n"),
     {100, 9, 100, true, false},
     67,
     2,
     {{0, 0, 64, SPLIT_NUL_RUN}, {64, 2, 3, 0}}},
    {"a hole inside a line",
     TEXT("ab" NULS_64 "c\nd\n"),
     {100, 9, 100, true, false},
     70,
     4,
     {{0, 2, 2, SPLIT_PARTIAL}, {2, 0, 64, SPLIT_NUL_RUN}, {66, 1, 2, SPLIT_CONT}, {68, 1, 2, 0}}},
    {"NULs at the end of the file may be reserved space",
     TEXT("a\n" NULS_64 NULS_64),
     {100, 9, 100, true, false},
     2,
     1,
     {{0, 1, 2, 0}}},
    {"elsewhere they are a hole",
     TEXT("a\n" NULS_64 NULS_64),
     {100, 9, 100, false, false},
     130,
     2,
     {{0, 1, 2, 0}, {2, 0, 128, SPLIT_NUL_RUN}}},
    {"a run that was cut goes on",
     TEXT("\0\0ab\n"),
     {100, 9, 100, true, true},
     5,
     2,
     {{0, 0, 2, SPLIT_NUL_RUN}, {2, 2, 3, 0}}},
};

static void test_line_split(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(split_cases); i++) {
        const struct split_case *c = &split_cases[i];
        struct split_line lines[10];
        struct split_result got = line_split(c->piece, &c->limits, lines);

        print_message("  %s\n", c->name);
        assert_int_equal(got.used, c->used);
        assert_int_equal(got.count, c->count);
        for (uint32_t k = 0; k < got.count; k++) {
            assert_int_equal(lines[k].start, c->lines[k].start);
            assert_int_equal(lines[k].len, c->lines[k].len);
            assert_int_equal(lines[k].source_len, c->lines[k].source_len);
            assert_int_equal(lines[k].flags, c->lines[k].flags);
        }
    }
}

static void test_line_without_nuls(void **unused)
{
    (void)unused;
    assert_int_equal(line_without_nuls(SLICE_LITERAL("ab\0\0")), 2);
    assert_int_equal(line_without_nuls(SLICE_LITERAL("a\0b")), 3);
    assert_int_equal(line_without_nuls(SLICE_LITERAL("\0")), 0);
    assert_int_equal(line_without_nuls(slice_of("")), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_line_split),
        cmocka_unit_test(test_line_without_nuls),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
