/* shipper/file_set.h -- which files do the patterns lead to?
 *
 * A pattern is an absolute path whose components may hold * ? [ ]; a component ** stands for any
 * number of directories. The set knows the directories that the patterns lead to now; it lists
 * them, and never opens a file.
 * Thread safety: the loop thread only. */
#ifndef DENDRO_SHIPPER_FILE_SET_H
#define DENDRO_SHIPPER_FILE_SET_H

#include "base/error.h"
#include "base/io.h"
#include "shipper/settings.h"

#include <stdbool.h>
#include <stdint.h>

struct file_set;

struct set_directory {
    char *path;
    uint32_t id;           /* never used twice; from 1 */
    int64_t rest_until_ns; /* monotonic: no scan before, whatever happens; the caller's to set */
    int64_t hot_until_ns;  /* monotonic; the caller's to set */
    int64_t next_scan_ns;  /* monotonic; the caller's to set */
    bool hint;             /* something happened there: scan soon */
    bool open_to_others;   /* other users can make links that lead to its files, or to it */
    uint32_t root_len;     /* of its path: the directory in front of the pattern's first wildcard */
    bool watched;          /* the watcher has it; the caller's to set */
    /* Of the last scan that looked at rotated files; the caller's to set. */
    int64_t rotated_ns, rotated_wall_ns; /* when it was, on both clocks */
    int64_t rotated_mtime_ns;            /* of the directory */
    bool rotated_held;                   /* what one of them is could not be said yet */
    bool wants_siblings; /* a file is missing: show names that match no pattern, too */
    bool wants_rotated;  /* show names that may have matched before a rotation */
    bool busy;           /* the last scan left something to look at again soon */
    bool started;        /* was scanned once */
};

struct found_file {
    const char *path;
    struct io_info info;                    /* of the file that the path leads to */
    const struct source_settings *settings; /* NULL: matches no pattern */
    const char *before; /* the name that may have matched before a rotation; NULL: none */
    const struct source_settings *before_settings; /* of `before` */
};

/* Can `pattern` lead to files? INVALID: it is not absolute, or too long, or names a directory. */
enum status file_set_check(const char *pattern, struct error *err) WARN_UNUSED;

/* Errors: INVALID (see file_set_check()), NO_MEMORY. */
enum status file_set_new(struct io *io, const struct source_settings *sources, uint32_t count,
                         struct file_set **out, struct error *err) WARN_UNUSED;
void file_set_free(struct file_set *set);

/* Look for directories that the patterns lead to; those that went are dropped. Indexes of the
 * directories change. */
void file_set_expand(struct file_set *set);
uint32_t file_set_directory_count(const struct file_set *set);
struct set_directory *file_set_directory(struct file_set *set, uint32_t index);
/* The directory that holds `path`; NULL if no pattern leads there. */
struct set_directory *file_set_directory_of(struct file_set *set, const char *path);

typedef void file_set_visit(void *user, const struct found_file *file);
/* Call `visit` for every regular file of the directory that matches a pattern; with wants_rotated
 * also for those whose name before a rotation may have matched, with wants_siblings for all.
 * Errors: NOT_FOUND, IO. */
enum status file_set_scan(struct file_set *set, struct set_directory *directory,
                          file_set_visit *visit, void *user, struct error *err) WARN_UNUSED;

/* The first pattern that matches the whole path; NULL. */
const struct source_settings *file_set_match(const struct file_set *set, const char *path);

#endif
