/* query/cli/status.c -- what the collector says of itself: node, disk, shippers, sources. */
#include "base/io.h"
#include "base/units.h"
#include "query/cli/json_lines.h"
#include "query/cli/request.h"
#include "query/cli/sink.h"
#include "query/cli/status_tables.h"
#include "query/cli/table.h"
#include "query/cli/terminal.h"

#include <stdio.h>
#include <stdlib.h>

enum { STATUS_SIZE_MAX = 80 << 20, GAPS_SHOWN_MAX = 10, MEMORY_SHOWN_MIN = 1 << 20 };

/* What each shipper says of itself every 10 s. One that has not for 5 minutes is gone. */
#define LAG_QUERY                                                                                  \
    "metric:=dendro_shipper_lag_bytes_sum _time:5m | last 1 by (_time) partition by (host)"        \
    " | fields host, value"

struct status_settings {
    struct client_options client; /* must stay the first */
    bool json;
};

static const struct option rows[] = {
    {.type = OPTION_GROUP, .help = "Answer"},
    {.name = "json",
     .type = OPTION_BOOL,
     .offset = offsetof(struct status_settings, json),
     .help = "as the server sends it"},
};

static const struct command_line line = {
    .program = "dendro status",
    .usage = "[OPTIONS]",
    .summary = "Show the collector, its disk, its shippers, and its sources with what is missing.",
    .footer = "\nExit status: 0 ready, 2 not reachable, 3 reachable but not ready.\n",
    .rows = rows,
    .row_count = COUNT_OF(rows),
    .settings_size = sizeof(struct status_settings),
};

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text == NULL ? "" : text;
}

static void put_number(struct buf *out, const json_t *object, const char *name)
{
    buf_printf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(json_object_get(object, name)));
}

static void put_bytes(struct buf *out, const json_t *object, const char *name)
{
    table_print_bytes(out, json_number_value(json_object_get(object, name)));
}

static void put_node(struct buf *out, const json_t *node)
{
    buf_printf(out, "node      %s, geo %s, version %s, up ", text_of(node, "name"),
               text_of(node, "geo"), text_of(node, "version"));
    table_print_duration(out, json_number_value(json_object_get(node, "uptime_s")));
    buf_append_byte(out, '\n');
}

/* Nothing before the first pass. */
static void put_scrub(struct buf *out, const json_t *store)
{
    bool runs = json_is_string(json_object_get(store, "scrub_started"));
    bool ended = json_is_string(json_object_get(store, "scrub_finished"));

    if (!runs && !ended)
        return;
    buf_append_text(out, "checked   ");
    if (ended)
        buf_printf(out, "all segments, until %s", text_of(store, "scrub_finished"));
    if (runs)
        buf_printf(out, "%ssince %s a pass is under way", ended ? "; " : "",
                   text_of(store, "scrub_started"));
    buf_append_byte(out, '\n');
}

static void put_store(struct buf *out, const json_t *store)
{
    buf_printf(out, "store     %s",
               json_is_true(json_object_get(store, "ready")) ? "ready" : "NOT READY");
    if (json_object_get(store, "reason") != NULL)
        buf_printf(out, ": %s", text_of(store, "reason"));
    buf_append_text(out, "\nkept      ");
    put_number(out, store, "rows");
    buf_append_text(out, " events, ");
    put_bytes(out, store, "raw_bytes");
    buf_append_text(out, " of log in ");
    put_bytes(out, store, "segment_bytes");
    buf_append_text(out, " (");
    put_number(out, store, "segments");
    buf_append_text(out, " segments) + ");
    put_bytes(out, store, "wal_bytes");
    buf_append_text(out, " WAL; ");
    put_number(out, store, "samples");
    buf_append_text(out, " samples\ndisk      ");
    table_print_bytes(out,
                      json_number_value(json_object_get(store, "segment_bytes")) +
                          json_number_value(json_object_get(store, "wal_bytes")));
    buf_append_text(out, " used, ");
    put_bytes(out, store, "free_bytes");
    buf_append_text(out, " free\nrange     ");
    buf_printf(out, "%s to %s\n", text_of(store, "oldest"), text_of(store, "newest"));
    put_scrub(out, store);
}

/* What is counted, by class, as far as it is worth a word. */
static void put_memory(struct buf *out, json_t *memory)
{
    double limit = json_number_value(json_object_get(memory, "limit"));
    const char *name, *before = ": ";
    json_t *class;

    if (memory == NULL) /* an older collector */
        return;
    buf_append_text(out, "memory    ");
    put_bytes(out, memory, "used");
    if (limit > 0) {
        buf_append_text(out, " of ");
        table_print_bytes(out, limit);
    }
    json_object_foreach(json_object_get(memory, "classes"), name, class)
    {
        if (json_number_value(json_object_get(class, "used")) < MEMORY_SHOWN_MIN)
            continue;
        buf_printf(out, "%s%s ", before, name);
        put_bytes(out, class, "used");
        before = ", ";
    }
    buf_append_byte(out, '\n');
}

/* Counters that should be 0. */
static void put_troubles(struct buf *out, const json_t *store)
{
    static const char *const names[] = {"append_errors", "seal_errors", "seal_mismatches",
                                        "quarantined", "pages_quarantined", "scrub_damaged"};

    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (json_integer_value(json_object_get(store, names[i])) > 0) {
            buf_printf(out, "TROUBLE   %s: ", names[i]);
            put_number(out, store, names[i]);
            buf_append_byte(out, '\n');
        }
}

/* Not the fault of the store, but mostly not what was meant. */
static void put_too_old(struct buf *out, const json_t *store)
{
    if (json_integer_value(json_object_get(store, "rows_too_old")) <= 0)
        return;
    buf_append_text(out, "TOO OLD   ");
    put_number(out, store, "rows_too_old");
    buf_append_text(out, " rows were past the retention when they came, and are gone: raise retention "
                         "(0 keeps all) and send them again\n");
}

/* Ranges of bytes that will never come, of all that is retained. */
static void put_gaps(struct buf *out, const json_t *end)
{
    const json_t *gaps = json_object_get(end, "gaps"), *gap;
    json_int_t count = json_integer_value(json_object_get(end, "gap_count"));
    size_t at;

    json_array_foreach(gaps, at, gap)
    {
        json_int_t from = json_integer_value(json_object_get(gap, "from"));
        json_int_t to = json_integer_value(json_object_get(gap, "to"));

        if (at == GAPS_SHOWN_MAX)
            break;
        buf_printf(out, "GAP       %s:%s, %s at %s: ", text_of(gap, "host"),
                   text_of(gap, "source"), text_of(gap, "reason"), text_of(gap, "time"));
        table_print_bytes(out, (double)(to - from));
        buf_printf(out, " from byte %" JSON_INTEGER_FORMAT " on never arrived\n", from);
    }
    if (count > GAPS_SHOWN_MAX)
        buf_printf(out, "GAP       and %" JSON_INTEGER_FORMAT " more\n", count - GAPS_SHOWN_MAX);
}

static bool put_head(struct sink *sink, const json_t *status, const json_t *end)
{
    struct buf out = buf_empty(STATUS_SIZE_MAX), shown = buf_empty(STATUS_SIZE_MAX);
    bool more;

    put_node(&out, json_object_get(status, "node"));
    put_store(&out, json_object_get(status, "store"));
    put_memory(&out, json_object_get(status, "memory"));
    put_troubles(&out, json_object_get(status, "store"));
    put_too_old(&out, json_object_get(status, "store"));
    put_gaps(&out, end);
    terminal_escape(&shown, buf_slice(&out));
    more = sink_put(sink, buf_slice(&shown));
    buf_release(&out);
    buf_release(&shown);
    return more;
}

/* ---- what the status itself does not have ---- */

struct status_rest {
    json_t *lags; /* host -> bytes */
    json_t *end;  /* of an answer over all that is retained: its gaps */
};

/* An object of an answer, as `dendro query` would show it. */
static bool on_object(void *user, const json_t *object)
{
    struct status_rest *rest = user;
    const json_t *end = json_object_get(object, "_end");
    const char *host = json_string_value(json_object_get(object, "host"));

    if (end != NULL) {
        json_decref(rest->end);
        rest->end = json_deep_copy(end);
    } else if (host != NULL) {
        (void)json_object_set(rest->lags, host, json_object_get(object, "value"));
    }
    return true;
}

/* Without an answer (reported) its part is left out. */
static void ask_query(const struct status_settings *settings, const char *query,
                      struct status_rest *rest)
{
    struct json_lines lines = json_lines_empty(on_object, rest);
    struct buf body = buf_empty(STATUS_SIZE_MAX);
    struct request request;

    request_init(&request, &settings->client, "/dendro/v1/query");
    buf_reset(&request.form); /* no range but that of the query */
    request_add(&request, "query", slice_of(query));
    request_add(&request, "format", SLICE_LITERAL("ndjson"));
    request_add(&request, "order", SLICE_LITERAL("any"));
    if (request_fetch(&request, &body) == STATUS_OK)
        (void)json_lines_feed(&lines, buf_slice(&body));
    json_lines_release(&lines);
    request_release(&request);
    buf_release(&body);
}

/* ---- all of it ---- */

static bool is_known_list(const char *name)
{
    return strcmp(name, "shippers") == 0 || strcmp(name, "sources") == 0 ||
           strcmp(name, "live_sources") == 0;
}

static bool put_tables(struct sink *sink, const json_t *status, const json_t *lags)
{
    struct slice time = slice_of(text_of(json_object_get(status, "node"), "time"));
    struct status_view view = {.status = status, .lags = lags, .now_ns = io_wall_ns(io_system())};
    struct instant instant;
    struct error err = {0};
    const char *name;
    json_t *value;
    bool more;

    if (instant_parse(time, NULL, view.now_ns, &instant, &err) == STATUS_OK)
        view.now_ns = instant.from_ns;
    more = status_put_shippers(sink, &view) && status_put_sources(sink, &view);
    json_object_foreach((json_t *)(uintptr_t)status, name, value)
    {
        if (more && !is_known_list(name) && json_is_object(json_array_get(value, 0)))
            more = status_put_list(sink, name, value);
    }
    return more;
}

static void show(const struct status_settings *settings, struct sink *sink, const json_t *status)
{
    struct status_rest rest = {.lags = json_object()};

    ask_query(settings, LAG_QUERY, &rest);
    ask_query(settings, "* | limit 1", &rest);
    if (put_head(sink, status, rest.end))
        (void)put_tables(sink, status, rest.lags);
    json_decref(rest.lags);
    json_decref(rest.end);
}

static int answer(const struct status_settings *settings, struct slice body)
{
    json_t *status = json_loadb(body.len == 0 ? "" : body.data, body.len, JSON_ALLOW_NUL, NULL);
    bool ready = json_is_true(json_object_get(json_object_get(status, "store"), "ready"));
    int exit_code = ready ? DENDRO_FOUND : DENDRO_PARTIAL;
    struct sink sink;

    if (!json_is_object(status)) {
        command_say("the server's answer makes no sense; is --server a collector?");
        json_decref(status);
        return DENDRO_ERROR;
    }
    if (!sink_init(&sink)) {
        json_decref(status);
        return DENDRO_ERROR;
    }
    if (settings->json)
        (void)sink_put(&sink, body);
    else
        show(settings, &sink, status);
    json_decref(status);
    return sink_finish(&sink) ? exit_code : DENDRO_ERROR;
}

static int ask(const struct status_settings *settings)
{
    struct buf body = buf_empty(STATUS_SIZE_MAX);
    struct request request;
    int exit_code = DENDRO_ERROR;

    request_init(&request, &settings->client, "/dendro/v1/status");
    buf_reset(&request.form); /* it takes none */
    request.get = true;
    if (request_fetch(&request, &body) == STATUS_OK)
        exit_code = answer(settings, buf_slice(&body));
    request_release(&request);
    buf_release(&body);
    return exit_code;
}

static int run(struct cli_target *call)
{
    return ask(call->settings);
}

const struct command status_command = {"status", "the collector, its shippers and sources",
                                       &line, run};
