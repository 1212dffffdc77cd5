/* shipper/watcher.c -- inotify(7): names that come and go in a directory. */
#include "shipper/watcher.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

enum { EVENTS_SIZE = 16 * 1024 };
#define WATCHED_EVENTS                                                                             \
    (IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ATTRIB | IN_ONLYDIR)

struct watch {
    int id;
    char *directory;
    bool kept, changed;
};

struct watcher {
    struct watcher_handler handler;
    int fd;
    struct watch *watches;
    size_t count, capacity;
};

struct watcher *watcher_new(const struct watcher_handler *handler)
{
    struct watcher *watcher = calloc(1, sizeof(*watcher));

    if (watcher == NULL)
        return NULL;
    watcher->handler = *handler;
    watcher->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (watcher->fd >= 0)
        return watcher;
    handler->trouble(handler->user,
                     errno == EMFILE ? "too many inotify instances" : "inotify is not available");
    free(watcher);
    return NULL;
}

void watcher_free(struct watcher *watcher)
{
    if (watcher == NULL)
        return;
    for (size_t i = 0; i < watcher->count; i++)
        free(watcher->watches[i].directory);
    free(watcher->watches);
    (void)close(watcher->fd);
    free(watcher);
}

int watcher_fd(const struct watcher *watcher)
{
    return watcher->fd;
}

void watcher_begin(struct watcher *watcher)
{
    for (size_t i = 0; i < watcher->count; i++)
        watcher->watches[i].kept = false;
}

static bool grow(struct watcher *watcher)
{
    size_t capacity = watcher->capacity == 0 ? 16 : watcher->capacity * 2;
    struct watch *watches;

    if (watcher->count < watcher->capacity)
        return true;
    watches = realloc(watcher->watches, capacity * sizeof(*watches));
    if (watches == NULL)
        return false;
    watcher->watches = watches;
    watcher->capacity = capacity;
    return true;
}

void watcher_keep(struct watcher *watcher, const char *directory)
{
    struct watch watch = {.kept = true};

    for (size_t i = 0; i < watcher->count; i++)
        if (strcmp(watcher->watches[i].directory, directory) == 0) {
            watcher->watches[i].kept = true;
            return;
        }
    if (!grow(watcher))
        return;
    watch.id = inotify_add_watch(watcher->fd, directory, WATCHED_EVENTS);
    if (watch.id < 0) {
        if (errno == ENOSPC || errno == EMFILE)
            watcher->handler.trouble(watcher->handler.user, "the limit of inotify watches is met");
        return;
    }
    watch.directory = strdup(directory);
    if (watch.directory != NULL)
        watcher->watches[watcher->count++] = watch;
}

/* Links can lead to one directory by two paths, which the kernel gives one watch. */
static bool is_shared(const struct watcher *watcher, const struct watch *watch)
{
    for (size_t i = 0; i < watcher->count; i++)
        if (watcher->watches[i].id == watch->id && watcher->watches[i].kept)
            return true;
    return false;
}

void watcher_end(struct watcher *watcher)
{
    size_t left = 0;

    for (size_t i = 0; i < watcher->count; i++)
        if (!watcher->watches[i].kept && !is_shared(watcher, &watcher->watches[i]))
            (void)inotify_rm_watch(watcher->fd, watcher->watches[i].id);

    for (size_t i = 0; i < watcher->count; i++) {
        struct watch *watch = &watcher->watches[i];

        if (watch->kept) {
            watcher->watches[left++] = *watch;
            continue;
        }
        free(watch->directory);
    }
    watcher->count = left;
}

static void note(struct watcher *watcher, const struct inotify_event *event, bool *lost)
{
    if (event->mask & IN_Q_OVERFLOW)
        *lost = true;
    for (size_t i = 0; i < watcher->count; i++)
        if (watcher->watches[i].id == event->wd) {
            watcher->watches[i].changed = true;
            if (event->mask & IN_IGNORED) /* the directory is gone; one of that name may come */
                watcher->watches[i].directory[0] = '\0';
        }
}

void watcher_read(struct watcher *watcher)
{
    _Alignas(struct inotify_event) char events[EVENTS_SIZE];
    bool lost = false;
    ssize_t got;

    while ((got = read(watcher->fd, events, sizeof(events))) > 0)
        for (ssize_t at = 0; at < got;) {
            const struct inotify_event *event = (const void *)(events + at);

            note(watcher, event, &lost);
            at += (ssize_t)(sizeof(*event) + event->len);
        }
    for (size_t i = 0; i < watcher->count; i++) {
        struct watch *watch = &watcher->watches[i];

        if (watch->changed && !lost && watch->directory[0] != '\0')
            watcher->handler.changed(watcher->handler.user, watch->directory);
        watch->changed = false;
    }
    if (lost)
        watcher->handler.changed(watcher->handler.user, NULL);
}
