/* query/parser.c -- look-ahead and the small pieces that every part of the grammar needs. */
#include "query/parser.h"

enum status parser_advance(struct parser *parser)
{
    parser->eaten_end = parser->now.at + parser->now.length;
    return lexer_next(&parser->lexer, &parser->now);
}

enum status parser_mode(struct parser *parser, enum lexer_mode mode)
{
    bool spaced = parser->now.spaced;
    enum status status;

    parser->lexer.mode = mode;
    parser->lexer.at = parser->now.at;
    status = lexer_next(&parser->lexer, &parser->now);
    parser->now.spaced = spaced;
    return status;
}

enum status parser_wrong(struct parser *parser, const char *expected)
{
    char room[48];
    const struct symbol *now = &parser->now;

    problem_set(parser->problem, "query_syntax", now->at, now->length, "unexpected %s, expected %s",
                symbol_show(now, parser->lexer.text, room), expected);
    problem_expected(parser->problem, expected);
    return STATUS_INVALID;
}

enum status parser_no_field(struct parser *parser, const char *hint)
{
    problem_set(parser->problem, "query_syntax", parser->now.at, parser->now.length,
                "a comparison is of a field: which one?");
    problem_hint(parser->problem, "%s", hint);
    return STATUS_INVALID;
}

enum status parser_no_memory(struct parser *parser)
{
    return problem_set(parser->problem, "query_limit", parser->now.at, parser->now.length,
                       "the query is too large to parse");
}

enum status parser_expect(struct parser *parser, enum symbol_kind kind, const char *expected)
{
    if (parser->now.kind != kind)
        return parser_wrong(parser, expected);
    return parser_advance(parser);
}

enum status parser_descend(struct parser *parser)
{
    if (parser->depth >= QUERY_NESTING_MAX)
        return problem_set(parser->problem, "query_limit", parser->now.at, parser->now.length,
                           "nested more than %d deep", QUERY_NESTING_MAX);
    parser->depth++;
    return STATUS_OK;
}

bool parser_at_word(const struct parser *parser, const char *word)
{
    struct slice text = parser->now.text, lower = slice_of(word);

    if (parser->now.kind != SYMBOL_TOKEN || text.len != lower.len)
        return false;
    if (slice_equal(text, lower))
        return true;
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] != lower.data[i] - ('a' - 'A'))
            return false;
    return true;
}

enum status parser_accept_word(struct parser *parser, const char *word, bool *found)
{
    *found = parser_at_word(parser, word);
    return *found ? parser_advance(parser) : STATUS_OK;
}

enum status parser_text(struct parser *parser, const char *expected, struct slice *out)
{
    if (!parser_at(parser, SYMBOL_TOKEN) && !parser_at(parser, SYMBOL_STRING))
        return parser_wrong(parser, expected);
    *out = parser->now.text;
    return parser_advance(parser);
}

/* A minus sign directly before a token makes one negative number of both. */
static enum status negative_literal(struct parser *parser, struct literal *out)
{
    size_t at = parser->now.at;
    enum status status = parser_advance(parser);

    if (status != STATUS_OK)
        return status;
    if (!parser_at(parser, SYMBOL_TOKEN) || parser->now.spaced)
        return parser_wrong(parser, "number");
    literal_read(slice_sub(parser->lexer.text, at, parser->now.length + 1), out);
    out->at = at;
    out->length = parser->now.length + 1;
    return parser_advance(parser);
}

enum status parser_literal(struct parser *parser, bool instant, struct literal *out)
{
    enum status status = STATUS_OK;

    *out = (struct literal){.at = parser->now.at};
    if (parser_at(parser, SYMBOL_MINUS))
        return negative_literal(parser, out);
    if (instant && parser_at(parser, SYMBOL_TOKEN))
        status = parser_mode(parser, LEXER_INSTANT);
    parser->lexer.mode = LEXER_PLAIN;
    if (status != STATUS_OK)
        return status;
    if (parser_at(parser, SYMBOL_STRING)) {
        *out = (struct literal){.quoted = true, .text = parser->now.text};
    } else if (parser_at(parser, SYMBOL_TOKEN)) {
        literal_read(parser->now.text, out);
    } else {
        return parser_wrong(parser, "value");
    }
    out->at = parser->now.at;
    out->length = parser->now.length;
    return parser_advance(parser);
}

enum status parser_count(struct parser *parser, uint64_t least, uint64_t *out)
{
    struct literal value = {0};

    if (parser_at(parser, SYMBOL_TOKEN))
        literal_read(parser->now.text, &value);
    if ((value.kind != LITERAL_NUMBER && value.kind != LITERAL_SIZE) ||
        !(value.number >= (double)least) || !(value.number <= 1e15) ||
        value.number != (double)(uint64_t)value.number)
        return parser_wrong(parser, least > 0 ? "whole number above 0" : "whole number");
    *out = (uint64_t)value.number;
    return parser_advance(parser);
}

enum status parser_duration(struct parser *parser, int64_t *out_ns)
{
    if (!parser_at(parser, SYMBOL_TOKEN) || !literal_duration(parser->now.text, out_ns))
        return parser_wrong(parser, "duration such as 5m");
    return parser_advance(parser);
}

void *parser_grow(struct parser *parser, void *items, uint32_t count, size_t item_size)
{
    void *grown;

    if (count > 0 && (count & (count - 1)) != 0)
        return items;
    grown = arena_alloc(parser->arena, item_size, _Alignof(max_align_t),
                        count == 0 ? 1 : (size_t)count * 2);
    if (grown != NULL && count > 0)
        memcpy(grown, items, count * item_size);
    return grown;
}

enum status parser_list(struct parser *parser, const struct list_form *form, struct item_list *out)
{
    char *items = NULL;
    uint32_t count = 0;
    enum status status = STATUS_OK;

    while (status == STATUS_OK) {
        if (count == form->count_max)
            return problem_set(parser->problem, "query_limit", parser->now.at, parser->now.length,
                               "more than %u %s", form->count_max, form->what);
        items = parser_grow(parser, items, count, form->item_size);
        if (items == NULL)
            return parser_no_memory(parser);
        status = form->parse(parser, items + count++ * form->item_size);
        if (status != STATUS_OK || !parser_at(parser, form->separator))
            break;
        status = parser_advance(parser);
    }
    *out = (struct item_list){items, count};
    return status;
}

enum status parser_list_in_brackets(struct parser *parser, const struct list_form *form,
                                    struct item_list *out)
{
    enum status status = parser_expect(parser, SYMBOL_LEFT, "(");

    *out = (struct item_list){0};
    if (status == STATUS_OK)
        status = parser_list(parser, form, out);
    return status == STATUS_OK ? parser_expect(parser, SYMBOL_RIGHT, ", or )") : status;
}

static enum status parse_name(struct parser *parser, void *item)
{
    return parser_text(parser, "field name", item);
}

static const struct list_form names_form = {parse_name, sizeof(struct slice), QUERY_NAMES_MAX,
                                            "names", SYMBOL_COMMA};

enum status parser_names(struct parser *parser, struct name_list *out)
{
    struct item_list list = {0};
    enum status status = parser_list(parser, &names_form, &list);

    *out = (struct name_list){list.items, list.count};
    return status;
}

enum status parser_names_in_brackets(struct parser *parser, struct name_list *out)
{
    struct item_list list;
    enum status status = parser_list_in_brackets(parser, &names_form, &list);

    *out = (struct name_list){list.items, list.count};
    return status;
}
