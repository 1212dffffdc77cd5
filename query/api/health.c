/* query/api/health.c -- does the process work, does it take data; what a browser is told at "/". */
#include "query/api/api_private.h"
#include "store/store.h"

#include <stdio.h>

static void answer_text(struct http_request *request, unsigned status, const char *text)
{
    http_respond(request, &(struct http_answer){
                              .status = status, .type = "text/plain", .body = slice_of(text)});
}

/* There is no page for people yet: where the answers are. */
void api_serve_root(void *user, struct http_request *request)
{
    static const char paths[] =
        "\n"
        "  /dendro/v1/status                              node, store, sources, shippers\n"
        "  /dendro/v1/query?query=level:>=error&limit=20  rows of a query\n"
        "  /dendro/v1/fields                              which fields there are\n"
        "  /dendro/v1/patterns                            which kinds of lines\n"
        "  /dendro/v1/tail?query=*                        rows as they arrive\n"
        "  /ready  /health  /metrics                      for machines\n"
        "\n"
        "The same on the command line: dendro status, dendro grep, dendro query (dendro --help).\n"
        "All paths and parameters are in docs/api.md, the language is in docs/query.md.\n";
    struct api *api = user;
    char text[sizeof(paths) + 256];

    (void)snprintf(text, sizeof(text), "Dendro %.40s on %.80s, geo %.80s\n%s",
                   api->options.version, api->options.node, api->options.geo, paths);
    answer_text(request, 200, text);
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
