/* store/scan.h -- run a filter over a snapshot of the store and get blocks of rows.
 *
 * A scan sees exactly the rows that were durable when it was opened; sealing, compaction and
 * retention behind it change nothing for it (segments are reference counted).
 *
 * Damage: a bad page never ends a scan. Its rows are left out, scan_cost() counts it and names
 * the first places, and the caller marks its answer partial.
 *
 * Thread safety: scan_next() may be called from several threads at once, so that workers share
 * one scan; with an order other than SCAN_ANY use one thread. */
#ifndef DENDRO_STORE_SCAN_H
#define DENDRO_STORE_SCAN_H

#include "base/error.h"
#include "store/block.h"
#include "store/predicate.h"
#include "store/rollup_answer.h"

#include <stdatomic.h>
#include <stdint.h>

struct store;
struct scan;

enum scan_order {
    SCAN_ANY,    /* as is fastest */
    SCAN_OLDEST, /* blocks by ascending smallest order time: later blocks start no earlier */
    SCAN_NEWEST, /* blocks by descending largest order time */
};

enum scan_table { SCAN_EVENTS, SCAN_SAMPLES };

struct scan_options {
    int64_t time_min_ns, time_max_ns; /* rows with time_min <= _time < time_max */
    const struct predicate *filter;   /* NULL: all rows */
    enum scan_table table;
    enum scan_order order;
    /* If set, rows whose order time is outside are not wanted: blocks that have no others are left out,
     * but blocks that do come have all of their rows. Both ends count. */
    bool order_bounded;
    int64_t order_first_ns, order_last_ns;
    bool open_events;            /* also rows with EVENT_OPEN (not yet complete events) */
    bool count_only;             /* caller only wants block_selected_count() */
    /* Rows may be answered by scan_items() instead of blocks; NULL: all rows come in blocks. */
    const struct rollup_wish *wish;
    /* Live tail: only rows of the head with sequence > after_sequence; 0: all rows. */
    uint64_t after_sequence;
    const atomic_bool *cancel;   /* NULL or a flag that is looked at per block */
    int64_t deadline_ns;         /* on io_mono_ns(); as the flag; 0: none */
    /* Called once, in scan_next(), when the scan has gone on for SCAN_BUSY_NS and is not at its end: time
     * to call scan_next() from more threads. NULL: never. */
    void (*busy)(void *user);
    void *busy_user;
    uint64_t memory_max;         /* bytes the scan may hold at once; 0: 32 MiB */
};

#define SCAN_BUSY_NS 500000 /* ten times what a thread costs to start and to join */

struct scan_cost {
    uint64_t rows_total;     /* rows of the table in the store's snapshot (before any filter) */
    uint64_t rows_scanned;   /* rows whose columns were looked at */
    uint64_t rows_selected;
    uint64_t bytes_read;     /* from disk or page cache, compressed */
    uint64_t blocks_read, blocks_skipped;
    uint64_t pages_damaged;
    char damage[200];        /* the first damaged place, or "" */
};

/* Errors: NO_MEMORY, TOO_LARGE (the memory limit). */
enum status scan_open(struct store *store, const struct scan_options *options, struct scan **out,
                      struct error *err) WARN_UNUSED;
/* The next block with at least one selected row; the caller releases it. END: no more;
 * CANCELLED: the flag was set, or the deadline has passed. */
enum status scan_next(struct scan *scan, struct block **out, struct error *err) WARN_UNUSED;
/* From any thread: whoever is in scan_next() gets END once its block is looked at, and no more. */
void scan_stop(struct scan *scan);
/* With SCAN_OLDEST / SCAN_NEWEST: no row of a later block has an order time below (above) it. */
int64_t scan_bound(const struct scan *scan);
/* After scan_next() said END: what rollups answered instead of rows, one list per segment. `*at` is 0 at
 * first. False: no more. Items live until scan_close(). */
bool scan_items(const struct scan *scan, uint32_t *at, const struct rollup_item **items,
                uint32_t *count);
void scan_cost(const struct scan *scan, struct scan_cost *out);
void scan_close(struct scan *scan); /* NULL does nothing; blocks may outlive it */

#endif
