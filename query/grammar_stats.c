/* query/grammar_stats.c -- stats by (keys) functions, and the table of functions. */
#include "query/parser.h"

#include <math.h>

const struct stats_form stats_forms[STATS_KIND_COUNT] = {
    [STATS_COUNT] = {"count", 0, QUERY_NAMES_MAX, false},
    [STATS_COUNT_EMPTY] = {"count_empty", 1, QUERY_NAMES_MAX, false},
    [STATS_COUNT_UNIQ] = {"count_uniq", 1, QUERY_NAMES_MAX, false},
    [STATS_SUM] = {"sum", 1, 1, false},
    [STATS_AVG] = {"avg", 1, 1, false},
    [STATS_MIN] = {"min", 1, 1, false},
    [STATS_MAX] = {"max", 1, 1, false},
    [STATS_MEDIAN] = {"median", 1, 1, false},
    [STATS_STDDEV] = {"stddev", 1, 1, false},
    [STATS_QUANTILE] = {"quantile", 1, 1, true},
    [STATS_HISTOGRAM] = {"histogram", 1, 1, false},
    [STATS_RATE] = {"rate", 0, 0, false},
    [STATS_RATE_SUM] = {"rate_sum", 1, 1, false},
    [STATS_SUM_LEN] = {"sum_len", 1, 1, false},
    [STATS_UNIQ_VALUES] = {"uniq_values", 1, 1, false},
    [STATS_VALUES] = {"values", 1, 1, false},
    [STATS_ROW_ANY] = {"row_any", 1, QUERY_NAMES_MAX, false},
    [STATS_ROW_MIN] = {"row_min", 2, QUERY_NAMES_MAX, false},
    [STATS_ROW_MAX] = {"row_max", 2, QUERY_NAMES_MAX, false},
    [STATS_INCREASE] = {"increase", 1, 1, false},
    [STATS_FORECAST] = {"forecast", 1, 1, true},
};

static enum stats_kind stats_kind_of(struct slice name)
{
    unsigned kind = 0;

    while (kind < STATS_KIND_COUNT && !slice_is(name, stats_forms[kind].name))
        kind++;
    return (enum stats_kind)kind;
}

bool is_stats_name(struct slice name)
{
    return stats_kind_of(name) != STATS_KIND_COUNT;
}

static enum status unknown_function(struct parser *parser)
{
    const char *names[STATS_KIND_COUNT], *near;

    if (!parser_at(parser, SYMBOL_TOKEN))
        return parser_wrong(parser, "stats function");
    for (size_t i = 0; i < STATS_KIND_COUNT; i++)
        names[i] = stats_forms[i].name;
    near = nearest_name(parser->now.text, names, STATS_KIND_COUNT);
    problem_set(parser->problem, "query_syntax", parser->now.at, parser->now.length,
                "unknown stats function \"%.*s\"", SLICE_ARG(slice_first(parser->now.text, 64)));
    if (near != NULL)
        problem_hint(parser->problem, "%s", near);
    problem_expected(parser->problem, "stats function");
    return STATUS_INVALID;
}

/* /24 behind client: */
static enum status parse_subnet(struct parser *parser, struct group_key *key)
{
    uint64_t bits;

    if (!slice_to_u64(slice_from(parser->now.text, 1), &bits) || bits > 32)
        return parser_wrong(parser, "/0 to /32");
    key->bucket = BUCKET_SUBNET;
    key->prefix_bits = (uint32_t)bits;
    return parser_advance(parser);
}

static enum status parse_bucket(struct parser *parser, struct group_key *key)
{
    bool found = false;
    bool time = slice_is(key->field, "_time");
    enum status status;

    if (parser_at(parser, SYMBOL_TOKEN) && parser->now.text.data[0] == '/')
        return parse_subnet(parser, key);
    status = parser_literal(parser, false, &key->step);
    if (status != STATUS_OK)
        return status;
    if (key->step.kind == LITERAL_TEXT || !(key->step.number > 0) || isinf(key->step.number) ||
        (time && key->step.kind != LITERAL_DURATION))
        return problem_set(parser->problem, "query_type", key->step.at, key->step.length,
                           time ? "a time bucket is a duration such as 5m"
                                : "a bucket is a number, size or duration above 0");
    key->bucket = time ? BUCKET_TIME : BUCKET_NUMBER;
    if (time)
        status = parser_accept_word(parser, "offset", &found);
    return status == STATUS_OK && found ? parser_duration(parser, &key->offset_ns) : status;
}

static enum status parse_key(struct parser *parser, void *item)
{
    struct group_key *key = item;
    enum status status = parser_text(parser, "field name", &key->field);

    if (status != STATUS_OK || !parser_at(parser, SYMBOL_COLON))
        return status;
    status = parser_advance(parser);
    return status == STATUS_OK ? parse_bucket(parser, key) : status;
}

/* ( key, key ) */
static enum status parse_keys(struct parser *parser, struct pipe *out)
{
    static const struct list_form keys = {parse_key, sizeof(struct group_key), QUERY_NAMES_MAX,
                                          "keys", SYMBOL_COMMA};
    struct item_list list;
    enum status status = parser_list_in_brackets(parser, &keys, &list);

    out->keys = list.items;
    out->key_count = list.count;
    return status;
}

/* The number of quantile() and forecast(). */
static enum status parse_call_number(struct parser *parser, struct stats_call *call)
{
    enum status status = parser_literal(parser, false, &call->number);
    const struct literal *number = &call->number;

    if (status != STATUS_OK)
        return status;
    if (call->kind == STATS_QUANTILE &&
        (number->kind != LITERAL_NUMBER || !(number->number >= 0 && number->number <= 1)))
        return problem_set(parser->problem, "query_type", number->at, number->length,
                           "a quantile is a number from 0 to 1");
    if (call->kind == STATS_FORECAST && number->kind != LITERAL_DURATION)
        return problem_set(parser->problem, "query_type", number->at, number->length,
                           "a forecast looks a duration ahead, such as 30d");
    return STATUS_OK;
}

/* Arguments up to the closing bracket; the opening one is eaten. A star alone means no field. */
static enum status parse_arguments(struct parser *parser, struct stats_call *call)
{
    const struct stats_form *form = &stats_forms[call->kind];
    enum status status = STATUS_OK;

    if (call->kind == STATS_COUNT && parser_at(parser, SYMBOL_STAR))
        return parser_advance(parser);
    if (call->kind == STATS_QUANTILE) {
        status = parse_call_number(parser, call);
        if (status == STATUS_OK)
            status = parser_expect(parser, SYMBOL_COMMA, ",");
    }
    if (status == STATUS_OK && !parser_at(parser, SYMBOL_RIGHT)) {
        if (call->kind == STATS_FORECAST) { /* its last argument is no field name */
            struct slice *field = arena_new(parser->arena, struct slice, 1);

            if (field == NULL)
                return parser_no_memory(parser);
            call->fields = (struct name_list){field, 1};
            status = parser_text(parser, "field name", field);
        } else {
            status = parser_names(parser, &call->fields);
        }
    }
    if (status == STATUS_OK && call->kind == STATS_FORECAST) {
        status = parser_expect(parser, SYMBOL_COMMA, ",");
        if (status == STATUS_OK)
            status = parse_call_number(parser, call);
    }
    if (status == STATUS_OK &&
        (call->fields.count < form->fields_min || call->fields.count > form->fields_max))
        return problem_set(parser->problem, "query_syntax", call->at,
                           parser->now.at + parser->now.length - call->at,
                           "%s() takes %u field%s%s", form->name, form->fields_min,
                           form->fields_min == 1 ? "" : "s",
                           form->fields_max > form->fields_min ? " or more" : "");
    return status;
}

static enum status parse_condition(struct parser *parser, struct stats_call *call)
{
    bool found = false;
    enum status status = parser_accept_word(parser, "if", &found);

    if (status != STATUS_OK || !found)
        return status;
    status = parser_descend(parser);
    if (status == STATUS_OK)
        status = parser_expect(parser, SYMBOL_LEFT, "(");
    if (status == STATUS_OK)
        status = parse_filter(parser, &call->filter);
    if (status == STATUS_OK)
        status = parser_expect(parser, SYMBOL_RIGHT, ")");
    parser->depth--;
    return status;
}

/* Without a name of its own a call is named as it is written. */
static enum status name_call(struct parser *parser, struct stats_call *call)
{
    struct buf text = buf_empty((size_t)QUERY_TEXT_SIZE_MAX * 2);

    if (stats_call_print(call, &text))
        call->as = arena_copy(parser->arena, buf_slice(&text));
    buf_release(&text);
    return call->as.data == NULL ? parser_no_memory(parser) : STATUS_OK;
}

static enum status parse_call(struct parser *parser, void *item)
{
    struct stats_call *call = item;
    bool as = false;
    enum status status;

    *call = (struct stats_call){.kind = stats_kind_of(parser->now.text), .at = parser->now.at};
    if (!parser_at(parser, SYMBOL_TOKEN) || call->kind == STATS_KIND_COUNT)
        return unknown_function(parser);
    status = parser_advance(parser);
    if (status == STATUS_OK)
        status = parser_expect(parser, SYMBOL_LEFT, "(");
    if (status == STATUS_OK)
        status = parse_arguments(parser, call);
    if (status == STATUS_OK)
        status = parser_expect(parser, SYMBOL_RIGHT, ", or )");
    if (status == STATUS_OK)
        status = parse_condition(parser, call);
    if (status != STATUS_OK)
        return status;
    call->length = parser->eaten_end - call->at;
    status = parser_accept_word(parser, "as", &as);
    if (status == STATUS_OK && (as || parser_at(parser, SYMBOL_TOKEN) ||
                                parser_at(parser, SYMBOL_STRING)))
        return parser_text(parser, "name", &call->as);
    return status == STATUS_OK ? name_call(parser, call) : status;
}

enum status parse_stats(struct parser *parser, struct pipe *out)
{
    static const struct list_form calls = {parse_call, sizeof(struct stats_call), QUERY_NAMES_MAX,
                                           "functions", SYMBOL_COMMA};
    struct item_list list = {0};
    bool by = false;
    enum status status = parser_accept_word(parser, "by", &by);

    if (status == STATUS_OK && (by || parser_at(parser, SYMBOL_LEFT)))
        status = parse_keys(parser, out);
    if (status == STATUS_OK)
        status = parser_list(parser, &calls, &list);
    out->calls = list.items;
    out->call_count = list.count;
    return status;
}
