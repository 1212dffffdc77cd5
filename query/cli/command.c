/* query/cli/command.c -- the table of commands, common options and the user's client.yaml. */
#include "query/cli/command.h"

#include "base/config.h"
#include "base/io.h"
#include "base/units.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#ifndef DENDRO_VERSION
#define DENDRO_VERSION "unknown"
#endif
#ifndef DENDRO_BUILD
#define DENDRO_BUILD "unknown"
#endif

enum { COMMAND_ARENA_SIZE_MAX = 64 << 20 };

#define SERVER_DEFAULT "http://127.0.0.1:7600"

static const struct command *const commands[] = {
    &grep_command,   &query_command,   &tail_command,   &fields_command,
    &patterns_command,
    &status_command, &explain_command, &verify_command, &config_command, &erase_command,
    &store_command,
};

/* ---- common options ---- */

static const char *const partial_names[] = {"allow", "refuse", NULL};

static const struct option common_rows[] = {
    {.type = OPTION_GROUP, .help = "Where and when"},
    {.name = "server",
     .type = OPTION_TEXT,
     .offset = offsetof(struct client_options, server),
     .value_name = "URL",
     .help = "ask this collector (default " SERVER_DEFAULT ")"},
    {.name = "geo",
     .type = OPTION_TEXT,
     .offset = offsetof(struct client_options, geo),
     .value_name = "LIST",
     .help = "ask these geos, such as in,us"},
    {.name = "token_file",
     .type = OPTION_TEXT,
     .offset = offsetof(struct client_options, token_file),
     .value_name = "FILE",
     .help = "send the token in FILE"},
    {.name = "tz",
     .type = OPTION_TEXT,
     .offset = offsetof(struct client_options, tz),
     .value_name = "ZONE",
     .help = "time zone of times without one (default UTC)"},
    {.name = "since",
     .type = OPTION_TEXT,
     .flags = OPTION_CLI_ONLY,
     .offset = offsetof(struct client_options, since),
     .value_name = "TIME",
     .help = "from TIME on: 2026-03-02T14:00, or 1h for an hour ago"},
    {.name = "until",
     .type = OPTION_TEXT,
     .flags = OPTION_CLI_ONLY,
     .offset = offsetof(struct client_options, until),
     .value_name = "TIME",
     .help = "before TIME"},
    {.name = "last",
     .type = OPTION_TEXT,
     .flags = OPTION_CLI_ONLY,
     .offset = offsetof(struct client_options, last),
     .value_name = "DURATION",
     .help = "the last 30m, 2h, 7d"},
    {.name = "partial",
     .type = OPTION_ENUM,
     .flags = OPTION_CLI_ONLY,
     .names = partial_names,
     .offset = offsetof(struct client_options, partial),
     .value_name = "allow|refuse",
     .help = "refuse: no answer rather than an incomplete one"},
};

static const struct option_table common_table = OPTION_TABLE_OF(common_rows, struct client_options);

/* $XDG_CONFIG_HOME/dendro/client.yaml, else ~/.config/dendro/client.yaml; it may be absent. */
static enum status load_client_file(struct client_options *out, struct arena *arena,
                                    struct error *err)
{
    const char *base = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    char path[4096];
    int length;
    enum status status;

    if (base != NULL && base[0] == '/')
        length = snprintf(path, sizeof(path), "%s/dendro/client.yaml", base);
    else if (home != NULL && home[0] == '/')
        length = snprintf(path, sizeof(path), "%s/.config/dendro/client.yaml", home);
    else
        return STATUS_OK;
    if (length < 0 || (size_t)length >= sizeof(path))
        return STATUS_OK;
    status = config_load(io_system(), path, &common_table, out, arena, err);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/* ---- reading a command line ---- */

static enum status check_range(const struct client_options *client, struct error *err)
{
    int64_t length_ns;
    enum status status = STATUS_OK;

    if (client->last == NULL)
        return STATUS_OK;
    if (client->since != NULL)
        return error_set(err, STATUS_INVALID, "--last and --since both say where to begin");
    status = duration_parse(slice_of(client->last), &length_ns, err);
    if (status != STATUS_OK)
        error_context(err, "--last");
    return status;
}

static enum status parse(const struct command_line *line, const struct option_table *table,
                         struct cli_words words, struct cli_target *target, struct error *err)
{
    const struct cli cli = {.program = line->program,
                            .usage = line->usage,
                            .summary = line->summary,
                            .footer = line->footer,
                            .version = DENDRO_VERSION,
                            .table = table,
                            .argument_count_min = line->argument_count_min,
                            .argument_count_max = line->argument_count_max};
    struct client_options *client = target->settings;
    const char *server = NULL;
    enum status status = option_presets(table, client, target->arena, err);

    if (status == STATUS_OK && !line->offline) {
        status = load_client_file(client, target->arena, err);
        server = client->server;
    }
    if (status == STATUS_OK)
        status = cli_parse(&cli, words, target, err);
    if (status == STATUS_OK) {
        client->server_named = client->server != server;
        if (client->server == NULL)
            client->server = SERVER_DEFAULT;
        status = check_range(client, err);
    }
    return status;
}

/* The options of the command, then those that all have. */
static enum status read_line(const struct command_line *line, struct cli_words words,
                             struct cli_target *target, struct error *err)
{
    struct option rows[OPTION_ROWS_MAX];
    struct option_table table = {rows, line->row_count, line->settings_size};

    memcpy(rows, line->rows, line->row_count * sizeof(rows[0]));
    for (size_t i = 0; i < COUNT_OF(common_rows); i++) {
        struct option row = common_rows[i];

        row.flags |= line->offline ? OPTION_HIDDEN : 0u;
        if (!line->offline || row.type != OPTION_GROUP)
            rows[table.count++] = row;
    }
    target->settings = arena_alloc(target->arena, line->settings_size, _Alignof(max_align_t), 1);
    if (target->settings == NULL ||
        (line->rewrite != NULL && !line->rewrite(line, &words, target->arena)))
        return error_set(err, STATUS_NO_MEMORY, "no memory for the command line");
    return parse(line, &table, words, target, err);
}

void command_say(const char *format, ...)
{
    va_list arguments;

    (void)fflush(stdout);
    (void)fputs("dendro: ", stderr);
    va_start(arguments, format);
    (void)vfprintf(stderr, format, arguments);
    va_end(arguments);
    (void)fputc('\n', stderr);
}

/* ---- the program ---- */

static int run_command(const struct command *command, struct cli_words words)
{
    struct arena arena = arena_empty(COMMAND_ARENA_SIZE_MAX);
    struct cli_target target = {.arena = &arena};
    struct error err = {0};
    enum status status = read_line(command->line, words, &target, &err);
    int exit_code = DENDRO_FOUND;

    if (status == STATUS_OK) {
        exit_code = command->run(&target);
    } else if (status != STATUS_END) { /* END: help was printed */
        command_say("%s", err.message);
        exit_code = DENDRO_ERROR;
    }
    arena_release(&arena);
    return exit_code;
}

static void print_help(void)
{
    (void)printf("Usage: dendro COMMAND [OPTIONS]\n"
                 "Search, query and watch the logs and metrics that a collector keeps.\n\n");
    for (size_t i = 0; i < COUNT_OF(commands); i++)
        (void)printf("  %-9s %s\n", commands[i]->name, commands[i]->summary);
    (void)printf("\n`dendro COMMAND --help` shows the options of a command. Defaults of --server,\n"
                 "--geo, --token-file and --tz are read from ~/.config/dendro/client.yaml.\n"
                 "Exit status: 0 fine or found, 1 grep found nothing, 2 usage or error,\n"
                 "3 partial answer.\n");
}

static int unknown_command(const char *name)
{
    const char *names[COUNT_OF(commands)];
    const char *near;

    for (size_t i = 0; i < COUNT_OF(commands); i++)
        names[i] = commands[i]->name;
    near = suggest(slice_of(name), names, COUNT_OF(names));
    command_say("unknown command \"%.60s\"%s%s%s (see dendro --help)", name,
                near == NULL ? "" : "; did you mean \"", near == NULL ? "" : near,
                near == NULL ? "" : "\"?");
    return DENDRO_ERROR;
}

int dendro_main(int argc, char **argv)
{
    /* A closed pipe is met where we write, so that the connection ends first. */
    (void)signal(SIGPIPE, SIG_IGN);
    if (argc < 2) {
        command_say("which command? (see dendro --help)");
        return DENDRO_ERROR;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        print_help();
        return DENDRO_FOUND;
    }
    if (strcmp(argv[1], "--version") == 0) {
        (void)printf("dendro %s\nbuild: %s\n", DENDRO_VERSION, DENDRO_BUILD);
        return DENDRO_FOUND;
    }
    for (size_t i = 0; i < COUNT_OF(commands); i++)
        if (strcmp(argv[1], commands[i]->name) == 0)
            return run_command(commands[i], (struct cli_words){argc - 1, argv + 1});
    return unknown_command(argv[1]);
}
