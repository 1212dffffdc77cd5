/* collector/formats/stamp.c -- base/time_stamp.h with the settings of the source. */
#include "collector/formats/stamp.h"

#include "collector/formats/scan.h"

enum { LOCAL_LEN = sizeof("2026-04-02 09:20:11") - 1 };

bool stamp_take(const struct format_context *context, stamp_parser *parser, struct slice *rest,
                int64_t *out)
{
    struct stamp stamp;
    size_t len = parser(*rest, &stamp);

    if (len == 0)
        return false;
    *out = stamp_resolve(&stamp, context->zone, context->receive_ns);
    *rest = slice_from(*rest, len);
    return true;
}

bool stamp_take_local(const struct format_context *context, struct slice *rest, int64_t *out)
{
    struct slice stamp = *rest;
    size_t len = LOCAL_LEN;

    if (len < stamp.len && (stamp.data[len] == ',' || stamp.data[len] == '.'))
        len += 1 + count_digits(slice_from(stamp, len + 1));
    stamp = slice_first(stamp, len);
    if (!stamp_take(context, stamp_parse_iso, &stamp, out))
        return false;
    *rest = slice_from(*rest, len - stamp.len);
    return true;
}

bool stamp_shaped(struct slice text, const char *pattern)
{
    for (size_t i = 0; pattern[i] != '\0'; i++) {
        if (i == text.len)
            return false;
        if (pattern[i] == '0' ? !is_digit(text.data[i])
                              : pattern[i] != '#' && pattern[i] != text.data[i])
            return false;
    }
    return true;
}
