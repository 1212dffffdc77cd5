/* query/api/params.c -- one row per parameter. */
#include "query/api/params.h"

#include "base/units.h"
#include "query/api/reply.h"
#include "query/lexer.h"
#include "query/limits.h"
#include "query/problem.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- JSON bodies ---- */

static bool add_param(struct http_request *request, const char *name, struct slice value,
                      struct query_problem *problem)
{
    if (http_request_param_add(request, slice_of(name), value))
        return true;
    reply_bad_request(problem, "", "too many parameters");
    return false;
}

static bool add_list(struct http_request *request, const char *name, const json_t *list,
                     struct query_problem *problem)
{
    struct buf text = buf_empty(QUERY_TEXT_SIZE_MAX);
    bool added = false;
    size_t at;
    json_t *item;

    json_array_foreach(list, at, item)
    {
        if (!json_is_string(item)) {
            reply_bad_request(problem, "", "member \"%s\" of the body: a list may hold texts only",
                              name);
            buf_release(&text);
            return false;
        }
        if (at > 0)
            buf_append_byte(&text, ',');
        buf_append(&text, json_string_value(item), json_string_length(item));
    }
    if (text.failed)
        reply_bad_request(problem, "", "member \"%s\" of the body is longer than 64 KiB", name);
    else
        added = add_param(request, name, buf_slice(&text), problem);
    buf_release(&text);
    return added;
}

static bool add_member(struct http_request *request, const char *name, const json_t *value,
                       struct query_problem *problem)
{
    char text[40];

    switch (json_typeof(value)) {
    case JSON_STRING:
        return add_param(request, name,
                         slice_make(json_string_value(value), json_string_length(value)), problem);
    case JSON_INTEGER:
        (void)snprintf(text, sizeof(text), "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        return add_param(request, name, slice_of(text), problem);
    case JSON_REAL:
        (void)snprintf(text, sizeof(text), "%.17g", json_real_value(value));
        return add_param(request, name, slice_of(text), problem);
    case JSON_TRUE:
    case JSON_FALSE:
        return add_param(request, name, slice_of(json_is_true(value) ? "1" : "0"), problem);
    case JSON_NULL:
        return true;
    case JSON_ARRAY:
        return add_list(request, name, value, problem);
    case JSON_OBJECT:
        break;
    }
    reply_bad_request(problem, "", "member \"%s\" of the body is an object", name);
    return false;
}

bool api_params_take_json(struct http_request *request, struct query_problem *problem)
{
    struct slice body = http_request_body(request);
    json_error_t error;
    json_t *root, *value;
    const char *name;
    bool taken = true;

    if (body.len == 0 || !http_request_body_is(request, "application/json"))
        return true;
    root = json_loadb(body.data, body.len, JSON_REJECT_DUPLICATES, &error);
    if (!json_is_object(root)) {
        if (root == NULL)
            reply_bad_request(problem, "", "body, line %d, column %d: %s", error.line, error.column,
                              error.text);
        else
            reply_bad_request(problem, "{\"query\":\"...\"}", "the body is not a JSON object");
        json_decref(root);
        return false;
    }
    json_object_foreach(root, name, value) taken =
        taken && add_member(request, name, value, problem);
    json_decref(root);
    return taken;
}

/* ---- values ---- */

/* A parameter as text, for functions that take one; it is cut, since no valid value is as long. */
static const char *shown(struct slice value, char out[64])
{
    (void)snprintf(out, 64, "%.*s", SLICE_ARG(slice_first(value, 60)));
    return out;
}

static bool parse_u64(const char *name, struct slice value, uint64_t max, uint64_t *out,
                      struct query_problem *problem)
{
    char text[64];

    if (slice_to_u64(value, out) && *out <= max)
        return true;
    if (max == UINT64_MAX)
        reply_bad_request(problem, "", "parameter %s: \"%s\" is not a whole number", name,
                          shown(value, text));
    else
        reply_bad_request(problem, "", "parameter %s: \"%s\" is not a number from 0 to %llu", name,
                          shown(value, text), (unsigned long long)max);
    return false;
}

static bool parse_bool(const char *name, struct slice value, bool *out,
                       struct query_problem *problem)
{
    char text[64];

    *out = slice_is(value, "1") || slice_is(value, "true");
    if (*out || slice_is(value, "0") || slice_is(value, "false"))
        return true;
    reply_bad_request(problem, "1", "parameter %s: \"%s\" is neither 1 nor 0", name,
                      shown(value, text));
    return false;
}

static bool parse_duration(const char *name, struct slice value, int64_t *out_ns,
                           struct query_problem *problem)
{
    struct error err = {0};

    if (duration_parse(value, out_ns, &err) == STATUS_OK && *out_ns > 0)
        return true;
    reply_bad_request(problem, "30s", "parameter %s: %s", name,
                      err.message[0] != '\0' ? err.message : "it must be more than nothing");
    return false;
}

bool api_param_u64(const struct http_request *request, const char *name, uint64_t max,
                   uint64_t *out, struct query_problem *problem)
{
    struct slice value = http_request_param(request, name);

    return value.data == NULL || parse_u64(name, value, max, out, problem);
}

bool api_param_bool(const struct http_request *request, const char *name, bool *out,
                    struct query_problem *problem)
{
    struct slice value = http_request_param(request, name);

    return value.data == NULL || parse_bool(name, value, out, problem);
}

bool api_param_duration(const struct http_request *request, const char *name, int64_t *out_ns,
                        struct query_problem *problem)
{
    struct slice value = http_request_param(request, name);

    return value.data == NULL || parse_duration(name, value, out_ns, problem);
}

bool api_quote_list(struct buf *out, struct slice list)
{
    struct slice rest = list, name;
    bool any = false;

    while (rest.len > 0) {
        if (!slice_cut(&rest, ',', &name)) {
            name = rest;
            rest = slice_from(rest, rest.len);
        }
        name = slice_trim(name);
        if (name.len == 0)
            continue;
        if (any)
            buf_append(out, ", ", 2);
        any = true;
        lexer_quote(out, name);
    }
    return any;
}

/* ---- the table ---- */

typedef bool param_reader(const char *name, struct slice value, struct api_params *out,
                          struct query_problem *problem);

static bool read_query(const char *name, struct slice value, struct api_params *out,
                       struct query_problem *problem)
{
    if (value.len > QUERY_TEXT_SIZE_MAX) {
        reply_bad_request(problem, "", "parameter %s: longer than 64 KiB", name);
        problem->code = "query_limit";
        return false;
    }
    out->query = value;
    return true;
}

static bool read_fields(const char *name, struct slice value, struct api_params *out,
                        struct query_problem *problem)
{
    (void)name;
    (void)problem;
    out->fields = value;
    return true;
}

static bool read_geos(const char *name, struct slice value, struct api_params *out,
                      struct query_problem *problem)
{
    (void)name;
    (void)problem;
    out->geos = value;
    return true;
}

static bool read_tz(const char *name, struct slice value, struct api_params *out,
                    struct query_problem *problem)
{
    struct error err = {0};
    char text[64];

    zone_free(out->zone);
    out->zone = NULL;
    out->tz = value;
    if (value.len < sizeof(text) &&
        zone_load(io_system(), shown(value, text), &out->zone, &err) == STATUS_OK)
        return true;
    reply_bad_request(problem, "UTC", "parameter %s: %s", name,
                      err.message[0] != '\0' ? err.message : "no such time zone");
    return false;
}

static bool read_limit(const char *name, struct slice value, struct api_params *out,
                       struct query_problem *problem)
{
    return parse_u64(name, value, UINT64_MAX, &out->limit, problem);
}

static bool read_timeout(const char *name, struct slice value, struct api_params *out,
                         struct query_problem *problem)
{
    out->no_timeout = slice_is(value, "0");
    return out->no_timeout || parse_duration(name, value, &out->timeout_ns, problem);
}

static bool read_order(const char *name, struct slice value, struct api_params *out,
                       struct query_problem *problem)
{
    static const struct {
        const char *name;
        enum query_order order;
    } orders[] = {
        {"asc", QUERY_OLDEST},
        {"desc", QUERY_NEWEST},
        {"any", QUERY_ANY},
    };
    char text[64];

    for (size_t i = 0; i < COUNT_OF(orders); i++)
        if (slice_is(value, orders[i].name)) {
            out->order = orders[i].order;
            return true;
        }
    reply_bad_request(problem, "desc", "parameter %s: \"%s\" is not asc, desc or any", name,
                      shown(value, text));
    return false;
}

static bool read_format(const char *name, struct slice value, struct api_params *out,
                        struct query_problem *problem)
{
    const char *names[16];
    const char *nearest;
    char text[64];

    out->format = output_by_name(value);
    if (out->format != NULL)
        return true;
    for (size_t i = 0; i < output_format_count; i++)
        names[i] = output_formats[i]->name;
    nearest = nearest_name(value, names, output_format_count);
    reply_bad_request(problem, nearest == NULL ? "ndjson" : nearest,
                      "parameter %s: \"%s\" is not one of ndjson, columns, json, csv, tsv, logfmt, "
                      "raw, framed",
                      name, shown(value, text));
    return false;
}

static bool read_partial(const char *name, struct slice value, struct api_params *out,
                         struct query_problem *problem)
{
    char text[64];

    out->refuse_partial = slice_is(value, "refuse");
    if (out->refuse_partial || slice_is(value, "allow"))
        return true;
    reply_bad_request(problem, "allow", "parameter %s: \"%s\" is neither allow nor refuse", name,
                      shown(value, text));
    return false;
}

static bool read_ids(const char *name, struct slice value, struct api_params *out,
                     struct query_problem *problem)
{
    return parse_bool(name, value, &out->ids, problem);
}

static bool read_explain(const char *name, struct slice value, struct api_params *out,
                         struct query_problem *problem)
{
    return parse_bool(name, value, &out->explain, problem);
}

static bool read_strict(const char *name, struct slice value, struct api_params *out,
                        struct query_problem *problem)
{
    return parse_bool(name, value, &out->strict, problem);
}

/* Read on their own, after the zone. */
static bool read_later(const char *name, struct slice value, struct api_params *out,
                       struct query_problem *problem)
{
    (void)name;
    (void)value;
    (void)out;
    (void)problem;
    return true;
}

static const struct {
    const char *name;
    param_reader *read;
} readers[] = {
    {"query", read_query},     {"start", read_later},   {"end", read_later},
    {"tz", read_tz},           {"geos", read_geos},     {"limit", read_limit},
    {"order", read_order},     {"format", read_format}, {"timeout", read_timeout},
    {"fields", read_fields},   {"ids", read_ids},       {"partial", read_partial},
    {"explain", read_explain}, {"strict", read_strict},
};

enum { NAMES_MAX = 32 };

static bool refuse_name(struct slice name, const char *const *extra, struct query_problem *problem)
{
    const char *names[NAMES_MAX];
    const char *nearest;
    size_t count = 0;
    char text[64];

    for (size_t i = 0; i < COUNT_OF(readers); i++)
        names[count++] = readers[i].name;
    for (size_t i = 0; extra != NULL && extra[i] != NULL && count < NAMES_MAX; i++)
        names[count++] = extra[i];
    nearest = nearest_name(name, names, count);
    reply_bad_request(problem, nearest == NULL ? "" : nearest, "unknown parameter \"%s\"",
                      shown(name, text));
    return false;
}

static bool is_extra(struct slice name, const char *const *extra)
{
    for (size_t i = 0; extra != NULL && extra[i] != NULL; i++)
        if (slice_is(name, extra[i]))
            return true;
    return false;
}

static bool read_named(struct slice name, struct slice value, const char *const *extra,
                       struct api_params *out, struct query_problem *problem)
{
    for (size_t i = 0; i < COUNT_OF(readers); i++)
        if (slice_is(name, readers[i].name))
            return readers[i].read(readers[i].name, value, out, problem);
    return is_extra(name, extra) || refuse_name(name, extra, problem);
}

static bool read_instant(const struct http_request *request, const char *name,
                         const struct api_params *params, int64_t *out,
                         struct query_problem *problem)
{
    struct slice value = http_request_param(request, name);
    struct instant instant;
    struct error err = {0};

    if (value.len == 0)
        return true;
    if (instant_parse(value, params->zone, params->now_ns, &instant, &err) == STATUS_OK) {
        *out = instant.from_ns;
        return true;
    }
    reply_bad_request(problem, "2026-03-02T14:00:00Z", "parameter %s: %s", name, err.message);
    return false;
}

static bool read_range(const struct http_request *request, int64_t oldest_ns,
                       struct api_params *out, struct query_problem *problem)
{
    if (!read_instant(request, "start", out, &out->start_ns, problem) ||
        !read_instant(request, "end", out, &out->end_ns, problem))
        return false;
    if (out->start_ns == 0 && out->end_ns == 0)
        return true;
    if (out->end_ns == 0)
        out->end_ns = out->now_ns;
    if (out->start_ns == 0)
        out->start_ns = oldest_ns < out->end_ns ? oldest_ns : out->end_ns - 1;
    if (out->start_ns < out->end_ns)
        return true;
    reply_bad_request(problem, "", "the range is empty: start is not before end");
    return false;
}

bool api_params_read(const struct http_request *request, const char *const *extra, int64_t now_ns,
                     int64_t oldest_ns, struct api_params *out, struct query_problem *problem)
{
    struct slice name, value;

    *out = (struct api_params){.now_ns = now_ns, .order = QUERY_NEWEST};
    for (size_t i = 0; http_request_param_at(request, i, &name, &value); i++)
        if (!read_named(name, value, extra, out, problem))
            return false;
    return read_range(request, oldest_ns, out, problem);
}

void api_params_release(struct api_params *params)
{
    zone_free(params->zone);
    params->zone = NULL;
}
