/* query/run.h -- one running query: what its plan, operators and threads share.
 * Thread safety: as each member says. */
#ifndef DENDRO_QUERY_RUN_H
#define DENDRO_QUERY_RUN_H

#include "base/zone.h"
#include "query/filter_compile.h"
#include "query/memory.h"
#include "query/names.h"
#include "query/query.h"
#include "query/time_range.h"
#include "store/scan.h"

#include <pthread.h>
#include <stdatomic.h>

enum { WARNING_SIZE_MAX = 200 };

struct run {
    struct store *store;
    const struct query_options *options;
    const struct query_receiver *receiver;
    struct query_problem *problem; /* of planning: the calling thread only */
    struct memory memory;          /* any thread */
    uint64_t refused_before;       /* times that queries got no memory until this one began */
    struct names names;            /* any thread */
    struct arena arena;            /* plans; the calling thread only */
    struct filter_compiler compiler; /* the calling thread only */
    struct zone *zone;             /* NULL: UTC */
    int64_t now_ns, start_mono_ns, progress_mono_ns;
    unsigned depth;                /* of subqueries that run inside one another */
    bool range_fixed;              /* the next plan takes its range as it is: diff */

    pthread_mutex_t lock;          /* for what follows */
    char warnings[QUERY_WARNINGS_MAX][WARNING_SIZE_MAX];
    uint32_t warning_count;
    struct scan_cost cost;         /* of scans that have ended */
    uint32_t sampled;              /* 0, or N */
    atomic_bool timed_out;
    atomic_ullong regex_over_limit; /* texts that regexes of filters and pipes gave up on */

    uint64_t rows_sent;
    bool limited;                  /* options.limit cut the answer */
};

enum status run_init(struct run *run, struct store *store, const struct query_options *options,
                     const struct query_receiver *receiver, struct query_problem *problem,
                     struct error *err) WARN_UNUSED;
void run_release(struct run *run);

/* Wait until there is memory to begin with. Errors: TOO_LARGE after QUERY_ADMISSION_NS, CANCELLED. */
enum status run_admit(struct run *run, struct error *err) WARN_UNUSED;
/* The status and sentence for the user of an error that ended the run: what found no memory below
 * us could not know whose limit it was. */
enum status run_explain_error(const struct run *run, enum status status, struct error *err);

/* The time that the scan has to look at; 0: none. A deadline that moves is looked at by run_check()
 * between blocks, and by regexes inside them. */
int64_t run_block_deadline(const struct query_options *options);
/* CANCELLED with a sentence once the flag is set or the deadline has passed. Any thread. */
enum status run_check(struct run *run, struct error *err) WARN_UNUSED;
/* Tell the user once. Any thread. */
void run_warn(struct run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Add up what a scan cost. `again`: of rows that another scan of this query has counted. */
void run_add_cost(struct run *run, const struct scan *scan, bool again);
/* Tell the receiver how far the query is, if it is time to. The calling thread only. */
void run_report(struct run *run, const struct scan *scan);

#endif
