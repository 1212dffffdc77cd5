/* query/cli/config_check.c -- `dendro config check FILE`. The program that a file is for knows its
 * keys, so it is asked: `dendro-collector --config FILE --check`. It is looked for beside our own
 * program, where the build puts it, and on the PATH. */
#include "base/io.h"
#include "query/cli/command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATH_TEXT_MAX = 4096, FILE_SIZE_MAX = 1 << 20 };

struct config_settings {
    struct client_options client; /* not used */
};

static const struct option rows[] = {{.type = OPTION_GROUP, .help = "Options"}};

static const struct command_line line = {
    .program = "dendro config",
    .usage = "check FILE...",
    .summary = "Check settings of a collector or a shipper: the file, line, key, what was expected "
               "and the nearest valid key.",
    .footer = "Exit status: 0 fine, 2 a mistake.\n",
    .rows = rows,
    .row_count = COUNT_OF(rows),
    .offline = true,
    .settings_size = sizeof(struct config_settings),
    .argument_count_min = 2,
    .argument_count_max = 1000,
};

/* ---- whose file is it ---- */

/* Keys at the start of a line that only one of the two programs has; `inner`: in an entry of `sources`,
 * which both have. */
static const struct {
    const char *key, *program;
    bool inner;
} own_keys[] = {
    {"collector:", "shipper", false}, {"source:", "shipper", false},
    {"state:", "shipper", false},     {"host:", "shipper", false},
    {"token:", "shipper", false},     {"host_metrics:", "shipper", false},
    {"role:", "shipper", true},       {"data:", "collector", false},
    {"http:", "collector", false},    {"retention:", "collector", false},
    {"wire:", "collector", false},    {"derive:", "collector", false},
};

/* Without indent and what begins an entry: "  - {role: web" gives "role: web". */
static struct slice first_key(struct slice text)
{
    while (text.len > 0 && (text.data[0] == ' ' || text.data[0] == '-' || text.data[0] == '{'))
        text = slice_from(text, 1);
    return text;
}

static const char *program_by_keys(const char *path)
{
    struct buf text = buf_empty(FILE_SIZE_MAX);
    struct slice rest, one;
    const char *program = NULL;
    struct error err = {0};

    if (io_read_file(io_system(), path, &text, &err) == STATUS_OK)
        buf_append_byte(&text, '\n');
    rest = buf_slice(&text);
    while (program == NULL && slice_cut(&rest, '\n', &one))
        for (size_t i = 0; i < COUNT_OF(own_keys); i++)
            if (slice_starts(own_keys[i].inner ? first_key(one) : one, slice_of(own_keys[i].key)))
                program = own_keys[i].program;
    buf_release(&text);
    return program;
}

/* By the file's name, else by its keys. */
static const char *program_of(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash == NULL ? path : slash + 1;
    const char *program = strstr(name, "collector") != NULL ? "collector"
                          : strstr(name, "shipper") != NULL ? "shipper"
                                                            : program_by_keys(path);

    return program == NULL ? "collector" : program;
}

/* ---- asking it ---- */

/* Our own folder, without a slash behind; "" if it cannot be known. */
static void own_folder(char out[PATH_TEXT_MAX])
{
    ssize_t length = readlink("/proc/self/exe", out, PATH_TEXT_MAX - 1);
    char *slash;

    out[length < 0 ? 0 : length] = '\0';
    slash = strrchr(out, '/');
    if (slash != NULL)
        *slash = '\0';
}

/* Replace this (child) process by the program; come back only if it is nowhere. */
static void become(const char *program, const char *path)
{
    char folder[PATH_TEXT_MAX], found[PATH_TEXT_MAX + 64];
    char *const arguments[] = {found, (char *)(uintptr_t) "--config", (char *)(uintptr_t)path,
                               (char *)(uintptr_t) "--check", NULL};

    own_folder(folder);
    (void)snprintf(found, sizeof(found), "%s/dendro-%s", folder, program);
    (void)execv(found, arguments);
    (void)snprintf(found, sizeof(found), "%s/../../%s/dendro-%s", folder, program, program);
    (void)execv(found, arguments);
    (void)snprintf(found, sizeof(found), "dendro-%s", program);
    (void)execvp(found, arguments);
}

static int check_file(const char *path)
{
    const char *program = program_of(path);
    int state = 0;
    pid_t child = fork();

    if (child == 0) {
        become(program, path);
        command_say("dendro-%s is needed to check its settings, and is neither beside this "
                    "program nor on the PATH",
                    program);
        _exit(DENDRO_ERROR);
    }
    if (child < 0) {
        command_say("cannot start dendro-%s: %s", program, strerror(errno));
        return DENDRO_ERROR;
    }
    while (waitpid(child, &state, 0) < 0 && errno == EINTR)
        ;
    if (!WIFEXITED(state) || WEXITSTATUS(state) != 0)
        return DENDRO_ERROR;
    (void)printf("%s: fine\n", path);
    return DENDRO_FOUND;
}

static int check_all(const struct text_list *arguments)
{
    int exit_code = DENDRO_FOUND;

    if (strcmp(arguments->items[0], "check") != 0) {
        command_say("config \"%.60s\": did you mean \"check\"?", arguments->items[0]);
        return DENDRO_ERROR;
    }
    for (size_t i = 1; i < arguments->count; i++) {
        int one = check_file(arguments->items[i]);

        exit_code = one > exit_code ? one : exit_code;
        (void)fflush(stdout);
    }
    return exit_code;
}

static int run(struct cli_target *call)
{
    return check_all(&call->arguments);
}

const struct command config_command = {"config", "check settings of collector or shipper",
                                       &line, run};
