/* store/paths.h -- the names in a data directory:
 *
 *   LOCK                     flock of the owner; its pid inside is only information
 *   CURRENT                  one checksummed line: the manifest that counts
 *   MANIFEST-<number>        log of what exists (manifest.h)
 *   wal/<number>.wal         acknowledged, not in a segment yet (wal.h)
 *   segments/<day>/<number>.seg
 *   tmp/                     what is being written; swept at start
 *   quarantine/              damaged pieces, kept for people
 *   registry                 when each pattern of lines was seen first (registry.h); a cache
 *   reserve                  space that is given up when the disk is full
 *
 * Thread safety: pure functions, except file_remove() and folder_sweep(). */
#ifndef DENDRO_STORE_PATHS_H
#define DENDRO_STORE_PATHS_H

#include "base/error.h"
#include "base/io.h"

#include <stdint.h>

enum { PATH_SIZE_MAX = 600, DIR_SIZE_MAX = 480 };

/* "dir/name" */
void path_join(char out[PATH_SIZE_MAX], const char *dir, const char *name);
/* "dir/segments/20260402" for the day, counted from 1970-01-01. */
void path_day(char out[PATH_SIZE_MAX], const char *dir, int64_t day);
void path_segment(char out[PATH_SIZE_MAX], const char *dir, int64_t day, uint64_t number);
void path_manifest(char out[PATH_SIZE_MAX], const char *dir, uint64_t number);

/* Remove a file that no longer counts; a failure is a diag, since the next start sweeps it. */
void file_remove(struct io *io, const char *path);
/* The same with all files of the folder `name` in `dir`. */
void folder_sweep(struct io *io, const char *dir, const char *name);

#endif
