/* query/cli/terminal.h -- what is different when a person looks: width, colours, and bytes that
 * would drive the terminal.
 * Thread safety: one thread. */
#ifndef DENDRO_QUERY_CLI_TERMINAL_H
#define DENDRO_QUERY_CLI_TERMINAL_H

#include "base/buf.h"

#include <stdbool.h>

/* Columns of the terminal on `fd`, or of $COLUMNS; 0: not a terminal. */
unsigned terminal_width(int fd);

/* Append `text` with control, ESC and bidirectional characters, and bytes that are not UTF-8, as
 * \x..; newlines and tabs stay. Log text must not be able to move the cursor, hide itself or
 * change a title. */
void terminal_escape(struct buf *out, struct slice text);

/* Columns that `text` takes: characters, where the wide ones of Asia take two, marks none. */
size_t terminal_columns(struct slice text);

enum color_mode { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };
extern const char *const color_mode_names[];

struct colors {
    bool on;
    char match[40]; /* SGR parameters of a match: "01;31" */
};

/* For standard output. NO_COLOR and TERM=dumb switch `auto` off; GREP_COLORS sets mt, ms. */
void colors_init(struct colors *colors, enum color_mode mode);

#endif
