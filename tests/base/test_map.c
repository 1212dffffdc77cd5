/* tests/base/test_map.c -- thousands of keys, replacement, the maximum, reuse. */
#include "base/map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

enum { KEYS = 5000, KEY_SIZE = 12 };

static char keys[KEYS][KEY_SIZE];

static struct slice key_of(uint32_t i)
{
    return slice_of(keys[i]);
}

static void test_many_keys(void **unused)
{
    struct map map = map_empty(KEYS);

    (void)unused;
    assert_int_equal(map_get(&map, SLICE_LITERAL("a")), MAP_NONE);
    for (uint32_t i = 0; i < KEYS; i++) {
        (void)snprintf(keys[i], KEY_SIZE, "key %u", i);
        assert_true(map_put(&map, key_of(i), i));
    }
    for (uint32_t i = 0; i < KEYS; i++)
        assert_int_equal(map_get(&map, key_of(i)), i);
    assert_int_equal(map_get(&map, SLICE_LITERAL("key 5000")), MAP_NONE);
    assert_int_equal(map_get(&map, SLICE_LITERAL("")), MAP_NONE);
    assert_int_equal(map.count, KEYS);
    assert_false(map_put(&map, SLICE_LITERAL("one too many"), 1));
    assert_true(map_put(&map, key_of(7), 77)); /* replacing needs no room */
    assert_int_equal(map_get(&map, key_of(7)), 77);
    assert_int_equal(map.count, KEYS);
    map_reset(&map);
    assert_int_equal(map_get(&map, key_of(7)), MAP_NONE);
    assert_true(map_put(&map, SLICE_LITERAL("fresh"), 0));
    map_release(&map);
    assert_int_equal(map_get(&map, SLICE_LITERAL("fresh")), MAP_NONE);
}

static void test_keys_are_bytes(void **unused)
{
    struct map map = map_empty(10);

    (void)unused;
    assert_true(map_put(&map, slice_make("a\0b", 3), 1));
    assert_true(map_put(&map, slice_make("a\0c", 3), 2));
    assert_true(map_put(&map, (struct slice){NULL, 0}, 3));
    assert_int_equal(map_get(&map, slice_make("a\0b", 3)), 1);
    assert_int_equal(map_get(&map, slice_make("a\0c", 3)), 2);
    assert_int_equal(map_get(&map, slice_make("", 0)), 3);
    assert_int_equal(map_get(&map, slice_make("a", 1)), MAP_NONE);
    map_release(&map);
}

static void test_places(void **unused)
{
    struct map map = map_empty(2);
    char text[] = "a";
    struct map_entry *entry = map_place(&map, slice_of(text));

    (void)unused;
    assert_non_null(entry);
    assert_int_equal(entry->value, MAP_NONE);
    entry->key = SLICE_LITERAL("a");
    entry->value = 5;
    text[0] = 'b'; /* what was asked for need not stay */
    assert_int_equal(map_get(&map, SLICE_LITERAL("a")), 5);
    assert_ptr_equal(map_place(&map, SLICE_LITERAL("a")), entry);
    assert_true(map_put(&map, SLICE_LITERAL("b"), 6));
    assert_null(map_place(&map, SLICE_LITERAL("one too many")));
    assert_int_equal(map.count, 2);
    map_release(&map);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many_keys),
        cmocka_unit_test(test_keys_are_bytes),
        cmocka_unit_test(test_places),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
