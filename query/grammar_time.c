/* query/grammar_time.c -- what stands behind `_time:`. Instants are only checked here: what they
 * mean depends on the zone of the request. */
#include "query/parser.h"

#include "base/units.h"

static enum status parse_point(struct parser *parser, struct literal *out)
{
    struct instant instant;
    struct error err = {0};
    enum status status;

    if (!parser_at(parser, SYMBOL_TOKEN) && !parser_at(parser, SYMBOL_STRING))
        return parser_wrong(parser, "time or duration");
    status = parser_literal(parser, true, out);
    if (status == STATUS_OK && out->kind != LITERAL_DURATION &&
        instant_parse(out->text, NULL, 0, &instant, &err) != STATUS_OK) {
        problem_set(parser->problem, "query_type", out->at, out->length, "not a time: %s",
                    err.message);
        problem_expected(parser->problem, "2026-03-02T14:05, Unix seconds, 5m");
        return STATUS_INVALID;
    }
    return status;
}

static enum status parse_interval(struct parser *parser, struct time_filter *time)
{
    enum status status;

    time->form = TIME_RANGE;
    time->low_open = parser_at(parser, SYMBOL_LEFT);
    status = parser_advance(parser);
    if (status == STATUS_OK)
        status = parse_point(parser, &time->low);
    if (status == STATUS_OK)
        status = parser_expect(parser, SYMBOL_COMMA, ",");
    if (status == STATUS_OK)
        status = parse_point(parser, &time->high);
    if (status != STATUS_OK)
        return status;
    time->high_open = parser_at(parser, SYMBOL_RIGHT);
    if (!time->high_open && !parser_at(parser, SYMBOL_RIGHT_BRACKET))
        return parser_wrong(parser, "] or )");
    return parser_advance(parser);
}

/* `offset 1w`: the word alone could also be searched for, so a duration must follow. */
static enum status parse_offset(struct parser *parser, struct time_filter *time)
{
    struct parser ahead = *parser;
    struct query_problem ignored;
    int64_t offset_ns;

    ahead.problem = &ignored;
    ahead.lexer.problem = &ignored;
    if (!parser_at_word(parser, "offset") || parser_advance(&ahead) != STATUS_OK ||
        parser_duration(&ahead, &offset_ns) != STATUS_OK)
        return STATUS_OK;
    ahead.problem = parser->problem;
    ahead.lexer.problem = parser->problem;
    *parser = ahead;
    time->offset_ns = offset_ns;
    return STATUS_OK;
}

enum status parse_since(struct parser *parser, const struct time_filter **out)
{
    struct time_filter *time = arena_new(parser->arena, struct time_filter, 1);
    enum status status;

    if (time == NULL)
        return parser_no_memory(parser);
    *time = (struct time_filter){.form = TIME_COMPARE};
    status = parse_point(parser, &time->low);
    time->compare = time->low.kind == LITERAL_DURATION ? COMPARE_LESS : COMPARE_GREATER_EQUAL;
    *out = time;
    return status;
}

enum status parse_time(struct parser *parser, size_t at, const struct filter **out)
{
    static const struct {
        enum symbol_kind symbol;
        enum filter_compare compare;
    } compares[] = {
        {SYMBOL_GREATER, COMPARE_GREATER}, {SYMBOL_GREATER_EQUAL, COMPARE_GREATER_EQUAL},
        {SYMBOL_LESS, COMPARE_LESS},       {SYMBOL_LESS_EQUAL, COMPARE_LESS_EQUAL},
    };
    struct filter *filter = filter_new(parser, FILTER_TIME, at);
    enum status status = STATUS_OK;

    if (filter == NULL)
        return parser_no_memory(parser);
    for (size_t i = 0; i < COUNT_OF(compares); i++) {
        if (parser_at(parser, compares[i].symbol)) {
            filter->time.form = TIME_COMPARE;
            filter->time.compare = compares[i].compare;
            status = parser_advance(parser);
            break;
        }
    }
    if (status == STATUS_OK && (parser_at(parser, SYMBOL_LEFT_BRACKET) ||
                                parser_at(parser, SYMBOL_LEFT))) {
        if (filter->time.form == TIME_COMPARE)
            return parser_wrong(parser, "time or duration");
        status = parse_interval(parser, &filter->time);
    } else if (status == STATUS_OK) {
        status = parse_point(parser, &filter->time.low);
    }
    if (status == STATUS_OK)
        status = parse_offset(parser, &filter->time);
    filter->length = parser->eaten_end - at;
    *out = filter;
    return status;
}
