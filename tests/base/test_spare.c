/* tests/base/test_spare.c -- what is kept, for how long, and who gets it. */
#include "base/spare.h"

#include <setjmp.h>
#include <stdbool.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define MIB ((size_t)1 << 20)

static bool keeps(void) /* not with AddressSanitizer */
{
    bool kept;

    spare_keep(8 * MIB);
    spare_give(spare_take(MIB));
    kept = spare_kept() > 0;
    spare_keep(0);
    return kept;
}

static int begin(void **unused)
{
    (void)unused;
    spare_keep(0); /* drops what a test left */
    spare_keep(8 * MIB);
    return 0;
}

static void test_used_again(void **unused)
{
    char *first = spare_take(MIB), *second;

    (void)unused;
    assert_non_null(first);
    memset(first, 1, MIB);
    spare_give(first);
    second = spare_take(MIB - 1000); /* within the same eighth of a power of two */
    if (keeps())
        assert_ptr_equal(first, second);
    spare_give(second);
}

static void test_who_gets_it(void **unused)
{
    static const struct spare_case {
        const char *name;
        size_t given, wanted;
        bool same;
    } cases[] = {
        {"the same size", 2 * MIB, 2 * MIB, true},
        {"half as much again is not too much", 3 * MIB, 2 * MIB, true},
        {"twice as much is", 4 * MIB, 2 * MIB, false},
        {"small ones are not kept", SPARE_SIZE_MIN - 1, SPARE_SIZE_MIN - 1, false},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t kept;

        print_message("  %s\n", cases[i].name);
        (void)begin(NULL);
        spare_give(spare_take(cases[i].given));
        kept = spare_kept();
        spare_give(spare_take(cases[i].wanted));
        if (kept > 0) /* the same piece, or a second one */
            assert_int_equal(spare_kept() == kept, cases[i].same);
    }
}

static void test_made_larger(void **unused)
{
    bool kept = keeps();
    char *small, *large;

    (void)begin(unused);
    small = spare_take(MIB);
    spare_give(spare_take(2 * MIB));
    spare_give(small);
    large = spare_take(3 * MIB); /* from that of two, the largest */
    assert_non_null(large);
    memset(large, 1, 3 * MIB);
    if (kept)
        assert_in_range(spare_kept(), MIB, 2 * MIB - 1);
    spare_give(large);
}

static void test_growing(void **unused)
{
    char *memory;

    (void)unused;
    (void)begin(NULL);
    spare_give(spare_take(7 * MIB));
    memory = spare_grow(NULL, 0, MIB); /* nothing says yet that it grows on */
    assert_true(spare_kept() >= 7 * MIB || !keeps());
    memory = spare_grow(memory, 1, 2 * MIB);
    assert_true(!keeps() || spare_kept() < 2 * MIB); /* what it was before */
    spare_give(memory);
}

static void test_shrinking(void **unused)
{
    char *memory = spare_take(SPARE_SIZE_MIN / 2), *small;

    (void)unused;
    memory[99] = 'x';
    small = spare_shrink(memory, 100);
    assert_int_equal(small[99], 'x');
    assert_ptr_equal(spare_shrink(small, 200), small); /* never larger */
    spare_give(small);
    memory = spare_take(MIB);
    assert_ptr_equal(spare_shrink(memory, 100), memory); /* large ones are used again whole */
    spare_give(memory);
}

static void test_limit(void **unused)
{
    void *pieces[5];

    (void)unused;
    for (size_t i = 0; i < 5; i++)
        assert_non_null(pieces[i] = spare_take(2 * MIB));
    for (size_t i = 0; i < 5; i++)
        spare_give(pieces[i]);
    assert_in_range(spare_kept(), 0, 8 * MIB);
    spare_give(spare_take(9 * MIB));
    assert_in_range(spare_kept(), 0, 8 * MIB);
    spare_keep(0);
    assert_int_equal(spare_kept(), 0);
}

static void test_trim(void **unused)
{
    bool kept;

    (void)unused;
    spare_trim(1000);
    spare_give(spare_take(MIB));
    kept = spare_kept() > 0;
    spare_trim(1000 + SPARE_KEPT_NS);
    assert_int_equal(spare_kept() > 0, kept);
    spare_trim(1001 + SPARE_KEPT_NS);
    assert_int_equal(spare_kept(), 0);
}

static void test_grow(void **unused)
{
    char *memory = spare_grow(NULL, 0, 100);

    (void)unused;
    assert_non_null(memory);
    memcpy(memory, "dendro", 7);
    spare_give(spare_take(MIB)); /* the first growth finds it, the second does not */
    for (size_t size = MIB; size <= 3 * MIB; size += MIB) {
        memory = spare_grow(memory, 7, size);
        assert_non_null(memory);
        assert_string_equal(memory, "dendro");
        memset(memory + 7, 2, size - 7);
    }
    assert_ptr_equal(spare_grow(memory, 7, MIB), memory); /* never smaller */
    spare_give(memory);
    spare_give(NULL);
}

static void test_absurd_sizes(void **unused)
{
    char *memory = spare_take(100);

    (void)unused;
    assert_null(spare_take(SIZE_MAX));
    assert_null(spare_take(SIZE_MAX - 100));
    assert_null(spare_grow(memory, 100, SIZE_MAX - 10));
    spare_give(memory);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_used_again, begin), cmocka_unit_test_setup(test_who_gets_it, begin),
        cmocka_unit_test_setup(test_limit, begin),      cmocka_unit_test_setup(test_trim, begin),
        cmocka_unit_test_setup(test_grow, begin),       cmocka_unit_test(test_absurd_sizes),
        cmocka_unit_test(test_growing),                 cmocka_unit_test(test_shrinking),
        cmocka_unit_test_setup(test_made_larger, begin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
