/* query/api/snapshot.c -- POST /dendro/v1/snapshot: a copy of the store, into its own folder
 * snapshots/NAME. A caller names no paths. */
#include "query/api/api_private.h"
#include "query/api/reply.h"
#include "store/backup.h"
#include "store/store.h"

#include <stdio.h>

enum { NAME_LEN_MAX = 64, SNAPSHOT_ANSWER_SIZE_MAX = 4096 };

static bool take_name(struct api_call *call, struct slice *out, struct query_problem *problem)
{
    struct slice name = http_request_param(call->request, "name");
    bool fine = name.len > 0 && name.len <= NAME_LEN_MAX && name.data[0] != '.';

    for (size_t i = 0; i < name.len && fine; i++)
        fine = strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-",
                      name.data[i]) != NULL &&
               name.data[i] != '\0';
    if (!fine)
        reply_bad_request(problem, "name=daily-1",
                          "parameter name: up to %d letters, digits, '.', '_' and '-'",
                          NAME_LEN_MAX);
    *out = name;
    return fine;
}

static void answer(struct api_call *call, const char *dir, const struct store_snapshot *taken)
{
    const struct json_number numbers[] = {
        {"sequence", taken->sequence},
        {"segments", taken->segments},
        {"bytes", taken->bytes},
        {"copied_bytes", taken->copied_bytes},
    };
    struct buf out = buf_empty(SNAPSHOT_ANSWER_SIZE_MAX);
    struct json_writer json;

    jsonw_begin(&json, &out);
    jsonw_object(&json);
    jsonw_key(&json, "directory");
    jsonw_string(&json, dir);
    jsonw_numbers(&json, numbers, COUNT_OF(numbers));
    jsonw_end_object(&json);
    reply_json(call->stream, buf_slice(&out));
    buf_release(&out);
}

static void run_snapshot(struct api_call *call)
{
    struct query_problem problem = {0};
    struct store_snapshot taken;
    struct slice name;
    struct error err = {0};
    char dir[1024];
    enum status status;

    if (http_request_method(call->request) != HTTP_POST) {
        reply_bad_request(&problem, NULL, "a snapshot is ordered by POST");
        reply_problem(call->stream, &problem);
        return;
    }
    if (!api_params_take_json(call->request, &problem) || !take_name(call, &name, &problem)) {
        reply_problem(call->stream, &problem);
        return;
    }
    (void)snprintf(dir, sizeof(dir), "%s/snapshots/%.*s", store_path(call->api->options.store),
                   SLICE_ARG(name));
    status = store_snapshot(call->api->options.store, dir, &taken, &err);
    if (status == STATUS_OK) {
        answer(call, dir, &taken);
        return;
    }
    problem.code = status == STATUS_INVALID ? "bad_request" : "storage";
    (void)snprintf(problem.message, sizeof(problem.message), "%.250s", err.message);
    reply_problem(call->stream, &problem);
}

const struct api_endpoint api_snapshot_endpoint = {
    .path = "/dendro/v1/snapshot",
    .run = run_snapshot,
    .defaults_to_json = true,
    .orders_by_post = true,
};
