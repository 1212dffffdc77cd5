/* query/cli/request.c -- parameters travel as a form in the body, so that no length limit of a URL
 * applies and no proxy logs what is searched for. */
#include "query/cli/request.h"

#include "base/io.h"
#include "query/cli/problem_report.h"

#include <stdio.h>

enum {
    FORM_SIZE_MAX = 1 << 20,
    TOKEN_SIZE_MAX = 4096,
    URL_SIZE_MAX = FORM_SIZE_MAX + 4096,
    STALL_TIMEOUT_S = 90, /* the server gives up on a query after 60 */
};

void request_init(struct request *request, const struct client_options *client, const char *path)
{
    const struct {
        const char *name, *value;
    } params[] = {
        {"geos", client->geo},
        {"tz", client->tz},
        {"start", client->last != NULL ? client->last : client->since},
        {"end", client->until},
        {"partial", client->partial == PARTIAL_REFUSE ? "refuse" : NULL},
    };

    *request = (struct request){.client = client, .path = path, .form = buf_empty(FORM_SIZE_MAX)};
    for (size_t i = 0; i < COUNT_OF(params); i++)
        if (params[i].value != NULL)
            request_add(request, params[i].name, slice_of(params[i].value));
}

void request_release(struct request *request)
{
    buf_release(&request->form);
}

void request_add(struct request *request, const char *name, struct slice value)
{
    if (!http_form_append(&request->form, name, value))
        request->form.failed = true;
}

/* Compression costs more than it saves on the way to our own host. */
static bool is_loopback(const char *server)
{
    struct slice host = slice_of(server);
    size_t at = slice_find(host, SLICE_LITERAL("://"));

    host = slice_from(host, at == SIZE_MAX ? 0 : at + 3);
    return slice_starts(host, SLICE_LITERAL("127.")) ||
           slice_starts(host, SLICE_LITERAL("localhost")) ||
           slice_starts(host, SLICE_LITERAL("[::1]"));
}

static enum status read_token(const char *path, struct buf *out, struct error *err)
{
    enum status status = io_read_file(io_system(), path, out, err);

    if (status != STATUS_OK)
        error_context(err, "token (--token-file)");
    while (out->len > 0 && (unsigned char)out->data[out->len - 1] <= ' ')
        out->len--;
    buf_append_byte(out, '\0');
    return status == STATUS_OK ? buf_check(out, "the token", err) : status;
}

static enum status make_url(const struct request *request, struct buf *out, struct error *err)
{
    struct slice base = slice_of(request->client->server);

    while (base.len > 0 && base.data[base.len - 1] == '/')
        base.len--;
    if (slice_find(base, SLICE_LITERAL("://")) == SIZE_MAX)
        buf_append_text(out, "http://");
    buf_append_slice(out, base);
    buf_append_text(out, request->path);
    if (request->get && request->form.len > 0) {
        buf_append_byte(out, '?');
        buf_append_slice(out, buf_slice(&request->form));
    }
    buf_append_byte(out, '\0');
    return buf_check(out, "the URL", err);
}

static enum status send(struct request *request, const char *url, const char *token,
                        struct http_client_reply *reply, struct error *err)
{
    const char *const identity = "Accept-Encoding: identity";
    struct http_client_request http = {.url = url,
                                       .method = request->get ? NULL : "POST",
                                       .bearer_token = token,
                                       .headers = &identity,
                                       .header_count = is_loopback(request->client->server),
                                       .on_body = request->on_body,
                                       .user = request->user,
                                       .stall_timeout_s = request->streams ? 0 : STALL_TIMEOUT_S};
    struct http_client *client;
    enum status status;

    if (!request->get) /* an empty body still needs a place */
        http.body = request->form.len > 0 ? buf_slice(&request->form) : SLICE_LITERAL("");
    status = http_client_new(&client, err);
    if (status == STATUS_OK)
        status = http_client_run(client, &http, reply, err);
    http_client_free(client);
    return status;
}

static enum status send_with_token(struct request *request, struct http_client_reply *reply,
                                   struct error *err)
{
    struct buf token = buf_empty(TOKEN_SIZE_MAX), url = buf_empty(URL_SIZE_MAX);
    const char *token_file = request->client->token_file;
    enum status status = buf_check(&request->form, "the request", err);

    if (status == STATUS_OK && token_file != NULL)
        status = read_token(token_file, &token, err);
    if (status == STATUS_OK)
        status = make_url(request, &url, err);
    if (status == STATUS_OK)
        status = send(request, url.data, token_file == NULL ? NULL : token.data, reply, err);
    if (token.data != NULL)
        explicit_bzero(token.data, token.len);
    buf_release(&token);
    buf_release(&url);
    return status;
}

/* Too many at once, or the server (or a proxy before it) is in trouble: it may work later. */
static bool is_passing(unsigned http_status)
{
    return http_status == 429 || http_status / 100 == 5;
}

enum status request_run(struct request *request, bool *broke_off)
{
    struct http_client_reply reply = {0};
    struct error err = {0};
    enum status status = send_with_token(request, &reply, &err);

    if (broke_off != NULL)
        *broke_off = status == STATUS_IO && reply.status / 100 == 2;
    if (status == STATUS_OK && reply.status / 100 != 2) {
        problem_report(request->text, reply.status,
                       slice_make(reply.error_body, reply.error_body_size));
        return is_passing(reply.status) ? STATUS_AGAIN : STATUS_INVALID;
    }
    if (status != STATUS_OK && status != STATUS_CANCELLED)
        command_say("%s", err.message);
    return status;
}

static bool keep_body(void *user, struct slice piece)
{
    return buf_append_slice(user, piece);
}

enum status request_fetch(struct request *request, struct buf *out)
{
    enum status status;

    request->on_body = keep_body;
    request->user = out;
    status = request_run(request, NULL);
    if (status == STATUS_CANCELLED)
        command_say("the answer is larger than %zu MiB", out->size_max >> 20);
    return status;
}
