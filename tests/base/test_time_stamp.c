/* tests/base/test_time_stamp.c -- stamps of all log formats. Seconds come from `date -u -d`. */
#include "base/time_stamp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define S(seconds) ((seconds) * NS_PER_SECOND)
#define MARCH      S(1772619342LL) /* 2026-03-04 10:15:42 */
#define MARCH_2000 S(952164942LL)  /* 2000-03-04 10:15:42 */

static const struct stamp_case {
    const char *name;
    stamp_parser *parse;
    const char *text;
    size_t eaten; /* 0: no stamp */
    int64_t time_ns;
    int digits;
    bool has_zone, has_year;
} stamp_cases[] = {
    {"rfc 3339", stamp_parse_iso, "2026-03-04T10:15:42Z rest", 20, MARCH, 0, true, true},
    {"milliseconds", stamp_parse_iso, "2026-03-04T10:15:42.118Z", 24, MARCH + 118000000, 3, true, true},
    {"python: comma, no zone", stamp_parse_iso, "2026-03-04 10:15:42,118 INFO", 23, MARCH + 118000000, 3, false, true},
    {"comma that is no fraction", stamp_parse_iso, "2026-03-04 10:15:42, text", 19, MARCH, 0, false, true},
    {"nine digits", stamp_parse_iso, "2026-03-04T10:15:42.123456789Z", 30, MARCH + 123456789, 9, true, true},
    {"a tenth digit is cut", stamp_parse_iso, "2026-03-04T10:15:42.1234567899Z", 31, MARCH + 123456789, 9, true, true},
    {"offset with colon", stamp_parse_iso, "2026-03-04T11:15:42+01:00", 25, MARCH, 0, true, true},
    {"offset without", stamp_parse_iso, "2026-03-04T11:15:42+0100: x", 24, MARCH, 0, true, true},
    {"offset west, half hour", stamp_parse_iso, "2026-03-04T06:45:42.5-0330]", 26, MARCH + 500000000, 1, true, true},
    {"offset after a blank", stamp_parse_iso, "2026-03-04 10:15:42 +0000] [603]", 25, MARCH, 0, true, true},
    {"hours alone: PostgreSQL", stamp_parse_iso, "2026-03-04 07:15:42.118 -03 [1]", 27, MARCH + 118000000, 3, true, true},
    {"zone name", stamp_parse_iso, "2026-03-04 10:15:42.118 UTC [1]", 27, MARCH + 118000000, 3, true, true},
    {"summer name whatever the date", stamp_parse_iso, "2026-03-04 12:15:42 CEST", 24, MARCH, 0, true, true},
    {"a level is no zone", stamp_parse_iso, "2026-03-04 10:15:42 INFO x", 19, MARCH, 0, false, true},
    {"a number is no zone", stamp_parse_iso, "2026-03-04 10:15:42 -5 x", 19, MARCH, 0, false, true},
    {"Zulu must end", stamp_parse_iso, "2026-03-04 10:15:42Zx", 19, MARCH, 0, false, true},
    {"small t and z", stamp_parse_iso, "2026-03-04t10:15:42z", 20, MARCH, 0, true, true},
    {"leap second", stamp_parse_iso, "2026-12-31T23:59:60Z", 20, S(1798761600LL), 0, true, true},
    {"leap day", stamp_parse_iso, "2024-02-29T12:00:00Z", 20, S(1709208000LL), 0, true, true},
    {"before the epoch", stamp_parse_iso, "1969-12-31T23:59:59.5Z", 22, -500000000, 1, true, true},
    {"last year", stamp_parse_iso, "2261-12-31T23:59:59Z", 20, S(9214646399LL), 0, true, true},
    {"first year", stamp_parse_iso, "1678-01-01T00:00:00Z", 20, S(-9214560000LL), 0, true, true},
    {"no leap day", stamp_parse_iso, "2026-02-29T12:00:00Z", 0, 0, 0, false, true},
    {"2100 is no leap year", stamp_parse_iso, "2100-02-29T12:00:00Z", 0, 0, 0, false, true},
    {"month 13", stamp_parse_iso, "2026-13-01T12:00:00Z", 0, 0, 0, false, true},
    {"month 0", stamp_parse_iso, "2026-00-01T12:00:00Z", 0, 0, 0, false, true},
    {"day 0", stamp_parse_iso, "2026-01-00T12:00:00Z", 0, 0, 0, false, true},
    {"hour 24", stamp_parse_iso, "2026-01-01T24:00:00Z", 0, 0, 0, false, true},
    {"minute 60", stamp_parse_iso, "2026-01-01T23:60:00Z", 0, 0, 0, false, true},
    {"second 61", stamp_parse_iso, "2026-01-01T23:00:61Z", 0, 0, 0, false, true},
    {"year before nanoseconds", stamp_parse_iso, "1677-01-01T00:00:00Z", 0, 0, 0, false, true},
    {"year after nanoseconds", stamp_parse_iso, "2262-01-01T00:00:00Z", 0, 0, 0, false, true},
    {"letter for a digit", stamp_parse_iso, "2026-03-O4T10:15:42Z", 0, 0, 0, false, true},
    {"cut", stamp_parse_iso, "2026-03-04T10:15:4", 0, 0, 0, false, true},
    {"empty", stamp_parse_iso, "", 0, 0, 0, false, true},
    {"nginx error", stamp_parse_slashed, "2026/03/04 10:15:42 [error]", 19, MARCH, 0, false, true},
    {"dashes are not slashes", stamp_parse_slashed, "2026-03-04 10:15:42", 0, 0, 0, false, true},
    {"common log format", stamp_parse_clf, "04/Mar/2026:11:15:42 +0100] \"GET", 26, MARCH, 0, true, true},
    {"django runserver", stamp_parse_clf, "04/Mar/2026 10:15:42] \"GET", 20, MARCH, 0, false, true},
    {"haproxy", stamp_parse_clf, "04/Mar/2026:10:15:42.118] web~", 24, MARCH + 118000000, 3, false, true},
    {"no month", stamp_parse_clf, "04/Mer/2026:10:15:42 +0100]", 0, 0, 0, false, true},
    {"clf cut", stamp_parse_clf, "04/Mar/2026:10:15:4", 0, 0, 0, false, true},
    {"rfc 3164, padded day", stamp_parse_syslog, "Mar  4 10:15:42 web1 app:", 15, MARCH_2000, 0, false, false},
    {"rfc 3164, leap day", stamp_parse_syslog, "Feb 29 12:00:00 web1", 15, S(951825600LL), 0, false, false},
    {"rfc 3164, zero for the blank", stamp_parse_syslog, "Mar 04 10:15:42.5 web1", 17, MARCH_2000 + 500000000, 1, false, false},
    {"cisco: with year", stamp_parse_syslog, "Mar  4 2026 10:15:42: %SYS", 20, MARCH, 0, false, true},
    {"day 31 of february", stamp_parse_syslog, "Feb 31 10:15:42 web1", 0, 0, 0, false, false},
    {"syslog cut in the day", stamp_parse_syslog, "Mar ", 0, 0, 0, false, false},
    {"syslog cut in the clock", stamp_parse_syslog, "Mar  4 10:15", 0, 0, 0, false, false},
    {"redis 5", stamp_parse_redis, "04 Mar 2026 10:15:42.118 * Ready", 24, MARCH + 118000000, 3, false, true},
    {"redis 3: no year", stamp_parse_redis, "04 Mar 10:15:42.118 * Ready", 19, MARCH_2000 + 118000000, 3, false, false},
    {"redis 2: no fraction", stamp_parse_redis, "04 Mar 10:15:42 * Ready", 15, MARCH_2000, 0, false, false},
    {"couchdb 1", stamp_parse_http, "Wed, 04 Mar 2026 10:15:42 GMT] [info]", 29, MARCH, 0, true, true},
    {"rfc 2822 offset", stamp_parse_http, "Wed, 4 Mar 2026 11:15:42 +0100", 30, MARCH, 0, true, true},
    {"apache 2.2", stamp_parse_asctime, "Wed Mar 04 10:15:42 2026] [error]", 24, MARCH, 0, false, true},
    {"apache 2.4", stamp_parse_asctime, "Wed Mar 04 10:15:42.118203 2026] [", 31, MARCH + 118203000, 6, false, true},
    {"asctime, padded day", stamp_parse_asctime, "Wed Mar  4 10:15:42 2026", 24, MARCH, 0, false, true},
    {"asctime without year", stamp_parse_asctime, "Wed Mar  4 10:15:42 ", 0, 0, 0, false, true},
    {"rabbitmq 3.6", stamp_parse_erlang, "4-Mar-2026::10:15:42 ===", 20, MARCH, 0, false, true},
    {"rabbitmq, padded", stamp_parse_erlang, " 4-Mar-2026::10:15:42 ===", 21, MARCH, 0, false, true},
    {"one colon", stamp_parse_erlang, "4-Mar-2026:10:15:42", 0, 0, 0, false, true},
    {"unix seconds", stamp_parse_epoch, "1772619342 x", 10, MARCH, 0, true, true},
    {"unix seconds, fraction", stamp_parse_epoch, "1772619342.118", 14, MARCH + 118000000, 3, true, true},
    {"unix milliseconds", stamp_parse_epoch, "1772619342118", 13, MARCH + 118000000, 3, true, true},
    {"unix milliseconds, fraction", stamp_parse_epoch, "1772619342118.25", 16, MARCH + 118250000, 5, true, true},
    {"unix microseconds", stamp_parse_epoch, "1772619342118203", 16, MARCH + 118203000, 6, true, true},
    {"unix nanoseconds", stamp_parse_epoch, "1772619342118203001", 19, MARCH + 118203001, 9, true, true},
    {"unix zero", stamp_parse_epoch, "0", 1, 0, 0, true, true},
    {"21 digits", stamp_parse_epoch, "177261934211820300111", 0, 0, 0, true, true},
    {"seconds beyond nanoseconds", stamp_parse_epoch, "99999999999", 0, 0, 0, true, true},
    {"no digit", stamp_parse_epoch, "-1", 0, 0, 0, true, true},
};

static void test_parse(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(stamp_cases); i++) {
        const struct stamp_case *c = &stamp_cases[i];
        struct stamp got;

        print_message("  %s\n", c->name);
        assert_int_equal(c->parse(slice_of(c->text), &got), c->eaten);
        if (c->eaten == 0)
            continue;
        assert_true(got.time_ns == c->time_ns);
        assert_int_equal(got.digits, c->digits);
        assert_int_equal(got.has_zone, c->has_zone);
        assert_int_equal(got.has_year, c->has_year);
    }
}

/* Every prefix of every case, in memory of exactly its size: nothing is read behind the end. */
static void test_prefixes(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(stamp_cases); i++)
        for (size_t len = 0; len <= strlen(stamp_cases[i].text); len++) {
            char *text = test_malloc(len + 1);
            struct stamp got;

            memcpy(text + 1, stamp_cases[i].text, len);
            assert_true(stamp_cases[i].parse(slice_make(text + 1, len), &got) <= len);
            test_free(text);
        }
}

static const struct year_case {
    const char *name, *text;
    int64_t reference_s, want_s;
} year_cases[] = {
    {"this year", "Mar  4 10:15:42", 1772668800, 1772619342},          /* 2026-03-05 */
    {"new year's eve, read in january", "Dec 31 23:59:59", 1767225660, 1767225599},
    {"january, clock of the reader behind", "Jan  1 00:00:00", 1767225599, 1767225600},
    {"one day ahead is this year", "Mar  4 10:15:42", 1772619342 - 86400, 1772619342},
    {"more than a day ahead is last year", "Mar  4 10:15:42", 1772619342 - 86401, 1741083342},
    {"leap day, read in 2026", "Feb 29 12:00:00", 1772668800, 1709208000}, /* 2024-02-29 */
};

static void test_year_is_guessed(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(year_cases); i++) {
        const struct year_case *c = &year_cases[i];
        struct stamp stamp;

        print_message("  %s\n", c->name);
        assert_true(stamp_parse_syslog(slice_of(c->text), &stamp) > 0);
        assert_true(stamp_resolve(&stamp, NULL, S(c->reference_s)) == S(c->want_s));
    }
}

static void test_ambiguous_name_asks_the_zone(void **unused)
{
    struct stamp stamp;
    struct zone *zone;
    struct error err = {0};

    (void)unused;
    if (zone_load(io_system(), "Asia/Shanghai", &zone, &err) != STATUS_OK)
        skip(); /* no tzdata here */
    assert_true(stamp_parse_iso(slice_of("2026-03-04 18:15:42 CST"), &stamp) > 0);
    assert_true(stamp_resolve(&stamp, zone, 0) == MARCH);                 /* China: +8 */
    assert_true(stamp_resolve(&stamp, NULL, 0) == MARCH + S(14 * 3600)); /* Chicago: -6 */
    zone_free(zone);
}

static void test_days(void **unused)
{
    (void)unused;
    /* by `date`: 1600-03-01 is day -135080, 2100-03-01 day 47541 */
    assert_int_equal(days_of_date((struct civil_date){1970, 1, 1}), 0);
    assert_int_equal(days_of_date((struct civil_date){2100, 3, 1}), 47541);
    assert_true(days_of_date((struct civil_date){1600, 3, 1}) == -135080);
    for (int64_t days = -200000; days < 200000; days++) {
        struct civil_date date = date_of_days(days);

        assert_true(days_of_date(date) == days);
        assert_true(date.year < STAMP_YEAR_MIN || date_is_valid(date) || date.year > STAMP_YEAR_MAX);
    }
}

static void test_print(void **unused)
{
    char text[STAMP_TEXT_SIZE];

    (void)unused;
    assert_int_equal(stamp_print(MARCH + 118203001, 0, text), 20);
    assert_string_equal(text, "2026-03-04T10:15:42Z");
    (void)stamp_print(MARCH + 118203001, 3, text);
    assert_string_equal(text, "2026-03-04T10:15:42.118Z");
    (void)stamp_print(MARCH + 118203001, 12, text);
    assert_string_equal(text, "2026-03-04T10:15:42.118203001Z");
    (void)stamp_print(-1, 9, text);
    assert_string_equal(text, "1969-12-31T23:59:59.999999999Z");
    assert_true(stamp_print(INT64_MIN, 9, text) == 30);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_prefixes),
        cmocka_unit_test(test_year_is_guessed),
        cmocka_unit_test(test_ambiguous_name_asks_the_zone),
        cmocka_unit_test(test_days),
        cmocka_unit_test(test_print),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
