/* query/cli/terminal.c -- escaping for terminals; GREP_COLORS. */
#include "query/cli/terminal.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { WIDTH_DEFAULT = 80, WIDTH_MAX = 10000 };

unsigned terminal_width(int fd)
{
    const char *columns = getenv("COLUMNS");
    struct winsize size;
    uint64_t width;

    if (!isatty(fd))
        return 0;
    if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    if (columns != NULL && slice_to_u64(slice_of(columns), &width) && width > 0 &&
        width <= WIDTH_MAX)
        return (unsigned)width;
    return WIDTH_DEFAULT;
}

/* ---- characters ---- */

/* Length of the UTF-8 character at the front, RFC 3629; 0: not one. */
static size_t utf8_length(struct slice text, uint32_t *out)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char first = (unsigned char)text.data[0];
    size_t len = first < 0x80       ? 1
                 : first >> 5 == 6  ? 2
                 : first >> 4 == 14 ? 3
                 : first >> 3 == 30 ? 4
                                    : 0;

    if (len == 0 || len > text.len)
        return 0;
    *out = len == 1 ? first : first & (0x7fu >> len);
    for (size_t i = 1; i < len; i++) {
        if (((unsigned char)text.data[i] & 0xc0) != 0x80)
            return 0;
        *out = *out << 6 | ((unsigned char)text.data[i] & 0x3f);
    }
    return *out < smallest[len] || *out > 0x10ffff || (*out >= 0xd800 && *out <= 0xdfff) ? 0 : len;
}

/* C0 and C1 controls; marks that reorder text (Unicode TR 9) or are not seen at all. */
static bool is_harmful(uint32_t c)
{
    return (c < 0x20 && c != '\n' && c != '\t') || (c >= 0x7f && c < 0xa0) || c == 0x61c ||
           (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
           (c >= 0x2060 && c <= 0x2069) || c == 0xfeff || (c >= 0xe0000 && c <= 0xe007f);
}

void terminal_escape(struct buf *out, struct slice text)
{
    for (size_t at = 0; at < text.len;) {
        uint32_t c = 0;
        size_t len = utf8_length(slice_from(text, at), &c);
        bool bad = len == 0 || is_harmful(c);

        len = len == 0 ? 1 : len;
        for (size_t i = 0; i < len; i++)
            if (bad)
                buf_printf(out, "\\x%02x", (unsigned char)text.data[at + i]);
            else
                buf_append_byte(out, text.data[at + i]);
        at += len;
    }
}

/* Rough, and enough to align columns: combining marks, and the blocks of East Asian wide signs. */
static size_t columns_of(uint32_t c)
{
    if ((c >= 0x300 && c <= 0x36f) || (c >= 0x200b && c <= 0x200f) || (c >= 0xfe00 && c <= 0xfe0f))
        return 0;
    return (c >= 0x1100 && c <= 0x115f) || (c >= 0x2e80 && c <= 0xa4cf) ||
                   (c >= 0xac00 && c <= 0xd7a3) || (c >= 0xf900 && c <= 0xfaff) ||
                   (c >= 0xfe30 && c <= 0xfe6f) || (c >= 0xff00 && c <= 0xff60) ||
                   (c >= 0x1f300 && c <= 0x1faff) || (c >= 0x20000 && c <= 0x3fffd)
               ? 2
               : 1;
}

size_t terminal_columns(struct slice text)
{
    size_t columns = 0;

    for (size_t at = 0; at < text.len;) {
        uint32_t c = 'x';
        size_t len = utf8_length(slice_from(text, at), &c);

        columns += columns_of(c);
        at += len == 0 ? 1 : len;
    }
    return columns;
}

/* ---- colours ---- */

const char *const color_mode_names[] = {"auto", "always", "never", NULL};

/* Digits and semicolons only: anything else could drive the terminal. */
static bool is_sgr(struct slice value)
{
    for (size_t i = 0; i < value.len; i++)
        if (value.data[i] != ';' && (value.data[i] < '0' || value.data[i] > '9'))
            return false;
    return true;
}

/* GREP_COLORS="ms=01;31:mt=..." */
static void read_grep_colors(struct colors *colors, struct slice rest)
{
    struct slice item;

    while (rest.len > 0) {
        if (!slice_cut(&rest, ':', &item)) {
            item = rest;
            rest = slice_from(rest, rest.len);
        }
        if ((slice_starts(item, SLICE_LITERAL("ms=")) ||
             slice_starts(item, SLICE_LITERAL("mt="))) &&
            item.len - 3 < sizeof(colors->match) && is_sgr(slice_from(item, 3)))
            (void)snprintf(colors->match, sizeof(colors->match), "%.*s",
                           SLICE_ARG(slice_from(item, 3)));
    }
}

void colors_init(struct colors *colors, enum color_mode mode)
{
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
    const char *grep_colors = getenv("GREP_COLORS");

    *colors = (struct colors){.match = "01;31"}; /* bold red, as grep */
    colors->on = mode == COLOR_ALWAYS || (mode == COLOR_AUTO && isatty(STDOUT_FILENO) &&
                                          (no_color == NULL || no_color[0] == '\0') &&
                                          term != NULL && strcmp(term, "dumb") != 0);
    if (grep_colors != NULL)
        read_grep_colors(colors, slice_of(grep_colors));
}
