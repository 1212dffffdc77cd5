/* base/http_client.h -- one request at a time over libcurl, for the command line.
 *
 * http_client_prepare() builds the transfer and http_client_finish() reads its outcome, so that a
 * libuv multi client (federation, webhooks) can drive the same requests later; http_client_run()
 * is both with a blocking transfer between.
 * No redirects are followed, and only http and https are spoken. Proxy variables of the
 * environment are ignored: log text must not take a detour.
 * Thread safety: one thread at a time per client. */
#ifndef DENDRO_BASE_HTTP_CLIENT_H
#define DENDRO_BASE_HTTP_CLIENT_H

#include "base/error.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_client;

/* Called per piece of the body, and only for answers with status 2xx; the body of others goes into
 * reply.error_body. False stops the transfer: http_client_run() then answers CANCELLED. */
typedef bool http_client_body(void *user, struct slice piece);

struct http_client_request {
    const char *url;            /* whole, encoded */
    const char *method;         /* NULL: GET, or POST with a body */
    const char *content_type;   /* of the body; NULL: application/x-www-form-urlencoded */
    struct slice body;          /* borrowed until the end; data NULL: none */
    const char *bearer_token;   /* NULL: none */
    const char *const *headers; /* further "Name: value" lines */
    size_t header_count;
    http_client_body *on_body; /* NULL: the body is dropped */
    void *user;
    uint32_t connect_timeout_ms; /* 0: 5,000 */
    uint32_t total_timeout_ms;   /* 0: none: a live tail has no end */
    uint32_t stall_timeout_s;    /* 0: none; else give up after so long below 1 byte/s */
};

enum { HTTP_CLIENT_ERROR_BODY_SIZE_MAX = 16 * 1024 };

struct http_client_reply {
    unsigned status;
    char content_type[128];
    char error_body[HTTP_CLIENT_ERROR_BODY_SIZE_MAX + 1]; /* of answers other than 2xx; cut */
    size_t error_body_size;
    uint64_t body_size; /* bytes handed to on_body */
};

enum status http_client_new(struct http_client **out, struct error *err) WARN_UNUSED;
void http_client_free(struct http_client *client); /* NULL does nothing */

/* OK for every complete HTTP answer: look at reply->status. Errors: IO (not reachable, broken off:
 * the sentence says what to do), INVALID (URL), CANCELLED (on_body said so), NO_MEMORY. */
enum status http_client_run(struct http_client *client, const struct http_client_request *request,
                            struct http_client_reply *reply, struct error *err) WARN_UNUSED;

/* For an event loop: the CURL easy handle, ready to be added to a multi handle. `request` and
 * `reply` must stay until http_client_finish() with the CURLcode of the transfer. */
enum status http_client_prepare(struct http_client *client,
                                const struct http_client_request *request,
                                struct http_client_reply *reply, void **curl_easy,
                                struct error *err) WARN_UNUSED;
enum status http_client_finish(struct http_client *client, int curl_code,
                               struct error *err) WARN_UNUSED;

struct buf;
/* Append `name=value` in form encoding, with '&' in front unless `out` is empty or ends in '?'. */
bool http_form_append(struct buf *out, const char *name, struct slice value);

#endif
