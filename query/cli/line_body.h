/* query/cli/line_body.h -- the text of a line on standard output: matches in colour, nothing that
 * drives the terminal.
 * Thread safety: one thread. */
#ifndef DENDRO_QUERY_CLI_LINE_BODY_H
#define DENDRO_QUERY_CLI_LINE_BODY_H

#include "query/cli/matcher.h"
#include "query/cli/sink.h"
#include "query/cli/terminal.h"

struct line_body {
    struct sink *sink;
    const struct matcher *matcher; /* may be NULL without colours */
    struct colors colors;
    bool escape; /* standard output is a terminal */
};

/* Is there more to do than to pass the bytes on? */
static inline bool line_body_is_plain(const struct line_body *body)
{
    return !body->colors.on && !body->escape;
}

/* `highlight`: colour the matches in it. False: the sink is closed. */
bool line_body_put(const struct line_body *body, struct slice text, bool highlight);
/* -o: each match in `line` that is not empty, with `name` in front and `end` behind. */
bool line_body_put_matches(const struct line_body *body, struct slice name, struct slice line,
                           struct slice end);
/* `text` is a match itself. */
bool line_body_put_match(const struct line_body *body, struct slice text);

#endif
