/* tests/base/test_extents.c -- places by hand, then thousands of pieces against a map of each unit. */
#include "base/extents.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void assert_free(const struct extents *extents, size_t index, size_t at, size_t size)
{
    assert_true(index < extents->count);
    assert_int_equal(extents->free[index].at, at);
    assert_int_equal(extents->free[index].size, size);
}

static void test_lowest_place(void **unused)
{
    struct extents extents;

    (void)unused;
    assert_true(extents_init(&extents, 100));
    assert_int_equal(extents_take(&extents, 10), 0);
    assert_int_equal(extents_take(&extents, 20), 10);
    assert_int_equal(extents_take(&extents, 30), 30);
    extents_give(&extents, 10, 20);
    assert_int_equal(extents_take(&extents, 21), 60); /* does not fit between them */
    assert_int_equal(extents_take(&extents, 5), 10);
    assert_int_equal(extents_take(&extents, 20), EXTENTS_NONE); /* 15 and 19 are free */
    assert_int_equal(extents_take(&extents, 19), 81);
    assert_int_equal(extents.count, 1);
    assert_free(&extents, 0, 15, 15);
    extents_release(&extents);
}

static void test_neighbours_become_one(void **unused)
{
    struct extents extents;

    (void)unused;
    assert_true(extents_init(&extents, 100));
    for (size_t at = 0; at < 50; at += 10)
        assert_int_equal(extents_take(&extents, 10), at);
    extents_give(&extents, 10, 10); /* alone */
    assert_int_equal(extents.count, 2);
    extents_give(&extents, 30, 10);
    assert_int_equal(extents.count, 3);
    extents_give(&extents, 20, 10); /* to both sides */
    assert_int_equal(extents.count, 2);
    assert_free(&extents, 0, 10, 30);
    assert_free(&extents, 1, 50, 50);
    extents_give(&extents, 0, 10); /* to the next */
    assert_free(&extents, 0, 0, 40);
    extents_give(&extents, 40, 10);
    assert_int_equal(extents.count, 1);
    assert_free(&extents, 0, 0, 100);
    extents_release(&extents);
}

static void test_growing(void **unused)
{
    struct extents extents;

    (void)unused;
    assert_true(extents_init(&extents, 100));
    assert_int_equal(extents_take(&extents, 10), 0);
    assert_int_equal(extents_take(&extents, 20), 10);
    assert_int_equal(extents_take(&extents, 10), 30);
    assert_int_equal(extents_take(&extents, 10), 40);
    extents_give(&extents, 0, 10);
    extents_give(&extents, 10, 20);
    extents_give_tail(&extents, 45, 5);                     /* behind it 50 to 100 was free */
    assert_int_equal(extents_take_widest(&extents, 4), 0);  /* 30 there, 55 behind all others */
    assert_true(extents_extend(&extents, 4, 26));
    assert_false(extents_extend(&extents, 30, 1));          /* a piece */
    assert_false(extents_extend(&extents, 45, 56));
    assert_false(extents_extend(&extents, 46, 1));          /* not where a part begins */
    assert_int_equal(extents_take_widest(&extents, 4), 45); /* nothing else is left */
    assert_true(extents_extend(&extents, 49, 51));
    assert_int_equal(extents_take(&extents, 1), EXTENTS_NONE);
    extents_release(&extents);
}

enum { UNITS = 4000, PIECES = 300, STEPS = 20000 };

struct model {
    struct extents extents;
    unsigned char taken[UNITS]; /* each unit by itself */
    struct extent pieces[PIECES];
    size_t count;
};

/* The lowest run of `size` units that nobody has. */
static size_t lowest(const struct model *model, size_t size)
{
    size_t run = 0;

    for (size_t i = 0; i < UNITS; i++) {
        run = model->taken[i] ? 0 : run + 1;
        if (run == size)
            return i + 1 - size;
    }
    return EXTENTS_NONE;
}

static void mark(struct model *model, size_t at, size_t size, bool taken)
{
    for (size_t i = at; i < at + size; i++) {
        assert_true(i < UNITS && model->taken[i] != taken);
        model->taken[i] = taken;
    }
}

static void take_one(struct model *model, size_t size, bool widest)
{
    size_t at = widest ? extents_take_widest(&model->extents, size)
                       : extents_take(&model->extents, size);

    if (!widest || at == EXTENTS_NONE)
        assert_int_equal(at, lowest(model, size));
    if (at == EXTENTS_NONE)
        return;
    mark(model, at, size, true);
    model->pieces[model->count++] = (struct extent){at, size};
}

static void change_one(struct model *model, struct extent *piece, size_t kind)
{
    size_t half = piece->size / 2, end = piece->at + piece->size;

    if (kind == 0 && half > 0) {
        extents_give_tail(&model->extents, end - half, half);
        mark(model, end - half, half, false);
        piece->size -= half;
    } else if (kind == 1) {
        bool room = end < UNITS && !model->taken[end];

        assert_int_equal(extents_extend(&model->extents, end, 1), room);
        if (room)
            mark(model, end, 1, true);
        piece->size += room;
    } else {
        extents_give(&model->extents, piece->at, piece->size);
        mark(model, piece->at, piece->size, false);
        *piece = model->pieces[--model->count];
    }
}

static void test_against_a_map_of_units(void **unused)
{
    struct model *model = calloc(1, sizeof(*model));
    size_t sum = 0, units = 0;

    (void)unused;
    assert_non_null(model);
    assert_true(extents_init(&model->extents, UNITS));
    srand(20261126);
    for (size_t step = 0; step < STEPS; step++) {
        size_t dice = (size_t)rand();

        if (model->count < PIECES && dice % 5 < 3)
            take_one(model, 1 + dice / 8 % 40, dice % 5 == 0);
        else if (model->count > 0)
            change_one(model, &model->pieces[dice / 8 % model->count], dice % 4);
    }
    for (size_t i = 0; i < model->extents.count; i++)
        sum += model->extents.free[i].size;
    for (size_t i = 0; i < UNITS; i++)
        units += !model->taken[i];
    assert_int_equal(sum, units);
    while (model->count > 0)
        change_one(model, &model->pieces[0], 2);
    assert_int_equal(model->extents.count, 1);
    assert_free(&model->extents, 0, 0, UNITS);
    extents_release(&model->extents);
    free(model);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lowest_place),
        cmocka_unit_test(test_neighbours_become_one),
        cmocka_unit_test(test_growing),
        cmocka_unit_test(test_against_a_map_of_units),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
