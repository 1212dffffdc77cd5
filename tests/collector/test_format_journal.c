/* tests/collector/test_format_journal.c -- the journal's export format and its JSON. The layout is that
 * of systemd's document "Journal Export Formats"; values are read off the entries by hand. */
#include "base/buf.h"
#include "base/byteorder.h"
#include "collector/formats/formats.h"
#include "collector/formats/scan.h"
#include "collector/source_parser.h"
#include "format_case.h"

#include <stdio.h>

#define T318 "2026-04-02T09:20:11.318000Z"

static const struct format_case journald_cases[] = {
    {.name = "export: the sender's time is preferred",
     .event = "__CURSOR=s=1;i=2\n__REALTIME_TIMESTAMP=1775121611999999\n__MONOTONIC_TIMESTAMP=1\n"
              "_BOOT_ID=ab\nPRIORITY=3\nSYSLOG_FACILITY=3\nSYSLOG_IDENTIFIER=app\n_PID=77\n_COMM="
              "python3\n_SYSTEMD_UNIT=app.service\n_HOSTNAME=web1\nMESSAGE=a=b\n"
              "_SOURCE_REALTIME_TIMESTAMP=1775121611318000\n",
     .time = T318, .level = LEVEL_ERROR,
     .fields = {"hostname=web1", "app=app", "program=app.service", "pid=77", "~facility=daemon"}},
    {.name = "export: no priority, no message, no identifier",
     .event = "__CURSOR=x\n__REALTIME_TIMESTAMP=1775121611318000\n_COMM=cron", .time = T318,
     .level = LEVEL_INFO, .fields = {"app=cron"}},
    {.name = "export: the first of repeated keys",
     .event = "__CURSOR=x\n__REALTIME_TIMESTAMP=1775121611318000\n_PID=1\n_PID=2\n", .time = T318,
     .level = LEVEL_INFO, .fields = {"pid=1"}},
    {.name = "export: the message is read by its program's format",
     .event = "__CURSOR=x\n__REALTIME_TIMESTAMP=1775121612000000\nPRIORITY=6\nSYSLOG_IDENTIFIER="
              "haproxy\nMESSAGE=10.0.0.1:5 [02/Apr/2026:09:20:11.318] fe be/s1 0/0/2/84/86 503 12 "
              "- - ---- 4/4/1/1/0 0/0 \"GET /db HTTP/1.1\"\n",
     .time = T318, .level = LEVEL_ERROR,
     .fields = {"app=haproxy", "client=10.0.0.1", "backend=be", "server=s1",
                "upstream_duration=84 ms", "duration=86 ms", "status=503", "bytes=12 B",
                "termination=----", "method=GET", "path=/db"}},
    {.name = "export: the unit names the program behind an interpreter",
     .event = "__CURSOR=x\n__REALTIME_TIMESTAMP=1775121612000000\nSYSLOG_IDENTIFIER=python3\n"
              "_SYSTEMD_UNIT=gunicorn-web.service\nMESSAGE=[2026-04-02 09:20:11 +0000] [603] "
              "[CRITICAL] WORKER TIMEOUT (pid:1190)\n",
     .time = "2026-04-02T09:20:11.000000Z", .level = LEVEL_CRIT,
     .fields = {"app=python3", "program=gunicorn-web.service", "pid=603"}},
    {.name = "export: no time", .event = "__CURSOR=x\nMESSAGE=y\n", .refused = true},
    {.name = "JSON",
     .event = "{\"__CURSOR\":\"x\",\"__REALTIME_TIMESTAMP\":\"1775121611318000\",\"PRIORITY\":\"4\","
              "\"_HOSTNAME\":\"web1\",\"SYSLOG_IDENTIFIER\":\"app\",\"_PID\":\"77\",\"MESSAGE\":"
              "\"hi\",\"SYSLOG_FACILITY\":\"23\"}",
     .time = T318, .level = LEVEL_WARNING,
     .fields = {"hostname=web1", "app=app", "pid=77", "~facility=local7"}},
    {.name = "JSON: bytes that are no UTF-8, read by the program's format",
     .event = "{\"__REALTIME_TIMESTAMP\":\"1775121612000000\",\"SYSLOG_IDENTIFIER\":\"celery\","
              "\"MESSAGE\":[91,50,48,50,54,45,48,52,45,48,50,32,48,57,58,50,48,58,49,49,44,51,49,56,"
              "58,32,69,82,82,79,82,47,77,93,32,120,255]}",
     .time = T318, .level = LEVEL_ERROR, .fields = {"app=celery", "~thread=M"}},
    {.name = "JSON: a number that is no byte",
     .event = "{\"__REALTIME_TIMESTAMP\":\"1775121611318000\",\"MESSAGE\":[1,256]}", .time = T318,
     .level = LEVEL_INFO},
    {.name = "JSON: null and an array of texts",
     .event = "{\"__REALTIME_TIMESTAMP\":\"1775121611318000\",\"_PID\":null,\"MESSAGE\":[\"a\"]}",
     .time = T318, .level = LEVEL_INFO},
    {.name = "JSON: cut", .event = "{\"__REALTIME_TIMESTAMP\":\"17", .refused = true},
    {.name = "Borked", .event = "Borked", .refused = true},
};

static void test_cases(void **unused)
{
    (void)unused;
    CHECK_CASES(&format_journald, journald_cases);
}

/* ---- values with a length ---- */

static void put_entry(struct buf *out, unsigned number, struct slice message)
{
    uint8_t len[8];

    put_le64(len, message.len);
    assert_true(buf_printf(out, "__CURSOR=s=%u\n__REALTIME_TIMESTAMP=%u000000\nMESSAGE\n", number,
                           1775121600 + number));
    assert_true(buf_append(out, len, sizeof(len)));
    assert_true(buf_append_slice(out, message));
    assert_true(buf_printf(out, "\n_PID=%u\n\n", number + 1));
}

static const struct slice messages[] = {
    SLICE_INIT("two\nlines"),
    SLICE_INIT("ten bytes\n"), /* its length is a newline */
    SLICE_INIT("a\n\n__CURSOR=forged\n__REALTIME_TIMESTAMP=1\n\nb"),
    SLICE_INIT(""),
    SLICE_INIT("\n"),
    SLICE_INIT("MESSAGE\n12345678"),
    SLICE_INIT("\0\0\xff\xfe"),
    SLICE_INIT("{\"__REALTIME_TIMESTAMP\":\"1\"}\n{"),
};

static uint16_t format_index(void *user, const struct format *format)
{
    (void)user;
    return format == &format_journald ? 1 : 0;
}

/* Whatever a message holds, each entry is one event, with the time and the process of the entry. */
static void test_binary_values(void **unused)
{
    struct buf text = buf_empty(1 << 20);
    struct arena arena = arena_empty(16 << 20);
    struct event_sink sink = {.arena = &arena, .format_index = format_index};
    struct format_settings settings = {.path = SLICE_LITERAL("x")};
    struct derive_rules *rules;
    struct source_parser *parser;
    struct slice rest, line;
    struct error err = {0};
    uint64_t offset = 0;

    (void)unused;
    for (unsigned i = 0; i < COUNT_OF(messages); i++)
        put_entry(&text, i, messages[i]);
    rest = buf_slice(&text);
    assert_int_equal(derive_rules_new(NULL, &rules, &err), STATUS_OK);
    assert_int_equal(source_parser_new(NULL, &settings, case_names(), rules, &parser, &err),
                     STATUS_OK);
    while (slice_cut(&rest, '\n', &line)) {
        struct source_line one = {
            .bytes = line, .offset = offset, .source_len = (uint32_t)line.len + 1};

        offset += one.source_len;
        assert_int_equal(source_parser_feed(parser, &one, INT64_C(1775200000000000000), &sink,
                                            &err),
                         STATUS_OK);
    }
    assert_int_equal(source_parser_idle(parser, 0, true, &sink, &err), STATUS_OK);
    assert_int_equal(sink.count, COUNT_OF(messages));
    for (uint32_t i = 0; i < sink.count; i++) {
        const struct event *event = &sink.events[i];
        char pid[16];

        print_message("  message %u\n", i);
        (void)snprintf(pid, sizeof(pid), "pid=%u", i + 1);
        assert_int_equal(event->format, 1);
        assert_true(event->time_ns == (INT64_C(1775121600) + i) * 1000000000);
        assert_int_equal(event->field_count, 1);
        assert_string_equal(case_field_text(&event->fields[0], event->bytes), pid);
    }
    source_parser_free(parser);
    derive_rules_free(rules);
    arena_release(&arena);
    buf_release(&text);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_binary_values),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
