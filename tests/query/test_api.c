/* tests/query/test_api.c -- the HTTP API on a real store, a real server and real sockets.
 * Expected answers are written by hand from docs/api.md and the rows below. */
#include "base/http_client.h"
#include "tests/query/api_env.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

/* ---- what needs no query ---- */

static const struct plain_case {
    const char *target;
    unsigned status;
    const char *contains;
} plain_cases[] = {
    {"/", 200, "Dendro 0.1.0 on node1, geo us\n"},
    {"/", 200, "/dendro/v1/status "},
    {"/health", 200, "ok\n"},
    {"/-/healthy", 200, "ok\n"},
    {"/ready", 200, "ready\n"},
    {"/-/ready", 200, "ready\n"},
    {"/metrics", 200, "\ndendro_store_rows 8\n"},
    {"/metrics", 200, "\ndendro_store_erasures_stuck 0\n"},
    {"/metrics", 200, "# TYPE dendro_query_duration_seconds histogram\n"},
    {"/metrics", 200, "process_resident_memory_bytes "},
    {"/metrics", 200, "\ndendro_memory_bytes{class=\"queries\"} "},
    {"/dendro/v1/status", 200, "\"node\":{\"name\":\"node1\",\"geo\":\"us\",\"version\":\"0.1.0\""},
    {"/dendro/v1/status", 200, "\"rows\":8,"},
    {"/dendro/v1/status", 200, "\"oldest\":\"2026-03-02T13:59:01Z\""},
    {"/dendro/v1/fleet", 200,
     "\"host\":\"web1\",\"role\":\"web\",\"source\":\"/log/web.log\","
     "\"durable_offset\":124"}, /* 21 + 21 + 22 + 21 + 21 + 18, newlines included */
    {"/dendro/v1/geos", 200, "{\"geos\":[{\"geo\":\"us\",\"local\":true,\"state\":\"ok\""},
    {"/dendro/v1/views", 404, "\"code\":\"not_found\""},
    {"/dendro/v1/", 404, "nothing is served at"},
};

static void test_plain(void **unused)
{
    struct api_env env;

    (void)unused;
    api_env_start(&env, (struct api_options){0});
    for (size_t i = 0; i < COUNT_OF(plain_cases); i++) {
        struct buf body = buf_empty(4 * 1024 * 1024);

        print_message("  %s\n", plain_cases[i].target);
        assert_int_equal(http_fixture_get(&env.http, plain_cases[i].target, &body),
                         plain_cases[i].status);
        api_env_require(&body, plain_cases[i].contains);
        buf_release(&body);
    }
    api_env_stop(&env);
}

static bool never_ready(void *user, struct error *err)
{
    (void)user;
    (void)error_set(err, STATUS_BUSY, "the consumer group is rebalancing");
    return false;
}

static void write_metric(void *user, struct buf *out)
{
    (void)user;
    buf_append_text(out, "dendro_inputs_open 3\n");
}

static void write_status(void *user, struct json_writer *json)
{
    (void)user;
    jsonw_key(json, "shippers");
    jsonw_array(json);
    jsonw_end_array(json);
}

static void add_hooks(void *user, struct http_server *server)
{
    struct api_env *env = user;

    api_env_set_up(user, server);
    assert_true(api_ready_add(env->api, never_ready, NULL));
    assert_true(api_metrics_add(env->api, write_metric, NULL));
    assert_true(api_status_add(env->api, write_status, NULL));
}

static void test_hooks(void **unused)
{
    struct api_env env;
    struct buf body = buf_empty(4 * 1024 * 1024);

    (void)unused;
    api_env_start(&env, (struct api_options){0});
    http_fixture_stop(&env.http);
    api_free(env.api);
    http_fixture_start(&env.http, (struct http_server_options){0}, add_hooks, &env);
    assert_int_equal(http_fixture_get(&env.http, "/ready", &body), 503);
    api_env_require(&body, "the consumer group is rebalancing");
    assert_int_equal(http_fixture_get(&env.http, "/metrics", &body), 200);
    api_env_require(&body, "dendro_inputs_open 3\n");
    assert_int_equal(http_fixture_get(&env.http, "/dendro/v1/status", &body), 200);
    api_env_require(&body, "\"shippers\":[]}");
    buf_release(&body);
    api_env_stop(&env);
}

/* ---- query ---- */

static void test_query_ndjson(void **unused)
{
    struct api_env env;
    struct buf body = buf_empty(4 * 1024 * 1024);

    (void)unused;
    api_env_start(&env, (struct api_options){0});
    assert_int_equal(api_env_get(&env, &body, "/dendro/v1/query", "query", "status:>=500", "order",
                                 "asc", "fields", "_time,status,duration,_msg", NULL),
                     200);
    api_env_require(&body, "{\"_head\":{\"id\":\"q-");
    api_env_require(&body, "\"geos_asked\":[\"us\"]");
    api_env_require(&body,
                    "\n{\"_time\":\"2026-03-02T13:59:02Z\",\"status\":502,\"duration\":1.5,"
                    "\"_msg\":\"GET /a/two 502 1.500\"}\n"
                    "{\"_time\":\"2026-03-02T14:00:03Z\",\"status\":503,\"duration\":30,"
                    "\"_msg\":\"GET /a/one 503 30\"}\n{\"_end\":{\"rows\":2,\"rows_matched\":2,");
    api_env_require(&body,
                    "\"complete\":true,\"truncated\":null,\"sampled\":null,\"geos\":{\"us\":{"
                    "\"state\":\"ok\",\"rows\":2,");
    assert_int_equal(count_of(body.data, "{\"_head\":"), 1);
    assert_int_equal(count_of(body.data, "{\"_end\":"), 1);

    print_message("  newest first is the default, and the limit is told\n");
    assert_int_equal(api_env_get(&env, &body, "/dendro/v1/query", "query", "*", "limit", "1",
                                 "fields", "_msg", NULL),
                     200);
    api_env_require(&body,
                    "\n{\"_msg\":\"bad \xEF\xBF\xBD byte\",\"_msg_b64\":\"YmFkIP8gYnl0ZQ==\"}\n");
    api_env_require(&body, "\"complete\":false,\"truncated\":\"limit\",\"sampled\":null,"
                           "\"geos\":{\"us\":{\"state\":\"ok\"");

    print_message("  range: start is inside, end is not\n");
    assert_int_equal(api_env_get(&env, &body, "/dendro/v1/query", "query", "{role=\"web\"}",
                                 "start", "2026-03-02T13:59:02Z", "end", "2026-03-02T14:00:01Z",
                                 NULL),
                     200);
    api_env_require(&body, "\"start\":\"2026-03-02T13:59:02Z\",\"end\":\"2026-03-02T14:00:01Z\"");
    api_env_require(&body, "{\"_end\":{\"rows\":2,");

    print_message("  times without zone are in tz\n");
    assert_int_equal(api_env_get(&env, &body, "/dendro/v1/query", "query", "{role=\"web\"}",
                                 "start", "2026-03-02T19:29:02", "end", "2026-03-02T19:30:01", "tz",
                                 "Asia/Kolkata", NULL),
                     200);
    api_env_require(&body, "\"start\":\"2026-03-02T13:59:02Z\",\"end\":\"2026-03-02T14:00:01Z\"");
    buf_release(&body);
    api_env_stop(&env);
}

static const struct output_case {
    const char *format, *header, *body;
} output_cases[] = {
    {"ndjson", "Content-Type: application/x-ndjson\r\n", "{\"tenant\":\"a\",\"n\":4}\n"},
    {"columns", "Content-Type: application/x-ndjson; profile=columns\r\n",
     "{\"n\":2,\"c\":{\"tenant\":"},
    {"json", "Content-Type: application/json\r\n",
     "\"rows\":[\n{\"tenant\":\"a\",\"n\":4},\n{\"tenant\":\"b\",\"n\":2}],\n\"answer\":{"},
    {"csv", "Content-Disposition: attachment; filename=\"dendro.csv\"\r\n",
     "\"tenant\",\"n\"\r\n\"a\",\"4\"\r\n\"b\",\"2\"\r\n"},
    {"tsv", "Content-Type: text/tab-separated-values; charset=utf-8\r\n",
     "\"tenant\"\t\"n\"\r\n\"a\"\t\"4\"\r\n"},
    {"logfmt", "Content-Type: text/plain; charset=utf-8\r\n", "tenant=a n=4\ntenant=b n=2\n"},
};

static void test_query_formats(void **unused)
{
    struct api_env env;

    (void)unused;
    api_env_start(&env, (struct api_options){0});
    for (size_t i = 0; i < COUNT_OF(output_cases); i++) {
        struct buf answer = buf_empty(1024 * 1024), request = buf_empty(4096);

        print_message("  %s\n", output_cases[i].format);
        buf_append_text(&request, "GET /dendro/v1/query?");
        assert_true(http_form_append(&request, "query",
                                     slice_of("tenant:* | stats by (tenant) count() as n | "
                                              "sort by (n desc)")));
        buf_printf(&request, "&format=%s HTTP/1.0\r\n\r\n", output_cases[i].format);
        buf_append_byte(&request, '\0');
        http_fixture_talk(&env.http, request.data, &answer);
        api_env_require(&answer, "HTTP/1.1 200");
        api_env_require(&answer, output_cases[i].header);
        api_env_require(&answer, output_cases[i].body);
        api_env_require(&answer, "X-Content-Type-Options: nosniff\r\n");
        buf_release(&answer);
        buf_release(&request);
    }
    api_env_stop(&env);
}

static void test_query_raw(void **unused)
{
    struct api_env env;
    struct buf body = buf_empty(1024 * 1024);

    (void)unused;
    api_env_start(&env, (struct api_options){0});
    assert_int_equal(api_env_get(&env, &body, "/dendro/v1/query", "query", "{role=\"task\"}",
                                 "order", "asc", "format", "raw", NULL),
                     200);
    assert_string_equal(body.data, "task started \"x\"\nbad \xFF byte\n");
    assert_int_equal(api_env_get(&env, &body, "/dendro/v1/query", "query", "* | stats count() as n",
                                 "format", "raw", NULL),
                     400);
    api_env_require(&body, "these rows have no _msg");
    buf_release(&body);
    api_env_stop(&env);
}

static void test_bodies(void **unused)
{
    static const struct {
        const char *type, *body;
    } bodies[] = {
        {"application/x-www-form-urlencoded", "query=status%3A503&format=raw&limit=5"},
        {"application/json", "{\"query\":\"status:503\",\"format\":\"raw\",\"limit\":5,"
                             "\"geos\":[\"us\"],\"ids\":false,\"fields\":null}"},
    };
    struct api_env env;

    (void)unused;
    api_env_start(&env, (struct api_options){0});
    for (size_t i = 0; i < COUNT_OF(bodies); i++) {
        struct buf answer = buf_empty(1024 * 1024);
        char request[512];

        (void)snprintf(request, sizeof(request),
                       "POST /dendro/v1/query HTTP/1.0\r\nContent-Type: %s\r\n"
                       "Content-Length: %zu\r\n\r\n%s",
                       bodies[i].type, strlen(bodies[i].body), bodies[i].body);
        http_fixture_talk(&env.http, request, &answer);
        api_env_require(&answer, "HTTP/1.1 200");
        api_env_require(&answer, "\r\n\r\nGET /a/one 503 30\n");
        buf_release(&answer);
    }
    api_env_stop(&env);
}

static void test_accept_header(void **unused)
{
    struct api_env env;
    struct buf answer = buf_empty(1024 * 1024);

    (void)unused;
    api_env_start(&env, (struct api_options){0});
    http_fixture_talk(&env.http,
                      "GET /dendro/v1/query?query=status:503 HTTP/1.0\r\n"
                      "Accept: text/plain\r\n\r\n",
                      &answer);
    api_env_require(&answer, "\r\n\r\nGET /a/one 503 30\n");
    buf_release(&answer);
    api_env_stop(&env);
}

static const struct error_case {
    const char *name, *parameter, *value, *contains;
} error_cases[] = {
    {"unknown pipe, with its place", "query", "status:500 | stat",
     "{\"error\":{\"code\":\"query_syntax\",\"message\":\"unknown pipe \\\"stat\\\"\",\"at\":13,"
     "\"length\":4,\"line\":1,\"hint\":\"stats\""},
    {"place on the second line", "query", "error\n| stat", "\"at\":8,\"length\":4,\"line\":2"},
    {"duration without unit", "query", "duration:>500", "\"code\":\"query_type\""},
    {"unknown parameter", "qurey", "x",
     "\"code\":\"bad_request\",\"message\":\"unknown parameter \\\"qurey\\\"\",\"hint\":\"query\""},
    {"limit", "limit", "many", "parameter limit: \\\"many\\\" is not a whole number"},
    {"order", "order", "up", "is not asc, desc or any"},
    {"format", "format", "cvs", "\"hint\":\"csv\""},
    {"time", "start", "yesterday-ish", "parameter start: "},
    {"time zone", "tz", "Mars/Base", "parameter tz: "},
    {"timeout", "timeout", "5", "parameter timeout: "},
    {"flag", "ids", "maybe", "is neither 1 nor 0"},
    {"empty range", "start", "2200-01-01", "start is not before end"},
};

static void test_errors(void **unused)
{
    struct api_env env;

    (void)unused;
    api_env_start(&env, (struct api_options){0});
    for (size_t i = 0; i < COUNT_OF(error_cases); i++) {
        const struct error_case *c = &error_cases[i];
        struct buf body = buf_empty(1024 * 1024);

        print_message("  %s\n", c->name);
        if (api_env_get(&env, &body, "/dendro/v1/query", c->parameter, c->value, NULL) != 400)
            fail_msg("not refused: %s", body.data);
        api_env_require(&body, c->contains);
        buf_release(&body);
    }
    api_env_stop(&env);
}

static void test_body_errors(void **unused)
{
    static const struct {
        const char *request, *contains;
    } cases[] = {
        {"POST /dendro/v1/query HTTP/1.0\r\nContent-Type: application/json\r\n"
         "Content-Length: 9\r\n\r\n{\"query\":",
         "body, line 1, column 9"},
        {"POST /dendro/v1/query HTTP/1.0\r\nContent-Type: application/json\r\n"
         "Content-Length: 2\r\n\r\n[]",
         "not a JSON object"},
        {"POST /dendro/v1/query HTTP/1.0\r\nContent-Type: application/json\r\n"
         "Content-Length: 12\r\n\r\n{\"query\":{}}",
         "member \\\"query\\\" of the body is an object"},
    };
    struct api_env env;
    struct buf body = buf_empty(1024 * 1024), longest = buf_empty(128 * 1024);

    (void)unused;
    api_env_start(&env, (struct api_options){0});
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        buf_reset(&body);
        http_fixture_talk(&env.http, cases[i].request, &body);
        api_env_require(&body, "HTTP/1.1 400");
        api_env_require(&body, cases[i].contains);
    }
    buf_printf(&longest,
               "POST /dendro/v1/query HTTP/1.0\r\nContent-Type: "
               "application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\nquery=",
               6 + 64 * 1024 + 1);
    for (int i = 0; i < 64 * 1024 + 1; i++)
        buf_append_byte(&longest, 'x');
    buf_append_byte(&longest, '\0');
    buf_reset(&body);
    http_fixture_talk(&env.http, longest.data, &body);
    api_env_require(&body, "\"code\":\"query_limit\"");
    buf_release(&longest);
    buf_release(&body);
    api_env_stop(&env);
}

static void test_geos(void **unused)
{
    struct api_env env;
    struct buf body = buf_empty(1024 * 1024);

    (void)unused;
    api_env_start(&env, (struct api_options){0});
    assert_int_equal(
        api_env_get(&env, &body, "/dendro/v1/query", "query", "status:503", "geos", "us,eu", NULL),
        200);
    api_env_require(&body, "\"geos_asked\":[\"us\",\"eu\"]");
    api_env_require(&body, "\"complete\":false");
    api_env_require(&body, "\"us\":{\"state\":\"ok\",\"rows\":1,");
    api_env_require(&body, "\"eu\":{\"state\":\"missing\"");
    assert_int_equal(api_env_get(&env, &body, "/dendro/v1/query", "query", "status:503", "geos",
                                 "us,eu", "partial", "refuse", NULL),
                     400);
    api_env_require(&body, "geo \\\"eu\\\" cannot be asked from here");
    print_message("  only another geo: none of our rows\n");
    assert_int_equal(
        api_env_get(&env, &body, "/dendro/v1/query", "query", "status:503", "geos", "eu", NULL),
        200);
    api_env_require(&body, "{\"_end\":{\"rows\":0,");
    assert_null(strstr(body.data, "\"us\""));
    buf_release(&body);
    api_env_stop(&env);
}

/* ---- endpoints on top of a query ---- */

static void test_hits(void **unused)
{
    struct api_env env;
    struct buf body = buf_empty(1024 * 1024);

    (void)unused;
    api_env_start(&env, (struct api_options){0});
    assert_int_equal(api_env_get(&env, &body, "/dendro/v1/hits", "query", "{role=\"web\"}", "step",
                                 "1m", "by", "tenant", "start", "2026-03-02T13:59:00Z", "end",
                                 "2026-03-02T14:01:00Z", NULL),
                     200);
    api_env_require(
        &body, "\"start\":\"2026-03-02T13:59:00Z\",\"end\":\"2026-03-02T14:01:00Z\",\"step\":60,"
               "\"hits\":[{\"fields\":{\"tenant\":\"a\"},\"timestamps\":["
               "\"2026-03-02T13:59:00Z\",\"2026-03-02T14:00:00Z\"],\"values\":[2,2],"
               "\"total\":4},{\"fields\":{\"tenant\":\"b\"},\"timestamps\":["
               "\"2026-03-02T13:59:00Z\",\"2026-03-02T14:00:00Z\"],\"values\":[1,1],"
               "\"total\":2}],\"answer\":{");
    print_message("  the rest is other\n");
    assert_int_equal(api_env_get(&env, &body, "/dendro/v1/hits", "query", "{role=\"web\"}", "step",
                                 "1h", "by", "path", "top", "1", NULL),
                     200);
    api_env_require(&body,
                    "{\"fields\":{\"path\":\"/a/one\"},\"timestamps\":[\"2026-03-02T13:00:00Z\","
                    "\"2026-03-02T14:00:00Z\"],\"values\":[1,2],\"total\":3},{\"fields\":{},"
                    "\"other\":true,\"timestamps\":[\"2026-03-02T13:00:00Z\","
                    "\"2026-03-02T14:00:00Z\"],\"values\":[2,1],\"total\":3}]");
    print_message("  refusals\n");
    assert_int_equal(
        api_env_get(&env, &body, "/dendro/v1/hits", "query", "* | stats count() n", NULL), 400);
    assert_int_equal(api_env_get(&env, &body, "/dendro/v1/hits", "query", "*", "step", "1ms", NULL),
                     400);
    api_env_require(&body, "more than 11000 steps");
    buf_release(&body);
    api_env_stop(&env);
}

static void test_listings(void **unused)
{
    struct api_env env;
    struct buf body = buf_empty(1024 * 1024);

    (void)unused;
    api_env_start(&env, (struct api_options){0});
    assert_int_equal(
        api_env_get(&env, &body, "/dendro/v1/values", "query", "*", "field", "path", NULL), 200);
    api_env_require(&body, "\"value\":\"/a/one\",\"hits\":3");
    assert_int_equal(api_env_get(&env, &body, "/dendro/v1/values", "query", "*", "field", "path",
                                 "prefix", "/b", NULL),
                     200);
    api_env_require(&body, "\"value\":\"/b/two\",\"hits\":1");
    assert_null(strstr(body.data, "/a/one"));
    assert_int_equal(api_env_get(&env, &body, "/dendro/v1/values", "query", "*", NULL), 400);
    api_env_require(&body, "parameter field is missing");
    assert_int_equal(api_env_get(&env, &body, "/dendro/v1/fields", "query", "*", NULL), 200);
    api_env_require(&body, "\"tenant\"");
    assert_int_equal(api_env_get(&env, &body, "/dendro/v1/facets", "query", "{role=\"web\"}", NULL),
                     200);
    api_env_require(&body, "\"field\":\"tenant\",\"value\":\"a\",\"hits\":4");
    assert_int_equal(api_env_get(&env, &body, "/dendro/v1/patterns", "query", "*", "by",
                                 "role,level", "limit", "20", "since", "2020-01-01T00:00", NULL),
                     200);
    api_env_require(&body, "\"role\":\"web\",\"level\":");
    api_env_require(&body, "\"pattern\":\"");
    api_env_require(&body, "\"first_seen\":\"");
    assert_int_equal(api_env_get(&env, &body, "/dendro/v1/patterns", "query", "*", "since",
                                 "1h | limit 1", NULL),
                     400); /* no way to smuggle in pipes */
    api_env_require(&body, "parameter since");
    buf_release(&body);
    api_env_stop(&env);
}

static void test_explain(void **unused)
{
    struct api_env env;
    struct buf body = buf_empty(1024 * 1024);

    (void)unused;
    api_env_start(&env, (struct api_options){0});
    assert_int_equal(
        api_env_get(&env, &body, "/dendro/v1/explain", "query", "status:>=500 | limit 3", NULL),
        200);
    api_env_require(&body, "{\"plan\":\"");
    api_env_require(&body, "\"query\":\"status:>=500 | limit 3\"}");
    assert_int_equal(
        api_env_get(&env, &body, "/dendro/v1/query", "query", "status:503", "explain", "1", NULL),
        200);
    api_env_require(&body, "{\"plan\":\"");
    buf_release(&body);
    api_env_stop(&env);
}

/* The value of `"_id":"..."` in the row that has `part`. */
static void id_of_row(const struct buf *body, const char *part, char out[80])
{
    const char *row = strstr(body->data, part), *id = NULL;

    assert_non_null(row);
    for (const char *at = strstr(body->data, "\"_id\":\""); at != NULL && at < row;
         at = strstr(at + 1, "\"_id\":\""))
        id = at + strlen("\"_id\":\"");
    assert_non_null(id);
    (void)snprintf(out, 80, "%.*s", (int)strcspn(id, "\""), id);
}

static void test_context(void **unused)
{
    struct api_env env;
    struct buf body = buf_empty(1024 * 1024);
    char id[80];

    (void)unused;
    api_env_start(&env, (struct api_options){0});
    assert_int_equal(api_env_get(&env, &body, "/dendro/v1/query", "query", "*", "ids", "1", NULL),
                     200);
    id_of_row(&body, "POST /b/one 201", id);
    assert_int_equal(api_env_get(&env, &body, "/dendro/v1/context", "id", id, "before", "1",
                                 "after", "2", "format", "raw", NULL),
                     200);
    assert_string_equal(body.data, "GET /a/two 502 1.500\nPOST /b/one 201 0.004\n"
                                   "GET /a/one 200 0.100\nGET /b/two 404 0.001\n");
    assert_int_equal(api_env_get(&env, &body, "/dendro/v1/context", "id", id, "before", "9",
                                 "after", "9", "by", "tenant", "format", "raw", NULL),
                     200);
    assert_string_equal(body.data, "POST /b/one 201 0.004\nGET /b/two 404 0.001\n");
    assert_int_equal(api_env_get(&env, &body, "/dendro/v1/context", "id", id, NULL), 200);
    assert_int_equal(count_of(body.data, "\"_match\":true"), 1);
    assert_int_equal(api_env_get(&env, &body, "/dendro/v1/context", "id", "00-1-1", NULL), 404);
    assert_int_equal(api_env_get(&env, &body, "/dendro/v1/context", "id", "x", NULL), 400);
    buf_release(&body);
    api_env_stop(&env);
}

/* With a token every order needs it; questions do not. */
static void test_orders(void **unused)
{
    static const struct {
        const char *name, *token, *method, *headers, *contains;
    } cases[] = {
        {"loopback", NULL, "POST", "", "HTTP/1.1 200"},
        {"a page of another site", NULL, "POST", "Origin: https://example.org\r\n", "HTTP/1.1 403"},
        {"a proxy", NULL, "POST", "X-Forwarded-For: 192.0.2.1\r\n", "set admin_token_file"},
        {"no token", "0123456789abcdef", "POST", "", "HTTP/1.1 401"},
        {"the token", "0123456789abcdef", "POST", "Authorization: Bearer 0123456789abcdef\r\n",
         "HTTP/1.1 200"},
        {"only a question", "0123456789abcdef", "GET", "", "a snapshot is ordered by POST"},
    };

    (void)unused;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct api_env env;
        struct buf answer = buf_empty(1024 * 1024);
        char request[512];

        print_message("  %s\n", cases[i].name);
        api_env_start(&env, (struct api_options){.admin_token = cases[i].token});
        (void)snprintf(request, sizeof(request),
                       "%s /dendro/v1/snapshot?name=a HTTP/1.0\r\n%sContent-Length: 0\r\n\r\n",
                       cases[i].method, cases[i].headers);
        http_fixture_talk(&env.http, request, &answer);
        api_env_require(&answer, cases[i].contains);
        buf_release(&answer);
        api_env_stop(&env);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_hooks),
        cmocka_unit_test(test_query_ndjson),
        cmocka_unit_test(test_query_formats),
        cmocka_unit_test(test_query_raw),
        cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_accept_header),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_body_errors),
        cmocka_unit_test(test_geos),
        cmocka_unit_test(test_hits),
        cmocka_unit_test(test_listings),
        cmocka_unit_test(test_explain),
        cmocka_unit_test(test_context),
        cmocka_unit_test(test_orders),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
