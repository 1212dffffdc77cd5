/* query/cli/grep_pattern.h -- what grep searches for: the patterns of -e, -f and the command line,
 * as one PCRE2 pattern, and as plain texts where they are that.
 * Thread safety: constant after grep_pattern_make(). */
#ifndef DENDRO_QUERY_CLI_GREP_PATTERN_H
#define DENDRO_QUERY_CLI_GREP_PATTERN_H

#include "base/arena.h"
#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

enum grep_syntax { GREP_BASIC, GREP_EXTENDED, GREP_PERL, GREP_FIXED };

struct grep_pattern_options {
    enum grep_syntax syntax;
    bool fold_case;  /* -i */
    bool words;      /* -w */
    bool whole_line; /* -x */
    bool nul_ends;   /* -z: a record may hold newlines */
};

struct grep_pattern {
    struct grep_pattern_options options;
    bool matches_none;         /* no pattern at all: an empty -f file */
    bool matches_all;          /* one is empty, without -w and -x */
    const struct slice *texts; /* all patterns are plain texts: these; else NULL */
    size_t text_count;
    struct slice regex;   /* without (?i); with -w, -x built in. "" if matches_none */
    struct slice choices; /* the regex without what -w and -x put around it */
    bool has_choice;      /* the regex has alternatives: leftmost is not yet longest */
};

enum { GREP_PATTERNS_MAX = 100000, GREP_PATTERN_SIZE_MAX = 16 << 20 };

/* `lists` are pattern lists: each is split at its newlines, as POSIX says. All in the arena.
 * Errors: INVALID (a pattern), TOO_LARGE, NO_MEMORY. */
enum status grep_pattern_make(const struct grep_pattern_options *options, const struct slice *lists,
                              size_t count, struct arena *arena, struct grep_pattern *out,
                              struct error *err) WARN_UNUSED;

/* A byte of a word, for -w: as in the query language, letters beyond ASCII are. */
static inline bool grep_is_word(char c)
{
    unsigned char u = (unsigned char)c;

    return u >= 0x80 || (unsigned char)((u | 0x20) - 'a') < 26 || (unsigned char)(u - '0') < 10 ||
           u == '_';
}

/* Append the filter of the query language that holds for the same lines. */
bool grep_pattern_filter(const struct grep_pattern *pattern, struct buf *out);

#endif
