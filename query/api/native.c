/* query/api/native.c -- run a query and stream its answer in the format asked for.
 *
 * The HTTP answer begins with the engine's head, so that whatever is wrong before it (parameters,
 * syntax, limits) is an error with its own HTTP status. What goes wrong after it stands in the end
 * record, or breaks the answer off where the format has none. */
#include "query/api/api_private.h"
#include "query/api/pick.h"
#include "query/api/reply.h"
#include "query/limits.h"
#include "store/store.h"

#include <stdio.h>

enum { ANSWER_ARENA_SIZE_MAX = 16 * 1024 * 1024 };

/* One answer under way. */
struct native_run {
    struct api_call *call;
    struct answer answer;
    struct output output;
    struct buf out;
    struct arena picked;          /* of one chunk, with `cursor=1` */
    uint64_t sequence_max;        /* ... rows behind it are left to a live tail */
    struct query_problem problem; /* why on_head() refused */
    const char *end_code;         /* of the end record */
    int64_t flushed_ns;
    bool begun; /* the HTTP answer is */
    bool refused;
    enum status write_status; /* first failure to send */
};

/* ---- parameters ---- */

static bool read_params(struct api_call *call, struct query_problem *problem)
{
    struct store_stats stats;

    store_stats(call->api->options.store, &stats);
    return api_params_take_json(call->request, problem) &&
           api_params_read(call->request, call->endpoint->extra_params, io_wall_ns(io_system()),
                           stats.time_min_ns, &call->params, problem);
}

bool api_add_fields(const struct api_params *params, struct query *query,
                    struct query_problem *problem)
{
    struct buf text = buf_empty(QUERY_TEXT_SIZE_MAX);
    bool added = true;

    buf_append_text(&text, "fields ");
    if (api_quote_list(&text, params->fields))
        added = query_add_pipes(query, buf_slice(&text), problem) == STATUS_OK;
    if (!added)
        problem->line = 0; /* a place in our text, not in theirs */
    buf_release(&text);
    return added;
}

/* The endpoint's own pipes, then that of `fields=a,b`. */
static bool add_pipes(struct api_call *call, struct query *query, struct query_problem *problem)
{
    struct buf text = buf_empty(API_PIPES_SIZE_MAX);
    bool added = true;

    if (call->endpoint->pipes != NULL)
        added = call->endpoint->pipes(call, &text, problem) &&
                query_add_pipes(query, buf_slice(&text), problem) == STATUS_OK;
    buf_release(&text);
    return added && api_add_fields(&call->params, query, problem);
}

bool api_open_query(struct api_call *call, struct query **out)
{
    struct query_problem problem = {0};
    struct query *query = NULL;

    if (read_params(call, &problem) &&
        query_parse(call->params.query, &query, &problem) == STATUS_OK &&
        add_pipes(call, query, &problem)) {
        *out = query;
        return true;
    }
    query_free(query);
    reply_problem(call->stream, &problem);
    api_count_query(call, problem.code == NULL ? "internal" : problem.code);
    return false;
}

/* The longest that a query may take is the node's to say; a row stream has a place of its own and
 * may ask for no limit. */
static int64_t choose_deadline(const struct api_call *call)
{
    int64_t timeout_max_ns = (int64_t)call->api->options.query_timeout_ms * NS_PER_MS;
    int64_t timeout_ns = call->params.timeout_ns;

    if (call->is_stream && call->params.no_timeout)
        return 0;
    if (timeout_ns == 0 || timeout_ns > timeout_max_ns)
        timeout_ns = timeout_max_ns;
    return io_mono_ns(io_system()) + timeout_ns;
}

void api_query_options(const struct api_call *call, struct query_options *out)
{
    const struct api_params *params = &call->params;
    *out = (struct query_options){
        .start_ns = params->start_ns,
        .end_ns = params->end_ns,
        .now_ns = params->now_ns,
        .tz = params->tz,
        .order = params->order,
        .limit = params->limit,
        .memory_max = call->api->options.query_memory_max,
        .deadline_ns = choose_deadline(call),
        .pause = call->is_stream ? &call->pause : NULL,
        .cancel = http_stream_cancelled(call->stream),
        .strict = params->strict,
        .positions = params->ids,
    };
    if (params->no_timeout && !call->is_stream)
        out->notice = "too many answers without a time limit are under way: this one has the usual "
                      "limit (timeout=0 was not granted)";
}

/* ---- sending ---- */

static enum status send_out(struct native_run *run)
{
    struct query_pause *pause = &run->call->pause;
    int64_t from_ns = io_mono_ns(io_system());
    enum status status;

    atomic_store(&pause->since_ns, from_ns);
    status = http_stream_write(run->call->stream, buf_slice(&run->out));
    atomic_fetch_add(&pause->total_ns, io_mono_ns(io_system()) - from_ns);
    atomic_store(&pause->since_ns, 0);
    if (status != STATUS_OK && run->write_status == STATUS_OK)
        run->write_status = status;
    buf_reset(&run->out);
    return status;
}

static enum status spill(struct output *output)
{
    return send_out(output->user);
}

/* Give the client what there is; at once for the first rows, then now and then. */
static enum status send_and_flush(struct native_run *run, bool now)
{
    int64_t mono_ns = io_mono_ns(io_system());
    enum status status = send_out(run);

    if (status != STATUS_OK)
        return status;
    if (!now && mono_ns - run->flushed_ns < API_FLUSH_INTERVAL_MS * NS_PER_MS)
        return STATUS_OK;
    run->flushed_ns = mono_ns;
    return http_stream_flush(run->call->stream);
}

/* ---- the receiver ---- */

static bool head_has_lines(const struct query_head *head)
{
    for (uint32_t i = 0; i < head->column_count; i++)
        if (slice_is(head->columns[i].name, "_msg"))
            return true;
    return head->open;
}

static enum status begin_answer(struct native_run *run)
{
    const struct output_format *format = run->output.format;
    char disposition[64];
    struct http_header header = {"Content-Disposition", disposition};

    (void)snprintf(disposition, sizeof(disposition), "attachment; filename=\"%s\"",
                   format->file_name == NULL ? "" : format->file_name);
    run->begun = true;
    return http_stream_begin(run->call->stream,
                             &(struct http_answer){.status = 200,
                                                   .type = format->type,
                                                   .headers = &header,
                                                   .header_count = format->file_name != NULL});
}

static enum status on_head(void *user, const struct query_head *head)
{
    struct native_run *run = user;
    enum status status;

    if (run->output.format->needs_lines && !head_has_lines(head)) {
        run->refused = true;
        reply_bad_request(&run->problem, "ndjson",
                          "format %s prints lines, and these rows have no _msg",
                          run->output.format->name);
        return STATUS_CANCELLED;
    }
    status = begin_answer(run);
    if (status == STATUS_OK) {
        run->output.format->head(&run->output, head);
        status = send_and_flush(run, true);
    }
    return status;
}

/* The rows that a live tail from the cursor of the end record does not give. */
static enum status drop_newer(struct native_run *run, const struct result_chunk *chunk,
                              struct result_chunk *out)
{
    uint32_t count = 0;
    uint32_t *rows;

    *out = *chunk;
    if (run->answer.cursor[0] == '\0' || chunk->sequences == NULL)
        return STATUS_OK;
    arena_reset(&run->picked);
    rows = arena_new(&run->picked, uint32_t, chunk->row_count);
    if (rows == NULL)
        return STATUS_NO_MEMORY;
    for (uint32_t row = 0; row < chunk->row_count; row++)
        if (chunk->sequences[row] <= run->sequence_max)
            rows[count++] = row;
    if (count == chunk->row_count)
        return STATUS_OK;
    return result_pick(chunk, rows, count, &run->picked, out) ? STATUS_OK : STATUS_NO_MEMORY;
}

static enum status on_chunk(void *user, const struct result_chunk *all)
{
    struct native_run *run = user;
    bool first = !run->output.rows_begun && run->out.len == 0;
    struct result_chunk chunk;
    enum status status = drop_newer(run, all, &chunk);

    if (status == STATUS_OK && chunk.row_count > 0)
        status = run->output.format->chunk(&run->output, &chunk);
    if (status == STATUS_OK)
        status = send_and_flush(run, first);
    run->output.rows_begun = true;
    return status;
}

static enum status on_progress(void *user, const struct query_progress *progress)
{
    struct native_run *run = user;

    if (run->output.format->progress == NULL)
        return STATUS_OK;
    run->output.format->progress(&run->output, progress);
    return send_and_flush(run, true);
}

static void on_end(void *user, const struct query_end *end)
{
    struct native_run *run = user;

    atomic_fetch_add(&run->call->api->counters.rows_sent, end->rows);
    if (end->status != STATUS_OK)
        run->end_code = end->code == NULL ? "internal" : end->code;
    if (run->refused || run->write_status != STATUS_OK)
        return;
    if (end->status != STATUS_OK && !run->output.format->has_end) {
        http_stream_abort(run->call->stream);
        return;
    }
    if (run->output.format->end != NULL)
        run->output.format->end(&run->output, end);
    if (run->out.failed)
        http_stream_abort(run->call->stream);
    else
        (void)!send_out(run);
}

/* ---- endpoints ---- */

static void choose_format(struct native_run *run)
{
    struct api_call *call = run->call;
    struct slice accept = slice_of(call->accept);

    run->output.format = call->params.format;
    if (run->output.format == NULL && call->endpoint->defaults_to_json &&
        output_by_accept(accept) == &output_ndjson)
        run->output.format = &output_json;
    if (run->output.format == NULL)
        run->output.format = output_by_accept(accept);
}

static bool check_geos(struct native_run *run)
{
    struct api_call *call = run->call;
    struct query_problem problem = {0};

    api_answer_init(call, &run->answer);
    if (!answer_ask_geos(&run->answer, call->params.geos)) {
        reply_bad_request(&problem, "", "parameter geos: more than %d geos", ANSWER_GEOS_MAX);
    } else if (call->params.refuse_partial && run->answer.missing_count > 0) {
        reply_bad_request(&problem, "partial=allow",
                          "geo \"%.*s\" cannot be asked from here, and partial answers are refused",
                          SLICE_ARG(slice_first(run->answer.missing[0], 60)));
    } else {
        return true;
    }
    reply_problem(call->stream, &problem);
    return false;
}

/* `cursor=1`: a live tail shall go on exactly where this answer ends. What the store has now is
 * ours, what comes while we run is the tail's. False: answered. */
static bool take_cursor(struct native_run *run, const struct query *query)
{
    struct api_call *call = run->call;
    const struct store *store = call->api->options.store;
    struct query_problem problem = {0};
    bool wanted = false;

    if (!api_param_bool(call->request, "cursor", &wanted, &problem) ||
        (wanted && !query_can_tail(query, &problem))) {
        reply_problem(call->stream, &problem);
        return false;
    }
    if (wanted) {
        run->sequence_max = store_sequence(store);
        tail_cursor_print(store, run->sequence_max, run->answer.cursor);
    }
    return true;
}

static void run_and_answer(struct native_run *run, const struct query *query)
{
    const struct query_receiver receiver = {on_head, on_chunk, on_progress, on_end, run};
    struct api_call *call = run->call;
    struct query_problem problem = {0};
    struct query_options options;
    enum status status;

    api_query_options(call, &options);
    options.no_offsets = !options.positions;
    options.positions |= run->answer.cursor[0] != '\0';
    if (run->output.format->rows_max > 0 &&
        (options.limit == 0 || options.limit > run->output.format->rows_max))
        options.limit = run->output.format->rows_max;
    if (!run->answer.own_asked) { /* only geos that we cannot ask: our rows are not wanted */
        options.start_ns = 1;
        options.end_ns = 2;
    }
    status = query_run(query, call->api->options.store, &options, &receiver, &problem);
    if (run->refused)
        problem = run->problem;
    if (!run->begun) {
        reply_problem(call->stream, &problem);
        run->end_code = problem.code == NULL ? "internal" : problem.code;
    } else if (status != STATUS_OK && run->end_code == NULL) {
        run->end_code = "internal"; /* failed after its head, and gave no end */
        http_stream_abort(call->stream);
    }
}

static void explain(struct api_call *call, const struct query *query)
{
    struct buf text = buf_empty(API_PLAN_SIZE_MAX), body = buf_empty(OUTPUT_SIZE_MAX);
    struct query_problem problem = {0};
    struct query_options options;
    struct json_writer json;

    api_query_options(call, &options);
    if (query_explain(query, call->api->options.store, &options, &text, &problem) != STATUS_OK) {
        reply_problem(call->stream, &problem);
        api_count_query(call, problem.code);
    } else {
        jsonw_begin(&json, &body);
        jsonw_object(&json);
        jsonw_key(&json, "plan");
        jsonw_text(&json, buf_slice(&text));
        buf_reset(&text);
        if (query_print(query, &text)) {
            jsonw_key(&json, "query");
            jsonw_text(&json, buf_slice(&text));
        }
        jsonw_end_object(&json);
        buf_append_byte(&body, '\n');
        reply_json(call->stream, buf_slice(&body));
        api_count_query(call, NULL);
    }
    buf_release(&text);
    buf_release(&body);
}

void api_run_query(struct api_call *call)
{
    struct native_run run = {.call = call,
                             .out = buf_empty(OUTPUT_SIZE_MAX),
                             .picked = arena_empty(ANSWER_ARENA_SIZE_MAX)};
    struct query *query;

    if (!api_open_query(call, &query))
        return;
    if (call->params.explain || call->endpoint == &api_explain_endpoint) {
        explain(call, query);
    } else if (check_geos(&run) && take_cursor(&run, query)) {
        run.output = (struct output){.out = &run.out,
                                     .answer = &run.answer,
                                     .store = call->api->options.store,
                                     .ids = call->params.ids,
                                     .spill = spill,
                                     .user = &run,
                                     .arena = arena_empty(ANSWER_ARENA_SIZE_MAX)};
        choose_format(&run);
        run_and_answer(&run, query);
        api_count_query(call, run.write_status == STATUS_CANCELLED ? "cancelled" : run.end_code);
        output_release(&run.output);
    } else {
        api_count_query(call, "bad_request");
    }
    buf_release(&run.out);
    arena_release(&run.picked);
    query_free(query);
}

static const char *const query_params[] = {"cursor", NULL};

const struct api_endpoint api_query_endpoint = {
    .path = "/dendro/v1/query",
    .counter = COUNT_QUERY,
    .run = api_run_query,
    .extra_params = query_params,
    .may_stream = true,
};
const struct api_endpoint api_explain_endpoint = {
    .path = "/dendro/v1/explain", .counter = COUNT_EXPLAIN, .run = api_run_query};
