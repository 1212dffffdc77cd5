/* query/cli/grep_scan.h -- one file through the matcher: which lines are selected, and what is
 * printed of them, as GNU grep does.
 * Thread safety: one thread per scanner. */
#ifndef DENDRO_QUERY_CLI_GREP_SCAN_H
#define DENDRO_QUERY_CLI_GREP_SCAN_H

#include "query/cli/grep.h"
#include "query/cli/input.h"
#include "query/cli/line_body.h"

enum {
    SCAN_READ_SIZE = 256 * 1024,    /* stays in the second-level cache */
    SCAN_BUFFER_SIZE_MAX = 1 << 30, /* of one line and the context before it */
};

/* A scanner keeps its buffer from file to file. */
struct grep_scan {
    /* for all files */
    const struct grep_settings *settings;
    const struct matcher *matcher;
    const struct line_body *body;
    char end;            /* of lines: newline, or NUL with -z */
    bool silent;         /* -c -l -L -q: lines are not printed */
    bool stops_at_first; /* -l -L -q */
    bool with_name;
    bool printed; /* something, in any file: a group needs its "--" */
    char *data;   /* the buffer, and how much of it is allocated */
    size_t capacity;
    /* for the file at hand */
    const char *name;
    size_t len;           /* bytes in the buffer */
    size_t at;            /* lines before this have been decided about */
    size_t shown;         /* lines before this have been printed */
    uint64_t base_offset; /* of data[0] in the file */
    uint64_t line_number; /* of the line at `numbered` */
    size_t numbered;
    size_t match_start, match_stop; /* -v: the next line that matches, if match_stop > `at` */
    bool match_known;
    uint64_t selected;   /* lines so far */
    uint64_t after_left; /* context lines still to print */
    bool file_printed;   /* something of this file */
    bool gap;            /* lines behind the last printed one have left the buffer */
    bool binary;         /* a NUL was seen, without -a and -z */
    uint64_t selected_before_nul;
    bool done;   /* enough of this file */
    bool closed; /* nobody reads standard output */
};

/* Scan one file: `selected` is the answer. Errors: IO, INVALID (a damaged packed file; the lines
 * in front of the damage have been printed), TOO_LARGE (a line), NO_MEMORY. */
enum status grep_scan_file(struct grep_scan *scan, struct input *input, const char *name,
                           struct error *err) WARN_UNUSED;
void grep_scan_release(struct grep_scan *scan);

#endif
