/* Rules of identity as tables, and the wait between attempts. */
#include "shipper/identity.h"
#include "shipper/limits.h"
#include "shipper/retry.h"
#include "tests/support/sim_io.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct key_case {
    const char *name;
    struct file_key a, b;
    bool equal;
} key_cases[] = {
    {"same", {1, 2, 3, 4}, {1, 2, 3, 4}, true},
    {"other inode", {1, 2, 3, 4}, {1, 5, 3, 4}, false},
    {"other file system", {1, 2, 3, 4}, {9, 2, 3, 4}, false},
    {"inode used again", {1, 2, 3, 4}, {1, 2, 7, 4}, false},
    {"generation wins over birth time", {1, 2, 3, 4}, {1, 2, 3, 8}, true},
    {"no generation: birth time", {1, 2, 0, 4}, {1, 2, 3, 4}, true},
    {"no generation: other birth time", {1, 2, 0, 4}, {1, 2, 3, 5}, false},
    {"neither known", {1, 2, 0, 0}, {1, 2, 0, 0}, true},
};

static void test_file_key_equal(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(key_cases); i++) {
        print_message("  %s\n", key_cases[i].name);
        assert_int_equal(file_key_equal(&key_cases[i].a, &key_cases[i].b), key_cases[i].equal);
        assert_int_equal(file_key_equal(&key_cases[i].b, &key_cases[i].a), key_cases[i].equal);
    }
}

static void test_resume_check(void **unused)
{
    struct generation known = {.key = {1, 2, 3, 4}};
    struct file_key same = {1, 2, 3, 4}, other = {1, 2, 9, 4};
    struct slice before = SLICE_LITERAL("bytes before");
    uint64_t tail = tail_hash(before);

    (void)unused;
    assert_int_equal(resume_check(&known, &same, 100, 50, before, tail), RESET_NONE);
    assert_int_equal(resume_check(&known, &same, 50, 50, before, tail), RESET_NONE);
    assert_int_equal(resume_check(&known, &same, 49, 50, before, tail), RESET_SHORTER);
    assert_int_equal(resume_check(&known, &same, 100, 50, SLICE_LITERAL("other bytes"), tail),
                     RESET_TAIL);
    assert_int_equal(resume_check(&known, &other, 100, 50, before, tail), RESET_REPLACED);
}

static void test_gen_id_text(void **unused)
{
    char long_line[PREFIX_SIZE_MAX + 10];
    struct slice text;

    (void)unused;
    memset(long_line, 'x', sizeof(long_line));
    assert_true(gen_id_text(SLICE_LITERAL("first\nsecond"), &text));
    assert_true(slice_is(text, "first\n"));
    assert_false(gen_id_text(SLICE_LITERAL("not comple"), &text));
    assert_false(gen_id_text(slice_of(""), &text));
    assert_true(gen_id_text(slice_make(long_line, sizeof(long_line)), &text));
    assert_int_equal(text.len, PREFIX_SIZE_MAX);
}

static void test_gen_id(void **unused)
{
    struct file_key key = {1, 2, 3, 4}, other = {1, 2, 5, 4};
    uint8_t a[GEN_ID_SIZE], b[GEN_ID_SIZE];

    (void)unused;
    gen_id_make("host", &key, SLICE_LITERAL("line\n"), a);
    gen_id_make("host", &key, SLICE_LITERAL("line\n"), b);
    assert_memory_equal(a, b, GEN_ID_SIZE); /* found again without any state */
    assert_true(gen_id_given(a));
    gen_id_make("other", &key, SLICE_LITERAL("line\n"), b);
    assert_memory_not_equal(a, b, GEN_ID_SIZE);
    gen_id_make("host", &other, SLICE_LITERAL("line\n"), b);
    assert_memory_not_equal(a, b, GEN_ID_SIZE);
    gen_id_make("host", &key, SLICE_LITERAL("else\n"), b);
    assert_memory_not_equal(a, b, GEN_ID_SIZE);
}

static void test_retry_wait(void **unused)
{
    struct sim_io *sim = sim_io_new(3);
    struct retry retry = {RETRY_CONNECT_MIN_NS, RETRY_CONNECT_MAX_NS, 0};
    int64_t span = RETRY_CONNECT_MIN_NS, longest = 0;

    (void)unused;
    for (unsigned i = 0; i < 200; i++) {
        int64_t wait = retry_wait(&retry, sim_io_table(sim));

        assert_in_range(wait, 1, span);
        longest = wait > longest ? wait : longest;
        span = span * 2 < RETRY_CONNECT_MAX_NS ? span * 2 : RETRY_CONNECT_MAX_NS;
    }
    assert_true(longest > RETRY_CONNECT_MAX_NS / 2);
    retry_reset(&retry);
    assert_in_range(retry_wait(&retry, sim_io_table(sim)), 1, RETRY_CONNECT_MIN_NS);
    sim_io_free(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_file_key_equal), cmocka_unit_test(test_resume_check),
        cmocka_unit_test(test_gen_id_text),    cmocka_unit_test(test_gen_id),
        cmocka_unit_test(test_retry_wait),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
