/* store/erase.h -- rows that must go, now and for good.
 *
 *   store_erase()   a durable record in the manifest: from its answer on no query sees the rows
 *   background      heads are sealed; every segment that may hold such a row is written again from the
 *                   rows that stay, so that no string, template or id of the others is left; the old
 *                   files go when their last reader has left; the WAL begins a new file and the old
 *                   ones are removed, as are the damaged pieces in quarantine/
 *   finished        receipts/<number>.json says so, and an entry in the manifest
 *   incomplete      segments that cannot be read or written again keep their rows, hidden; all else is
 *                   done. They are tried again each minute; the way out is to repair or to remove them
 *
 * Watermarks stay: lines that are shipped again are not stored again. Rows that arrive after the
 * answer are not meant, and neither is an event that was still being assembled then.
 *
 * Thread safety: any thread. */
#ifndef DENDRO_STORE_ERASE_H
#define DENDRO_STORE_ERASE_H

#include "base/error.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

struct store;

enum {
    ERASURES_MAX = 10000,        /* remembered; the oldest finished ones leave the list, not the disk */
    ERASURES_ACTIVE_MAX = 64,    /* at work: each masks every scan */
    ERASED_SEGMENTS_MAX = 1 << 16, /* named, of all erasures at work; the others are counted */
    ERASE_TEXT_SIZE_MAX = 64 << 10,
};

struct erase_request {
    struct slice filter; /* see store_filter.h */
    struct slice by;     /* who asked, for the receipt */
    int64_t time_min_ns, time_max_ns; /* rows with time_min <= _time < time_max */
};

enum erase_state {
    ERASE_RUNNING,  /* rows are invisible; their bytes are being removed */
    ERASE_WAITING,  /* only a reader still holds old files */
    ERASE_BLOCKED,  /* it cannot go on, and later ones wait: see `problem` */
    ERASE_INCOMPLETE, /* segments cannot be written again: see `problem`; all else is done */
    ERASE_FINISHED,
};

struct manifest_erased;

struct erase_receipt {
    uint64_t number;
    enum erase_state state;
    int64_t requested_ns, finished_ns;
    int64_t time_min_ns, time_max_ns;
    uint64_t sequence_max;            /* newest row that was meant */
    uint64_t rows, samples, segments; /* erased; segments written again or dropped */
    /* Texts that the filter could not decide (limits of a regex): their rows stay. When it is finished
     * and this is 0, every row that was meant is gone. */
    uint64_t undecided;
    struct slice filter, by;
    const char *problem;              /* "" unless blocked or incomplete */
    const struct manifest_erased *done; /* segments in the order of the work, until it is finished */
    uint32_t done_count;              /* less than `segments`: see ERASED_SEGMENTS_MAX */
};

/* "running", "waiting", "blocked", "incomplete", "finished"; static. */
const char *erase_state_name(enum erase_state state);

/* OK: durable, and no scan that is opened from now on sees the rows. `number` names the erasure.
 * Errors: INVALID (the filter), TOO_LARGE (ERASURES_ACTIVE_MAX, texts), IO, DISK_FULL, NO_MEMORY. */
enum status store_erase(struct store *store, const struct erase_request *request,
                        uint64_t *number, struct error *err) WARN_UNUSED;

/* All that are remembered, oldest first; slices are borrowed for the call. False stops. */
typedef bool erase_visit(void *user, const struct erase_receipt *receipt);
void store_erasures(struct store *store, erase_visit *visit, void *user);

#endif
