/* shipper/line_splitter.h -- find the lines in a piece of a file.
 *
 * The bytes are not changed and not copied: a line is a range of the piece. A trailing CR stays a
 * part of the line, invalid UTF-8 stays as it is. A run of NUL_RUN_MIN or more NULs (a hole left
 * by a truncation, or preallocated space) becomes one range of its own kind.
 * Thread safety: pure functions. */
#ifndef DENDRO_SHIPPER_LINE_SPLITTER_H
#define DENDRO_SHIPPER_LINE_SPLITTER_H

#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

enum split_flags {
    SPLIT_CUT = 1,     /* more than `line_max` bytes: `len` is line_max, the rest is skipped */
    SPLIT_NUL_RUN = 2, /* a run of NULs; `len` is 0 */
    SPLIT_PARTIAL = 4, /* no newline at its end: a NUL run follows */
    SPLIT_CONT = 8,    /* goes on after a NUL run inside its line */
};

struct split_line {
    uint32_t start;      /* first byte, in the piece */
    uint32_t len;        /* bytes to keep, without the newline */
    uint32_t source_len; /* bytes of the source it stands for, newline included */
    uint32_t flags;      /* enum split_flags */
};

struct split_limits {
    uint32_t line_max;  /* bytes kept of one line */
    uint32_t count_max; /* room in `lines` */
    uint32_t keep_max;  /* stop before the kept bytes pass this sum; the first line always fits */
    bool at_end;        /* the piece ends where the file ends now */
    bool after_nuls;    /* a NUL run was cut at the beginning of the piece: it may go on */
};

struct split_result {
    uint32_t count; /* lines found */
    uint32_t used;  /* bytes of the piece they stand for; what follows has no end yet, or no room */
    uint32_t kept;  /* sum of `len` */
};

/* Lines of `piece` (at most UINT32_MAX bytes) in order, without gaps between them. NULs at the
 * end of the file are not used: they may be space that the writer has only reserved. */
struct split_result line_split(struct slice piece, const struct split_limits *limits,
                               struct split_line *lines);

/* Length of the piece without the NULs at its end. */
size_t line_without_nuls(struct slice piece);

#endif
