/* store/scrub.h -- reads every page of every segment once a week, so that a decaying disk is noticed
 * while there is still another copy. A part of struct store; for the store's own files only.
 *
 * It works in pieces on the background thread when that has nothing else to do, at most at the rate of
 * the options and a twentieth of the time. What it finds is set aside as if a query had found it
 * (page_quarantine.h). How far it came is kept in <store>/scrub over restarts.
 * Thread safety: scrub_stats() from any thread; the rest on the background thread. */
#ifndef DENDRO_STORE_SCRUB_H
#define DENDRO_STORE_SCRUB_H

#include "base/error.h"
#include "store/store.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct segment;
struct segment_file;

enum { SCRUB_PIECE_SIZE = 1 << 20, SCRUB_TICK_SIZE_MAX = 8 << 20 };
#define SCRUB_INTERVAL_NS (7 * INT64_C(86400) * 1000000000) /* from the begin of a pass to that of the next */

struct scrub {
    bool loaded;
    struct segment_file *file; /* one reference; NULL: between two */
    struct segment *segment;   /* of the file, opened for us alone: its directory is checked, too */
    uint64_t next_segment;     /* number; smaller ones are done in this pass */
    uint32_t next_page;
    int64_t saved_ns;          /* monotonic */
    _Atomic int64_t started_ns, finished_ns; /* of the pass that runs (0: none), of the last; wall */
    _Atomic int64_t begun_ns;  /* of the last pass that began */
    _Atomic uint64_t bytes, pages, damaged, passes;
};

/* Check one piece. END: no pass is due. A damaged page is no error. Errors: NO_MEMORY. */
enum status scrub_step(struct store *store, struct error *err) WARN_UNUSED;
/* As many pieces as one tick of a second may take. */
void scrub_tick(struct store *store);
void scrub_release(struct store *store);
void scrub_stats(struct store *store, struct scrub_stats *out);

#endif
