/* query/cli/grep_query.c -- the question that server mode asks: a selector from --role, --host and
 * so on, the pattern, and the user's own filter. */
#include "query/cli/grep.h"

#include "query/lexer.h"

static bool has_wildcard(struct slice text)
{
    return slice_find_byte(text, '*') != SIZE_MAX || slice_find_byte(text, '?') != SIZE_MAX;
}

/* Any `*` and `?` as in file names, but that a `*` passes over slashes; regexes of selectors are
 * anchored at both ends. */
static void put_glob(struct buf *out, struct slice glob)
{
    for (size_t i = 0; i < glob.len; i++) {
        unsigned char c = (unsigned char)glob.data[i];

        if (c == '*')
            buf_append_text(out, ".*");
        else if (c == '?')
            buf_append_byte(out, '.');
        else if (c < 0x80 && strchr("\\^$.[]|()+{}", c) != NULL)
            buf_append(out, (const char[2]){'\\', (char)c}, 2);
        else
            buf_append_byte(out, (char)c);
    }
}

/* The values of a list: one word of the command line may name several, but a path may hold commas.
 */
struct values {
    const struct text_list *list;
    bool split;
    size_t at;
    struct slice rest;
};

static bool next_value(struct values *values, struct slice *out)
{
    while (values->rest.len == 0 && values->at < values->list->count)
        values->rest = slice_of(values->list->items[values->at++]);
    if (values->rest.len == 0)
        return false;
    if (!values->split || !slice_cut(&values->rest, ',', out)) {
        *out = values->rest;
        values->rest = slice_from(values->rest, values->rest.len);
    }
    return true;
}

static bool any_wildcard(struct values values)
{
    struct slice value;
    bool any = false;

    while (next_value(&values, &value))
        any |= has_wildcard(value);
    return any;
}

/* role="web", role in ("web", "task"), or role=~"web.*|task" */
static void put_match(struct buf *out, const char *label, struct values values)
{
    struct buf regex = buf_empty(1 << 20);
    struct values ahead = values;
    struct slice value;
    bool globs = any_wildcard(values), several = false, first = true;

    several = next_value(&ahead, &value) && next_value(&ahead, &value);
    buf_append_text(out, label);
    buf_append_text(out, globs ? "=~" : several ? " in (" : "=");
    while (next_value(&values, &value)) {
        if (globs) {
            buf_append_text(&regex, first ? "" : "|");
            put_glob(&regex, value);
        } else {
            buf_append_text(out, first ? "" : ", ");
            lexer_quote(out, value);
        }
        first = false;
    }
    if (globs)
        lexer_quote(out, buf_slice(&regex));
    else if (several)
        buf_append_byte(out, ')');
    out->failed |= regex.failed;
    buf_release(&regex);
}

static bool is_at_least(const struct text_list *levels)
{
    return levels->count == 1 && slice_ends(slice_of(levels->items[0]), SLICE_LITERAL("+"));
}

bool grep_selector(const struct grep_settings *s, struct buf *out)
{
    const struct {
        const char *label;
        const struct text_list *list;
        bool split;
    } labels[] = {
        {"host", &s->hosts, true},     {"role", &s->roles, true},   {"source", &s->sources, false},
        {"format", &s->formats, true}, {"level", &s->levels, true}, {"tenant", &s->tenants, true},
    };
    size_t start = out->len;

    for (size_t i = 0; i < COUNT_OF(labels); i++) {
        const struct text_list *list = labels[i].list;

        if (list->count == 0 || (list == &s->levels && is_at_least(list)))
            continue;
        buf_append_text(out, out->len == start ? "{" : ", ");
        put_match(out, labels[i].label, (struct values){.list = list, .split = labels[i].split});
    }
    if (out->len > start)
        buf_append_byte(out, '}');
    if (is_at_least(&s->levels)) {
        struct slice level = slice_of(s->levels.items[0]);

        buf_append_text(out, out->len > start ? " level:>=" : "level:>=");
        lexer_quote(out, slice_first(level, level.len - 1));
    }
    if (s->where != NULL)
        buf_printf(out, "%s(%s\n)", out->len > start ? " " : "", s->where); /* # ends at the \n */
    if (out->len == start)
        buf_append_byte(out, '*');
    return !out->failed;
}

bool grep_query(const struct grep_settings *settings, const struct grep_pattern *pattern,
                struct buf *out)
{
    size_t start = out->len;

    (void)grep_selector(settings, out);
    if (slice_is(slice_from(buf_slice(out), start), "*"))
        out->len = start;
    if (pattern->matches_all && !settings->invert && out->len > start)
        return !out->failed; /* the selector says it all */
    if (out->len > start)
        buf_append_byte(out, ' ');
    if (settings->invert)
        buf_append_text(out, "not (");
    (void)grep_pattern_filter(pattern, out);
    if (settings->invert)
        buf_append_byte(out, ')');
    return !out->failed;
}
