/* base/zone_nearest.c -- which zone was probably meant: names of tzdata's zone.tab (lines of
 * "FR<tab>+4852+00220<tab>Europe/Paris[<tab>comment]", # begins a comment), nearest by suggest(). */
#include "base/option.h"
#include "base/zone.h"

#define ZONE_TABLE "/usr/share/zoneinfo/zone.tab"

enum {
    TABLE_SIZE_MAX = 256 * 1024, /* 19 KiB today */
    NAMES_MAX = 2048,            /* 418 today */
    COLUMN_OF_NAME = 2,
};

/* Ends the name with a zero byte in place; NULL: the line has none. */
static char *take_name(char *line, char *end)
{
    for (unsigned column = 0; column < COLUMN_OF_NAME; column++) {
        line = memchr(line, '\t', (size_t)(end - line));
        if (line == NULL)
            return NULL;
        line++;
    }
    for (char *at = line; at < end; at++)
        if (*at == '\t')
            end = at;
    *end = '\0';
    return line;
}

static size_t list_names(struct buf *text, const char *names[NAMES_MAX])
{
    char *at = text->data, *end = at + text->len;
    size_t count = 0;

    while (at < end && count < NAMES_MAX) {
        char *line_end = memchr(at, '\n', (size_t)(end - at));
        char *name;

        if (line_end == NULL)
            break;
        name = *at == '#' ? NULL : take_name(at, line_end);
        if (name != NULL)
            names[count++] = name;
        at = line_end + 1;
    }
    return count;
}

enum status zone_nearest(struct io *io, struct slice word, char out[ZONE_NAME_SIZE_MAX],
                         struct error *err)
{
    struct buf text = buf_empty(TABLE_SIZE_MAX);
    const char *names[NAMES_MAX], *near;
    enum status status = io_read_file(io, ZONE_TABLE, &text, err);

    out[0] = '\0';
    if (status == STATUS_OK) {
        near = suggest(word, names, list_names(&text, names));
        if (near != NULL && strlen(near) < ZONE_NAME_SIZE_MAX)
            memcpy(out, near, strlen(near) + 1);
    }
    buf_release(&text);
    return status;
}
