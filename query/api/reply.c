/* query/api/reply.c -- error bodies and their HTTP status. */
#include "query/api/reply.h"

#include "base/json_writer.h"
#include "query/api/api_private.h"

#include <stdarg.h>
#include <stdio.h>

/* Of an error code: "query_syntax" is 400, "too_many" is 429, ... */
static unsigned http_status_of(const char *code)
{
    static const struct {
        const char *code;
        unsigned status;
    } rows[] = {
        {"query_syntax", 400}, {"query_type", 400},   {"query_limit", 400}, {"unknown_field", 400},
        {"bad_request", 400},  {"unauthorized", 401}, {"forbidden", 403},   {"policy", 403},
        {"not_found", 404},    {"too_many", 429},     {"cancelled", 499},   {"timeout", 504},
        {"storage", 500},
    };

    for (size_t i = 0; code != NULL && i < COUNT_OF(rows); i++)
        if (strcmp(rows[i].code, code) == 0)
            return rows[i].status;
    return 500;
}

/* "number, string" as a list. */
static void write_expected(struct json_writer *json, const char *expected)
{
    struct slice rest = slice_of(expected), item;

    jsonw_array(json);
    while (rest.len > 0) {
        if (!slice_cut(&rest, ',', &item)) {
            item = rest;
            rest = slice_from(rest, rest.len);
        }
        jsonw_text(json, slice_trim(item));
    }
    jsonw_end_array(json);
}

static void write_problem(struct json_writer *json, const struct query_problem *problem)
{
    jsonw_object(json);
    jsonw_key(json, "error");
    jsonw_object(json);
    jsonw_key(json, "code");
    jsonw_string(json, problem->code == NULL ? "internal" : problem->code);
    jsonw_key(json, "message");
    jsonw_string(json, problem->message);
    if (problem->line > 0) { /* a place in the query */
        jsonw_key(json, "at");
        jsonw_u64(json, problem->at);
        jsonw_key(json, "length");
        jsonw_u64(json, problem->length);
        jsonw_key(json, "line");
        jsonw_u64(json, problem->line);
    }
    if (problem->hint[0] != '\0') {
        jsonw_key(json, "hint");
        jsonw_string(json, problem->hint);
    }
    if (problem->expected[0] != '\0') {
        jsonw_key(json, "expected");
        write_expected(json, problem->expected);
    }
    jsonw_end_object(json);
    jsonw_end_object(json);
}

void reply_problem(struct http_stream *stream, const struct query_problem *problem)
{
    struct buf body = buf_empty(API_ERROR_SIZE_MAX);
    struct json_writer json;
    struct http_answer answer = {.status = http_status_of(problem->code),
                                 .type = "application/json"};

    jsonw_begin(&json, &body);
    write_problem(&json, problem);
    buf_append_byte(&body, '\n');
    answer.body = buf_slice(&body);
    (void)!http_stream_respond(stream, &answer);
    buf_release(&body);
}

void reply_json(struct http_stream *stream, struct slice json)
{
    (void)!http_stream_respond(
        stream, &(struct http_answer){.status = 200, .type = "application/json", .body = json});
}

void reply_bad_request(struct query_problem *problem, const char *hint, const char *format, ...)
{
    va_list args;

    memset(problem, 0, sizeof(*problem));
    problem->code = "bad_request";
    (void)snprintf(problem->hint, sizeof(problem->hint), "%s", hint);
    va_start(args, format);
    (void)vsnprintf(problem->message, sizeof(problem->message), format, args);
    va_end(args);
}

void reply_too_many(struct http_request *request, const char *message)
{
    char body[256], seconds[12];
    const struct http_header retry = {"Retry-After", seconds};
    int length = snprintf(body, sizeof(body),
                          "{\"error\":{\"code\":\"too_many\",\"message\":\"%s\"}}\n", message);

    (void)snprintf(seconds, sizeof(seconds), "%d", API_RETRY_AFTER_S);
    http_respond(request, &(struct http_answer){.status = 429,
                                                .type = "application/json",
                                                .headers = &retry,
                                                .header_count = 1,
                                                .body = slice_make(body, (size_t)length)});
}
