/* tests/store/test_slot_match.c -- comparing a text with a value agrees with writing the value. */
#include "store/stamp_match.h"

#include "tests/bench/corpus_random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { ROUNDS = 200000 };

static size_t write_value(struct slot_kind kind, uint64_t value, const uint8_t *id, char *out)
{
    struct stamp_cache cache = {0};

    return slot_id_size(kind) > 0 ? slot_id_write(kind, id, out)
                                  : slot_write(&cache, kind, value, out);
}

static const char *match(struct slot_kind kind, uint64_t value, const uint8_t *id, const char *at,
                         const char *end)
{
    static struct stamp_cache cache; /* of the calls before */

    switch (kind.type) {
    case SLOT_STAMP:
        return stamp_match(&cache, kind.param, (int64_t)value, at, end);
    case SLOT_INT:
        return match_int(at, end, (int64_t)value);
    case SLOT_PADDED:
        return match_padded(at, end, value, kind.param);
    case SLOT_DECIMAL:
        return match_decimal(at, end, value, kind.param);
    case SLOT_IPV4:
        return match_ipv4(at, end, (uint32_t)value);
    default:
        return match_id(at, end, kind, id);
    }
}

/* Text by hand; `rest` bytes of it do not belong to the value. */
static const struct match_case {
    const char *name;
    struct slot_kind kind;
    uint64_t value;
    const char *text;
    int rest; /* -1: differs */
} match_cases[] = {
    {"zero", {SLOT_INT, 0}, 0, "0", 0},
    {"eight digits", {SLOT_INT, 0}, 99999999, "99999999", 0},
    {"nine digits", {SLOT_INT, 0}, 100000000, "100000000", 0},
    {"18 digits", {SLOT_INT, 0}, 123456789012345678, "123456789012345678 x", 2},
    {"zeros in the middle", {SLOT_INT, 0}, 500000000000000007, "500000000000000007", 0},
    {"negative", {SLOT_INT, 0}, (uint64_t)-170, "-170", 0},
    {"negative, sign is missing", {SLOT_INT, 0}, (uint64_t)-170, "170", -1},
    {"a leading zero more", {SLOT_INT, 0}, 17, "017", -1},
    {"the text ends too early", {SLOT_INT, 0}, 170, "17", -1},
    {"the text goes on", {SLOT_INT, 0}, 17, "170", 1},
    {"padded", {SLOT_PADDED, 3}, 7, "007", 0},
    {"padded to 18", {SLOT_PADDED, 18}, 7, "000000000000000007", 0},
    {"padded, a zero is missing", {SLOT_PADDED, 3}, 7, "07", -1},
    {"fraction", {SLOT_DECIMAL, 0}, 250 << 5 | 3, "0.250", 0},
    {"fraction of ten digits", {SLOT_DECIMAL, 0}, 12345678901u << 5 | 10, "1.2345678901", 0},
    {"padded fraction", {SLOT_DECIMAL, 2}, 6118 << 5 | 6, "00.006118", 0},
    {"fraction without its point", {SLOT_DECIMAL, 0}, 250 << 5 | 3, "0", -1},
    {"fraction with less digits", {SLOT_DECIMAL, 0}, 250 << 5 | 3, "0.25", -1},
    {"address", {SLOT_IPV4, 0}, 0x0a1f0412, "10.31.4.18", 0},
    {"address with a leading zero", {SLOT_IPV4, 0}, 0x0a1f0412, "10.031.4.18", -1},
};

static void test_cases(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(match_cases); i++) {
        const struct match_case *c = &match_cases[i];
        size_t len = strlen(c->text);
        char *exact = malloc(len); /* so that a sanitizer sees what is read behind it */
        const char *end;

        print_message("  %s\n", c->name);
        assert_non_null(exact);
        memcpy(exact, c->text, len);
        end = match(c->kind, c->value, NULL, exact, exact + len);
        if (c->rest < 0)
            assert_null(end);
        else
            assert_ptr_equal(end, exact + len - (size_t)c->rest);
        free(exact);
    }
}

static struct slot_kind random_kind(struct corpus_random *rng)
{
    static const struct slot_kind kinds[] = {
        {SLOT_INT, 0},     {SLOT_PADDED, 1}, {SLOT_PADDED, 8}, {SLOT_PADDED, 9},
        {SLOT_PADDED, 18}, {SLOT_DECIMAL, 0}, {SLOT_DECIMAL, 3}, {SLOT_IPV4, 0},
        {SLOT_UUID, 0},    {SLOT_UUID, SLOT_UPPER},
    };

    if (random_below(rng, 4) == 0)
        return (struct slot_kind){SLOT_STAMP, (uint8_t)random_below(rng, stamp_layout_count())};
    if (random_below(rng, 3) > 0)
        return kinds[random_below(rng, COUNT_OF(kinds))];
    return (struct slot_kind){
        SLOT_HEX, (uint8_t)((HEX_BYTES_MIN + random_below(rng, HEX_BYTES_MAX - HEX_BYTES_MIN + 1)) |
                            (random_below(rng, 2) ? SLOT_UPPER : 0))};
}

static uint64_t random_value(struct corpus_random *rng, struct slot_kind kind)
{
    static const uint64_t power = 1000000000000000000u; /* 18 digits */
    uint64_t value = ((uint64_t)random_below(rng, UINT32_MAX) << 32 | random_below(rng, UINT32_MAX)) >>
                     random_below(rng, 64);

    if (kind.type == SLOT_STAMP && random_below(rng, 2) == 0) /* of a few seconds */
        return 1700000000000000000 + value % 3000000000;
    if (kind.type == SLOT_DECIMAL)
        return decimal_make(value % (power / 10), random_below(rng, POWERS_OF_TEN_COUNT));
    if (kind.type == SLOT_INT && random_below(rng, 4) == 0)
        return -(value % power);
    return value % power;
}

/* The text of any value is found equal, and not if one of its bytes is another. */
static void test_agrees_with_writing(void **unused)
{
    struct corpus_random rng = {7};

    (void)unused;
    for (int round = 0; round < ROUNDS; round++) {
        struct slot_kind kind = random_kind(&rng);
        uint64_t value = random_value(&rng, kind);
        uint8_t id[HEX_BYTES_MAX];
        char text[SLOT_WRITE_MAX + 40], *exact;
        size_t len, extra = random_below(&rng, random_below(&rng, 2) ? 9 : 41), at;
        const char *end;

        for (size_t i = 0; i < sizeof(id); i++)
            id[i] = (uint8_t)random_below(&rng, 256);
        len = write_value(kind, value, id, text);
        memset(text + len, ' ', extra);
        exact = malloc(len + extra);
        assert_non_null(exact);
        memcpy(exact, text, len + extra);
        end = match(kind, value, id, exact, exact + len + extra);
        assert_ptr_equal(end, exact + len);
        assert_null(match(kind, value, id, exact, exact + len - 1));
        at = random_below(&rng, (uint32_t)len);
        exact[at] = exact[at] == '7' ? '8' : '7';
        assert_null(match(kind, value, id, exact, exact + len + extra));
        free(exact);
    }
}

/* Stamps of one layout, each some time after or before the last: of the same second, minute, day or not. */
static void test_stamps_in_turn(void **unused)
{
    static const int64_t step_s[] = {1, 2, 40, 60, 3600, 86400, 31 * 86400};
    struct corpus_random rng = {11};

    (void)unused;
    for (uint8_t layout = 0; layout < stamp_layout_count(); layout++) {
        struct slot_kind kind = {SLOT_STAMP, layout};
        int64_t value = 1709164799000000000; /* 28 February of a leap year, 23:59:59 */
        struct stamp_cache cache = {0};

        for (int round = 0; round < 2000; round++) {
            char text[SLOT_WRITE_MAX + STAMP_SIZE_MAX] = {0};
            size_t len = write_value(kind, (uint64_t)value, NULL, text), at;
            const char *end = text + len + (round % 2 == 0 ? STAMP_SIZE_MAX : 0);

            assert_ptr_equal(stamp_match(&cache, layout, value, text, end), text + len);
            at = random_below(&rng, (uint32_t)len);
            text[at] ^= 1;
            assert_null(stamp_match(&cache, layout, value, text, end));
            value += (random_below(&rng, 3) == 0 ? -1000000000 : 1000000000) *
                     (int64_t)random_below(&rng, 2) *
                     step_s[random_below(&rng, COUNT_OF(step_s))];
            value += random_below(&rng, 1000) * 1000000;
        }
    }
}

static void test_same(void **unused)
{
    static const char text[] = "a line of more than sixteen, more than thirty-two and more than "
                               "sixty-four bytes";

    (void)unused;
    for (size_t len = 0; len < sizeof(text); len++) {
        char *copy = malloc(len + 1);

        assert_non_null(copy);
        memcpy(copy, text, len);
        assert_true(match_same(copy, text, len));
        for (size_t i = 0; i < len; i++) {
            copy[i] ^= 4;
            assert_false(match_same(copy, text, len));
            copy[i] ^= 4;
        }
        free(copy);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_agrees_with_writing),
        cmocka_unit_test(test_stamps_in_turn),
        cmocka_unit_test(test_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
