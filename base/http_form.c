/* base/http_form.c -- percent escapes, forms, Accept-Encoding, Host.
 * Sources: RFC 3986 section 2.1; URL standard, application/x-www-form-urlencoded parsing; RFC 9110
 * sections 8.3 and 12.5.3. */
#include "base/http_form.h"

#include "base/buf.h"
#include "base/http_client.h"

#include <arpa/inet.h>

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

enum status http_percent_decode(struct slice text, bool form, struct arena *arena,
                                struct slice *out, struct error *err)
{
    char *bytes = arena_new(arena, char, text.len + 1);
    size_t len = 0;

    if (bytes == NULL)
        return error_set(err, STATUS_NO_MEMORY, "no memory for a request");
    for (size_t at = 0; at < text.len; at++) {
        char c = text.data[at];

        if (c == '%') {
            int high = at + 2 < text.len ? hex_value(text.data[at + 1]) : -1;
            int low = at + 2 < text.len ? hex_value(text.data[at + 2]) : -1;

            if (high < 0 || low < 0)
                return error_set(err, STATUS_INVALID,
                                 "byte %zu: '%%' must be followed by two hex digits", at);
            c = (char)(high << 4 | low);
            at += 2;
        } else if (c == '+' && form) {
            c = ' ';
        }
        bytes[len++] = c;
    }
    *out = slice_make(bytes, len);
    return STATUS_OK;
}

bool http_params_add(struct http_params *params, struct arena *arena, struct slice name,
                     struct slice value)
{
    if (params->items == NULL)
        params->items = arena_new(arena, struct http_param, HTTP_PARAMS_MAX);
    if (params->items == NULL || params->count == HTTP_PARAMS_MAX)
        return false;
    params->items[params->count++] = (struct http_param){name, value};
    return true;
}

enum status http_form_decode(struct slice text, struct arena *arena, struct http_params *params,
                             struct error *err)
{
    struct slice rest = text, pair;

    while (rest.len > 0) {
        struct slice name, value;
        enum status status;

        if (!slice_cut(&rest, '&', &pair)) {
            pair = rest;
            rest = slice_from(rest, rest.len);
        }
        value = pair;
        if (!slice_cut(&value, '=', &name)) {
            name = pair;
            value = slice_from(pair, pair.len);
        }
        if (name.len == 0)
            continue;
        status = http_percent_decode(name, true, arena, &name, err);
        if (status == STATUS_OK)
            status = http_percent_decode(value, true, arena, &value, err);
        if (status != STATUS_OK) {
            error_context(err, "parameter %zu", params->count + 1);
            return status;
        }
        if (!http_params_add(params, arena, name, value))
            return error_set(err, STATUS_TOO_LARGE, "more than %d parameters", HTTP_PARAMS_MAX);
    }
    return STATUS_OK;
}

bool http_form_append(struct buf *out, const char *name, struct slice value)
{
    static const char hex[] = "0123456789ABCDEF";

    if (out->len > 0 && out->data[out->len - 1] != '?')
        buf_append_byte(out, '&');
    buf_append_text(out, name);
    buf_append_byte(out, '=');
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.data[i];
        bool plain = (unsigned char)((c | 0x20) - 'a') < 26 || (unsigned char)(c - '0') < 10 ||
                     c == '-' || c == '.' || c == '_' || c == '~';

        if (plain)
            buf_append_byte(out, (char)c);
        else
            buf_append(out, (const char[3]){'%', hex[c >> 4], hex[c & 15]}, 3);
    }
    return !out->failed;
}

/* ---- Accept-Encoding ---- */

/* "q=0", "q=0.000": refused. Any other weight accepts; we rank by our own taste. */
static bool weight_is_zero(struct slice parameters)
{
    struct slice weight = slice_trim(parameters);
    double value;

    if (weight.len < 2 || (weight.data[0] | 0x20) != 'q' || weight.data[1] != '=')
        return false;
    return slice_to_double(slice_trim(slice_from(weight, 2)), &value) && value <= 0;
}

enum http_coding http_coding_accepted(struct slice accept_encoding)
{
    static const struct {
        const char *name;
        enum http_coding coding;
    } codings[] = {
        {"gzip", HTTP_GZIP},
        {"x-gzip", HTTP_GZIP},
        {"zstd", HTTP_ZSTD},
    };
    enum http_coding best = HTTP_IDENTITY;
    struct slice rest = accept_encoding, item, name;

    while (rest.len > 0) {
        if (!slice_cut(&rest, ',', &item)) {
            item = rest;
            rest = slice_from(rest, rest.len);
        }
        if (!slice_cut(&item, ';', &name)) {
            name = item;
            item = slice_from(item, item.len);
        }
        name = slice_trim(name);
        for (size_t i = 0; i < COUNT_OF(codings); i++)
            if (slice_equal_fold(name, slice_of(codings[i].name)) && !weight_is_zero(item) &&
                codings[i].coding > best)
                best = codings[i].coding;
    }
    return best;
}

/* ---- media types and hosts ---- */

bool http_type_is(struct slice content_type, const char *type)
{
    struct slice name, rest = content_type;

    if (!slice_cut(&rest, ';', &name))
        name = content_type;
    return slice_equal_fold(slice_trim(name), slice_of(type));
}

struct slice http_host_name(struct slice host)
{
    size_t end;

    if (host.len > 0 && host.data[0] == '[') {
        end = slice_find_byte(host, ']');
        return end == SIZE_MAX ? host : slice_first(host, end + 1);
    }
    end = slice_find_last_byte(host, ':');
    return end == SIZE_MAX ? host : slice_first(host, end);
}

bool http_host_is_loopback(struct slice host)
{
    struct slice name = http_host_name(host);
    char text[16];
    struct in_addr address;

    if (slice_equal_fold(name, SLICE_LITERAL("localhost")) || slice_is(name, "[::1]"))
        return true;
    if (name.len == 0 || name.len >= sizeof(text))
        return false;
    memcpy(text, name.data, name.len);
    text[name.len] = '\0';
    return inet_pton(AF_INET, text, &address) == 1 && ntohl(address.s_addr) >> 24 == 127;
}
