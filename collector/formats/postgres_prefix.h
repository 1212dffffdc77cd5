/* collector/formats/postgres_prefix.h -- PostgreSQL's log_line_prefix, compiled to a parser.
 * Source: PostgreSQL manual, "Error Reporting and Logging", the table of escapes.
 * Thread safety: a compiled prefix is constant. */
#ifndef DENDRO_COLLECTOR_FORMATS_POSTGRES_PREFIX_H
#define DENDRO_COLLECTOR_FORMATS_POSTGRES_PREFIX_H

#include "collector/format.h"

enum {
    PREFIX_STEPS_MAX = 48,     /* literals and escapes of one prefix; real ones have under 30 */
    PREFIX_BACKTRACK_MAX = 64, /* tries per line: names may hold what the prefix holds */
};

struct prefix_step {
    char escape;          /* the letter behind %, or 0 for a literal */
    bool padded;          /* %-10u: blanks around the value */
    struct slice literal; /* with escape 0 */
};

struct postgres_prefix {
    struct prefix_step steps[PREFIX_STEPS_MAX];
    uint32_t step_count;
};

/* What the prefix of one line says; empty where it says nothing. */
struct prefix_values {
    int64_t time_ns;
    bool has_time;
    struct slice pid, user, database, app, client, sqlstate, session;
    struct slice severity; /* ERROR, STATEMENT, FEHLER: the word behind the prefix */
    struct slice message;  /* behind `SEVERITY:  `, to the end of the text */
};

/* `text` is borrowed: it must live as long as the prefix.
 * Errors: INVALID (names the byte), TOO_LARGE. */
enum status postgres_prefix_compile(struct slice text, struct postgres_prefix *out,
                                    struct error *err) WARN_UNUSED;
/* The time stamp found while matching, so that further prefixes on the same line need not read it
 * again. Zero for each line. */
struct prefix_memo {
    const char *at; /* where a stamp was looked for; NULL: nowhere yet */
    size_t len;     /* 0: there is none */
    int64_t time_ns;
};

/* The prefix and the severity behind it at the start of `line`. */
bool postgres_prefix_match(const struct postgres_prefix *prefix,
                           const struct format_context *context, struct slice line,
                           struct prefix_memo *memo, struct prefix_values *out);

#endif
