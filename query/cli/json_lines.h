/* query/cli/json_lines.h -- lines of JSON out of the pieces of an answer (ndjson, columns).
 * Thread safety: one thread per reader. */
#ifndef DENDRO_QUERY_CLI_JSON_LINES_H
#define DENDRO_QUERY_CLI_JSON_LINES_H

#include "base/buf.h"

#include <jansson.h>

struct json_lines {                                 /* start with json_lines_empty() */
    bool (*line)(void *user, const json_t *object); /* false: enough */
    void *user;
    struct buf text; /* of a line that has not ended */
    bool corrupt;
};

enum { JSON_LINE_SIZE_MAX = 512 << 20 }; /* a row of the longest event, escaped */

static inline struct json_lines json_lines_empty(bool (*line)(void *, const json_t *), void *user)
{
    return (struct json_lines){.line = line, .user = user, .text = buf_empty(JSON_LINE_SIZE_MAX)};
}

/* False: enough, or (`corrupt`) a line is no JSON object. */
bool json_lines_feed(struct json_lines *lines, struct slice piece);
void json_lines_release(struct json_lines *lines);

#endif
