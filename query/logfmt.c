/* query/logfmt.c -- when a text of logfmt needs quotes. */
#include "query/logfmt.h"

#include "base/json_writer.h"

/* Printable ASCII that neither ends nor changes the value. */
static bool is_bare(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];

        if (c <= ' ' || c >= 0x7f || c == '"' || c == '=' || c == '\\')
            return false;
    }
    return text.len > 0;
}

void logfmt_append(struct buf *out, struct slice text)
{
    if (is_bare(text)) {
        (void)buf_append_slice(out, text);
        return;
    }
    (void)buf_append_byte(out, '"');
    jsonw_escape(out, text);
    (void)buf_append_byte(out, '"');
}
