/* tests/support/temp_dir.h -- a folder on the real disk that a test makes and removes.
 * Under $TMPDIR, else /tmp. Failures abort the test. */
#ifndef DENDRO_TESTS_SUPPORT_TEMP_DIR_H
#define DENDRO_TESTS_SUPPORT_TEMP_DIR_H

#include <limits.h>
#include <stddef.h>

struct temp_dir {
    char path[PATH_MAX / 2];
};

/* A new, empty folder, mode 0700. */
void temp_dir_make(struct temp_dir *dir);
/* The folder with everything in it; links are removed, not followed. */
void temp_dir_remove(struct temp_dir *dir);
/* path/name into `out`. */
void temp_dir_join(const struct temp_dir *dir, const char *name, char *out, size_t size);
/* Write `text` to path/name, replacing what is there; missing folders of `name` are made. */
void temp_dir_put(const struct temp_dir *dir, const char *name, const void *data, size_t len);

#endif
