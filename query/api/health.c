/* query/api/health.c -- does the process work, does it take data, which geos are there. */
#include "query/api/api_private.h"
#include "store/store.h"

#include <stdio.h>

static void answer_text(struct http_request *request, unsigned status, const char *text)
{
    http_respond(request, &(struct http_answer){
                              .status = status, .type = "text/plain", .body = slice_of(text)});
}

void api_serve_health(void *user, struct http_request *request)
{
    (void)user;
    answer_text(request, 200, "ok\n");
}

void api_serve_ready(void *user, struct http_request *request)
{
    struct api *api = user;
    struct error err = {0};
    bool ready = store_ready(api->options.store, &err);
    char text[sizeof(err.message) + 16];

    for (size_t i = 0; ready && i < api->ready.count; i++)
        ready = api->ready.items[i].call.ready(api->ready.items[i].user, &err);
    (void)snprintf(text, sizeof(text), "%s\n", ready ? "ready" : err.message);
    answer_text(request, ready ? 200 : 503, text);
}
