/* query/kept_filter.c -- text -> tree -> predicate, with a life of its own. */
#include "query/kept_filter.h"

#include "query/filter_compile.h"
#include "query/limits.h"
#include "query/query_impl.h"
#include "store/store.h"

#include <stdlib.h>

struct kept_filter {
    struct store_filter base;
    struct query *query; /* predicates borrow its texts */
    struct arena arena;
    struct names names;
    struct filter_compiler compiler;
    bool has_names;
};

static enum status say(const struct query_problem *problem, enum status status, struct error *err)
{
    return error_set(err, status, "byte %zu of the filter: %s", problem->at, problem->message);
}

/* The store numbers a field that it has never seen. False: there are too many names. */
static bool make_name(struct store *store, struct slice field)
{
    return field.len == 0 || store_field(store, field) != UINT32_MAX;
}

/* What would depend on the time of asking, or on other rows; and the names of fields are made. */
static enum status check_tree(const struct filter *filter, struct store *store, struct error *err)
{
    enum status status = STATUS_OK;

    if (filter->kind == FILTER_TIME || filter->kind == FILTER_IN_QUERY ||
        filter->kind == FILTER_TEMPLATE || slice_is(filter->field, "_time"))
        return error_set(err, STATUS_INVALID,
                         "byte %zu of the filter: no times, subqueries and template numbers here: "
                         "it must mean the same for ever",
                         filter->at);
    if (store != NULL &&
        (!make_name(store, filter->field) || !make_name(store, filter->other_field)))
        return error_set(err, STATUS_TOO_LARGE, "there are too many names of fields");
    for (uint32_t i = 0; i < filter->child_count && status == STATUS_OK; i++)
        status = check_tree(filter->children[i], store, err);
    return status;
}

static uint64_t undecided(const struct store_filter *filter)
{
    return filter_compiler_over_limit(&((const struct kept_filter *)filter)->compiler);
}

static void free_filter(struct store_filter *base)
{
    struct kept_filter *filter = (struct kept_filter *)base;

    filter_compiler_release(&filter->compiler);
    if (filter->has_names)
        names_release(&filter->names);
    arena_release(&filter->arena);
    query_free(filter->query);
    free(filter);
}

static enum status parse(struct slice text, struct store *store, struct query **out,
                         struct error *err)
{
    struct query_problem problem = {0};
    enum status status;

    if (slice_trim(text).len == 0)
        return error_set(err, STATUS_INVALID, "the filter is empty: * is all rows");
    status = query_parse(text, out, &problem);
    if (status != STATUS_OK)
        return say(&problem, status, err);
    if (query_tree_of(*out)->pipe_count > 0)
        status = error_set(err, STATUS_INVALID, "a filter has no pipes");
    if (status == STATUS_OK)
        status = check_tree(query_tree_of(*out)->filter, store, err);
    if (status != STATUS_OK)
        query_free(*out);
    return status;
}

static enum status compile(struct kept_filter *filter, struct store *store, struct error *err)
{
    struct query_problem problem = {0};
    enum status status = names_init(&filter->names, store, err);

    if (status != STATUS_OK)
        return status;
    filter->has_names = true;
    filter->compiler = (struct filter_compiler){.arena = &filter->arena,
                                                .names = &filter->names,
                                                .problem = &problem,
                                                .for_store = store != NULL};
    status = filter_compile(&filter->compiler, query_tree_of(filter->query)->filter,
                            &filter->base.predicate);
    filter->compiler.problem = NULL;
    return status == STATUS_OK ? status : say(&problem, status, err);
}

enum status kept_filter_make(void *user, struct store *store, struct slice text,
                             struct store_filter **out, struct error *err)
{
    struct kept_filter *filter;
    struct query *query = NULL;
    enum status status = parse(text, store, &query, err);

    (void)user;
    if (status != STATUS_OK)
        return status;
    filter = calloc(1, sizeof(*filter));
    if (filter == NULL) {
        query_free(query);
        return error_set(err, STATUS_NO_MEMORY, "no memory for a filter");
    }
    filter->base = (struct store_filter){.undecided = undecided, .free = free_filter};
    filter->query = query;
    filter->arena = arena_empty(QUERY_TREE_SIZE_MAX);
    status = compile(filter, store, err);
    if (status == STATUS_OK)
        *out = &filter->base;
    else
        free_filter(&filter->base);
    return status;
}

enum status kept_filter_check(struct slice text, struct error *err)
{
    struct store_filter *filter = NULL;
    enum status status = kept_filter_make(NULL, NULL, text, &filter, err);

    if (filter != NULL)
        filter->free(filter);
    return status;
}
