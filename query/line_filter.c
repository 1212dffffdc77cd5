/* query/line_filter.c -- a predicate over one text instead of a block. */
#include "query/line_filter.h"

#include "query/filter_compile.h"
#include "query/limits.h"
#include "query/query_impl.h"

#include <stdlib.h>

struct line_filter {
    struct arena arena;
    struct names names;
    struct filter_compiler compiler;
    const struct predicate *predicate;
};

/* Only tests of the line itself can be decided. */
static enum status check_tree(const struct filter *filter, struct query_problem *problem)
{
    enum status status = STATUS_OK;

    if (filter->field.len > 0 || filter->kind == FILTER_TIME || filter->kind == FILTER_TEMPLATE) {
        problem_set(problem, "query_type", filter->at, filter->length,
                    "a bare line has no fields and no time: this filter needs a store");
        return STATUS_INVALID;
    }
    for (uint32_t i = 0; status == STATUS_OK && i < filter->child_count; i++)
        status = check_tree(filter->children[i], problem);
    return status;
}

enum status line_filter_new(const struct query *query, struct line_filter **out,
                            struct query_problem *problem)
{
    const struct query_tree *tree = query_tree_of(query);
    struct line_filter *filter;
    struct error err = {0};
    enum status status = check_tree(tree->filter, problem);

    if (status != STATUS_OK)
        return status;
    if (tree->pipe_count > 0)
        return problem_set(problem, "query_type", tree->pipes[0].at, tree->pipes[0].length,
                           "pipes need a store");
    filter = calloc(1, sizeof(*filter));
    if (filter == NULL)
        return problem_set(problem, "query_limit", 0, 0, "out of memory");
    filter->arena = arena_empty(QUERY_TREE_SIZE_MAX);
    status = names_init(&filter->names, NULL, &err);
    if (status != STATUS_OK) {
        free(filter);
        return problem_from_error(problem, &err);
    }
    filter->compiler = (struct filter_compiler){
        .arena = &filter->arena, .names = &filter->names, .problem = problem};
    status = filter_compile(&filter->compiler, tree->filter, &filter->predicate);
    filter->compiler.problem = NULL;
    if (status != STATUS_OK)
        line_filter_free(filter);
    else
        *out = filter;
    return status;
}

static bool match(const struct predicate *predicate, struct slice line)
{
    switch (predicate->kind) {
    case PRED_ALL:
        return true;
    case PRED_AND:
        for (uint32_t i = 0; i < predicate->child_count; i++)
            if (!match(predicate->children[i], line))
                return false;
        return true;
    case PRED_OR:
        for (uint32_t i = 0; i < predicate->child_count; i++)
            if (match(predicate->children[i], line))
                return true;
        return false;
    case PRED_NOT:
        return !match(predicate->children[0], line);
    case PRED_CALL:
        return (predicate->superset == NULL || match(predicate->superset, line)) &&
               predicate_match_text(predicate, line);
    default:
        return predicate_match_text(predicate, line);
    }
}

bool line_filter_match(const struct line_filter *filter, struct slice line)
{
    return match(filter->predicate, line);
}

uint64_t line_filter_over_limit(const struct line_filter *filter)
{
    return filter_compiler_over_limit(&filter->compiler);
}

void line_filter_free(struct line_filter *filter)
{
    if (filter == NULL)
        return;
    filter_compiler_release(&filter->compiler);
    names_release(&filter->names);
    arena_release(&filter->arena);
    free(filter);
}
