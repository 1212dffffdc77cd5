/* shipper/glob.c -- wildcards without recursion in a component: on a mismatch only the last star
 * is retried, so the cost is at most pattern x name. Our own instead of fnmatch(3), which needs
 * NUL-terminated text and depends on the locale. */
#include "shipper/glob.h"

#include <stdint.h>

struct slice glob_component(struct slice *rest)
{
    struct slice head;

    while (rest->len > 0 && rest->data[0] == '/')
        *rest = slice_from(*rest, 1);
    if (!slice_cut(rest, '/', &head)) {
        head = *rest;
        *rest = slice_from(*rest, rest->len);
    }
    return head;
}

bool glob_is_literal(struct slice component)
{
    for (size_t i = 0; i < component.len; i++)
        if (strchr("*?[", component.data[i]) != NULL)
            return false;
    return true;
}

bool glob_is_any_depth(struct slice component)
{
    return slice_is(component, "**");
}

/* Length of the set that begins at pattern[0] == '[' (0: it has no end, so '[' is a plain byte),
 * and whether `byte` is in it. */
static size_t match_set(struct slice pattern, unsigned char byte, bool *in)
{
    size_t at = 1;
    bool negate = at < pattern.len && (pattern.data[at] == '!' || pattern.data[at] == '^');
    bool found = false;

    at += negate;
    for (size_t first = at; at < pattern.len && (pattern.data[at] != ']' || at == first); at++) {
        unsigned char low = (unsigned char)pattern.data[at], high = low;

        if (at + 2 < pattern.len && pattern.data[at + 1] == '-' && pattern.data[at + 2] != ']') {
            high = (unsigned char)pattern.data[at + 2];
            at += 2;
        }
        found = found || (low <= byte && byte <= high);
    }
    *in = found != negate;
    return at < pattern.len ? at + 1 : 0;
}

/* Bytes of the pattern that match one byte of the name; 0: they do not. */
static size_t match_one(struct slice pattern, unsigned char byte)
{
    bool in = false;
    size_t len;

    if (pattern.len == 0)
        return 0;
    if (pattern.data[0] == '?')
        return 1;
    if (pattern.data[0] == '[') {
        len = match_set(pattern, byte, &in);
        if (len > 0)
            return in ? len : 0;
    }
    return (unsigned char)pattern.data[0] == byte;
}

bool glob_match_component(struct slice pattern, struct slice name)
{
    size_t at = 0, star = SIZE_MAX, retry = 0, i = 0;

    if (name.len > 0 && name.data[0] == '.' && (pattern.len == 0 || pattern.data[0] != '.'))
        return false;
    while (i < name.len) {
        size_t step = 0;

        if (at < pattern.len && pattern.data[at] == '*') {
            star = ++at;
            retry = i;
            continue;
        }
        step = match_one(slice_from(pattern, at), (unsigned char)name.data[i]);
        if (step > 0) {
            at += step;
            i++;
        } else if (star != SIZE_MAX) {
            at = star;
            i = ++retry;
        } else {
            return false;
        }
    }
    while (at < pattern.len && pattern.data[at] == '*')
        at++;
    return at == pattern.len;
}

/* As within a component: only the last ** is retried. */
bool glob_match_path(struct slice pattern, struct slice path)
{
    struct slice star = {NULL, 0}, retry = {NULL, 0};

    while (path.len > 0) {
        struct slice rest = pattern, path_rest = path;
        struct slice component = glob_component(&rest);
        struct slice name = glob_component(&path_rest);

        if (glob_is_any_depth(component)) {
            star = pattern = rest;
            retry = path;
        } else if (component.len > 0 && glob_match_component(component, name)) {
            pattern = rest;
            path = path_rest;
        } else if (star.data != NULL) {
            (void)glob_component(&retry);
            pattern = star;
            path = retry;
        } else {
            return false;
        }
    }
    return glob_component(&pattern).len == 0;
}
