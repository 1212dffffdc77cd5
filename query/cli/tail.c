/* query/cli/tail.c -- lines as they arrive. */
#include "query/cli/grep_rows.h"
#include "query/cli/live.h"

struct tail_settings {
    struct client_options client; /* must stay the first */
    const char *from;
    bool no_name, time;
};

static const struct option rows[] = {
    {.type = OPTION_GROUP, .help = "Output"},
    {.name = "from",
     .type = OPTION_TEXT,
     .offset = offsetof(struct tail_settings, from),
     .value_name = "TIME",
     .help = "begin with what arrived since TIME, such as 10m"},
    {.name = "no_filename",
     .letter = 'h',
     .type = OPTION_BOOL,
     .offset = offsetof(struct tail_settings, no_name),
     .help = "without geo/host:source: in front of each line"},
    {.name = "time",
     .type = OPTION_BOOL,
     .offset = offsetof(struct tail_settings, time),
     .help = "the time in front of each line"},
};

static const struct command_line line = {
    .program = "dendro tail",
    .usage = "[OPTIONS] [QUERY]",
    .summary = "Print lines as they arrive, all or those that a filter of the query language holds "
               "for. After a break of the connection it goes on where it was, and says what it "
               "missed.",
    .rows = rows,
    .row_count = COUNT_OF(rows),
    .settings_size = sizeof(struct tail_settings),
    .argument_count_max = 1,
};

static bool on_rows(void *user, const struct columns *columns)
{
    struct grep_rows *rows_out = user;

    return grep_rows_put(rows_out, columns) && sink_flush(rows_out->body->sink);
}

static int follow(const struct tail_settings *settings, const char *query)
{
    const struct grep_settings grep = {.with_name = !settings->no_name,
                                       .time = settings->time,
                                       .before = -1,
                                       .after = -1,
                                       .tail = -1};
    struct sink sink;
    struct line_body body = {.sink = &sink};
    struct grep_rows out;
    struct buf fields = buf_empty(256);
    struct live live = {.client = &settings->client,
                        .query = slice_of(query),
                        .own_text = true,
                        .from = settings->from,
                        .rows = on_rows,
                        .user = &out};
    int exit_code;

    if (!sink_init(&sink))
        return DENDRO_ERROR;
    body.escape = sink.is_terminal;
    grep_rows_init(&out, &grep, &body);
    grep_rows_fields(&out, &fields);
    live.fields = buf_slice(&fields);
    if (live.from == NULL)
        live.from = settings->client.last != NULL ? settings->client.last : settings->client.since;
    exit_code = live_run(&live);
    if (!sink_finish(&sink))
        exit_code = DENDRO_ERROR;
    grep_rows_release(&out);
    buf_release(&fields);
    return exit_code;
}

static int run(struct cli_target *call)
{
    return follow(call->settings, call->arguments.count > 0 ? call->arguments.items[0] : "*");
}

const struct command tail_command = {"tail", "print lines as they arrive", &line, run};
