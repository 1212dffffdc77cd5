/* query/grammar_pipe.c -- the pipes: one row per name in pipe_forms[], one function per form.
 * stats and math have files of their own. */
#include "query/parser.h"

const char *const pipe_names[PIPE_KIND_COUNT] = {
    [PIPE_FIELDS] = "fields", [PIPE_WHERE] = "where", [PIPE_STATS] = "stats",
    [PIPE_SORT] = "sort", [PIPE_LIMIT] = "limit", [PIPE_OFFSET] = "offset",
    [PIPE_FIRST] = "first", [PIPE_LAST] = "last", [PIPE_TOP] = "top", [PIPE_UNIQ] = "uniq",
    [PIPE_EXTRACT] = "extract", [PIPE_EXTRACT_REGEXP] = "extract_regexp",
    [PIPE_FORMAT] = "format", [PIPE_MATH] = "math", [PIPE_RENAME] = "rename",
    [PIPE_COPY] = "copy", [PIPE_DELETE] = "delete", [PIPE_REPLACE] = "replace",
    [PIPE_UNPACK_JSON] = "unpack_json", [PIPE_UNPACK_LOGFMT] = "unpack_logfmt",
    [PIPE_CONTEXT] = "context", [PIPE_FACETS] = "facets", [PIPE_FIELD_NAMES] = "field_names",
    [PIPE_FIELD_VALUES] = "field_values", [PIPE_DIFF] = "diff", [PIPE_SAMPLE] = "sample",
    [PIPE_JOIN] = "join", [PIPE_UNION] = "union", [PIPE_PATTERNS] = "patterns",
    [PIPE_REPLACE_REGEXP] = "replace_regexp", [PIPE_DECOLORIZE] = "decolorize",
    [PIPE_COLLAPSE_NUMS] = "collapse_nums", [PIPE_UNROLL] = "unroll",
    [PIPE_PACK_JSON] = "pack_json", [PIPE_PACK_LOGFMT] = "pack_logfmt", [PIPE_HASH] = "hash",
    [PIPE_LEN] = "len", [PIPE_DROP_EMPTY_FIELDS] = "drop_empty_fields",
    [PIPE_UNPACK_WORDS] = "unpack_words", [PIPE_UNPACK_SYSLOG] = "unpack_syslog",
    [PIPE_DIFF_AGAINST] = "diff",
};

/* In the functions below the name of the pipe is already eaten. */

/* fields a, b */
static enum status parse_field_list(struct parser *parser, struct pipe *out)
{
    return parser_names(parser, &out->fields);
}

static enum status parse_where(struct parser *parser, struct pipe *out)
{
    return parse_filter(parser, &out->filter);
}

/* limit 10 */
static enum status parse_number(struct parser *parser, struct pipe *out)
{
    return parser_count(parser, 0, &out->count);
}

static enum status parse_sample(struct parser *parser, struct pipe *out)
{
    return parser_count(parser, 1, &out->count);
}

static enum status parse_optional_number(struct parser *parser, struct pipe *out)
{
    return parser_at(parser, SYMBOL_TOKEN) ? parser_count(parser, 1, &out->count) : STATUS_OK;
}

/* a [desc | asc] */
static enum status parse_sort_key(struct parser *parser, void *item)
{
    struct sort_key *key = item;
    bool ascending = false;
    enum status status = parser_text(parser, "field name", &key->field);

    if (status == STATUS_OK)
        status = parser_accept_word(parser, "desc", &key->descending);
    if (status == STATUS_OK && !key->descending)
        status = parser_accept_word(parser, "asc", &ascending);
    return status;
}

/* (a desc, b asc) */
static enum status parse_sort_keys(struct parser *parser, struct pipe *out)
{
    static const struct list_form sort_keys = {parse_sort_key, sizeof(struct sort_key),
                                               QUERY_NAMES_MAX, "keys", SYMBOL_COMMA};
    struct item_list list;
    enum status status = parser_list_in_brackets(parser, &sort_keys, &list);

    out->sort_keys = list.items;
    out->sort_key_count = list.count;
    return status;
}

/* partition by (geo) */
static enum status parse_partition(struct parser *parser, struct pipe *out)
{
    bool found = false;
    enum status status = parser_accept_word(parser, "partition", &found);

    if (status != STATUS_OK || !found)
        return status;
    if (!parser_at_word(parser, "by"))
        return parser_wrong(parser, "by");
    status = parser_advance(parser);
    return status == STATUS_OK ? parser_names_in_brackets(parser, &out->others) : status;
}

static enum status accept_by(struct parser *parser)
{
    bool found;

    return parser_accept_word(parser, "by", &found);
}

static void reverse_keys(struct pipe *out)
{
    struct sort_key *keys = (struct sort_key *)out->sort_keys;

    for (uint32_t i = 0; i < out->sort_key_count; i++)
        keys[i].descending = !keys[i].descending;
}

/* sort by (n desc, host) [desc] [limit 10] [offset 5] [partition by (geo)] */
static enum status parse_sort(struct parser *parser, struct pipe *out)
{
    bool found = false;
    enum status status = accept_by(parser);

    if (status == STATUS_OK)
        status = parse_sort_keys(parser, out);
    if (status == STATUS_OK)
        status = parser_accept_word(parser, "desc", &found);
    if (found)
        reverse_keys(out);
    if (status == STATUS_OK)
        status = parser_accept_word(parser, "limit", &found);
    if (status == STATUS_OK && found)
        status = parser_count(parser, 1, &out->count);
    if (status == STATUS_OK)
        status = parser_accept_word(parser, "offset", &found);
    if (status == STATUS_OK && found)
        status = parser_count(parser, 0, &out->offset);
    return status == STATUS_OK ? parse_partition(parser, out) : status;
}

/* last 6 by (_time) partition by (host) */
static enum status parse_first_last(struct parser *parser, struct pipe *out)
{
    bool by = false;
    enum status status = STATUS_OK;

    out->count = 1;
    if (parser_at(parser, SYMBOL_TOKEN) && !parser_at_word(parser, "by"))
        status = parser_count(parser, 1, &out->count);
    if (status == STATUS_OK)
        status = parser_accept_word(parser, "by", &by);
    if (status == STATUS_OK && !by && !parser_at(parser, SYMBOL_LEFT))
        return parser_wrong(parser, "by");
    if (status == STATUS_OK)
        status = parse_sort_keys(parser, out);
    return status == STATUS_OK ? parse_partition(parser, out) : status;
}

/* hits [as name] */
static enum status parse_hits(struct parser *parser, struct pipe *out, bool *found)
{
    bool as = false;
    enum status status = parser_accept_word(parser, "hits", found);

    out->as = SLICE_LITERAL("hits");
    if (status == STATUS_OK && *found)
        status = parser_accept_word(parser, "as", &as);
    return status == STATUS_OK && as ? parser_text(parser, "name", &out->as) : status;
}

/* top 10 by (path) hits as n with other */
static enum status parse_top(struct parser *parser, struct pipe *out)
{
    bool found = false;
    enum status status = STATUS_OK;

    out->count = 10;
    if (parser_at(parser, SYMBOL_TOKEN) && !parser_at_word(parser, "by"))
        status = parser_count(parser, 1, &out->count);
    if (status == STATUS_OK)
        status = accept_by(parser);
    if (status == STATUS_OK)
        status = parser_names_in_brackets(parser, &out->fields);
    if (status == STATUS_OK)
        status = parse_hits(parser, out, &found);
    if (status == STATUS_OK)
        status = parser_accept_word(parser, "with", &found);
    if (status == STATUS_OK && found) {
        if (!parser_at_word(parser, "other"))
            return parser_wrong(parser, "other");
        out->flag = true;
        status = parser_advance(parser);
    }
    return status;
}

/* uniq by (user, tenant) [with hits [as name]] [limit 1000] */
static enum status parse_uniq(struct parser *parser, struct pipe *out)
{
    bool found = false;
    enum status status = accept_by(parser);

    if (status == STATUS_OK)
        status = parser_names_in_brackets(parser, &out->fields);
    if (status == STATUS_OK)
        status = parser_accept_word(parser, "with", &found);
    if (status == STATUS_OK && found) {
        status = parse_hits(parser, out, &out->flag);
        if (status == STATUS_OK && !out->flag)
            return parser_wrong(parser, "hits");
    }
    if (status == STATUS_OK)
        status = parser_accept_word(parser, "limit", &found);
    return status == STATUS_OK && found ? parser_count(parser, 1, &out->count) : status;
}

/* [from field] */
static enum status parse_from(struct parser *parser, struct pipe *out)
{
    bool found = false;
    enum status status = parser_accept_word(parser, "from", &found);

    out->from = SLICE_LITERAL("_msg");
    return status == STATUS_OK && found ? parser_text(parser, "field name", &out->from) : status;
}

/* extract "took <ms>ms" from _msg */
static enum status parse_extract(struct parser *parser, struct pipe *out)
{
    enum status status = STATUS_OK;

    if (!parser_at(parser, SYMBOL_STRING))
        return parser_wrong(parser, "pattern in quotes");
    status = parser_text(parser, "pattern in quotes", &out->text);
    return status == STATUS_OK ? parse_from(parser, out) : status;
}

/* format "<tenant>/<url_group>" as key */
static enum status parse_format(struct parser *parser, struct pipe *out)
{
    bool as = false;
    enum status status = STATUS_OK;

    if (!parser_at(parser, SYMBOL_STRING))
        return parser_wrong(parser, "pattern in quotes");
    status = parser_text(parser, "pattern in quotes", &out->text);
    if (status == STATUS_OK)
        status = parser_accept_word(parser, "as", &as);
    if (status == STATUS_OK && !as)
        return parser_wrong(parser, "as");
    return status == STATUS_OK ? parser_text(parser, "field name", &out->as) : status;
}

struct new_name {
    struct slice from, to;
};

/* a as b */
static enum status parse_new_name(struct parser *parser, void *item)
{
    struct new_name *name = item;
    enum status status = parser_text(parser, "field name", &name->from);

    if (status == STATUS_OK && !parser_at_word(parser, "as"))
        return parser_wrong(parser, "as");
    if (status == STATUS_OK)
        status = parser_advance(parser);
    return status == STATUS_OK ? parser_text(parser, "new name", &name->to) : status;
}

/* rename a as b, c as d */
static enum status parse_rename(struct parser *parser, struct pipe *out)
{
    static const struct list_form new_names = {parse_new_name, sizeof(struct new_name),
                                               QUERY_NAMES_MAX, "names", SYMBOL_COMMA};
    struct item_list list = {0};
    enum status status = parser_list(parser, &new_names, &list);
    const struct new_name *names = list.items;
    struct slice *from, *to;

    if (status != STATUS_OK)
        return status;
    from = arena_new(parser->arena, struct slice, list.count);
    to = arena_new(parser->arena, struct slice, list.count);
    if (from == NULL || to == NULL)
        return parser_no_memory(parser);
    for (uint32_t i = 0; i < list.count; i++) {
        from[i] = names[i].from;
        to[i] = names[i].to;
    }
    out->fields = (struct name_list){from, list.count};
    out->others = (struct name_list){to, list.count};
    return STATUS_OK;
}

/* replace ("x", "y") at path */
static enum status parse_replace(struct parser *parser, struct pipe *out)
{
    size_t at = parser->now.at;
    bool found = false;
    enum status status = parser_expect(parser, SYMBOL_LEFT, "(");

    if (status == STATUS_OK)
        status = parser_text(parser, "text to replace", &out->text);
    if (status == STATUS_OK && out->text.len == 0)
        return problem_set(parser->problem, "query_syntax", at, parser->eaten_end - at,
                           "cannot replace an empty text");
    if (status == STATUS_OK)
        status = parser_expect(parser, SYMBOL_COMMA, ",");
    if (status == STATUS_OK)
        status = parser_text(parser, "new text", &out->new_text);
    if (status == STATUS_OK)
        status = parser_expect(parser, SYMBOL_RIGHT, ")");
    out->from = SLICE_LITERAL("_msg");
    if (status == STATUS_OK)
        status = parser_accept_word(parser, "at", &found);
    return status == STATUS_OK && found ? parser_text(parser, "field name", &out->from) : status;
}

/* decolorize [at path] */
static enum status parse_at(struct parser *parser, struct pipe *out)
{
    bool found = false;
    enum status status = parser_accept_word(parser, "at", &found);

    out->from = SLICE_LITERAL("_msg");
    return status == STATUS_OK && found ? parser_text(parser, "field name", &out->from) : status;
}

/* unroll a, b; unroll [by] (a, b) */
static enum status parse_unroll(struct parser *parser, struct pipe *out)
{
    enum status status = accept_by(parser);

    if (status != STATUS_OK)
        return status;
    return parser_at(parser, SYMBOL_LEFT) ? parser_names_in_brackets(parser, &out->fields)
                                          : parser_names(parser, &out->fields);
}

/* unpack_json from body prefix "b." */
static enum status parse_unpack(struct parser *parser, struct pipe *out)
{
    bool found = false;
    enum status status = parse_from(parser, out);

    if (status == STATUS_OK)
        status = parser_accept_word(parser, "prefix", &found);
    return status == STATUS_OK && found ? parser_text(parser, "prefix", &out->text) : status;
}

static enum status parse_context_rows(struct parser *parser, const char *word, uint64_t *out)
{
    bool found = false;
    size_t at = parser->now.at;
    enum status status = parser_accept_word(parser, word, &found);

    if (status == STATUS_OK && found)
        status = parser_count(parser, 0, out);
    if (status == STATUS_OK && *out > CONTEXT_ROWS_MAX)
        return problem_set(parser->problem, "query_limit", at, parser->eaten_end - at,
                           "context of more than %u rows", CONTEXT_ROWS_MAX);
    return status;
}

/* context before 2 after 5 [across host | by request_id] [window 1h] */
static enum status parse_context(struct parser *parser, struct pipe *out)
{
    bool found = false;
    enum status status = parse_context_rows(parser, "before", &out->count);

    if (status == STATUS_OK)
        status = parse_context_rows(parser, "after", &out->offset);
    if (status == STATUS_OK)
        status = parser_accept_word(parser, "across", &out->flag);
    if (status == STATUS_OK && out->flag) {
        if (!parser_at_word(parser, "host"))
            return parser_wrong(parser, "host");
        status = parser_advance(parser);
    } else if (status == STATUS_OK) {
        status = parser_accept_word(parser, "by", &found);
        if (status == STATUS_OK && found)
            status = parser_text(parser, "field name", &out->from);
    }
    if (status == STATUS_OK)
        status = parser_accept_word(parser, "window", &found);
    else
        found = false;
    return status == STATUS_OK && found ? parser_duration(parser, &out->duration_ns) : status;
}

/* field_values path limit 100 */
static enum status parse_field_values(struct parser *parser, struct pipe *out)
{
    bool found = false;
    enum status status = parser_text(parser, "field name", &out->from);

    if (status == STATUS_OK)
        status = parser_accept_word(parser, "limit", &found);
    return status == STATUS_OK && found ? parser_count(parser, 1, &out->count) : status;
}

static enum status parse_nothing(struct parser *parser, struct pipe *out)
{
    (void)parser;
    (void)out;
    return STATUS_OK;
}

/* pack_json [fields (a, b)] [as name] */
static enum status parse_pack(struct parser *parser, struct pipe *out)
{
    bool found = false;
    enum status status = parser_accept_word(parser, "fields", &found);

    out->as = SLICE_LITERAL("_msg");
    if (status == STATUS_OK && found)
        status = parser_names_in_brackets(parser, &out->fields);
    if (status == STATUS_OK)
        status = parser_accept_word(parser, "as", &found);
    return status == STATUS_OK && found ? parser_text(parser, "field name", &out->as) : status;
}

/* hash (user) as h; len (path) as n */
static enum status parse_measure(struct parser *parser, struct pipe *out)
{
    enum status status = parser_expect(parser, SYMBOL_LEFT, "(");

    if (status == STATUS_OK)
        status = parser_text(parser, "field name", &out->from);
    if (status == STATUS_OK)
        status = parser_expect(parser, SYMBOL_RIGHT, ")");
    if (status == STATUS_OK && !parser_at_word(parser, "as"))
        return parser_wrong(parser, "as");
    if (status == STATUS_OK)
        status = parser_advance(parser);
    return status == STATUS_OK ? parser_text(parser, "field name", &out->as) : status;
}

/* unpack_words [from path] [as words] [drop_duplicates] */
static enum status parse_unpack_words(struct parser *parser, struct pipe *out)
{
    bool found = false;
    enum status status = parse_from(parser, out);

    out->as = out->from;
    if (status == STATUS_OK)
        status = parser_accept_word(parser, "as", &found);
    if (status == STATUS_OK && found)
        status = parser_text(parser, "field name", &out->as);
    return status == STATUS_OK ? parser_accept_word(parser, "drop_duplicates", &out->flag) : status;
}

/* diff offset 1w; diff against (filter) */
static enum status parse_diff(struct parser *parser, struct pipe *out)
{
    size_t at = parser->now.at;
    enum status status;

    if (parser_at_word(parser, "against")) {
        out->kind = PIPE_DIFF_AGAINST;
        status = parser_advance(parser);
        return status == STATUS_OK ? parse_subquery(parser, &out->query) : status;
    }
    if (!parser_at_word(parser, "offset"))
        return parser_wrong(parser, "offset or against");
    status = parser_advance(parser);
    if (status == STATUS_OK)
        status = parser_duration(parser, &out->duration_ns);
    if (status == STATUS_OK && out->duration_ns <= 0)
        return problem_set(parser->problem, "query_type", at, parser->eaten_end - at,
                           "an offset is longer than 0");
    return status;
}

/* join by (host) (query) [inner] [prefix "p."] */
static enum status parse_join(struct parser *parser, struct pipe *out)
{
    bool found = false;
    enum status status = accept_by(parser);

    if (status == STATUS_OK)
        status = parser_names_in_brackets(parser, &out->fields);
    if (status == STATUS_OK)
        status = parse_subquery(parser, &out->query);
    if (status == STATUS_OK)
        status = parser_accept_word(parser, "inner", &out->flag);
    if (status == STATUS_OK)
        status = parser_accept_word(parser, "prefix", &found);
    return status == STATUS_OK && found ? parser_text(parser, "prefix", &out->text) : status;
}

/* patterns [50] [limit 50] [by (role)] [[new] since 1h] */
static enum status parse_patterns(struct parser *parser, struct pipe *out)
{
    bool limit = false, by = false, is_new = false, since = false;
    enum status status = STATUS_OK;

    if (parser_at(parser, SYMBOL_TOKEN) && parser->now.text.data[0] >= '0' &&
        parser->now.text.data[0] <= '9')
        status = parser_count(parser, 1, &out->count);
    else
        status = parser_accept_word(parser, "limit", &limit);
    if (status == STATUS_OK && limit)
        status = parser_count(parser, 1, &out->count);
    if (status == STATUS_OK)
        status = parser_accept_word(parser, "by", &by);
    if (status == STATUS_OK && by)
        status = parser_names_in_brackets(parser, &out->fields);
    if (status == STATUS_OK)
        status = parser_accept_word(parser, "new", &is_new);
    if (status == STATUS_OK)
        status = parser_accept_word(parser, "since", &since);
    if (status == STATUS_OK && is_new && !since)
        return parser_wrong(parser, "since");
    return status == STATUS_OK && since ? parse_since(parser, &out->since) : status;
}

static enum status parse_union(struct parser *parser, struct pipe *out)
{
    return parse_subquery(parser, &out->query);
}

static const struct pipe_form {
    const char *name;
    enum pipe_kind kind;
    enum status (*parse)(struct parser *parser, struct pipe *out);
} pipe_forms[] = {
    {"fields", PIPE_FIELDS, parse_field_list},
    {"keep", PIPE_FIELDS, parse_field_list},
    {"where", PIPE_WHERE, parse_where},
    {"filter", PIPE_WHERE, parse_where},
    {"stats", PIPE_STATS, parse_stats},
    {"summarize", PIPE_STATS, parse_stats},
    {"sort", PIPE_SORT, parse_sort},
    {"order", PIPE_SORT, parse_sort},
    {"limit", PIPE_LIMIT, parse_number},
    {"head", PIPE_LIMIT, parse_number},
    {"take", PIPE_LIMIT, parse_number},
    {"offset", PIPE_OFFSET, parse_number},
    {"skip", PIPE_OFFSET, parse_number},
    {"first", PIPE_FIRST, parse_first_last},
    {"last", PIPE_LAST, parse_first_last},
    {"top", PIPE_TOP, parse_top},
    {"uniq", PIPE_UNIQ, parse_uniq},
    {"extract", PIPE_EXTRACT, parse_extract},
    {"extract_regexp", PIPE_EXTRACT_REGEXP, parse_extract},
    {"format", PIPE_FORMAT, parse_format},
    {"math", PIPE_MATH, parse_math},
    {"eval", PIPE_MATH, parse_math},
    {"rename", PIPE_RENAME, parse_rename},
    {"mv", PIPE_RENAME, parse_rename},
    {"copy", PIPE_COPY, parse_rename},
    {"cp", PIPE_COPY, parse_rename},
    {"delete", PIPE_DELETE, parse_field_list},
    {"del", PIPE_DELETE, parse_field_list},
    {"drop", PIPE_DELETE, parse_field_list},
    {"rm", PIPE_DELETE, parse_field_list},
    {"replace", PIPE_REPLACE, parse_replace},
    {"unpack_json", PIPE_UNPACK_JSON, parse_unpack},
    {"unpack_logfmt", PIPE_UNPACK_LOGFMT, parse_unpack},
    {"context", PIPE_CONTEXT, parse_context},
    {"facets", PIPE_FACETS, parse_optional_number},
    {"field_names", PIPE_FIELD_NAMES, parse_nothing},
    {"field_values", PIPE_FIELD_VALUES, parse_field_values},
    {"diff", PIPE_DIFF, parse_diff},
    {"sample", PIPE_SAMPLE, parse_sample},
    {"join", PIPE_JOIN, parse_join},
    {"union", PIPE_UNION, parse_union},
    {"patterns", PIPE_PATTERNS, parse_patterns},
    {"replace_regexp", PIPE_REPLACE_REGEXP, parse_replace},
    {"decolorize", PIPE_DECOLORIZE, parse_at},
    {"collapse_nums", PIPE_COLLAPSE_NUMS, parse_at},
    {"unroll", PIPE_UNROLL, parse_unroll},
    {"pack_json", PIPE_PACK_JSON, parse_pack},
    {"pack_logfmt", PIPE_PACK_LOGFMT, parse_pack},
    {"hash", PIPE_HASH, parse_measure},
    {"len", PIPE_LEN, parse_measure},
    {"drop_empty_fields", PIPE_DROP_EMPTY_FIELDS, parse_nothing},
    {"unpack_words", PIPE_UNPACK_WORDS, parse_unpack_words},
    {"unpack_syslog", PIPE_UNPACK_SYSLOG, parse_unpack},
};

static enum status unknown_pipe(struct parser *parser)
{
    const char *names[COUNT_OF(pipe_forms)], *near;
    struct slice name = parser->now.text;

    for (size_t i = 0; i < COUNT_OF(pipe_forms); i++)
        names[i] = pipe_forms[i].name;
    near = nearest_name(name, names, COUNT_OF(pipe_forms));
    problem_set(parser->problem, "query_syntax", parser->now.at, parser->now.length,
                "unknown pipe \"%.*s\"", SLICE_ARG(slice_first(name, 64)));
    if (near != NULL)
        problem_hint(parser->problem, "%s", near);
    problem_expected(parser->problem, "pipe");
    return STATUS_INVALID;
}

/* `stats` itself may be left out: by (x) count(), or count() alone. */
static bool at_bare_stats(const struct parser *parser)
{
    const struct lexer *lexer = &parser->lexer;

    if (parser_at_word(parser, "by"))
        return true;
    return is_stats_name(parser->now.text) && lexer->at < lexer->text.len &&
           lexer->text.data[lexer->at] == '(';
}

enum status parse_pipe(struct parser *parser, struct pipe *out)
{
    size_t at = parser->now.at;
    enum status status;

    *out = (struct pipe){.at = at};
    if (!parser_at(parser, SYMBOL_TOKEN))
        return parser_wrong(parser, "pipe");
    if (at_bare_stats(parser)) {
        out->kind = PIPE_STATS;
        status = parse_stats(parser, out);
        out->length = parser->eaten_end - at;
        return status;
    }
    for (size_t i = 0; i < COUNT_OF(pipe_forms); i++) {
        if (!slice_is(parser->now.text, pipe_forms[i].name))
            continue;
        out->kind = pipe_forms[i].kind;
        status = parser_advance(parser);
        if (status == STATUS_OK)
            status = pipe_forms[i].parse(parser, out);
        out->length = parser->eaten_end - at;
        return status;
    }
    return unknown_pipe(parser);
}
