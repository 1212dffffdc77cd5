/* query/ast_print.c -- a tree back to text, in one normal form that parses to the same tree. */
#include "query/ast.h"
#include "query/lexer.h"

static bool print_name(struct buf *out, struct slice name)
{
    return lexer_is_token(name) ? buf_append_slice(out, name) : lexer_quote(out, name);
}

/* A text that was bare stays bare: only then it may be read as a number or level. */
static bool print_text(struct buf *out, struct slice text, bool quoted)
{
    return quoted ? lexer_quote(out, text) : buf_append_slice(out, text);
}

static bool print_literal(struct buf *out, const struct literal *literal)
{
    return print_text(out, literal->text, literal->quoted);
}

static bool print_names(struct buf *out, const struct name_list *names)
{
    bool ok = true;

    for (uint32_t i = 0; ok && i < names->count; i++)
        ok = (i == 0 || buf_append_text(out, ", ")) && print_name(out, names->items[i]);
    return ok;
}

/* "field:"; a quoted _time is no time filter. */
static bool print_field(struct buf *out, struct slice field)
{
    if (field.len == 0)
        return true;
    if (slice_is(field, "_time"))
        return buf_append_text(out, "\"_time\":");
    return print_name(out, field) && buf_append_byte(out, ':');
}

static bool print_text_test(const struct filter *filter, struct buf *out)
{
    static const struct {
        const char *before, *behind;
    } marks[] = {
        [TEXT_PHRASE] = {"", ""},       [TEXT_PREFIX] = {"", "*"},
        [TEXT_SUBSTRING] = {"*", "*"},  [TEXT_EXACT] = {"=", ""},
        [TEXT_EXACT_PREFIX] = {"=", "*"},
    };

    if (filter->kind == FILTER_REGEX)
        return buf_append_byte(out, '~') && lexer_quote(out, filter->text);
    return buf_append_text(out, marks[filter->match].before) &&
           print_text(out, filter->text, filter->quoted) &&
           buf_append_text(out, marks[filter->match].behind);
}

static bool print_text_filter(const struct filter *filter, struct buf *out)
{
    if (filter->anchored)
        return buf_append_byte(out, '{') && print_name(out, filter->field) &&
               buf_append_text(out, "=~") && lexer_quote(out, filter->text) &&
               buf_append_byte(out, '}');
    if (!filter->fold_case)
        return print_field(out, filter->field) && print_text_test(filter, out);
    return print_field(out, filter->field) && buf_append_text(out, "i(") &&
           print_text_test(filter, out) && buf_append_byte(out, ')');
}

static const char *const compare_marks[] = {
    [COMPARE_GREATER] = ">", [COMPARE_GREATER_EQUAL] = ">=",
    [COMPARE_LESS] = "<", [COMPARE_LESS_EQUAL] = "<=",
};

static bool print_list(const struct filter *filter, const char *name, struct buf *out)
{
    bool ok = print_field(out, filter->field) && buf_printf(out, "%s(", name);

    for (uint32_t i = 0; ok && i < filter->list_count; i++)
        ok = (i == 0 || buf_append_text(out, ", ")) && print_literal(out, &filter->list[i]);
    return ok && buf_append_byte(out, ')');
}

static bool print_range(const struct literal *low, const struct literal *high, bool low_open,
                        bool high_open, struct buf *out)
{
    return buf_append_byte(out, low_open ? '(' : '[') && print_literal(out, low) &&
           buf_append_text(out, ", ") && print_literal(out, high) &&
           buf_append_byte(out, high_open ? ')' : ']');
}

static bool print_time(const struct time_filter *time, struct buf *out)
{
    bool ok = buf_append_text(out, "_time:");

    switch (time->form) {
    case TIME_RANGE:
        ok = ok && print_range(&time->low, &time->high, time->low_open, time->high_open, out);
        break;
    case TIME_COMPARE:
        ok = ok && buf_append_text(out, compare_marks[time->compare]) &&
             print_literal(out, &time->low);
        break;
    case TIME_WITHIN:
        ok = ok && print_literal(out, &time->low);
        break;
    }
    if (time->offset_ns != 0)
        ok = ok && buf_printf(out, " offset %lldns", (long long)time->offset_ns);
    return ok;
}

static bool print_address(struct buf *out, double number)
{
    uint32_t a = (uint32_t)number;

    return buf_printf(out, "%u.%u.%u.%u", a >> 24, a >> 16 & 255, a >> 8 & 255, a & 255);
}

static bool print_relation(const struct filter *filter, struct buf *out)
{
    static const char *const names[] = {
        [FIELDS_EQUAL] = "eq_field", [FIELDS_LESS] = "lt_field", [FIELDS_LESS_EQUAL] = "le_field"};

    return buf_printf(out, "%s(", names[filter->relation]) && print_name(out, filter->field) &&
           buf_append_text(out, ", ") && print_name(out, filter->other_field) &&
           buf_append_byte(out, ')');
}

static bool print_length(const struct filter *filter, struct buf *out)
{
    struct slice field = filter->field.len == 0 ? SLICE_LITERAL("_msg") : filter->field;

    return buf_append_text(out, "len_range(") && print_name(out, field) &&
           buf_append_text(out, ", ") && print_literal(out, &filter->low) &&
           buf_append_text(out, ", ") && print_literal(out, &filter->high) &&
           buf_append_byte(out, ')');
}

static bool print_leaf(const struct filter *filter, struct buf *out)
{
    switch (filter->kind) {
    case FILTER_TEXT:
    case FILTER_REGEX:
        return print_text_filter(filter, out);
    case FILTER_COMPARE:
        return print_field(out, filter->field) &&
               buf_append_text(out, compare_marks[filter->compare]) &&
               print_literal(out, &filter->low);
    case FILTER_RANGE:
        return print_field(out, filter->field) && buf_append_text(out, "range") &&
               print_range(&filter->low, &filter->high, filter->low_open, filter->high_open, out);
    case FILTER_IN:
        return print_list(filter, "in", out);
    case FILTER_IN_QUERY:
        return print_field(out, filter->field) && buf_append_text(out, "in(") &&
               tree_print(filter->query, out) && buf_append_byte(out, ')');
    case FILTER_CONTAINS_ANY:
        return print_list(filter, "contains_any", out);
    case FILTER_CONTAINS_ALL:
        return print_list(filter, "contains_all", out);
    case FILTER_SEQUENCE:
        return print_list(filter, "seq", out);
    case FILTER_IPV4:
        return print_field(out, filter->field) && buf_append_text(out, "ipv4_range(") &&
               print_address(out, filter->low.number) && buf_append_text(out, ", ") &&
               print_address(out, filter->high.number) && buf_append_byte(out, ')');
    case FILTER_EXISTS:
        return print_field(out, filter->field) && buf_append_byte(out, '*');
    case FILTER_EMPTY:
        return print_field(out, filter->field) && buf_append_text(out, "\"\"");
    case FILTER_FIELDS:
        return print_relation(filter, out);
    case FILTER_LENGTH:
        return print_length(filter, out);
    case FILTER_TIME:
        return print_time(&filter->time, out);
    case FILTER_TEMPLATE:
        return buf_printf(out, "template:%llx", (unsigned long long)filter->template_id);
    case FILTER_ALL:
    default:
        return buf_append_byte(out, '*');
    }
}

static bool needs_brackets(const struct filter *child, enum filter_kind parent)
{
    if (parent == FILTER_NOT)
        return child->kind == FILTER_AND || child->kind == FILTER_OR || child->kind == FILTER_NOT;
    return parent == FILTER_AND && child->kind == FILTER_OR;
}

static bool print_child(const struct filter *child, enum filter_kind parent, struct buf *out)
{
    if (!needs_brackets(child, parent))
        return filter_print(child, out);
    return buf_append_byte(out, '(') && filter_print(child, out) && buf_append_byte(out, ')');
}

bool filter_print(const struct filter *filter, struct buf *out)
{
    const char *between = filter->kind == FILTER_OR ? " or " : " ";
    bool ok = true;

    if (filter->kind != FILTER_AND && filter->kind != FILTER_OR && filter->kind != FILTER_NOT)
        return print_leaf(filter, out);
    if (filter->kind == FILTER_NOT)
        ok = buf_append_byte(out, '!');
    for (uint32_t i = 0; ok && i < filter->child_count; i++)
        ok = (i == 0 || buf_append_text(out, between)) &&
             print_child(filter->children[i], filter->kind, out);
    return ok;
}

bool tree_print(const struct query_tree *tree, struct buf *out)
{
    bool ok = filter_print(tree->filter, out);

    for (uint32_t i = 0; ok && i < tree->pipe_count; i++)
        ok = buf_append_text(out, " | ") && pipe_print(&tree->pipes[i], out);
    return ok;
}

/* ---- pipes ---- */

bool stats_call_print(const struct stats_call *call, struct buf *out)
{
    bool ok = buf_printf(out, "%s(", stats_forms[call->kind].name);

    if (call->kind == STATS_QUANTILE)
        ok = ok && print_literal(out, &call->number) && buf_append_text(out, ", ");
    ok = ok && print_names(out, &call->fields);
    if (call->kind == STATS_FORECAST)
        ok = ok && buf_append_text(out, ", ") && print_literal(out, &call->number);
    ok = ok && buf_append_byte(out, ')');
    if (call->filter != NULL)
        ok = ok && buf_append_text(out, " if (") && filter_print(call->filter, out) &&
             buf_append_byte(out, ')');
    return ok;
}

static bool print_group_key(const struct group_key *key, struct buf *out)
{
    bool ok = print_name(out, key->field);

    if (key->bucket == BUCKET_SUBNET)
        return ok && buf_printf(out, ":/%u", key->prefix_bits);
    if (key->bucket != BUCKET_NONE)
        ok = ok && buf_append_byte(out, ':') && print_literal(out, &key->step);
    if (key->offset_ns != 0)
        ok = ok && buf_printf(out, " offset %lldns", (long long)key->offset_ns);
    return ok;
}

static bool print_stats(const struct pipe *pipe, struct buf *out)
{
    bool ok = true;

    for (uint32_t i = 0; ok && i < pipe->key_count; i++)
        ok = buf_append_text(out, i == 0 ? " by (" : ", ") && print_group_key(&pipe->keys[i], out);
    if (pipe->key_count > 0)
        ok = ok && buf_append_byte(out, ')');
    for (uint32_t i = 0; ok && i < pipe->call_count; i++)
        ok = buf_append_text(out, i == 0 ? " " : ", ") && stats_call_print(&pipe->calls[i], out) &&
             buf_append_text(out, " as ") && print_name(out, pipe->calls[i].as);
    return ok;
}

static bool print_in_brackets(const char *before, const struct name_list *names, struct buf *out)
{
    if (names->count == 0)
        return true;
    return buf_append_text(out, before) && buf_append_byte(out, '(') && print_names(out, names) &&
           buf_append_byte(out, ')');
}

static bool print_sort(const struct pipe *pipe, struct buf *out)
{
    bool ok = true;

    if (pipe->kind != PIPE_SORT)
        ok = buf_printf(out, " %llu", (unsigned long long)pipe->count);
    ok = ok && buf_append_text(out, " by (");
    for (uint32_t i = 0; ok && i < pipe->sort_key_count; i++)
        ok = (i == 0 || buf_append_text(out, ", ")) &&
             print_name(out, pipe->sort_keys[i].field) &&
             (!pipe->sort_keys[i].descending || buf_append_text(out, " desc"));
    ok = ok && buf_append_byte(out, ')');
    if (pipe->kind == PIPE_SORT && pipe->count > 0)
        ok = ok && buf_printf(out, " limit %llu", (unsigned long long)pipe->count);
    if (pipe->offset > 0)
        ok = ok && buf_printf(out, " offset %llu", (unsigned long long)pipe->offset);
    return ok && print_in_brackets(" partition by ", &pipe->others, out);
}

static bool print_top(const struct pipe *pipe, struct buf *out)
{
    return buf_printf(out, " %llu by (", (unsigned long long)pipe->count) &&
           print_names(out, &pipe->fields) && buf_append_text(out, ") hits as ") &&
           print_name(out, pipe->as) && (!pipe->flag || buf_append_text(out, " with other"));
}

static bool print_uniq(const struct pipe *pipe, struct buf *out)
{
    bool ok = buf_append_text(out, " by (") && print_names(out, &pipe->fields) &&
              buf_append_byte(out, ')');

    if (pipe->flag)
        ok = ok && buf_append_text(out, " with hits as ") && print_name(out, pipe->as);
    if (pipe->count > 0)
        ok = ok && buf_printf(out, " limit %llu", (unsigned long long)pipe->count);
    return ok;
}

static bool print_rename(const struct pipe *pipe, struct buf *out)
{
    bool ok = true;

    for (uint32_t i = 0; ok && i < pipe->fields.count; i++)
        ok = buf_append_text(out, i == 0 ? " " : ", ") && print_name(out, pipe->fields.items[i]) &&
             buf_append_text(out, " as ") && print_name(out, pipe->others.items[i]);
    return ok;
}

/* Names with bytes that math reads as operators need quotes there. */
static bool print_math_name(struct slice name, struct buf *out)
{
    struct literal literal;

    literal_read(name, &literal);
    for (size_t i = 0; i < name.len; i++)
        if (strchr("+-/%^", name.data[i]) != NULL)
            return lexer_quote(out, name);
    return literal.kind != LITERAL_TEXT ? lexer_quote(out, name) : print_name(out, name);
}

static bool print_math_node(const struct math_node *node, unsigned precedence_min, struct buf *out);

/* The sides of an operator. Brackets stand only where the tree needs them, or a text at the limit of
 * nesting would print as one above it. */
static bool print_math_sides(const struct math_node *node, struct buf *out)
{
    const struct math_function *form = &math_functions[node->function];
    const struct math_node *left = node->children[0], *right;
    bool power = node->function == MATH_POWER; /* binds to the right */

    if (node->function == MATH_NEGATE)
        return buf_append_byte(out, '-') && print_math_node(left, form->precedence, out);
    right = node->children[1];
    return print_math_node(left, form->precedence + power, out) &&
           buf_printf(out, " %s ", form->name) &&
           print_math_node(right, right->function == MATH_NEGATE ? 0 : form->precedence + !power,
                           out);
}

static bool print_math_node(const struct math_node *node, unsigned precedence_min, struct buf *out)
{
    const struct math_function *form = &math_functions[node->function];
    bool brackets, ok = true;

    if (node->kind == MATH_NUMBER)
        return print_literal(out, &node->number);
    if (node->kind == MATH_FIELD)
        return print_math_name(node->field, out);
    if (form->precedence == 0) {
        ok = buf_printf(out, "%s(", form->name);
        for (uint32_t i = 0; ok && i < node->child_count; i++)
            ok = (i == 0 || buf_append_text(out, ", ")) &&
                 print_math_node(node->children[i], 1, out);
        return ok && buf_append_byte(out, ')');
    }
    brackets = form->precedence < precedence_min;
    ok = !brackets || buf_append_byte(out, '(');
    ok = ok && print_math_sides(node, out);
    return ok && (!brackets || buf_append_byte(out, ')'));
}

static bool print_math(const struct pipe *pipe, struct buf *out)
{
    bool ok = true;

    for (uint32_t i = 0; ok && i < pipe->term_count; i++)
        ok = buf_append_text(out, i == 0 ? " " : ", ") &&
             print_math_node(pipe->terms[i].node, 1, out) && buf_append_text(out, " as ") &&
             print_math_name(pipe->terms[i].as, out);
    return ok;
}

static bool print_context(const struct pipe *pipe, struct buf *out)
{
    bool ok = buf_printf(out, " before %llu after %llu", (unsigned long long)pipe->count,
                         (unsigned long long)pipe->offset);

    if (pipe->flag)
        ok = ok && buf_append_text(out, " across host");
    if (pipe->from.len > 0)
        ok = ok && buf_append_text(out, " by ") && print_name(out, pipe->from);
    if (pipe->duration_ns != 0)
        ok = ok && buf_printf(out, " window %lldns", (long long)pipe->duration_ns);
    return ok;
}

static bool print_subquery(const struct query_tree *query, struct buf *out)
{
    return buf_append_text(out, " (") && tree_print(query, out) && buf_append_byte(out, ')');
}

static bool print_from(const struct pipe *pipe, const char *word, struct buf *out)
{
    return buf_printf(out, " %s ", word) && print_name(out, pipe->from);
}

static bool print_as(const struct pipe *pipe, struct buf *out)
{
    return buf_append_text(out, " as ") && print_name(out, pipe->as);
}

static bool print_join(const struct pipe *pipe, struct buf *out)
{
    return buf_append_text(out, " by (") && print_names(out, &pipe->fields) &&
           buf_append_byte(out, ')') && print_subquery(pipe->query, out) &&
           (!pipe->flag || buf_append_text(out, " inner")) &&
           (pipe->text.len == 0 ||
            (buf_append_text(out, " prefix ") && lexer_quote(out, pipe->text)));
}

static bool print_field_values(const struct pipe *pipe, struct buf *out)
{
    return buf_append_byte(out, ' ') && print_name(out, pipe->from) &&
           (pipe->count == 0 || buf_printf(out, " limit %llu", (unsigned long long)pipe->count));
}

static bool print_patterns(const struct pipe *pipe, struct buf *out)
{
    bool ok = pipe->count == 0 || buf_printf(out, " %llu", (unsigned long long)pipe->count);

    ok = ok && print_in_brackets(" by ", &pipe->fields, out);
    if (pipe->since != NULL)
        ok = ok && buf_append_text(out, " since ") && print_literal(out, &pipe->since->low);
    return ok;
}

static bool print_listed(const struct pipe *pipe, struct buf *out)
{
    return buf_append_byte(out, ' ') && print_names(out, &pipe->fields);
}

static bool print_where(const struct pipe *pipe, struct buf *out)
{
    return buf_append_byte(out, ' ') && filter_print(pipe->filter, out);
}

static bool print_count(const struct pipe *pipe, struct buf *out)
{
    return buf_printf(out, " %llu", (unsigned long long)pipe->count);
}

static bool print_facets(const struct pipe *pipe, struct buf *out)
{
    return pipe->count == 0 || print_count(pipe, out);
}

static bool print_extract(const struct pipe *pipe, struct buf *out)
{
    return buf_append_byte(out, ' ') && lexer_quote(out, pipe->text) &&
           print_from(pipe, "from", out);
}

static bool print_format(const struct pipe *pipe, struct buf *out)
{
    return buf_append_byte(out, ' ') && lexer_quote(out, pipe->text) && print_as(pipe, out);
}

static bool print_at(const struct pipe *pipe, struct buf *out)
{
    return print_from(pipe, "at", out);
}

static bool print_replace(const struct pipe *pipe, struct buf *out)
{
    return buf_append_text(out, " (") && lexer_quote(out, pipe->text) &&
           buf_append_text(out, ", ") && lexer_quote(out, pipe->new_text) &&
           buf_append_byte(out, ')') && print_at(pipe, out);
}

static bool print_unpack(const struct pipe *pipe, struct buf *out)
{
    return print_from(pipe, "from", out) &&
           (pipe->text.len == 0 ||
            (buf_append_text(out, " prefix ") && lexer_quote(out, pipe->text)));
}

static bool print_words(const struct pipe *pipe, struct buf *out)
{
    return print_from(pipe, "from", out) && print_as(pipe, out) &&
           (!pipe->flag || buf_append_text(out, " drop_duplicates"));
}

static bool print_diff(const struct pipe *pipe, struct buf *out)
{
    return buf_printf(out, " offset %lldns", (long long)pipe->duration_ns);
}

static bool print_against(const struct pipe *pipe, struct buf *out)
{
    return buf_append_text(out, " against") && print_subquery(pipe->query, out);
}

static bool print_union(const struct pipe *pipe, struct buf *out)
{
    return print_subquery(pipe->query, out);
}

static bool print_unroll(const struct pipe *pipe, struct buf *out)
{
    return print_in_brackets(" by ", &pipe->fields, out);
}

static bool print_pack(const struct pipe *pipe, struct buf *out)
{
    return print_in_brackets(" fields ", &pipe->fields, out) && print_as(pipe, out);
}

static bool print_measure(const struct pipe *pipe, struct buf *out)
{
    return buf_append_text(out, " (") && print_name(out, pipe->from) &&
           buf_append_byte(out, ')') && print_as(pipe, out);
}

/* What stands behind the name; NULL: nothing. */
static bool (*const pipe_printers[PIPE_KIND_COUNT])(const struct pipe *pipe, struct buf *out) = {
    [PIPE_FIELDS] = print_listed,
    [PIPE_DELETE] = print_listed,
    [PIPE_WHERE] = print_where,
    [PIPE_STATS] = print_stats,
    [PIPE_SORT] = print_sort,
    [PIPE_FIRST] = print_sort,
    [PIPE_LAST] = print_sort,
    [PIPE_LIMIT] = print_count,
    [PIPE_OFFSET] = print_count,
    [PIPE_SAMPLE] = print_count,
    [PIPE_TOP] = print_top,
    [PIPE_UNIQ] = print_uniq,
    [PIPE_EXTRACT] = print_extract,
    [PIPE_EXTRACT_REGEXP] = print_extract,
    [PIPE_FORMAT] = print_format,
    [PIPE_MATH] = print_math,
    [PIPE_RENAME] = print_rename,
    [PIPE_COPY] = print_rename,
    [PIPE_REPLACE] = print_replace,
    [PIPE_REPLACE_REGEXP] = print_replace,
    [PIPE_UNPACK_JSON] = print_unpack,
    [PIPE_UNPACK_LOGFMT] = print_unpack,
    [PIPE_UNPACK_SYSLOG] = print_unpack,
    [PIPE_UNPACK_WORDS] = print_words,
    [PIPE_CONTEXT] = print_context,
    [PIPE_FACETS] = print_facets,
    [PIPE_FIELD_VALUES] = print_field_values,
    [PIPE_DIFF] = print_diff,
    [PIPE_DIFF_AGAINST] = print_against,
    [PIPE_JOIN] = print_join,
    [PIPE_UNION] = print_union,
    [PIPE_DECOLORIZE] = print_at,
    [PIPE_COLLAPSE_NUMS] = print_at,
    [PIPE_UNROLL] = print_unroll,
    [PIPE_PATTERNS] = print_patterns,
    [PIPE_PACK_JSON] = print_pack,
    [PIPE_PACK_LOGFMT] = print_pack,
    [PIPE_HASH] = print_measure,
    [PIPE_LEN] = print_measure,
};

bool pipe_print(const struct pipe *pipe, struct buf *out)
{
    return buf_append_text(out, pipe_names[pipe->kind]) &&
           (pipe_printers[pipe->kind] == NULL || pipe_printers[pipe->kind](pipe, out));
}
