/* tests/store/test_kernels.c -- the vector kernels against the scalar ones, on random lengths,
 * alignments and values; and the scalar ones against hand counts. */
#include "store/kernels/kernels.h"

#include "tests/bench/corpus_random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { ROUNDS = 20000, BYTES_MAX = 400, WORDS = BYTES_MAX / 64 + 2 };

static struct corpus_random rng = {7};

static const struct kernels *other(void)
{
    return kernels();
}

static void fill(char *bytes, size_t len)
{
    static const char few[] = "aAbBzZ09.-_=@/[` {\x80\xff";

    for (size_t i = 0; i < len; i++)
        bytes[i] = random_below(&rng, 3) == 0 ? (char)random_u64(&rng)
                                              : few[random_below(&rng, sizeof(few) - 1)];
}

/* With and without what may be left out: the same masks, and a copy with zeros behind it. */
static void check_masks_and_copy(const struct kernels *table, const char *bytes, size_t len,
                                 uint64_t expected[4][WORDS])
{
    static const char zeros[BYTE_MASKS_SLACK];
    uint64_t masks[4][WORDS] = {{0}};

    for (int triggers = 0; triggers < 2; triggers++) {
        char *copy = malloc(len + BYTE_MASKS_SLACK); /* no byte behind these is written */

        assert_non_null(copy);
        memset(copy, 'x', len + BYTE_MASKS_SLACK);
        table->byte_masks(bytes, len,
                          &(struct byte_masks){masks[0], triggers ? masks[1] : NULL, masks[2],
                                               masks[3], copy});
        for (int i = 0; i < 4; i++)
            if (triggers || i != 1)
                assert_memory_equal(masks[i], expected[i], sizeof(masks[i]));
        assert_memory_equal(copy, bytes, len);
        assert_memory_equal(copy + len, zeros, BYTE_MASKS_SLACK);
        free(copy);
    }
}

/* The masks of `bytes`, which the scalar form gave, by `table`. */
static void check_masks(const struct kernels *table, const char *bytes, size_t len,
                        uint64_t expected[4][WORDS])
{
    uint64_t masks[4][WORDS] = {{0}};

    table->byte_masks(bytes, len,
                      &(struct byte_masks){masks[0], masks[1], masks[2], masks[3], NULL});
    assert_memory_equal(masks, expected, sizeof(masks));
    memset(masks[1], 0, sizeof(masks[1]));
    table->byte_masks(bytes, len, &(struct byte_masks){masks[0], NULL, masks[2], masks[3], NULL});
    for (int i = 0; i < 4; i++)
        if (i != 1)
            assert_memory_equal(masks[i], expected[i], sizeof(masks[i]));
    check_masks_and_copy(table, bytes, len, expected);
}

/* The form for AVX2 where the processor's best one is another. */
static const struct kernels *second(void)
{
#if defined(__x86_64__)
    if (kernels() == &kernels_avx512)
        return &kernels_avx2;
#endif
    return kernels();
}

static void test_byte_masks(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        size_t len = 1 + random_below(&rng, round % 2 == 0 ? BYTES_MAX : 70);
        char *bytes = malloc(len); /* of its own size: no byte beyond it is read */
        uint64_t expected[4][WORDS] = {{0}};

        assert_non_null(bytes);
        fill(bytes, len);
        kernels_scalar.byte_masks(
            bytes, len,
            &(struct byte_masks){expected[0], expected[1], expected[2], expected[3], NULL});
        check_masks_and_copy(&kernels_scalar, bytes, len, expected);
        check_masks(kernels(), bytes, len, expected);
        check_masks(second(), bytes, len, expected);
        free(bytes);
    }
}

static void test_hex(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        char digits[32];
        uint8_t a[16], b[16];
        struct hex_letters in_a, in_b;

        for (size_t i = 0; i < sizeof(digits); i++)
            digits[i] = "0123456789abcdefABCDEF"[random_below(&rng, 22)];
        in_a = kernels_scalar.read_hex32(digits, a);
        in_b = other()->read_hex32(digits, b);
        assert_memory_equal(a, b, sizeof(a));
        assert_int_equal(in_a.all, in_b.all);
        assert_int_equal(in_a.lower, in_b.lower);
    }
}

static void test_hex_by_hand(void **state)
{
    static const uint8_t expected[16] = {0x00, 0x19, 0xaf, 0xAF, 0xbE, 0xEb, 0x0f, 0xf0,
                                         0,    0,    0,    0,    0,    0,    0,    0x0a};
    uint8_t out[16];
    struct hex_letters letters =
        kernels_scalar.read_hex32("0019afAFbEEb0ff0000000000000000a", out);

    (void)state;
    assert_memory_equal(out, expected, sizeof(out));
    assert_int_equal(letters.all, 0x80006ff0); /* digits 4 to 11, 13, 14 and 31 */
    assert_int_equal(letters.lower, 0x80006930); /* of these not 6, 7, 9 and 10 */
}

static int64_t some_number(void)
{
    static const int64_t few[] = {0, 9, 10, 99, 100, 9999, 10000, 12345678, 99999999};

    return random_below(&rng, 4) == 0 ? few[random_below(&rng, 9)]
                                      : (int64_t)random_below(&rng, 100000000);
}

static void test_digits(void **state)
{
    static const int64_t bad[] = {100000000, -1, INT64_MIN, INT64_MAX, (int64_t)1 << 32, -99999999};

    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        int64_t values[32];
        uint64_t a[32] = {0}, b[32] = {0};
        size_t count = random_below(&rng, 33);

        for (size_t i = 0; i < count; i++)
            values[i] = some_number();
        assert_true(kernels_scalar.digits8(values, count, a));
        assert_true(other()->digits8(values, count, b));
        assert_memory_equal(a, b, sizeof(a));
        if (count == 0)
            continue;
        values[random_below(&rng, (uint32_t)count)] = bad[random_below(&rng, 6)];
        assert_false(kernels_scalar.digits8(values, count, a));
        assert_false(other()->digits8(values, count, b));
    }
}

static void test_digits_by_hand(void **state)
{
    static const int64_t values[] = {0, 7, 12345678, 90000001};
    static const uint64_t expected[] = {0, (uint64_t)7 << 56, 0x0807060504030201, 0x0100000000000009};
    uint64_t out[4];

    (void)state;
    assert_true(kernels_scalar.digits8(values, 4, out));
    assert_memory_equal(out, expected, sizeof(out));
}

static void test_find(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        char bytes[BYTES_MAX], needle[8];
        size_t len = random_below(&rng, BYTES_MAX), size = 1 + random_below(&rng, 6);
        size_t from = random_below(&rng, 20);
        struct slice text = {bytes, len};

        for (size_t i = 0; i < len; i++)
            bytes[i] = "abAB"[random_below(&rng, 4)];
        for (size_t i = 0; i < size; i++)
            needle[i] = "ab"[random_below(&rng, 2)];
        assert_int_equal(kernels_scalar.find(text, slice_make(needle, size), from),
                         other()->find(text, slice_make(needle, size), from));
        assert_int_equal(kernels_scalar.find_fold(text, slice_make(needle, size), from),
                         other()->find_fold(text, slice_make(needle, size), from));
    }
}

static void test_unpack(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        uint8_t packed[8 * 100 + UNPACK_SLACK];
        uint64_t a[100] = {0}, b[100] = {0};
        uint32_t c[100] = {0}, d[100] = {0};
        unsigned width = random_below(&rng, UNPACK_WIDTH_MAX + 1);
        size_t count = random_below(&rng, 100);

        for (size_t i = 0; i < sizeof(packed); i++)
            packed[i] = (uint8_t)random_u64(&rng);
        kernels_scalar.unpack(packed, width, count, a);
        other()->unpack(packed, width, count, b);
        assert_memory_equal(a, b, sizeof(a));
        kernels_scalar.unpack32(packed, width, count, c);
        other()->unpack32(packed, width, count, d);
        assert_memory_equal(c, d, sizeof(c));
    }
}

static void test_filters(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        uint32_t values[200];
        int64_t numbers[200];
        uint8_t pass[16];
        uint64_t a[4] = {0}, b[4] = {0};
        size_t count = random_below(&rng, 200);

        for (size_t i = 0; i < 200; i++) {
            values[i] = random_below(&rng, 16);
            numbers[i] = (int64_t)random_u64(&rng) >> random_below(&rng, 64);
        }
        for (size_t i = 0; i < 16; i++)
            pass[i] = (uint8_t)random_below(&rng, 2);
        kernels_scalar.equal32(values, count, 3, a);
        other()->equal32(values, count, 3, b);
        assert_memory_equal(a, b, sizeof(a));
        kernels_scalar.range64(numbers, count, -5, 100000, a);
        other()->range64(numbers, count, -5, 100000, b);
        assert_memory_equal(a, b, sizeof(a));
        kernels_scalar.table32(values, count, pass, a);
        other()->table32(values, count, pass, b);
        assert_memory_equal(a, b, sizeof(a));
    }
}

/* Planes taken by one form and put back by the other are the numbers again. */
static void check_planes(const uint64_t *numbers, size_t count)
{
    uint64_t a[60], b[60];

    for (unsigned byte = 0; byte < sizeof(uint64_t); byte++) {
        uint8_t wanted[60], got[60];

        kernels_scalar.take_plane(numbers, count, byte, wanted);
        other()->take_plane(numbers, count, byte, got);
        assert_memory_equal(wanted, got, count);
        kernels_scalar.put_plane(got, count, byte, a);
        other()->put_plane(got, count, byte, b);
    }
    assert_memory_equal(a, numbers, count * sizeof(a[0]));
    assert_memory_equal(b, numbers, count * sizeof(b[0]));
}

static void check_hex(const uint8_t *bytes, size_t count)
{
    static const uint8_t by_hand[] = {0x00, 0x9a, 0xbc, 0xff};
    char wanted[960], got[960];

    other()->hex(by_hand, 4, false, got);
    assert_memory_equal(got, "009abcff", 8);
    for (int upper = 0; upper < 2; upper++) {
        kernels_scalar.hex(bytes, count, upper, wanted);
        other()->hex(bytes, count, upper, got);
        assert_memory_equal(wanted, got, 2 * count);
    }
}

static void test_numbers(void **state)
{
    static const int64_t by_hand[] = {7, -3, -3, 12, 8, 12, 8, 12, 8, 12};
    struct number_range range;

    (void)state;
    for (size_t count = 4; count <= COUNT_OF(by_hand); count += 6) {
        other()->range_of(by_hand, count, &range); /* differences: -10, 0, 15, then -4 and 4 */
        assert_true(range.low == -3 && range.high == 12);
        assert_true(range.delta_low == -10 && range.delta_high == 15);
    }
    for (int round = 0; round < ROUNDS; round++) {
        int64_t numbers[60];
        uint64_t a[60], b[60];
        struct number_range wanted, got;
        size_t count = 1 + random_below(&rng, 60);

        for (size_t i = 0; i < count; i++)
            numbers[i] = (int64_t)random_u64(&rng) >> random_below(&rng, 64);
        kernels_scalar.range_of(numbers, count, &wanted);
        other()->range_of(numbers, count, &got);
        assert_memory_equal(&wanted, &got, sizeof(got));
        second()->range_of(numbers, count, &got);
        assert_memory_equal(&wanted, &got, sizeof(got));
        kernels_scalar.subtract(numbers, count, numbers[0], a);
        other()->subtract(numbers, count, numbers[0], b);
        assert_memory_equal(a, b, count * sizeof(a[0]));
        kernels_scalar.differences(numbers, count, wanted.delta_low, a);
        other()->differences(numbers, count, wanted.delta_low, b);
        assert_memory_equal(a, b, (count - 1) * sizeof(a[0]));
        check_planes((const uint64_t *)numbers, count);
        check_hex((const uint8_t *)numbers, count * sizeof(numbers[0]) - count % 8);
    }
}

/* "ab=c 1.2@d": tokens 0-1, 3, 5-7, 9; triggers: c after '=', 1, 2, d after '@'. */
static void test_masks_by_hand(void **state)
{
    uint64_t token, trigger, digit, hex;

    (void)state;
    kernels_scalar.byte_masks("ab=c 1.2@d", 10,
                              &(struct byte_masks){&token, &trigger, &digit, &hex, NULL});
    assert_int_equal(token, 0x2eb);   /* bits 0 1 3 5 6 7 9 */
    assert_int_equal(trigger, 0x2a8); /* bits 3 5 7 9 */
    assert_int_equal(digit, 0x0a0);   /* bits 5 7 */
    assert_int_equal(hex, 0x2ab);     /* bits 0 1 3 5 7 9 */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_masks_by_hand), cmocka_unit_test(test_hex),
        cmocka_unit_test(test_digits), cmocka_unit_test(test_digits_by_hand),
        cmocka_unit_test(test_hex_by_hand), cmocka_unit_test(test_byte_masks),
        cmocka_unit_test(test_find),          cmocka_unit_test(test_unpack),
        cmocka_unit_test(test_filters),       cmocka_unit_test(test_numbers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
