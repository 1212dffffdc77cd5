/* tests/base/test_zone.c -- zones against the C library, and damaged zone files. */
#include "base/zone.h"

#include "base/time_stamp.h"
#include "tests/support/sim_io.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

static const char *const zone_names[] = {
    "Europe/Berlin", "America/New_York",    "America/Sao_Paulo", "Asia/Kolkata", "Australia/Sydney",
    "Africa/Dakar",  "America/Los_Angeles", "Asia/Kathmandu",    "Europe/Dublin", "Africa/Casablanca",
};

/* Offset and abbreviation every 5 hours from 1970 to 2060 are those of localtime_r(3). */
static void test_offsets_are_those_of_the_c_library(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(zone_names); i++) {
        struct zone *zone;
        struct error err = {0};

        print_message("  %s\n", zone_names[i]);
        if (zone_load(io_system(), zone_names[i], &zone, &err) != STATUS_OK)
            skip(); /* no tzdata here */
        assert_int_equal(setenv("TZ", zone_names[i], 1), 0);
        tzset();
        for (time_t at = 0; at < 2840140800; at += 18000) {
            const char *abbreviation;
            struct tm want;

            assert_non_null(localtime_r(&at, &want));
            if (zone_offset_at(zone, at, &abbreviation) != want.tm_gmtoff)
                fail_msg("at %lld", (long long)at);
            assert_string_equal(abbreviation, want.tm_zone);
        }
        zone_free(zone);
    }
    assert_int_equal(unsetenv("TZ"), 0);
    tzset();
}

static const struct local_case {
    const char *name, *zone, *local;
    int64_t utc_s; /* by `TZ=... date -d`; where it is ambiguous, with CEST or CET given */
} local_cases[] = {
    {"before the autumn change", "Europe/Berlin", "2026-10-25 01:59:59", 1792886399},
    {"repeated hour: the first occurrence", "Europe/Berlin", "2026-10-25 02:30:00", 1792888200},
    {"after the autumn change", "Europe/Berlin", "2026-10-25 03:00:00", 1792893600},
    {"before the spring change", "Europe/Berlin", "2026-03-29 01:59:59", 1774745999},
    {"skipped hour: moved on", "Europe/Berlin", "2026-03-29 02:30:00", 1774747800}, /* 03:30 CEST */
    {"after the spring change", "Europe/Berlin", "2026-03-29 03:00:00", 1774746000},
    {"beyond the table of the file", "Europe/Berlin", "2060-07-01 12:00:00", 2855901600},
    {"utc", "UTC", "2026-03-04 10:15:42", 1772619342},
    {"fixed east", "+05:30", "2026-03-04 15:45:42", 1772619342},
    {"fixed west", "-0330", "2026-03-04 06:45:42", 1772619342},
};

static void test_local_to_utc(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(local_cases); i++) {
        const struct local_case *c = &local_cases[i];
        struct stamp stamp;
        struct zone *zone;

        print_message("  %s\n", c->name);
        if (zone_load(io_system(), c->zone, &zone, NULL) != STATUS_OK)
            skip();
        assert_true(stamp_parse_iso(slice_of(c->local), &stamp) > 0);
        assert_true(zone_to_utc(zone, stamp.time_ns) == c->utc_s * NS_PER_SECOND);
        zone_free(zone);
    }
}

static void test_bad_names(void **unused)
{
    static const char *const names[] = {"", "../../etc/passwd", "/etc/localtime", "Europe/Berln",
                                        "+15:00", "+5", "Europe", "a\nb", "+05:3x"};

    (void)unused;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        struct zone *zone;
        struct error err = {0};

        print_message("  %s\n", names[i]);
        assert_int_not_equal(zone_load(io_system(), names[i], &zone, &err), STATUS_OK);
        assert_true(err.message[0] != '\0');
    }
}

/* A file as zic writes it, cut at every byte and with every byte flipped: never a crash, and a cut
 * one is never taken. */
static void test_damaged_files(void **unused)
{
    static const char path[] = "/usr/share/zoneinfo/Europe/Berlin";
    struct sim_io *sim = sim_io_new(1);
    struct io *io = sim_io_table(sim);
    struct buf text = buf_empty(65536);

    (void)unused;
    if (io_read_file(io_system(), path, &text, NULL) != STATUS_OK)
        skip();
    assert_int_equal(io_make_dirs(io, "/usr/share/zoneinfo/Europe", NULL), STATUS_OK);
    for (size_t i = 0; i < text.len; i++) {
        struct zone *zone;

        assert_int_equal(io_replace_file(io, path, slice_first(buf_slice(&text), i), NULL), STATUS_OK);
        assert_int_equal(zone_load(io, "Europe/Berlin", &zone, NULL), STATUS_CORRUPT);
        text.data[i] = (char)~text.data[i];
        assert_int_equal(io_replace_file(io, path, buf_slice(&text), NULL), STATUS_OK);
        if (zone_load(io, "Europe/Berlin", &zone, NULL) == STATUS_OK)
            zone_free(zone);
        text.data[i] = (char)~text.data[i];
    }
    buf_release(&text);
    sim_io_free(sim);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_offsets_are_those_of_the_c_library),
        cmocka_unit_test(test_local_to_utc),
        cmocka_unit_test(test_bad_names),
        cmocka_unit_test(test_damaged_files),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
