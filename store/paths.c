/* store/paths.c -- the names in a data directory. */
#include "store/paths.h"

#include "base/diag.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

void path_join(char out[PATH_SIZE_MAX], const char *dir, const char *name)
{
    (void)snprintf(out, PATH_SIZE_MAX, "%.*s/%s", DIR_SIZE_MAX, dir, name);
}

void path_day(char out[PATH_SIZE_MAX], const char *dir, int64_t day)
{
    time_t seconds = (time_t)(day * 86400);
    struct tm parts = {0};

    (void)gmtime_r(&seconds, &parts);
    (void)snprintf(out, PATH_SIZE_MAX, "%.*s/segments/%04d%02d%02d", DIR_SIZE_MAX, dir,
                   parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday);
}

void path_segment(char out[PATH_SIZE_MAX], const char *dir, int64_t day, uint64_t number)
{
    char folder[PATH_SIZE_MAX];

    path_day(folder, dir, day);
    (void)snprintf(out, PATH_SIZE_MAX, "%.*s/%016" PRIx64 ".seg", DIR_SIZE_MAX + 40, folder,
                   number);
}

void path_manifest(char out[PATH_SIZE_MAX], const char *dir, uint64_t number)
{
    (void)snprintf(out, PATH_SIZE_MAX, "%.*s/MANIFEST-%016" PRIx64, DIR_SIZE_MAX, dir, number);
}

void file_remove(struct io *io, const char *path)
{
    struct error err = {0};

    if (io_remove(io, path, &err) != STATUS_OK)
        diag_warn("store: %s", err.message);
}

struct sweep {
    struct io *io;
    const char *folder;
};

static bool sweep_one(void *user, const char *name)
{
    const struct sweep *sweep = user;
    char path[PATH_SIZE_MAX];

    path_join(path, sweep->folder, name);
    file_remove(sweep->io, path);
    return true;
}

void folder_sweep(struct io *io, const char *dir, const char *name)
{
    char folder[PATH_SIZE_MAX];
    struct sweep sweep = {io, folder};

    path_join(folder, dir, name);
    (void)io->path->list(io, folder, sweep_one, &sweep);
}
