/* tests/store/test_field_lists.c -- rows have the same list only if all that it says is the same. */
#include "store/field_lists.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { FIELDS = 3 };

static const struct list_case {
    const char *name;
    uint16_t format;
    uint32_t count;
    struct event_field fields[FIELDS];
    uint32_t number; /* lists are numbered as they come */
} list_cases[] = {
    {"no fields", 0, 0, {{0}}, 0},
    {"one field", 0, 1, {{.field = 20}}, 1},
    {"at another place", 0, 1, {{.field = 20, .start = 7, .len = 9}}, 1},
    {"another name", 0, 1, {{.field = 21}}, 2},
    {"another type", 0, 1, {{.field = 20, .type = FIELD_INT}}, 3},
    {"another unit", 0, 1, {{.field = 20, .unit = UNIT_SECONDS}}, 4},
    {"computed", 0, 1, {{.field = 20, .text = {"a", 1}}}, 5},
    {"another computed text", 0, 1, {{.field = 20, .text = {"bc", 2}}}, 5},
    {"another format", 1, 1, {{.field = 20}}, 6},
    {"no fields of another format", 1, 0, {{0}}, 7},
    {"two fields", 0, 2, {{.field = 20}, {.field = 21}}, 8},
    {"in another order", 0, 2, {{.field = 21}, {.field = 20}}, 9},
    {"the first again", 0, 0, {{0}}, 0},
};

static void test_numbers(void **unused)
{
    struct field_lists lists;

    (void)unused;
    field_lists_init(&lists);
    for (size_t i = 0; i < sizeof(list_cases) / sizeof(list_cases[0]); i++) {
        const struct list_case *c = &list_cases[i];

        print_message("  %s\n", c->name);
        assert_int_equal(field_lists_get(&lists, c->format, c->fields, c->count), c->number);
    }
    field_lists_release(&lists);
}

/* Each length is a list of its own, up to the longest. */
static void test_lengths(void **unused)
{
    static struct event_field fields[FIELD_LIST_LENGTH_MAX + 1];
    struct field_lists lists;

    (void)unused;
    field_lists_init(&lists);
    for (int round = 0; round < 2; round++)
        for (uint32_t count = 0; count <= FIELD_LIST_LENGTH_MAX; count++)
            assert_int_equal(field_lists_get(&lists, 0, fields, count), count);
    assert_int_equal(field_lists_get(&lists, 0, fields, FIELD_LIST_LENGTH_MAX + 1), FIELD_LIST_NONE);
    field_lists_release(&lists);
}

/* As many as there may be: all are found again, and one more is refused. */
static void test_many(void **unused)
{
    struct event_field field = {0};
    struct field_lists lists;

    (void)unused;
    field_lists_init(&lists);
    for (int round = 0; round < 2; round++)
        for (field.field = 0; field.field < FIELD_LISTS_MAX; field.field++)
            assert_int_equal(field_lists_get(&lists, 0, &field, 1), field.field);
    assert_int_equal(field_lists_get(&lists, 0, &field, 1), FIELD_LIST_NONE);
    field_lists_release(&lists);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
