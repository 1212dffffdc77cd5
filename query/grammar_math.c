/* query/grammar_math.c -- math: expressions by precedence climbing; operators and functions are
 * rows of one table. */
#include "query/parser.h"

const struct math_function math_functions[MATH_FUNCTION_COUNT] = {
    [MATH_ADD] = {"+", 2, 2, 1},       [MATH_SUBTRACT] = {"-", 2, 2, 1},
    [MATH_MULTIPLY] = {"*", 2, 2, 2},  [MATH_DIVIDE] = {"/", 2, 2, 2},
    [MATH_REMAINDER] = {"%", 2, 2, 2}, [MATH_NEGATE] = {"-", 1, 1, 3},
    [MATH_POWER] = {"^", 2, 2, 4},     [MATH_ABS] = {"abs", 1, 1, 0},
    [MATH_CEIL] = {"ceil", 1, 1, 0},   [MATH_FLOOR] = {"floor", 1, 1, 0},
    [MATH_ROUND] = {"round", 1, 2, 0}, [MATH_LN] = {"ln", 1, 1, 0},
    [MATH_EXP] = {"exp", 1, 1, 0},     [MATH_MIN] = {"min", 1, 16, 0},
    [MATH_MAX] = {"max", 1, 16, 0},    [MATH_NOW] = {"now", 0, 0, 0},
    [MATH_DEFAULT] = {"default", 2, 2, 0},
};

static const struct {
    enum symbol_kind symbol;
    enum math_function_index function;
} binary_operators[] = {
    {SYMBOL_PLUS, MATH_ADD},      {SYMBOL_MINUS, MATH_SUBTRACT},    {SYMBOL_STAR, MATH_MULTIPLY},
    {SYMBOL_SLASH, MATH_DIVIDE},  {SYMBOL_PERCENT, MATH_REMAINDER}, {SYMBOL_CARET, MATH_POWER},
};

static enum status parse_expression(struct parser *parser, unsigned precedence_min,
                                    const struct math_node **out);

static struct math_node *node_new(struct parser *parser, enum math_kind kind)
{
    struct math_node *node = arena_new(parser->arena, struct math_node, 1);

    if (node != NULL)
        node->kind = kind;
    return node;
}

static enum status make_call(struct parser *parser, uint32_t function,
                             const struct math_node *const *children, uint32_t count,
                             const struct math_node **out)
{
    const struct math_node **own = arena_new(parser->arena, const struct math_node *,
                                             count == 0 ? 1 : count);
    struct math_node *node = node_new(parser, MATH_CALL);

    if (own == NULL || node == NULL)
        return parser_no_memory(parser);
    for (uint32_t i = 0; i < count; i++)
        own[i] = children[i];
    node->function = function;
    node->children = own;
    node->child_count = count;
    *out = node;
    return STATUS_OK;
}

static enum status unknown_function(struct parser *parser, const struct symbol *name)
{
    const char *names[MATH_FUNCTION_COUNT], *near;

    for (size_t i = 0; i < MATH_FUNCTION_COUNT; i++)
        names[i] = math_functions[i].precedence == 0 ? math_functions[i].name : NULL;
    near = nearest_name(name->text, names, MATH_FUNCTION_COUNT);
    problem_set(parser->problem, "query_syntax", name->at, name->length,
                "unknown math function \"%.*s\"", SLICE_ARG(slice_first(name->text, 64)));
    if (near != NULL)
        problem_hint(parser->problem, "%s", near);
    problem_expected(parser->problem, "math function");
    return STATUS_INVALID;
}

/* name ( expression, ... ); the name is eaten, the bracket is not. */
static enum status parse_call(struct parser *parser, const struct symbol *name,
                              const struct math_node **out)
{
    const struct math_node *children[16] = {NULL};
    uint32_t function = MATH_ABS, count = 0;
    const struct math_function *form;
    enum status status;

    while (function < MATH_FUNCTION_COUNT && !slice_is(name->text, math_functions[function].name))
        function++;
    if (function == MATH_FUNCTION_COUNT)
        return unknown_function(parser, name);
    form = &math_functions[function];
    status = parser_advance(parser);
    while (status == STATUS_OK && !parser_at(parser, SYMBOL_RIGHT)) {
        if (count == COUNT_OF(children))
            return parser_wrong(parser, ")");
        status = parse_expression(parser, 1, &children[count++]);
        if (status != STATUS_OK || !parser_at(parser, SYMBOL_COMMA))
            break;
        status = parser_advance(parser);
    }
    if (status == STATUS_OK)
        status = parser_expect(parser, SYMBOL_RIGHT, ", or )");
    if (status == STATUS_OK && (count < form->arguments_min || count > form->arguments_max))
        return problem_set(parser->problem, "query_syntax", name->at,
                           parser->eaten_end - name->at, "%s() takes %u to %u arguments",
                           form->name, form->arguments_min, form->arguments_max);
    return status == STATUS_OK ? make_call(parser, function, children, count, out) : status;
}

static enum status parse_name_or_number(struct parser *parser, const struct math_node **out)
{
    struct symbol symbol = parser->now;
    struct math_node *node;
    enum status status = parser_advance(parser);

    if (status != STATUS_OK)
        return status;
    if (symbol.kind == SYMBOL_TOKEN && parser_at(parser, SYMBOL_LEFT))
        return parse_call(parser, &symbol, out);
    node = node_new(parser, MATH_FIELD);
    if (node == NULL)
        return parser_no_memory(parser);
    if (symbol.kind == SYMBOL_TOKEN)
        literal_read(symbol.text, &node->number);
    if (node->number.kind != LITERAL_TEXT)
        node->kind = MATH_NUMBER;
    node->field = symbol.text;
    *out = node;
    return STATUS_OK;
}

static enum status parse_primary(struct parser *parser, const struct math_node **out)
{
    const struct math_node *child = NULL;
    enum status status;

    if (parser_at(parser, SYMBOL_TOKEN) || parser_at(parser, SYMBOL_STRING))
        return parse_name_or_number(parser, out);
    if (!parser_at(parser, SYMBOL_LEFT) && !parser_at(parser, SYMBOL_MINUS))
        return parser_wrong(parser, "field, number or (");
    status = parser_descend(parser);
    if (status != STATUS_OK)
        return status;
    if (parser_at(parser, SYMBOL_MINUS)) {
        status = parser_advance(parser);
        if (status == STATUS_OK)
            status = parse_expression(parser, math_functions[MATH_NEGATE].precedence, &child);
        if (status == STATUS_OK)
            status = make_call(parser, MATH_NEGATE, &child, 1, out);
    } else {
        status = parser_advance(parser);
        if (status == STATUS_OK)
            status = parse_expression(parser, 1, out);
        if (status == STATUS_OK)
            status = parser_expect(parser, SYMBOL_RIGHT, "operator or )");
    }
    parser->depth--;
    return status;
}

static uint32_t binary_operator(const struct parser *parser)
{
    for (size_t i = 0; i < COUNT_OF(binary_operators); i++)
        if (parser_at(parser, binary_operators[i].symbol))
            return binary_operators[i].function;
    return MATH_FUNCTION_COUNT;
}

/* ^ binds to the right, all others to the left. */
static enum status parse_expression(struct parser *parser, unsigned precedence_min,
                                    const struct math_node **out)
{
    enum status status = parser_descend(parser);

    *out = NULL;
    if (status == STATUS_OK)
        status = parse_primary(parser, out);
    while (status == STATUS_OK) {
        uint32_t function = binary_operator(parser);
        const struct math_node *sides[2] = {*out, NULL};
        unsigned precedence;

        if (function == MATH_FUNCTION_COUNT)
            break;
        precedence = math_functions[function].precedence;
        if (precedence < precedence_min)
            break;
        status = parser_advance(parser);
        if (status == STATUS_OK)
            status = parse_expression(parser, precedence + (function != MATH_POWER), &sides[1]);
        if (status == STATUS_OK)
            status = make_call(parser, function, sides, 2, out);
    }
    parser->depth--;
    return status;
}

/* expression as name */
static enum status parse_term(struct parser *parser, void *item)
{
    struct math_term *term = item;
    bool as = false;
    enum status status = parse_expression(parser, 1, &term->node);

    if (status == STATUS_OK)
        status = parser_accept_word(parser, "as", &as);
    if (status == STATUS_OK && !as)
        return parser_wrong(parser, "operator or as");
    return status == STATUS_OK ? parser_text(parser, "name of the result", &term->as) : status;
}

/* expression as name, ... ; symbols are read in math mode up to the end of the pipe */
enum status parse_math(struct parser *parser, struct pipe *out)
{
    static const struct list_form terms = {parse_term, sizeof(struct math_term), QUERY_NAMES_MAX,
                                           "results", SYMBOL_COMMA};
    struct item_list list = {0};
    enum status status = parser_mode(parser, LEXER_MATH);

    if (status == STATUS_OK)
        status = parser_list(parser, &terms, &list);
    out->terms = list.items;
    out->term_count = list.count;
    return status == STATUS_OK ? parser_mode(parser, LEXER_PLAIN) : status;
}
