/* query/cli/live.h -- follow a live tail (docs/api.md, `tail`): resume by itself after a
 * break, and say what was missed.
 * Thread safety: one thread. */
#ifndef DENDRO_QUERY_CLI_LIVE_H
#define DENDRO_QUERY_CLI_LIVE_H

#include "query/cli/columns.h"
#include "query/cli/command.h"

struct live {
    const struct client_options *client;
    struct slice query;
    bool own_text;       /* the query is the user's: errors point into it */
    struct slice fields; /* "" for all */
    const char *from;    /* an instant, or NULL for now */
    struct slice cursor; /* "", or of an answer behind which it goes on; instead of `from` */
    bool (*rows)(void *user, const struct columns *columns); /* false: enough */
    void *user;
};

/* Until `rows` has had enough (DENDRO_FOUND) or it cannot go on (DENDRO_ERROR, reported). */
int live_run(const struct live *live);

#endif
