/* query/line_filter.h -- the filter part of the language on single lines, without a store: local
 * `dendro grep`, tests of alert rules.
 *
 * Only filters on the line itself (no field, or _msg) can be decided; others are an error when
 * the filter is made. Time filters too: a bare line has no time.
 * Thread safety: a filter may match on any number of threads at once. */
#ifndef DENDRO_QUERY_LINE_FILTER_H
#define DENDRO_QUERY_LINE_FILTER_H

#include "base/slice.h"
#include "query/query.h"

struct line_filter;

/* Errors: INVALID (a field, a pipe, a bad regex), NO_MEMORY; `problem` is filled. */
enum status line_filter_new(const struct query *query, struct line_filter **out,
                            struct query_problem *problem) WARN_UNUSED;
bool line_filter_match(const struct line_filter *filter, struct slice line);
/* Lines that a regex gave up on so far (match or heap limit): taken as no match. */
uint64_t line_filter_over_limit(const struct line_filter *filter);
void line_filter_free(struct line_filter *filter);

#endif
