/* tests/collector/test_event_assembler.c -- lines into events: which lines belong together, bounds,
 * wrappers, partial lines, restarts. Rules: collector/formats/README.md, source_parser.h. */
#include "collector/event_assembler.h"
#include "collector/source_parser.h"
#include "format_case.h"

#include "base/time_stamp.h"

#include <stdio.h>
#include <stdlib.h>

enum { GOT_SIZE = 8192 };

#define RECEIVE_NS (INT64_C(1775125000) * NS_PER_SECOND) /* 2026-04-02T10:16:40Z */

static uint16_t format_index(void *user, const struct format *format)
{
    (void)user;
    for (uint16_t i = 0; i < format_count; i++)
        if (formats[i] == format)
            return i;
    fail_msg("a format that is not registered");
    return 0;
}

struct run {
    struct source_parser *parser;
    struct format_settings settings;
    struct arena arena;
    struct event_sink sink;
    uint64_t offset;
    enum { COPY, BORROW, BORROW_APART } lines; /* how feed_text() gives them */
};

static void run_start(struct run *run, const char *format)
{
    struct error err = {0};

    *run = (struct run){.arena = arena_empty(64 << 20)};
    run->sink = (struct event_sink){.arena = &run->arena, .format_index = format_index};
    if (source_parser_new(format == NULL ? NULL : format_find(slice_of(format)), &run->settings,
                          case_names(), NULL, &run->parser, &err) != STATUS_OK)
        fail_msg("%s", err.message);
}

static void run_end(struct run *run)
{
    source_parser_free(run->parser);
    arena_release(&run->arena);
}

static void feed_line(struct run *run, struct slice bytes, uint8_t flags, bool followed)
{
    struct source_line line = {.bytes = bytes,
                               .offset = run->offset,
                               .source_len = (uint32_t)bytes.len + !(flags & EVENT_PARTIAL),
                               .flags = flags,
                               .followed = followed};
    struct error err = {0};

    run->offset += line.source_len;
    if (source_parser_feed(run->parser, &line, RECEIVE_NS, &run->sink, &err) != STATUS_OK)
        fail_msg("%s", err.message);
}

static void feed(struct run *run, struct slice bytes, uint8_t flags)
{
    feed_line(run, bytes, flags, false);
}

static void feed_text(struct run *run, struct slice text)
{
    struct slice line;

    while (slice_cut(&text, '\n', &line)) {
        if (run->lines == BORROW_APART)
            line = arena_copy(&run->arena, line);
        feed_line(run, line, 0, run->lines != COPY && text.len > 0);
    }
    if (text.len > 0)
        feed(run, text, 0);
}

static void finish(struct run *run)
{
    struct error err = {0};

    assert_int_equal(source_parser_idle(run->parser, 0, true, &run->sink, &err), STATUS_OK);
}

/* "format:bytes" with "|" for newlines, one event per line; "*" for bounded, "+" for continued. */
static void describe(const struct run *run, char out[GOT_SIZE])
{
    size_t len = 0;

    for (uint32_t i = 0; i < run->sink.count; i++) {
        const struct event *event = &run->sink.events[i];

        len += (size_t)snprintf(out + len, GOT_SIZE - len, "%s%s%s%s:", i > 0 ? "\n" : "",
                                event->flags & EVENT_BOUNDED ? "*" : "",
                                event->flags & EVENT_CONTINUED ? "+" : "",
                                formats[event->format]->name);
        for (size_t j = 0; j < event->bytes.len && len + 2 < GOT_SIZE; j++)
            out[len++] = event->bytes.data[j] == '\n' ? '|' : event->bytes.data[j];
        out[len] = '\0';
    }
}

#define G "[2026-04-02 09:20:11 +0000] [6] [ERROR] "
#define P "2026-04-02 09:20:11.640 UTC [5] u@d "
#define Q "2026-04-02 09:20:11.640 UTC [6] u@d "
#define C "[2026-04-02 09:20:11,377: INFO/MainProcess] "
#define ES "[2026-04-02T09:20:12,040][WARN ][o.e.x] [n] "
#define CSV "2026-04-02 09:20:11.640 UTC,u,d,5,h:1,s.1,9,x,t,5/0,0,LOG,00000,"

static const struct assembly_case {
    const char *name, *format; /* NULL: detect */
    const char *text, *expected;
} assembly_cases[] = {
    {"python traceback, chained", "gunicorn_error",
     G "x\nTraceback (most recent call last):\n  File \"a\"\nValueError: y\n\nDuring handling of the "
       "above exception, another exception occurred:\n\nTraceback (most recent call last):\n  "
       "f\nKeyError: 1\n" G "next",
     "gunicorn_error:" G "x|Traceback (most recent call last):|  File \"a\"|ValueError: y||During "
     "handling of the above exception, another exception occurred:||Traceback (most recent call "
     "last):|  f|KeyError: 1\ngunicorn_error:" G "next"},
    {"exception text over lines", "celery",
     C "x\nTraceback (most recent call last):\n  f\npsycopg2.Error: bad\nDETAIL:  k\nLINE 1: s\n   "
       "^\n" C "y",
     "celery:" C "x|Traceback (most recent call last):|  f|psycopg2.Error: bad|DETAIL:  k|LINE 1: "
     "s|   ^\ncelery:" C "y"},
    {"two handlers on one stream", NULL,
     G "x\n[2026-04-02 09:20:11,512] ERROR in app: y\n" G "z",
     "gunicorn_error:" G "x\ndjango:[2026-04-02 09:20:11,512] ERROR in app: y\ngunicorn_error:" G
     "z"},
    {"celery's banner is one event", "celery",
     " -------------- celery@h v5.3\n--- ***** -----\n[config]\n.> app: x\n\n[queues]\n" C "x",
     "celery: -------------- celery@h v5.3|--- ***** -----|[config]|.> app: x||[queues]\ncelery:" C
     "x"},
    {"a print in a celery file is raw", "celery", C "x\nprinted\n" C "y",
     "celery:" C "x\nraw:printed\ncelery:" C "y"},
    {"Java trace", "elastic_plain",
     ES "x\njava.lang.X: m\n\tat a.B.c(B.java:1)\nCaused by: java.io.Y: z\n\t... 12 more\n" ES "y",
     "elastic_plain:" ES "x|java.lang.X: m|\tat a.B.c(B.java:1)|Caused by: java.io.Y: z|\t... 12 "
     "more\nelastic_plain:" ES "y"},
    {"PostgreSQL: TAB continues, companions of the same pid join", "postgres_stderr",
     P "ERROR:  x\n\ty\n" P "DETAIL:  d\n" P "STATEMENT:  SELECT\n\t1\n" P "LOG:  z",
     "postgres_stderr:" P "ERROR:  x|\ty|" P "DETAIL:  d|" P "STATEMENT:  SELECT|\t1\n"
     "postgres_stderr:" P "LOG:  z"},
    {"PostgreSQL: another backend in between", "postgres_stderr",
     P "ERROR:  x\n" Q "LOG:  y\n" P "STATEMENT:  s",
     "postgres_stderr:" P "ERROR:  x\npostgres_stderr:" Q "LOG:  y\npostgres_stderr:" P
     "STATEMENT:  s"},
    {"PostgreSQL: text of a library", "postgres_stderr", P "LOG:  x\npg_ctl: no\n" P "LOG:  y",
     "postgres_stderr:" P "LOG:  x\nraw:pg_ctl: no\npostgres_stderr:" P "LOG:  y"},
    {"csvlog: newlines in quotes, lines without TAB", "postgres_csv",
     CSV "\"a\nb \"\"q\"\"\n\nc\",,\n" CSV "\"d\"",
     "postgres_csv:" CSV "\"a|b \"\"q\"\"||c\",,\npostgres_csv:" CSV "\"d\""},
    {"csvlog: after damage the next stamp starts a record", "postgres_csv",
     CSV "\"a\nb\n" CSV "\"d\"", "postgres_csv:" CSV "\"a|b\npostgres_csv:" CSV "\"d\""},
    {"CouchDB: Erlang terms", "couchdb",
     "[error] 2026-04-02T09:20:11.204417Z n@h <0.1.0> -------- x\n{a,\n  last msg: y\n[notice] "
     "2026-04-02T09:20:11.204417Z n@h <0.1.0> -------- z",
     "couchdb:[error] 2026-04-02T09:20:11.204417Z n@h <0.1.0> -------- x|{a,|  last msg: "
     "y\ncouchdb:[notice] 2026-04-02T09:20:11.204417Z n@h <0.1.0> -------- z"},
    {"Elasticsearch JSON over lines", "elastic_json",
     "{\"timestamp\": \"2026-04-02T09:20:11,911Z\", \"level\": \"ERROR\", \"cluster.name\": \"c\", "
     "\"stacktrace\": [\"a.B: c\",\n\"at d\",\n\"at e\"] }\n{\"timestamp\": "
     "\"2026-04-02T09:20:12,911Z\", \"level\": \"INFO\"}",
     "elastic_json:{\"timestamp\": \"2026-04-02T09:20:11,911Z\", \"level\": \"ERROR\", "
     "\"cluster.name\": \"c\", \"stacktrace\": [\"a.B: c\",|\"at d\",|\"at e\"] }\nelastic_json:{"
     "\"timestamp\": \"2026-04-02T09:20:12,911Z\", \"level\": \"INFO\"}"},
    {"a continuation without a beginning is raw", "gunicorn_error", "  File \"a\"\n" G "x",
     "raw:  File \"a\"\ngunicorn_error:" G "x"},
    {"an unknown line", NULL, "Borked", "raw:Borked"},
    {"CRI: a partial line joins, then its event ends", "gunicorn_error",
     "2026-04-02T09:20:11.1Z stderr P " G "be\n2026-04-02T09:20:11.2Z stderr F gin\n"
     "2026-04-02T09:20:11.3Z stderr F   more\n2026-04-02T09:20:11.4Z stderr F " G "x",
     "gunicorn_error:2026-04-02T09:20:11.1Z stderr P " G "be|2026-04-02T09:20:11.2Z stderr F "
     "gin|2026-04-02T09:20:11.3Z stderr F   more\ngunicorn_error:2026-04-02T09:20:11.4Z stderr F " G
     "x"},
    {"colours around a trace", "celery",
     "\x1b[31;1m" C "x\nTraceback (most recent call last):\n  f\nE: y\x1b[0m\n" C "z",
     "celery:\x1b[31;1m" C "x|Traceback (most recent call last):|  f|E: y\x1b[0m\ncelery:" C "z"},
};

static void test_assembly(void **unused)
{
    char got[GOT_SIZE];

    (void)unused;
    for (size_t i = 0; i < COUNT_OF(assembly_cases); i++) {
        const struct assembly_case *c = &assembly_cases[i];
        struct run run;

        print_message("  %s\n", c->name);
        for (int lines = COPY; lines <= BORROW_APART; lines++) {
            run_start(&run, c->format);
            run.lines = lines;
            feed_text(&run, slice_of(c->text));
            finish(&run);
            describe(&run, got);
            assert_string_equal(got, c->expected);
            run_end(&run);
        }
    }
}

/* Lines that are followed are not copied: events are parts of what was fed. */
static void test_followed_lines_stay_where_they_are(void **unused)
{
    static const char text[] = G "x\nTraceback\n" G "y\n" G "z";
    struct run run;

    (void)unused;
    run_start(&run, "gunicorn_error");
    run.lines = BORROW;
    feed_text(&run, SLICE_LITERAL(text));
    finish(&run);
    assert_int_equal(run.sink.count, 3);
    assert_ptr_equal(run.sink.events[0].bytes.data, text);
    assert_int_equal(run.sink.events[0].bytes.len, strlen(G "x\nTraceback"));
    assert_ptr_equal(run.sink.events[1].bytes.data, strstr(text, G "y"));
    assert_ptr_not_equal(run.sink.events[2].bytes.data, strstr(text, G "z"));
    run_end(&run);
}

/* Fields stay spans of the stored bytes, whatever was peeled. */
static const struct peel_case {
    const char *name, *line, *format;
    const char *fields[8];
} peel_cases[] = {
    {"BOM and CR", "\xef\xbb\xbf" G "WORKER TIMEOUT\r", "gunicorn_error", {"pid=6"}},
    {"colours", "\x1b[31m" G "x\x1b[0m", "gunicorn_error", {"pid=6"}},
    {"compose", "web-1  | " G "x", "gunicorn_error", {"pid=6"}},
    {"a table of psql is no compose line", "id | name", "raw", {NULL}},
    {"docker", "{\"log\":\"" G "x\\n\",\"stream\":\"stderr\",\"time\":\"2026-04-02T09:20:11.5Z\"}",
     "gunicorn_error", {"pid=6"}},
    {"docker with escapes: what stands in the bytes is a span, the rest computed",
     "{\"log\":\"10.0.0.1 - - [02/Apr/2026:09:20:11 +0000] \\\"GET /x HTTP/1.1\\\" 200 5 "
     "\\\"http://h/\\\" \\\"a\\\\\\\\b\\\"\\n\",\"stream\":\"stdout\",\"time\":"
     "\"2026-04-02T09:20:11.5Z\"}",
     "nginx_access",
     {"~agent=a\\\\b", "client=10.0.0.1", "method=GET", "path=/x", "status=200", "bytes=5 B",
      "referer=http://h/"}},
    {"CRI", "2026-04-02T09:20:11.123456789Z stdout F " G "x", "gunicorn_error", {"pid=6"}},
};

static void test_peel(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(peel_cases); i++) {
        const struct peel_case *c = &peel_cases[i];
        const struct event *event;
        struct run run;
        uint32_t count = 0;

        print_message("  %s\n", c->name);
        run_start(&run, NULL);
        feed(&run, slice_of(c->line), 0);
        finish(&run);
        assert_int_equal(run.sink.count, 1);
        event = &run.sink.events[0];
        assert_true(slice_is(event->bytes, c->line));
        assert_string_equal(formats[event->format]->name, c->format);
        for (; count < COUNT_OF(c->fields) && c->fields[count] != NULL; count++)
            assert_string_equal(case_field_text(&event->fields[count], event->bytes),
                                c->fields[count]);
        assert_int_equal(event->field_count, count);
        run_end(&run);
    }
}

/* 1,000 lines and 256 KiB close an event; what follows is marked as its continuation. */
static void test_bounds(void **unused)
{
    static char line[4001];
    struct run run;

    (void)unused;
    run_start(&run, "gunicorn_error");
    feed(&run, SLICE_LITERAL(G "x"), 0);
    for (int i = 1; i < 1500; i++)
        feed(&run, SLICE_LITERAL("  y"), 0);
    finish(&run);
    assert_int_equal(run.sink.count, 2);
    assert_int_equal(run.sink.events[0].flags, EVENT_BOUNDED);
    assert_int_equal(run.sink.events[0].bytes.len, strlen(G "x") + 999 * 4);
    assert_true((run.sink.events[1].flags & EVENT_CONTINUED) != 0);
    assert_int_equal(run.sink.events[1].bytes.len, 500 * 4 - 1);
    run_end(&run);

    memset(line, ' ', sizeof(line));
    run_start(&run, "gunicorn_error");
    feed(&run, SLICE_LITERAL(G "x"), 0);
    for (int i = 0; i < 70; i++) /* 70 * 4001 = 280,070 */
        feed(&run, slice_make(line, 4000), 0);
    finish(&run);
    assert_int_equal(run.sink.count, 2);
    assert_true(run.sink.events[0].bytes.len < 256 << 10);
    assert_true(run.sink.events[0].bytes.len > (256 << 10) - 4100);
    run_end(&run);
}

static void test_line_above_the_bound(void **unused)
{
    size_t size = 300 << 10;
    char *line = malloc(size);
    struct run run;

    (void)unused;
    assert_non_null(line);
    memset(line, 'x', size);
    memcpy(line, G, sizeof(G) - 1);
    run_start(&run, "gunicorn_error");
    feed(&run, slice_make(line, size), 0);
    feed(&run, SLICE_LITERAL(G "y"), 0);
    finish(&run);
    assert_int_equal(run.sink.count, 2);
    assert_int_equal(run.sink.events[0].bytes.len, size);
    assert_int_equal(run.sink.events[0].flags, EVENT_BOUNDED);
    run_end(&run);
    free(line);
}

static void test_idle(void **unused)
{
    struct error err = {0};
    struct run run;

    (void)unused;
    run_start(&run, "gunicorn_error");
    feed(&run, SLICE_LITERAL(G "x"), 0);
    for (int64_t ms = 5000; ms < 7000; ms += 250) { /* 2 s have not passed since the first call */
        assert_int_equal(
            source_parser_idle(run.parser, ms * NS_PER_MS, false, &run.sink, &err), STATUS_OK);
        assert_int_equal(run.sink.count, 0);
    }
    assert_int_equal(source_parser_idle(run.parser, 7000 * NS_PER_MS, false, &run.sink, &err),
                     STATUS_OK);
    assert_int_equal(run.sink.count, 1);
    assert_int_equal(run.sink.events[0].flags, 0);
    run_end(&run);
}

/* A line that comes in two parts is one line; if the second part is late, it is marked. */
static void test_partial(void **unused)
{
    struct error err = {0};
    struct run run;

    (void)unused;
    run_start(&run, "gunicorn_error");
    feed(&run, SLICE_LITERAL("[2026-04-02 09:20:11 +00"), EVENT_PARTIAL);
    feed(&run, SLICE_LITERAL("00] [6] [ERR"), EVENT_PARTIAL | EVENT_CONTINUED);
    feed(&run, SLICE_LITERAL("OR] x"), EVENT_CONTINUED);
    finish(&run);
    assert_int_equal(run.sink.count, 1);
    assert_true(slice_is(run.sink.events[0].bytes, G "x"));
    assert_int_equal(run.sink.events[0].source_len, sizeof(G "x"));
    assert_int_equal(run.sink.events[0].flags, 0);
    feed(&run, SLICE_LITERAL(G "y"), EVENT_PARTIAL);
    assert_int_equal(source_parser_idle(run.parser, 0, true, &run.sink, &err), STATUS_OK);
    feed(&run, SLICE_LITERAL("z"), EVENT_CONTINUED);
    finish(&run);
    assert_int_equal(run.sink.count, 3);
    assert_int_equal(run.sink.events[1].flags, EVENT_PARTIAL);
    assert_int_equal(run.sink.events[2].flags, EVENT_CONTINUED | EVENT_TIME_GUESSED);
    run_end(&run);
}

static void test_times(void **unused)
{
    struct run run;

    (void)unused;
    run_start(&run, NULL);
    feed(&run, SLICE_LITERAL("Borked"), 0);                           /* nothing known: receipt */
    feed(&run, SLICE_LITERAL(G "x"), 0);
    feed(&run, SLICE_LITERAL("[2026-04-02 11:00:00 +0000] [6] [INFO] ahead"), 0); /* 43 min ahead */
    finish(&run);
    assert_int_equal(run.sink.events[0].time_ns, RECEIVE_NS);
    assert_int_equal(run.sink.events[0].flags, EVENT_TIME_GUESSED);
    assert_int_equal(run.sink.events[1].time_ns, INT64_C(1775121611) * NS_PER_SECOND);
    assert_int_equal(run.sink.events[2].time_ns, RECEIVE_NS);
    assert_int_equal(run.sink.events[2].flags, EVENT_TIME_ADJUSTED);
    run_end(&run);
}

/* Cut the lines into batches anywhere, restart between them: the events are the same. */
static void test_restart_anywhere(void **unused)
{
    char whole[GOT_SIZE];
    char parts[GOT_SIZE];

    (void)unused;
    for (size_t i = 0; i < COUNT_OF(assembly_cases); i++) {
        const struct assembly_case *c = &assembly_cases[i];
        struct slice text = slice_of(c->text);
        struct run run;
        struct slice line;
        struct event_sink opened;
        struct arena open_arena = arena_empty(1 << 20);
        struct error err = {0};

        print_message("  %s\n", c->name);
        run_start(&run, c->format);
        feed_text(&run, text);
        finish(&run);
        describe(&run, whole);
        run_end(&run);

        run_start(&run, c->format);
        while (slice_cut(&text, '\n', &line) || (line = text, text.len > 0)) {
            feed(&run, line, 0);
            if (line.data == text.data)
                break;
            opened = run.sink;
            opened.arena = &open_arena;
            opened.events = NULL;
            opened.count = opened.capacity = 0;
            assert_int_equal(source_parser_open(run.parser, &opened, &err), STATUS_OK);
            if (c->format == NULL)
                continue; /* what was detected is not kept over a restart */
            source_parser_free(run.parser);
            assert_int_equal(source_parser_new(format_find(slice_of(c->format)), &run.settings,
                                               case_names(), NULL, &run.parser, &err),
                             STATUS_OK);
            for (uint32_t j = 0; j < opened.count; j++) {
                assert_true((opened.events[j].flags & EVENT_OPEN) != 0);
                assert_int_equal(source_parser_restore(run.parser,
                                                       formats[opened.events[j].format],
                                                       &opened.events[j], &err),
                                 STATUS_OK);
            }
            arena_reset(&open_arena);
        }
        finish(&run);
        describe(&run, parts);
        assert_string_equal(parts, whole);
        run_end(&run);
        arena_release(&open_arena);
    }
}

/* At a full arena nothing is taken, and the line can come again. */
static void test_full_arena(void **unused)
{
    struct arena small = arena_empty(16);
    struct error err = {0};
    struct source_line line = {.bytes = SLICE_LITERAL("Borked"), .source_len = 7};
    struct run run;

    (void)unused;
    run_start(&run, NULL);
    run.sink.arena = &small;
    assert_int_not_equal(source_parser_feed(run.parser, &line, RECEIVE_NS, &run.sink, &err),
                         STATUS_OK);
    assert_int_equal(run.sink.count, 0);
    run.sink.arena = &run.arena;
    feed(&run, line.bytes, 0);
    assert_int_equal(run.sink.count, 1);
    run_end(&run);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_assembly),   cmocka_unit_test(test_peel),
        cmocka_unit_test(test_bounds),     cmocka_unit_test(test_line_above_the_bound),
        cmocka_unit_test(test_idle),       cmocka_unit_test(test_partial),
        cmocka_unit_test(test_times),      cmocka_unit_test(test_restart_anywhere),
        cmocka_unit_test(test_full_arena),
        cmocka_unit_test(test_followed_lines_stay_where_they_are),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
