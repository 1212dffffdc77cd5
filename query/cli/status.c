/* query/cli/status.c -- what the collector says of itself: node, disk, shippers, sources. */
#include "query/cli/request.h"
#include "query/cli/sink.h"
#include "query/cli/table.h"
#include "query/cli/terminal.h"

#include <stdio.h>
#include <stdlib.h>

enum { STATUS_SIZE_MAX = 80 << 20 };

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
    put_bytes(out, store, "free_bytes");
    buf_append_text(out, " free\nrange     ");
    buf_printf(out, "%s to %s\n", text_of(store, "oldest"), text_of(store, "newest"));
}

/* Counters that should be 0. */
static void put_troubles(struct buf *out, const json_t *store)
{
    static const char *const names[] = {"append_errors", "seal_errors", "seal_mismatches",
                                        "quarantined"};

    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (json_integer_value(json_object_get(store, names[i])) > 0) {
            buf_printf(out, "TROUBLE   %s: ", names[i]);
            put_number(out, store, names[i]);
            buf_append_byte(out, '\n');
        }
}

/* A list of objects as a table of all their plain members, in the order of the first. */
static bool put_list(struct sink *sink, const char *title, const json_t *list)
{
    struct table *table = calloc(1, sizeof(*table));
    json_t *head = json_object(), *columns = json_array(), *chunk = json_object();
    const json_t *object;
    const char *name;
    json_t *value;
    size_t at;
    bool more =
        table != NULL && sink_put(sink, slice_of(title)) && sink_put(sink, SLICE_LITERAL("\n"));

    json_object_foreach(json_array_get(list, 0), name, value)
    {
        const char *type = json_is_integer(value) && strstr(name, "bytes") != NULL ? "bytes"
                           : json_is_number(value)                                 ? "int"
                                                                                   : "text";

        if (!json_is_object(value) && !json_is_array(value)) {
            json_array_append_new(columns, json_pack("{s:s, s:s}", "name", name, "type", type));
            json_object_set_new(chunk, name, json_array());
        }
    }
    json_array_foreach(list, at, object) json_object_foreach(chunk, name, value)
        json_array_append_new(value, json_incref(json_object_get(object, name)));
    (void)head;
    if (more) {
        struct columns all = {json_array_size(list), chunk};

        json_object_set(head, "columns", columns);
        table_init(table, sink, terminal_width(1));
        table_head(table, head);
        more = table_add(table, &all) && table_finish(table);
        table_release(table);
    }
    json_decref(head);
    json_decref(columns);
    json_decref(chunk);
    free(table);
    return more;
}

static bool show(struct sink *sink, const json_t *status)
{
    struct buf out = buf_empty(STATUS_SIZE_MAX), shown = buf_empty(STATUS_SIZE_MAX);
    const char *name;
    json_t *value;
    bool more;

    put_node(&out, json_object_get(status, "node"));
    put_store(&out, json_object_get(status, "store"));
    put_troubles(&out, json_object_get(status, "store"));
    terminal_escape(&shown, buf_slice(&out));
    more = sink_put(sink, buf_slice(&shown));
    buf_release(&out);
    buf_release(&shown);
    json_object_foreach((json_t *)(uintptr_t)status, name,
                        value) if (more && json_is_array(value) && json_array_size(value) > 0 &&
                                   json_is_object(json_array_get(value, 0)))
    {
        char title[100];

        (void)snprintf(title, sizeof(title), "\n%.80s (%zu)", name, json_array_size(value));
        more = put_list(sink, title, value);
    }
    return more;
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
        (void)show(&sink, status);
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

static int run(int argc, char **argv)
{
    struct arena arena = arena_empty(COMMAND_ARENA_SIZE_MAX);
    struct status_settings settings;
    struct text_list arguments;
    int exit_code = DENDRO_ERROR;

    if (command_parse(&line, argc, argv, &settings, &arguments, &arena, &exit_code))
        exit_code = ask(&settings);
    arena_release(&arena);
    return exit_code;
}

const struct command status_command = {"status", "the collector, its shippers and sources", run};
