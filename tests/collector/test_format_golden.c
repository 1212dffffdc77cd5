/* tests/collector/test_format_golden.c -- a file of invented lines per format in tests/golden/formats/: the
 * format is detected from the lines, every event is found, and what is no line of the format is raw. The
 * counts are those with which the files were written: 40 events each, some over several lines. */
#include "collector/source_parser.h"
#include "format_case.h"

#include <stdio.h>
#include <stdlib.h>

enum { FILE_SIZE_MAX = 1 << 20 };

static const struct golden_case {
    const char *format; /* configured where `configured`, else detected */
    uint32_t event_count, raw_count;
    bool configured;
} golden_cases[] = {
    {"nginx_timing", 40, 1, false},
    {"nginx_rt_cache", 40, 1, false},
    {"nginx_access", 40, 0, false},
    {"nginx_error", 40, 0, false},
    {"apache_access", 40, 0, false},
    {"apache_error", 40, 0, false},
    {"gunicorn_access", 40, 0, false},
    {"gunicorn_error", 40, 0, false},
    {"django", 40, 0, false},
    {"celery", 40, 1, false},
    {"commcare_couch", 40, 1, false},
    {"postgres_stderr", 40, 1, false},
    {"postgres_csv", 40, 0, false},
    {"postgres_json", 40, 0, false},
    {"elastic_plain", 40, 0, false},
    {"elastic_slow", 40, 0, false},
    {"elastic_json", 40, 0, false},
    {"elastic_ecs", 40, 0, false},
    {"couchdb1", 40, 0, false},
    {"couchdb", 40, 0, false},
    {"syslog", 40, 0, false},
    {"json", 40, 1, false},
    {"logfmt", 40, 0, false},
    {"redis", 40, 0, false},
    {"rabbitmq", 40, 0, false},
    {"java", 40, 0, false},
    {"haproxy", 40, 0, false},
    {"pgbouncer", 40, 0, false},
    {"supervisor", 40, 0, false},
    {"kafka", 40, 0, false},
    {"zookeeper", 40, 0, false},
    {"django_runserver", 40, 0, false},
    {"celery_events", 40, 0, false},
    {"commcare_timing", 40, 0, false},
    {"formplayer_bodies", 40, 0, false},
    {"jvm_gc", 40, 0, false},
    {"memcached", 40, 0, false},
    {"journald", 40, 0, false},
};

static uint16_t format_index(void *user, const struct format *format)
{
    (void)user;
    for (uint16_t i = 0; i < format_count; i++)
        if (formats[i] == format)
            return i;
    fail_msg("a format that is not registered");
    return 0;
}

static size_t read_file(const char *name, char *text)
{
    char path[512];
    FILE *file;
    size_t len;

    (void)snprintf(path, sizeof(path), "%s/%s.log", GOLDEN_FORMATS, name);
    file = fopen(path, "rb");
    if (file == NULL)
        fail_msg("cannot open %s", path);
    len = fread(text, 1, FILE_SIZE_MAX, file);
    (void)fclose(file);
    return len;
}

static void check_events(const struct golden_case *c, const struct event_sink *sink)
{
    uint32_t found = 0;

    for (uint32_t i = 0; i < sink->count; i++) {
        const struct event *event = &sink->events[i];

        if (formats[event->format] == &format_raw)
            continue;
        if (strcmp(formats[event->format]->name, c->format) != 0)
            fail_msg("%s: event %u is %s: %.*s", c->format, i, formats[event->format]->name,
                     SLICE_ARG(event->bytes));
        found++;
    }
    assert_int_equal(sink->raw_count, c->raw_count);
    assert_int_equal(found, c->event_count);
    assert_int_equal(sink->count, c->event_count + c->raw_count);
}

static void check_file(const struct golden_case *c, const struct derive_rules *rules)
{
    char *text = malloc(FILE_SIZE_MAX);
    struct slice rest;
    struct slice line;
    struct arena arena = arena_empty(16 << 20);
    struct event_sink sink = {.arena = &arena, .format_index = format_index};
    struct format_settings settings = {.path = slice_of(c->format)}; /* "nginx_access" names nginx */
    struct source_parser *parser;
    struct error err = {0};
    uint64_t offset = 0;

    assert_non_null(text);
    rest = slice_make(text, read_file(c->format, text));
    assert_int_equal(source_parser_new(c->configured ? format_find(slice_of(c->format)) : NULL,
                                       &settings, case_names(), rules, &parser, &err),
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
    check_events(c, &sink);
    source_parser_free(parser);
    arena_release(&arena);
    free(text);
}

static void test_golden(void **unused)
{
    struct derive_rules *rules;
    struct error err = {0};

    (void)unused;
    assert_int_equal(derive_rules_new(NULL, &rules, &err), STATUS_OK);
    for (size_t i = 0; i < COUNT_OF(golden_cases); i++) {
        print_message("  %s\n", golden_cases[i].format);
        check_file(&golden_cases[i], rules);
    }
    derive_rules_free(rules);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
