/* query/filter_compile.h -- a filter of the tree as the predicate that the store, or a view,
 * evaluates. Values get their types, times become numbers, regexes are compiled, subqueries run.
 *
 * Thread safety: one thread at a time while compiling; the predicate is then read-only. */
#ifndef DENDRO_QUERY_FILTER_COMPILE_H
#define DENDRO_QUERY_FILTER_COMPILE_H

#include "base/zone.h"
#include "query/ast.h"
#include "query/names.h"
#include "query/problem.h"
#include "query/regex.h"
#include "query/time_range.h"

/* Regexes and maps of a run: found by predicates through `user`, freed together. */
struct compiled_call;

struct filter_compiler {
    struct arena *arena;         /* for predicates; outlives their use */
    struct names *names;
    const struct zone *zone;
    int64_t end_ns;              /* what ages in _time count back from */
    struct query_problem *problem;
    /* Values of the first column of a subquery, each once; NULL: subqueries are an error. */
    enum status (*values)(void *user, const struct query_tree *query, struct arena *arena,
                          const struct slice **out, uint32_t *count,
                          struct query_problem *problem);
    void *values_user;
    /* Called for each field that no row of the store ever had; may be NULL. */
    enum status (*unknown_field)(void *user, const struct filter *filter);
    void *unknown_user;
    struct regex_query query;    /* of regexes */
    struct compiled_call *calls; /* of all filters compiled so far */
    unsigned depth;
    bool for_store;              /* a field that the store has not is missing in every row */
};

/* Errors: INVALID, TOO_LARGE, NO_MEMORY with `problem` set, and what `values` answers. */
enum status filter_compile(struct filter_compiler *compiler, const struct filter *filter,
                           const struct predicate **out) WARN_UNUSED;
/* `a` and `b`; either may be NULL. */
const struct predicate *predicate_and(struct arena *arena, const struct predicate *a,
                                      const struct predicate *b);
/* Texts that regexes gave up on. */
uint64_t filter_compiler_over_limit(const struct filter_compiler *compiler);
void filter_compiler_release(struct filter_compiler *compiler);

#endif
