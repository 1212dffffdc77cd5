/* query/grammar_test.c -- one test of a line or a field: text, exact, regex, comparison, function;
 * and the selector { }, which is a list of such tests. */
#include "query/field_types.h"
#include "query/parser.h"
#include "query/regex.h"

struct filter *filter_new(struct parser *parser, enum filter_kind kind, size_t at)
{
    struct filter *filter = arena_new(parser->arena, struct filter, 1);

    if (filter == NULL)
        return NULL;
    filter->kind = kind;
    filter->at = at;
    return filter;
}

static enum status check(struct parser *parser, const struct filter *filter,
                         const struct literal *literal)
{
    return field_type_check(filter->field, literal, parser->problem);
}

/* Is there a star that touches what was just eaten? Eats it. */
static enum status accept_star(struct parser *parser, bool *found)
{
    *found = parser_at(parser, SYMBOL_STAR) && !parser->now.spaced;
    return *found ? parser_advance(parser) : STATUS_OK;
}

/* Whole values of typed fields are checked: level:eror, duration:5. */
static enum status check_whole(struct parser *parser, const struct filter *filter, size_t at,
                               size_t length)
{
    struct literal literal = {0};

    literal_read(filter->text, &literal);
    if (filter->quoted)
        literal = (struct literal){.quoted = true, .text = filter->text};
    literal.at = at;
    literal.length = length;
    return check(parser, filter, &literal);
}

static enum status take_text(struct parser *parser, struct filter *filter)
{
    if (parser_at(parser, SYMBOL_MINUS) && filter->field.len > 0) {
        struct literal literal;
        enum status status = parser_literal(parser, false, &literal);

        filter->text = literal.text;
        return status;
    }
    filter->quoted = parser_at(parser, SYMBOL_STRING);
    return parser_text(parser, "word, string or filter", &filter->text);
}

/* text [ "*" ] */
static enum status parse_words(struct parser *parser, struct filter *filter)
{
    size_t at = parser->now.at;
    bool star = false;
    enum status status = take_text(parser, filter);

    if (status == STATUS_OK)
        status = accept_star(parser, &star);
    if (status != STATUS_OK)
        return status;
    filter->match = star ? TEXT_PREFIX : TEXT_PHRASE;
    if (filter->text.len == 0) {
        bool line = filter->field.len == 0;

        filter->kind = !star ? FILTER_EMPTY : line ? FILTER_ALL : FILTER_EXISTS;
        filter->quoted = false;
        filter->match = TEXT_PHRASE;
        return STATUS_OK;
    }
    return star ? STATUS_OK : check_whole(parser, filter, at, parser->eaten_end - at);
}

/* "*" or "*" text "*"; the first star is eaten. */
static enum status parse_star(struct parser *parser, struct filter *filter)
{
    size_t at = parser->now.at;
    bool star = false;
    enum status status;

    if ((!parser_at(parser, SYMBOL_TOKEN) && !parser_at(parser, SYMBOL_STRING)) ||
        parser->now.spaced) {
        filter->kind = filter->field.len > 0 ? FILTER_EXISTS : FILTER_ALL;
        return STATUS_OK;
    }
    filter->match = TEXT_SUBSTRING;
    filter->quoted = parser_at(parser, SYMBOL_STRING);
    status = parser_text(parser, "text", &filter->text);
    if (status == STATUS_OK)
        status = accept_star(parser, &star);
    if (status != STATUS_OK)
        return status;
    if (!star) {
        size_t length = parser->eaten_end - at;

        problem_set(parser->problem, "query_syntax", at, length,
                    "a substring needs a star at both ends");
        problem_hint(parser->problem, "*%.*s*",
                     SLICE_ARG(slice_sub(parser->lexer.text, at, length < 64 ? length : 64)));
        return STATUS_INVALID;
    }
    if (filter->text.len == 0) {
        filter->kind = filter->field.len > 0 ? FILTER_EXISTS : FILTER_ALL;
        filter->match = TEXT_PHRASE;
        filter->quoted = false;
    }
    return STATUS_OK;
}

/* "=" text [ "*" ]; the sign is eaten. */
static enum status parse_exact(struct parser *parser, struct filter *filter)
{
    size_t at = parser->now.at;
    bool star = false;
    enum status status = take_text(parser, filter);

    if (status == STATUS_OK)
        status = accept_star(parser, &star);
    if (status != STATUS_OK)
        return status;
    filter->match = star ? TEXT_EXACT_PREFIX : TEXT_EXACT;
    if (filter->text.len == 0) {
        bool line = filter->field.len == 0;

        filter->kind = !star ? FILTER_EMPTY : line ? FILTER_ALL : FILTER_EXISTS;
        filter->match = TEXT_PHRASE;
        filter->quoted = false;
        return STATUS_OK;
    }
    return star ? STATUS_OK : check_whole(parser, filter, at, parser->eaten_end - at);
}

/* A bad pattern is told at its byte, or, where escapes moved the bytes, at the whole string. */
static enum status check_regex(struct parser *parser, const struct symbol *symbol)
{
    bool as_written = symbol->length == symbol->text.len + 2;
    struct error err = {0};
    struct regex *regex;
    size_t at = 0;
    enum status status = regex_new(symbol->text, 0, &regex, &at, &err);

    if (status == STATUS_OK) {
        regex_free(regex);
        return STATUS_OK;
    }
    if (at > symbol->text.len || !as_written)
        return problem_set(parser->problem, "query_syntax", symbol->at, symbol->length, "%s",
                           err.message);
    return problem_set(parser->problem, "query_syntax", symbol->at + 1 + at, 1, "%s", err.message);
}

static enum status parse_regex(struct parser *parser, struct filter *filter)
{
    struct symbol symbol = parser->now;
    enum status status;

    filter->kind = FILTER_REGEX;
    if (symbol.length > REGEX_PATTERN_SIZE_MAX)
        return problem_set(parser->problem, "query_limit", symbol.at, symbol.length,
                           "a regex is longer than %u bytes", REGEX_PATTERN_SIZE_MAX);
    status = parser_text(parser, "regex in quotes", &filter->text);
    return status == STATUS_OK ? check_regex(parser, &symbol) : status;
}

static enum status parse_comparison(struct parser *parser, struct filter *filter,
                                    enum filter_compare compare)
{
    enum status status = parser_literal(parser, false, &filter->low);

    filter->kind = FILTER_COMPARE;
    filter->compare = compare;
    return status == STATUS_OK ? check(parser, filter, &filter->low) : status;
}

/* ---- functions ---- */

/* A list of values up to the closing bracket; the opening one is eaten. */
static enum status parse_list(struct parser *parser, struct filter *filter, bool typed)
{
    struct literal *items = NULL;
    uint32_t count = 0;
    enum status status;

    for (;;) {
        if (count == QUERY_IN_VALUES_MAX)
            return problem_set(parser->problem, "query_limit", parser->now.at, parser->now.length,
                               "more than %u values", QUERY_IN_VALUES_MAX);
        items = parser_grow(parser, items, count, sizeof(*items));
        if (items == NULL)
            return parser_no_memory(parser);
        status = parser_literal(parser, false, &items[count]);
        if (status == STATUS_OK && typed)
            status = check(parser, filter, &items[count]);
        if (status != STATUS_OK)
            return status;
        count++;
        if (!parser_at(parser, SYMBOL_COMMA))
            break;
        status = parser_advance(parser);
        if (status != STATUS_OK)
            return status;
    }
    filter->list = items;
    filter->list_count = count;
    return parser_expect(parser, SYMBOL_RIGHT, ", or )");
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

static enum status parse_in(struct parser *parser, struct filter *filter)
{
    enum status status;

    if (!at_list(parser)) {
        filter->kind = FILTER_IN_QUERY;
        return parse_subquery(parser, &filter->query);
    }
    filter->kind = FILTER_IN;
    status = parser_expect(parser, SYMBOL_LEFT, "(");
    return status == STATUS_OK ? parse_list(parser, filter, true) : status;
}

static enum status parse_phrases(struct parser *parser, struct filter *filter)
{
    enum status status = parser_expect(parser, SYMBOL_LEFT, "(");

    return status == STATUS_OK ? parse_list(parser, filter, false) : status;
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

/* Dotted quad, exactly. */
static bool read_ipv4(struct slice text, uint32_t *out)
{
    uint32_t address = 0;

    for (unsigned i = 0; i < 4; i++) {
        struct slice part = text;
        uint64_t number;

        if (i < 3 && !slice_cut(&text, '.', &part))
            return false;
        if (i == 3)
            part = text;
        if (part.len > 3 || !slice_to_u64(part, &number) || number > 255)
            return false;
        address = address << 8 | (uint32_t)number;
    }
    *out = address;
    return true;
}

static bool read_network(struct slice text, uint32_t *low, uint32_t *high)
{
    struct slice address;
    uint64_t bits;

    if (!slice_cut(&text, '/', &address)) {
        bool ok = read_ipv4(text, low);

        *high = *low;
        return ok;
    }
    if (!read_ipv4(address, low) || !slice_to_u64(text, &bits) || bits > 32)
        return false;
    *low &= bits == 0 ? 0 : UINT32_MAX << (32 - bits);
    *high = *low | (bits == 32 ? 0 : UINT32_MAX >> bits);
    return true;
}

static enum status parse_ipv4(struct parser *parser, struct filter *filter)
{
    uint32_t low = 0, high = 0, unused;
    enum status status = parse_phrases(parser, filter);
    const struct literal *list = filter->list;
    bool ok;

    if (status != STATUS_OK)
        return status;
    ok = filter->list_count <= 2 && read_network(list[0].text, &low, &high);
    if (ok && filter->list_count == 2)
        ok = read_ipv4(list[0].text, &low) && read_network(list[1].text, &unused, &high);
    if (!ok) {
        problem_set(parser->problem, "query_type", list[0].at, parser->eaten_end - 1 - list[0].at,
                    "not an IPv4 network or range");
        problem_hint(parser->problem, "ipv4_range(\"10.0.0.0/8\")");
        return STATUS_INVALID;
    }
    filter->kind = FILTER_IPV4;
    filter->low = (struct literal){.kind = LITERAL_NUMBER, .number = low};
    filter->high = (struct literal){.kind = LITERAL_NUMBER, .number = high};
    filter->list = NULL;
    filter->list_count = 0;
    return STATUS_OK;
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
    return status == STATUS_OK ? parser_expect(parser, SYMBOL_RIGHT, ")") : status;
}

/* range[1, 5) */
static enum status parse_range(struct parser *parser, struct filter *filter)
{
    enum status status;

    filter->kind = FILTER_RANGE;
    filter->low_open = parser_at(parser, SYMBOL_LEFT);
    if (!filter->low_open && !parser_at(parser, SYMBOL_LEFT_BRACKET))
        return parser_wrong(parser, "[ or (");
    status = parser_advance(parser);
    if (status == STATUS_OK)
        status = parser_literal(parser, false, &filter->low);
    if (status == STATUS_OK)
        status = check(parser, filter, &filter->low);
    if (status == STATUS_OK)
        status = parser_expect(parser, SYMBOL_COMMA, ",");
    if (status == STATUS_OK)
        status = parser_literal(parser, false, &filter->high);
    if (status == STATUS_OK)
        status = check(parser, filter, &filter->high);
    if (status != STATUS_OK)
        return status;
    filter->high_open = parser_at(parser, SYMBOL_RIGHT);
    if (!filter->high_open && !parser_at(parser, SYMBOL_RIGHT_BRACKET))
        return parser_wrong(parser, "] or )");
    return parser_advance(parser);
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

/* Is it a name that an opening bracket touches? */
static bool at_function(const struct parser *parser)
{
    const struct lexer *lexer = &parser->lexer;
    char next = lexer->at < lexer->text.len ? lexer->text.data[lexer->at] : '\0';

    return parser_at(parser, SYMBOL_TOKEN) &&
           (next == '(' || (next == '[' && slice_is(parser->now.text, "range")));
}

static enum status parse_function(struct parser *parser, struct filter *filter)
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

/* template:ID or template:=ID */
static enum status parse_template(struct parser *parser, struct filter *filter)
{
    uint64_t id = 0;
    enum status status = parser_at(parser, SYMBOL_EQUAL) ? parser_advance(parser) : STATUS_OK;
    struct slice text = parser->now.text;
    bool ok = parser_at(parser, SYMBOL_TOKEN) && text.len > 0 && text.len <= 16;

    if (status != STATUS_OK)
        return status;
    for (size_t i = 0; ok && i < text.len; i++) {
        char c = text.data[i];

        ok = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
        id = id * 16 + (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    if (!ok)
        return parser_wrong(parser, "template id (hexadecimal, as patterns shows it)");
    filter->kind = FILTER_TEMPLATE;
    filter->template_id = id;
    return parser_advance(parser);
}

static enum status wrap_not(struct parser *parser, struct filter *child, size_t at,
                            const struct filter **out)
{
    const struct filter **children = arena_new(parser->arena, const struct filter *, 1);
    struct filter *filter = filter_new(parser, FILTER_NOT, at);

    if (children == NULL || filter == NULL)
        return parser_no_memory(parser);
    children[0] = child;
    filter->children = children;
    filter->child_count = 1;
    filter->length = parser->eaten_end - at;
    *out = filter;
    return STATUS_OK;
}

static enum status parse_one(struct parser *parser, struct filter *filter, bool *negated)
{
    enum symbol_kind kind = parser->now.kind;
    enum status status = STATUS_OK;

    *negated = kind == SYMBOL_NOT_EQUAL || kind == SYMBOL_NOT_MATCH || kind == SYMBOL_BANG;
    if (slice_is(filter->field, "template") && (kind == SYMBOL_TOKEN || kind == SYMBOL_EQUAL))
        return parse_template(parser, filter);
    if (at_function(parser))
        return parse_function(parser, filter);
    switch (kind) {
    case SYMBOL_STAR: case SYMBOL_EQUAL: case SYMBOL_NOT_EQUAL: case SYMBOL_MATCH:
    case SYMBOL_NOT_MATCH: case SYMBOL_GREATER: case SYMBOL_GREATER_EQUAL: case SYMBOL_LESS:
    case SYMBOL_LESS_EQUAL:
        status = parser_advance(parser);
        break;
    case SYMBOL_TOKEN:
        if (!lexer_is_token(parser->now.text)) {
            status = parser_wrong(parser, "word, string or filter");
            problem_hint(parser->problem, "\"%.*s\"", SLICE_ARG(parser->now.text));
        }
        break;
    default:
        break;
    }
    if (status != STATUS_OK)
        return status;
    switch (kind) {
    case SYMBOL_STAR:
        return parse_star(parser, filter);
    case SYMBOL_EQUAL: case SYMBOL_NOT_EQUAL:
        return parse_exact(parser, filter);
    case SYMBOL_MATCH: case SYMBOL_NOT_MATCH:
        return parse_regex(parser, filter);
    case SYMBOL_GREATER:
        return parse_comparison(parser, filter, COMPARE_GREATER);
    case SYMBOL_GREATER_EQUAL:
        return parse_comparison(parser, filter, COMPARE_GREATER_EQUAL);
    case SYMBOL_LESS:
        return parse_comparison(parser, filter, COMPARE_LESS);
    case SYMBOL_LESS_EQUAL:
        return parse_comparison(parser, filter, COMPARE_LESS_EQUAL);
    default:
        return parse_words(parser, filter);
    }
}

enum status parse_test(struct parser *parser, struct slice field, size_t at,
                       const struct filter **out)
{
    struct filter *filter = filter_new(parser, FILTER_TEXT, at);
    bool negated = false;
    enum status status;

    if (filter == NULL)
        return parser_no_memory(parser);
    filter->field = slice_is(field, "_msg") ? (struct slice){0} : field;
    if (parser_at(parser, SYMBOL_BANG)) { /* field:!test */
        const struct filter *child = NULL;

        status = parser_advance(parser);
        if (status == STATUS_OK)
            status = parser_descend(parser);
        if (status != STATUS_OK)
            return status;
        status = parse_test(parser, field, at, &child);
        parser->depth--;
        if (status == STATUS_OK)
            status = wrap_not(parser, (struct filter *)child, at, out);
        return status;
    }
    status = parse_one(parser, filter, &negated);
    if (status != STATUS_OK)
        return status;
    filter->length = parser->eaten_end - at;
    if (negated)
        return wrap_not(parser, filter, at, out);
    *out = filter;
    return STATUS_OK;
}

/* ---- selector ---- */

/* Any field may stand in a selector: labels are fields that every row of a stream shares. */
static enum status parse_label_match(struct parser *parser, const struct filter **out)
{
    struct filter *filter = filter_new(parser, FILTER_TEXT, parser->now.at);
    bool negated = false;
    enum status status;

    if (filter == NULL)
        return parser_no_memory(parser);
    status = parser_text(parser, "label", &filter->field);
    if (status != STATUS_OK)
        return status;
    negated = parser_at(parser, SYMBOL_NOT_EQUAL) || parser_at(parser, SYMBOL_NOT_MATCH) ||
              parser_at_word(parser, "not_in");
    if (parser_at(parser, SYMBOL_EQUAL) || parser_at(parser, SYMBOL_NOT_EQUAL)) {
        status = parser_advance(parser);
        if (status == STATUS_OK)
            status = parse_exact(parser, filter);
    } else if (parser_at(parser, SYMBOL_MATCH) || parser_at(parser, SYMBOL_NOT_MATCH)) {
        filter->anchored = true;
        status = parser_advance(parser);
        if (status == STATUS_OK)
            status = parse_regex(parser, filter);
    } else if (parser_at_word(parser, "in") || parser_at_word(parser, "not_in")) {
        status = parser_advance(parser);
        filter->kind = FILTER_IN;
        if (status == STATUS_OK)
            status = parser_expect(parser, SYMBOL_LEFT, "(");
        if (status == STATUS_OK)
            status = parse_list(parser, filter, true);
    } else {
        return parser_wrong(parser, "=, !=, =~, !~ or in");
    }
    filter->length = parser->eaten_end - filter->at;
    if (status == STATUS_OK && negated)
        return wrap_not(parser, filter, filter->at, out);
    *out = filter;
    return status;
}

enum status parse_selector(struct parser *parser, const struct filter **out)
{
    const struct filter **children = NULL;
    uint32_t count = 0;
    size_t at = parser->now.at;
    struct filter *filter = filter_new(parser, FILTER_AND, at);
    enum status status;

    do {
        status = parser_advance(parser); /* { or , */
        children = parser_grow(parser, children, count, sizeof(struct filter *));
        if (filter == NULL || children == NULL)
            return parser_no_memory(parser);
        if (status == STATUS_OK)
            status = parse_label_match(parser, &children[count++]);
    } while (status == STATUS_OK && parser_at(parser, SYMBOL_COMMA));
    if (status == STATUS_OK)
        status = parser_expect(parser, SYMBOL_RIGHT_BRACE, ", or }");
    if (status != STATUS_OK)
        return status;
    filter->children = children;
    filter->child_count = count;
    filter->length = parser->eaten_end - at;
    *out = count == 1 ? children[0] : filter;
    return STATUS_OK;
}
