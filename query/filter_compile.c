/* query/filter_compile.c -- one function per kind of filter, chosen by a table.
 *
 * The predicate of the store knows phrases, ranges, sets and calls. A typed value becomes a range
 * from itself to itself; what the store does not know (regexes, large sets, comparisons of texts)
 * becomes a call. */
#include "query/filter_compile.h"

#include "base/io.h"
#include "base/map.h"
#include "query/field_types.h"
#include "query/limits.h"
#include "store/value.h"

#include <math.h>
#include <stdlib.h>

/* From this many values on, a hash table beats looking at each. */
enum { IN_LIST_MAX = 16 };

struct compiled_call {
    struct compiled_call *next;
    struct regex *regex;
    struct map set;
    const struct filter *filter; /* of comparisons */
};

typedef enum status filter_function(struct filter_compiler *compiler, const struct filter *filter,
                                    struct predicate *out);

static enum status no_memory(struct filter_compiler *compiler)
{
    return problem_set(compiler->problem, "query_limit", 0, 0, "the query is too large to plan");
}

static struct predicate *predicate_new(struct filter_compiler *compiler, enum predicate_kind kind)
{
    struct predicate *made = arena_new(compiler->arena, struct predicate, 1);

    if (made != NULL)
        made->kind = kind;
    return made;
}

static struct compiled_call *call_new(struct filter_compiler *compiler)
{
    struct compiled_call *call = calloc(1, sizeof(*call));

    if (call == NULL)
        return NULL;
    call->next = compiler->calls;
    compiler->calls = call;
    return call;
}

static enum status compile_children(struct filter_compiler *compiler, const struct filter *filter,
                                    struct predicate *out)
{
    const struct predicate **children =
        arena_new(compiler->arena, const struct predicate *, filter->child_count + 1);
    enum status status = children == NULL ? no_memory(compiler) : STATUS_OK;

    for (uint32_t i = 0; status == STATUS_OK && i < filter->child_count; i++)
        status = filter_compile(compiler, filter->children[i], &children[i]);
    out->children = children;
    out->child_count = filter->child_count;
    return status;
}

static enum status compile_all(struct filter_compiler *compiler, const struct filter *filter,
                               struct predicate *out)
{
    (void)compiler;
    (void)filter;
    out->kind = PRED_ALL;
    return STATUS_OK;
}

static enum status compile_and(struct filter_compiler *compiler, const struct filter *filter,
                               struct predicate *out)
{
    out->kind = PRED_AND;
    return compile_children(compiler, filter, out);
}

static enum status compile_or(struct filter_compiler *compiler, const struct filter *filter,
                              struct predicate *out)
{
    out->kind = PRED_OR;
    return compile_children(compiler, filter, out);
}

static enum status compile_not(struct filter_compiler *compiler, const struct filter *filter,
                               struct predicate *out)
{
    out->kind = PRED_NOT;
    return compile_children(compiler, filter, out);
}

/* ---- values ---- */

static void set_range(struct predicate *out, double low, double high)
{
    out->kind = PRED_RANGE;
    out->low = low;
    out->high = high;
}

static bool is_number_type(enum value_type type)
{
    return type == VALUE_INT || type == VALUE_FLOAT || type == VALUE_DURATION ||
           type == VALUE_BYTES;
}

/* The literal as a whole value of a typed field; false: compare texts. */
static bool compile_value(const struct filter *filter, const struct literal *literal,
                          struct predicate *out)
{
    enum value_type type = field_type_of(filter->field);
    double number;

    if (type == VALUE_LEVEL && level_of_literal(literal->text) != LEVEL_COUNT) {
        out->kind = PRED_TEXT;
        out->match = TEXT_EXACT;
        out->text = slice_of(level_name(level_of_literal(literal->text)));
        return true;
    }
    if (!is_number_type(type) || literal->quoted ||
        !field_type_number(filter->field, literal, &number))
        return false;
    set_range(out, number, number);
    return true;
}

static enum status compile_text(struct filter_compiler *compiler, const struct filter *filter,
                                struct predicate *out)
{
    struct literal literal = {.quoted = filter->quoted, .text = filter->text};

    (void)compiler;
    if (!filter->quoted)
        literal_read(filter->text, &literal);
    if (filter->field.len > 0 && (filter->match == TEXT_PHRASE || filter->match == TEXT_EXACT) &&
        compile_value(filter, &literal, out))
        return STATUS_OK;
    out->kind = PRED_TEXT;
    out->match = filter->match;
    out->fold_case = filter->fold_case || field_type_of(filter->field) == VALUE_LEVEL;
    out->text = filter->text;
    return STATUS_OK;
}

/* ---- comparisons ---- */

static bool compares(enum filter_compare compare, int order)
{
    switch (compare) {
    case COMPARE_GREATER:
        return order > 0;
    case COMPARE_GREATER_EQUAL:
        return order >= 0;
    case COMPARE_LESS:
        return order < 0;
    case COMPARE_LESS_EQUAL:
        return order <= 0;
    }
    return false;
}

static bool call_compare(void *user, struct slice text)
{
    const struct filter *filter = ((struct compiled_call *)user)->filter;

    return compares(filter->compare, slice_compare(text, filter->low.text));
}

static bool call_range(void *user, struct slice text)
{
    const struct filter *filter = ((struct compiled_call *)user)->filter;
    int low = slice_compare(text, filter->low.text), high = slice_compare(text, filter->high.text);

    return (filter->low_open ? low > 0 : low >= 0) && (filter->high_open ? high < 0 : high <= 0);
}

static bool call_ipv4(void *user, struct slice text)
{
    const struct filter *filter = ((struct compiled_call *)user)->filter;
    uint32_t address;

    return ipv4_of_text(text, &address) && address >= filter->low.number &&
           address <= filter->high.number;
}

static enum status compile_call(struct filter_compiler *compiler, const struct filter *filter,
                                predicate_call *function, struct predicate *out)
{
    struct compiled_call *call = call_new(compiler);

    if (call == NULL)
        return no_memory(compiler);
    call->filter = filter;
    out->kind = PRED_CALL;
    out->call = function;
    out->user = call;
    return STATUS_OK;
}

static enum status compile_compare(struct filter_compiler *compiler, const struct filter *filter,
                                   struct predicate *out)
{
    bool level = field_type_of(filter->field) == VALUE_LEVEL;
    enum filter_compare compare = filter->compare;
    bool above = compare == COMPARE_GREATER || compare == COMPARE_GREATER_EQUAL;
    bool open = compare == COMPARE_GREATER || compare == COMPARE_LESS;
    double number;

    if (filter->low.quoted || !field_type_number(filter->field, &filter->low, &number))
        if (!level || !field_type_number(filter->field, &filter->low, &number))
            return compile_call(compiler, filter, call_compare, out);
    if (level) /* the more severe level has the smaller number */
        above = !above;
    set_range(out, above ? number : -(double)INFINITY, above ? (double)INFINITY : number);
    out->low_open = above && open;
    out->high_open = !above && open;
    return STATUS_OK;
}

static enum status compile_range(struct filter_compiler *compiler, const struct filter *filter,
                                 struct predicate *out)
{
    bool level = field_type_of(filter->field) == VALUE_LEVEL;
    double low, high;

    if (!field_type_number(filter->field, &filter->low, &low) ||
        !field_type_number(filter->field, &filter->high, &high))
        return compile_call(compiler, filter, call_range, out);
    set_range(out, level ? high : low, level ? low : high);
    out->low_open = level ? filter->high_open : filter->low_open;
    out->high_open = level ? filter->low_open : filter->high_open;
    return STATUS_OK;
}

static enum status compile_ipv4(struct filter_compiler *compiler, const struct filter *filter,
                                struct predicate *out)
{
    if (field_type_of(filter->field) != VALUE_IPV4)
        return compile_call(compiler, filter, call_ipv4, out);
    set_range(out, filter->low.number, filter->high.number);
    return STATUS_OK;
}

static enum status compile_length(struct filter_compiler *compiler, const struct filter *filter,
                                  struct predicate *out)
{
    (void)compiler;
    out->kind = PRED_LENGTH;
    out->low = filter->low.number;
    out->high = filter->high.number;
    return STATUS_OK;
}

/* ---- regex ---- */

static bool call_regex(void *user, struct slice text)
{
    return regex_match(((const struct compiled_call *)user)->regex, text);
}

static enum status compile_regex(struct filter_compiler *compiler, const struct filter *filter,
                                 struct predicate *out)
{
    unsigned flags = (filter->anchored ? REGEX_ANCHORED : 0u) |
                     (filter->fold_case || field_type_of(filter->field) == VALUE_LEVEL
                          ? REGEX_FOLD_CASE : 0u);
    struct error err = {0};
    bool exact;
    enum status status = compile_call(compiler, filter, call_regex, out);

    if (status != STATUS_OK)
        return status;
    status = regex_new(filter->text, flags, &compiler->calls->regex, NULL, &err);
    if (status != STATUS_OK)
        return problem_set(compiler->problem, "query_syntax", filter->at, filter->length, "%s",
                           err.message);
    regex_belongs_to(compiler->calls->regex, &compiler->query);
    out->superset = regex_superset(filter->text, flags, out->field, compiler->arena, &exact);
    out->parts = regex_parts(filter->text, flags, compiler->arena);
    if (exact) { /* the store knows such tests, and asks no row where a template has the text */
        field_id field = out->field;

        *out = *out->superset;
        out->field = field;
    }
    return STATUS_OK;
}

/* ---- sets ---- */

static bool call_in(void *user, struct slice text)
{
    return map_get(&((struct compiled_call *)user)->set, text) != MAP_NONE;
}

static enum status compile_set(struct filter_compiler *compiler, const struct filter *filter,
                               const struct slice *texts, uint32_t count, struct predicate *out)
{
    struct map *set;
    enum status status;

    out->kind = PRED_IN;
    out->texts = texts;
    out->text_count = count;
    if (count <= IN_LIST_MAX)
        return STATUS_OK;
    status = compile_call(compiler, filter, call_in, out);
    if (status != STATUS_OK)
        return status;
    set = &compiler->calls->set;
    *set = map_empty(count * 2);
    for (uint32_t i = 0; i < count; i++)
        if (!map_put(set, texts[i], i))
            return no_memory(compiler);
    return STATUS_OK;
}

/* One test per text of the list. Values of typed fields are values: 1s is in(1000ms). */
static enum status compile_each(struct filter_compiler *compiler, const struct filter *filter,
                                enum predicate_kind kind, enum text_match match,
                                struct predicate *out)
{
    const struct predicate **children =
        arena_new(compiler->arena, const struct predicate *, filter->list_count + 1);

    if (children == NULL)
        return no_memory(compiler);
    for (uint32_t i = 0; i < filter->list_count; i++) {
        struct predicate *child = predicate_new(compiler, PRED_TEXT);

        if (child == NULL)
            return no_memory(compiler);
        child->field = out->field;
        child->match = match;
        child->text = filter->list[i].text;
        if (match == TEXT_EXACT)
            (void)compile_value(filter, &filter->list[i], child);
        children[i] = child;
    }
    out->kind = kind;
    out->children = children;
    out->child_count = filter->list_count;
    return STATUS_OK;
}

static const struct slice *list_texts(struct filter_compiler *compiler,
                                      const struct filter *filter)
{
    struct slice *texts = arena_new(compiler->arena, struct slice, filter->list_count + 1);

    for (uint32_t i = 0; texts != NULL && i < filter->list_count; i++)
        texts[i] = filter->list[i].text;
    return texts;
}

static enum status compile_in(struct filter_compiler *compiler, const struct filter *filter,
                              struct predicate *out)
{
    enum value_type type = field_type_of(filter->field);
    const struct slice *texts;

    if (type == VALUE_LEVEL || is_number_type(type))
        return compile_each(compiler, filter, PRED_OR, TEXT_EXACT, out);
    texts = list_texts(compiler, filter);
    return texts == NULL ? no_memory(compiler)
                         : compile_set(compiler, filter, texts, filter->list_count, out);
}

static enum status compile_in_query(struct filter_compiler *compiler, const struct filter *filter,
                                    struct predicate *out)
{
    const struct slice *texts;
    uint32_t count;
    enum status status;

    if (compiler->values == NULL)
        return problem_set(compiler->problem, "query_type", filter->at, filter->length,
                           "a subquery cannot stand here");
    status = compiler->values(compiler->values_user, filter->query, compiler->arena, &texts,
                              &count, compiler->problem);
    return status == STATUS_OK ? compile_set(compiler, filter, texts, count, out) : status;
}

static enum status compile_contains_any(struct filter_compiler *compiler,
                                        const struct filter *filter, struct predicate *out)
{
    return compile_each(compiler, filter, PRED_OR, TEXT_PHRASE, out);
}

static enum status compile_contains_all(struct filter_compiler *compiler,
                                        const struct filter *filter, struct predicate *out)
{
    return compile_each(compiler, filter, PRED_AND, TEXT_PHRASE, out);
}

static enum status compile_sequence(struct filter_compiler *compiler, const struct filter *filter,
                                    struct predicate *out)
{
    out->kind = PRED_SEQUENCE;
    out->texts = list_texts(compiler, filter);
    out->text_count = filter->list_count;
    return out->texts == NULL ? no_memory(compiler) : STATUS_OK;
}

/* ---- the rest ---- */

static enum status compile_exists(struct filter_compiler *compiler, const struct filter *filter,
                                  struct predicate *out)
{
    (void)compiler;
    (void)filter;
    out->kind = PRED_EXISTS;
    return STATUS_OK;
}

static enum status compile_empty(struct filter_compiler *compiler, const struct filter *filter,
                                 struct predicate *out)
{
    const struct predicate **child = arena_new(compiler->arena, const struct predicate *, 1);
    struct predicate *exists = predicate_new(compiler, PRED_EXISTS);

    (void)filter;
    if (child == NULL || exists == NULL)
        return no_memory(compiler);
    exists->field = out->field;
    if (compiler->for_store && names_is_local(out->field))
        exists->kind = PRED_NONE;
    child[0] = exists;
    out->kind = PRED_NOT;
    out->children = child;
    out->child_count = 1;
    return STATUS_OK;
}

static enum status compile_fields(struct filter_compiler *compiler, const struct filter *filter,
                                  struct predicate *out)
{
    out->kind = PRED_FIELDS;
    out->relation = filter->relation;
    out->other_field = names_id(compiler->names, filter->other_field);
    if (compiler->for_store && names_is_local(out->other_field))
        out->kind = PRED_NONE;
    return STATUS_OK;
}

/* Below the top level a time filter is a test like any other; doubles hold it to 256 ns. */
static enum status compile_time(struct filter_compiler *compiler, const struct filter *filter,
                                struct predicate *out)
{
    struct time_range range = time_filter_range(&filter->time, compiler->zone, compiler->end_ns);
    enum status status = time_filter_check(filter, range, compiler->problem);

    out->field = FIELD_ID_TIME;
    set_range(out, range.min_ns == INT64_MIN ? -(double)INFINITY : (double)range.min_ns,
              range.max_ns == INT64_MAX ? (double)INFINITY : (double)range.max_ns);
    out->high_open = range.max_ns != INT64_MAX;
    return status;
}

static enum status compile_template(struct filter_compiler *compiler, const struct filter *filter,
                                    struct predicate *out)
{
    (void)compiler;
    out->kind = PRED_TEMPLATE;
    out->number = filter->template_id;
    return STATUS_OK;
}

static filter_function *const functions[] = {
    [FILTER_ALL] = compile_all,
    [FILTER_AND] = compile_and,
    [FILTER_OR] = compile_or,
    [FILTER_NOT] = compile_not,
    [FILTER_TEXT] = compile_text,
    [FILTER_REGEX] = compile_regex,
    [FILTER_COMPARE] = compile_compare,
    [FILTER_RANGE] = compile_range,
    [FILTER_IN] = compile_in,
    [FILTER_IN_QUERY] = compile_in_query,
    [FILTER_CONTAINS_ANY] = compile_contains_any,
    [FILTER_CONTAINS_ALL] = compile_contains_all,
    [FILTER_SEQUENCE] = compile_sequence,
    [FILTER_IPV4] = compile_ipv4,
    [FILTER_EXISTS] = compile_exists,
    [FILTER_EMPTY] = compile_empty,
    [FILTER_FIELDS] = compile_fields,
    [FILTER_LENGTH] = compile_length,
    [FILTER_TIME] = compile_time,
    [FILTER_TEMPLATE] = compile_template,
};

static bool has_field(const struct filter *filter)
{
    switch (filter->kind) {
    case FILTER_ALL:
    case FILTER_AND:
    case FILTER_OR:
    case FILTER_NOT:
    case FILTER_TIME:
    case FILTER_TEMPLATE:
        return false;
    default:
        return true;
    }
}

/* A field that no row has: every test of it is false. Tests that hold for a missing field are
 * made of PRED_NOT, so they come out right. */
static enum status test_missing(struct filter_compiler *compiler, const struct filter *filter,
                                struct predicate *out)
{
    if (compiler->unknown_field != NULL) {
        enum status status = compiler->unknown_field(compiler->unknown_user, filter);

        if (status != STATUS_OK)
            return status;
    }
    if (filter->kind != FILTER_EMPTY && out->kind != PRED_NOT)
        *out = (struct predicate){.kind = PRED_NONE};
    return STATUS_OK;
}

enum status filter_compile(struct filter_compiler *compiler, const struct filter *filter,
                           const struct predicate **out)
{
    struct predicate *made = predicate_new(compiler, PRED_ALL);
    enum status status;

    if (made == NULL)
        return no_memory(compiler);
    if (compiler->depth++ > 4 * QUERY_NESTING_MAX) /* brackets may add NOT, AND and OR each */
        return problem_set(compiler->problem, "query_limit", filter->at, filter->length,
                           "nested too deep");
    if (has_field(filter))
        made->field = filter->field.len == 0 ? FIELD_ID_MSG
                                             : names_id(compiler->names, filter->field);
    status = functions[filter->kind](compiler, filter, made);
    if (status == STATUS_OK && has_field(filter) && compiler->for_store &&
        names_is_local(made->field))
        status = test_missing(compiler, filter, made);
    compiler->depth--;
    *out = made;
    return status;
}

const struct predicate *predicate_and(struct arena *arena, const struct predicate *a,
                                      const struct predicate *b)
{
    const struct predicate **children;
    struct predicate *made;

    if (a == NULL || b == NULL)
        return a == NULL ? b : a;
    children = arena_new(arena, const struct predicate *, 2);
    made = arena_new(arena, struct predicate, 1);
    if (children == NULL || made == NULL)
        return NULL;
    children[0] = a;
    children[1] = b;
    *made = (struct predicate){.kind = PRED_AND, .children = children, .child_count = 2};
    return made;
}

uint64_t filter_compiler_over_limit(const struct filter_compiler *compiler)
{
    uint64_t count = 0;

    for (const struct compiled_call *call = compiler->calls; call != NULL; call = call->next)
        if (call->regex != NULL)
            count += regex_over_limit(call->regex);
    return count;
}

void filter_compiler_release(struct filter_compiler *compiler)
{
    struct compiled_call *call = compiler->calls;

    while (call != NULL) {
        struct compiled_call *next = call->next;

        regex_free(call->regex);
        map_release(&call->set);
        free(call);
        call = next;
    }
    compiler->calls = NULL;
}
