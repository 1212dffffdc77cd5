/* collector/derive_text.c -- put together, fold, decode: in a buffer of fixed size. */
#include "collector/derive_text.h"

void text_put(struct text_builder *out, struct slice text)
{
    if (text.len > sizeof(out->bytes) - out->len) {
        out->full = true;
        return;
    }
    if (text.len == 1) /* the * of an id */
        out->bytes[out->len] = text.data[0];
    else if (text.len > 1)
        memcpy(out->bytes + out->len, text.data, text.len);
    out->len += text.len;
}

void text_expand(struct text_builder *out, struct slice template, const struct url_match *match)
{
    while (template.len > 0) {
        size_t dollar = slice_find_byte(template, '$');
        unsigned group;

        text_put(out, slice_first(template, dollar));
        if (dollar == SIZE_MAX || dollar + 1 == template.len) {
            if (dollar != SIZE_MAX)
                text_put(out, SLICE_LITERAL("$"));
            return;
        }
        group = (unsigned)((unsigned char)template.data[dollar + 1] - '0');
        if (group <= 9) {
            text_put(out, match->groups[group]);
            template = slice_from(template, dollar + 2);
        } else {
            text_put(out, SLICE_LITERAL("$"));
            template = slice_from(template, dollar + 1);
        }
    }
}

void text_fold(struct text_builder *out)
{
    for (size_t i = 0; i < out->len; i++)
        if ((unsigned char)(out->bytes[i] - 'A') <= 25)
            out->bytes[i] |= 0x20;
}

bool text_is_folded(struct slice text)
{
    static const bool changes[256] = {
        ['%'] = true, ['A'] = true, ['B'] = true, ['C'] = true, ['D'] = true, ['E'] = true,
        ['F'] = true, ['G'] = true, ['H'] = true, ['I'] = true, ['J'] = true, ['K'] = true,
        ['L'] = true, ['M'] = true, ['N'] = true, ['O'] = true, ['P'] = true, ['Q'] = true,
        ['R'] = true, ['S'] = true, ['T'] = true, ['U'] = true, ['V'] = true, ['W'] = true,
        ['X'] = true, ['Y'] = true, ['Z'] = true,
    };

    for (size_t i = 0; i < text.len; i++)
        if (changes[(unsigned char)text.data[i]])
            return false;
    return true;
}

static int hex_value(char c)
{
    if ((unsigned char)(c - '0') <= 9)
        return c - '0';
    c |= 0x20;
    return (unsigned char)(c - 'a') <= 5 ? c - 'a' + 10 : -1;
}

/* In place. */
void text_decode_percent(struct text_builder *out)
{
    size_t len = 0;

    for (size_t i = 0; i < out->len; i++) {
        int high = -1;
        int low = -1;

        if (out->bytes[i] == '%' && i + 2 < out->len) {
            high = hex_value(out->bytes[i + 1]);
            low = hex_value(out->bytes[i + 2]);
        }
        if (high >= 0 && low >= 0 && high * 16 + low >= 0x20) {
            out->bytes[len++] = (char)(high * 16 + low);
            i += 2;
        } else {
            out->bytes[len++] = out->bytes[i];
        }
    }
    out->len = len;
}
