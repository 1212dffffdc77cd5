/* tests/collector/test_format_other.c -- syslog, JSON lines, logfmt. Expected values are read off the
 * lines by hand; the rules are in collector/formats/README.md, RFC 3164 and RFC 5424. */
#include "collector/formats/formats.h"
#include "format_case.h"

#define T11 "2026-04-02T09:20:11.000000Z"

static const struct format_case syslog_cases[] = {
    {.name = "RFC 3164 with priority; no year",
     .event = "<34>Apr  2 09:20:11 web1 su[77]: 'su root' failed", .time = T11, .level = LEVEL_CRIT,
     .fields = {"hostname=web1", "app=su", "pid=77", "~facility=auth"}},
    {.name = "a date ahead of today is last year's",
     .event = "Dec 24 09:20:11 web1 cron: x", .time = "2025-12-24T09:20:11.000000Z",
     .level = LEVEL_INFO, .fields = {"hostname=web1", "app=cron"}},
    {.name = "no host", .event = "<13>Apr  2 09:20:11 app[5]: x", .time = T11,
     .level = LEVEL_NOTICE, .fields = {"app=app", "pid=5", "~facility=user"}},
    {.name = "kernel", .event = "Apr  2 09:20:11 web1 kernel: [12345.678901] oom", .time = T11,
     .level = LEVEL_INFO, .fields = {"hostname=web1", "app=kernel"}},
    {.name = "rsyslog's ISO form, tag with a slash",
     .event = "2026-04-02T09:20:11.204417+02:00 web1 postfix/smtpd[9]: x",
     .time = "2026-04-02T07:20:11.204417Z", .level = LEVEL_INFO,
     .fields = {"hostname=web1", "app=postfix/smtpd", "pid=9"}},
    {.name = "commands.log", .event = "<183>Apr  2 09:20:11 control deploy: ansible : ls -la",
     .time = T11, .level = LEVEL_DEBUG,
     .fields = {"hostname=control", "app=deploy", "~facility=local6"}},
    {.name = "RFC 5424, structured data with brackets and quotes, BOM",
     .event = "<165>1 2026-04-02T09:20:11.003Z host.example evntslog 8710 ID47 [a@1 k=\"v\\\"]\" "
              "x=\"y\"][b@2] \xef\xbb\xbfmsg",
     .time = "2026-04-02T09:20:11.003000Z", .level = LEVEL_NOTICE,
     .fields = {"hostname=host.example", "app=evntslog", "pid=8710", "~facility=local4"}},
    {.name = "RFC 5424, all nil", .event = "<191>1 - - - - - -", .level = LEVEL_DEBUG,
     .fields = {"~facility=local7"}},
    {.name = "octet count of TCP", .event = "46 <34>Apr  2 09:20:11 web1 su[77]: 'su root' x",
     .time = T11, .level = LEVEL_CRIT,
     .fields = {"hostname=web1", "app=su", "pid=77", "~facility=auth"}},
    {.name = "HAProxy's state inside: the level of the state",
     .event = "<129>Apr  2 09:20:15 px haproxy[9]: Server hq/web1 is DOWN, reason: x", .time =
     "2026-04-02T09:20:15.000000Z", .level = LEVEL_ALERT,
     .fields = {"hostname=px", "app=haproxy", "pid=9", "~facility=local0", "backend=hq",
                "server=web1"}},
    {.name = "priority over 191", .event = "<192>1 - - - - - -", .refused = true},
    {.name = "priority with leading zeros", .event = "<013>1 - - - - - -", .level = LEVEL_NOTICE,
     .fields = {"~facility=user"}},
    {.name = "PostgreSQL inside, chunk number, its own time wins",
     .event = "Apr  2 09:20:15 db1 postgres[5230]: [7-1] 2026-04-02 09:20:11.640 UTC [5230] rw@hq "
              "ERROR:  no",
     .time = "2026-04-02T09:20:11.640000Z", .level = LEVEL_ERROR,
     .fields = {"hostname=db1", "app=postgres", "pid=5230", "pid=5230", "user=rw", "database=hq"}},
    {.name = "nginx inside",
     .event = "<190>Apr  2 09:20:15 px nginx: 10.0.0.1 - - [02/Apr/2026:09:20:11 +0000] \"GET /x "
              "HTTP/1.1\" 500 5 \"-\" \"M\"",
     .time = T11, .level = LEVEL_ERROR,
     .fields = {"hostname=px", "app=nginx", "~facility=local7", "client=10.0.0.1", "method=GET",
                "path=/x", "status=500", "bytes=5 B", "agent=M"}},
    {.name = "HAProxy inside",
     .event = "Apr  2 09:20:15 px haproxy[9]: 10.0.0.1:5 [02/Apr/2026:09:20:11.318] fe be/s1 "
              "0/0/2/84/86 503 12 - - ---- 4/4/1/1/0 0/0 \"GET /db HTTP/1.1\"",
     .time = "2026-04-02T09:20:11.318000Z", .level = LEVEL_ERROR,
     .fields = {"hostname=px", "app=haproxy", "pid=9", "client=10.0.0.1", "backend=be", "server=s1",
                "upstream_duration=84 ms", "duration=86 ms", "status=503", "bytes=12 B",
                "termination=----", "method=GET", "path=/db"}},
    {.name = "a tag whose message is not of its format",
     .event = "<190>Apr  2 09:20:11 px nginx: hello", .time = T11, .level = LEVEL_INFO,
     .fields = {"hostname=px", "app=nginx", "~facility=local7"}},
    {.name = "cut behind the bracket", .event = "<", .refused = true},
    {.name = "Borked", .event = "Borked", .refused = true},
};

static const struct format_case json_cases[] = {
    {.name = "our names, others, nested, array",
     .event = "{\"time\":\"2026-04-02T09:20:11Z\",\"level\":\"WARN\",\"status\":200,\"user\":"
              "\"bob\",\"a\":{\"b\":{\"c\":1.5}},\"tags\":[\"x\",1],\"ok\":true,\"none\":null}",
     .time = T11, .level = LEVEL_WARNING,
     .fields = {"status=200", "user=bob", "a.b.c=1.5", "tags=[\"x\",1]", "ok=true"}},
    {.name = "level from the status when there is none",
     .event = "{\"ts\":1775121611,\"status\":\"503\",\"path\":\"/a/t/x\"}", .time = T11,
     .level = LEVEL_ERROR, .fields = {"status=503", "path=/a/t/x"}},
    {.name = "@timestamp before time, whatever the order",
     .event = "{\"time\":\"2000-01-01T00:00:00Z\",\"@timestamp\":\"2026-04-02T09:20:11Z\"}",
     .time = T11, .level = LEVEL_INFO},
    {.name = "the last of equal keys wins", .event = "{\"a\":1,\"b\":2,\"a\":3}",
     .level = LEVEL_INFO, .fields = {"a=3", "b=2"}},
    {.name = "escapes are undone", .event = "{\"m\":\"a\\n\\\"b\\\" \\u00e9\\ud83d\\ude00\"}",
     .level = LEVEL_INFO, .fields = {"~m=a\n\"b\" \xc3\xa9\xf0\x9f\x98\x80"}},
    {.name = "pino's numbers", .event = "{\"level\":50,\"time\":1775121611640,\"pid\":7}",
     .time = "2026-04-02T09:20:11.640000Z", .level = LEVEL_ERROR, .fields = {"pid=7"}},
    {.name = "sizes and durations by their keys",
     .event = "{\"bytes\":12,\"duration_ms\":1.5,\"client\":\"10.0.0.1\"}", .level = LEVEL_INFO,
     .fields = {"bytes=12 B", "duration_ms=1.5 ms", "client=10.0.0.1"}},
    {.name = "our own names cannot be forged", .event = "{\"_time\":1,\"_msg\":\"x\",\"a\":\"b\"}",
     .level = LEVEL_INFO, .fields = {"a=b"}},
    {.name = "text behind the object", .event = "{\"a\":1} x", .refused = true},
    {.name = "an array is no object", .event = "[1]", .refused = true},
    {.name = "cut", .event = "{\"a\":1", .refused = true},
};

static const struct format_case logfmt_cases[] = {
    {.name = "usual",
     .event = "time=2026-04-02T09:20:11Z level=warn msg=\"a \\\"b\\\"\" status=404 duration=1.5ms "
              "empty= flag",
     .time = T11, .level = LEVEL_WARNING,
     .fields = {"~msg=a \"b\"", "status=404", "duration=1.5ms own"}},
    {.name = "ts as epoch, caller", .event = "ts=1775121611.5 caller=main.go:7 level=info n=-5",
     .time = "2026-04-02T09:20:11.500000Z", .level = LEVEL_INFO,
     .fields = {"caller=main.go:7", "n=-5"}},
    {.name = "words between", .event = "level=error failed to open path=/x err=EOF",
     .level = LEVEL_ERROR, .fields = {"path=/x", "err=EOF"}},
    {.name = "a quote without end is part of the value", .event = "level=info a=\"b c=d",
     .level = LEVEL_INFO, .fields = {"a=\"b", "c=d"}},
    {.name = "one pair is no logfmt", .event = "a=b", .refused = true},
    {.name = "Borked", .event = "Borked", .refused = true},
};

#define TEST_OF(name, format)                                                                      \
    static void test_##name(void **unused)                                                         \
    {                                                                                              \
        (void)unused;                                                                              \
        CHECK_CASES(&format, name##_cases);                                                        \
    }

TEST_OF(syslog, format_syslog)
TEST_OF(json, format_json)
TEST_OF(logfmt, format_logfmt)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_syslog),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_logfmt),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
