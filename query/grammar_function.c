/* query/grammar_function.c -- the tests that are written as a function: in(...), range[a, b), i(...). */
#include "query/grammar_test.h"
#include "query/value_check.h"
#include "store/value.h"

/* One of several whole values: a network has two ends, and is none. */
static enum status check_item(struct parser *parser, const struct filter *filter,
                              const struct literal *item)
{
    struct filter alone = {.kind = FILTER_TEXT,
                           .field = filter->field,
                           .match = item->quoted ? TEXT_EXACT : TEXT_PHRASE};
    enum status status = value_check_whole(&alone, item, parser->problem);

    if (status != STATUS_OK || alone.kind == FILTER_TEXT)
        return status;
    problem_set(parser->problem, "query_type", item->at, item->length,
                "a network cannot stand among addresses: give each a test of its own");
    problem_hint(parser->problem, "(10.0.0.0/8 or 10.1.2.3)");
    return STATUS_INVALID;
}

static enum status parse_value(struct parser *parser, void *item)
{
    return parser_literal(parser, false, item);
}

enum status parse_value_list(struct parser *parser, struct filter *filter, bool typed)
{
    static const struct list_form values = {parse_value, sizeof(struct literal),
                                            QUERY_IN_VALUES_MAX, "values", SYMBOL_COMMA};
    struct item_list list = {0};
    enum status status = parser_list(parser, &values, &list);

    filter->list = list.items;
    filter->list_count = list.count;
    for (uint32_t i = 0; status == STATUS_OK && typed && i < list.count; i++)
        status = check_item(parser, filter, &filter->list[i]);
    return status == STATUS_OK ? parser_expect(parser, SYMBOL_RIGHT, ", or )") : status;
}

/* A list starts with a value that a comma or the closing bracket follows. */
static bool at_list(const struct parser *parser)
{
    struct parser ahead = *parser;
    struct query_problem ignored;
    struct literal first;

    ahead.problem = &ignored;
    ahead.lexer.problem = &ignored;
    if (parser_advance(&ahead) != STATUS_OK || parser_literal(&ahead, false, &first) != STATUS_OK)
        return false;
    return parser_at(&ahead, SYMBOL_COMMA) || parser_at(&ahead, SYMBOL_RIGHT);
}

/* in(500 502) would be a query for both words, whose first column is the time. */
static enum status parse_in_query(struct parser *parser, struct filter *filter)
{
    size_t at = parser->now.at;
    enum status status = parse_subquery(parser, &filter->query);

    filter->kind = FILTER_IN_QUERY;
    if (status != STATUS_OK || filter->query->pipe_count > 0)
        return status;
    problem_set(parser->problem, "query_syntax", at, parser->eaten_end - at,
                "in() takes values with commas between them, or a query with pipes");
    problem_hint(parser->problem, "in(500, 502) or in(status:>=500 | uniq by (user))");
    return STATUS_INVALID;
}

static enum status parse_in(struct parser *parser, struct filter *filter)
{
    enum status status;

    if (!at_list(parser)) {
        return parse_in_query(parser, filter);
    }
    filter->kind = FILTER_IN;
    status = parser_expect(parser, SYMBOL_LEFT, "(");
    return status == STATUS_OK ? parse_value_list(parser, filter, true) : status;
}

static enum status parse_phrases(struct parser *parser, struct filter *filter)
{
    enum status status = parser_expect(parser, SYMBOL_LEFT, "(");

    return status == STATUS_OK ? parse_value_list(parser, filter, false) : status;
}

static enum status parse_contains_any(struct parser *parser, struct filter *filter)
{
    filter->kind = FILTER_CONTAINS_ANY;
    return parse_phrases(parser, filter);
}

static enum status parse_contains_all(struct parser *parser, struct filter *filter)
{
    filter->kind = FILTER_CONTAINS_ALL;
    return parse_phrases(parser, filter);
}

static enum status parse_sequence(struct parser *parser, struct filter *filter)
{
    filter->kind = FILTER_SEQUENCE;
    return parse_phrases(parser, filter);
}

/* i( text test ) */
static enum status parse_fold(struct parser *parser, struct filter *filter)
{
    enum status status = parser_expect(parser, SYMBOL_LEFT, "(");

    filter->fold_case = true;
    if (status != STATUS_OK)
        return status;
    if (parser_at(parser, SYMBOL_STAR)) {
        status = parser_advance(parser);
        if (status == STATUS_OK)
            status = parse_star(parser, filter);
    } else if (parser_at(parser, SYMBOL_EQUAL)) {
        status = parser_advance(parser);
        if (status == STATUS_OK)
            status = parse_exact(parser, filter);
    } else if (parser_at(parser, SYMBOL_MATCH)) {
        status = parser_advance(parser);
        if (status == STATUS_OK)
            status = parse_regex(parser, filter);
    } else {
        status = parse_words(parser, filter);
    }
    if (filter->kind != FILTER_TEXT && filter->kind != FILTER_REGEX)
        filter->fold_case = false;
    return status == STATUS_OK ? parser_expect(parser, SYMBOL_RIGHT, ")") : status;
}

static enum status parse_ipv4(struct parser *parser, struct filter *filter)
{
    uint32_t low = 0, high = 0, unused;
    enum status status = parse_phrases(parser, filter);
    const struct literal *list = filter->list;
    bool ok;

    if (status != STATUS_OK)
        return status;
    ok = filter->list_count <= 2 && value_network(list[0].text, &low, &high);
    if (ok && filter->list_count == 2)
        ok = ipv4_of_text(list[0].text, &low) && value_network(list[1].text, &unused, &high);
    if (!ok) {
        problem_set(parser->problem, "query_type", list[0].at, parser->eaten_end - 1 - list[0].at,
                    "not an IPv4 network or range");
        problem_hint(parser->problem, "ipv4_range(\"10.0.0.0/8\")");
        return STATUS_INVALID;
    }
    filter->kind = FILTER_IPV4;
    filter->low = list[0];
    filter->high = list[filter->list_count - 1];
    filter->low.number = low;
    filter->high.number = high;
    filter->list = NULL;
    filter->list_count = 0;
    return value_check_order(filter, parser->problem);
}
/* (a, b), or field:eq_field(b) */
static enum status parse_relation(struct parser *parser, struct filter *filter,
                                  enum field_relation relation)
{
    struct name_list names;
    size_t at = parser->now.at;
    uint32_t wanted = filter->field.len > 0 ? 1 : 2;
    enum status status = parser_names_in_brackets(parser, &names);

    if (status != STATUS_OK)
        return status;
    if (names.count != wanted)
        return problem_set(parser->problem, "query_syntax", at, parser->eaten_end - at,
                           "two fields are compared, not %u", names.count + 2 - wanted);
    filter->kind = FILTER_FIELDS;
    filter->relation = relation;
    if (wanted == 2)
        filter->field = names.items[0];
    filter->other_field = names.items[wanted - 1];
    return STATUS_OK;
}

static enum status parse_eq_field(struct parser *parser, struct filter *filter)
{
    return parse_relation(parser, filter, FIELDS_EQUAL);
}

static enum status parse_lt_field(struct parser *parser, struct filter *filter)
{
    return parse_relation(parser, filter, FIELDS_LESS);
}

static enum status parse_le_field(struct parser *parser, struct filter *filter)
{
    return parse_relation(parser, filter, FIELDS_LESS_EQUAL);
}

static enum status parse_size(struct parser *parser, struct literal *out)
{
    enum status status = parser_literal(parser, false, out);

    if (status == STATUS_OK && out->kind != LITERAL_NUMBER && out->kind != LITERAL_SIZE)
        return problem_set(parser->problem, "query_type", out->at, out->length,
                           "a length is a number of bytes");
    return status;
}

/* (field, low, high), or field:len_range(low, high) */
static enum status parse_length(struct parser *parser, struct filter *filter)
{
    enum status status = parser_expect(parser, SYMBOL_LEFT, "(");

    filter->kind = FILTER_LENGTH;
    if (status == STATUS_OK && filter->field.len == 0) {
        status = parser_text(parser, "field name", &filter->field);
        if (status == STATUS_OK)
            status = parser_expect(parser, SYMBOL_COMMA, ",");
    }
    if (slice_is(filter->field, "_msg"))
        filter->field = (struct slice){0};
    if (status == STATUS_OK)
        status = parse_size(parser, &filter->low);
    if (status == STATUS_OK)
        status = parser_expect(parser, SYMBOL_COMMA, ",");
    if (status == STATUS_OK)
        status = parse_size(parser, &filter->high);
    if (status == STATUS_OK)
        status = value_check_order(filter, parser->problem);
    return status == STATUS_OK ? parser_expect(parser, SYMBOL_RIGHT, ")") : status;
}

/* range[1, 5) */
static enum status parse_range(struct parser *parser, struct filter *filter)
{
    enum status status;

    filter->kind = FILTER_RANGE;
    if (filter->field.len == 0)
        return parser_no_field(parser, "status:range[500, 599]");
    filter->low_open = parser_at(parser, SYMBOL_LEFT);
    if (!filter->low_open && !parser_at(parser, SYMBOL_LEFT_BRACKET))
        return parser_wrong(parser, "[ or (");
    status = parser_advance(parser);
    if (status == STATUS_OK)
        status = parser_literal(parser, false, &filter->low);
    if (status == STATUS_OK)
        status = value_check_bound(filter->field, &filter->low, parser->problem);
    if (status == STATUS_OK)
        status = parser_expect(parser, SYMBOL_COMMA, ",");
    if (status == STATUS_OK)
        status = parser_literal(parser, false, &filter->high);
    if (status == STATUS_OK)
        status = value_check_bound(filter->field, &filter->high, parser->problem);
    if (status != STATUS_OK)
        return status;
    filter->high_open = parser_at(parser, SYMBOL_RIGHT);
    if (!filter->high_open && !parser_at(parser, SYMBOL_RIGHT_BRACKET))
        return parser_wrong(parser, "] or )");
    status = value_check_order(filter, parser->problem);
    return status == STATUS_OK ? parser_advance(parser) : status;
}

static const struct {
    const char *name;
    enum status (*parse)(struct parser *parser, struct filter *filter);
} functions[] = {
    {"in", parse_in},
    {"contains_any", parse_contains_any},
    {"contains_all", parse_contains_all},
    {"seq", parse_sequence},
    {"i", parse_fold},
    {"ipv4_range", parse_ipv4},
    {"eq_field", parse_eq_field},
    {"lt_field", parse_lt_field},
    {"le_field", parse_le_field},
    {"len_range", parse_length},
    {"range", parse_range},
};

bool at_function(const struct parser *parser)
{
    const struct lexer *lexer = &parser->lexer;
    char next = lexer->at < lexer->text.len ? lexer->text.data[lexer->at] : '\0';

    return parser_at(parser, SYMBOL_TOKEN) &&
           (next == '(' || (next == '[' && slice_is(parser->now.text, "range")));
}

enum status parse_function(struct parser *parser, struct filter *filter)
{
    const char *names[COUNT_OF(functions)], *near;

    for (size_t i = 0; i < COUNT_OF(functions); i++) {
        enum status status;

        names[i] = functions[i].name;
        if (!slice_is(parser->now.text, functions[i].name))
            continue;
        status = parser_advance(parser);
        return status == STATUS_OK ? functions[i].parse(parser, filter) : status;
    }
    near = nearest_name(parser->now.text, names, COUNT_OF(functions));
    problem_set(parser->problem, "query_syntax", parser->now.at, parser->now.length,
                "unknown function \"%.*s\"", SLICE_ARG(parser->now.text));
    if (near != NULL)
        problem_hint(parser->problem, "%s", near);
    problem_expected(parser->problem, "function");
    return STATUS_INVALID;
}
