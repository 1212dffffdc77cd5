/* tests/collector/test_scan.c -- numbers within an event: looked at as a whole they are what byte by
 * byte they are. */
#include "collector/formats/scan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525U + 1013904223U;
    return *state >> 16;
}

/* digits, then perhaps a point and digits; or these alone */
static bool is_plain_number(struct slice text, bool *fraction)
{
    size_t at = 0, start;

    *fraction = false;
    while (at < text.len && text.data[at] >= '0' && text.data[at] <= '9')
        at++;
    if (at == text.len || text.data[at] != '.')
        return at > 0 && at == text.len;
    *fraction = true;
    for (start = ++at; at < text.len && text.data[at] >= '0' && text.data[at] <= '9';)
        at++;
    return at > start && at == text.len;
}

static void test_numbers(void **unused)
{
    static const char bytes[] = "0123456789012345678901234567890.01234567890123456789/:-a";
    uint32_t state = 3;

    (void)unused;
    for (unsigned round = 0; round < 200000; round++) {
        char text[48];
        struct slice event = slice_make(text, next_random(&state) % sizeof(text)), part;
        size_t start, digits = 0;
        bool a = false, b = false, plain;

        for (size_t i = 0; i < event.len; i++)
            text[i] = bytes[next_random(&state) % (sizeof(bytes) - 1)];
        start = next_random(&state) % (event.len + 1);
        part = slice_sub(event, start, next_random(&state) % 20);
        while (digits < part.len && part.data[digits] >= '0' && part.data[digits] <= '9')
            digits++;
        assert_int_equal(all_digits(event, part), digits == part.len);
        plain = is_plain_number(part, &b);
        assert_int_equal(is_number_in(event, part, &a), plain);
        if (plain)
            assert_int_equal(a, b);
        /* a part of another text */
        assert_int_equal(all_digits(slice_first(event, start), part), digits == part.len);
        assert_int_equal(is_number_in((struct slice){NULL, 0}, part, &a), plain);
    }
}

static void test_hex_or_dashes(void **unused)
{
    (void)unused;
    assert_true(is_hex_or_dashes(slice_of("0123456789")));
    assert_true(is_hex_or_dashes(slice_of("abcdefABCDEF-")));
    assert_true(is_hex_or_dashes(slice_of("--------")));
    assert_true(is_hex_or_dashes(slice_of("a91c04e7d2a91c04e7d2")));
    for (size_t at = 0; at < 20; at++) /* one byte that is beside the ranges */
        for (const char *other = "/:@G`g\x10"; *other != '\0'; other++) {
            char text[] = "a91c04e7d2a91c04e7d2";

            text[at] = *other;
            assert_false(is_hex_or_dashes(slice_of(text)));
            assert_false(is_hex_or_dashes(slice_make(text + at / 2, 10)) && at / 2 + 10 > at);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_numbers),
                                       cmocka_unit_test(test_hex_or_dashes)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
