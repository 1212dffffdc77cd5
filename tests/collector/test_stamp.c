/* tests/collector/test_stamp.c -- stamps of lines: what is remembered of a source changes nothing. */
#include "collector/formats/stamp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static uint64_t next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + 1442695040888963407U;
    return *state >> 33;
}

/* A stamp of one of the forms, of few days, minutes and ends, so that many follow their like. */
static int random_stamp(uint64_t *state, char *out, size_t size, stamp_parser **parser)
{
    static const char *const months[] = {"Jan", "Dec", "Feb"};
    static const unsigned days[] = {1, 31, 29, 2};
    static const char *const ends[] = {" host",  ".125 x",       " +0100] x", "",
                                       " EST x", ".1234567890 ", ",5",        " UTC ",
                                       /* as many digits as are read at once, and others */
                                       ",076: INFO/Main", ".204417Z a", ".1234567+0100 ", ".12345678",
                                       ".123456789 UTC x", ".1234567890123 x", ",9, and more", ".Z 000000"};
    const char *month = months[next_random(state) % COUNT_OF(months)];
    const char *end = ends[next_random(state) % COUNT_OF(ends)];
    unsigned day = days[next_random(state) % COUNT_OF(days)];
    unsigned year = (unsigned)(2025 + next_random(state) % 2);
    unsigned hour = next_random(state) % 4 == 0 ? 23 : 0, minute = hour == 0 ? 0 : 59;
    unsigned second = (unsigned)(next_random(state) % 62);

    switch (next_random(state) % 4) {
    case 0:
        *parser = stamp_parse_syslog;
        return snprintf(out, size, "%s %2u %02u:%02u:%02u%s", month, day, hour, minute, second, end);
    case 1:
        *parser = stamp_parse_iso;
        return snprintf(out, size, "%u-01-%02u %02u:%02u:%02u%s", year, day, hour, minute, second,
                        end);
    case 2:
        *parser = stamp_parse_clf;
        return snprintf(out, size, "%02u/%s/%u:%02u:%02u:%02u%s", day, month, year, hour, minute,
                        second, end);
    default:
        *parser = stamp_parse_redis;
        return snprintf(out, size, "%02u %s %u %02u:%02u:%02u%s", day, month, year, hour, minute,
                        second, end);
    }
}

static void test_memory_is_invisible(void **unused)
{
    /* 2026-01-01, and a day and a second before and behind it: where years without one change. */
    static const int64_t received[] = {INT64_C(1767225600000000000), INT64_C(1767139200000000000),
                                       INT64_C(1767139199000000000), INT64_C(1767225601000000000)};
    struct stamp_memory memory = {0};
    struct format_settings settings = {0};
    struct format_context with = {.settings = &settings, .stamps = &memory};
    struct format_context without = {.settings = &settings};
    uint64_t state = 7;

    (void)unused;
    for (unsigned i = 0; i < 300000; i++) {
        char text[64];
        stamp_parser *parser;
        size_t len = (size_t)random_stamp(&state, text, sizeof(text), &parser);
        struct slice a = slice_make(text, len), b = a;
        int64_t ns_a = 0, ns_b = 0;
        bool taken;

        with.receive_ns = without.receive_ns = received[next_random(&state) % 8 == 0
                                                            ? next_random(&state) % 4
                                                            : i / 1000 % COUNT_OF(received)];
        taken = stamp_take(&without, parser, &b, &ns_b);
        assert_int_equal(stamp_take(&with, parser, &a, &ns_a), taken);
        assert_int_equal(a.len, b.len);
        assert_true(ns_a == ns_b);
        if (parser != stamp_parse_iso)
            continue;
        a = b = slice_make(text, len);
        taken = stamp_take_local(&without, &b, &ns_b);
        assert_int_equal(stamp_take_local(&with, &a, &ns_a), taken);
        assert_int_equal(a.len, b.len);
        assert_true(ns_a == ns_b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_memory_is_invisible)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
