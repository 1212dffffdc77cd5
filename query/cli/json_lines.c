/* query/cli/json_lines.c -- a line that lies in one piece is parsed where it is. */
#include "query/cli/json_lines.h"

static bool take_line(struct json_lines *lines, struct slice text)
{
    json_t *object;
    bool more;

    if (slice_trim(text).len == 0)
        return true;
    object = json_loadb(text.data, text.len, JSON_ALLOW_NUL, NULL);
    if (!json_is_object(object)) {
        json_decref(object);
        lines->corrupt = true;
        return false;
    }
    more = lines->line(lines->user, object);
    json_decref(object);
    return more;
}

bool json_lines_feed(struct json_lines *lines, struct slice piece)
{
    struct slice part;

    while (slice_cut(&piece, '\n', &part)) {
        bool more;

        if (lines->text.len == 0) {
            more = take_line(lines, part);
        } else {
            lines->corrupt = !buf_append_slice(&lines->text, part);
            more = !lines->corrupt && take_line(lines, buf_slice(&lines->text));
            buf_reset(&lines->text);
        }
        if (!more)
            return false;
    }
    if (!buf_append_slice(&lines->text, piece))
        lines->corrupt = true;
    return !lines->corrupt;
}

void json_lines_release(struct json_lines *lines)
{
    buf_release(&lines->text);
}
