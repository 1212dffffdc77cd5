/* tests/query/api_env.c -- rows, store, server; see api_env.h. */
#include "tests/query/api_env.h"

#include "base/http_client.h"
#include "store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- rows ---- */

/* web1: six requests in two minutes. Two are 500 or above; tenants a: 4, b: 2. */
static const struct row web_rows[] = {
    {T0 + 1 * SECOND, "GET /a/one 200 0.216", "a", LEVEL_INFO},
    {T0 + 2 * SECOND, "GET /a/two 502 1.500", "a", LEVEL_ERROR},
    {T0 + 3 * SECOND, "POST /b/one 201 0.004", "b", LEVEL_INFO},
    {T0 + 61 * SECOND, "GET /a/one 200 0.100", "a", LEVEL_INFO},
    {T0 + 62 * SECOND, "GET /b/two 404 0.001", "b", LEVEL_WARNING},
    {T0 + 63 * SECOND, "GET /a/one 503 30", "a", LEVEL_ERROR},
};
/* task1: two lines, one is not UTF-8. */
static const struct row task_rows[] = {
    {T0 + 2 * SECOND + 5000000, "task started \"x\"", NULL, LEVEL_INFO},
    {T0 + 64 * SECOND, "bad \xFF byte", NULL, LEVEL_ERROR},
};

static void on_durable(void *user, enum status status, const struct error *err)
{
    struct api_env *env = user;

    (void)err;
    assert_int_equal(status, STATUS_OK);
    pthread_mutex_lock(&env->lock);
    env->pending--;
    pthread_cond_signal(&env->durable);
    pthread_mutex_unlock(&env->lock);
}

static void span(struct event_field *field, field_id id, enum field_type type, enum field_unit unit,
                 const char *line, const char *start, const char *end)
{
    *field = (struct event_field){.field = id,
                                  .type = (uint8_t)type,
                                  .unit = (uint8_t)unit,
                                  .start = (uint32_t)(start - line),
                                  .len = (uint32_t)(end - start)};
}

/* The fields of a request line; 0 for other lines. */
static uint32_t parse_line(const struct row *row, struct event_field fields[5])
{
    const char *path = strchr(row->line, ' '), *status, *duration;
    uint32_t count = 4;

    if (row->tenant == NULL || path == NULL)
        return 0;
    status = strchr(path + 1, ' ');
    duration = strchr(status + 1, ' ');
    span(&fields[0], FIELD_ID_METHOD, FIELD_TEXT, UNIT_NONE, row->line, row->line, path);
    span(&fields[1], FIELD_ID_PATH, FIELD_TEXT, UNIT_NONE, row->line, path + 1, status);
    span(&fields[2], FIELD_ID_STATUS, FIELD_INT, UNIT_NONE, row->line, status + 1, duration);
    span(&fields[3], FIELD_ID_DURATION, FIELD_DURATION, UNIT_SECONDS, row->line, duration + 1,
         row->line + strlen(row->line));
    fields[count++] = (struct event_field){
        .field = FIELD_ID_TENANT, .type = FIELD_TEXT, .text = slice_of(row->tenant)};
    return count;
}

static struct event_source source_of(unsigned number, const char *host, const char *role,
                                     const char *path)
{
    struct event_source source = {.geo = SLICE_LITERAL("us"),
                                  .host = slice_of(host),
                                  .role = slice_of(role),
                                  .path = slice_of(path)};

    source.id.shipper[0] = 1;
    source.id.generation[0] = (uint8_t)(number + 1);
    return source;
}

static const struct slice format_names[] = {{"raw", 3}};

static struct event event_of(const struct row *row, uint64_t offset, struct event_field *fields)
{
    uint32_t len = (uint32_t)strlen(row->line);

    return (struct event){.time_ns = row->time_ns,
                          .bytes = slice_of(row->line),
                          .offset = offset,
                          .source_len = len + 1,
                          .level = (uint8_t)row->level,
                          .field_count = parse_line(row, fields),
                          .fields = fields};
}

/* Append the batch of one source, and wait until it is durable. */
static void commit(struct api_env *env, const struct event_source *source, struct batch *batch,
                   uint64_t durable_offset)
{
    struct watermark mark = {.id = source->id, .durable_offset = durable_offset};
    struct error err = {0};
    enum status status;

    batch->sources = source;
    batch->source_count = 1;
    batch->formats = format_names;
    batch->format_count = 1;
    batch->watermarks = &mark;
    batch->watermark_count = 1;
    pthread_mutex_lock(&env->lock);
    env->pending++;
    pthread_mutex_unlock(&env->lock);
    do {
        status = store_append(env->store, store_shard_of(env->store, &source->id), batch,
                              on_durable, env, &err);
        if (status == STATUS_AGAIN)
            (void)usleep(10000);
    } while (status == STATUS_AGAIN);
    if (status != STATUS_OK)
        fail_msg("append: %s", err.message);
    pthread_mutex_lock(&env->lock);
    while (env->pending > 0)
        pthread_cond_wait(&env->durable, &env->lock);
    pthread_mutex_unlock(&env->lock);
}

static void append(struct api_env *env, unsigned number, const struct event_source *source,
                   const struct row *rows, size_t count)
{
    enum { BATCH = 1000 };
    static struct event events[BATCH];
    static struct event_field fields[BATCH][5];

    for (size_t from = 0; from < count; from += BATCH) {
        size_t size = count - from < BATCH ? count - from : BATCH;
        struct batch batch = {.events = events, .event_count = (uint32_t)size};

        for (size_t i = 0; i < size; i++) {
            events[i] = event_of(&rows[from + i], env->offsets[number], fields[i]);
            env->offsets[number] += events[i].source_len;
        }
        commit(env, source, &batch, env->offsets[number]);
    }
}

static struct event_source web_source(void)
{
    return source_of(0, "web1", "web", "/log/web.log");
}

void api_env_append_web(struct api_env *env, const struct row *rows, size_t count)
{
    struct event_source source = web_source();

    append(env, 0, &source, rows, count);
}

void api_env_append_open(struct api_env *env, const struct row *row)
{
    struct event_source source = web_source();
    struct event_field fields[5];
    struct event event = event_of(row, env->offsets[0], fields);
    struct batch batch = {.open_events = &event, .open_event_count = 1};

    event.flags = EVENT_OPEN;
    commit(env, &source, &batch, env->offsets[0]);
}

/* ---- the server ---- */

void api_env_set_up(void *user, struct http_server *server)
{
    struct api_env *env = user;
    struct error err = {0};

    env->options.store = env->store;
    env->options.geo = "us";
    env->options.node = "node1";
    env->options.version = "0.1.0";
    if (api_new(&env->options, server, &env->api, &err) != STATUS_OK)
        fail_msg("%s", err.message);
}

void api_env_start_with(struct api_env *env, struct api_options options,
                        struct http_server_options http)
{
    struct store_options store_options = {.dir = env->dir.path, .shard_count = 2};
    struct event_source task = source_of(1, "task1", "task", "/log/task.log");
    struct error err = {0};

    *env = (struct api_env){.options = options};
    temp_dir_make(&env->dir);
    pthread_mutex_init(&env->lock, NULL);
    pthread_cond_init(&env->durable, NULL);
    store_options.dir = env->dir.path;
    if (store_open(&store_options, &env->store, &err) != STATUS_OK)
        fail_msg("%s", err.message);
    api_env_append_web(env, web_rows, COUNT_OF(web_rows));
    append(env, 1, &task, task_rows, COUNT_OF(task_rows));
    http_fixture_start(&env->http, http, api_env_set_up, env);
}

void api_env_start(struct api_env *env, struct api_options options)
{
    api_env_start_with(env, options, (struct http_server_options){0});
}

void api_env_stop(struct api_env *env)
{
    http_fixture_stop(&env->http);
    api_free(env->api);
    store_close(env->store);
    temp_dir_remove(&env->dir);
    pthread_cond_destroy(&env->durable);
    pthread_mutex_destroy(&env->lock);
}

/* GET `path` with parameters "name", "value", ..., NULL; values are encoded here. */
unsigned api_env_get(struct api_env *env, struct buf *body, const char *path, ...)
{
    struct buf target = buf_empty(1024 * 1024);
    const char *name;
    va_list arguments;
    unsigned status;

    buf_printf(&target, "%s?", path);
    va_start(arguments, path);
    while ((name = va_arg(arguments, const char *)) != NULL)
        assert_true(http_form_append(&target, name, slice_of(va_arg(arguments, const char *))));
    va_end(arguments);
    buf_append_byte(&target, '\0');
    status = http_fixture_get(&env->http, target.data, body);
    buf_release(&target);
    return status;
}

size_t count_of(const char *text, const char *part)
{
    size_t count = 0;

    for (const char *at = text; (at = strstr(at, part)) != NULL; at++)
        count++;
    return count;
}

void api_env_require(const struct buf *body, const char *part)
{
    if (strstr(body->data, part) == NULL)
        fail_msg("\"%s\" is not in:\n%s", part, body->data);
}

void api_env_append_many(struct api_env *env)
{
    enum { COUNT = API_ENV_MANY, LENGTH = 512 };
    struct event_source source = source_of(2, "big1", "proxy", "/log/big.log");
    struct row *rows = calloc(COUNT, sizeof(*rows));
    char *text = malloc((size_t)COUNT * (LENGTH + 1));

    assert_non_null(rows);
    assert_non_null(text);
    for (size_t i = 0; i < COUNT; i++) {
        char *line = text + i * (LENGTH + 1);
        unsigned state = (unsigned)i * 2654435761U + 1;

        for (size_t k = 0; k < LENGTH; k++) {
            state = state * 1664525U + 1013904223U;
            line[k] = (char)('a' + (state >> 24) % 26);
        }
        line[LENGTH] = '\0';
        rows[i] =
            (struct row){.time_ns = T0 + (int64_t)i * 1000, .line = line, .level = LEVEL_INFO};
    }
    append(env, 2, &source, rows, COUNT);
    free(rows);
    free(text);
}

double api_env_metric(struct api_env *env, const char *name)
{
    struct buf body = buf_empty(4 * 1024 * 1024);
    char line[96];
    const char *at;
    double value;

    assert_int_equal(http_fixture_get(&env->http, "/metrics", &body), 200);
    (void)snprintf(line, sizeof(line), "\n%s ", name);
    at = strstr(body.data, line);
    assert_non_null(at);
    value = strtod(at + strlen(line), NULL);
    buf_release(&body);
    return value;
}

void api_env_wait_for_metric(struct api_env *env, const char *name, double value)
{
    double got = -1;

    for (int i = 0; i < 500; i++) {
        got = api_env_metric(env, name);
        if (got == value) /* counts: exact in a double */
            return;
        (void)usleep(10000);
    }
    fail_msg("%s is %g, not %g", name, got, value);
}
