/* query/api/context.c -- the rows around one row, found again by its `_id`.
 *
 * Two runs, each stopped as soon as it has enough: newest first from the row back, oldest first
 * from the row on. Rows of the first are kept and turned around. Around means: of the row's source,
 * of all sources of its host (across=host), or with the same value of a field (by=request_id). */
#include "query/api/api_private.h"
#include "query/api/pick.h"
#include "query/api/reply.h"
#include "query/lexer.h"
#include "query/limits.h"
#include "store/store.h"

#include <stdlib.h>

enum {
    CONTEXT_COUNT_DEFAULT = 10,
    CONTEXT_MEMORY_MAX = 32 * 1024 * 1024,
    CONTEXT_CHUNKS_MAX = CONTEXT_ROWS_MAX + 1, /* at least one row in each */
};

struct context_run {
    struct api_call *call;
    uint64_t source_hash, offset;
    int64_t time_ns;
    uint64_t before, after;
    int64_t window_ns;
    const struct event_source *source;
    struct slice by_value;     /* of the row's field `by`; data NULL: not seen */
    struct arena arena;        /* kept rows */
    struct result_chunk *kept; /* newest first */
    uint32_t kept_count;
    uint64_t kept_rows;
    bool found;    /* the row has come by in this run */
    uint64_t sent; /* rows after it */
    struct answer answer;
    struct output output;
    struct buf out;
    bool begun;
};

/* ---- the id ---- */

static bool parse_hex(struct slice text, uint64_t *out)
{
    char digits[17] = "";
    char *end;

    if (text.len == 0 || text.len > 16)
        return false;
    memcpy(digits, text.data, text.len);
    *out = strtoull(digits, &end, 16);
    return *end == '\0' && digits[0] != '-' && digits[0] != '+' && digits[0] != ' ';
}

static bool parse_id(struct slice id, struct context_run *run)
{
    struct slice rest = id, hash, offset;
    uint64_t time_ns;

    if (!slice_cut(&rest, '-', &hash) || !slice_cut(&rest, '-', &offset) ||
        !parse_hex(hash, &run->source_hash) || !parse_hex(offset, &run->offset) ||
        !parse_hex(rest, &time_ns))
        return false;
    run->time_ns = (int64_t)time_ns;
    return run->time_ns != 0;
}

static const struct event_source *find_source(struct store *store, uint64_t hash)
{
    uint32_t count = store_source_count(store);

    for (uint32_t i = 0; i < count; i++) {
        const struct event_source *source = store_source(store, i);

        if (source != NULL && output_source_hash(source) == hash)
            return source;
    }
    return NULL;
}

static bool read_params(struct context_run *run, struct query_problem *problem)
{
    struct http_request *request = run->call->request;

    run->before = run->after = CONTEXT_COUNT_DEFAULT;
    run->window_ns = NS_PER_HOUR;
    if (!api_param_u64(request, "before", CONTEXT_ROWS_MAX, &run->before, problem) ||
        !api_param_u64(request, "after", CONTEXT_ROWS_MAX, &run->after, problem) ||
        !api_param_duration(request, "window", &run->window_ns, problem))
        return false;
    if (!parse_id(http_request_param(request, "id"), run)) {
        reply_bad_request(problem, "query with ids=1",
                          "parameter id: expected the _id of a row that was asked with its _time");
        return false;
    }
    run->source = find_source(run->call->api->options.store, run->source_hash);
    if (run->source != NULL)
        return true;
    reply_bad_request(problem, "", "no row of this id: its source is not stored here");
    problem->code = "not_found";
    return false;
}

/* ---- the query ---- */

static void append_label(struct buf *out, const char *name, struct slice value)
{
    buf_printf(out, "%s%s=", out->data[out->len - 1] == '{' ? "" : ",", name);
    lexer_quote(out, value);
}

/* All rows that may be around: without `by_value` those of the source, to find the row itself. */
static enum status parse_around(struct context_run *run, struct query **out,
                                struct query_problem *problem)
{
    struct slice by = http_request_param(run->call->request, "by");
    bool across = slice_is(http_request_param(run->call->request, "across"), "host");
    struct buf text = buf_empty(API_PIPES_SIZE_MAX);
    enum status status;

    buf_append_byte(&text, '{');
    append_label(&text, "geo", run->source->geo);
    if (run->by_value.data == NULL) {
        append_label(&text, "host", run->source->host);
        if (!across) {
            append_label(&text, "role", run->source->role);
            append_label(&text, "source", run->source->path);
        }
    }
    buf_append_byte(&text, '}');
    if (run->by_value.data != NULL) {
        buf_append_byte(&text, ' ');
        lexer_quote(&text, by);
        buf_append_text(&text, ":=");
        lexer_quote(&text, run->by_value);
    }
    status = query_parse(buf_slice(&text), out, problem);
    problem->line = 0; /* a place in our text */
    buf_release(&text);
    return status;
}

static bool is_the_row(const struct context_run *run, const struct result_chunk *chunk,
                       uint32_t row)
{
    struct store *store = run->call->api->options.store;

    return chunk->offsets[row] == run->offset &&
           output_source_hash(store_source(store, chunk->sources[row])) == run->source_hash;
}

/* ---- before the row ---- */

static void keep_by_value(struct context_run *run, const struct result_chunk *chunk, uint32_t row)
{
    struct slice by = http_request_param(run->call->request, "by");
    struct buf text = buf_empty(QUERY_TEXT_SIZE_MAX);

    for (uint32_t i = 0; i < chunk->column_count; i++)
        if (slice_equal(chunk->columns[i].name, by) && !result_is_null(&chunk->columns[i], row))
            output_plain_value(&text, &chunk->columns[i], row);
    if (text.len > 0 && !text.failed)
        run->by_value = arena_copy(&run->arena, buf_slice(&text));
    buf_release(&text);
}

static enum status keep_before(void *user, const struct result_chunk *chunk)
{
    struct context_run *run = user;
    uint32_t rows[RESULT_CHUNK_ROWS_MAX];
    uint32_t count = 0;

    if (chunk->sources == NULL)
        return STATUS_INVALID;
    for (uint32_t row = 0; row < chunk->row_count; row++) {
        if (run->found && run->kept_rows + count < run->before) {
            rows[count++] = row;
        } else if (!run->found && is_the_row(run, chunk, row)) {
            run->found = true;
            keep_by_value(run, chunk, row);
        }
    }
    for (uint32_t i = 0; i < count / 2; i++) { /* oldest first within the chunk */
        uint32_t swapped = rows[i];

        rows[i] = rows[count - 1 - i];
        rows[count - 1 - i] = swapped;
    }
    if (count > 0 &&
        !result_pick_copy(chunk, rows, count, &run->arena, &run->kept[run->kept_count++]))
        return STATUS_NO_MEMORY;
    run->kept_rows += count;
    return run->found && run->kept_rows >= run->before ? STATUS_END : STATUS_OK;
}

/* ---- the row and what is after it: written as it comes ---- */

static enum status send_out(struct context_run *run)
{
    enum status status = http_stream_write(run->call->stream, buf_slice(&run->out));

    buf_reset(&run->out);
    return status;
}

static enum status spill(struct output *output)
{
    return send_out(output->user);
}

static enum status begin(void *user, const struct query_head *head)
{
    struct context_run *run = user;
    enum status status = http_stream_begin(
        run->call->stream, &(struct http_answer){.status = 200, .type = run->output.format->type});

    run->begun = status == STATUS_OK;
    run->output.format->head(&run->output, head);
    for (uint32_t i = run->kept_count; i-- > 0 && status == STATUS_OK;)
        status = run->output.format->chunk(&run->output, &run->kept[i]);
    return status;
}

/* The row itself has `_match: true`, as with the context pipe. */
static enum status send_after(void *user, const struct result_chunk *chunk)
{
    struct context_run *run = user;
    uint32_t rows[RESULT_CHUNK_ROWS_MAX];
    uint32_t count = 0, match = UINT32_MAX;
    struct result_chunk picked;
    enum status status = STATUS_OK;

    for (uint32_t row = 0; row < chunk->row_count; row++) {
        if (!run->found && is_the_row(run, chunk, row)) {
            run->found = true;
            match = count;
            rows[count++] = row;
        } else if (run->found && run->sent < run->after) {
            run->sent++;
            rows[count++] = row;
        }
    }
    if (count > 0) {
        if (!result_pick(chunk, rows, count, &run->arena, &picked) ||
            (match != UINT32_MAX && !result_add_true(&picked, "_match", match, &run->arena)))
            return STATUS_NO_MEMORY;
        status = run->output.format->chunk(&run->output, &picked);
    }
    if (status == STATUS_OK && run->found && run->sent >= run->after)
        status = STATUS_END;
    return status;
}

static void finish(void *user, const struct query_end *end)
{
    struct context_run *run = user;

    if (!run->begun)
        return;
    if (run->output.format->end != NULL)
        run->output.format->end(&run->output, end);
    (void)!send_out(run);
}

/* ---- the run ---- */

static enum status run_before(struct context_run *run, struct query_problem *problem)
{
    const struct query_receiver receiver = {.chunk = keep_before, .user = run};
    struct query_options options;
    struct query *query = NULL;
    enum status status = parse_around(run, &query, problem);

    api_query_options(run->call, &options);
    options.positions = true;
    options.order = QUERY_NEWEST;
    options.start_ns = run->time_ns - run->window_ns;
    options.end_ns = run->time_ns + 1;
    run->found = false;
    run->kept_count = 0;
    run->kept_rows = 0;
    if (status == STATUS_OK)
        status = query_run(query, run->call->api->options.store, &options, &receiver, problem);
    query_free(query);
    return status;
}

static enum status run_after(struct context_run *run, struct query_problem *problem)
{
    const struct query_receiver receiver = {begin, send_after, NULL, finish, run};
    struct query_options options;
    struct query *query = NULL;
    enum status status = parse_around(run, &query, problem);

    api_query_options(run->call, &options);
    options.positions = true;
    options.order = QUERY_OLDEST;
    options.start_ns = run->time_ns;
    options.end_ns = run->time_ns + run->window_ns;
    run->found = false;
    if (status == STATUS_OK)
        status = query_run(query, run->call->api->options.store, &options, &receiver, problem);
    query_free(query);
    return status;
}

static bool run_both(struct context_run *run, struct query_problem *problem)
{
    bool by = http_request_param(run->call->request, "by").len > 0;

    run->kept = arena_new(&run->arena, struct result_chunk, CONTEXT_CHUNKS_MAX);
    if (run->kept == NULL || run_before(run, problem) != STATUS_OK)
        return false;
    if (run->found && by && run->by_value.data == NULL) {
        reply_bad_request(problem, "", "parameter by: the row has no such field");
        return false;
    }
    if (run->found && by && run_before(run, problem) != STATUS_OK) /* now with its value */
        return false;
    if (!run->found) {
        reply_bad_request(problem, "", "no row of this id: it is not stored any more");
        problem->code = "not_found";
        return false;
    }
    return run_after(run, problem) == STATUS_OK;
}

static void run_context(struct api_call *call)
{
    struct context_run run = {
        .call = call, .arena = arena_empty(CONTEXT_MEMORY_MAX), .out = buf_empty(OUTPUT_SIZE_MAX)};
    struct query_problem problem = {0};
    const char *code = NULL;

    api_answer_init(call, &run.answer);
    (void)answer_ask_geos(&run.answer, (struct slice){0});
    if (!api_params_take_json(call->request, &problem) ||
        !api_params_read(call->request, call->endpoint->extra_params, io_wall_ns(io_system()), 1,
                         &call->params, &problem) ||
        !read_params(&run, &problem)) {
        code = problem.code;
    } else {
        run.output = (struct output){.format = call->params.format != NULL ? call->params.format
                                                                           : &output_json,
                                     .out = &run.out,
                                     .answer = &run.answer,
                                     .ids = true,
                                     .store = call->api->options.store,
                                     .spill = spill,
                                     .user = &run,
                                     .arena = arena_empty(CONTEXT_MEMORY_MAX)};
        if (!run_both(&run, &problem))
            code = problem.code == NULL ? "internal" : problem.code;
        output_release(&run.output);
    }
    if (code != NULL && run.begun)
        http_stream_abort(call->stream);
    else if (code != NULL)
        reply_problem(call->stream, &problem);
    api_count_query(call, code);
    arena_release(&run.arena);
    buf_release(&run.out);
}

static const char *const context_params[] = {"id", "before", "after", "across",
                                             "by", "window", NULL};

const struct api_endpoint api_context_endpoint = {
    .path = "/dendro/v1/context",
    .counter = COUNT_CONTEXT,
    .run = run_context,
    .extra_params = context_params,
    .defaults_to_json = true,
};
