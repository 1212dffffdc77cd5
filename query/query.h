/* query/query.h -- the facade: text in, rows out.
 *
 *   struct query *query;
 *   if (query_parse(text, &query, &problem) != STATUS_OK)  -> problem.at, .message, .hint
 *   query_run(query, store, &options, &receiver, &problem)
 *   query_free(query)
 *
 * Thread safety: a parsed query is constant; any number of threads may run it at once. A run uses
 * the calling thread and up to `workers` more; the receiver is only called on the calling thread
 * and may block it, which is the back-pressure of a slow client. */
#ifndef DENDRO_QUERY_QUERY_H
#define DENDRO_QUERY_QUERY_H

#include "base/buf.h"
#include "base/error.h"
#include "base/slice.h"
#include "query/result.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct query;
struct store;

/* What is wrong with a query: the smallest wrong piece, in bytes of its text. */
struct query_problem {
    const char *code;  /* "query_syntax", "query_type", "query_limit", "unknown_field",
                          "cancelled", "timeout", "storage", "internal"; static */
    size_t at, length; /* byte offset (0-based) and length of the piece */
    uint32_t line;     /* 1-based */
    char message[256];
    char hint[96];     /* one suggestion, or "" */
    char expected[96]; /* what could stand there, separated by ", ", or "" */
};

/* Parse the native language (docs/query.md). An empty text is `*`.
 * out     set on success only; end it with query_free().
 * Errors: INVALID (syntax, types), TOO_LARGE (a limit), NO_MEMORY; `problem` is always filled. */
enum status query_parse(struct slice text, struct query **out,
                        struct query_problem *problem) WARN_UNUSED;
/* Put `pipes` ("stats by (role) count()", without the first bar) behind those of the query; on
 * an error the query is as it was, and `at` counts in `pipes`. */
enum status query_add_pipes(struct query *query, struct slice pipes,
                            struct query_problem *problem) WARN_UNUSED;
void query_free(struct query *query); /* NULL does nothing */

/* Append the text that parses to the same query, in one normal form. */
bool query_print(const struct query *query, struct buf *out);
/* True if each answer row is a row of the store: no pipe that groups, counts or joins. */
bool query_gives_rows(const struct query *query);
/* May live tail run it: filters and pipes that look at one row at a time. */
bool query_can_tail(const struct query *query, struct query_problem *problem);

enum query_order {
    QUERY_NEWEST, /* newest first: what a page shows */
    QUERY_OLDEST, /* as grep: time order, each file in its own order */
    QUERY_ANY,    /* as is fastest */
};

/* How long a receiver has waited for its reader: that is no part of the query's time. The receiver
 * sets `since_ns` when a wait begins; at its end it adds to `total_ns` first, and clears `since_ns`
 * then, so that the sum is never too small. */
struct query_pause {
    atomic_int_fast64_t total_ns; /* of waits that have ended */
    atomic_int_fast64_t since_ns; /* io_mono_ns() when the wait at hand began; 0: none */
};

struct query_options {
    int64_t start_ns, end_ns;    /* [start, end); both 0: all that is retained */
    int64_t now_ns;              /* what relative times count from; 0: the clock */
    struct slice tz;             /* IANA name or "+05:30", for times without zone; "": UTC */
    enum query_order order;      /* of rows; a sort pipe decides otherwise */
    uint64_t limit;              /* rows sent at most; 0: no limit */
    uint64_t memory_max;         /* bytes; 0: QUERY_MEMORY_MAX (limits.h) */
    int64_t deadline_ns;         /* on io_mono_ns(); 0: none */
    const struct query_pause *pause; /* NULL, or the waits of the receiver: the deadline moves by them */
    const atomic_bool *cancel;   /* NULL, or set to true to stop within a block */
    /* A filter (a query without pipes) that each row must pass also, whatever the text says, in
     * subqueries too: what a token may see. NULL: everything. */
    const struct query *scope;
    const char *notice;          /* NULL, or a warning of the caller that the answer carries */
    uint64_t after_sequence;     /* live tail: only rows that arrived later; 0: all */
    bool open_events;            /* also events that are not complete yet */
    bool positions;              /* fill sources, offsets, sequences, flags of chunks */
    bool no_offsets;             /* but offsets with 0: they cost the length of every line before */
    bool strict;                 /* an unknown field is an error instead of a warning */
    unsigned workers;            /* threads; 0: one per processor, at most QUERY_WORKERS_MAX */
};

/* Who gets the answer. A callback that answers END has enough: the run stops and ends well.
 * Any other status but OK cancels it. head and end are called once, in this order around all
 * others. Members may be NULL. */
struct query_receiver {
    enum status (*head)(void *user, const struct query_head *head);
    enum status (*chunk)(void *user, const struct result_chunk *chunk);
    enum status (*progress)(void *user, const struct query_progress *progress); /* <= 2 per s */
    void (*end)(void *user, const struct query_end *end);
    void *user;
};

/* Run it. Errors before the head: INVALID, TOO_LARGE, ... with `problem` filled and no callback.
 * After the head the same status is returned, and the end record has it too. */
enum status query_run(const struct query *query, struct store *store,
                      const struct query_options *options, const struct query_receiver *receiver,
                      struct query_problem *problem) WARN_UNUSED;

/* Append the plan as text: range, filter as the store gets it, columns read, operators. */
enum status query_explain(const struct query *query, struct store *store,
                          const struct query_options *options, struct buf *out,
                          struct query_problem *problem) WARN_UNUSED;

#endif
