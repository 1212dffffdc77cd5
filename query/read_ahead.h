/* query/read_ahead.h -- blocks of an ordered scan, found on a thread of their own while the rows of
 * those before them are merged and sent.
 *
 * The first block is found on the calling thread: what one block answers needs no second thread, and
 * no block is read in vain. The thread stays a few blocks ahead, in the order of the scan.
 * Thread safety: one thread at a time. */
#ifndef DENDRO_QUERY_READ_AHEAD_H
#define DENDRO_QUERY_READ_AHEAD_H

#include "query/run.h"

struct read_ahead;

struct read_ahead_options {
    struct run *run;
    struct scan *scan;  /* ordered; nobody else asks it for blocks */
    bool alone;         /* no second thread */
    bool lines;         /* of all rows will be rendered */
    bool times_only;    /* few blocks have rows that go out: of the others only times are looked at */
};

/* Errors: NO_MEMORY. */
enum status read_ahead_open(const struct read_ahead_options *options, struct read_ahead **out,
                            struct error *err) WARN_UNUSED;
/* The next block, which is the caller's, and the bound of the scan behind it. END: no more; others as
 * of scan_next() and run_check(). Nothing may be asked for after that. */
enum status read_ahead_next(struct read_ahead *ahead, struct block **out, int64_t *bound,
                            struct error *err) WARN_UNUSED;
/* Also before the end: the thread gives up within the block that it looks at. NULL does nothing. */
void read_ahead_close(struct read_ahead *ahead);

#endif
