/* query/cli/explain.c -- the plan of a query, without running it. */
#include "query/cli/request.h"
#include "query/cli/sink.h"

#include <jansson.h>

enum { EXPLAIN_SIZE_MAX = 16 << 20 };

struct explain_settings {
    struct client_options client; /* must stay the first */
    bool json;
};

static const struct option rows[] = {
    {.type = OPTION_GROUP, .help = "Answer"},
    {.name = "json",
     .type = OPTION_BOOL,
     .offset = offsetof(struct explain_settings, json),
     .help = "as the server sends it"},
};

static const struct command_line line = {
    .program = "dendro explain",
    .usage = "[OPTIONS] QUERY",
    .summary = "Show how a query would be run: its range, what the store filters, what is read.",
    .rows = rows,
    .row_count = COUNT_OF(rows),
    .settings_size = sizeof(struct explain_settings),
    .argument_count_min = 1,
    .argument_count_max = 1,
};

static bool put_member(struct sink *sink, const json_t *object, const char *name)
{
    const json_t *text = json_object_get(object, name);

    return !json_is_string(text) ||
           (sink_put(sink, slice_make(json_string_value(text), json_string_length(text))) &&
            sink_put(sink, SLICE_LITERAL("\n")));
}

static int show(const struct explain_settings *settings, struct slice body)
{
    json_t *object = json_loadb(body.len == 0 ? "" : body.data, body.len, JSON_ALLOW_NUL, NULL);
    struct sink sink;
    int exit_code = DENDRO_ERROR;

    if (object != NULL && sink_init(&sink)) {
        if (settings->json)
            (void)sink_put(&sink, body);
        else if (put_member(&sink, object, "query"))
            (void)put_member(&sink, object, "plan");
        exit_code = sink_finish(&sink) ? DENDRO_FOUND : DENDRO_ERROR;
    }
    json_decref(object);
    return exit_code;
}

static int run(struct cli_target *call)
{
    const struct explain_settings *settings = call->settings;
    struct buf body = buf_empty(EXPLAIN_SIZE_MAX);
    struct request request;
    int exit_code = DENDRO_ERROR;

    request_init(&request, &settings->client, "/dendro/v1/explain");
    request.text = slice_of(call->arguments.items[0]);
    request_add(&request, "query", request.text);
    if (request_fetch(&request, &body) == STATUS_OK)
        exit_code = show(settings, buf_slice(&body));
    request_release(&request);
    buf_release(&body);
    return exit_code;
}

const struct command explain_command = {"explain", "the plan of a query", &line, run};
