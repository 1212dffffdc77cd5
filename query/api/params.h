/* query/api/params.h -- the parameters that all query endpoints share, from the query string, a
 * form, or a JSON object.
 * Thread safety: the holder of the request's stream. */
#ifndef DENDRO_QUERY_API_PARAMS_H
#define DENDRO_QUERY_API_PARAMS_H

#include "base/http_server.h"
#include "base/zone.h"
#include "query/api/output.h"
#include "query/query.h"

struct api_params {
    struct slice query, fields, geos; /* of the request; "" if absent */
    int64_t start_ns, end_ns;         /* both 0: all that is retained */
    int64_t now_ns;
    struct slice tz;
    struct zone *zone; /* of tz; NULL: UTC */
    uint64_t limit;
    enum query_order order;
    const struct output_format *format; /* NULL: not asked for */
    int64_t timeout_ns;                 /* 0: not asked for */
    bool no_timeout;                    /* asked for 0 */
    bool ids, refuse_partial, explain, strict;
};

/* Make parameters of the members of a JSON body (texts, numbers, booleans, lists of texts). */
bool api_params_take_json(struct http_request *request, struct query_problem *problem);
/* Read them all; `extra` (NULL-terminated, or NULL) names what the endpoint reads itself, anything
 * else is an error that suggests the nearest name. `now_ns` is the wall clock; with only one end of
 * the range given the other is `now_ns`, or `oldest_ns`. False: `problem` is filled. */
bool api_params_read(const struct http_request *request, const char *const *extra, int64_t now_ns,
                     int64_t oldest_ns, struct api_params *out, struct query_problem *problem);
void api_params_release(struct api_params *params);

/* One parameter of an endpoint's own. `out` keeps its value if the parameter is absent. */
bool api_param_u64(const struct http_request *request, const char *name, uint64_t max,
                   uint64_t *out, struct query_problem *problem);
bool api_param_duration(const struct http_request *request, const char *name, int64_t *out_ns,
                        struct query_problem *problem);
bool api_param_bool(const struct http_request *request, const char *name, bool *out,
                    struct query_problem *problem);
/* Append "a, b" as quoted names; false: none. */
bool api_quote_list(struct buf *out, struct slice list);

#endif
