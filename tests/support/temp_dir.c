/* tests/support/temp_dir.c -- mkdtemp, and nftw to remove the tree depth first. */
#include "tests/support/temp_dir.h"

#include "base/io.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

enum { OPEN_FOLDERS_MAX = 16 };

static void must(bool done, const char *what, const char *path)
{
    if (done)
        return;
    (void)fprintf(stderr, "temp_dir: cannot %s %s\n", what, path);
    abort();
}

void temp_dir_make(struct temp_dir *dir)
{
    const char *parent = getenv("TMPDIR");
    int len = snprintf(dir->path, sizeof(dir->path), "%s/dendro-test-XXXXXX",
                       parent == NULL || *parent == '\0' ? "/tmp" : parent);

    must(len > 0 && (size_t)len < sizeof(dir->path), "name a folder in", dir->path);
    must(mkdtemp(dir->path) != NULL, "create", dir->path);
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *at)
{
    (void)info;
    (void)kind;
    (void)at;
    return remove(path);
}

void temp_dir_remove(struct temp_dir *dir)
{
    must(nftw(dir->path, remove_one, OPEN_FOLDERS_MAX, FTW_DEPTH | FTW_PHYS) == 0, "remove",
         dir->path);
}

void temp_dir_join(const struct temp_dir *dir, const char *name, char *out, size_t size)
{
    int len = snprintf(out, size, "%s/%s", dir->path, name);

    must(len > 0 && (size_t)len < size, "name", name);
}

void temp_dir_put(const struct temp_dir *dir, const char *name, const void *data, size_t len)
{
    char path[PATH_MAX];
    char *slash;
    FILE *file;

    temp_dir_join(dir, name, path, sizeof(path));
    slash = strrchr(path, '/');
    *slash = '\0';
    must(io_make_dirs(io_system(), path, NULL) == STATUS_OK, "create", path);
    *slash = '/';
    file = fopen(path, "we");
    must(file != NULL, "open", path);
    must(fwrite(data, 1, len, file) == len, "write", path);
    must(fclose(file) == 0, "close", path);
}
