/* query/api/hits.c -- counts per time bucket and group: the bars over a page of rows.
 *
 * The query gets `stats by (_time:step, by) count()` behind it; the rows of that are few, so they
 * are gathered, the top groups picked and the rest added up as "other".
 * {"start":…,"end":…,"step":60,"hits":[{"fields":{"role":"web"},"timestamps":[…],"values":[…],
 *  "total":9},…],"answer":{…}} */
#include "base/map.h"
#include "base/units.h"
#include "query/api/api_private.h"
#include "query/api/reply.h"
#include "query/lexer.h"

#include <inttypes.h>
#include <stdlib.h>

enum {
    HITS_BUCKETS_WANTED = 60,
    HITS_BUCKETS_MAX = 11000, /* as Prometheus has it: no screen shows more */
    HITS_TOP_DEFAULT = 5,
    HITS_TOP_MAX = 1000,
    HITS_GROUPS_MAX = 1000000,
    HITS_MEMORY_MAX = 64 * 1024 * 1024,
    HITS_ANSWER_SIZE_MAX = 64 * 1024 * 1024,
};

struct hit {
    int64_t time_ns;
    uint64_t count;
    uint32_t group;
};

struct hit_group {
    struct slice name;
    uint64_t total;
    uint32_t rank; /* 0: the largest */
};

struct hits_run {
    struct api_call *call;
    struct answer answer;
    struct slice by;
    uint64_t top;
    int64_t start_ns, end_ns, step_ns;
    struct arena arena;
    struct hit *hits;
    uint32_t hit_count, hit_capacity;
    struct hit_group *groups;
    uint32_t group_count, group_capacity;
    struct map names;
    struct buf end_json; /* the end record, made while its texts are there */
    bool ended;
    const char *end_code;
};

/* ---- the step ---- */

/* The range that the query gets: that of its head. The run is stopped there. */
static enum status take_range(void *user, const struct query_head *head)
{
    struct hits_run *run = user;

    run->start_ns = head->start_ns;
    run->end_ns = head->end_ns;
    return STATUS_END;
}

/* The smallest step that people count in and that makes no more bars than wanted. */
static int64_t choose_step(int64_t range_ns)
{
    static const int64_t steps_ns[] = {
        NS_PER_MS,         10 * NS_PER_MS,     100 * NS_PER_MS,    NS_PER_SECOND,
        5 * NS_PER_SECOND, 15 * NS_PER_SECOND, 30 * NS_PER_SECOND, NS_PER_MINUTE,
        5 * NS_PER_MINUTE, 15 * NS_PER_MINUTE, 30 * NS_PER_MINUTE, NS_PER_HOUR,
        3 * NS_PER_HOUR,   6 * NS_PER_HOUR,    12 * NS_PER_HOUR,   NS_PER_DAY,
    };

    for (size_t i = 0; i < COUNT_OF(steps_ns); i++)
        if (range_ns / steps_ns[i] <= HITS_BUCKETS_WANTED)
            return steps_ns[i];
    return (range_ns / HITS_BUCKETS_WANTED / NS_PER_DAY + 1) * NS_PER_DAY;
}

static bool read_step(struct hits_run *run, struct query_problem *problem)
{
    int64_t range_ns;

    if (__builtin_sub_overflow(run->end_ns, run->start_ns, &range_ns))
        range_ns = INT64_MAX;
    if (!api_param_duration(run->call->request, "step", &run->step_ns, problem))
        return false;
    if (run->step_ns == 0)
        run->step_ns = choose_step(range_ns);
    if (range_ns / run->step_ns < HITS_BUCKETS_MAX)
        return true;
    reply_bad_request(problem, "a longer step", "the range has more than %d steps",
                      HITS_BUCKETS_MAX);
    return false;
}

static bool add_stats(struct hits_run *run, struct query *query, struct query_problem *problem)
{
    struct buf pipes = buf_empty(API_PIPES_SIZE_MAX);
    char step[UNITS_TEXT_SIZE];
    bool added;

    (void)duration_print(run->step_ns, step);
    buf_printf(&pipes, "stats by (_time:%s", step);
    if (run->by.len > 0) {
        buf_append_text(&pipes, ", ");
        lexer_quote(&pipes, run->by);
    }
    buf_append_text(&pipes, ") count() as hits");
    added = !pipes.failed && query_add_pipes(query, buf_slice(&pipes), problem) == STATUS_OK;
    problem->line = 0; /* a place in our text */
    buf_release(&pipes);
    return added;
}

/* ---- gathering ---- */

/* Room for one more item of an array in the arena; doubling leaves the old array behind. */
static void *grow(struct arena *arena, void *items, uint32_t count, uint32_t *capacity,
                  size_t item_size)
{
    void *grown;

    if (count < *capacity)
        return items;
    *capacity = *capacity == 0 ? 256 : *capacity * 2;
    grown = arena_alloc(arena, item_size, 8, *capacity);
    if (grown != NULL && count > 0)
        memcpy(grown, items, count * item_size);
    return grown;
}

static uint32_t group_of(struct hits_run *run, struct slice name)
{
    uint32_t group = map_get(&run->names, name);

    if (group != MAP_NONE)
        return group;
    run->groups = grow(&run->arena, run->groups, run->group_count, &run->group_capacity,
                       sizeof(*run->groups));
    name = arena_copy(&run->arena, name);
    if (run->groups == NULL || run->arena.failed || !map_put(&run->names, name, run->group_count))
        return MAP_NONE;
    run->groups[run->group_count] = (struct hit_group){.name = name};
    return run->group_count++;
}

static const struct result_column *column_of(const struct result_chunk *chunk, struct slice name)
{
    for (uint32_t i = 0; i < chunk->column_count; i++)
        if (slice_equal(chunk->columns[i].name, name))
            return &chunk->columns[i];
    return NULL;
}

static enum status on_chunk(void *user, const struct result_chunk *chunk)
{
    struct hits_run *run = user;
    const struct result_column *times = output_column(chunk, "_time");
    const struct result_column *counts = output_column(chunk, "hits");
    const struct result_column *names = run->by.len == 0 ? NULL : column_of(chunk, run->by);
    struct buf text = buf_empty(API_VALUE_SIZE_MAX);
    enum status status = STATUS_OK;

    for (uint32_t row = 0; row < chunk->row_count && status == STATUS_OK; row++) {
        uint32_t group;

        if (times == NULL || counts == NULL || times->kind != RESULT_INT ||
            counts->kind != RESULT_INT || result_is_null(times, row))
            continue;
        buf_reset(&text);
        if (names != NULL && !result_is_null(names, row))
            output_plain_value(&text, names, row);
        group = group_of(run, buf_slice(&text));
        run->hits =
            grow(&run->arena, run->hits, run->hit_count, &run->hit_capacity, sizeof(*run->hits));
        if (group == MAP_NONE || run->hits == NULL) {
            status = STATUS_TOO_LARGE;
        } else {
            run->hits[run->hit_count++] = (struct hit){
                .time_ns = times->ints[row], .count = (uint64_t)counts->ints[row], .group = group};
            run->groups[group].total += (uint64_t)counts->ints[row];
        }
    }
    buf_release(&text);
    return status;
}

static void on_end(void *user, const struct query_end *end)
{
    struct hits_run *run = user;
    struct json_writer json;

    run->ended = true;
    if (end->status != STATUS_OK)
        run->end_code = end->code == NULL ? "internal" : end->code;
    jsonw_begin(&json, &run->end_json);
    jsonw_object(&json);
    answer_write_end(&run->answer, &json, end);
    jsonw_end_object(&json);
}

/* ---- the answer ---- */

static int by_total(const void *a, const void *b, void *user)
{
    const struct hit_group *groups = user;
    const struct hit_group *left = &groups[*(const uint32_t *)a];
    const struct hit_group *right = &groups[*(const uint32_t *)b];

    if (left->total != right->total)
        return left->total > right->total ? -1 : 1;
    return slice_compare(left->name, right->name);
}

static int by_rank_and_time(const void *a, const void *b, void *user)
{
    const struct hits_run *run = user;
    const struct hit *left = a, *right = b;
    uint32_t left_rank = run->groups[left->group].rank, right_rank = run->groups[right->group].rank;

    if (left_rank != right_rank)
        return left_rank < right_rank ? -1 : 1;
    return left->time_ns < right->time_ns ? -1 : left->time_ns > right->time_ns;
}

/* The groups past the top share the rank `top`. */
static bool rank_groups(struct hits_run *run)
{
    uint32_t *order = arena_new(&run->arena, uint32_t, run->group_count + 1);

    if (order == NULL)
        return false;
    for (uint32_t i = 0; i < run->group_count; i++)
        order[i] = i;
    qsort_r(order, run->group_count, sizeof(*order), by_total, run->groups);
    for (uint32_t i = 0; i < run->group_count; i++)
        run->groups[order[i]].rank = i < run->top ? i : (uint32_t)run->top;
    if (run->hit_count > 0)
        qsort_r(run->hits, run->hit_count, sizeof(*run->hits), by_rank_and_time, run);
    return true;
}

/* Hits of one rank, [from, to): buckets with the same time are added up. */
static void write_series(struct hits_run *run, struct json_writer *json, uint32_t from, uint32_t to)
{
    const struct hit_group *group = &run->groups[run->hits[from].group];
    uint64_t total = 0;

    jsonw_object(json);
    jsonw_key(json, "fields");
    jsonw_object(json);
    if (run->by.len > 0 && group->rank < run->top) {
        jsonw_key_slice(json, run->by);
        jsonw_text(json, group->name);
    }
    jsonw_end_object(json);
    if (group->rank == run->top) {
        jsonw_key(json, "other");
        jsonw_bool(json, true);
    }
    jsonw_key(json, "timestamps");
    jsonw_array(json);
    for (uint32_t i = from; i < to; i++)
        if (i == from || run->hits[i].time_ns != run->hits[i - 1].time_ns)
            jsonw_time(json, run->hits[i].time_ns);
    jsonw_end_array(json);
    jsonw_key(json, "values");
    jsonw_array(json);
    for (uint32_t i = from; i < to;) {
        uint64_t sum = 0;
        int64_t time_ns = run->hits[i].time_ns;

        for (; i < to && run->hits[i].time_ns == time_ns; i++)
            sum += run->hits[i].count;
        jsonw_u64(json, sum);
        total += sum;
    }
    jsonw_end_array(json);
    jsonw_key(json, "total");
    jsonw_u64(json, total);
    jsonw_end_object(json);
}

static void write_answer(struct hits_run *run, struct buf *out)
{
    struct json_writer json;

    jsonw_begin(&json, out);
    jsonw_object(&json);
    jsonw_key(&json, "id");
    jsonw_string(&json, run->answer.id);
    jsonw_key(&json, "start");
    jsonw_time(&json, run->start_ns);
    jsonw_key(&json, "end");
    jsonw_time(&json, run->end_ns);
    jsonw_key(&json, "step");
    jsonw_double(&json, (double)run->step_ns / 1e9);
    jsonw_key(&json, "hits");
    jsonw_array(&json);
    for (uint32_t from = 0, to; from < run->hit_count; from = to) {
        uint32_t rank = run->groups[run->hits[from].group].rank;

        to = from + 1;
        while (to < run->hit_count && run->groups[run->hits[to].group].rank == rank)
            to++;
        write_series(run, &json, from, to);
    }
    jsonw_end_array(&json);
    jsonw_key(&json, "answer");
    jsonw_raw(&json, buf_slice(&run->end_json));
    jsonw_end_object(&json);
    buf_append_byte(out, '\n');
}

/* ---- the run ---- */

static bool run_hits(struct hits_run *run, struct query *query, struct query_problem *problem)
{
    struct store *store = run->call->api->options.store;
    const struct query_receiver first = {.head = take_range, .user = run};
    const struct query_receiver receiver = {.chunk = on_chunk, .end = on_end, .user = run};
    struct query_options options;

    api_query_options(run->call, &options);
    options.limit = 0;
    options.order = QUERY_ANY;
    if (!query_gives_rows(query)) {
        reply_bad_request(problem, "leave the pipes away",
                          "hits counts rows of the store, and this query has grouped them");
        return false;
    }
    if (query_run(query, store, &options, &first, problem) != STATUS_OK ||
        !read_step(run, problem) || !add_stats(run, query, problem))
        return false;
    return query_run(query, store, &options, &receiver, problem) == STATUS_OK || run->ended;
}

static void answer_hits(struct api_call *call, struct query *query)
{
    struct hits_run run = {.call = call,
                           .by = http_request_param(call->request, "by"),
                           .top = HITS_TOP_DEFAULT,
                           .arena = arena_empty(HITS_MEMORY_MAX),
                           .names = map_empty(HITS_GROUPS_MAX),
                           .end_json = buf_empty(HITS_ANSWER_SIZE_MAX)};
    struct buf out = buf_empty(HITS_ANSWER_SIZE_MAX);
    struct query_problem problem = {0};

    api_answer_init(call, &run.answer);
    (void)answer_ask_geos(&run.answer, (struct slice){0});
    if (!api_param_u64(call->request, "top", HITS_TOP_MAX, &run.top, &problem) ||
        !run_hits(&run, query, &problem)) {
        reply_problem(call->stream, &problem);
        run.end_code = problem.code == NULL ? "internal" : problem.code;
    } else if (!rank_groups(&run)) {
        reply_bad_request(&problem, "", "too many groups");
        reply_problem(call->stream, &problem);
        run.end_code = "query_limit";
    } else {
        write_answer(&run, &out);
        reply_json(call->stream, buf_slice(&out));
    }
    api_count_query(call, run.end_code);
    map_release(&run.names);
    arena_release(&run.arena);
    buf_release(&run.end_json);
    buf_release(&out);
}

static void run_hits_call(struct api_call *call)
{
    struct query *query;

    if (!api_open_query(call, &query))
        return;
    answer_hits(call, query);
    query_free(query);
}

static const char *const hits_params[] = {"step", "by", "top", NULL};

const struct api_endpoint api_hits_endpoint = {
    .path = "/dendro/v1/hits",
    .counter = COUNT_HITS,
    .run = run_hits_call,
    .extra_params = hits_params,
};
