/* tests/store/test_slot.c -- which type a token has, and that its text comes back. */
#include "store/slot.h"

#include "store/kernels/kernels.h"
#include "tests/bench/corpus_random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct slot_case {
    const char *name, *token;
    enum slot_type type;
    unsigned param;
    const char *slot; /* the part of the token that is the slot */
} slot_cases[] = {
    {"zero", "0", SLOT_INT, 0, "0"},
    {"18 digits", "123456789012345678", SLOT_INT, 0, "123456789012345678"},
    {"19 digits are an odd hex number", "1234567890123456789", SLOT_TEXT, TEXT_TOKEN,
     "1234567890123456789"},
    {"20 digits are hex", "12345678901234567890", SLOT_HEX, 10, "12345678901234567890"},
    {"negative", "-17", SLOT_INT, 0, "-17"},
    {"minus zero is text", "-0", SLOT_TEXT, TEXT_TOKEN, "-0"},
    {"minus alone is text", "-", SLOT_TEXT, TEXT_TOKEN, "-"},
    {"leading zeros", "007", SLOT_PADDED, 3, "007"},
    {"zeros only", "0000", SLOT_PADDED, 4, "0000"},
    {"fraction", "0.250", SLOT_DECIMAL, 0, "0.250"},
    {"padded fraction", "00.006118", SLOT_DECIMAL, 2, "00.006118"},
    {"no digits before the point", ".5", SLOT_TEXT, TEXT_TOKEN, ".5"},
    {"no digits after the point", "5.", SLOT_TEXT, TEXT_TOKEN, "5."},
    {"exponent is text", "6e-05", SLOT_TEXT, TEXT_TOKEN, "6e-05"},
    {"milliseconds", "12ms", SLOT_INT, 0, "12"},
    {"seconds with fraction", "0.5s", SLOT_DECIMAL, 0, "0.5"},
    {"kilobytes", "64kB", SLOT_INT, 0, "64"},
    {"unknown unit", "64xx", SLOT_TEXT, TEXT_TOKEN, "64xx"},
    {"address", "10.31.4.18", SLOT_IPV4, 0, "10.31.4.18"},
    {"address out of range", "10.31.4.256", SLOT_TEXT, TEXT_TOKEN, "10.31.4.256"},
    {"address with a leading zero", "10.031.4.1", SLOT_TEXT, TEXT_TOKEN, "10.031.4.1"},
    {"version of three parts", "1.2.3", SLOT_TEXT, TEXT_TOKEN, "1.2.3"},
    {"uuid", "2b7e1516-1111-4222-8333-444455556666", SLOT_UUID, 0,
     "2b7e1516-1111-4222-8333-444455556666"},
    {"uuid in capitals", "2B7E1516-1111-4222-8333-444455556666", SLOT_UUID, SLOT_UPPER,
     "2B7E1516-1111-4222-8333-444455556666"},
    {"uuid of both cases is text", "2B7e1516-1111-4222-8333-444455556666", SLOT_TEXT, TEXT_TOKEN,
     "2B7e1516-1111-4222-8333-444455556666"},
    {"hex", "deadbeef", SLOT_HEX, 4, "deadbeef"},
    {"hex in capitals", "DEADBEEF01", SLOT_HEX, SLOT_UPPER | 5, "DEADBEEF01"},
    {"hex of both cases is text", "deadBEEF", SLOT_TEXT, TEXT_TOKEN, "deadBEEF"},
    {"hex of odd width is text", "deadbeef0", SLOT_TEXT, TEXT_TOKEN, "deadbeef0"},
    {"hex of 7 digits is text", "eadbeef", SLOT_TEXT, TEXT_TOKEN, "eadbeef"},
    {"word with digits", "web12", SLOT_TEXT, TEXT_TOKEN, "web12"},
};

static size_t write_back(struct slot_kind kind, struct slice text, uint64_t value, char *out)
{
    struct stamp_cache cache = {0};
    uint8_t id[HEX_BYTES_MAX];

    if (slot_id_size(kind) == 0)
        return slot_write(&cache, kind, value, out);
    slot_id_read(kind, text, id);
    return slot_id_write(kind, id, out);
}

static void test_types(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(slot_cases); i++) {
        const struct slot_case *c = &slot_cases[i];
        size_t used;
        uint64_t value = 0;
        struct slot_kind kind = slot_classify(slice_of(c->token), &used, &value);
        char out[SLOT_WRITE_MAX];

        print_message("  %s\n", c->name);
        assert_int_equal(kind.type, c->type);
        assert_int_equal(kind.param, c->param);
        assert_int_equal(used, strlen(c->slot));
        if (kind.type == SLOT_TEXT)
            continue;
        assert_true(slot_fits(kind, slice_first(slice_of(c->token), used)));
        assert_true(slice_is(slice_make(out, write_back(kind, slice_of(c->slot), value, out)),
                             c->slot));
    }
}

/* Any token of any bytes: a type other than TEXT gives back the same bytes, and what the type may
 * contain includes every part of it. */
static void test_round_trip(void **state)
{
    struct corpus_random rng = {3};

    (void)state;
    for (int round = 0; round < 300000; round++) {
        static const char letters[] = "0123456789012345678901234567890123456789abcdefABCDEF.-msz";
        char token[72], out[SLOT_WRITE_MAX];
        size_t len = 1 + random_below(&rng, random_below(&rng, 2) ? 12 : 70), used;
        uint64_t value = 0;
        struct slot_kind kind;
        struct slice text;

        for (size_t i = 0; i < len; i++)
            token[i] = letters[random_below(&rng, (uint32_t)(round % 3 == 0 ? 40 : 57))];
        if (round % 5 == 0 && len > 36) {
            len = 36;
            for (size_t i = 0; i < len; i++)
                token[i] = "0123456789abcdef"[random_below(&rng, 16)];
            token[8] = token[13] = token[18] = token[23] = '-';
        }
        kind = slot_classify(slice_make(token, len), &used, &value);
        text = slice_make(token, used);
        assert_true(used > 0 && used <= len);
        if (kind.type != SLOT_TEXT)
            assert_true(slice_equal(slice_make(out, write_back(kind, text, value, out)), text));
        for (size_t from = 0; from < used; from++)
            assert_true(slot_may_contain(
                kind, slice_sub(text, from, 1 + random_below(&rng, (uint32_t)(used - from))),
                random_below(&rng, 2)));
    }
}

static const struct stamp_case {
    const char *name, *text;
    int64_t value; /* of `date -u -d ... +%s%N`; -1: no stamp */
} stamp_cases[] = {
    {"python", "2026-04-02 09:20:11,377", 1775121611377000000},
    {"iso with micros", "2026-04-02T09:20:11.000377Z", 1775121611000377000},
    {"common log format", "02/Apr/2026:09:20:11 +0000", 1775121611000000000},
    {"29 February of a leap year", "2024-02-29 00:00:00", 1709164800000000000},
    {"29 February of another", "2026-02-29 00:00:00", -1},
    {"month 13", "2026-13-01 00:00:00", -1},
    {"hour 24", "2026-01-01 24:00:00", -1},
    {"second 60", "2026-01-01 23:59:60", -1},
    {"syslog, year of the row", "Apr  2 09:20:11", 1775121611000000000},
    {"syslog, two digits", "Apr 12 09:20:11", 1775985611000000000},
    {"too short", "2026-04-02 09:20", -1},
    {"year before 1970", "1969-04-02 09:20:11", -1},
};

static void test_stamps(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(stamp_cases); i++) {
        const struct stamp_case *c = &stamp_cases[i];
        struct stamp_cache cache = {0};
        char out[STAMP_SIZE_MAX];
        size_t len = 0;
        int64_t value = -1;
        uint8_t layout = stamp_read(slice_of(c->text), 1775121600000000000, &len, &value);

        print_message("  %s\n", c->name);
        assert_int_equal(layout == STAMP_NONE, c->value == -1);
        if (layout == STAMP_NONE)
            continue;
        assert_int_equal(value, c->value);
        assert_int_equal(len, stamp_size(layout));
        stamp_write(&cache, layout, value, out);
        assert_memory_equal(out, c->text, len);
    }
}

static struct token_bits bits_of(struct slice token)
{
    struct token_bits bits = {.readable = token.len};

    for (size_t at = 0; at < token.len && at < 64; at++) {
        bits.digits |= (uint64_t)is_digit_byte(token.data[at]) << at;
        bits.hex |= (uint64_t)is_hex_byte(token.data[at]) << at;
    }
    return bits;
}

/* Every token against every kind and unit: foreseen exactly when it is what slot_classify() gives. */
static void test_foreseen_types(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(slot_cases); i++)
        for (size_t k = 0; k < COUNT_OF(slot_cases); k++) {
            const struct slot_case *wanted = &slot_cases[k];
            struct slice token = slice_of(slot_cases[i].token);
            struct slot_kind kind = {(uint8_t)wanted->type, (uint8_t)wanted->param};
            size_t unit_len = strlen(wanted->token) - strlen(wanted->slot), used;
            uint64_t value = 0, foreseen = 0;
            struct slot_kind got = slot_classify(token, &used, &value);
            bool same = slot_kind_equal(got, kind) && used + unit_len == token.len;

            if (unit_len > 0 && i != k)
                continue; /* whether the bytes are that unit is for the caller */
            print_message("  %s, as %s\n", slot_cases[i].name, wanted->name);
            assert_int_equal(slot_expect_bits(kind, unit_len, token, bits_of(token), &foreseen),
                             same);
            if (same && kind.type != SLOT_TEXT && slot_id_size(kind) == 0)
                assert_int_equal(foreseen, value);
        }
}

/* What is surely a text is one. */
static void check_surely(struct slice token)
{
    size_t used;
    uint64_t value;

    if (!slot_surely_text(token, bits_of(token)))
        return;
    assert_int_equal(slot_classify(token, &used, &value).type, SLOT_TEXT);
    assert_int_equal(used, token.len);
}

/* All tokens of a few bytes that numbers and ids have, alone and at the end of what could become an id. */
static void test_surely_text(void **state)
{
    static const char bytes[] = "1am.s-x";
    static const char *const beginnings[] = {"", "deadbee", "2b7e1516-1111-4222-8333-44445555",
                                             "2b7e1516-1111-4222-8333-4444555566"};
    static const char *const texts[] = {"----", "0.9167.4", "67b2c1de.178b", "-x", "web1"};
    enum { LEN_MAX = 7, COUNT = sizeof(bytes) - 1 };
    char text[64];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        assert_true(slot_surely_text(slice_of(texts[i]), bits_of(slice_of(texts[i]))));
    for (size_t i = 0; i < COUNT_OF(beginnings); i++)
        for (uint32_t len = 1, count = COUNT; len <= LEN_MAX - (i > 0) * 2; len++, count *= COUNT)
            for (uint32_t k = 0; k < count; k++) {
                size_t at = (size_t)snprintf(text, sizeof(text), "%s", beginnings[i]);

                for (uint32_t left = k, n = 0; n < len; n++, left /= COUNT)
                    text[at++] = bytes[left % COUNT];
                check_surely((struct slice){text, at});
            }
}

/* What may follow a stamp: foreseen only if stamp_read() finds the same there, and always if nothing
 * odd follows. */
static void test_foreseen_stamps(void **state)
{
    static const char *const endings[] = {"", " x", "]", "Z", "7", ".5", ",123", ".123456", ",x"};
    const int64_t now = 1775121600000000000;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(stamp_cases); i++)
        for (size_t k = 0; k < COUNT_OF(endings); k++) {
            char text[128];
            struct slice line = {text, 0};
            size_t len = 0;
            int64_t value = 0, foreseen = 0;
            uint8_t layout;

            line.len = (size_t)snprintf(text, sizeof(text), "%s%s", stamp_cases[i].text, endings[k]);
            layout = stamp_read(line, now, &len, &value);
            assert_true(layout == STAMP_NONE || stamp_may_start(line));
            for (uint8_t number = 0; number < stamp_layout_count(); number++) {
                struct stamp_day day = {0};

                if (stamp_expect(&day, line, number, false, now, &foreseen) > 0) {
                    assert_int_equal(number, layout);
                    assert_int_equal(foreseen, value);
                }
                if (layout == number && k < 4 && len == strlen(stamp_cases[i].text))
                    assert_int_equal(stamp_expect(&day, line, number, false, now, &foreseen), len);
            }
        }
}

/* An address is what printing its four numbers gives again. */
static bool is_address(const char *text, uint64_t *value)
{
    unsigned parts[4];
    char again[64];

    if (sscanf(text, "%u.%u.%u.%u", &parts[0], &parts[1], &parts[2], &parts[3]) != 4)
        return false;
    *value = 0;
    for (int i = 0; i < 4; i++) {
        if (parts[i] > 255)
            return false;
        *value = *value << 8 | parts[i];
    }
    (void)snprintf(again, sizeof(again), "%u.%u.%u.%u", parts[0], parts[1], parts[2], parts[3]);
    return strcmp(again, text) == 0;
}

/* With digits behind it, which must not count. */
static void check_address(const char *text)
{
    size_t len = strlen(text), used;
    uint64_t wanted = 0, got = 0, digits = UINT64_MAX << len;
    bool address = is_address(text, &wanted);
    struct slot_kind kind = slot_classify(slice_of(text), &used, &got);
    char readable[64];

    assert_int_equal(kind.type == SLOT_IPV4, address);
    if (address)
        assert_int_equal(got, wanted);
    memset(readable, '7', sizeof(readable));
    memcpy(readable, text, len);
    for (size_t i = 0; i < len; i++)
        digits |= (uint64_t)is_digit_byte(text[i]) << i;
    got = 0;
    assert_int_equal(slot_ipv4_readable(readable, len, digits, &got), address);
    assert_int_equal(got, wanted * address);
}

/* Parts around all bounds at each place; points that are missing, too many, or something else. */
static void test_addresses(void **state)
{
    static const char *const parts[] = {"",   "0",   "1",   "9",   "00",  "05",  "10",  "99",
                                        "100", "249", "255", "256", "300", "999", "012", "1000"};
    static const char *const points[][4] = {{".", ".", ".", ""}, {".", ".", "-", ""}, {"_", ".", ".", ""},
                                            {".", "a", ".", ""}, {".", ".", ".", "."}, {".", ".", "", ""},
                                            {".", ".", ".", ".1"}};
    uint32_t count = COUNT_OF(parts);

    (void)state;
    for (uint32_t i = 0; i < count * count * count * count; i++)
        for (size_t k = 0; k < (i % 7 == 0 ? COUNT_OF(points) : 1); k++) {
            char text[64];

            (void)snprintf(text, sizeof(text), "%s%s%s%s%s%s%s%s", parts[i % count], points[k][0],
                           parts[i / count % count], points[k][1],
                           parts[i / count / count % count], points[k][2],
                           parts[i / count / count / count], points[k][3]);
            check_address(text);
        }
}

enum { CHANGES = 20000 };

/* Stamps with some bytes changed, read after the one that they were: of the same day or not, they are
 * what stamp_read() says. */
static void test_stamps_of_a_day(void **state)
{
    static const char likely[] = "0123456789012345678901234567890123456789:-/.,T JanFebDec\x80";
    const int64_t now = 1775121600000000000, day_ns = 86400000000000;
    struct corpus_random random = {4711};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(stamp_cases); i++) {
        struct slice whole = slice_of(stamp_cases[i].text);
        struct stamp_day day = {0};
        size_t len = 0;
        int64_t value;
        uint8_t layout = stamp_read(whole, now, &len, &value);

        for (int change = 0; change < CHANGES && layout != STAMP_NONE; change++) {
            char *text = malloc(whole.len); /* of its own size: no byte beyond it is read */
            int64_t time_ns = now + ((int64_t)random_below(&random, 1200) - 600) * day_ns;
            int64_t foreseen = 0;
            size_t got;

            assert_non_null(text);
            (void)stamp_expect(&day, whole, layout, false, now, &value);
            memcpy(text, whole.data, whole.len);
            for (uint32_t k = random_below(&random, 4); k > 0; k--)
                text[random_below(&random, (uint32_t)whole.len)] =
                    likely[random_below(&random, sizeof(likely) - 1)];
            got = stamp_expect(&day, (struct slice){text, whole.len}, layout, false, time_ns, &foreseen);
            if (stamp_read((struct slice){text, whole.len}, time_ns, &len, &value) != layout) {
                assert_int_equal(got, 0);
            } else if (got > 0) {
                assert_int_equal(got, len);
                assert_int_equal(foreseen, value);
            }
            free(text);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_stamps),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_foreseen_types),
        cmocka_unit_test(test_surely_text),
        cmocka_unit_test(test_foreseen_stamps),
        cmocka_unit_test(test_stamps_of_a_day),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
