/* query/query_impl.h -- what is inside a parsed query; for the files of this folder only. */
#ifndef DENDRO_QUERY_QUERY_IMPL_H
#define DENDRO_QUERY_QUERY_IMPL_H

#include "base/arena.h"
#include "query/ast.h"
#include "query/query.h"

struct query {
    struct arena arena; /* tree and texts, the query's own text too */
    struct query_tree tree;
};

static inline const struct query_tree *query_tree_of(const struct query *query)
{
    return &query->tree;
}

#endif
