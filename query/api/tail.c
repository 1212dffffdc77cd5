/* query/api/tail.c -- live tail over server-sent events.
 *
 * A tail is a thread that waits for the store to grow and then asks for the rows that arrived after
 * its cursor. A step covers the sequences (after, upto], where `upto` was the store's sequence when
 * the step began. Rows of a step come in time order, which is the same each time the step is asked
 * for; so a cursor in the midst of a step is (after, upto, rows already sent), and a client that
 * comes back with it gets the rest, without gap or duplicate.
 *
 * Writing blocks on a slow reader. That is all the back-pressure there is to it: the cursor stands
 * still, and the store keeps the rows. */
#include "query/api/tail.h"

#include "base/memory_budget.h"
#include "base/thread_priority.h"
#include "base/units.h"
#include "query/api/api_private.h"
#include "query/api/pick.h"
#include "query/api/reply.h"
#include "store/store.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    TAIL_WAIT_MS = 250,           /* how soon a tail notices that its client is gone */
    TAIL_STEP_MS = 50,            /* rows of so long come together: commits are more frequent */
    TAIL_EVENT_SIZE = 128 * 1024, /* text of the rows of one event, about */
    TAIL_ARENA_SIZE_MAX = 32 * 1024 * 1024,
    TAIL_RATE_MAX = 1000000,
};

struct tail_server {
    struct api *api;
    pthread_mutex_t lock;
    pthread_cond_t changed; /* the store has grown, a tail has ended, or `stopping` */
    unsigned count, count_max;
    uint64_t change_count;
    bool stopping;
};

struct tail_cursor {
    uint64_t incarnation;
    int64_t start_ns;     /* of a step that `from` began; 0: rows of any time */
    uint64_t after, upto; /* upto 0: no step has begun */
    uint64_t sent;        /* rows of the step */
};

struct tail {
    struct tail_server *server;
    struct api_call *call;
    struct query *query;
    struct tail_cursor cursor;
    struct buf out;
    struct arena arena;    /* of one chunk */
    struct output output;  /* writes the columns */
    uint64_t seen_in_step; /* rows of the step that came by, sent or not */
    uint64_t rate_max;     /* rows per second; 0: all */
    uint64_t rate_seen, rate_sent, rate_sample;
    int64_t rate_window_ns; /* start of this second */
    int64_t gaps_from_ns;   /* losses noticed before were told */
    int64_t written_ns;     /* monotonic, for the comment line */
    enum status status;     /* of writing */
};

/* ---- cursors ---- */

static void format_cursor(const struct tail_cursor *cursor, char out[ANSWER_CURSOR_SIZE])
{
    (void)snprintf(out, ANSWER_CURSOR_SIZE,
                   "%" PRIx64 "-%" PRIx64 "-%" PRIx64 "-%" PRIx64 "-%" PRIx64,
                   cursor->incarnation, (uint64_t)cursor->start_ns, cursor->after, cursor->upto,
                   cursor->sent);
}

void tail_cursor_print(const struct store *store, uint64_t after, char out[ANSWER_CURSOR_SIZE])
{
    const struct tail_cursor cursor = {.incarnation = store_incarnation(store), .after = after};

    format_cursor(&cursor, out);
}

static bool parse_cursor(struct slice text, struct tail_cursor *out)
{
    uint64_t parts[5];
    struct slice rest = text;

    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        struct slice part = rest;

        if (i + 1 < COUNT_OF(parts) && !slice_cut(&rest, '-', &part))
            return false;
        if (part.len == 0 || part.len > 16)
            return false;
        parts[i] = 0;
        for (size_t at = 0; at < part.len; at++) {
            char c = part.data[at];

            if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
                return false;
            parts[i] = parts[i] << 4 | (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
        }
    }
    *out = (struct tail_cursor){parts[0], (int64_t)parts[1], parts[2], parts[3], parts[4]};
    return true;
}

/* ---- writing events ---- */

static void send(struct tail *tail)
{
    if (tail->status == STATUS_OK)
        tail->status = http_stream_write(tail->call->stream, buf_slice(&tail->out));
    if (tail->status == STATUS_OK)
        tail->status = http_stream_flush(tail->call->stream);
    tail->written_ns = io_mono_ns(io_system());
    buf_reset(&tail->out);
}

/* `data` is JSON, so it has no newline. */
static void begin_event(struct tail *tail, const char *name)
{
    buf_printf(&tail->out, "event: %s\ndata: ", name);
}

static void end_event(struct tail *tail)
{
    buf_append_text(&tail->out, "\n\n");
    if (tail->out.failed)
        tail->status = STATUS_TOO_LARGE;
    send(tail);
}

static void send_reason(struct tail *tail, const char *event, const char *code, const char *reason)
{
    struct json_writer json;

    begin_event(tail, event);
    jsonw_begin(&json, &tail->out);
    jsonw_object(&json);
    if (code != NULL) {
        jsonw_key(&json, "code");
        jsonw_string(&json, code);
    }
    jsonw_key(&json, "reason");
    jsonw_string(&json, reason);
    jsonw_end_object(&json);
    end_event(tail);
}

static void send_rows(struct tail *tail, const struct result_chunk *chunk, uint32_t from,
                      uint32_t to)
{
    char cursor[ANSWER_CURSOR_SIZE];

    format_cursor(&tail->cursor, cursor);
    buf_printf(&tail->out, "id: %s\n", cursor);
    begin_event(tail, "rows");
    output_columns_rows(&tail->output, chunk, from, to);
    end_event(tail);
    if (tail->status == STATUS_OK)
        atomic_fetch_add(&tail->server->api->counters.tail_rows, to - from);
}

/* ---- rate ---- */

static void end_window(struct tail *tail)
{
    if (tail->rate_seen > tail->rate_sent) {
        begin_event(tail, "rate");
        buf_printf(&tail->out, "{\"seen\":%" PRIu64 ",\"sent\":%" PRIu64 ",\"sample\":%" PRIu64 "}",
                   tail->rate_seen, tail->rate_sent, tail->rate_sample);
        end_event(tail);
    }
    /* What the last second had, this one will have, more or less. */
    tail->rate_sample = tail->rate_max == 0 ? 1 : tail->rate_seen / tail->rate_max + 1;
    tail->rate_seen = tail->rate_sent = 0;
    tail->rate_window_ns = io_mono_ns(io_system());
}

/* Is the next row one of those that are sent? */
static bool is_sampled(struct tail *tail)
{
    if (tail->rate_max == 0)
        return true;
    if (io_mono_ns(io_system()) - tail->rate_window_ns >= NS_PER_SECOND)
        end_window(tail);
    tail->rate_seen++;
    if (tail->rate_sent >= tail->rate_max || (tail->rate_seen - 1) % tail->rate_sample != 0)
        return false;
    tail->rate_sent++;
    return true;
}

/* ---- one step ---- */

static bool is_open(const struct result_chunk *chunk, uint32_t row)
{
    return chunk->flags != NULL && (chunk->flags[row] & EVENT_OPEN);
}

static bool is_in_step(const struct tail *tail, const struct result_chunk *chunk, uint32_t row)
{
    return chunk->sequences == NULL || (chunk->sequences[row] > tail->cursor.after &&
                                        chunk->sequences[row] <= tail->cursor.upto);
}

/* The finished rows of the chunk that belong to the step and were not sent before. */
static uint32_t choose_rows(struct tail *tail, const struct result_chunk *chunk, uint32_t *rows)
{
    uint32_t count = 0;

    for (uint32_t row = 0; row < chunk->row_count; row++) {
        if (!is_in_step(tail, chunk, row) || is_open(chunk, row))
            continue;
        if (tail->seen_in_step++ < tail->cursor.sent)
            continue;
        if (is_sampled(tail))
            rows[count++] = row;
    }
    return count;
}

static enum status send_finished(struct tail *tail, const struct result_chunk *chunk,
                                 uint32_t *rows)
{
    uint32_t count = choose_rows(tail, chunk, rows);
    struct result_chunk picked;

    if (count > 0 && !result_pick(chunk, rows, count, &tail->arena, &picked))
        return STATUS_NO_MEMORY;
    for (uint32_t from = 0, to; from < count && tail->status == STATUS_OK; from = to) {
        to = from + output_rows_within(&picked, from, TAIL_EVENT_SIZE);
        /* With a sampled stream the count of rows that came by is only known per chunk. */
        if (tail->rate_max == 0)
            tail->cursor.sent = tail->seen_in_step - (count - to);
        else if (to == count)
            tail->cursor.sent = tail->seen_in_step;
        send_rows(tail, &picked, from, to);
    }
    return tail->status;
}

/* Events that may still get lines are shown early, marked and without a cursor: they are no part of
 * what a cursor counts, since they come again when they are finished, with the same `_id`. */
static enum status send_open(struct tail *tail, const struct result_chunk *chunk, uint32_t *rows)
{
    struct result_chunk picked;
    uint32_t count = 0;

    for (uint32_t row = 0; row < chunk->row_count; row++)
        if (is_open(chunk, row) && is_in_step(tail, chunk, row) && is_sampled(tail))
            rows[count++] = row;
    if (count == 0)
        return tail->status;
    if (!result_pick(chunk, rows, count, &tail->arena, &picked) ||
        !result_add_true(&picked, "_open", RESULT_ALL_ROWS, &tail->arena))
        return STATUS_NO_MEMORY;
    begin_event(tail, "rows");
    output_columns_rows(&tail->output, &picked, 0, count);
    end_event(tail);
    return tail->status;
}

static enum status on_chunk(void *user, const struct result_chunk *chunk)
{
    struct tail *tail = user;
    enum status status;
    uint32_t *rows;

    arena_reset(&tail->arena);
    rows = arena_new(&tail->arena, uint32_t, chunk->row_count);
    if (rows == NULL)
        return STATUS_NO_MEMORY;
    status = send_finished(tail, chunk, rows);
    return status == STATUS_OK ? send_open(tail, chunk, rows) : status;
}

static void tell_losses(void *user, const struct event_source *source, const struct loss *loss)
{
    struct tail *tail = user;
    struct json_writer json;

    begin_event(tail, "gap");
    jsonw_begin(&json, &tail->out);
    jsonw_object(&json);
    jsonw_key(&json, "host");
    jsonw_text(&json, source->host);
    jsonw_key(&json, "source");
    jsonw_text(&json, source->path);
    jsonw_key(&json, "from");
    jsonw_u64(&json, loss->from_offset);
    jsonw_key(&json, "to");
    jsonw_u64(&json, loss->to_offset);
    jsonw_key(&json, "reason");
    jsonw_text(&json, loss->reason);
    jsonw_end_object(&json);
    buf_append_text(&tail->out, "\n\n"); /* sent below: the store may hold a lock here */
}

static void send_gaps(struct tail *tail)
{
    int64_t now_ns = io_wall_ns(io_system());

    store_losses(tail->server->api->options.store, tail->gaps_from_ns, now_ns, tell_losses, tail);
    tail->gaps_from_ns = now_ns;
    if (tail->out.len > 0)
        send(tail);
}

/* Send what arrived up to now. False: the tail is over. */
static bool run_step(struct tail *tail)
{
    const struct query_receiver receiver = {.chunk = on_chunk, .user = tail};
    struct api *api = tail->server->api;
    struct query_problem problem = {0};
    struct query_options options;
    enum status status;

    if (tail->cursor.upto == 0)
        tail->cursor.upto = store_sequence(api->options.store);
    if (tail->cursor.upto > tail->cursor.after) {
        api_query_options(tail->call, &options);
        options.deadline_ns = 0; /* a slow reader is the connection's business */
        options.start_ns = tail->cursor.start_ns;
        options.end_ns = tail->cursor.start_ns == 0 ? 0 : INT64_MAX;
        options.order = QUERY_OLDEST;
        options.limit = 0;
        options.after_sequence = tail->cursor.after;
        options.positions = true;
        options.open_events = true;
        options.workers = 1;
        tail->seen_in_step = 0;
        status = query_run(tail->query, api->options.store, &options, &receiver, &problem);
        if (status != STATUS_OK && tail->status == STATUS_OK)
            send_reason(tail, "end", problem.code, problem.message);
        if (status != STATUS_OK)
            return false;
    }
    tail->cursor =
        (struct tail_cursor){.incarnation = tail->cursor.incarnation, .after = tail->cursor.upto};
    send_gaps(tail);
    if (tail->rate_max > 0 && io_mono_ns(io_system()) - tail->rate_window_ns >= NS_PER_SECOND)
        end_window(tail);
    return tail->status == STATUS_OK;
}

/* ---- the thread ---- */

static bool is_over(struct tail *tail)
{
    return atomic_load(http_stream_cancelled(tail->call->stream)) || tail->status != STATUS_OK;
}

/* Wait until the store has grown. A comment line now and then keeps proxies from giving up. */
static bool wait_for_change(struct tail *tail, uint64_t *seen)
{
    struct tail_server *server = tail->server;
    int64_t comment_ns = (int64_t)server->api->options.tail_comment_ms * NS_PER_MS;
    bool stopping;

    for (;;) {
        struct timespec until;
        bool changed;

        (void)clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += TAIL_WAIT_MS * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        pthread_mutex_lock(&server->lock);
        while (server->change_count == *seen && !server->stopping &&
               pthread_cond_clockwait(&server->changed, &server->lock, CLOCK_MONOTONIC, &until) ==
                   0)
            ;
        changed = server->change_count != *seen;
        *seen = server->change_count;
        stopping = server->stopping;
        pthread_mutex_unlock(&server->lock);
        if (stopping || is_over(tail))
            return false;
        if (changed)
            (void)nanosleep(&(struct timespec){.tv_nsec = TAIL_STEP_MS * 1000000L}, NULL);
        if (changed || (tail->rate_max > 0 && tail->rate_seen > 0))
            return true;
        if (io_mono_ns(io_system()) - tail->written_ns >= comment_ns) {
            buf_append_text(&tail->out, ":\n\n");
            send(tail);
        }
    }
}

/* The step just done may have been an old one that a cursor named. */
static bool is_behind(const struct tail *tail)
{
    return tail->cursor.after < store_sequence(tail->server->api->options.store);
}

static void tail_free(struct tail *tail)
{
    struct tail_server *server = tail->server;

    http_stream_close(tail->call->stream);
    api_params_release(&tail->call->params);
    free(tail->call);
    query_free(tail->query);
    output_release(&tail->output);
    arena_release(&tail->arena);
    buf_release(&tail->out);
    free(tail);
    pthread_mutex_lock(&server->lock);
    server->count--;
    pthread_cond_broadcast(&server->changed);
    pthread_mutex_unlock(&server->lock);
}

/* Where to begin: at a cursor, at `from`, or now. */
static bool read_position(struct tail *tail, struct query_problem *problem, const char **lost)
{
    struct http_request *request = tail->call->request;
    struct store *store = tail->server->api->options.store;
    struct slice from = http_request_param(request, "from");
    struct slice cursor = http_request_param(request, "last_event_id");
    struct instant instant;
    struct error err = {0};

    if (cursor.len == 0)
        cursor = http_request_param(request, "cursor");
    tail->cursor = (struct tail_cursor){.incarnation = store_incarnation(store)};
    if (cursor.len > 0) {
        if (!parse_cursor(cursor, &tail->cursor)) {
            reply_bad_request(problem, "", "parameter cursor: not a cursor of ours");
            return false;
        }
        if (tail->cursor.incarnation == store_incarnation(store))
            return true;
        *lost = "the cursor is of another store: rows between it and now are not known";
        tail->cursor = (struct tail_cursor){.incarnation = store_incarnation(store),
                                            .after = store_sequence(store)};
        return true;
    }
    if (from.len == 0) {
        tail->cursor.after = store_sequence(store);
        return true;
    }
    if (instant_parse(from, tail->call->params.zone, tail->call->params.now_ns, &instant, &err) !=
        STATUS_OK) {
        reply_bad_request(problem, "10m", "parameter from: %s", err.message);
        return false;
    }
    tail->cursor.start_ns = instant.from_ns;
    return true;
}

static bool open_tail(struct tail *tail, const char **lost)
{
    static const char *const extra[] = {"rate", "from", "cursor", "last_event_id", NULL};
    struct api_call *call = tail->call;
    struct query_problem problem = {0};
    bool opened = api_params_read(call->request, extra, io_wall_ns(io_system()), 1, &call->params,
                                  &problem) &&
                  query_parse(call->params.query, &tail->query, &problem) == STATUS_OK &&
                  api_add_fields(&call->params, tail->query, &problem) &&
                  query_can_tail(tail->query, &problem) &&
                  api_param_u64(call->request, "rate", TAIL_RATE_MAX, &tail->rate_max, &problem) &&
                  read_position(tail, &problem, lost);

    if (!opened) {
        reply_problem(call->stream, &problem);
        return false;
    }
    http_stream_limit(call->stream, TAIL_BUFFER_SIZE);
    tail->gaps_from_ns = call->params.now_ns;
    tail->written_ns = tail->rate_window_ns = io_mono_ns(io_system());
    tail->rate_sample = 1;
    tail->status = http_stream_begin(
        call->stream, &(struct http_answer){.status = 200, .type = "text/event-stream"});
    return tail->status == STATUS_OK;
}

static void *run_tail(void *user)
{
    struct tail *tail = user;
    struct tail_server *server = tail->server;
    const char *lost = NULL;
    uint64_t seen;

    (void)memory_budget_enter(MEMORY_QUERIES);
    thread_priority_set(WORK_QUERY);
    pthread_mutex_lock(&server->lock);
    seen = server->change_count;
    pthread_mutex_unlock(&server->lock);
    if (open_tail(tail, &lost)) {
        buf_append_text(&tail->out, "retry: 1000\n\n"); /* shows the client that it is connected */
        send(tail);
        if (lost != NULL)
            send_reason(tail, "lost", NULL, lost);
        while (run_step(tail) && (is_behind(tail) || wait_for_change(tail, &seen)))
            ;
        if (!is_over(tail))
            send_reason(tail, "end", NULL, "the server stops");
    }
    tail_free(tail);
    return NULL;
}

/* ---- the server ---- */

static void on_store_change(void *user)
{
    struct tail_server *server = user;

    pthread_mutex_lock(&server->lock);
    server->change_count++;
    pthread_cond_broadcast(&server->changed);
    pthread_mutex_unlock(&server->lock);
}

enum status tail_server_new(struct api *api, unsigned count_max, struct tail_server **out,
                            struct error *err)
{
    struct tail_server *server = calloc(1, sizeof(*server));

    if (server == NULL)
        return error_set(err, STATUS_NO_MEMORY, "no memory for live tails");
    (void)pthread_mutex_init(&server->lock, NULL);
    (void)pthread_cond_init(&server->changed, NULL);
    server->api = api;
    server->count_max = count_max;
    store_on_change(api->options.store, on_store_change, server);
    *out = server;
    return STATUS_OK;
}

uint32_t tail_count(struct tail_server *server)
{
    uint32_t count;

    pthread_mutex_lock(&server->lock);
    count = server->count;
    pthread_mutex_unlock(&server->lock);
    return count;
}

enum status tail_add(struct tail_server *server, struct api_call *call)
{
    struct tail *tail;
    pthread_t thread;

    if (tail_count(server) >= server->count_max)
        return STATUS_AGAIN;
    tail = calloc(1, sizeof(*tail));
    if (tail == NULL)
        return STATUS_AGAIN;
    tail->server = server;
    tail->call = call;
    tail->out = buf_empty(OUTPUT_SIZE_MAX);
    tail->arena = arena_empty(TAIL_ARENA_SIZE_MAX);
    tail->output = (struct output){.format = &output_columns,
                                   .out = &tail->out,
                                   .ids = true,
                                   .store = server->api->options.store,
                                   .arena = arena_empty(TAIL_ARENA_SIZE_MAX)};
    pthread_mutex_lock(&server->lock);
    server->count++;
    pthread_mutex_unlock(&server->lock);
    if (pthread_create(&thread, NULL, run_tail, tail) == 0) {
        (void)pthread_detach(thread);
        return STATUS_OK;
    }
    pthread_mutex_lock(&server->lock);
    server->count--;
    pthread_mutex_unlock(&server->lock);
    free(tail);
    return STATUS_AGAIN;
}

void tail_server_free(struct tail_server *server)
{
    if (server == NULL)
        return;
    store_on_change(server->api->options.store, NULL, NULL);
    pthread_mutex_lock(&server->lock);
    server->stopping = true;
    pthread_cond_broadcast(&server->changed);
    while (server->count > 0)
        pthread_cond_wait(&server->changed, &server->lock);
    pthread_mutex_unlock(&server->lock);
    pthread_cond_destroy(&server->changed);
    pthread_mutex_destroy(&server->lock);
    free(server);
}
