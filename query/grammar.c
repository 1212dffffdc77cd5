/* query/grammar.c -- the frame of the grammar: query, or, and, not, brackets. */
#include "query/grammar.h"

#include "query/parser.h"

#include <assert.h>

/* Children that are themselves of `kind` are taken up, so that (a b) c and a b c are one tree. */
struct child_list {
    const struct filter **items;
    uint32_t count;
};

static enum status add_child(struct parser *parser, struct child_list *list,
                             enum filter_kind kind, const struct filter *child)
{
    uint32_t count;

    assert(child != NULL);
    count = child->kind == kind ? child->child_count : 1;
    for (uint32_t i = 0; i < count; i++) {
        list->items = parser_grow(parser, list->items, list->count, sizeof(struct filter *));
        if (list->items == NULL)
            return parser_no_memory(parser);
        list->items[list->count++] = child->kind == kind ? child->children[i] : child;
    }
    return STATUS_OK;
}

static enum status finish_list(struct parser *parser, const struct child_list *list,
                               enum filter_kind kind, size_t at, const struct filter **out)
{
    struct filter *filter;

    if (list->count == 1) {
        *out = list->items[0];
        return STATUS_OK;
    }
    filter = filter_new(parser, kind, at);
    if (filter == NULL)
        return parser_no_memory(parser);
    filter->length = parser->eaten_end - at;
    filter->children = list->items;
    filter->child_count = list->count;
    *out = filter;
    return STATUS_OK;
}

static enum status parse_brackets(struct parser *parser, const struct filter **out)
{
    enum status status = parser_descend(parser);

    if (status == STATUS_OK)
        status = parser_advance(parser);
    if (status == STATUS_OK)
        status = parse_filter(parser, out);
    if (status == STATUS_OK)
        status = parser_expect(parser, SYMBOL_RIGHT, ")");
    parser->depth--;
    return status;
}

/* field : ( filter ): the tests inside are of this field. */
static enum status parse_field_brackets(struct parser *parser, struct slice field,
                                        const struct filter **out)
{
    struct slice outer = parser->field;
    enum status status;

    parser->field = field;
    status = parse_brackets(parser, out);
    parser->field = outer;
    return status;
}

/* Does a colon directly follow the token or string? Then it names a field. */
static bool names_field(const struct parser *parser)
{
    struct lexer ahead = parser->lexer;
    struct query_problem ignored;
    struct symbol next;

    if (!parser_at(parser, SYMBOL_TOKEN) && !parser_at(parser, SYMBOL_STRING))
        return false;
    if (ahead.at >= ahead.text.len || ahead.text.data[ahead.at] != ':')
        return false;
    ahead.problem = &ignored;
    return lexer_next(&ahead, &next) == STATUS_OK && next.kind == SYMBOL_COLON;
}

static enum status parse_field_test(struct parser *parser, const struct filter **out)
{
    struct slice field = parser->now.text;
    bool quoted = parser_at(parser, SYMBOL_STRING);
    size_t at = parser->now.at;
    enum status status = parser_advance(parser);

    if (status == STATUS_OK)
        status = parser_advance(parser); /* the colon */
    if (status != STATUS_OK)
        return status;
    if (field.len == 0)
        return problem_set(parser->problem, "query_syntax", at, 2, "a field name cannot be empty");
    if (slice_is(field, "_time") && !quoted)
        return parse_time(parser, at, out);
    if (parser_at(parser, SYMBOL_LEFT))
        return parse_field_brackets(parser, slice_is(field, "_msg") ? (struct slice){0} : field,
                                    out);
    return parse_test(parser, field, at, out);
}

static enum status parse_atom(struct parser *parser, const struct filter **out)
{
    if (parser_at(parser, SYMBOL_LEFT))
        return parse_brackets(parser, out);
    if (parser_at(parser, SYMBOL_LEFT_BRACE))
        return parse_selector(parser, out);
    if (names_field(parser))
        return parse_field_test(parser, out);
    return parse_test(parser, parser->field, parser->now.at, out);
}

static enum status parse_unary(struct parser *parser, const struct filter **out)
{
    size_t at = parser->now.at;
    const struct filter *child = NULL;
    enum status status;

    if (!parser_at(parser, SYMBOL_BANG) && !parser_at(parser, SYMBOL_MINUS) &&
        !parser_at_word(parser, "not"))
        return parse_atom(parser, out);
    status = parser_advance(parser);
    if (status == STATUS_OK)
        status = parse_atom(parser, &child);
    if (status == STATUS_OK)
        status = filter_not(parser, child, at, out);
    return status;
}

/* What ends a row of tests that are ANDed. */
static bool ends_conjunction(const struct parser *parser)
{
    return parser_at(parser, SYMBOL_END) || parser_at(parser, SYMBOL_BAR) ||
           parser_at(parser, SYMBOL_RIGHT) || parser_at(parser, SYMBOL_OR) ||
           parser_at_word(parser, "or");
}

static enum status parse_conjunction(struct parser *parser, const struct filter **out)
{
    struct child_list list = {0};
    size_t at = parser->now.at;
    enum status status;

    for (;;) {
        const struct filter *child = NULL;

        status = parse_unary(parser, &child);
        if (status == STATUS_OK)
            status = add_child(parser, &list, FILTER_AND, child);
        if (status != STATUS_OK)
            return status;
        if (parser_at(parser, SYMBOL_AND) || parser_at_word(parser, "and")) {
            status = parser_advance(parser);
            if (status != STATUS_OK)
                return status;
        } else if (ends_conjunction(parser)) {
            return finish_list(parser, &list, FILTER_AND, at, out);
        }
    }
}

enum status parse_filter(struct parser *parser, const struct filter **out)
{
    struct child_list list = {0};
    size_t at = parser->now.at;
    enum status status;

    for (;;) {
        const struct filter *child = NULL;

        status = parse_conjunction(parser, &child);
        if (status == STATUS_OK)
            status = add_child(parser, &list, FILTER_OR, child);
        if (status != STATUS_OK)
            return status;
        if (!parser_at(parser, SYMBOL_OR) && !parser_at_word(parser, "or"))
            return finish_list(parser, &list, FILTER_OR, at, out);
        status = parser_advance(parser);
        if (status != STATUS_OK)
            return status;
    }
}

static enum status parse_pipe_item(struct parser *parser, void *item)
{
    return parse_pipe(parser, item);
}

static enum status parse_pipes(struct parser *parser, struct query_tree *out)
{
    static const struct list_form pipes = {parse_pipe_item, sizeof(struct pipe), QUERY_PIPES_MAX,
                                           "pipes", SYMBOL_BAR};
    struct item_list list = {0};
    enum status status = parser_list(parser, &pipes, &list);

    out->pipes = list.items;
    out->pipe_count = list.count;
    return status;
}

static enum status parse_query(struct parser *parser, struct query_tree *out)
{
    enum status status;

    *out = (struct query_tree){0};
    if (parser_at(parser, SYMBOL_END) || parser_at(parser, SYMBOL_BAR)) {
        out->filter = filter_new(parser, FILTER_ALL, 0); /* no filter asks for everything */
        status = out->filter == NULL ? parser_no_memory(parser) : STATUS_OK;
    } else {
        status = parse_filter(parser, &out->filter);
    }
    if (status != STATUS_OK || !parser_at(parser, SYMBOL_BAR))
        return status;
    status = parser_advance(parser);
    return status == STATUS_OK ? parse_pipes(parser, out) : status;
}

enum status parse_subquery(struct parser *parser, const struct query_tree **out)
{
    struct query_tree *tree = arena_new(parser->arena, struct query_tree, 1);
    struct slice outer = parser->field;
    enum status status = tree == NULL ? parser_no_memory(parser) : parser_descend(parser);

    if (status != STATUS_OK)
        return status;
    parser->field = (struct slice){0};
    status = parser_expect(parser, SYMBOL_LEFT, "(");
    if (status == STATUS_OK && parser_at(parser, SYMBOL_RIGHT))
        status = parser_wrong(parser, "query");
    if (status == STATUS_OK)
        status = parse_query(parser, tree);
    if (status == STATUS_OK)
        status = parser_expect(parser, SYMBOL_RIGHT, ")");
    parser->field = outer;
    parser->depth--;
    *out = tree;
    return status;
}

static void set_line(struct query_problem *problem, struct slice text)
{
    for (size_t i = 0; i < problem->at && i < text.len; i++)
        if (text.data[i] == '\n')
            problem->line++;
}

static enum status parse_text(struct slice text, struct arena *arena, bool pipes_only,
                              struct query_tree *out, struct query_problem *problem)
{
    struct parser parser = {.lexer = {.text = text, .arena = arena, .problem = problem},
                            .arena = arena,
                            .problem = problem};
    enum status status;

    if (text.len > QUERY_TEXT_SIZE_MAX)
        return problem_set(problem, "query_limit", QUERY_TEXT_SIZE_MAX,
                           text.len - QUERY_TEXT_SIZE_MAX, "the query is longer than %u bytes",
                           QUERY_TEXT_SIZE_MAX);
    status = parser_advance(&parser);
    if (status == STATUS_OK && pipes_only) {
        *out = (struct query_tree){.filter = filter_new(&parser, FILTER_ALL, 0)};
        status = out->filter == NULL ? parser_no_memory(&parser) : parse_pipes(&parser, out);
    } else if (status == STATUS_OK) {
        status = parse_query(&parser, out);
    }
    if (status == STATUS_OK && !parser_at(&parser, SYMBOL_END))
        status = parser_wrong(&parser, "| or end of query");
    if (status != STATUS_OK)
        set_line(problem, text);
    return status;
}

enum status grammar_query(struct slice text, struct arena *arena, struct query_tree *out,
                          struct query_problem *problem)
{
    return parse_text(text, arena, false, out, problem);
}

enum status grammar_pipes(struct slice text, struct arena *arena, struct query_tree *out,
                          struct query_problem *problem)
{
    return parse_text(text, arena, true, out, problem);
}
