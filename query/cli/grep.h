/* query/cli/grep.h -- the settings of `dendro grep`, and its two modes.
 * Thread safety: one thread. */
#ifndef DENDRO_QUERY_CLI_GREP_H
#define DENDRO_QUERY_CLI_GREP_H

#include "query/cli/command.h"
#include "query/cli/grep_pattern.h"

struct grep_settings {
    struct client_options client; /* must stay the first */
    bool basic, extended, fixed, perl;
    struct text_list patterns, pattern_files;
    bool fold_case, invert, words, whole_line;
    bool count, list, list_without, only_matching, quiet, no_messages, text;
    bool byte_offset, line_number, null_data, recursive;
    bool with_name, no_name; /* both: -h wins */
    const char *max_count_text, *after_text, *before_text, *context_text, *tail_text;
    int64_t max_count, after, before, context, tail; /* -1: not given */
    int color;
    struct text_list roles, hosts, sources, tenants, formats, levels;
    const char *where, *across, *by;
    bool time, follow;
};

/* Rewrite what an option table cannot say: -5 as -C 5, a bare --color as --color=auto. The result
 * is in the arena. False: no memory. */
bool grep_args(const struct command_line *line, struct cli_words *words, struct arena *arena);

/* Search what the collector keeps. Gives the exit code. */
int grep_server(const struct grep_settings *settings, const struct grep_pattern *pattern);
/* Search files; "-" is standard input; none: standard input, or with -r the current directory. */
int grep_local(const struct grep_settings *settings, const struct grep_pattern *pattern,
               const struct text_list *files);

/* Append the query that server mode asks: selector, pattern, --where. */
bool grep_query(const struct grep_settings *settings, const struct grep_pattern *pattern,
                struct buf *out);
/* The selector alone, or "*". */
bool grep_selector(const struct grep_settings *settings, struct buf *out);

#endif
