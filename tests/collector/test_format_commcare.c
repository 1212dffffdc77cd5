/* tests/collector/test_format_commcare.c -- CommCare's measuring logs and formplayer's bodies. Values
 * are read off the lines by hand; the rules are in collector/formats/README.md. */
#include "collector/formats/formats.h"
#include "format_case.h"

#define T084 "2026-04-02T09:20:11.084000Z"

static const struct format_case commcare_timing_cases[] = {
    {.name = "ucr_timing",
     .event = "2026-04-02 09:20:11,084\triver-clinic\tstatic-visits\t{'a': 1}\t0:00:01.500000\t0:00:"
              "00.250000",
     .time = T084, .level = LEVEL_INFO,
     .fields = {"tenant=river-clinic", "duration=0:00:01.500000 own"}},
    {.name = "filters with tabs; durations in seconds",
     .event = "2026-04-02 09:20:11,084\triver-clinic\tcfg\ta\tb\tc\t1.5\t0.25", .time = T084,
     .level = LEVEL_INFO, .fields = {"tenant=river-clinic", "duration=1.5 s"}},
    {.name = "cut behind the tenant", .event = "2026-04-02 09:20:11,084\triver-clinic",
     .time = T084, .level = LEVEL_INFO},
    {.name = "formplayer_timing", .event = "2026-04-02 09:20:11,084, submit-all, 0:00:01.5, 0:00:02",
     .time = T084, .level = LEVEL_INFO, .fields = {"duration=0:00:01.5 own"}},
    {.name = "formplayer_timing: a day has a comma",
     .event = "2026-04-02 09:20:11,084, submit-all, 1 day, 0:00:01, 0:00:02", .time = T084,
     .level = LEVEL_INFO, .fields = {"duration=1 day, 0:00:01 own"}},
    {.name = "kafka_audit", .event = "2026-04-02 09:20:11,084,form-sql 12 -> 13", .time = T084,
     .level = LEVEL_INFO},
    {.name = "metric as text",
     .event = "commcare.sms.outbound 1775121611 -2.5 metric_type=counter tag=x",
     .time = "2026-04-02T09:20:11.000000Z", .level = LEVEL_INFO},
    {.name = "python logging is another format", .event = "2026-04-02 09:20:11,084 INFO [a] b",
     .refused = true},
    {.name = "a metric without its type", .event = "a.b 1775121611 1 x=y", .refused = true},
    {.name = "Borked", .event = "Borked", .refused = true},
};

static const struct format_case formplayer_bodies_cases[] = {
    {.name = "all keys",
     .event = "{\"requestBody\":{\"x\":\"{\\\"y\\\"}\"},\"restoreAs\":\"nurse4\",\"sourceIpAddr\":"
              "\"10.31.4.18\",\"username\":\"bob@example.org\",\"projectSpace\":\"river-clinic\","
              "\"requestUrl\":\"https://hq.example.org/formplayer/navigate_menu?x=1\",\"date\":"
              "\"2026-04-02T09:20:11.084Z\",\"responseBody\":\"big\",\"responseCode\":500}",
     .time = T084, .level = LEVEL_ERROR,
     .fields = {"client=10.31.4.18", "user=bob@example.org", "tenant=river-clinic",
                "path=/formplayer/navigate_menu", "status=500"}},
    {.name = "a path instead of a URL; the code is a text",
     .event = "{\"projectSpace\":null,\"requestUrl\":\"/submit-all\",\"responseCode\":\"200\"}",
     .level = LEVEL_INFO, .fields = {"path=/submit-all", "status=200"}},
    {.name = "a body that names the keys is not the keys",
     .event = "{\"requestBody\":\"\\\"requestUrl\\\": \\\"projectSpace\\\": x\"}", .refused = true},
    {.name = "cut", .event = "{\"projectSpace\":\"a\",\"requestUrl\":\"/x", .refused = true},
    {.name = "Borked", .event = "Borked", .refused = true},
};

#define TEST_OF(name)                                                                              \
    static void test_##name(void **unused)                                                         \
    {                                                                                              \
        (void)unused;                                                                              \
        CHECK_CASES(&format_##name, name##_cases);                                                 \
    }

TEST_OF(commcare_timing)
TEST_OF(formplayer_bodies)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commcare_timing),
        cmocka_unit_test(test_formplayer_bodies),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
