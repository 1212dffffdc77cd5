/* tests/store/test_pages.c -- pages of numbers, strings and grams: what goes in comes out, in the form
 * that is expected, and damaged pages are refused. */
#include "store/encoding/int_page.h"
#include "store/gram_filter.h"
#include "store/id_pool.h"
#include "store/text_hash.h"
#include "store/text_pool.h"

#include "tests/bench/corpus_random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { COUNT_MAX = 5000 };

static struct corpus_random rng = {11};

typedef int64_t value_maker(uint32_t i);

static int64_t same(uint32_t i)
{
    (void)i;
    return -12345;
}

static int64_t small(uint32_t i)
{
    (void)i;
    return (int64_t)random_below(&rng, 13);
}

static int64_t growing(uint32_t i)
{
    return 1772409600000000000 + (int64_t)i * 1000000000;
}

static int64_t milliseconds(uint32_t i)
{
    return 1772409600000000000 + (int64_t)(i * 7 + random_below(&rng, 5)) * 1000000;
}

static int64_t few_large(uint32_t i)
{
    static const int64_t values[] = {INT64_MIN, 0, 123456789012345, INT64_MAX};

    (void)i;
    return values[random_below(&rng, 4)];
}

static int64_t anything(uint32_t i)
{
    (void)i;
    return (int64_t)random_u64(&rng);
}

static int64_t skewed(uint32_t i)
{
    (void)i;
    return random_below(&rng, 50) == 0 ? (int64_t)random_below(&rng, 256) : 7;
}

static const struct number_case {
    const char *name;
    value_maker *make;
    double bytes_max; /* per value, for 5,000 values; by count of the bits that are needed */
} number_cases[] = {
    {"one value", same, 0.01},
    {"13 values: 3.7 bits", small, 0.51},
    {"one more each time", growing, 0.02},
    {"common factor: 3.3 bits", milliseconds, 0.55},
    {"four values far apart: 2 bits", few_large, 0.30},
    {"64 random bits", anything, 8.05},
    {"2% are not 7: 0.3 bits", skewed, 0.13},
};

/* Some values of a page, also the first and the last, in another order. */
static void check_picked(struct slice page, const int64_t *values, uint32_t count)
{
    uint32_t places[9];
    int64_t got[9];

    for (uint32_t i = 0; i < 9; i++)
        places[i] = i == 0 ? count - 1 : i == 1 ? 0 : random_below(&rng, count);
    assert_true(int_page_pick(page, count, places, 9, got));
    for (uint32_t i = 0; i < 9; i++)
        assert_int_equal(got[i], values[places[i]]);
    assert_true(int_page_pick(page, count, places, 0, got));
}

static void test_numbers(void **state)
{
    static const uint32_t counts[] = {1, 2, 3, 47, 48, 49, 1000, COUNT_MAX};
    int64_t *values = calloc(COUNT_MAX, sizeof(*values)), *got = calloc(COUNT_MAX, sizeof(*got));
    struct int_encoder encoder;

    (void)state;
    int_encoder_init(&encoder);
    for (size_t c = 0; c < COUNT_OF(number_cases); c++)
        for (size_t k = 0; k < COUNT_OF(counts); k++) {
            struct buf page = buf_empty(1 << 20);
            uint32_t count = counts[k], last = count - 1;

            print_message("  %s, %u\n", number_cases[c].name, count);
            for (uint32_t i = 0; i < count; i++)
                values[i] = number_cases[c].make(i);
            assert_true(int_page_encode(&encoder, values, count, &page));
            assert_true(int_page_decode(buf_slice(&page), count, got));
            assert_memory_equal(values, got, count * sizeof(*got));
            check_picked(buf_slice(&page), values, count);
            if (count == COUNT_MAX)
                assert_true((double)page.len / count <= number_cases[c].bytes_max);
            for (size_t cut = 0; cut < page.len && count < 50; cut++) { /* must not crash */
                (void)int_page_decode(slice_first(buf_slice(&page), cut), count, got);
                (void)int_page_pick(slice_first(buf_slice(&page), cut), count, &last, 1, got);
            }
            for (int round = 0; round < 50; round++) {
                page.data[random_below(&rng, (uint32_t)page.len)] ^= (char)(1 + round);
                (void)int_page_decode(buf_slice(&page), count, got);
                (void)int_page_pick(buf_slice(&page), count, &last, 1, got);
                (void)int_page_decode32(buf_slice(&page), count, (uint32_t *)(void *)got);
            }
            buf_release(&page);
        }
    int_encoder_release(&encoder);
    free(values);
    free(got);
}

/* Most codes are small, but one in three may have all of its `bytes`: they are stored byte by byte. */
static void test_skewed_codes(void **state)
{
    int64_t values[1000];
    uint32_t got[1000];
    struct buf page = buf_empty(1 << 20);
    struct int_encoder encoder;

    (void)state;
    int_encoder_init(&encoder);
    for (unsigned bytes = 2; bytes <= 4; bytes++) {
        uint64_t limit = (uint64_t)1 << (8 * bytes);

        for (uint32_t i = 0; i < 1000; i++)
            values[i] = (int64_t)(i % 3 == 1 ? random_u64(&rng) % limit : i % 2);
        values[999] = (int64_t)limit - 1;
        buf_reset(&page);
        assert_true(int_page_encode(&encoder, values, 1000, &page));
        assert_int_equal((uint8_t)page.data[0], INT_FOR | INT_PLANES);
        assert_int_equal(page.data[3], bytes); /* behind base and factor */
        assert_true(int_page_decode32(buf_slice(&page), 1000, got));
        for (uint32_t i = 0; i < 1000; i++)
            assert_int_equal(got[i], values[i]);
        for (size_t cut = 0; cut < page.len; cut += 1 + page.len / 100)
            assert_false(int_page_decode32(slice_first(buf_slice(&page), cut), 1000, got));
    }
    int_encoder_release(&encoder);
    buf_release(&page);
}

/* Bytes of any value, but for the 16 runs of 32 that are looked at first: those say that the page takes
 * nothing. Found out, it takes a byte per value, its header and the zeros behind it. */
static void test_lying_sample(void **state)
{
    int64_t values[COUNT_MAX], got[COUNT_MAX];
    struct buf page = buf_empty(1 << 20);
    struct int_encoder encoder;

    (void)state;
    int_encoder_init(&encoder);
    for (uint32_t i = 0; i < COUNT_MAX; i++)
        values[i] = random_below(&rng, 256);
    for (uint32_t run = 0; run < 16; run++)
        for (uint32_t i = 0; i < 36; i++)
            values[run * (COUNT_MAX - 33) / 16 + i] = 7;
    assert_true(int_page_encode(&encoder, values, COUNT_MAX, &page));
    assert_int_equal((uint8_t)page.data[0], INT_FOR);
    assert_int_equal(page.len, 4 + COUNT_MAX + 8);
    assert_true(int_page_decode(buf_slice(&page), COUNT_MAX, got));
    assert_memory_equal(values, got, sizeof(values));
    int_encoder_release(&encoder);
    buf_release(&page);
}

static void test_codes(void **state)
{
    int64_t values[1000];
    uint32_t got[1000];
    struct buf page = buf_empty(1 << 20);
    struct int_encoder encoder;

    (void)state;
    int_encoder_init(&encoder);
    for (uint32_t limit = 1; limit < 1u << 31; limit *= 3) {
        for (uint32_t i = 0; i < 1000; i++)
            values[i] = random_below(&rng, limit);
        buf_reset(&page);
        assert_true(int_page_encode(&encoder, values, 1000, &page));
        assert_true(int_page_decode32(buf_slice(&page), 1000, got));
        for (uint32_t i = 0; i < 1000; i++)
            assert_int_equal(got[i], values[i]);
    }
    values[500] = -1;
    buf_reset(&page);
    assert_true(int_page_encode(&encoder, values, 1000, &page));
    assert_false(int_page_decode32(buf_slice(&page), 1000, got)); /* a code is never negative */
    int_encoder_release(&encoder);
    buf_release(&page);
}

static void test_pool(void **state)
{
    static const char *const words[] = {"pear", "", "apple", "pear", "fig", "apple pie", "a"};
    static const char *const sorted[] = {"", "a", "apple", "apple pie", "fig", "pear"};
    struct text_pool pool;
    struct int_encoder encoder;
    struct buf page = buf_empty(1 << 20);
    struct text_page decoded;
    size_t size;

    (void)state;
    text_pool_init(&pool);
    int_encoder_init(&encoder);
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        uint64_t hash = text_hash(words[i], strlen(words[i]));

        if (text_pool_find(&pool, hash) == TEXT_POOL_NONE)
            assert_int_not_equal(text_pool_add(&pool, hash, slice_of(words[i])), TEXT_POOL_NONE);
    }
    assert_int_equal(pool.count, COUNT_OF(sorted));
    assert_true(text_pool_sort(&pool));
    assert_int_equal(text_pool_page_count(&pool, 0, &size), COUNT_OF(sorted));
    assert_int_equal(size, 22); /* 0 + 1 + 5 + 9 + 3 + 4 */
    assert_true(text_pool_page_encode(&pool, 0, pool.count, &encoder, 3, &page));
    /* the page begins with its size when decoded, one byte here */
    assert_true(text_page_decode(slice_from(buf_slice(&page), 1), (uint8_t)page.data[0],
                                 pool.count, &decoded));
    for (uint32_t i = 0; i < decoded.count; i++)
        assert_true(slice_is(text_page_string(&decoded, i), sorted[i]));
    text_page_release(&decoded);
    assert_false(text_page_decode(slice_from(buf_slice(&page), 1), (uint8_t)page.data[0],
                                  pool.count + 1, &decoded));
    int_encoder_release(&encoder);
    text_pool_release(&pool);
    buf_release(&page);
}

static void test_grams(void **state)
{
    uint8_t filter[64] = {0};

    (void)state;
    gram_filter_add(filter, sizeof(filter), SLICE_LITERAL("Connection refused"));
    assert_true(gram_filter_may_have(filter, sizeof(filter), SLICE_LITERAL("connection")));
    assert_true(gram_filter_may_have(filter, sizeof(filter), SLICE_LITERAL("REFUSED")));
    assert_true(gram_filter_may_have(filter, sizeof(filter), SLICE_LITERAL("zzz"))); /* too short */
    assert_false(gram_filter_may_have(filter, sizeof(filter), SLICE_LITERAL("deadlock detected")));
}

/* Ids of `size` bytes that are 0 but for four of them, from byte `at` on: `id_count` of them, twice. */
static void check_ids(unsigned size, unsigned at, uint32_t id_count)
{
    enum { BATCH = 500 };
    struct slot_kind kind = {SLOT_HEX, (uint8_t)size};
    uint64_t columns[HEX_BYTES_MAX / 8][BATCH];
    const uint64_t *words[HEX_BYTES_MAX / 8];
    int64_t numbers[BATCH];
    struct id_pool pool;

    for (unsigned word = 0; word < COUNT_OF(words); word++)
        words[word] = columns[word];
    id_pool_init(&pool, kind);
    for (uint32_t first = 0; first < 2 * id_count; first += BATCH) {
        for (uint32_t i = 0; i < BATCH; i++) {
            uint8_t id[HEX_BYTES_MAX] = {0};
            uint32_t part = (first + i) % id_count * 2654435761u;

            memcpy(id + at, &part, sizeof(part));
            for (unsigned word = 0; word < COUNT_OF(words); word++)
                memcpy(&columns[word][i], id + 8 * word, 8);
        }
        assert_true(id_pool_add(&pool, words, BATCH, numbers));
        for (uint32_t i = 0; i < BATCH; i++)
            assert_int_equal(numbers[i], (first + i) % id_count);
    }
    assert_int_equal(pool.count, id_count);
    for (uint32_t i = 0; i < id_count; i++) {
        uint8_t id[HEX_BYTES_MAX] = {0};
        uint32_t part = i * 2654435761u;

        memcpy(id + at, &part, sizeof(part));
        assert_memory_equal(pool.bytes + (size_t)i * size, id, size);
    }
    id_pool_release(&pool);
}

static void test_ids(void **state)
{
    static const uint8_t sizes[] = {4, 5, 8, 12, 16, 17, 20, 32};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        print_message("  %u bytes\n", sizes[i]);
        check_ids(sizes[i], 0, 20000);
        check_ids(sizes[i], sizes[i] - 4u, 20000);
    }
    check_ids(32, 12, 1000); /* their ends are equal, so all have one hash */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),      cmocka_unit_test(test_codes),
        cmocka_unit_test(test_skewed_codes), cmocka_unit_test(test_pool),
        cmocka_unit_test(test_grams),        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_lying_sample),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
