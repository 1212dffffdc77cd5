/* query/field_set.c -- which columns a pipe reads and makes. */
#include "query/field_set.h"

#include "query/regex.h"

bool field_set_has(const struct field_set *set, field_id field)
{
    for (uint32_t i = 0; i < set->count; i++)
        if (set->fields[i] == field)
            return true;
    return false;
}

bool field_set_add(struct field_set *set, struct arena *arena, field_id field)
{
    if (field == FIELD_ID_NONE || field_set_has(set, field))
        return true;
    if (set->count == set->capacity) {
        uint32_t capacity = set->capacity == 0 ? 8 : set->capacity * 2;
        field_id *grown = arena_new(arena, field_id, capacity);

        if (grown == NULL)
            return false;
        if (set->count > 0)
            memcpy(grown, set->fields, set->count * sizeof(*grown));
        set->fields = grown;
        set->capacity = capacity;
    }
    set->fields[set->count++] = field;
    return true;
}

static void field_set_remove(struct field_set *set, field_id field)
{
    for (uint32_t i = 0; i < set->count; i++) {
        if (set->fields[i] != field)
            continue;
        memmove(set->fields + i, set->fields + i + 1, (set->count - i - 1) * sizeof(field_id));
        set->count--;
        return;
    }
}

static bool field_set_add_all(struct field_set *set, struct arena *arena,
                              const struct field_set *from)
{
    bool ok = true;

    set->all |= from->all;
    for (uint32_t i = 0; ok && i < from->count; i++)
        ok = field_set_add(set, arena, from->fields[i]);
    return ok;
}

/* ---- what parts of a pipe read ---- */

struct collector {
    struct field_set *set;
    struct names *names;
    struct arena *arena;
    bool ok;
};

static void collect(struct collector *to, struct slice name)
{
    if (to->ok && name.len > 0)
        to->ok = field_set_add(to->set, to->arena, names_id(to->names, name));
}

static void collect_list(struct collector *to, const struct name_list *list)
{
    for (uint32_t i = 0; i < list->count; i++)
        collect(to, list->items[i]);
}

static bool reads_line(const struct filter *filter)
{
    return filter->field.len == 0 && filter->child_count == 0 && filter->kind != FILTER_ALL &&
           filter->kind != FILTER_TIME && filter->kind != FILTER_TEMPLATE;
}

static void collect_filter(struct collector *to, const struct filter *filter)
{
    if (filter == NULL)
        return;
    if (filter->kind == FILTER_TIME)
        collect(to, SLICE_LITERAL("_time"));
    else if (reads_line(filter))
        collect(to, SLICE_LITERAL("_msg"));
    collect(to, filter->field);
    collect(to, filter->other_field);
    for (uint32_t i = 0; i < filter->child_count; i++)
        collect_filter(to, filter->children[i]);
}

static void collect_math(struct collector *to, const struct math_node *node)
{
    if (node->kind == MATH_FIELD)
        collect(to, node->field);
    for (uint32_t i = 0; i < node->child_count; i++)
        collect_math(to, node->children[i]);
}

/* <name> in the pattern of format and extract. */
static void collect_pattern(struct collector *to, struct slice pattern)
{
    struct slice part;

    while (slice_cut(&pattern, '<', &part) && slice_cut(&pattern, '>', &part))
        collect(to, part);
}

static void collect_stats(struct collector *to, const struct pipe *pipe)
{
    for (uint32_t i = 0; i < pipe->key_count; i++)
        collect(to, pipe->keys[i].field);
    for (uint32_t i = 0; i < pipe->call_count; i++) {
        collect_list(to, &pipe->calls[i].fields);
        collect_filter(to, pipe->calls[i].filter);
        if (pipe->calls[i].kind == STATS_FORECAST || pipe->calls[i].kind == STATS_INCREASE)
            collect(to, SLICE_LITERAL("_time"));
        if (pipe->calls[i].kind == STATS_INCREASE)
            to->set->all = true; /* all labels together are the series */
    }
}

static void collect_own(struct collector *to, const struct pipe *pipe)
{
    collect_filter(to, pipe->filter);
    collect(to, pipe->from);
    for (uint32_t i = 0; i < pipe->sort_key_count; i++)
        collect(to, pipe->sort_keys[i].field);
    for (uint32_t i = 0; i < pipe->term_count; i++)
        collect_math(to, pipe->terms[i].node);
    if (pipe->kind != PIPE_DELETE)
        collect_list(to, &pipe->fields);
    if (pipe->kind == PIPE_SORT || pipe->kind == PIPE_FIRST || pipe->kind == PIPE_LAST)
        collect_list(to, &pipe->others);
    if (pipe->kind == PIPE_FORMAT)
        collect_pattern(to, pipe->text);
    if (pipe->kind == PIPE_PATTERNS) {
        collect(to, SLICE_LITERAL("_time"));
        collect(to, SLICE_LITERAL("_template"));
        collect(to, SLICE_LITERAL("_pattern"));
        collect(to, SLICE_LITERAL("host"));
    }
    if (pipe->kind == PIPE_CONTEXT) {
        collect(to, SLICE_LITERAL("_time"));
        collect(to, SLICE_LITERAL("host"));
        collect(to, SLICE_LITERAL("source"));
    }
}

/* Pipes that show nothing of what they do not name. */
static bool closes(enum pipe_kind kind)
{
    return kind == PIPE_FIELDS || kind == PIPE_STATS || kind == PIPE_TOP || kind == PIPE_UNIQ ||
           kind == PIPE_FIELD_VALUES || kind == PIPE_PATTERNS;
}

static bool packs_all(const struct pipe *pipe)
{
    return (pipe->kind == PIPE_PACK_JSON || pipe->kind == PIPE_PACK_LOGFMT) &&
           pipe->fields.count == 0;
}

bool pipe_needs(const struct pipe *pipe, struct names *names, struct arena *arena,
                const struct field_set *behind, struct field_set *out)
{
    struct collector to = {out, names, arena, true};

    *out = (struct field_set){0};
    if (pipe->kind == PIPE_STATS)
        collect_stats(&to, pipe);
    else
        collect_own(&to, pipe);
    if (pipe->kind == PIPE_FACETS || pipe->kind == PIPE_FIELD_NAMES || pipe->kind == PIPE_DIFF ||
        pipe->kind == PIPE_DIFF_AGAINST || packs_all(pipe))
        out->all = true;
    if (!closes(pipe->kind))
        to.ok = to.ok && field_set_add_all(out, arena, behind);
    return to.ok;
}

/* ---- what a pipe makes ---- */

static void give_regex(struct collector *to, struct slice pattern)
{
    struct regex *regex;

    if (regex_new(pattern, 0, &regex, NULL, NULL) != STATUS_OK)
        return; /* told when the operator is made */
    for (uint32_t i = 1; i <= regex_group_count(regex); i++)
        collect(to, regex_group_name(regex, i));
    regex_free(regex);
}

static void give_renamed(struct collector *to, const struct pipe *pipe)
{
    for (uint32_t i = 0; i < pipe->fields.count; i++) {
        if (pipe->kind == PIPE_RENAME)
            field_set_remove(to->set, names_id(to->names, pipe->fields.items[i]));
        collect(to, pipe->others.items[i]);
    }
}

static void give_stats(struct collector *to, const struct pipe *pipe)
{
    for (uint32_t i = 0; i < pipe->key_count; i++)
        collect(to, pipe->keys[i].field);
    for (uint32_t i = 0; i < pipe->call_count; i++)
        collect(to, pipe->calls[i].as);
}

/* Pipes that begin a new list of columns. */
static bool give_anew(struct collector *to, const struct pipe *pipe)
{
    static const char *const facets[] = {"field", "value", "hits", "share"};
    static const char *const against[] = {"field", "difference", "value", "share", "share_against"};
    static const char *const patterns[] = {"template",   "pattern",   "count", "share",
                                           "first_seen", "last_seen", "hosts", "sample"};

    switch (pipe->kind) {
    case PIPE_FIELDS:
        collect_list(to, &pipe->fields);
        return true;
    case PIPE_STATS:
        give_stats(to, pipe);
        return true;
    case PIPE_TOP:
        collect_list(to, &pipe->fields);
        collect(to, pipe->as);
        collect(to, SLICE_LITERAL("share"));
        return true;
    case PIPE_UNIQ:
        collect_list(to, &pipe->fields);
        if (pipe->flag)
            collect(to, pipe->as);
        return true;
    case PIPE_FACETS:
        for (size_t i = 0; i < COUNT_OF(facets); i++)
            collect(to, slice_of(facets[i]));
        return true;
    case PIPE_DIFF_AGAINST:
        for (size_t i = 0; i < COUNT_OF(against); i++)
            collect(to, slice_of(against[i]));
        return true;
    case PIPE_PATTERNS:
        collect_list(to, &pipe->fields);
        for (size_t i = 0; i < COUNT_OF(patterns); i++)
            collect(to, slice_of(patterns[i]));
        return true;
    case PIPE_FIELD_NAMES:
    case PIPE_FIELD_VALUES:
        collect(to, pipe->kind == PIPE_FIELD_NAMES ? SLICE_LITERAL("name")
                                                   : SLICE_LITERAL("value"));
        collect(to, SLICE_LITERAL("hits"));
        return true;
    default:
        return false;
    }
}

bool pipe_gives(const struct pipe *pipe, struct names *names, struct arena *arena,
                const struct field_set *before, struct field_set *out)
{
    struct collector to = {out, names, arena, true};

    *out = (struct field_set){0};
    if (give_anew(&to, pipe))
        return to.ok;
    to.ok = field_set_add_all(out, arena, before);
    if (pipe->kind == PIPE_DELETE)
        for (uint32_t i = 0; i < pipe->fields.count; i++)
            field_set_remove(out, names_id(names, pipe->fields.items[i]));
    if (pipe->kind == PIPE_RENAME || pipe->kind == PIPE_COPY)
        give_renamed(&to, pipe);
    if (pipe->kind == PIPE_EXTRACT)
        collect_pattern(&to, pipe->text);
    if (pipe->kind == PIPE_EXTRACT_REGEXP)
        give_regex(&to, pipe->text);
    if (pipe->kind == PIPE_CONTEXT)
        collect(&to, SLICE_LITERAL("_match"));
    if (pipe->kind == PIPE_FORMAT || pipe->kind == PIPE_PACK_JSON ||
        pipe->kind == PIPE_PACK_LOGFMT || pipe->kind == PIPE_HASH || pipe->kind == PIPE_LEN ||
        pipe->kind == PIPE_UNPACK_WORDS)
        collect(&to, pipe->as);
    for (uint32_t i = 0; i < pipe->term_count; i++)
        collect(&to, pipe->terms[i].as);
    if (pipe->kind == PIPE_UNPACK_JSON || pipe->kind == PIPE_UNPACK_LOGFMT ||
        pipe->kind == PIPE_UNPACK_SYSLOG ||
        pipe->kind == PIPE_JOIN || pipe->kind == PIPE_UNION || pipe->kind == PIPE_DIFF)
        out->all = true;
    return to.ok;
}
