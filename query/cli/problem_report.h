/* query/cli/problem_report.h -- errors of the server (docs/api.md) for people.
 * Thread safety: one thread. */
#ifndef DENDRO_QUERY_CLI_PROBLEM_REPORT_H
#define DENDRO_QUERY_CLI_PROBLEM_REPORT_H

#include "base/buf.h"

/* Print what an error body says on stderr; with the line of `query` it points into and a caret
 * below, if `query` is not empty. A body that is not ours is shown as it is, cut. */
void problem_report(struct slice query, unsigned http_status, struct slice body);

/* Append the line of `query` that byte `at` is in, and a line with `length` carets below the
 * piece. Control bytes are shown as a dot; a tab stays one, so that the carets meet. */
void problem_point(struct buf *out, struct slice query, size_t at, size_t length);

#endif
