/* query/cli/grep_local.c -- grep over files: which ones, in which order, and what is said of each
 * as a whole (-c, -l, -L). */
#include "query/cli/grep.h"
#include "query/cli/grep_scan.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

struct local_run {
    const struct grep_settings *settings;
    struct matcher *matcher;
    struct sink sink;
    struct line_body body;
    struct grep_scan scan;
    bool found, failed, stop;
};

/* ---- one file ---- */

static void report(struct local_run *run, const struct error *err, const char *name)
{
    run->failed = true;
    if (!run->settings->no_messages)
        command_say("grep: %s%s%s", name == NULL ? "" : name, name == NULL ? "" : ": ",
                    err->message);
}

static void put_name(struct local_run *run, const char *name)
{
    (void)line_body_put(&run->body, slice_of(name), false);
}

/* -c, -l, -L, and the word about a binary file. */
static void put_summary(struct local_run *run, const char *name)
{
    const struct grep_settings *s = run->settings;
    struct grep_scan *scan = &run->scan;
    char text[32];

    if (s->quiet)
        return;
    if (s->list || s->list_without) {
        if ((scan->selected > 0) == s->list) {
            put_name(run, name);
            (void)sink_put(&run->sink, SLICE_LITERAL("\n"));
        }
        return;
    }
    if (s->count) {
        if (scan->with_name) {
            put_name(run, name);
            (void)sink_put(&run->sink, SLICE_LITERAL(":"));
        }
        (void)snprintf(text, sizeof(text), "%llu\n", (unsigned long long)scan->selected);
        (void)sink_put(&run->sink, slice_of(text));
    } else if (scan->binary && scan->selected > scan->selected_before_nul && !s->no_messages) {
        (void)sink_flush(&run->sink);
        command_say("grep: %s: binary file matches", name);
    }
}

static void search_file(struct local_run *run, const char *path)
{
    bool standard = strcmp(path, "-") == 0;
    const char *name = standard ? "(standard input)" : path;
    struct input input;
    struct error err = {0};

    if (input_open(path, &input, &err) != STATUS_OK) {
        report(run, &err, NULL);
        return;
    }
    if (grep_scan_file(&run->scan, &input, name, &err) != STATUS_OK)
        report(run, &err, input.packed != NULL ? NULL : name); /* it says where itself */
    input_close(&input);
    run->found |= run->scan.selected > 0;
    put_summary(run, name);
    run->stop = run->scan.closed || run->sink.closed || run->sink.failed ||
                (run->settings->quiet && run->found);
}

/* ---- directories ---- */

static void search_directory(struct local_run *run, const char *path);

/* Below a directory: no links, and only what has bytes to read. */
static void search_entry(struct local_run *run, const char *dir, const char *name)
{
    char path[4096];
    struct stat info;
    size_t len = strlen(dir);
    int length = strcmp(dir, "") == 0 ? snprintf(path, sizeof(path), "%s", name)
                                      : snprintf(path, sizeof(path), "%s%s%s", dir,
                                                 len > 0 && dir[len - 1] == '/' ? "" : "/", name);

    if (length < 0 || (size_t)length >= sizeof(path)) {
        struct error err = {0};

        (void)error_set(&err, STATUS_TOO_LARGE, "%.60s/...: File name too long", dir);
        report(run, &err, NULL);
    } else if (lstat(path, &info) == 0 && S_ISDIR(info.st_mode)) {
        search_directory(run, path);
    } else if (lstat(path, &info) == 0 && S_ISREG(info.st_mode)) {
        search_file(run, path);
    }
}

static void search_directory(struct local_run *run, const char *path)
{
    struct dirent **entries = NULL;
    struct error err = {0};
    int count = scandir(*path == '\0' ? "." : path, &entries, NULL, alphasort);

    if (count < 0) {
        (void)error_set(&err, STATUS_IO, "%s: %s", path, strerror(errno));
        report(run, &err, NULL);
        return;
    }
    for (int i = 0; i < count; i++) {
        const char *name = entries[i]->d_name;

        if (!run->stop && strcmp(name, ".") != 0 && strcmp(name, "..") != 0)
            search_entry(run, path, name);
        free(entries[i]);
    }
    free(entries);
}

static bool is_directory(const char *path)
{
    struct stat info;

    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

/* ---- the run ---- */

/* As in GNU grep: names if there are several files, or a directory to go through. */
static bool wants_names(const struct grep_settings *s, const struct text_list *files)
{
    if (s->no_name || s->with_name)
        return !s->no_name;
    if (files->count == 0)
        return s->recursive;
    return files->count > 1 || (s->recursive && is_directory(files->items[0]));
}

static bool prepare(struct local_run *run, const struct grep_pattern *pattern,
                    const struct text_list *files)
{
    const struct grep_settings *s = run->settings;
    struct error err = {0};

    if (matcher_new(pattern, &run->matcher, &err) != STATUS_OK) {
        command_say("grep: %s", err.message);
        return false;
    }
    if (!sink_init(&run->sink))
        return false;
    run->body = (struct line_body){
        .sink = &run->sink, .matcher = run->matcher, .escape = run->sink.is_terminal};
    colors_init(&run->body.colors, (enum color_mode)s->color);
    run->scan = (struct grep_scan){.settings = s,
                                   .matcher = run->matcher,
                                   .body = &run->body,
                                   .end = s->null_data ? '\0' : '\n',
                                   .silent = s->count || s->list || s->list_without || s->quiet,
                                   .stops_at_first = s->list || s->list_without || s->quiet,
                                   .with_name = wants_names(s, files)};
    return true;
}

static void search_all(struct local_run *run, const struct text_list *files)
{
    if (files->count == 0 && run->settings->recursive)
        search_directory(run, "");
    else if (files->count == 0)
        search_file(run, "-");
    for (size_t i = 0; i < files->count && !run->stop; i++)
        if (run->settings->recursive && is_directory(files->items[i]))
            search_directory(run, files->items[i]);
        else
            search_file(run, files->items[i]);
}

/* GNU grep opens no file where it sees at once that no line can be selected. */
static bool selects_nothing(const struct grep_settings *settings,
                            const struct grep_pattern *pattern)
{
    bool all = pattern->matches_all && pattern->texts != NULL;

    for (size_t i = 0; all && i < pattern->text_count; i++)
        all = pattern->texts[i].len == 0;
    return settings->max_count == 0 || (settings->invert ? all : pattern->matches_none);
}

int grep_local(const struct grep_settings *settings, const struct grep_pattern *pattern,
               const struct text_list *files)
{
    struct local_run run = {.settings = settings};

    if (selects_nothing(settings, pattern) && !settings->list_without)
        return DENDRO_NOT_FOUND;
    if (prepare(&run, pattern, files))
        search_all(&run, files);
    else
        run.failed = true;
    if (run.matcher != NULL && matcher_over_limit(run.matcher) > 0) {
        command_say("grep: the pattern is too complex for %llu lines; they are taken as not "
                    "matching",
                    (unsigned long long)matcher_over_limit(run.matcher));
        run.failed = true;
    }
    if (run.sink.data != NULL && !sink_finish(&run.sink))
        run.failed = true;
    grep_scan_release(&run.scan);
    matcher_free(run.matcher);
    if (settings->quiet && run.found)
        return DENDRO_FOUND;
    return run.failed ? DENDRO_ERROR : run.found ? DENDRO_FOUND : DENDRO_NOT_FOUND;
}
