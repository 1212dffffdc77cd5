/* shipper/watcher.h -- inotify on directories, as a hint that a scan would find something.
 *
 * Nothing depends on it: every directory is scanned and every file looked at by time as well.
 * Directories are watched, not files, so the limits of the kernel are far away; when one is met
 * the rest is polled, and the trouble is reported.
 * Thread safety: one thread at a time per watcher. */
#ifndef DENDRO_SHIPPER_WATCHER_H
#define DENDRO_SHIPPER_WATCHER_H

#include <stdbool.h>

struct watcher;

struct watcher_handler {
    void (*changed)(void *user, const char *directory); /* NULL: events were lost, anything may */
    void (*trouble)(void *user, const char *why);       /* static text */
    void *user;
};

/* NULL: not available (limit of instances, no memory); trouble() was told. */
struct watcher *watcher_new(const struct watcher_handler *handler);
void watcher_free(struct watcher *watcher);    /* NULL does nothing */
int watcher_fd(const struct watcher *watcher); /* readable: call watcher_read() */

/* The set of directories is told anew: begin, then keep() each, then end() drops the others. */
void watcher_begin(struct watcher *watcher);
void watcher_keep(struct watcher *watcher, const char *directory);
void watcher_end(struct watcher *watcher);
/* Read the events that are there, and tell the handler: each directory once. */
void watcher_read(struct watcher *watcher);

#endif
