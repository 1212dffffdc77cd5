/* tests/base/test_spare.c -- what is kept, for how long, and who gets it. */
#include "base/spare.h"

#include <pthread.h>
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

static void memory_is_apart(const char *piece, size_t size, const char *other)
{
    assert_true(other + MIB <= piece || piece + size <= other);
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
    second = spare_take(MIB / 2);
    if (keeps()) /* the lowest place, whatever the size */
        assert_ptr_equal(first, second);
    spare_give(second);
}

static void test_small_ones_are_not_kept(void **unused)
{
    (void)unused;
    spare_give(spare_take(SPARE_SIZE_MIN - 1));
    assert_int_equal(spare_kept(), 0);
}

/* Whole blocks of 2 MiB have memory, or have not. */
static void test_what_is_kept(void **unused)
{
    bool kept = keeps();
    char *small, *large;

    (void)begin(unused);
    small = spare_take(MIB);
    large = spare_take(4 * MIB); /* behind it, to within the third block */
    if (kept)
        assert_in_range(spare_kept(), MIB - 8192, MIB);
    spare_give(large);
    if (kept)
        assert_in_range(spare_kept(), 5 * MIB - 4096, 5 * MIB);
    spare_give(spare_take(3 * MIB)); /* of what waits */
    if (kept)
        assert_in_range(spare_kept(), 5 * MIB - 4096, 5 * MIB);
    spare_keep(MIB);
    if (kept) /* the first block is in use */
        assert_in_range(spare_kept(), MIB - 4096, MIB);
    assert_non_null(memset(small, 1, MIB));
    spare_give(small);
    assert_int_equal(spare_kept(), 0);
}

static void test_memory_given_back_comes_again_cleared(void **unused)
{
    char *memory = spare_take(4 * MIB);

    (void)unused;
    memset(memory, 1, 4 * MIB);
    spare_give(memory);
    spare_keep(0);
    if (keeps()) {
        spare_keep(8 * MIB);
        memory = spare_take(4 * MIB);
        assert_int_equal(memory[2 * MIB], 0); /* else the system never had it */
        spare_give(memory);
    }
}

static void test_growing_stays_where_it_is(void **unused)
{
    bool kept = keeps();
    char *piece, *grown, *behind;

    (void)begin(unused);
    piece = spare_take(MIB);
    memcpy(piece, "dendro", 7);
    grown = spare_grow(piece, 7, 3 * MIB);
    if (kept)
        assert_ptr_equal(grown, piece);
    behind = spare_take(MIB);
    memory_is_apart(grown, 3 * MIB, behind);
    grown = spare_grow(grown, 7, 5 * MIB); /* there is a piece behind it now */
    memory_is_apart(grown, 5 * MIB, behind);
    assert_string_equal(grown, "dendro");
    spare_give(behind);
    spare_give(grown);
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

/* A block has what its pieces have once nothing has changed in it for long. */
static void test_trim_between_pieces(void **unused)
{
    bool kept = keeps();
    char *piece, *next;

    (void)begin(unused);
    spare_trim(1000);
    piece = spare_take(MIB);
    memset(piece, 1, MIB);
    spare_trim(1001 + SPARE_KEPT_NS);
    assert_int_equal(spare_kept(), 0);
    assert_int_equal(piece[MIB - 1], 1);
    next = spare_take(MIB / 2); /* in the same block */
    memset(next, 2, MIB / 2);
    if (kept)
        assert_in_range(spare_kept(), MIB / 2 - 8192, MIB / 2);
    spare_give(next);
    spare_trim(1002 + 2 * SPARE_KEPT_NS);
    assert_int_equal(spare_kept(), 0);
    next = spare_take(MIB / 2);
    if (kept) /* the system had it meanwhile */
        assert_int_equal(next[MIB / 4], 0);
    assert_int_equal(piece[MIB - 1], 1);
    spare_give(next);
    spare_give(piece);
}

static void test_grow(void **unused)
{
    char *memory = spare_grow(NULL, 0, 100);

    (void)unused;
    assert_non_null(memory);
    memcpy(memory, "dendro", 7);
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

enum { THREADS = 4, STEPS = 3000, HELD = 8 };

struct piece {
    char *memory;
    size_t size;
};

/* Both ends are the thread's own as long as it has the piece. */
static bool is_ours(const struct piece *piece, char mark)
{
    return piece->memory[0] == mark && piece->memory[piece->size - 1] == mark;
}

static void set_marks(struct piece *piece, char mark)
{
    piece->memory[0] = piece->memory[piece->size - 1] = mark;
}

/* Takes, grows and gives pieces of 100 KB to 2 MB; ends with NULL if nobody else wrote in them. */
static void *take_and_give(void *user)
{
    char mark = *(char *)user;
    struct piece held[HELD] = {0};
    uint32_t dice = (uint32_t)mark;

    for (int step = 0; step < STEPS; step++) {
        struct piece *piece = &held[step % HELD];
        size_t before = piece->memory == NULL ? 0 : piece->size;

        dice = dice * 1664525 + 1013904223; /* Knuth, TAOCP 3.3.4, line 16 */
        if (before > 0 && !is_ours(piece, mark))
            return user;
        if (before > 0 && dice >> 30 > 0) {
            spare_give(piece->memory);
            piece->memory = NULL;
            continue;
        }
        piece->size = before + 100000 + (dice >> 8) % 500000;
        piece->memory = spare_grow(piece->memory, before, piece->size);
        if (piece->memory == NULL || (before > 0 && piece->memory[before - 1] != mark))
            return user;
        set_marks(piece, mark);
        if (step % 100 == 0)
            spare_trim(step * SPARE_KEPT_NS);
    }
    for (size_t i = 0; i < HELD; i++)
        spare_give(held[i].memory);
    return NULL;
}

static void test_threads(void **unused)
{
    char marks[THREADS] = {1, 2, 3, 4};
    pthread_t threads[THREADS];
    void *failed;

    (void)unused;
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, take_and_give, &marks[i]), 0);
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
    spare_keep(0); /* nothing is in use */
    assert_int_equal(spare_kept(), 0);
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
        cmocka_unit_test_setup(test_used_again, begin),
        cmocka_unit_test_setup(test_small_ones_are_not_kept, begin),
        cmocka_unit_test_setup(test_what_is_kept, begin),
        cmocka_unit_test_setup(test_memory_given_back_comes_again_cleared, begin),
        cmocka_unit_test_setup(test_limit, begin),
        cmocka_unit_test_setup(test_trim, begin),
        cmocka_unit_test_setup(test_trim_between_pieces, begin),
        cmocka_unit_test_setup(test_grow, begin),
        cmocka_unit_test_setup(test_threads, begin),
        cmocka_unit_test(test_absurd_sizes),
        cmocka_unit_test_setup(test_growing_stays_where_it_is, begin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
