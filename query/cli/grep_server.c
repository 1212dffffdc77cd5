/* query/cli/grep_server.c -- grep over what the collector keeps.
 *
 *   plain lines           framed answer: bytes go from the network to standard output as they come
 *   -o, colours           the same bytes, line by line through the matcher
 *   -H --time -z -A -B -C columns answer, row by row (grep_rows.c)
 *   -c -l -L              counted at the server
 * Rows are asked for oldest first, each source in its own order. */
#include "query/cli/answer_end.h"
#include "query/cli/framed_reader.h"
#include "query/cli/grep.h"
#include "query/cli/grep_rows.h"
#include "query/cli/json_lines.h"
#include "query/cli/live.h"
#include "query/cli/request.h"
#include "query/cli/sse.h"
#include "query/lexer.h"

#include <stdio.h>

enum { QUERY_SIZE_MAX = 4 << 20, CURSOR_SIZE_MAX = SSE_ID_SIZE_MAX };

struct server_run {
    const struct grep_settings *settings;
    const struct grep_pattern *pattern;
    struct matcher *matcher;
    struct sink sink;
    struct line_body body;
    struct answer_check check;
    struct framed_reader framed;
    struct json_lines json;
    struct buf part; /* of a line that is not yet whole */
    struct buf query;
    struct grep_rows rows;
    struct buf cursor; /* of a tail behind the answer */
    bool found;
    uint64_t count; /* -c without -H */
};

/* ---- what is common to all requests ---- */

static bool on_record_object(struct server_run *run, const json_t *object)
{
    const json_t *end = json_object_get(object, "_end");
    const char *cursor = json_string_value(json_object_get(end, "cursor"));

    if (end != NULL)
        answer_check_end(&run->check, end);
    if (cursor != NULL)
        buf_append_text(&run->cursor, cursor);
    return true;
}

static void request_start(struct server_run *run, struct request *request, const char *format)
{
    request_init(request, &run->settings->client, "/dendro/v1/query");
    request_add(request, "query", buf_slice(&run->query));
    request_add(request, "format", slice_of(format));
    request_add(request, "timeout", SLICE_LITERAL("0")); /* as long as it takes, or the reader */
    request->streams = true;
    request->user = run;
}

/* DENDRO_ERROR, DENDRO_PARTIAL, or by what was found. */
static int finish_request(struct server_run *run, enum status status, bool broke_off)
{
    bool stopped = status == STATUS_CANCELLED;

    if (run->framed.corrupt || run->json.corrupt || run->rows.failed) {
        if (!run->rows.failed)
            command_say("the server's answer makes no sense; is --server a collector?");
        return DENDRO_ERROR;
    }
    if (broke_off)
        run->check.failed = true; /* reported */
    else if (status != STATUS_OK && !stopped)
        return DENDRO_ERROR;
    if (status == STATUS_OK)
        answer_check_cut(&run->check);
    if (answer_check_exit(&run->check) != DENDRO_FOUND && !(run->settings->quiet && run->found))
        return DENDRO_PARTIAL;
    return run->found ? DENDRO_FOUND : DENDRO_NOT_FOUND;
}

static int send(struct server_run *run, struct request *request)
{
    bool broke_off = false;
    enum status status = request_run(request, &broke_off);

    request_release(request);
    return finish_request(run, status, broke_off);
}

static void add_limit(struct server_run *run, struct request *request, uint64_t limit)
{
    char text[24];

    (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)limit);
    request_add(request, "limit", slice_of(text));
    run->check.limit_wanted = true;
}

/* ---- plain lines ---- */

static bool put_line(const struct server_run *run, struct slice line)
{
    bool invert = run->settings->invert;

    if (run->settings->only_matching)
        return invert ||
               line_body_put_matches(&run->body, (struct slice){0}, line, SLICE_LITERAL("\n"));
    return line_body_put(&run->body, line, !invert) &&
           sink_put(run->body.sink, SLICE_LITERAL("\n"));
}

static bool put_lines(struct server_run *run, struct slice piece)
{
    struct slice line;

    while (slice_cut(&piece, '\n', &line)) {
        bool more;

        if (run->part.len == 0) {
            more = put_line(run, line);
        } else {
            buf_append_slice(&run->part, line);
            more = put_line(run, buf_slice(&run->part));
            buf_reset(&run->part);
        }
        if (!more)
            return false;
    }
    return buf_append_slice(&run->part, piece);
}

static bool on_rows(void *user, struct slice piece)
{
    struct server_run *run = user;

    if (piece.len == 0)
        return true;
    run->found = true;
    if (run->settings->quiet)
        return false;
    if (line_body_is_plain(&run->body) && !run->settings->only_matching)
        return sink_put(&run->sink, piece);
    return put_lines(run, piece);
}

static bool on_record(void *user, struct slice text)
{
    struct server_run *run = user;
    json_t *object = json_loadb(text.data, text.len, JSON_ALLOW_NUL, NULL);

    (void)on_record_object(run, object);
    json_decref(object);
    return true;
}

/* What came in one go leaves in one go: the first lines at once, and no write per line. */
static bool on_framed_body(void *user, struct slice piece)
{
    struct server_run *run = user;

    return framed_reader_feed(&run->framed, piece) && sink_flush(&run->sink);
}

static int run_plain(struct server_run *run)
{
    const struct framed_receiver receiver = {on_rows, on_record, run};
    struct request request;

    run->framed = framed_reader_empty(&receiver);
    request_start(run, &request, "framed");
    request_add(&request, "order", SLICE_LITERAL("asc"));
    request_add(&request, "fields", SLICE_LITERAL("_msg"));
    if (run->settings->quiet)
        add_limit(run, &request, 1);
    else if (run->settings->max_count >= 0)
        add_limit(run, &request, (uint64_t)run->settings->max_count);
    request.on_body = on_framed_body;
    return send(run, &request);
}

/* ---- rows with names ---- */

static bool on_json_body(void *user, struct slice piece)
{
    struct server_run *run = user;

    return json_lines_feed(&run->json, piece) && sink_flush(&run->sink);
}

static bool on_columns(void *user, const json_t *object)
{
    struct server_run *run = user;
    struct columns columns;

    if (!columns_of(object, &columns))
        return on_record_object(run, object);
    return grep_rows_put(&run->rows, &columns);
}

static void add_context(struct server_run *run)
{
    const struct grep_settings *s = run->settings;

    buf_printf(&run->query, " | context before %lld after %lld",
               (long long)(s->before > 0 ? s->before : 0),
               (long long)(s->after > 0 ? s->after : 0));
    if (s->across != NULL)
        buf_append_text(&run->query, " across host");
    else if (s->by != NULL) {
        buf_append_text(&run->query, " by ");
        lexer_quote(&run->query, slice_of(s->by));
    }
}

static int run_rows(struct server_run *run)
{
    const struct grep_settings *settings = run->settings;
    struct buf fields = buf_empty(256);
    struct request request;
    int exit_code;

    if (run->rows.context)
        add_context(run);
    run->json = json_lines_empty(on_columns, run);
    run->rows.keep = settings->tail >= 0;
    request_start(run, &request, "columns");
    request_add(&request, "order", run->rows.keep ? SLICE_LITERAL("desc") : SLICE_LITERAL("asc"));
    grep_rows_fields(&run->rows, &fields);
    request_add(&request, "fields", buf_slice(&fields));
    buf_release(&fields);
    if (run->rows.keep)
        add_limit(run, &request, (uint64_t)settings->tail);
    else if (!run->rows.context && settings->max_count >= 0) /* it would count context, too */
        add_limit(run, &request, (uint64_t)settings->max_count);
    if (run->rows.context)
        request_add(&request, "ids", SLICE_LITERAL("1"));
    if (settings->follow)
        request_add(&request, "cursor", SLICE_LITERAL("1"));
    request.on_body = on_json_body;
    exit_code = send(run, &request);
    grep_rows_finish(&run->rows);
    if (exit_code == DENDRO_NOT_FOUND && run->rows.found)
        exit_code = DENDRO_FOUND;
    return exit_code;
}

/* ---- counts and lists ---- */

/* One row per source, or one in all: {"geo":..,"host":..,"source":..,"n":..}. */
static bool on_count(void *user, const json_t *object)
{
    struct server_run *run = user;
    const struct grep_settings *s = run->settings;
    const json_t *n = json_object_get(object, "n");
    uint64_t count = (uint64_t)json_integer_value(n);
    const char *geo = json_string_value(json_object_get(object, "geo"));
    const char *host = json_string_value(json_object_get(object, "host"));
    const char *source = json_string_value(json_object_get(object, "source"));
    struct buf text = buf_empty(1 << 20);
    bool more;

    if (n == NULL)
        return on_record_object(run, object);
    run->found |= s->list_without || count > 0;
    if (s->max_count >= 0 && count > (uint64_t)s->max_count)
        count = (uint64_t)s->max_count;
    run->count = count;
    if (source == NULL)
        return true;
    buf_printf(&text, "%s/%s:%s", geo == NULL ? "" : geo, host == NULL ? "" : host, source);
    more = line_body_put(&run->body, buf_slice(&text), false);
    buf_reset(&text);
    if (s->list || s->list_without)
        buf_append_byte(&text, s->null_data ? '\0' : '\n');
    else
        buf_printf(&text, ":%llu\n", (unsigned long long)count);
    more = more && sink_put(&run->sink, buf_slice(&text));
    buf_release(&text);
    return more;
}

/* -L needs the sources where nothing matches: the pattern moves into the count. */
static void make_list_query(struct server_run *run)
{
    buf_reset(&run->query);
    (void)grep_selector(run->settings, &run->query);
    buf_append_text(&run->query, " | stats by (geo, host, source) count() if (");
    if (run->settings->invert)
        buf_append_text(&run->query, "not (");
    (void)grep_pattern_filter(run->pattern, &run->query);
    buf_append_text(&run->query, run->settings->invert ? "))" : ")");
    buf_append_text(&run->query, " as n | where n:=0 | sort by (geo, host, source)");
}

static int run_counts(struct server_run *run)
{
    const struct grep_settings *s = run->settings;
    bool by_source = s->list || s->list_without || s->with_name;
    struct request request;
    char text[32];
    int exit_code;

    if (s->list_without)
        make_list_query(run);
    else
        buf_append_text(&run->query, by_source ? " | stats by (geo, host, source) count() as n"
                                                 " | sort by (geo, host, source)"
                                               : " | stats count() as n");
    run->json = json_lines_empty(on_count, run);
    request_start(run, &request, "ndjson");
    request.on_body = on_json_body;
    exit_code = send(run, &request);
    if (!by_source && exit_code != DENDRO_ERROR) {
        (void)snprintf(text, sizeof(text), "%llu\n", (unsigned long long)run->count);
        (void)sink_put(&run->sink, slice_of(text));
    }
    return exit_code;
}

/* ---- going on live ---- */

static bool on_live_rows(void *user, const struct columns *columns)
{
    struct server_run *run = user;

    return grep_rows_put(&run->rows, columns) && sink_flush(&run->sink);
}

static int run_live(struct server_run *run, struct slice query)
{
    const struct client_options *client = &run->settings->client;
    struct buf fields = buf_empty(256);
    struct live live = {.client = client,
                        .query = query,
                        .from = run->settings->tail >= 0 ? NULL
                                : client->last != NULL   ? client->last
                                                         : client->since,
                        .cursor = buf_slice(&run->cursor),
                        .rows = on_live_rows,
                        .user = run};
    int exit_code;

    run->rows.keep = false;
    grep_rows_fields(&run->rows, &fields);
    live.fields = buf_slice(&fields);
    exit_code = live_run(&live);
    buf_release(&fields);
    return exit_code;
}

/* --tail N --follow: the last N, then live from the cursor behind them. --follow alone: what the
 * range has, then live. */
static int run_follow(struct server_run *run)
{
    int exit_code = DENDRO_FOUND;

    if (run->rows.context) {
        command_say("grep: --follow cannot show context: what comes after a line is not known");
        return DENDRO_ERROR;
    }
    if (run->settings->tail > 0)
        exit_code = run_rows(run);
    if (exit_code == DENDRO_ERROR || !sink_flush(&run->sink))
        return exit_code;
    return run_live(run, buf_slice(&run->query));
}

/* ---- the choice ---- */

static int dispatch(struct server_run *run)
{
    const struct grep_settings *s = run->settings;

    /* A limit of 0 would be none to the server. */
    if (s->max_count == 0 || (s->tail == 0 && !s->follow))
        return DENDRO_NOT_FOUND;
    if (s->quiet)
        return run_plain(run);
    if (s->list || s->list_without || s->count)
        return run_counts(run);
    if (s->follow)
        return run_follow(run);
    if (run->rows.context || s->with_name || s->time || s->null_data || s->tail >= 0)
        return run_rows(run);
    return run_plain(run);
}

static bool prepare(struct server_run *run)
{
    struct error err = {0};

    if (!grep_query(run->settings, run->pattern, &run->query)) {
        command_say("grep: the patterns make a query that is too large");
        return false;
    }
    if (!sink_init(&run->sink))
        return false;
    run->body.sink = &run->sink;
    run->body.escape = run->sink.is_terminal;
    colors_init(&run->body.colors, (enum color_mode)run->settings->color);
    grep_rows_init(&run->rows, run->settings, &run->body);
    if (!run->settings->only_matching && !run->body.colors.on)
        return true;
    if (matcher_new(run->pattern, &run->matcher, &err) != STATUS_OK) {
        command_say("grep: %s", err.message);
        return false;
    }
    run->body.matcher = run->matcher;
    return true;
}

int grep_server(const struct grep_settings *settings, const struct grep_pattern *pattern)
{
    struct server_run run = {.settings = settings,
                             .pattern = pattern,
                             .part = buf_empty(GREP_LINE_SIZE_MAX),
                             .query = buf_empty(QUERY_SIZE_MAX),
                             .cursor = buf_empty(CURSOR_SIZE_MAX)};
    int exit_code = DENDRO_ERROR;

    if (prepare(&run))
        exit_code = dispatch(&run);
    if (run.sink.data != NULL && !sink_finish(&run.sink))
        exit_code = DENDRO_ERROR;
    framed_reader_release(&run.framed);
    json_lines_release(&run.json);
    grep_rows_release(&run.rows);
    matcher_free(run.matcher);
    buf_release(&run.part);
    buf_release(&run.query);
    buf_release(&run.cursor);
    return exit_code;
}
