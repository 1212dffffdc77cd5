/* tests/query/test_api_limits.c -- readers that break off or stand still, more queries than may run, more
 * rows than an answer may have: each limit of the API holds, on real sockets. */
#include "base/io.h"
#include "tests/query/api_env.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

static const char blocked_request[] =
    "GET /dendro/v1/query?query={role=%22proxy%22} HTTP/1.1\r\nHost: localhost\r\n\r\n";

static void test_disconnect_stops_the_query(void **unused)
{
    struct api_env env;
    int fd;

    (void)unused;
    api_env_start(&env, (struct api_options){0});
    api_env_append_many(&env);
    fd = http_fixture_connect(&env.http);
    http_fixture_send(fd, blocked_request); /* and never read */
    api_env_wait_for_metric(&env, "dendro_queries_running", 1);
    (void)usleep(200000);
    assert_true(api_env_metric(&env, "dendro_queries_running") == 1); /* held by back-pressure */
    (void)close(fd);
    (void)usleep(50000);
    api_env_wait_for_metric(&env, "dendro_queries_running", 0);
    api_env_wait_for_metric(&env, "dendro_query_cancelled_total", 1);
    api_env_stop(&env);
}

/* Sanitizers of threads make all of it many times as slow. */
#if defined(__SANITIZE_THREAD__)
enum { STOP_MS_MAX = 4000, QUERY_MS = 8000 };
#else
enum { STOP_MS_MAX = 500, QUERY_MS = 2000 };
#endif

/* A query that computes and sends nothing: only the flag stops it. The design says 50 ms; the test allows for a
 * busy machine. */
static void test_disconnect_stops_computing(void **unused)
{
    struct api_env env;
    int64_t closed_ns, stopped_ns;
    int fd;

    (void)unused;
    api_env_start(&env, (struct api_options){0});
    api_env_append_many(&env);
    fd = http_fixture_connect(&env.http);
    http_fixture_send(fd, "GET /dendro/v1/query?query=~%22([a-z]*q[a-z]*z){40}%22 HTTP/1.1\r\n"
                          "Host: localhost\r\n\r\n");
    api_env_wait_for_metric(&env, "dendro_queries_running", 1);
    closed_ns = io_mono_ns(io_system());
    (void)close(fd);
    api_env_wait_for_metric(&env, "dendro_queries_running", 0);
    stopped_ns = io_mono_ns(io_system());
    print_message("  stopped after %lld ms\n", (long long)(stopped_ns - closed_ns) / 1000000);
    assert_true(stopped_ns - closed_ns < STOP_MS_MAX * INT64_C(1000000));
    assert_true(api_env_metric(&env, "dendro_query_cancelled_total") == 1);
    api_env_stop(&env);
}

static void test_admission(void **unused)
{
    struct api_env env;
    struct buf answer = buf_empty(1024 * 1024);
    int fds[2];

    (void)unused;
    api_env_start(&env, (struct api_options){.query_running_max = 1, .query_waiting_max = 1});
    api_env_append_many(&env);
    fds[0] = http_fixture_connect(&env.http);
    http_fixture_send(fds[0], blocked_request);
    api_env_wait_for_metric(&env, "dendro_queries_running", 1);
    fds[1] = http_fixture_connect(&env.http);
    http_fixture_send(fds[1], blocked_request);
    api_env_wait_for_metric(&env, "dendro_queries_waiting", 1);
    http_fixture_talk(&env.http, "GET /dendro/v1/query?query=x HTTP/1.0\r\n\r\n", &answer);
    api_env_require(&answer, "HTTP/1.1 429");
    api_env_require(&answer, "Retry-After: 1\r\n");
    api_env_require(&answer, "\"code\":\"too_many\"");
    (void)close(fds[0]);
    api_env_wait_for_metric(&env, "dendro_queries_waiting", 0); /* the next has its turn */
    (void)close(fds[1]);
    api_env_wait_for_metric(&env, "dendro_queries_running", 0);
    buf_release(&answer);
    api_env_stop(&env);
}

static void test_time_limit(void **unused)
{
    struct api_env env;
    struct buf body = buf_empty(256 * 1024 * 1024);
    unsigned status;

    (void)unused;
    api_env_start(&env, (struct api_options){0});
    api_env_append_many(&env);
    status = api_env_get(&env, &body, "/dendro/v1/query", "query", "~\"z+y+x+w+[ab]+q\"", "timeout",
                         "1us", NULL);
    assert_true(status == 504 || status == 200); /* before or after the head */
    api_env_require(&body, "\"code\":\"timeout\"");
    buf_release(&body);
    api_env_stop(&env);
}

/* A reader that takes nothing for longer than both limits, of the query and of the server (1 s without
 * progress), and then reads on. */
static const struct pause_case {
    const char *name, *parameters;
    bool is_stream, whole;
} pause_cases[] = {
    {"no time limit", "format=raw&timeout=0", true, true},
    {"framed: only work counts", "format=framed", true, true},
    {"any other query is cut", "format=raw", false, false},
};

static void test_reader_pauses(void **unused)
{
    enum { PAUSE_US = QUERY_MS * 1000 + 1500000, ROWS_SIZE = API_ENV_MANY * 513 };
    struct api_env env;
    struct buf answer = buf_empty(256 * 1024 * 1024), other = buf_empty(1024 * 1024);
    char request[200];

    (void)unused;
    api_env_start_with(&env,
                       (struct api_options){.query_timeout_ms = QUERY_MS,
                                            .query_running_max = 1,
                                            .stream_count_max = 1},
                       (struct http_server_options){.idle_timeout_ms = 1000});
    api_env_append_many(&env);
    for (size_t i = 0; i < COUNT_OF(pause_cases); i++) {
        const struct pause_case *c = &pause_cases[i];
        const char *running = c->is_stream ? "dendro_query_streams" : "dendro_queries_running";
        int fd = http_fixture_connect(&env.http);

        print_message("  %s\n", c->name);
        (void)snprintf(request, sizeof(request),
                       "GET /dendro/v1/query?query={role=%%22proxy%%22}&%s HTTP/1.0\r\n\r\n",
                       c->parameters);
        http_fixture_send(fd, request);
        api_env_wait_for_metric(&env, running, 1);
        if (c->is_stream) { /* the only place of a stream is taken: then as any other query */
            assert_int_equal(api_env_get(&env, &other, "/dendro/v1/query", "query",
                                         "{role=\"web\"} status:502", "format", "framed",
                                         "timeout", "0", NULL),
                             200);
            api_env_require(&other, "\"complete\":true");
            api_env_require(&other, "(timeout=0 was not granted)"); /* and says so */
            buf_reset(&other);
        }
        (void)usleep(PAUSE_US);
        http_fixture_read(fd, NULL, &answer);
        assert_true((answer.len > ROWS_SIZE) == c->whole);
        if (strstr(c->parameters, "framed") != NULL)
            api_env_require(&answer, "\"complete\":true");
        assert_null(strstr(answer.data, "not granted"));
        buf_reset(&answer);
        (void)close(fd);
        api_env_wait_for_metric(&env, running, 0);
    }
    buf_release(&answer);
    buf_release(&other);
    api_env_stop(&env);
}

static void test_json_rows_limit(void **unused)
{
    struct api_env env;
    struct buf body = buf_empty(256 * 1024 * 1024);

    (void)unused;
    api_env_start(&env, (struct api_options){0});
    api_env_append_many(&env);
    assert_int_equal(api_env_get(&env, &body, "/dendro/v1/query", "query", "*", "format", "json",
                                 "fields", "_time", NULL),
                     200);
    api_env_require(&body, "\"answer\":{\"rows\":10000,");
    api_env_require(&body, "\"truncated\":\"limit\"");
    buf_release(&body);
    api_env_stop(&env);
}

static void test_all_rows_arrive(void **unused)
{
    struct api_env env;
    struct buf body = buf_empty(256 * 1024 * 1024);

    (void)unused;
    api_env_start(&env, (struct api_options){0});
    api_env_append_many(&env);
    assert_int_equal(api_env_get(&env, &body, "/dendro/v1/query", "query", "{role=\"proxy\"}",
                                 "format", "raw", NULL),
                     200);
    assert_int_equal(body.len, API_ENV_MANY * 513);
    buf_release(&body);
    api_env_stop(&env);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_disconnect_stops_the_query),
        cmocka_unit_test(test_disconnect_stops_computing),
        cmocka_unit_test(test_admission),
        cmocka_unit_test(test_time_limit),
        cmocka_unit_test(test_reader_pauses),
        cmocka_unit_test(test_json_rows_limit),
        cmocka_unit_test(test_all_rows_arrive),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
