/* query/api/reply.h -- errors as docs/api.md says, and whole JSON answers.
 * Thread safety: the holder of the stream; api_refuse() on the loop thread. */
#ifndef DENDRO_QUERY_API_REPLY_H
#define DENDRO_QUERY_API_REPLY_H

#include "base/buf.h"
#include "base/http_server.h"
#include "query/query.h"

/* Answer with the problem; where the client is gone nothing happens. */
void reply_problem(struct http_stream *stream, const struct query_problem *problem);
void reply_json(struct http_stream *stream, struct slice json);
/* "bad_request", with the parameter's name as the hint's subject. */
void reply_bad_request(struct query_problem *problem, const char *hint, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* From the loop thread: too many at once. */
void reply_too_many(struct http_request *request, const char *message);

#endif
