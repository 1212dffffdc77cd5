/* shipper/file_set.c -- expand patterns to directories, list directories, match names. */
#include "shipper/file_set.h"

#include "base/diag.h"
#include "shipper/glob.h"
#include "shipper/limits.h"
#include "shipper/rotated_name.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DEPTH_MAX = 24 }; /* of a pattern, and of what ** may reach: ends loops of links */

struct file_set {
    struct io *io;
    const struct source_settings *sources;
    uint32_t source_count;
    struct set_directory *directories;
    uint32_t count, last_id;
    bool *kept;     /* while expanding: still reached */
    bool full_told; /* DIRECTORIES_MAX was reported */
};

/* One pattern on its way through the file system. */
struct walk {
    struct file_set *set;
    char path[GLOB_SIZE_MAX]; /* the directory reached, without a slash at its end */
    size_t len;
    unsigned depth;
    uint32_t root_len; /* of the pattern */
    bool follow_links;
};

enum status file_set_check(const char *pattern, struct error *err)
{
    size_t len = strlen(pattern);

    if (pattern[0] != '/')
        return error_set(err, STATUS_INVALID,
                         "source path \"%.100s\" is relative: expected an absolute path, "
                         "such as /var/log/app/*.log",
                         pattern);
    if (len >= GLOB_SIZE_MAX)
        return error_set(err, STATUS_INVALID, "source path \"%.60s...\": %zu bytes, at most %d",
                         pattern, len, GLOB_SIZE_MAX - 1);
    if (pattern[len - 1] == '/')
        return error_set(err, STATUS_INVALID,
                         "source path \"%.60s\" is a directory: expected its files; did you mean "
                         "\"%.60s*.log\"?",
                         pattern, pattern);
    return STATUS_OK;
}

enum status file_set_new(struct io *io, const struct source_settings *sources, uint32_t count,
                         struct file_set **out, struct error *err)
{
    struct file_set *set;

    for (uint32_t i = 0; i < count; i++) {
        enum status status = file_set_check(sources[i].path, err);

        if (status != STATUS_OK)
            return status;
    }
    set = calloc(1, sizeof(*set));
    if (set != NULL)
        set->directories = calloc(DIRECTORIES_MAX, sizeof(*set->directories));
    if (set != NULL)
        set->kept = calloc(DIRECTORIES_MAX, sizeof(*set->kept));
    if (set == NULL || set->directories == NULL || set->kept == NULL) {
        file_set_free(set);
        return error_set(err, STATUS_NO_MEMORY, "no memory for the set of files");
    }
    set->io = io;
    set->sources = sources;
    set->source_count = count;
    *out = set;
    return STATUS_OK;
}

void file_set_free(struct file_set *set)
{
    if (set == NULL)
        return;
    for (uint32_t i = 0; i < set->count; i++)
        free(set->directories[i].path);
    free(set->directories);
    free(set->kept);
    free(set);
}

uint32_t file_set_directory_count(const struct file_set *set)
{
    return set->count;
}

struct set_directory *file_set_directory(struct file_set *set, uint32_t index)
{
    return &set->directories[index];
}

static struct slice directory_part(const char *path)
{
    size_t slash = slice_find_last_byte(slice_of(path), '/');

    return slash == SIZE_MAX ? slice_of("") : slice_first(slice_of(path), slash);
}

struct set_directory *file_set_directory_of(struct file_set *set, const char *path)
{
    struct slice directory = directory_part(path);

    for (uint32_t i = 0; i < set->count; i++)
        if (slice_equal(slice_of(set->directories[i].path), directory))
            return &set->directories[i];
    return NULL;
}

/* ---- expansion ---- */

/* Up to the directory before the first component with a wildcard: that much the operator named. */
static uint32_t root_len_of(const char *pattern)
{
    size_t wildcard = strcspn(pattern, "*?[");
    struct slice fixed = slice_first(slice_of(pattern), wildcard);
    size_t slash = slice_find_last_byte(fixed, '/');

    return slash == SIZE_MAX ? 0 : (uint32_t)slash;
}

/* May somebody else than root and we create names in one of the directories from the root of the
 * pattern down to this one? */
static bool is_open_to_others(struct walk *walk)
{
    struct io *io = walk->set->io;

    for (size_t at = walk->root_len; at <= walk->len; at++) {
        struct io_info info;
        char end = walk->path[at];
        int failed;

        if (end != '/' && end != '\0')
            continue;
        walk->path[at] = '\0';
        failed = io->path->info(io, at == 0 ? "/" : walk->path, &info);
        walk->path[at] = end;
        if (failed != 0 || (info.mode & S_IWOTH) != 0 ||
            (info.owner != 0 && info.owner != (uint32_t)geteuid()))
            return true;
    }
    return false;
}

/* What is reached over several patterns is as safe as the safest. */
static void note_safety(struct walk *walk, struct set_directory *directory, bool first)
{
    bool open = !walk->follow_links && walk->root_len > 0 && is_open_to_others(walk);

    if (!first && (!directory->open_to_others || (open && walk->root_len >= directory->root_len)))
        return;
    directory->open_to_others = open;
    directory->root_len = walk->root_len;
}

static void reach(struct walk *walk)
{
    struct file_set *set = walk->set;
    struct io_info info;
    char *copy;

    if (set->io->path->info(set->io, walk->len == 0 ? "/" : walk->path, &info) != 0 ||
        !S_ISDIR(info.mode))
        return;
    for (uint32_t i = 0; i < set->count; i++)
        if (strcmp(set->directories[i].path, walk->path) == 0) {
            note_safety(walk, &set->directories[i], !set->kept[i]);
            set->kept[i] = true;
            return;
        }
    copy = set->count < DIRECTORIES_MAX ? strdup(walk->path) : NULL;
    if (copy == NULL) {
        if (!set->full_told)
            diag_warn("%s and further directories are not read: more than %d of them", walk->path,
                      DIRECTORIES_MAX);
        set->full_told = true;
        return;
    }
    set->kept[set->count] = true;
    set->directories[set->count++] =
        (struct set_directory){.path = copy, .id = ++set->last_id, .hint = true};
    note_safety(walk, &set->directories[set->count - 1], true);
}

static bool walk_enter(struct walk *walk, struct slice name)
{
    if (walk->depth >= DEPTH_MAX || walk->len + 1 + name.len >= sizeof(walk->path))
        return false;
    walk->path[walk->len++] = '/';
    memcpy(walk->path + walk->len, name.data, name.len);
    walk->len += name.len;
    walk->path[walk->len] = '\0';
    walk->depth++;
    return true;
}

static void walk_leave(struct walk *walk, size_t len)
{
    walk->len = len;
    walk->path[len] = '\0';
    walk->depth--;
}

static void walk_pattern(struct walk *walk, struct slice rest);

struct walk_list {
    struct walk *walk;
    struct slice component; /* that the names must match; empty: any */
    struct slice rest;      /* pattern from there on */
};

static bool walk_name(void *user, const char *name)
{
    struct walk_list *list = user;
    struct walk *walk = list->walk;
    size_t len = walk->len;
    struct io_info info;

    if (name[0] == '.' && list->component.len == 0)
        return true;
    if (list->component.len > 0 && !glob_match_component(list->component, slice_of(name)))
        return true;
    if (!walk_enter(walk, slice_of(name)))
        return true;
    if (walk->set->io->path->info(walk->set->io, walk->path, &info) == 0 && S_ISDIR(info.mode))
        walk_pattern(walk, list->rest);
    walk_leave(walk, len);
    return true;
}

/* `rest` is the pattern below the directory that the walk has reached. */
static void walk_pattern(struct walk *walk, struct slice rest)
{
    struct slice whole = rest;
    struct slice component = glob_component(&rest);
    struct walk_list list = {walk, component, rest};
    struct io *io = walk->set->io;
    size_t len = walk->len;

    if (rest.len == 0) {
        reach(walk);
    } else if (glob_is_any_depth(component)) {
        walk_pattern(walk, rest);
        list.component = slice_of("");
        list.rest = whole;
        (void)io->path->list(io, len == 0 ? "/" : walk->path, walk_name, &list);
    } else if (!glob_is_literal(component)) {
        (void)io->path->list(io, len == 0 ? "/" : walk->path, walk_name, &list);
    } else if (walk_enter(walk, component)) {
        walk_pattern(walk, rest);
        walk_leave(walk, len);
    }
}

void file_set_expand(struct file_set *set)
{
    uint32_t left = 0;

    memset(set->kept, 0, set->count * sizeof(*set->kept));
    for (uint32_t i = 0; i < set->source_count; i++) {
        struct walk walk = {.set = set,
                            .root_len = root_len_of(set->sources[i].path),
                            .follow_links = set->sources[i].follow_links};

        walk_pattern(&walk, slice_of(set->sources[i].path));
    }
    for (uint32_t i = 0; i < set->count; i++) {
        if (set->kept[i])
            set->directories[left++] = set->directories[i];
        else
            free(set->directories[i].path);
    }
    set->count = left;
}

/* ---- listing ---- */

const struct source_settings *file_set_match(const struct file_set *set, const char *path)
{
    for (uint32_t i = 0; i < set->source_count; i++)
        if (glob_match_path(slice_of(set->sources[i].path), slice_of(path)))
            return &set->sources[i];
    return NULL;
}

struct scan {
    struct file_set *set;
    struct set_directory *directory;
    file_set_visit *visit;
    void *user;
    uint32_t entries;
};

static void match_before(const struct file_set *set, struct found_file *file,
                         char before[GLOB_SIZE_MAX])
{
    size_t at = 0;

    while (file->before == NULL && rotated_name_before(file->path, &at, before)) {
        file->before_settings = file_set_match(set, before);
        if (file->before_settings != NULL)
            file->before = before;
    }
}

static bool scan_name(void *user, const char *name)
{
    struct scan *scan = user;
    struct io *io = scan->set->io;
    char path[GLOB_SIZE_MAX], before[GLOB_SIZE_MAX];
    struct found_file file = {.path = path};
    int len = snprintf(path, sizeof(path), "%s/%s", scan->directory->path, name);

    if (++scan->entries > DIRECTORY_ENTRIES_MAX)
        return false;
    if (len < 0 || (size_t)len >= sizeof(path))
        return true;
    file.settings = file_set_match(scan->set, path);
    if (file.settings == NULL && scan->directory->wants_rotated)
        match_before(scan->set, &file, before);
    if (file.settings == NULL && file.before == NULL &&
        (!scan->directory->wants_siblings || name[0] == '.'))
        return true;
    if (io->path->info(io, path, &file.info) == 0 && S_ISREG(file.info.mode))
        scan->visit(scan->user, &file);
    return true;
}

enum status file_set_scan(struct file_set *set, struct set_directory *directory,
                          file_set_visit *visit, void *user, struct error *err)
{
    struct scan scan = {.set = set, .directory = directory, .visit = visit, .user = user};
    const char *path = directory->path[0] == '\0' ? "/" : directory->path;
    int done = set->io->path->list(set->io, path, scan_name, &scan);

    if (done < 0)
        return error_set_errno(err, -done, "cannot list %s", path);
    if (scan.entries > DIRECTORY_ENTRIES_MAX)
        return error_set(err, STATUS_TOO_LARGE, "%s has more than %d names: the rest is not read",
                         path, DIRECTORY_ENTRIES_MAX);
    return STATUS_OK;
}
