/* query/problem.h -- fill a struct query_problem; the nearest name as a hint.
 * Thread safety: functions touch only their arguments. */
#ifndef DENDRO_QUERY_PROBLEM_H
#define DENDRO_QUERY_PROBLEM_H

#include "base/error.h"
#include "query/query.h"

/* The bytes [at, at + length) are wrong. Clears hint and expected. Gives INVALID, or TOO_LARGE
 * for the code "query_limit". */
enum status problem_set(struct query_problem *problem, const char *code, size_t at, size_t length,
                        const char *format, ...) __attribute__((format(printf, 5, 6)));
void problem_hint(struct query_problem *problem, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void problem_expected(struct query_problem *problem, const char *expected);
/* What went wrong outside of the text: the code follows from the status. */
enum status problem_from_error(struct query_problem *problem, const struct error *err);

/* The name nearest to `word` (insertions, deletions, changes, swaps), at most a third of its
 * length away; NULL if there is none. Names may be NULL: those are skipped. */
const char *nearest_name(struct slice word, const char *const *names, size_t count);

#endif
