/* store/upkeep.h -- what the background keeps: erasures, masks, and its own pace. A part of struct
 * store; for the store's own files only.
 *
 * Threads: the worker seals and watches the space; the background thread writes segments again
 * (erasure, retention by rule, compaction). With options.manual both work on the thread of
 * store_step().
 * Thread safety: as each member says. */
#ifndef DENDRO_STORE_UPKEEP_H
#define DENDRO_STORE_UPKEEP_H

#include "store/catalog.h"
#include "store/erase.h"
#include "store/mask.h"
#include "store/store_filter.h"

#include <pthread.h>

struct erasure {
    struct manifest_erasure entry; /* its texts are owned */
    struct store_filter *filter;   /* NULL: could not be made; then it masks all rows in its bounds */
    struct store_filter *eraser;   /* the same for the background alone: what it could not decide is not
                                    * mixed with what scans could not */
    enum erase_state state;
    uint64_t wal_file;             /* rows that are not meant are in this one, or later */
    bool scrubbed;                 /* old WAL files are gone, since the last start */
    bool noted;                    /* its receipt was written, since the last start */
    int64_t retry_ns;              /* monotonic: blocked until then */
    uint64_t undecided;            /* texts, by `eraser` */
    struct manifest_erased *done;  /* segments, while it is at work */
    uint32_t done_count, done_capacity;
    char failure[400];             /* of the first segment that failed in this round */
    char problem[500];
};

/* A rule of retention, or, behind the last, what no rule speaks of. */
struct kept_rule {
    struct store_filter *filter;
    struct predicate predicate; /* rows for which it is the first that matches */
    struct predicate denied[RETENTION_RULES_MAX];
    const struct predicate *children[RETENTION_RULES_MAX + 1];
    int64_t cutoff_ns; /* rows before it are past it; INT64_MIN: none. State lock */
};

struct upkeep {
    struct kept_rule rules[RETENTION_RULES_MAX + 1];
    uint32_t rule_count;
    int64_t drop_ns; /* segments whose newest row is older go whole; 0: never */

    /* Under the state lock. */
    struct erasure **erasures; /* by number */
    uint32_t erasure_count, erasure_capacity;
    uint32_t erased_count;   /* entries of `done` in all */
    int64_t erase_round_ns;  /* monotonic: when segments that failed are tried again; 0: none did */
    struct mask *masks; /* of the erasures at work and the rules of retention */
    uint32_t mask_count;
    struct predicate mask_all; /* of what no filter could be made for */

    atomic_uint leaving;    /* files that are dropped and still open for a reader */
    atomic_uint open_scans;

    pthread_t thread;
    pthread_cond_t wanted; /* with the queue lock */
    bool thread_runs;
    int64_t compact_at_ns, settle_at_ns, sweep_at_ns; /* monotonic; background thread only */
};

struct store;

void upkeep_init(struct upkeep *upkeep, const pthread_condattr_t *monotonic);
void upkeep_release(struct upkeep *upkeep);
/* After the manifest and the WAL were read: make the filters, mask. NO_MEMORY. */
enum status upkeep_start(struct store *store, struct error *err) WARN_UNUSED;
/* Without it the store works, but nothing is written again; then a diag says so. */
void upkeep_thread_start(struct store *store);
/* After `stopping` was set. */
void upkeep_thread_join(struct store *store);
void upkeep_wake(struct store *store);
/* One piece of background work. END: there is none now. */
enum status upkeep_step(struct store *store, struct error *err) WARN_UNUSED;

/* ---- erasure_list.c: with the state lock, but for new and free, and while the store opens ---- */
struct erasure *erasure_new(const struct manifest_erasure *entry); /* NULL: no memory */
void erasure_free(struct erasure *erasure);                        /* NULL does nothing */
bool erasures_append(struct upkeep *upkeep, struct erasure *erasure);
void erasures_release(struct upkeep *upkeep);
/* Entries of the manifest, while it is loaded. False: no memory. */
bool erasures_load(struct upkeep *upkeep, const struct manifest_erasure *entry);
bool erasures_load_erased(struct upkeep *upkeep, uint64_t number,
                          const struct manifest_erased *erased);
void erasures_load_undecided(struct upkeep *upkeep, uint64_t number, uint64_t texts);
/* All of them, as entries of a manifest. */
bool erasures_put(const struct upkeep *upkeep, struct buf *out);
/* Room for one more segment in its list. False: no memory. */
bool erasure_reserve(struct erasure *erasure);
/* With room: a segment was written again. Beyond ERASED_SEGMENTS_MAX it is only counted. */
void erasure_note(struct upkeep *upkeep, struct erasure *erasure,
                  const struct manifest_erased *erased);
void erasure_forget_segments(struct upkeep *upkeep, struct erasure *erasure);
/* Borrows from it. */
struct erase_receipt erasure_receipt(const struct erasure *erasure);
uint32_t erasures_unfinished(const struct upkeep *upkeep);
/* Has one still work to do? Not those that wait for a repair. */
bool erasures_at_work(const struct upkeep *upkeep);

/* ---- erasure.c ---- */
void erasures_start(struct store *store);
enum status erasures_step(struct store *store, struct error *err) WARN_UNUSED;

/* ---- retention.c ---- */
enum status retention_start(struct store *store, struct error *err) WARN_UNUSED;
void retention_release(struct upkeep *upkeep);
/* At most RETENTION_RULES_MAX + 1 masks, for rows that are past their time; state lock held. */
uint32_t retention_masks(const struct upkeep *upkeep, struct mask *out);
enum status retention_step(struct store *store, struct error *err) WARN_UNUSED;

/* ---- compact.c ---- */
enum status compact_step(struct store *store, struct error *err) WARN_UNUSED;

/* ---- masks ---- */
/* Make upkeep.masks anew; state lock held. False: no memory, the old ones stay. */
bool upkeep_remask(struct store *store);
/* A copy of the masks, for a scan; state lock held. NULL without memory. */
struct mask *upkeep_copy_masks(const struct upkeep *upkeep);

/* ---- replace.c ---- */
struct replacement {
    struct segment_file *const *files; /* of one day; references are the caller's */
    uint32_t file_count;
    const struct mask *masks;
    uint32_t mask_count;
    uint64_t level, erasure; /* of the result */
    /* NULL, or entries for the same manifest record; `result` as below. */
    bool (*put)(void *user, struct buf *edit, const struct replacement *replacement);
    void *user;
    /* set by store_replace() */
    uint64_t rows_masked, samples_masked, bytes_in, bytes_out;
    uint64_t made;  /* number of the new segment; 0: no row stayed, there is none */
    bool unchanged; /* no mask met a row of the one file: it stays */
};
/* Write the files again as one, and put it in their place with one manifest record. AGAIN: one of
 * them was dropped meanwhile. Other errors: the files stay as they are. */
enum status store_replace(struct store *store, struct replacement *replacement,
                          struct error *err) WARN_UNUSED;

#endif
