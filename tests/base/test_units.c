/* tests/base/test_units.c -- durations, sizes and instants as users write them. */
#include "base/units.h"

#include "base/time_stamp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const struct duration_case {
    const char *text;
    enum status status;
    int64_t ns;
    const char *printed;
} duration_cases[] = {
    {"0", STATUS_OK, 0, "0s"},
    {"5s", STATUS_OK, 5000000000, "5s"},
    {"1h30m", STATUS_OK, 5400000000000, "1h30m"},
    {"90m", STATUS_OK, 5400000000000, "1h30m"},
    {"500ms", STATUS_OK, 500000000, "500ms"},
    {"1.5ms", STATUS_OK, 1500000, "1ms500us"},
    {"0.1h", STATUS_OK, 360000000000, "6m"},
    {"2w", STATUS_OK, 1209600000000000, "14d"},
    {"1y", STATUS_OK, 31536000000000000, "365d"},
    {"7us", STATUS_OK, 7000, "7us"},
    {"7\xc2\xb5s", STATUS_OK, 7000, "7us"},
    {"7\xce\xbcs", STATUS_OK, 7000, "7us"},
    {"9ns", STATUS_OK, 9, "9ns"},
    {"-1d2h", STATUS_OK, -93600000000000, "-1d2h"},
    {"292y", STATUS_OK, 9208512000000000000, "106580d"},
    {"293y", STATUS_INVALID, 0, NULL},
    {"99999999999999999999s", STATUS_INVALID, 0, NULL},
    {"5", STATUS_INVALID, 0, NULL},
    {"", STATUS_INVALID, 0, NULL},
    {"-", STATUS_INVALID, 0, NULL},
    {"s", STATUS_INVALID, 0, NULL},
    {"1h 30m", STATUS_INVALID, 0, NULL},
    {"1H", STATUS_INVALID, 0, NULL},
    {"1.h", STATUS_INVALID, 0, NULL},
    {"1h30", STATUS_INVALID, 0, NULL},
};

static void test_duration(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(duration_cases); i++) {
        const struct duration_case *c = &duration_cases[i];
        char printed[UNITS_TEXT_SIZE];
        struct error err = {0};
        int64_t ns = 0;

        print_message("  \"%s\"\n", c->text);
        assert_int_equal(duration_parse(slice_of(c->text), &ns, &err), c->status);
        if (c->status != STATUS_OK)
            continue;
        assert_true(ns == c->ns);
        assert_int_equal(duration_print(ns, printed), strlen(c->printed));
        assert_string_equal(printed, c->printed);
    }
}

static const struct size_case {
    const char *text;
    enum status status;
    uint64_t size;
    const char *printed;
} size_cases[] = {
    {"0", STATUS_OK, 0, "0B"},
    {"1001", STATUS_OK, 1001, "1001B"},
    {"10KB", STATUS_OK, 10000, "10KB"},
    {"10K", STATUS_OK, 10000, "10KB"},
    {"10KiB", STATUS_OK, 10240, "10KiB"},
    {"10kib", STATUS_OK, 10240, "10KiB"},
    {"1Mi", STATUS_OK, 1048576, "1MiB"},
    {"1.5MB", STATUS_OK, 1500000, "1500KB"},
    {"0.5 GiB", STATUS_OK, 536870912, "512MiB"},
    {"2TB", STATUS_OK, 2000000000000, "2TB"},
    {"3TiB", STATUS_OK, 3298534883328, "3TiB"},
    {"16777216TiB", STATUS_INVALID, 0, NULL}, /* 2^64 */
    {"-1", STATUS_INVALID, 0, NULL},
    {"1KX", STATUS_INVALID, 0, NULL},
    {"KB", STATUS_INVALID, 0, NULL},
    {"", STATUS_INVALID, 0, NULL},
};

static void test_size(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(size_cases); i++) {
        const struct size_case *c = &size_cases[i];
        char printed[UNITS_TEXT_SIZE];
        struct error err = {0};
        uint64_t size = 0;

        print_message("  \"%s\"\n", c->text);
        assert_int_equal(size_parse(slice_of(c->text), &size, &err), c->status);
        if (c->status != STATUS_OK)
            continue;
        assert_true(size == c->size);
        assert_int_equal(size_print(size, printed), strlen(c->printed));
        assert_string_equal(printed, c->printed);
    }
}

#define NOW   (1772619342 * NS_PER_SECOND)
#define MS(n) ((n) * NS_PER_MS)

/* Seconds by `date -u -d`. */
static const struct instant_case {
    const char *text;
    enum status status;
    int64_t from_ms, until_ms;
} instant_cases[] = {
    {"2026", STATUS_OK, 1767225600000, 1798761600000},
    {"2026-03", STATUS_OK, 1772323200000, 1775001600000},
    {"2026-12", STATUS_OK, 1796083200000, 1798761600000},
    {"2026-03-02", STATUS_OK, 1772409600000, 1772496000000},
    {"2026-03-02T14", STATUS_OK, 1772460000000, 1772463600000},
    {"2026-03-02T14:05", STATUS_OK, 1772460300000, 1772460360000},
    {"2026-03-02 14:05", STATUS_OK, 1772460300000, 1772460360000},
    {"2026-03-02T14:05Z", STATUS_OK, 1772460300000, 1772460360000},
    {"2026-03-02T15:05+01:00", STATUS_OK, 1772460300000, 1772460360000},
    {"2026-03-02T14:05:00", STATUS_OK, 1772460300000, 1772460301000},
    {"2026-03-02T14:05:00Z", STATUS_OK, 1772460300000, 1772460301000},
    {"2026-03-02T14:05:00.25Z", STATUS_OK, 1772460300250, 1772460300260},
    {"1772460300", STATUS_OK, 1772460300000, 1772460301000},
    {"1772460300250", STATUS_OK, 1772460300250, 1772460300251},
    {"1772460300.250", STATUS_OK, 1772460300250, 1772460300251},
    {"now", STATUS_OK, 1772619342000, 1772619342000},
    {"now-1h30m", STATUS_OK, 1772613942000, 1772613942000},
    {"now+1s", STATUS_OK, 1772619343000, 1772619343000},
    {"1h", STATUS_OK, 1772615742000, 1772615742000},
    {"-1h", STATUS_OK, 1772615742000, 1772615742000},
    {"2026-13", STATUS_INVALID, 0, 0},
    {"2026-02-29", STATUS_INVALID, 0, 0},
    {"2026-3", STATUS_INVALID, 0, 0},
    {"2026-03-02T", STATUS_INVALID, 0, 0},
    {"2026-03-02T14:5", STATUS_INVALID, 0, 0},
    {"2026Z", STATUS_INVALID, 0, 0},
    {"9999", STATUS_INVALID, 0, 0},
    {"yesterday", STATUS_INVALID, 0, 0},
    {"now-", STATUS_INVALID, 0, 0},
    {"now1h", STATUS_INVALID, 0, 0},
    {"now--1h", STATUS_INVALID, 0, 0},
    {"", STATUS_INVALID, 0, 0},
    {"5", STATUS_INVALID, 0, 0}, /* 5s or 5m is meant */
    {"20260302", STATUS_INVALID, 0, 0}, /* a Unix time in August 1970 */
    {"31535999", STATUS_INVALID, 0, 0}, /* 1970-12-31T23:59:59Z */
    {"31536000", STATUS_OK, 31536000000, 31536001000},
    {"0", STATUS_OK, 0, 1000},
};

static void test_instant(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(instant_cases); i++) {
        const struct instant_case *c = &instant_cases[i];
        struct instant got = {0};
        struct error err = {0};

        print_message("  \"%s\"\n", c->text);
        assert_int_equal(instant_parse(slice_of(c->text), NULL, NOW, &got, &err), c->status);
        if (c->status != STATUS_OK)
            continue;
        assert_true(got.from_ns == MS(c->from_ms));
        assert_true(got.until_ns == MS(c->until_ms));
    }
}

/* The day of the autumn change has 25 hours: 2026-10-24T22:00Z to 2026-10-25T23:00Z. */
static void test_instant_in_zone(void **unused)
{
    struct instant got;
    struct zone *zone;

    (void)unused;
    if (zone_load(io_system(), "Europe/Berlin", &zone, NULL) != STATUS_OK)
        skip();
    assert_int_equal(instant_parse(slice_of("2026-10-25"), zone, NOW, &got, NULL), STATUS_OK);
    assert_true(got.from_ns == 1792879200 * NS_PER_SECOND);
    assert_true(got.until_ns - got.from_ns == 25 * NS_PER_HOUR);
    zone_free(zone);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_duration),
        cmocka_unit_test(test_size),
        cmocka_unit_test(test_instant),
        cmocka_unit_test(test_instant_in_zone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
