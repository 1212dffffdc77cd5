/* tests/store/test_id_place.c -- where texts can lie in ids, by hand, and against needle_term_match(). */
#include "store/id_place.h"

#include "tests/support/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define AT(place) ((uint64_t)1 << (place))

static const struct place_case {
    const char *name;
    struct slot_kind kind;
    const char *text;
    uint8_t test, left, right;
    uint64_t places;
} place_cases[] = {
    {"whole UUID", {SLOT_UUID, 0}, "1c85beba-84e8-6ac1-1e40-f859c79f3d9a", TEST_EQUAL, 0, 0, AT(0)},
    {"whole UUID as a word", {SLOT_UUID, 0}, "1c85beba-84e8-6ac1-1e40-f859c79f3d9a", TEST_CONTAINS,
     EDGE_GOOD, EDGE_GOOD, AT(0)},
    {"one group is not the whole", {SLOT_UUID, 0}, "1c85beba", TEST_EQUAL, 0, 0, 0},
    {"first group as a word", {SLOT_UUID, 0}, "1c85beba", TEST_CONTAINS, EDGE_GOOD, EDGE_GOOD, AT(0)},
    {"four digits as a word", {SLOT_UUID, 0}, "84e8", TEST_CONTAINS, EDGE_GOOD, EDGE_GOOD,
     AT(9) | AT(14) | AT(19)},
    {"last group as a word", {SLOT_UUID, 0}, "f859c79f3d9a", TEST_CONTAINS, EDGE_GOOD, EDGE_GOOD, AT(24)},
    {"twelve digits", {SLOT_UUID, 0}, "f859c79f3d9a", TEST_CONTAINS, 0, 0, AT(24)},
    {"eleven digits", {SLOT_UUID, 0}, "f859c79f3d9", TEST_CONTAINS, 0, 0, AT(24) | AT(25)},
    {"no group is that long", {SLOT_UUID, 0}, "1c85beba84e86", TEST_CONTAINS, 0, 0, 0},
    {"dash behind eight digits", {SLOT_UUID, 0}, "1c85beba-84e8", TEST_CONTAINS, 0, 0, AT(0)},
    {"dash behind four digits", {SLOT_UUID, 0}, "beba-84e8", TEST_CONTAINS, 0, 0,
     AT(4) | AT(9) | AT(14) | AT(19)},
    {"begin", {SLOT_UUID, 0}, "1c85", TEST_PREFIX, 0, 0, AT(0)},
    {"begin that ends a word", {SLOT_UUID, 0}, "1c85", TEST_PREFIX, 0, EDGE_GOOD, 0},
    {"end", {SLOT_UUID, 0}, "9a", TEST_SUFFIX, 0, 0, AT(34)},
    {"end that is a word", {SLOT_UUID, 0}, "f859c79f3d9a", TEST_SUFFIX, EDGE_BAD, 0, AT(24)},
    {"an end that must not be the end of the id", {SLOT_UUID, 0}, "f859c79f3d9a", TEST_CONTAINS, EDGE_ANY,
     EDGE_BAD, 0},
    {"digits anywhere", {SLOT_HEX, 4}, "c85beb", TEST_CONTAINS, 0, 0, AT(0) | AT(1) | AT(2)},
    {"a word is all digits", {SLOT_HEX, 4}, "c85beb", TEST_CONTAINS, EDGE_GOOD, EDGE_GOOD, 0},
    {"the longest ids", {SLOT_HEX, 32}, "c8", TEST_CONTAINS, EDGE_ANY, EDGE_GOOD, AT(62)},
    {"a dash in digits", {SLOT_HEX, 16}, "1c-85", TEST_CONTAINS, 0, 0, 0},
    {"longer than the id", {SLOT_HEX, 4}, "123456789", TEST_CONTAINS, 0, 0, 0},
    {"no id begins with a dash", {SLOT_UUID, 0}, "", TEST_FIRST_NOT_WORD, 0, 0, 0},
};

static void test_places(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(place_cases); i++) {
        const struct place_case *c = &place_cases[i];
        struct needle needle = {.text = slice_of(c->text)};
        struct needle_term term = {.test = c->test, .left = c->left, .right = c->right,
                                   .len = (uint16_t)needle.text.len};

        print_message("  %s\n", c->name);
        assert_int_equal(id_places(c->kind, &needle, &term), c->places);
    }
}

static size_t make_id(struct test_random *random, struct slot_kind kind, char out[SLOT_WRITE_MAX])
{
    uint8_t bytes[HEX_BYTES_MAX];

    for (unsigned i = 0; i < HEX_BYTES_MAX; i++)
        bytes[i] = (uint8_t)test_random_next(random);
    return slot_id_write(kind, bytes, out);
}

/* A piece of an id that passes begins at one of the places, and each place is one where some id passes. */
static void test_agrees_with_ids(void **unused)
{
    static const struct slot_kind kinds[] = {{SLOT_UUID, 0}, {SLOT_HEX, 4}, {SLOT_HEX, 16}, {SLOT_HEX, 32}};
    struct test_random random = {2};

    (void)unused;
    for (unsigned round = 0; round < 100000; round++) {
        struct slot_kind kind = kinds[test_random_below(&random, COUNT_OF(kinds))];
        char text[SLOT_WRITE_MAX];
        size_t size = make_id(&random, kind, text), from = test_random_below(&random, size);
        size_t len = 1 + test_random_below(&random, size - from);
        struct needle needle = {.text = {text + from, len}};
        struct needle_term term = {.test = (uint8_t)test_random_below(&random, TEST_CONTAINS + 1),
                                   .left = (uint8_t)test_random_below(&random, EDGE_BAD + 1),
                                   .right = (uint8_t)test_random_below(&random, EDGE_BAD + 1),
                                   .len = (uint16_t)len};
        uint64_t places = id_places(kind, &needle, &term);

        if (needle_term_match(&needle, &term, slice_make(text, size)))
            assert_true(places != 0);
        for (size_t at = 0; at < size && places >> at != 0; at++) {
            char other[SLOT_WRITE_MAX];

            if ((places >> at & 1) == 0)
                continue;
            (void)make_id(&random, kind, other);
            memcpy(other + at, text + from, len);
            assert_true(needle_term_match(&needle, &term, slice_make(other, size)));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_agrees_with_ids),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
