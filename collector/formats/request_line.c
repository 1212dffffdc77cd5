/* collector/formats/request_line.c -- split `METHOD target PROTO` from both ends, because only the
 * target can hold anything. */
#include "collector/formats/request_line.h"

#include "collector/formats/scan.h"

enum { METHOD_LEN_MAX = 24 }; /* the longest registered one, UPDATEREDIRECTREF, has 17 */

size_t request_method_len(struct slice text)
{
    size_t len = 0;

    if (starts_with(text, "GET "))
        return 3;
    if (starts_with(text, "POST ")) /* nearly all */
        return 4;
    while (len < text.len && len < METHOD_LEN_MAX && is_upper(text.data[len]))
        len++;
    return len < text.len && text.data[len] == ' ' ? len : 0;
}

/* `HTTP/1.1`, or the beginning of it where the line was cut. */
static bool is_protocol(struct slice text)
{
    static const char protocol[] = "HTTP/";
    size_t len = text.len < 5 ? text.len : 5;

    if (len == 0 || memcmp(text.data, protocol, len) != 0)
        return false;
    return text.len <= 5 || is_digit(text.data[5]);
}

/* The target without the protocol: cut at the last ` HTTP/`. */
static struct slice without_protocol(struct slice text)
{
    static const size_t len = sizeof(" HTTP/1.1") - 1;
    struct slice at;
    size_t blank;

    if (text.len > len && text.data[text.len - 1] != ' ' && text.data[text.len - 2] != ' ' &&
        memcmp(text.data + text.len - len, " HTTP/", 6) == 0 && is_digit(text.data[text.len - 3]))
        return slice_first(text, text.len - len); /* nearly always */
    blank = slice_find_last_byte(text, ' ');
    if (blank == SIZE_MAX)
        return text;
    if (is_protocol(slice_from(text, blank + 1)))
        return slice_first(text, blank);
    for (; blank != SIZE_MAX; blank = slice_find_last_byte(at, ' ')) {
        if (starts_with(slice_from(text, blank), " HTTP/"))
            return slice_first(text, blank);
        at = slice_first(text, blank);
    }
    return text;
}

void request_target_split(struct slice target, struct slice *path, struct slice *params)
{
    struct slice rest = target;
    size_t query;

    *params = (struct slice){NULL, 0};
    if (rest.len > 0 && rest.data[0] != '/' &&
        (take_literal(&rest, "http://") || take_literal(&rest, "https://") ||
         take_literal(&rest, "uwsgi://") || take_literal(&rest, "fastcgi://"))) {
        size_t slash = find_byte(rest, '/');
        size_t mark = find_byte(rest, '?');

        rest = slice_from(rest, slash < mark ? slash : mark);
    }
    query = find_byte(rest, '?');
    *path = slice_first(rest, query);
    if (query != SIZE_MAX)
        *params = slice_from(rest, query + 1);
}

void request_line_split(struct slice text, struct request_line *out)
{
    size_t method_len = request_method_len(text);

    *out = (struct request_line){.method = slice_first(text, method_len)};
    if (method_len == 0)
        return;
    request_target_split(without_protocol(slice_from(text, method_len + 1)), &out->path,
                         &out->params);
}

void request_line_add(const struct format_context *context, struct slice event, struct slice text,
                      struct parsed_event *out)
{
    struct request_line line;

    request_line_split(text, &line);
    if (line.method.len == 0)
        return;
    add_text(out, FIELD_ID_METHOD, event, line.method);
    add_text(out, FIELD_ID_PATH, event, line.path);
    add_text(out, context->extra[EXTRA_PARAMS], event, line.params);
    out->derive_from = DERIVE_PATH;
}
