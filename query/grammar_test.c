/* query/grammar_test.c -- one test of a line or a field: text, exact, regex, comparison; and the
 * selector { }, which is a list of such tests. */
#include "query/grammar_test.h"

#include "base/units.h"
#include "query/field_types.h"
#include "query/regex.h"
#include "query/value_check.h"

#include <stdio.h>

struct filter *filter_new(struct parser *parser, enum filter_kind kind, size_t at)
{
    struct filter *filter = arena_new(parser->arena, struct filter, 1);

    if (filter == NULL)
        return NULL;
    filter->kind = kind;
    filter->at = at;
    return filter;
}

/* Is there a star that touches what was just eaten? Eats it. */
static enum status accept_star(struct parser *parser, bool *found)
{
    *found = parser_at(parser, SYMBOL_STAR) && !parser->now.spaced;
    return *found ? parser_advance(parser) : STATUS_OK;
}

/* Whole values of typed fields are checked: level:eror, duration:5. */
static enum status check_whole(struct parser *parser, struct filter *filter, size_t at,
                               size_t length)
{
    struct literal literal = {0};

    literal_read(filter->text, &literal);
    if (filter->quoted)
        literal = (struct literal){.quoted = true, .text = filter->text};
    literal.at = at;
    literal.length = length;
    return value_check_whole(filter, &literal, parser->problem);
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

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Bytes of the query from `from` up to a blank, a bar or a closing bracket. */
static struct slice value_from(const struct parser *parser, size_t from)
{
    struct slice rest = slice_from(parser->lexer.text, from);
    size_t len = 0;

    while (len < rest.len && len < 64 && !is_blank(rest.data[len]) && rest.data[len] != '|' &&
           rest.data[len] != ')')
        len++;
    return slice_first(rest, len);
}

/* Elsewhere status=500 and status >= 500 are tests of a field. Here they would be the word "status" and
 * a test of the whole line, that no line passes. `at`: where the word begins. */
static enum status check_operator(struct parser *parser, const struct filter *filter, size_t at)
{
    enum symbol_kind kind = parser->now.kind;
    bool compares = kind == SYMBOL_GREATER || kind == SYMBOL_GREATER_EQUAL ||
                    kind == SYMBOL_LESS || kind == SYMBOL_LESS_EQUAL;
    struct slice text = parser->lexer.text, word = slice_sub(text, at, parser->eaten_end - at);
    size_t end = parser->now.at + parser->now.length;
    bool alone = end >= text.len || is_blank(text.data[end]);

    if (!compares && kind != SYMBOL_EQUAL && kind != SYMBOL_NOT_EQUAL && kind != SYMBOL_MATCH &&
        kind != SYMBOL_NOT_MATCH)
        return STATUS_OK;
    if (parser->now.spaced && (filter->field.len > 0 || (!alone && !compares)))
        return STATUS_OK;
    problem_set(parser->problem, "query_syntax", parser->now.at, parser->now.length,
                filter->field.len > 0
                    ? "text with such signs in it needs quotes"
                    : "a colon stands between a field and its test; text with such signs needs "
                      "quotes");
    while (end < text.len && is_blank(text.data[end]))
        end++;
    if (filter->field.len > 0)
        problem_hint(parser->problem, "\"%.*s\"", SLICE_ARG(value_from(parser, at)));
    else
        problem_hint(parser->problem, "%.*s:%.*s%.*s", SLICE_ARG(slice_first(word, 64)),
                     SLICE_ARG(slice_sub(text, parser->now.at, parser->now.length)),
                     SLICE_ARG(value_from(parser, end)));
    return STATUS_INVALID;
}

/* What was read from `at` on is the text of `filter`. An empty one, "", asks for a field that is not
 * there, and with a star behind it for one that is. */
static enum status finish_text(struct parser *parser, struct filter *filter, size_t at, bool star)
{
    if (filter->text.len > 0)
        return star ? STATUS_OK : check_whole(parser, filter, at, parser->eaten_end - at);
    if (!star)
        filter->kind = FILTER_EMPTY;
    else
        filter->kind = filter->field.len == 0 ? FILTER_ALL : FILTER_EXISTS;
    filter->quoted = false;
    filter->match = TEXT_PHRASE;
    return STATUS_OK;
}

/* text [ "*" ] */
enum status parse_words(struct parser *parser, struct filter *filter)
{
    size_t at = parser->now.at;
    bool star = false;
    enum status status = take_text(parser, filter);

    if (status == STATUS_OK)
        status = check_operator(parser, filter, at);
    if (status == STATUS_OK)
        status = accept_star(parser, &star);
    filter->match = star ? TEXT_PREFIX : TEXT_PHRASE;
    return status == STATUS_OK ? finish_text(parser, filter, at, star) : status;
}

/* "*" or "*" text "*"; the first star is eaten. */
enum status parse_star(struct parser *parser, struct filter *filter)
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
enum status parse_exact(struct parser *parser, struct filter *filter)
{
    size_t at = parser->now.at;
    bool star = false;
    enum status status = take_text(parser, filter);

    if (status == STATUS_OK)
        status = accept_star(parser, &star);
    filter->match = star ? TEXT_EXACT_PREFIX : TEXT_EXACT;
    return status == STATUS_OK ? finish_text(parser, filter, at, star) : status;
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

enum status parse_regex(struct parser *parser, struct filter *filter)
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

static bool digit_first(struct slice text)
{
    return text.len > 0 && text.data[0] >= '0' && text.data[0] <= '9';
}

/* bytes:>1 MB: the unit touches the number, or it would be a word to look for. */
static enum status check_unit(struct parser *parser, const struct filter *filter)
{
    char text[32];
    struct slice unit = parser->now.text;
    const struct literal *low = &filter->low;
    uint64_t size;
    int length;

    if (field_type_of(filter->field) != VALUE_BYTES || low->kind != LITERAL_NUMBER ||
        !parser_at(parser, SYMBOL_TOKEN))
        return STATUS_OK;
    length = snprintf(text, sizeof(text), "1%.*s", SLICE_ARG(slice_first(unit, sizeof(text) - 2)));
    if (size_parse((struct slice){text, (size_t)length}, &size, NULL) != STATUS_OK ||
        digit_first(unit))
        return STATUS_OK;
    problem_set(parser->problem, "query_type", low->at,
                parser->now.at + parser->now.length - low->at, "a unit touches its number");
    problem_hint(parser->problem, "%.*s%.*s", SLICE_ARG(slice_first(low->text, 32)),
                 SLICE_ARG(unit));
    return STATUS_INVALID;
}

static enum status parse_comparison(struct parser *parser, struct filter *filter,
                                    enum filter_compare compare)
{
    enum status status;

    if (filter->field.len == 0)
        return parser_no_field(parser, "status:>=500");
    status = parser_literal(parser, false, &filter->low);
    filter->kind = FILTER_COMPARE;
    filter->compare = compare;
    if (status == STATUS_OK)
        status = value_check_bound(filter->field, &filter->low, parser->problem);
    return status == STATUS_OK ? check_unit(parser, filter) : status;
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

enum status filter_not(struct parser *parser, const struct filter *child, size_t at,
                       const struct filter **out)
{
    const struct filter **children;
    struct filter *filter;

    if (child->kind == FILTER_NOT) {
        *out = child->children[0];
        return STATUS_OK;
    }
    children = arena_new(parser->arena, const struct filter *, 1);
    filter = filter_new(parser, FILTER_NOT, at);
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
            status = filter_not(parser, child, at, out);
        return status;
    }
    status = parse_one(parser, filter, &negated);
    if (status != STATUS_OK)
        return status;
    filter->length = parser->eaten_end - at;
    if (negated)
        return filter_not(parser, filter, at, out);
    *out = filter;
    return STATUS_OK;
}

/* ---- selector ---- */

/* Any field may stand in a selector: labels are fields that every row of a stream shares. */
static enum status parse_label_match(struct parser *parser, void *item)
{
    const struct filter **out = item;
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
            status = parse_value_list(parser, filter, true);
    } else {
        return parser_wrong(parser, "=, !=, =~, !~ or in");
    }
    filter->length = parser->eaten_end - filter->at;
    if (status == STATUS_OK && negated)
        return filter_not(parser, filter, filter->at, out);
    *out = filter;
    return status;
}

enum status parse_selector(struct parser *parser, const struct filter **out)
{
    static const struct list_form labels = {parse_label_match, sizeof(struct filter *),
                                            QUERY_NAMES_MAX, "labels", SYMBOL_COMMA};
    struct item_list list = {0};
    size_t at = parser->now.at;
    struct filter *filter = filter_new(parser, FILTER_AND, at);
    enum status status = filter == NULL ? parser_no_memory(parser) : parser_advance(parser); /* { */

    if (status == STATUS_OK)
        status = parser_list(parser, &labels, &list);
    if (status == STATUS_OK)
        status = parser_expect(parser, SYMBOL_RIGHT_BRACE, ", or }");
    if (status != STATUS_OK)
        return status;
    filter->children = list.items;
    filter->child_count = list.count;
    filter->length = parser->eaten_end - at;
    *out = list.count == 1 ? filter->children[0] : filter;
    return STATUS_OK;
}
