/* tests/query/query_fixture.h -- a store full of rows that the test knows, and answers as text.
 * Thread safety: one thread. */
#ifndef DENDRO_TESTS_QUERY_FIXTURE_H
#define DENDRO_TESTS_QUERY_FIXTURE_H

#include "query/query.h"
#include "store/store.h"
#include "tests/support/sim_io.h"

#define FIXTURE_TIME_NS (1767225600LL * 1000000000LL) /* 2026-01-01T00:00:00Z */

enum { ROWS_MAX = 20000, FIXTURE_SOURCES = 4 };

/* What one event says. Its line is "<method> <path> <status> <duration>ms <bytes> <level>
 * <client>[ note=<note>]"; a row whose `status` is 0 has "-" there and no such field. */
struct fixture_row {
    int64_t time_ns, order_ns; /* order: never back within a source */
    uint32_t source;   /* host web<n>; role web, web, proxy, task */
    unsigned status, duration_ms, bytes;
    unsigned tenant;   /* computed field: clinic<n>; 0: none */
    unsigned level;    /* enum level */
    unsigned client;   /* 10.0.<n / 256>.<n % 256> */
    const char *method, *note;
    char line[200], path[40];
};

struct fixture {
    struct sim_io *sim;
    struct store *store;
    struct fixture_row *rows;
    uint32_t count;
};

/* `count` rows from a seed, in batches over all sources, about one per second. The first half is
 * sealed if `seal`. Time runs backwards now and then within a source. */
void fixture_make(struct fixture *fixture, uint32_t count, uint64_t seed, bool seal);
/* The same with a row every `step_ns`. */
void fixture_make_every(struct fixture *fixture, int64_t step_ns, uint32_t count, uint64_t seed,
                        bool seal);
void fixture_free(struct fixture *fixture);

/* The answer of a query: rows as "name=value name=value", without nulls, in the order of the
 * columns; with `columns` NULL all of them. Ends the test if the query fails. */
struct answer {
    char **rows;
    uint32_t count, capacity;
    struct buf head;       /* "name:type name:type", "..." behind if open */
    bool ended;
    struct query_end end;  /* without pointers */
    char warning[200];     /* the first */
    char code[40];
};
void answer_of(struct fixture *fixture, const char *text, const struct query_options *options,
               struct answer *out);
/* As above, but gives the status, and the problem. */
enum status answer_try(struct fixture *fixture, const char *text,
                       const struct query_options *options, struct answer *out,
                       struct query_problem *problem);
void answer_free(struct answer *answer);

#endif
