/* query/cli/query.c -- any query. A table is made here; other formats are the server's bytes,
 * passed on, with an eye on the end record where the format has one. */
#include "query/cli/answer_end.h"
#include "query/cli/framed_reader.h"
#include "query/cli/json_lines.h"
#include "query/cli/query.h"
#include "query/cli/request.h"
#include "query/cli/table.h"
#include "query/cli/terminal.h"

#include <unistd.h>

enum { END_LINE_SIZE_MAX = 16 << 20 };

enum query_output {
    OUTPUT_AUTO,
    OUTPUT_TABLE,
    OUTPUT_NDJSON,
    OUTPUT_JSON,
    OUTPUT_COLUMNS,
    OUTPUT_CSV,
    OUTPUT_TSV,
    OUTPUT_LOGFMT,
    OUTPUT_RAW,
};

const char *const query_output_names[] = {"auto", "table", "ndjson", "json", "columns",
                                          "csv",  "tsv",   "logfmt", "raw",  NULL};

static const struct option rows[] = {
    {.type = OPTION_GROUP, .help = "Answer"},
    {.name = "output",
     .letter = 'o',
     .type = OPTION_ENUM,
     .names = query_output_names,
     .offset = offsetof(struct query_settings, output),
     .value_name = "FORMAT",
     .help = "table (default on a terminal), ndjson (default elsewhere), csv, tsv, logfmt, raw, "
             "json, columns"},
    {.name = "limit",
     .letter = 'n',
     .type = OPTION_TEXT,
     .offset = offsetof(struct query_settings, limit),
     .value_name = "N",
     .help = "N rows at most"},
    {.name = "order",
     .type = OPTION_TEXT,
     .offset = offsetof(struct query_settings, order),
     .value_name = "asc|desc|any",
     .help = "oldest first, newest first (default), as is fastest"},
    {.name = "strict",
     .type = OPTION_BOOL,
     .offset = offsetof(struct query_settings, strict),
     .help = "an unknown field is an error"},
};

static const struct command_line line = {
    .program = "dendro query",
    .usage = "[OPTIONS] QUERY",
    .summary = "Run a query of the native language, such as 'status:>=500 | stats by (tenant) "
               "count()'.",
    .footer = "\nExit status: 0 fine, 2 error, 3 the answer is not complete.\n",
    .rows = rows,
    .row_count = COUNT_OF(rows),
    .settings_size = sizeof(struct query_settings),
    .argument_count_min = 1,
    .argument_count_max = 1,
};

struct query_run {
    const struct query_settings *settings;
    enum query_output output;
    struct sink sink;
    struct answer_check check;
    struct json_lines json;
    struct framed_reader framed;
    struct table table;
    struct buf end_line; /* a line of ndjson that may be the end record; cut elsewhere */
    bool skip_line;      /* this line is none */
};

/* ---- tables ---- */

static bool on_table_line(void *user, const json_t *object)
{
    struct query_run *run = user;
    const json_t *head = json_object_get(object, "_head"), *end = json_object_get(object, "_end");
    struct columns columns;

    if (head != NULL)
        table_head(&run->table, head);
    else if (end != NULL)
        answer_check_end(&run->check, end);
    else if (columns_of(object, &columns))
        return table_add(&run->table, &columns);
    return true;
}

static bool on_table_body(void *user, struct slice piece)
{
    struct query_run *run = user;

    return json_lines_feed(&run->json, piece) && (!run->table.begun || sink_flush(&run->sink));
}

/* ---- bytes that are passed on ---- */

static void check_end_line(struct query_run *run)
{
    struct slice text = buf_slice(&run->end_line);
    json_t *object = json_loadb(text.len == 0 ? "" : text.data, text.len, JSON_ALLOW_NUL, NULL);
    const json_t *end = json_object_get(object, "_end");

    if (end == NULL)
        end = json_object_get(object, "answer"); /* of the json format */
    if (end != NULL)
        answer_check_end(&run->check, end);
    json_decref(object);
}

/* Keep a line only while it begins as the end record does. */
static void watch_line(struct query_run *run, struct slice part)
{
    static const char start[] = "{\"_end\":";
    struct buf *kept = &run->end_line;
    size_t len;

    if (run->skip_line)
        return;
    buf_append_slice(kept, part);
    len = kept->len < sizeof(start) - 1 ? kept->len : sizeof(start) - 1;
    if (kept->failed || memcmp(kept->data == NULL ? start : kept->data, start, len) != 0) {
        run->skip_line = true;
        buf_reset(kept);
    }
}

static void watch_end(struct query_run *run, struct slice piece)
{
    struct slice part;

    while (slice_cut(&piece, '\n', &part)) {
        watch_line(run, part);
        if (!run->skip_line)
            check_end_line(run);
        buf_reset(&run->end_line);
        run->skip_line = false;
    }
    watch_line(run, piece);
}

static bool on_passed_body(void *user, struct slice piece)
{
    struct query_run *run = user;

    if (run->output == OUTPUT_NDJSON || run->output == OUTPUT_COLUMNS)
        watch_end(run, piece);
    else if (run->output == OUTPUT_JSON)
        buf_append_slice(&run->end_line, piece);
    return sink_put(&run->sink, piece) && sink_flush(&run->sink);
}

/* ---- raw: framed, to see the end ---- */

static bool on_rows(void *user, struct slice piece)
{
    struct query_run *run = user;
    struct buf shown = buf_empty(1 << 30);
    bool more;

    if (!run->sink.is_terminal)
        return sink_put(&run->sink, piece);
    terminal_escape(&shown, piece);
    more = sink_put(&run->sink, buf_slice(&shown));
    buf_release(&shown);
    return more;
}

static bool on_record(void *user, struct slice text)
{
    struct query_run *run = user;
    json_t *object = json_loadb(text.data, text.len, JSON_ALLOW_NUL, NULL);
    const json_t *end = json_object_get(object, "_end");

    if (end != NULL)
        answer_check_end(&run->check, end);
    json_decref(object);
    return true;
}

static bool on_framed_body(void *user, struct slice piece)
{
    struct query_run *run = user;

    return framed_reader_feed(&run->framed, piece) && sink_flush(&run->sink);
}

/* ---- the request ---- */

static bool has_end(const struct query_run *run)
{
    return run->output != OUTPUT_CSV && run->output != OUTPUT_TSV && run->output != OUTPUT_LOGFMT;
}

static int judge(struct query_run *run, enum status status, bool broke_off)
{
    if (run->json.corrupt || run->framed.corrupt || run->table.failed) {
        command_say("%s", run->table.failed ? "no memory for the table"
                                            : "the server's answer makes no sense; is --server a "
                                              "collector?");
        return DENDRO_ERROR;
    }
    if (run->output == OUTPUT_TABLE && !table_finish(&run->table) && run->table.failed)
        return DENDRO_ERROR;
    if (broke_off)
        return DENDRO_PARTIAL; /* reported */
    if (status == STATUS_CANCELLED)
        return DENDRO_FOUND; /* nobody reads on */
    if (status != STATUS_OK)
        return DENDRO_ERROR;
    if (run->output == OUTPUT_JSON)
        check_end_line(run);
    if (has_end(run))
        answer_check_cut(&run->check);
    return answer_check_exit(&run->check);
}

static void add_params(struct query_run *run, struct request *request, const char *query)
{
    const struct query_settings *settings = run->settings;
    const char *format = query_output_names[run->output];

    if (run->output == OUTPUT_TABLE)
        format = "columns";
    else if (run->output == OUTPUT_RAW)
        format = "framed";
    request_add(request, "query", slice_of(query));
    request_add(request, "format", slice_of(format));
    run->check.limit_wanted = settings->limit != NULL;
    if (settings->limit != NULL)
        request_add(request, "limit", slice_of(settings->limit));
    if (settings->order != NULL)
        request_add(request, "order", slice_of(settings->order));
    if (settings->strict)
        request_add(request, "strict", SLICE_LITERAL("1"));
}

static int ask(struct query_run *run, const char *query)
{
    const struct framed_receiver receiver = {on_rows, on_record, run};
    struct request request;
    bool broke_off = false;
    enum status status;

    run->framed = framed_reader_empty(&receiver);
    run->json = json_lines_empty(on_table_line, run);
    run->end_line = buf_empty(END_LINE_SIZE_MAX);
    table_init(&run->table, &run->sink, terminal_width(STDOUT_FILENO));
    request_init(&request, &run->settings->client, "/dendro/v1/query");
    request.text = slice_of(query);
    add_params(run, &request, query);
    request.user = run;
    request.on_body = run->output == OUTPUT_TABLE ? on_table_body
                      : run->output == OUTPUT_RAW ? on_framed_body
                                                  : on_passed_body;
    status = request_run(&request, &broke_off);
    request_release(&request);
    return judge(run, status, broke_off);
}

static int query_answer(const struct query_settings *settings, const char *query)
{
    struct query_run run = {.settings = settings, .output = (enum query_output)settings->output};
    int exit_code;

    if (!sink_init(&run.sink))
        return DENDRO_ERROR;
    if (run.output == OUTPUT_AUTO)
        run.output = run.sink.is_terminal ? OUTPUT_TABLE : OUTPUT_NDJSON;
    exit_code = ask(&run, query);
    if (!sink_finish(&run.sink))
        exit_code = DENDRO_ERROR;
    framed_reader_release(&run.framed);
    json_lines_release(&run.json);
    table_release(&run.table);
    buf_release(&run.end_line);
    return exit_code;
}

int query_answer_piped(const struct query_settings *settings, const struct cli_target *call,
                       const struct buf *pipe)
{
    const char *query = call->arguments.count > 0 ? call->arguments.items[0] : "*";
    struct buf text = buf_empty(QUERY_PIPED_SIZE_MAX);
    int exit_code = DENDRO_ERROR;

    /* The newline ends a comment of the query. */
    if (!pipe->failed && buf_printf(&text, "%s\n| %.*s", query, SLICE_ARG(buf_slice(pipe))) &&
        buf_append_byte(&text, '\0'))
        exit_code = query_answer(settings, text.data);
    else
        command_say("the query is too large");
    buf_release(&text);
    return exit_code;
}

static int run(struct cli_target *call)
{
    return query_answer(call->settings, call->arguments.items[0]);
}

const struct command query_command = {"query", "run a query of the native language", &line, run};
