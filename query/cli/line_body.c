/* query/cli/line_body.c -- pieces of a line, in turn plain and matched. */
#include "query/cli/line_body.h"

enum { ESCAPED_SIZE_MAX = 1 << 30 };

static bool put_text(const struct line_body *body, struct slice text)
{
    struct buf shown = buf_empty(ESCAPED_SIZE_MAX);
    bool more;

    if (!body->escape)
        return sink_put(body->sink, text);
    terminal_escape(&shown, text);
    more = sink_put(body->sink, buf_slice(&shown));
    buf_release(&shown);
    return more;
}

bool line_body_put_match(const struct line_body *body, struct slice text)
{
    if (!body->colors.on)
        return put_text(body, text);
    return sink_put(body->sink, SLICE_LITERAL("\033[")) &&
           sink_put(body->sink, slice_of(body->colors.match)) &&
           sink_put(body->sink, SLICE_LITERAL("m\033[K")) && put_text(body, text) &&
           sink_put(body->sink, SLICE_LITERAL("\033[m\033[K"));
}

bool line_body_put(const struct line_body *body, struct slice text, bool highlight)
{
    size_t at = 0;
    bool more = true;
    struct regex_span span;

    if (!body->colors.on || !highlight || body->matcher == NULL)
        return put_text(body, text);
    for (size_t from = 0; more && matcher_find(body->matcher, text, from, &span);) {
        if (span.end == span.start) { /* nothing to colour */
            from = span.end + 1;
            continue;
        }
        more = put_text(body, slice_sub(text, at, span.start - at)) &&
               line_body_put_match(body, slice_sub(text, span.start, span.end - span.start));
        at = from = span.end;
    }
    return more && put_text(body, slice_from(text, at));
}

bool line_body_put_matches(const struct line_body *body, struct slice name, struct slice line,
                           struct slice end)
{
    struct regex_span span;
    bool more = true;

    for (size_t from = 0; more && matcher_find(body->matcher, line, from, &span);) {
        from = span.end > span.start ? span.end : span.end + 1;
        if (span.end > span.start)
            more = put_text(body, name) &&
                   line_body_put_match(body, slice_sub(line, span.start, span.end - span.start)) &&
                   sink_put(body->sink, end);
    }
    return more;
}
