/* query/cli/sink.h -- standard output, gathered into big writes.
 * Thread safety: one thread. */
#ifndef DENDRO_QUERY_CLI_SINK_H
#define DENDRO_QUERY_CLI_SINK_H

#include "base/slice.h"

#include <stdbool.h>

struct sink {
    char *data;
    size_t len;
    bool line_buffered; /* a person or a follower waits for each line */
    bool closed;        /* the reader is gone (EPIPE): what comes is dropped */
    bool failed;        /* any other error: it has been reported */
    bool is_terminal;
};

enum { SINK_SIZE = 128 * 1024 };

/* For standard output. False: no memory, reported. */
bool sink_init(struct sink *sink);
/* False: closed or failed, stop working. */
bool sink_put(struct sink *sink, struct slice text);
bool sink_flush(struct sink *sink);
/* Flush and free. A closed sink ends the process as SIGPIPE does; gives false on other errors. */
bool sink_finish(struct sink *sink);

#endif
