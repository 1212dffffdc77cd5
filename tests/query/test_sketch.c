/* tests/query/test_sketch.c -- the error bounds that the headers state, on random data, against
 * sorted values and plain sets. */
#include "query/hll.h"
#include "query/limits.h"
#include "query/sketch.h"
#include "tests/support/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

enum { VALUES = 20000 };

static struct memory memory;

static int compare_doubles(const void *a, const void *b)
{
    return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b);
}

/* Uniform in (0, 1]. */
static double uniform(struct test_random *random)
{
    return (double)(test_random_next(random) >> 11) / 9007199254740992.0 + 1e-17;
}

static double normal_ish(struct test_random *random)
{
    return exp(3 * (uniform(random) + uniform(random) + uniform(random) - 1.5));
}

static double pareto(struct test_random *random)
{
    return pow(uniform(random), -1.5);
}

static double nanoseconds(struct test_random *random)
{
    return floor(uniform(random) * 5e9);
}

static double both_signs(struct test_random *random)
{
    return (uniform(random) - 0.5) * 100;
}

static double tiny(struct test_random *random)
{
    return uniform(random) * 1e-300;
}

static const struct distribution {
    const char *name;
    double (*next)(struct test_random *random);
} distributions[] = {
    {"log-normal", normal_ish}, {"heavy tail", pareto},  {"durations", nanoseconds},
    {"both signs", both_signs}, {"close to 0", tiny},
};

static const double phis[] = {0, 0.001, 0.01, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1};

/* The bound of sketch.h: 1/64 of the value of the same rank. */
static void check_quantiles(const struct sketch *sketch, const double *sorted, uint32_t count)
{
    for (size_t i = 0; i < COUNT_OF(phis); i++) {
        uint32_t rank = (uint32_t)ceil(phis[i] * count);
        double exact = sorted[rank == 0 ? 0 : rank - 1];
        double got = sketch_quantile(sketch, phis[i]);

        if (fabs(got - exact) > fabs(exact) / 64 * (1 + 1e-12))
            fail_msg("phi %g: %g instead of %g", phis[i], got, exact);
    }
}

static void test_quantiles(void **unused)
{
    static double values[VALUES];
    struct error err;

    (void)unused;
    for (size_t i = 0; i < COUNT_OF(distributions); i++) {
        struct sketch whole = {0}, parts[3] = {{{0}, {0}, 0, 0, 0, 0}};
        struct test_random random = {i + 1};

        print_message("  %s\n", distributions[i].name);
        for (uint32_t at = 0; at < VALUES; at++) {
            values[at] = distributions[i].next(&random);
            assert_int_equal(sketch_add(&whole, values[at], 1, &memory, &err), STATUS_OK);
            assert_int_equal(sketch_add(&parts[at % 3], values[at], 1, &memory, &err), STATUS_OK);
        }
        qsort(values, VALUES, sizeof(values[0]), compare_doubles);
        check_quantiles(&whole, values, VALUES);
        for (int part = 2; part >= 0; part--) /* any order of merging gives the same answer */
            if (part != 1)
                assert_int_equal(sketch_merge(&parts[1], &parts[part], &memory, &err), STATUS_OK);
        for (size_t p = 0; p < COUNT_OF(phis); p++)
            assert_true(sketch_quantile(&whole, phis[p]) == sketch_quantile(&parts[1], phis[p]));
        assert_int_equal(whole.total, VALUES);
        sketch_release(&whole, &memory);
        for (int part = 0; part < 3; part++)
            sketch_release(&parts[part], &memory);
    }
    assert_int_equal(atomic_load(&memory.used), 0);
}

static void test_sketch_edges(void **unused)
{
    struct sketch sketch = {0};
    struct error err;

    (void)unused;
    assert_true(sketch_quantile(&sketch, 0.5) == 0);
    assert_int_equal(sketch_add(&sketch, 0, 3, &memory, &err), STATUS_OK);
    assert_true(sketch_quantile(&sketch, 0.5) == 0);
    assert_int_equal(sketch_add(&sketch, -7, 1, &memory, &err), STATUS_OK);
    assert_int_equal(sketch_add(&sketch, 1.7e308, 1, &memory, &err), STATUS_OK);
    assert_true(sketch_quantile(&sketch, 0) == -7);
    assert_true(sketch_quantile(&sketch, 0.5) == 0); /* -7 0 0 0 1.7e308: the third */
    assert_true(sketch_quantile(&sketch, 1) == 1.7e308);
    sketch_release(&sketch, &memory);
}

static void test_memory(void **unused)
{
    struct memory small;
    struct sketch sketch = {0};
    struct error err = {0};
    enum status status = STATUS_OK;

    (void)unused;
    memory_init(&small, 8192); /* 32 octaves of 32 counts of 8 bytes */
    for (int i = 0; status == STATUS_OK && i < 100; i++)
        status = sketch_add(&sketch, ldexp(1, i), 1, &small, &err);
    assert_int_equal(status, STATUS_TOO_LARGE);
    sketch_release(&sketch, &small);
    assert_int_equal(atomic_load(&small.used), 0);
}

/* ---- distinct values ---- */

static uint64_t count_of(uint64_t distinct, uint64_t repeats)
{
    struct uniq_counter counter = {0};
    struct error err;
    uint64_t count;

    for (uint64_t round = 0; round < repeats; round++) {
        struct test_random random = {distinct};

        for (uint64_t i = 0; i < distinct; i++)
            assert_int_equal(uniq_add(&counter, test_random_next(&random), &memory, &err),
                             STATUS_OK);
    }
    count = uniq_count(&counter);
    assert_int_equal(uniq_is_exact(&counter), distinct <= UNIQ_EXACT_MAX);
    uniq_release(&counter, &memory);
    return count;
}

static void test_uniq(void **unused)
{
    static const uint64_t estimated[] = {65537, 100000, 500000, 2000000};

    (void)unused;
    assert_int_equal(count_of(0, 1), 0);
    assert_int_equal(count_of(1, 5), 1);
    assert_int_equal(count_of(1000, 3), 1000);
    assert_int_equal(count_of(65536, 2), 65536); /* still exact */
    for (size_t i = 0; i < COUNT_OF(estimated); i++) {
        double off = (double)count_of(estimated[i], 1) / (double)estimated[i] - 1;

        print_message("  %llu: %+.2f%%\n", (unsigned long long)estimated[i], off * 100);
        assert_true(fabs(off) < 0.049); /* three standard errors */
    }
}

static void test_uniq_merge(void **unused)
{
    struct uniq_counter few = {0}, many = {0}, also_many = {0};
    struct test_random random = {3};
    struct error err;

    (void)unused;
    for (int i = 0; i < 200000; i++) {
        uint64_t hash = test_random_next(&random);

        if (i < 1000)
            assert_int_equal(uniq_add(&few, hash, &memory, &err), STATUS_OK);
        assert_int_equal(uniq_add(i % 2 == 0 ? &many : &also_many, hash, &memory, &err),
                         STATUS_OK);
    }
    assert_int_equal(uniq_merge(&many, &also_many, &memory, &err), STATUS_OK);
    assert_int_equal(uniq_merge(&many, &few, &memory, &err), STATUS_OK); /* nothing new */
    assert_in_range(uniq_count(&many), 190000, 210000);
    assert_int_equal(uniq_merge(&few, &many, &memory, &err), STATUS_OK);
    assert_int_equal(uniq_count(&few), uniq_count(&many));
    assert_int_equal(uniq_add(&few, 0, &memory, &err), STATUS_OK);
    uniq_release(&few, &memory);
    uniq_release(&many, &memory);
    uniq_release(&also_many, &memory);
    assert_int_equal(atomic_load(&memory.used), 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quantiles), cmocka_unit_test(test_sketch_edges),
        cmocka_unit_test(test_memory),    cmocka_unit_test(test_uniq),
        cmocka_unit_test(test_uniq_merge),
    };

    memory_init(&memory, 64 << 20);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
