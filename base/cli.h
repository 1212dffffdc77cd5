/* base/cli.h -- read a command line through an option table, and print --help from it.
 * Flags: --name VALUE, --name=VALUE, -n VALUE, -nVALUE, -abc for three switches, --no-name for a
 * switch, "--" ends the flags, "-" is an argument. --help and --version are always there.
 * Convention of all our programs: exit code 2 for a bad command line (CLI_EXIT_USAGE).
 * Thread safety: functions touch only their arguments. */
#ifndef DENDRO_BASE_CLI_H
#define DENDRO_BASE_CLI_H

#include "base/io.h"
#include "base/option.h"

enum { CLI_EXIT_OK = 0, CLI_EXIT_ERROR = 1, CLI_EXIT_USAGE = 2 };

struct cli {
    const char *program; /* "dendro-collector", "dendro grep" */
    const char *usage;   /* what follows the program's name: "[OPTIONS] DIRECTORY" */
    const char *summary; /* whole sentences */
    const char *footer;  /* whole lines behind the options: exit status, examples; may be NULL */
    const char *version;
    const struct option_table *table;
    size_t argument_count_min, argument_count_max; /* what is no flag */
};

/* What main() is given: items[0] is the program. */
struct cli_words {
    int count;
    char **items;
};

/* Where what is read goes. */
struct cli_target {
    void *settings;             /* the struct of the table, with its defaults or a file's values */
    struct arena *arena;        /* of texts and lists */
    struct text_list arguments; /* result: what is no flag, borrowed from the words */
};

/* Read the words behind the first. A list that is given on the command line replaces the one that
 * was there.
 * Gives  OK
 *        END      --help or --version was asked for, and printed on stdout: exit 0
 *        INVALID  a bad command line; the sentence ends with a hint to --help: exit 2
 *        NO_MEMORY */
enum status cli_parse(const struct cli *cli, struct cli_words words, struct cli_target *target,
                      struct error *err) WARN_UNUSED;

/* Defaults, then the file that --config names, then the flags, which win over the file. A file that
 * is only the default of --config may be absent. Gives what cli_parse() gives, or what config_load()
 * does. The table needs a row "config" of OPTION_TEXT with OPTION_CLI_ONLY. */
enum status cli_parse_with_config(const struct cli *cli, struct io *io, struct cli_words words,
                                  struct cli_target *target, struct error *err) WARN_UNUSED;

/* The text of --help. */
enum status cli_help(const struct cli *cli, struct buf *out, struct error *err) WARN_UNUSED;

#endif
