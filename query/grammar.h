/* query/grammar.h -- text to tree, by recursive descent (docs/query.md). A bad text gives the
 * smallest wrong piece, what could stand there and, where a name is misspelt, the nearest one.
 * Thread safety: one thread at a time per arena. */
#ifndef DENDRO_QUERY_GRAMMAR_H
#define DENDRO_QUERY_GRAMMAR_H

#include "base/arena.h"
#include "query/ast.h"
#include "query/problem.h"

/* A whole query. The tree and its texts live in `arena` and in `text`, which must outlive it.
 * Errors: INVALID, TOO_LARGE (a limit of limits.h), with `problem` set. */
enum status grammar_query(struct slice text, struct arena *arena, struct query_tree *out,
                          struct query_problem *problem) WARN_UNUSED;
/* Pipes alone: "sort by (n) | limit 5". `out->filter` is set to all rows. */
enum status grammar_pipes(struct slice text, struct arena *arena, struct query_tree *out,
                          struct query_problem *problem) WARN_UNUSED;

#endif
