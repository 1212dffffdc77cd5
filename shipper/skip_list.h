/* shipper/skip_list.h -- files that were looked at and are not read, with the rule that says so.
 * Saves opening them again at every scan, and answers `explain`.
 * Thread safety: the loop thread only. */
#ifndef DENDRO_SHIPPER_SKIP_LIST_H
#define DENDRO_SHIPPER_SKIP_LIST_H

#include "shipper/identity.h"

#include <stdbool.h>
#include <stdint.h>

enum skip_reason {
    SKIP_EMPTY,      /* nothing to tell it by yet */
    SKIP_HELD,       /* young copy of a file that is being read */
    SKIP_LIVE,       /* compressed copy of a file that is being read */
    SKIP_DELIVERED,  /* copy of a file that was delivered whole */
    SKIP_BACKFILL,   /* compressed, unknown, and backfill is off */
    SKIP_PACKED,     /* packed in a way that is not read */
    SKIP_STRANGER,   /* matches no pattern, and is no part of a known file */
    SKIP_LINK,       /* others can make the link, and it leads out of the pattern's directory */
    SKIP_UNREADABLE, /* cannot be opened */
    SKIP_REASON_COUNT
};

/* A sentence for the operator. Static text. */
const char *skip_reason_text(enum skip_reason reason);

struct skipped_file {
    struct skipped_file *next;
    uint64_t fsid, inode;
    int64_t birth_ns, mtime_ns;
    uint64_t size;
    enum skip_reason reason;
    /* A rotated file that was never seen before, if it was written to after this moment (wall
     * clock); 0: that it is not, whatever happens. */
    int64_t missed_since_ns;
    int64_t first_ns;     /* monotonic: skipped for this reason since */
    int64_t changed_ns;   /* monotonic: size or mtime last changed */
    int64_t next_look_ns; /* monotonic: not before, unless it changes */
    int64_t seen_ns;      /* monotonic: last scan that met it */
};

enum { SKIP_BUCKETS = 512 };

struct skip_list {
    struct skipped_file *buckets[SKIP_BUCKETS];
    uint32_t count;
    uint32_t by_reason[SKIP_REASON_COUNT];
};

struct skipped_file *skip_list_find(struct skip_list *list, const struct io_info *info);
/* Note that the file is skipped at `now_ns`, and when to look again; NULL: no memory, harmless. */
struct skipped_file *skip_list_put(struct skip_list *list, const struct io_info *info,
                                   enum skip_reason reason, int64_t now_ns, int64_t next_look_ns);
void skip_list_remove(struct skip_list *list, struct skipped_file *file);
/* Drop what no scan has met since `before_ns`. */
void skip_list_purge(struct skip_list *list, int64_t before_ns);
void skip_list_release(struct skip_list *list);

#endif
