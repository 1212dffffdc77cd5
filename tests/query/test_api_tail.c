/* tests/query/test_api_tail.c -- live tail: rows as they come, once, also over a break. */
#include "store/store.h"
#include "tests/query/api_env.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static const struct row new_rows[] = {
    {T0 + 70 * SECOND, "GET /a/new 200 0.1", "a", LEVEL_INFO},
    {T0 + 71 * SECOND, "GET /b/new 500 0.2", "b", LEVEL_ERROR},
    {T0 - 999 * SECOND, "GET /a/late 200 0.3", "a", LEVEL_INFO}, /* old, but it arrives now */
};

static int open_tail(struct api_env *env, const char *parameters, const char *last_id)
{
    char request[1024];
    int fd = http_fixture_connect(&env->http);

    (void)snprintf(request, sizeof(request), "GET /dendro/v1/tail?%s HTTP/1.0\r\n%s%s%s\r\n",
                   parameters,
                   last_id == NULL ? "" : "Last-Event-ID: ", last_id == NULL ? "" : last_id,
                   last_id == NULL ? "" : "\r\n");
    http_fixture_send(fd, request);
    return fd;
}

/* The last `id:` in the stream so far. */
static void last_id_of(const struct buf *stream, char out[128])
{
    const char *id = NULL;

    for (const char *at = stream->data; (at = strstr(at, "\nid: ")) != NULL; at++)
        id = at + strlen("\nid: ");
    assert_non_null(id);
    (void)snprintf(out, 128, "%.*s", (int)strcspn(id, "\n"), id);
}

static void test_rows_arrive_once(void **unused)
{
    struct api_env env;
    struct buf stream = buf_empty(1024 * 1024);
    int fd;

    (void)unused;
    api_env_start(&env, (struct api_options){.tail_comment_ms = 100});
    fd = open_tail(&env, "query=tenant:*", NULL);
    http_fixture_read(fd, "retry: 1000\n\n", &stream);
    api_env_require(&stream, "Content-Type: text/event-stream\r\n");
    http_fixture_read(fd, "\n:\n\n", &stream);       /* the comment line */
    assert_null(strstr(stream.data, "event: rows")); /* nothing of before */

    api_env_append_web(&env, new_rows, 1);
    http_fixture_read(fd, "/a/new", &stream);
    api_env_append_web(&env, new_rows + 1, 2);
    http_fixture_read(fd, "/a/late", &stream);
    http_fixture_read(fd, "\n:\n\n", &stream);
    for (size_t i = 0; i < COUNT_OF(new_rows); i++)
        assert_int_equal(count_of(stream.data, new_rows[i].line), 1);
    api_env_require(&stream, "event: rows\ndata: {\"n\":");
    (void)close(fd);
    api_env_wait_for_metric(&env, "dendro_tails", 0);
    buf_release(&stream);
    api_env_stop(&env);
}

static void test_filter(void **unused)
{
    struct api_env env;
    struct buf stream = buf_empty(1024 * 1024);
    int fd;

    (void)unused;
    api_env_start(&env, (struct api_options){0});
    fd = open_tail(&env, "query=status:500", NULL);
    http_fixture_read(fd, "retry: 1000\n\n", &stream);
    api_env_append_web(&env, new_rows, COUNT_OF(new_rows));
    http_fixture_read(fd, "/b/new", &stream);
    assert_null(strstr(stream.data, "/a/new"));
    (void)close(fd);
    buf_release(&stream);
    api_env_stop(&env);
}

/* What comes between two connections is sent to the second. */
static void test_resume(void **unused)
{
    struct api_env env;
    struct buf first = buf_empty(1024 * 1024), second = buf_empty(1024 * 1024);
    char id[128];
    int fd;

    (void)unused;
    api_env_start(&env, (struct api_options){0});
    fd = open_tail(&env, "query=tenant:*", NULL);
    http_fixture_read(fd, "retry: 1000\n\n", &first);
    api_env_append_web(&env, new_rows, 1);
    http_fixture_read(fd, "/a/new", &first);
    (void)close(fd);
    last_id_of(&first, id);
    api_env_append_web(&env, new_rows + 1, 2);
    fd = open_tail(&env, "query=tenant:*", id);
    http_fixture_read(fd, "GET /a/late", &second);
    assert_null(strstr(second.data, "/a/new"));
    assert_int_equal(count_of(second.data, "GET /b/new"), 1);
    assert_int_equal(count_of(second.data, "GET /a/late"), 1);
    assert_null(strstr(second.data, "event: lost"));
    (void)close(fd);
    buf_release(&first);
    buf_release(&second);
    api_env_stop(&env);
}

/* ---- a tail behind an answer ---- */

enum { STEADY_ROWS = 300 };

/* Rows "/a/r0" ... "/a/r299" one by one, while the test asks. */
static void *append_steadily(void *user)
{
    struct api_env *env = user;

    for (int i = 0; i < STEADY_ROWS; i++) {
        char line[64];
        const struct row row = {T0 + (100 + i) * SECOND, line, "a", LEVEL_INFO};

        (void)snprintf(line, sizeof(line), "GET /a/r%d 200 0.1", i);
        api_env_append_web(env, &row, 1);
    }
    return NULL;
}

/* `"cursor":"..."` of an end record. */
static void cursor_of(const struct buf *answer, char out[128])
{
    const char *at = strstr(answer->data, "\"cursor\":\"");

    assert_non_null(at);
    at += strlen("\"cursor\":\"");
    (void)snprintf(out, 128, "%.*s", (int)strcspn(at, "\""), at);
}

/* Of rows that come all the time, an answer and the tail behind it have each once. */
static void test_tail_behind_an_answer(void **unused)
{
    struct api_env env;
    struct buf answer = buf_empty(1024 * 1024), stream = buf_empty(4 * 1024 * 1024);
    char cursor[128], parameters[256], line[64];
    pthread_t writer;
    int fd;

    (void)unused;
    api_env_start(&env, (struct api_options){0});
    assert_int_equal(pthread_create(&writer, NULL, append_steadily, &env), 0);
    for (int i = 0; i < 20; i++) { /* the last one counts: let some rows come */
        buf_reset(&answer);
        assert_int_equal(api_env_get(&env, &answer, "/dendro/v1/query", "query", "path:*", "cursor",
                                     "1", "format", "columns", "order", "desc", NULL),
                         200);
    }
    cursor_of(&answer, cursor);
    (void)snprintf(parameters, sizeof(parameters), "query=path:*&cursor=%s", cursor);
    fd = open_tail(&env, parameters, NULL);
    http_fixture_read(fd, "/a/r299 ", &stream);
    assert_int_equal(pthread_join(writer, NULL), 0);
    for (int i = 0; i < STEADY_ROWS; i++) {
        (void)snprintf(line, sizeof(line), "GET /a/r%d 200", i);
        assert_int_equal(count_of(answer.data, line) + count_of(stream.data, line), 1);
    }
    assert_int_equal(count_of(stream.data, "/a/one"), 0);
    (void)close(fd);
    assert_int_equal(api_env_get(&env, &answer, "/dendro/v1/query", "query", "* | stats count()",
                                 "cursor", "1", NULL),
                     400);
    buf_release(&answer);
    buf_release(&stream);
    api_env_stop(&env);
}

/* Offsets of big1's rows are multiples of 513: mark those that the stream has. */
static void mark_rows(const struct buf *stream, unsigned char *seen)
{
    for (const char *at = stream->data; (at = strstr(at, "\"_id\":[")) != NULL;) {
        const char *end = strchr(at, ']');

        if (end == NULL || strstr(end, "\n\n") == NULL)
            return; /* an event that was cut off: a client drops it */
        for (at += strlen("\"_id\":["); at < end; at = strchr(at, '"') + 2) {
            unsigned long offset = strtoul(at + 1 + 16 + 1, NULL, 16);

            assert_int_equal(offset % 513, 0);
            seen[offset / 513]++;
            at++;
        }
    }
}

/* A client that breaks off in the midst of a large step and comes back, again and again, gets each
 * row once. */
static void test_resume_in_the_midst(void **unused)
{
    enum { ROWS = API_ENV_MANY };
    static unsigned char seen[ROWS];
    struct api_env env;
    char id[128] = "";
    size_t total = 0;
    int rounds = 0;

    (void)unused;
    memset(seen, 0, sizeof(seen));
    api_env_start(&env, (struct api_options){0});
    api_env_append_many(&env);
    while (total < ROWS && rounds++ < 200) {
        struct buf stream = buf_empty(64 * 1024 * 1024);
        int fd = open_tail(&env, "query={role=%22proxy%22}&from=2020-01-01&fields=_time",
                           id[0] == '\0' ? NULL : id);
        char *last_end;

        while (stream.len < 300 * 1024 && total < ROWS) {
            size_t before = stream.len;

            http_fixture_read(fd, "\n\n", &stream);
            if (stream.len == before)
                break;
            if (strstr(stream.data + before, ":\n\n") != NULL)
                break;
        }
        (void)close(fd);
        /* Keep whole events only, as an EventSource does. */
        last_end = NULL;
        for (char *at = stream.data; (at = strstr(at, "\n\n")) != NULL; at += 2)
            last_end = at + 2;
        if (last_end != NULL) {
            stream.len = (size_t)(last_end - stream.data);
            *last_end = '\0';
        }
        if (strstr(stream.data, "\nid: ") != NULL) {
            last_id_of(&stream, id);
            mark_rows(&stream, seen);
        }
        total = 0;
        for (size_t i = 0; i < ROWS; i++)
            total += seen[i];
        buf_release(&stream);
    }
    for (size_t i = 0; i < ROWS; i++)
        if (seen[i] != 1)
            fail_msg("row %zu came %u times", i, seen[i]);
    print_message("  %d connections\n", rounds);
    assert_true(rounds > 1);
    api_env_stop(&env);
}

static void test_from(void **unused)
{
    struct api_env env;
    struct buf stream = buf_empty(1024 * 1024);
    int fd;

    (void)unused;
    api_env_start(&env, (struct api_options){0});
    fd = open_tail(&env, "query=tenant:*&from=2026-03-02T14:00:00Z", NULL);
    http_fixture_read(fd, "GET /a/one 503 30", &stream);
    assert_null(strstr(stream.data, "/a/two"));
    api_env_append_web(&env, new_rows + 2, 1);
    http_fixture_read(fd, "/a/late", &stream); /* `from` is where it starts, not a filter */
    assert_int_equal(count_of(stream.data, "GET /a/one 503 30"), 1);
    (void)close(fd);
    buf_release(&stream);
    api_env_stop(&env);
}

/* An event that may still get lines is shown at once, marked, and again when it is finished. */
static void test_open_event(void **unused)
{
    struct api_env env;
    struct buf stream = buf_empty(1024 * 1024);
    struct row growing = new_rows[0];
    const char *first, *last;
    int fd;

    (void)unused;
    api_env_start(&env, (struct api_options){.tail_comment_ms = 100});
    fd = open_tail(&env, "query=tenant:*", NULL);
    http_fixture_read(fd, "retry: 1000\n\n", &stream);
    api_env_append_open(&env, &growing);
    http_fixture_read(fd, "/a/new", &stream);
    api_env_require(&stream, "\n\nevent: rows\ndata: "); /* no id: not counted */
    api_env_require(&stream, "\"_open\":");
    growing.line = "GET /a/new 200 0.1\n  at line 2";
    api_env_append_web(&env, &growing, 1);
    http_fixture_read(fd, "line 2", &stream);
    http_fixture_read(fd, "\n:\n\n", &stream);
    assert_int_equal(count_of(stream.data, "\"_open\":"), 1);
    first = strstr(stream.data, "\"_id\":[\"");
    last = strstr(first + 1, "\"_id\":[\"");
    assert_non_null(last);
    assert_memory_equal(first, last, strlen("\"_id\":[\"") + 16 + 1 + 2); /* source and offset */
    (void)close(fd);
    buf_release(&stream);
    api_env_stop(&env);
}

static void test_cursor_of_another_store(void **unused)
{
    struct api_env env;
    struct buf stream = buf_empty(1024 * 1024);
    int fd;

    (void)unused;
    api_env_start(&env, (struct api_options){0});
    fd = open_tail(&env, "query=*&cursor=1-0-1-0-0", NULL);
    http_fixture_read(fd, "event: lost\ndata: {\"reason\":\"the cursor is of another store",
                      &stream);
    api_env_require(&stream, "event: lost");
    (void)close(fd);
    buf_release(&stream);
    api_env_stop(&env);
}

static void test_rate(void **unused)
{
    struct api_env env;
    struct buf stream = buf_empty(64 * 1024 * 1024);
    int fd;

    (void)unused;
    api_env_start(&env, (struct api_options){0});
    fd = open_tail(&env, "query={role=%22proxy%22}&rate=100&from=2020-01-01", NULL);
    api_env_append_many(&env);
    http_fixture_read(fd, "event: rate\ndata: {\"seen\":", &stream);
    api_env_require(&stream, "event: rate");
    assert_true(stream.len < 5 * 1024 * 1024); /* of 10 MB */
    (void)close(fd);
    buf_release(&stream);
    api_env_stop(&env);
}

static const struct refusal_case {
    const char *parameters, *status, *contains;
} refusal_cases[] = {
    {"query=*+|+stats+count()+n", "HTTP/1.1 400", "\"error\""},
    {"query=*+|", "HTTP/1.1 400", "query_syntax"},
    {"query=*&cursor=abc", "HTTP/1.1 400", "not a cursor of ours"},
    {"query=*&cursor=1-2-3-4-G", "HTTP/1.1 400", "not a cursor of ours"},
    {"query=*&from=whenever", "HTTP/1.1 400", "parameter from: "},
    {"query=*&rate=-1", "HTTP/1.1 400", "parameter rate: "},
};

static void test_refusals(void **unused)
{
    struct api_env env;

    (void)unused;
    api_env_start(&env, (struct api_options){0});
    for (size_t i = 0; i < COUNT_OF(refusal_cases); i++) {
        struct buf answer = buf_empty(1024 * 1024);
        int fd = open_tail(&env, refusal_cases[i].parameters, NULL);

        print_message("  %s\n", refusal_cases[i].parameters);
        http_fixture_read(fd, NULL, &answer);
        api_env_require(&answer, refusal_cases[i].status);
        api_env_require(&answer, refusal_cases[i].contains);
        (void)close(fd);
        buf_release(&answer);
    }
    api_env_stop(&env);
}

static void test_admission_and_end(void **unused)
{
    struct api_env env;
    struct buf stream = buf_empty(1024 * 1024), refused = buf_empty(1024 * 1024);
    int fd, other;

    (void)unused;
    api_env_start(&env, (struct api_options){.tail_count_max = 1});
    fd = open_tail(&env, "query=*", NULL);
    http_fixture_read(fd, "retry: 1000\n\n", &stream);
    other = open_tail(&env, "query=*", NULL);
    http_fixture_read(other, NULL, &refused);
    api_env_require(&refused, "HTTP/1.1 429");
    api_env_stop(&env); /* with the tail still there */
    (void)close(fd);
    (void)close(other);
    buf_release(&stream);
    buf_release(&refused);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_arrive_once),
        cmocka_unit_test(test_filter),
        cmocka_unit_test(test_resume),
        cmocka_unit_test(test_tail_behind_an_answer),
        cmocka_unit_test(test_resume_in_the_midst),
        cmocka_unit_test(test_from),
        cmocka_unit_test(test_open_event),
        cmocka_unit_test(test_cursor_of_another_store),
        cmocka_unit_test(test_rate),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_admission_and_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
