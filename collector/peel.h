/* collector/peel.h -- what stands around a line before any format sees it: a
 * byte order mark, a carriage return, terminal colours, and the wrappers of container runtimes:
 *   docker    {"log":"text\n","stream":"stdout","time":"2026-04-02T09:20:11.123456789Z"}
 *   CRI       2026-04-02T09:20:11.123456789Z stdout F text     (P: the next line goes on with this
 * one) compose   web-1  | text The stored bytes stay as they came. A format sees the text; pieces
 * say where that text stands in the bytes, so that the fields found in it become spans of the
 * bytes. Thread safety: pure functions, but for the arena. */
#ifndef DENDRO_COLLECTOR_PEEL_H
#define DENDRO_COLLECTOR_PEEL_H

#include "base/arena.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

enum { PEEL_PIECES_MAX = 256 }; /* of one line; the text behind the last one stands nowhere */

/* [text_offset, + len) of the text is [line_offset, + len) of the line. */
struct peel_piece {
    uint32_t text_offset, line_offset, len;
};

struct peeled {
    struct slice text; /* a part of the line, or decoded into the arena */
    struct slice time; /* the wrapper's time stamp; empty without one */
    bool partial;      /* CRI P: the text goes on in the next line, without a newline */
    uint32_t piece_count;
    const struct peel_piece *pieces; /* in order; in the arena, or &piece */
    struct peel_piece piece;         /* the usual case: the text is one part of the line */
};

/* `out` must stay where it is: `pieces` may point into it. When the arena is full the line stays
 * wrapped. */
void peel_line(struct slice line, struct arena *arena, struct peeled *out);

#endif
