/* query/api/erase.c -- POST /dendro/v1/erase orders an erasure, GET lists all with their state. */
#include "query/api/api_private.h"
#include "query/api/reply.h"
#include "query/lexer.h"
#include "store/erase.h"
#include "store/receipt.h"
#include "store/store.h"

#include <stdio.h>

#define ERASE_ANSWER_SIZE_MAX ((size_t)64 << 20)

struct listing {
    struct json_writer json;
    uint64_t only; /* number of the one wanted; 0: all */
};

static bool put_receipt(void *user, const struct erase_receipt *receipt)
{
    struct listing *listing = user;

    if (listing->only == 0 || listing->only == receipt->number)
        receipt_put(&listing->json, receipt);
    return true;
}

static void answer_list(struct api_call *call, uint64_t only)
{
    struct buf out = buf_empty(ERASE_ANSWER_SIZE_MAX);
    struct listing listing = {.only = only};

    jsonw_begin(&listing.json, &out);
    jsonw_object(&listing.json);
    jsonw_key(&listing.json, "erasures");
    jsonw_array(&listing.json);
    store_erasures(call->api->options.store, put_receipt, &listing);
    jsonw_end_array(&listing.json);
    jsonw_end_object(&listing.json);
    reply_json(call->stream, buf_slice(&out));
    buf_release(&out);
}

/* Filter from `query` or `tenant`, exactly one of them. */
static bool make_filter(struct api_call *call, struct buf *out, struct query_problem *problem)
{
    struct slice tenant = http_request_param(call->request, "tenant");

    if ((tenant.len > 0) == (slice_trim(call->params.query).len > 0)) {
        reply_bad_request(problem, "tenant=acme", "either query or tenant must say what to erase");
        return false;
    }
    if (tenant.len == 0)
        return buf_append_slice(out, call->params.query);
    buf_append_text(out, "tenant:=");
    lexer_quote(out, tenant);
    return true;
}

static enum status order(struct api_call *call, struct slice filter, uint64_t *number,
                         struct error *err)
{
    struct slice by = http_request_param(call->request, "by");
    bool whole = call->params.start_ns == 0 && call->params.end_ns == 0;
    char caller[400];
    struct erase_request request = {.filter = filter,
                                    .time_min_ns = whole ? INT64_MIN : call->params.start_ns,
                                    .time_max_ns = whole ? INT64_MAX : call->params.end_ns};

    (void)snprintf(caller, sizeof(caller), "%.*s%s%.*s", SLICE_ARG(slice_first(by, 250)),
                   by.len > 0 ? " at " : "", SLICE_ARG(http_request_peer(call->request)));
    request.by = slice_of(caller);
    return store_erase(call->api->options.store, &request, number, err);
}

static void run_erase(struct api_call *call)
{
    struct query_problem problem = {0};
    struct buf filter = buf_empty((size_t)ERASE_TEXT_SIZE_MAX * 2);
    struct error err = {0};
    uint64_t number = 0;
    enum status status = STATUS_OK;
    bool fine;

    if (http_request_method(call->request) == HTTP_GET) {
        answer_list(call, 0);
        return;
    }
    fine = api_params_take_json(call->request, &problem) &&
           api_params_read(call->request, call->endpoint->extra_params, io_wall_ns(io_system()), 1,
                           &call->params, &problem) &&
           make_filter(call, &filter, &problem);
    if (fine)
        status = order(call, buf_slice(&filter), &number, &err);
    if (fine && status != STATUS_OK) {
        problem.code = status == STATUS_INVALID || status == STATUS_TOO_LARGE ? "bad_request"
                                                                               : "storage";
        (void)snprintf(problem.message, sizeof(problem.message), "%.250s", err.message);
    }
    if (fine && status == STATUS_OK)
        answer_list(call, number);
    else
        reply_problem(call->stream, &problem);
    buf_release(&filter);
}

static const char *const erase_params[] = {"tenant", "by", NULL};

const struct api_endpoint api_erase_endpoint = {
    .path = "/dendro/v1/erase",
    .run = run_erase,
    .extra_params = erase_params,
    .defaults_to_json = true,
    .orders_by_post = true,
};
