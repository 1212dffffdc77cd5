/* query/cli/query.h -- ask a query and print its answer, for commands that are one.
 * Thread safety: one thread. */
#ifndef DENDRO_QUERY_CLI_QUERY_H
#define DENDRO_QUERY_CLI_QUERY_H

#include "base/buf.h"
#include "query/cli/command.h"

enum { QUERY_PIPED_SIZE_MAX = 1 << 20 /* far above what the server takes: it has the last word */ };

extern const char *const query_output_names[]; /* of --output; the first is `auto` */

struct query_settings {
    struct client_options client; /* must stay the first */
    int output;
    const char *limit;
    const char *order;
    bool strict;
};

/* Ask the query that was typed, or for all rows if none was, with `pipe` behind it. Gives the exit
 * code. */
int query_answer_piped(const struct query_settings *settings, const struct cli_target *call,
                       const struct buf *pipe);

#endif
