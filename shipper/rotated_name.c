/* shipper/rotated_name.c -- takes a number or a date out of a name, as logrotate(8), log4j, and
 * Python's logging put it in: behind the name, or before its extension; with or without .gz. */
#include "shipper/rotated_name.h"

#include "base/slice.h"

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

static bool is_separator(char byte)
{
    return byte == '.' || byte == '-' || byte == '_';
}

/* Bytes of the mark that `text` begins with, such as ".1" or "-2026-09-22_10"; 0: none. */
static size_t mark_len(struct slice text)
{
    size_t len = 0;

    if (text.len < 2 || !is_separator(text.data[0]))
        return 0;
    if (slice_is(text, ".old"))
        return text.len;
    for (size_t i = 1; i < text.len; i++) {
        char byte = text.data[i];

        if (is_digit(byte))
            len = i + 1;
        else if (len == 0 || (!is_separator(byte) && byte != ':' && byte != 'T'))
            break;
    }
    return len;
}

bool rotated_name_before(const char *path, size_t *at, char before[GLOB_SIZE_MAX])
{
    struct slice whole = slice_of(path);
    size_t slash = slice_find_last_byte(whole, '/');
    size_t first = slash == SIZE_MAX ? 1 : slash + 2; /* at least one byte of the name stays */

    if (slice_ends(whole, SLICE_LITERAL(".gz")))
        whole.len -= 3;
    for (size_t i = *at > first ? *at : first; i < whole.len; i++) {
        size_t mark = mark_len(slice_from(whole, i));
        struct slice rest = slice_from(whole, i + mark);

        if (mark == 0 || (rest.len > 0 && rest.data[0] != '.'))
            continue;
        memcpy(before, whole.data, i);
        memcpy(before + i, rest.data, rest.len);
        before[i + rest.len] = '\0';
        *at = i + 1;
        return true;
    }
    return false;
}
