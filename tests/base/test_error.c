/* tests/base/test_error.c -- sentences are cut, never overflow; errno becomes a status; our own
 * messages cannot be forged. */
#include "base/diag.h"
#include "base/error.h"
#include "base/slice.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

static void test_sentences(void **unused)
{
    struct error err = {0};

    (void)unused;
    assert_int_equal(error_set(&err, STATUS_INVALID, "byte %d: bad", 7), STATUS_INVALID);
    error_context(&err, "file %s", "a");
    assert_string_equal(err.message, "file a: byte 7: bad");
    assert_int_equal(err.status, STATUS_INVALID);
    assert_int_equal(error_set(NULL, STATUS_IO, "nobody listens"), STATUS_IO);
    error_context(NULL, "nobody listens");
}

static void test_long_sentences_are_cut(void **unused)
{
    struct error err = {0};
    char text[2000];

    (void)unused;
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    (void)error_set(&err, STATUS_IO, "%s", text);
    assert_int_equal(strlen(err.message), sizeof(err.message) - 1);
    error_context(&err, "%s", text);
    assert_true(strlen(err.message) < sizeof(err.message));
    (void)error_set_errno(&err, ENOENT, "%s", text);
    assert_non_null(strstr(err.message, ": No such file")); /* the reason is not cut away */
}

static void test_errno(void **unused)
{
    static const struct { int value; enum status status; } cases[] = {
        {ENOENT, STATUS_NOT_FOUND}, {ENOSPC, STATUS_DISK_FULL}, {EDQUOT, STATUS_DISK_FULL},
        {ENOMEM, STATUS_NO_MEMORY}, {EIO, STATUS_IO},           {EACCES, STATUS_IO},
    };

    (void)unused;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct error err = {0};

        assert_int_equal(error_set_errno(&err, cases[i].value, "x"), cases[i].status);
        assert_int_equal(err.status, cases[i].status);
    }
    assert_string_equal(status_name(STATUS_DISK_FULL), "disk_full");
    assert_string_equal(status_name(STATUS_OK), "ok");
}

/* What diag writes for `text`, without the time in front. */
static void diag_line(const char *text, char *out, size_t size)
{
    int ends[2];
    int before = dup(STDERR_FILENO);
    ssize_t got;

    assert_int_equal(pipe(ends), 0);
    assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
    diag_warn("%s", text);
    assert_true(dup2(before, STDERR_FILENO) >= 0);
    (void)close(ends[1]);
    (void)close(before);
    got = read(ends[0], out, size - 1);
    (void)close(ends[0]);
    assert_true(got > 25); /* 2026-04-02T09:20:11.640Z and a blank */
    out[got] = '\0';
    memmove(out, out + 25, (size_t)got - 24);
}

static void test_diag_escapes(void **unused)
{
    char line[4096];
    char text[4000];

    (void)unused;
    diag_init("tester", DIAG_INFO);
    diag_line("a\nb \x1b[31m \x7f \xc3\xa9", line, sizeof(line));
    assert_string_equal(line, "warning tester: a\\x0ab \\x1b[31m \\x7f \xc3\xa9\n");
    memset(text, '\n', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    diag_line(text, line, sizeof(line)); /* four times as long when escaped: cut */
    assert_true(strlen(line) < 2048 && line[strlen(line) - 1] == '\n');
}

static void test_diag_limited(void **unused)
{
    uint64_t last = 0;

    (void)unused;
    assert_true(diag_limited(&last, 3600));
    assert_false(diag_limited(&last, 3600));
    assert_true(diag_limited(&last, 0));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sentences),    cmocka_unit_test(test_long_sentences_are_cut),
        cmocka_unit_test(test_errno),        cmocka_unit_test(test_diag_escapes),
        cmocka_unit_test(test_diag_limited),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
