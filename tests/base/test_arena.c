/* tests/base/test_arena.c -- alignment, zeroing, the maximum, reuse. */
#include "base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_aligned_and_zeroed(void **unused)
{
    struct arena arena = arena_empty(1 << 20);

    (void)unused;
    for (int round = 0; round < 2; round++) {
        for (size_t i = 1; i < 200; i++) {
            char *bytes = arena_new(&arena, char, i);
            double *number = arena_new(&arena, double, 1);

            assert_non_null(bytes);
            for (size_t k = 0; k < i; k++)
                assert_int_equal(bytes[k], 0);
            memset(bytes, 0xff, i);
            assert_int_equal((uintptr_t)number % _Alignof(double), 0);
            assert_true(*number == 0.0);
            *number = -1;
        }
        arena_reset(&arena); /* the second round meets used memory */
    }
    assert_false(arena.failed);
    arena_release(&arena);
}

static void test_maximum(void **unused)
{
    struct arena arena = arena_empty(8192);
    size_t count = 0;

    (void)unused;
    while (arena_new(&arena, char, 1000) != NULL)
        count++;
    assert_true(arena.failed);
    assert_true(count >= 3 && count <= 8);
    assert_true(arena.allocated <= 8192);
    arena_reset(&arena);
    assert_false(arena.failed);
    assert_non_null(arena_new(&arena, char, 1000));
    arena_release(&arena);
    assert_int_equal(arena.allocated, 0);
    assert_int_equal(arena.size_max, 8192);
}

static void test_absurd_sizes(void **unused)
{
    struct arena arena = arena_empty(SIZE_MAX);

    (void)unused;
    assert_null(arena_new(&arena, uint64_t, SIZE_MAX / 4)); /* the product wraps around */
    assert_null(arena_new(&arena, char, SIZE_MAX));
    assert_true(arena.failed);
    arena_release(&arena);
}

static void test_larger_than_a_chunk(void **unused)
{
    struct arena arena = arena_empty(8 << 20);
    char *large = arena_new(&arena, char, 3 << 20);
    char *small = arena_new(&arena, char, 16);

    (void)unused;
    assert_non_null(large);
    assert_non_null(small);
    large[(3 << 20) - 1] = 'x';
    arena_release(&arena);
}

static void test_copies(void **unused)
{
    struct arena arena = arena_empty(1 << 16);
    char text[] = "text";
    struct slice copy = arena_copy(&arena, slice_of(text));
    char *zero_ended = arena_copy_text(&arena, slice_of(text));

    (void)unused;
    memset(text, 'x', 4);
    assert_true(slice_is(copy, "text"));
    assert_string_equal(zero_ended, "text");
    assert_string_equal(arena_copy_text(&arena, (struct slice){NULL, 0}), "");
    assert_int_equal(arena_copy(&arena, (struct slice){NULL, 0}).len, 0);
    arena_release(&arena);
}

/* What a reset keeps is bounded, counted, and used before anything is taken from the heap. */
static void test_kept_chunks(void **unused)
{
    struct arena arena = arena_empty(8 << 20);
    size_t allocated;

    (void)unused;
    arena.kept_max = 2 << 20;
    for (int i = 0; i < 40; i++)
        assert_non_null(arena_take(&arena, 1, 1, 100000));
    arena_reset(&arena);
    allocated = arena.allocated;
    assert_true(allocated > 0 && allocated <= 2 << 20);
    assert_int_equal(arena.used, 0);
    for (int i = 0; i < 5; i++)
        assert_non_null(arena_take(&arena, 1, 1, 100000));
    assert_int_equal(arena.allocated, allocated);
    arena_reset(&arena);
    assert_int_equal(arena.allocated, allocated);
    arena_release(&arena);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_aligned_and_zeroed),  cmocka_unit_test(test_maximum),
        cmocka_unit_test(test_absurd_sizes),        cmocka_unit_test(test_larger_than_a_chunk),
        cmocka_unit_test(test_kept_chunks),
        cmocka_unit_test(test_copies),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
