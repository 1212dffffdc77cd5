/* query/cli/verify.c -- check a data directory without a server. */
#include "base/io.h"
#include "query/cli/command.h"
#include "store/store.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct verify_settings {
    struct client_options client; /* not used */
};

static const struct option rows[] = {{.type = OPTION_GROUP, .help = "Options"}};

static const struct command_line line = {
    .program = "dendro verify",
    .usage = "DIRECTORY",
    .summary = "Read everything in a data directory of a collector and check it: every page of "
               "every segment, the WAL and the manifest. Also while the collector runs.",
    .footer = "Exit status: 0 clean, 1 problems, 2 error.\n",
    .rows = rows,
    .row_count = COUNT_OF(rows),
    .offline = true,
    .settings_size = sizeof(struct verify_settings),
    .argument_count_min = 1,
    .argument_count_max = 1,
};

static void print_problem(void *user, const char *text)
{
    (void)user;
    (void)puts(text);
}

/* Segments lie in a folder per day: segments/20260402/0000000000000007.seg. */
struct segment_count {
    struct io *io;
    char path[4096]; /* of the folder whose entries are visited */
    uint64_t segments;
};

static bool count_segment(void *user, const char *name)
{
    struct segment_count *count = user;

    count->segments += slice_ends(slice_of(name), SLICE_LITERAL(".seg"));
    return true;
}

static bool count_day(void *user, const char *name)
{
    struct segment_count *count = user;
    char path[sizeof(count->path)];
    int length = snprintf(path, sizeof(path), "%s/%s", count->path, name);

    if (length > 0 && (size_t)length < sizeof(path))
        (void)count->io->path->list(count->io, path, count_segment, count);
    return true;
}

static uint64_t count_segments(struct io *io, const char *dir)
{
    struct segment_count count = {.io = io};
    int length = snprintf(count.path, sizeof(count.path), "%s/segments", dir);

    if (length > 0 && (size_t)length < sizeof(count.path))
        (void)io->path->list(io, count.path, count_day, &count);
    return count.segments;
}

/* The store's folder: `dir` itself, or the one inside what --data names. */
static const char *store_dir(struct io *io, const char *dir, char *inside, size_t size)
{
    struct io_info info;
    int length = snprintf(inside, size, "%s/store/CURRENT", dir);

    if (length < 0 || (size_t)length >= size || io->path->info(io, inside, &info) != 0)
        return dir;
    inside[(size_t)length - strlen("/CURRENT")] = '\0';
    return inside;
}

static int verify(const char *named)
{
    struct io *io = io_system();
    struct error err = {0};
    char inside[4096];
    const char *dir = store_dir(io, named, inside, sizeof(inside));
    uint64_t problems = 0, segments = count_segments(io, dir);

    if (store_verify(io, dir, print_problem, NULL, &problems, &err) != STATUS_OK) {
        command_say("%s", err.message);
        return DENDRO_ERROR;
    }
    if (problems > 0)
        (void)printf("%" PRIu64 " segments in %s: %" PRIu64 " problem%s\n", segments, dir, problems,
                     problems == 1 ? "" : "s");
    else
        (void)printf("%" PRIu64 " segments in %s: clean\n", segments, dir);
    return fflush(stdout) != 0 ? DENDRO_ERROR : problems > 0 ? DENDRO_NOT_FOUND : DENDRO_FOUND;
}

static int run(struct cli_target *call)
{
    return verify(call->arguments.items[0]);
}

const struct command verify_command = {"verify", "check a data directory offline", &line, run};
