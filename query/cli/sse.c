/* query/cli/sse.c -- "field: value" lines; an empty one ends an event. */
#include "query/cli/sse.h"

static bool end_event(struct sse *sse)
{
    bool more = true;

    if (sse->data.len > 0)
        more = sse->event(sse->user, buf_slice(&sse->name), buf_slice(&sse->data));
    buf_reset(&sse->name);
    buf_reset(&sse->data);
    return more;
}

static void set(struct buf *buf, struct slice value)
{
    buf_reset(buf);
    buf_append_slice(buf, value);
}

static bool take_line(struct sse *sse, struct slice line)
{
    struct slice field, value = line;

    if (line.len > 0 && line.data[line.len - 1] == '\r')
        value = line = slice_first(line, line.len - 1);
    if (line.len == 0)
        return end_event(sse);
    if (!slice_cut(&value, ':', &field)) {
        field = line;
        value = slice_from(line, line.len);
    }
    if (value.len > 0 && value.data[0] == ' ')
        value = slice_from(value, 1);
    if (slice_is(field, "event")) {
        set(&sse->name, value);
    } else if (slice_is(field, "id")) {
        set(&sse->id, value);
    } else if (slice_is(field, "data")) {
        if (sse->data.len > 0)
            buf_append_byte(&sse->data, '\n');
        buf_append_slice(&sse->data, value);
    }
    sse->failed |= sse->data.failed || sse->name.failed || sse->id.failed;
    return !sse->failed;
}

bool sse_feed(struct sse *sse, struct slice piece)
{
    struct slice part;

    while (slice_cut(&piece, '\n', &part)) {
        bool more;

        buf_append_slice(&sse->line, part);
        sse->failed |= sse->line.failed;
        more = !sse->failed && take_line(sse, buf_slice(&sse->line));
        buf_reset(&sse->line);
        if (!more)
            return false;
    }
    sse->failed |= !buf_append_slice(&sse->line, piece);
    return !sse->failed;
}

void sse_restart(struct sse *sse)
{
    buf_reset(&sse->line);
    buf_reset(&sse->name);
    buf_reset(&sse->data);
}

void sse_release(struct sse *sse)
{
    buf_release(&sse->line);
    buf_release(&sse->name);
    buf_release(&sse->data);
    buf_release(&sse->id);
}
