/* query/api/listing.c -- endpoints that are a query with one pipe behind it: facets, patterns,
 * fields, values. Their rows are those of the pipe (docs/query.md), as one JSON object by default. */
#include "query/api/api_private.h"
#include "query/api/reply.h"
#include "query/lexer.h"

#include <inttypes.h>

enum { FACET_COUNT_DEFAULT = 10, VALUE_COUNT_DEFAULT = 100, COUNT_MAX = 10000 };

/* `limit` here counts values, not rows: it is the pipe's. */
static bool take_limit(struct api_call *call, uint64_t fallback, uint64_t *out,
                       struct query_problem *problem)
{
    *out = fallback;
    call->params.limit = 0;
    return api_param_u64(call->request, "limit", COUNT_MAX, out, problem);
}

static bool facets_pipes(struct api_call *call, struct buf *out, struct query_problem *problem)
{
    uint64_t limit;

    if (!take_limit(call, FACET_COUNT_DEFAULT, &limit, problem))
        return false;
    return buf_printf(out, "facets %" PRIu64, limit == 0 ? FACET_COUNT_DEFAULT : limit);
}

/* A time or how long ago, as it stands: quoted it would be no duration. */
static bool append_since(struct buf *out, struct api_call *call, struct query_problem *problem)
{
    struct slice since = http_request_param(call->request, "since");

    for (size_t i = 0; i < since.len; i++) {
        char c = since.data[i];

        if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') &&
            memchr(":+-.", c, 4) == NULL) {
            reply_bad_request(problem, "since=1h", "parameter since: not a time: \"%.*s\"",
                              SLICE_ARG(slice_first(since, 60)));
            return false;
        }
    }
    return since.len == 0 ||
           (buf_append_text(out, " since ") && buf_append_slice(out, since));
}

static bool patterns_pipes(struct api_call *call, struct buf *out, struct query_problem *problem)
{
    struct slice rest = http_request_param(call->request, "by"), name;
    bool first = true;
    uint64_t limit;

    if (!take_limit(call, 0, &limit, problem))
        return false;
    buf_append_text(out, "patterns");
    if (limit > 0)
        buf_printf(out, " %" PRIu64, limit);
    while (rest.len > 0) {
        if (!slice_cut(&rest, ',', &name)) {
            name = rest;
            rest = slice_from(rest, rest.len);
        }
        buf_append_text(out, first ? " by (" : ", ");
        lexer_quote(out, name);
        first = false;
    }
    if (!first)
        buf_append_byte(out, ')');
    return append_since(out, call, problem);
}

static void append_prefix(struct buf *out, struct api_call *call, const char *column)
{
    struct slice prefix = http_request_param(call->request, "prefix");

    if (prefix.len == 0)
        return;
    buf_printf(out, " | where %s:=", column);
    lexer_quote(out, prefix);
    buf_append_byte(out, '*');
}

static bool fields_pipes(struct api_call *call, struct buf *out, struct query_problem *problem)
{
    uint64_t limit;

    if (!take_limit(call, 0, &limit, problem))
        return false;
    buf_append_text(out, "field_names");
    append_prefix(out, call, "name");
    if (limit > 0)
        buf_printf(out, " | limit %" PRIu64, limit);
    return true;
}

static bool values_pipes(struct api_call *call, struct buf *out, struct query_problem *problem)
{
    struct slice field = http_request_param(call->request, "field");
    uint64_t limit;

    if (field.len == 0) {
        reply_bad_request(problem, "field=path", "parameter field is missing: whose values?");
        return false;
    }
    if (!take_limit(call, VALUE_COUNT_DEFAULT, &limit, problem))
        return false;
    buf_append_text(out, "field_values ");
    lexer_quote(out, field);
    if (http_request_param(call->request, "prefix").len > 0) {
        buf_printf(out, " limit %d", COUNT_MAX); /* the prefix is applied behind it */
        append_prefix(out, call, "value");
        buf_printf(out, " | limit %" PRIu64, limit);
    } else {
        buf_printf(out, " limit %" PRIu64, limit);
    }
    return true;
}

static const char *const listing_params[] = {"prefix", NULL};
static const char *const values_params[] = {"field", "prefix", NULL};

const struct api_endpoint api_facets_endpoint = {
    .path = "/dendro/v1/facets",
    .counter = COUNT_FACETS,
    .run = api_run_query,
    .defaults_to_json = true,
    .pipes = facets_pipes,
};

static const char *const patterns_params[] = {"by", "since", NULL};

const struct api_endpoint api_patterns_endpoint = {
    .path = "/dendro/v1/patterns",
    .counter = COUNT_PATTERNS,
    .run = api_run_query,
    .extra_params = patterns_params,
    .defaults_to_json = true,
    .pipes = patterns_pipes,
};

const struct api_endpoint api_fields_endpoint = {
    .path = "/dendro/v1/fields",
    .counter = COUNT_FIELDS,
    .run = api_run_query,
    .extra_params = listing_params,
    .defaults_to_json = true,
    .pipes = fields_pipes,
};

const struct api_endpoint api_values_endpoint = {
    .path = "/dendro/v1/values",
    .counter = COUNT_VALUES,
    .run = api_run_query,
    .extra_params = values_params,
    .defaults_to_json = true,
    .pipes = values_pipes,
};
