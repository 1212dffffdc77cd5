/* query/cli/request.h -- one request to the collector, and what is wrong with it as a sentence.
 * Thread safety: one thread. */
#ifndef DENDRO_QUERY_CLI_REQUEST_H
#define DENDRO_QUERY_CLI_REQUEST_H

#include "base/buf.h"
#include "base/http_client.h"
#include "query/cli/command.h"

struct request {
    const struct client_options *client;
    const char *path;  /* "/dendro/v1/query" */
    struct buf form;   /* parameters so far */
    struct slice text; /* the user's own query, to point at in errors; "" if we wrote it */
    bool streams;      /* may stand still for as long as it takes: a live tail, a pager */
    bool get;          /* GET, with the parameters in the URL: paths that know no POST */
    http_client_body *on_body;
    void *user;
};

/* With the common parameters: geos, tz, start, end, partial. End with request_release(). */
void request_init(struct request *request, const struct client_options *client, const char *path);
void request_release(struct request *request);
void request_add(struct request *request, const char *name, struct slice value);

/* Send it. OK: a 2xx answer, whose body went to on_body. CANCELLED: on_body had enough. INVALID:
 * refused, and the reason has been reported on stderr. AGAIN: the same, and it may work later (HTTP
 * 429, 5xx). Others: reported too. `*broke_off` (may be
 * NULL) is true if the answer began but did not end. */
enum status request_run(struct request *request, bool *broke_off) WARN_UNUSED;

/* The body of a small answer, whole, behind what is in `out`. */
enum status request_fetch(struct request *request, struct buf *out) WARN_UNUSED;

#endif
