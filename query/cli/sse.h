/* query/cli/sse.h -- server-sent events out of the pieces of an answer (WHATWG HTML, 9.2).
 * Thread safety: one thread per reader. */
#ifndef DENDRO_QUERY_CLI_SSE_H
#define DENDRO_QUERY_CLI_SSE_H

#include "base/buf.h"

struct sse {                                                         /* start with sse_empty() */
    bool (*event)(void *user, struct slice name, struct slice data); /* false: enough */
    void *user;
    struct buf line, name, data, id;
    bool failed; /* a line or event is too large */
};

enum { SSE_DATA_SIZE_MAX = 512 << 20, SSE_ID_SIZE_MAX = 190 };

static inline struct sse sse_empty(bool (*event)(void *, struct slice, struct slice), void *user)
{
    return (struct sse){.event = event,
                        .user = user,
                        .line = buf_empty(SSE_DATA_SIZE_MAX),
                        .name = buf_empty(256),
                        .data = buf_empty(SSE_DATA_SIZE_MAX),
                        .id = buf_empty(SSE_ID_SIZE_MAX)};
}

/* False: enough, or `failed`. `id` then holds that of the last event that had one. */
bool sse_feed(struct sse *sse, struct slice piece);
/* A new connection: what was left of the last one is dropped, the id is kept. */
void sse_restart(struct sse *sse);
void sse_release(struct sse *sse);

#endif
