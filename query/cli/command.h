/* query/cli/command.h -- the commands of `dendro`: one table, one way to read their options.
 * Thread safety: one command per process. */
#ifndef DENDRO_QUERY_CLI_COMMAND_H
#define DENDRO_QUERY_CLI_COMMAND_H

#include "base/cli.h"
#include "query/cli/exit_code.h"

struct command_line;

struct command {
    const char *name;
    const char *summary; /* one line of `dendro --help` */
    const struct command_line *line;
    /* `call` is what was typed: settings, which begin with struct client_options, arguments, and an
     * arena that lives as long as the command. Gives the exit code. */
    int (*run)(struct cli_target *call);
};

extern const struct command grep_command, query_command, tail_command, fields_command,
    patterns_command, explain_command, status_command, verify_command, config_command,
    erase_command, store_command;

/* The whole program: find the command, run it. Gives the exit code. */
int dendro_main(int argc, char **argv);

/* What all commands that ask a server have; the first member of their settings. From the flags, or
 * else from ~/.config/dendro/client.yaml. */
struct client_options {
    const char *server;     /* URL; never NULL in a call */
    const char *geo;        /* "in,us"; NULL: that of the server */
    const char *token_file; /* NULL: no token */
    const char *tz;         /* IANA name; NULL: UTC */
    const char *since, *until, *last;
    int partial;       /* index: allow, refuse */
    bool server_named; /* --server was on the command line */
};

enum { PARTIAL_ALLOW, PARTIAL_REFUSE };

struct command_line {
    const char *program; /* "dendro grep" */
    const char *usage, *summary, *footer;
    const struct option *rows; /* of the command itself */
    size_t row_count;
    size_t settings_size; /* begins with struct client_options */
    size_t argument_count_min, argument_count_max;
    bool offline; /* asks no server: common options are taken, so that an alias serves all commands, but
                     not shown, and client.yaml is not read */
    /* Says what the rows cannot with words that they can read. May be NULL. False: no memory. */
    bool (*rewrite)(const struct command_line *line, struct cli_words *words, struct arena *arena);
};

/* "dendro: " and a sentence on stderr. */
void command_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
