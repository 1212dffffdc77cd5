/* collector/derive.c -- rules as data: the built-in table below is what a user would write,
 * compiled by the same code. Each rule is one url_pattern; the first that matches makes the value.
 */
#include "collector/derive.h"

#include "collector/formats/request_line.h"

#include <stdlib.h>

enum derived_field {
    DERIVED_TENANT,
    DERIVED_URL_GROUP,
    DERIVED_ROUTE,
    DERIVED_PATH_GROUP,
    DERIVED_COUNT
};

static const char *const derived_names[DERIVED_COUNT] = {"tenant", "url_group", "route",
                                                         "path_group"};

/* ---- the built-in rules ---- */

#define TENANT_RE "/a/([\\w.:%-]+)(?:/|$)"

static const struct derive_rule_config tenant_rules[] = {
    {.from = DERIVE_FROM_PATH, .re = TENANT_RE, .set = "$1"},
    {.from = DERIVE_FROM_REFERER, .re = TENANT_RE, .set = "$1"},
    {.from = DERIVE_FROM_USER, .re = "@([\\w.:-]+)\\.commcarehq\\.org$", .set = "$1"},
};

static const struct derive_rule_config url_group_rules[] = {
    {.re = "/hq/multimedia/file/CommCare(Audio|Video|Image)", .set = "mm/$1", .lower = true},
    {.re = "/hq/multimedia/file/", .set = "mm/other"},
    {.re = "/accounts/login/", .set = "login"},
    {.re = "^/home/", .set = "home"},
    {.re = "^/pricing/", .set = "pricing"},
    {.re = "^/formplayer/", .set = "formplayer"},
    {.re = "^/static/|favicon\\.ico", .set = "static"},
    {.re = "^/hq/([^/]+)", .set = "hq/$1"},
    {.re = "^/a/[^/]+/(phone/[^/]+)", .set = "$1"},
    {.re = "^/a/[^/]+/(api/[^/]+/odata/[^/]+)", .set = "$1"},
    {.re = "^/a/[^/]+/(api/[^/]+/[^/]+)", .set = "$1"},
    {.re = "^/a/[^/]+/([^/]+)", .set = "$1"},
    {.set = "other"},
};

static const struct derive_rule_config route_rules[] = {
    {.re = "^/a/[^/]+/(?:receiver|phone)/", .set = "mobile"},
    {.re = "^/a/[^/]+/api/", .set = "api"},
    {.re = "^/formplayer/", .set = "formplayer"},
    {.set = "hq"},
};

static const struct derive_rule_config path_group_rules[] = {
    {.replace = "/a/[^/]+", .by = "/a/*"},
    {.replace = "/(modules|forms)-[0-9]+", .by = "/$1-*"},
    {.replace = "/form_data/[a-z0-9-]+", .by = "/form_data/*"},
    {.replace = "/uuid:[a-z0-9-]+", .by = "/uuid:*"},
    {.replace = "[-0-9a-f]{10,}", .by = "*"},
};

#define BUILT_IN(rules)                                                                            \
    {                                                                                              \
        (rules), COUNT_OF(rules)                                                                   \
    }

static const struct {
    const struct derive_rule_config *rules;
    size_t count;
} built_in[DERIVED_COUNT] = {
    [DERIVED_TENANT] = BUILT_IN(tenant_rules),
    [DERIVED_URL_GROUP] = BUILT_IN(url_group_rules),
    [DERIVED_ROUTE] = BUILT_IN(route_rules),
    [DERIVED_PATH_GROUP] = BUILT_IN(path_group_rules),
};

/* ---- configuration ---- */

static const char *const source_names[] = {"path", "referer", "user", NULL};
static const char *const no_rules = "none";

#define RULE_OFFSET(member) offsetof(struct derive_rule_config, member)

static const struct option rule_rows[] = {
    {.type = OPTION_LINE, .offset = RULE_OFFSET(line)},
    {.name = "from",
     .type = OPTION_ENUM,
     .names = source_names,
     .offset = RULE_OFFSET(from),
     .preset = "path",
     .help = "the field that the pattern is applied to"},
    {.name = "re",
     .type = OPTION_TEXT,
     .offset = RULE_OFFSET(re),
     .help = "regular expression (PCRE2); left out: always"},
    {.name = "set",
     .type = OPTION_TEXT,
     .offset = RULE_OFFSET(set),
     .flags = OPTION_REQUIRED,
     .help = "the value, with $1 for the first group"},
    {.name = "lower",
     .type = OPTION_BOOL,
     .offset = RULE_OFFSET(lower),
     .help = "fold the value to lower case"},
};
static const struct option_table rule_table = OPTION_TABLE_OF(rule_rows, struct derive_rule_config);

static const struct option replace_rows[] = {
    {.type = OPTION_LINE, .offset = RULE_OFFSET(line)},
    {.name = "replace",
     .type = OPTION_TEXT,
     .offset = RULE_OFFSET(replace),
     .flags = OPTION_REQUIRED,
     .help = "regular expression (PCRE2), every match of it"},
    {.name = "by",
     .type = OPTION_TEXT,
     .offset = RULE_OFFSET(by),
     .flags = OPTION_REQUIRED,
     .help = "what stands there instead, with $1 for the first group"},
};
static const struct option_table replace_table =
    OPTION_TABLE_OF(replace_rows, struct derive_rule_config);

static const struct option same_rows[] = {
    {.type = OPTION_LINE, .offset = offsetof(struct derive_same_config, line)},
    {.name = "same_as",
     .type = OPTION_TEXT,
     .offset = offsetof(struct derive_same_config, same_as),
     .preset = "url_group",
     .help = "url_group, or none"},
    {.name = "from",
     .type = OPTION_ENUM,
     .names = source_names,
     .offset = offsetof(struct derive_same_config, from),
     .preset = "referer",
     .help = "the field that the patterns are applied to"},
};
static const struct option_table same_table = OPTION_TABLE_OF(same_rows, struct derive_same_config);

#define DERIVE_OFFSET(member) offsetof(struct derive_config, member)

static const struct option derive_rows[] = {
    {.type = OPTION_LINE, .offset = DERIVE_OFFSET(line)},
    {.name = "tenant",
     .type = OPTION_TABLES,
     .table = &rule_table,
     .offset = DERIVE_OFFSET(tenant),
     .help = "the customer whose request it is"},
    {.name = "url_group",
     .type = OPTION_TABLES,
     .table = &rule_table,
     .offset = DERIVE_OFFSET(url_group),
     .help = "the part of the application"},
    {.name = "route",
     .type = OPTION_TABLES,
     .table = &rule_table,
     .offset = DERIVE_OFFSET(route),
     .help = "the web role that serves the path"},
    {.name = "path_group",
     .type = OPTION_TABLES,
     .table = &replace_table,
     .offset = DERIVE_OFFSET(path_group),
     .help = "the path without ids"},
    {.name = "referer_group",
     .type = OPTION_TABLE,
     .table = &same_table,
     .offset = DERIVE_OFFSET(referer_group),
     .help = "as url_group, of another field"},
};
const struct option_table derive_option_table = OPTION_TABLE_OF(derive_rows, struct derive_config);

/* ---- compiled rules ---- */

struct derive_rule {
    struct url_pattern *pattern; /* NULL: always */
    struct slice set;            /* in `texts` of the rules */
    enum derive_source from;
    bool lower;
    bool group_only; /* `set` is `$n` and nothing else */
    bool constant;   /* `set` has no group in it */
    uint64_t needs;  /* pairs that a text must have for the pattern to match */
};

struct derive_rules {
    struct arena texts;
    struct derive_rule *rules[DERIVED_COUNT];
    uint32_t counts[DERIVED_COUNT];
    bool referer_group; /* by the rules of url_group */
};

/* "line 12: url_group: rule 3: re: " in front of what the pattern's parser said. */
static enum status rule_error(struct error *err, enum status status, enum derived_field field,
                              uint32_t index, const struct derive_rule_config *config)
{
    error_context(err, "line %u: derive: %s: rule %u", config->line, derived_names[field],
                  index + 1);
    return status;
}

/* $n must be a group of the pattern. */
static enum status check_groups(const struct derive_rule *rule, struct error *err)
{
    unsigned groups = rule->pattern == NULL ? 0 : url_pattern_groups(rule->pattern);

    for (size_t i = 0; i + 1 < rule->set.len; i++) {
        unsigned group = (unsigned)((unsigned char)rule->set.data[i + 1] - '0');

        if (rule->set.data[i] == '$' && group <= 9 && group > groups)
            return error_set(err, STATUS_INVALID, "set: $%u, but the pattern has %u group%s", group,
                             groups, groups == 1 ? "" : "s");
    }
    return STATUS_OK;
}

static enum status compile_rule(struct derive_rules *rules, const struct derive_rule_config *config,
                                struct derive_rule *out, struct error *err)
{
    const char *re = config->replace != NULL ? config->replace : config->re;
    const char *set = config->replace != NULL ? config->by : config->set;
    enum status status;

    out->set = arena_copy(&rules->texts, slice_of(set));
    if (rules->texts.failed)
        return error_set(err, STATUS_TOO_LARGE, "too many rules");
    out->from = (enum derive_source)config->from;
    out->lower = config->lower;
    out->group_only = out->set.len == 2 && out->set.data[0] == '$' &&
                      (unsigned char)(out->set.data[1] - '0') <= 9;
    out->constant = slice_find_byte(out->set, '$') == SIZE_MAX;
    if (re != NULL) {
        status = url_pattern_new(slice_of(re), &out->pattern, err);
        if (status != STATUS_OK) {
            error_context(err, "%s", config->replace != NULL ? "replace" : "re");
            return status;
        }
        out->needs = url_pattern_needs(out->pattern);
    }
    return check_groups(out, err);
}

static enum status compile_rules(struct derive_rules *rules, enum derived_field field,
                                 const struct derive_rule_config *configs, size_t count,
                                 struct error *err)
{
    if (count > DERIVE_RULES_MAX)
        return error_set(err, STATUS_TOO_LARGE, "derive: %s: more than %d rules",
                         derived_names[field], DERIVE_RULES_MAX);
    rules->rules[field] = calloc(count + 1, sizeof(struct derive_rule));
    if (rules->rules[field] == NULL)
        return error_set(err, STATUS_NO_MEMORY, "no memory for derive rules");
    for (uint32_t i = 0; i < count; i++) {
        enum status status;

        rules->counts[field] = i + 1;
        status = compile_rule(rules, &configs[i], &rules->rules[field][i], err);
        if (status != STATUS_OK)
            return rule_error(err, status, field, i, &configs[i]);
    }
    return STATUS_OK;
}

static enum status compile_all(struct derive_rules *rules, const struct derive_config *config,
                               struct error *err)
{
    const struct table_list *lists[DERIVED_COUNT] = {NULL};
    enum status status = STATUS_OK;

    rules->referer_group = true;
    if (config != NULL) {
        const char *same = config->referer_group.same_as;

        lists[DERIVED_TENANT] = &config->tenant;
        lists[DERIVED_URL_GROUP] = &config->url_group;
        lists[DERIVED_ROUTE] = &config->route;
        lists[DERIVED_PATH_GROUP] = &config->path_group;
        rules->referer_group = same == NULL || strcmp(same, no_rules) != 0;
        if (same != NULL && rules->referer_group && strcmp(same, "url_group") != 0)
            return error_set(err, STATUS_INVALID,
                             "line %u: derive: referer_group: same_as: expected url_group or none",
                             config->referer_group.line);
    }
    for (int i = 0; i < DERIVED_COUNT && status == STATUS_OK; i++) {
        bool given = lists[i] != NULL && lists[i]->items != NULL;

        status =
            compile_rules(rules, (enum derived_field)i, given ? lists[i]->items : built_in[i].rules,
                          given ? lists[i]->count : built_in[i].count, err);
    }
    return status;
}

enum status derive_rules_new(const struct derive_config *config, struct derive_rules **out,
                             struct error *err)
{
    struct derive_rules *rules = calloc(1, sizeof(*rules));
    enum status status;

    if (rules == NULL)
        return error_set(err, STATUS_NO_MEMORY, "no memory for derive rules");
    rules->texts = arena_empty(1 << 20);
    status = compile_all(rules, config, err);
    if (status != STATUS_OK) {
        derive_rules_free(rules);
        return status;
    }
    *out = rules;
    return STATUS_OK;
}

void derive_rules_free(struct derive_rules *rules)
{
    if (rules == NULL)
        return;
    for (unsigned field = 0; field < DERIVED_COUNT; field++) {
        for (uint32_t i = 0; i < rules->counts[field]; i++)
            url_pattern_free(rules->rules[field][i].pattern);
        free(rules->rules[field]);
    }
    arena_release(&rules->texts);
    free(rules);
}

/* ---- apply ---- */

struct derive_input {
    struct slice texts[3]; /* by enum derive_source; data NULL: the event has none */
    uint64_t pairs[3];     /* url_pairs() of them */
};

struct text_builder {
    char bytes[DERIVE_TEXT_SIZE_MAX];
    size_t len;
    bool full;
};

static void put(struct text_builder *out, struct slice text)
{
    if (text.len > sizeof(out->bytes) - out->len) {
        out->full = true;
        return;
    }
    if (text.len > 0)
        memcpy(out->bytes + out->len, text.data, text.len);
    out->len += text.len;
}

/* `template` with the groups put in. */
static void expand(struct text_builder *out, struct slice template, const struct url_match *match)
{
    while (template.len > 0) {
        size_t dollar = slice_find_byte(template, '$');
        unsigned group;

        put(out, slice_first(template, dollar));
        if (dollar == SIZE_MAX || dollar + 1 == template.len) {
            if (dollar != SIZE_MAX)
                put(out, SLICE_LITERAL("$"));
            return;
        }
        group = (unsigned)((unsigned char)template.data[dollar + 1] - '0');
        if (group <= 9) {
            put(out, match->groups[group]);
            template = slice_from(template, dollar + 2);
        } else {
            put(out, SLICE_LITERAL("$"));
            template = slice_from(template, dollar + 1);
        }
    }
}

static void fold(struct text_builder *out)
{
    for (size_t i = 0; i < out->len; i++)
        if ((unsigned char)(out->bytes[i] - 'A') <= 25)
            out->bytes[i] |= 0x20;
}

static bool has_upper_or_percent(struct slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)(text.data[i] - 'A') <= 25 || text.data[i] == '%')
            return true;
    return false;
}

static int hex_value(char c)
{
    if ((unsigned char)(c - '0') <= 9)
        return c - '0';
    c |= 0x20;
    return (unsigned char)(c - 'a') <= 5 ? c - 'a' + 10 : -1;
}

/* %XX in place. A control byte is not decoded: it is no part of a name. */
static void decode_percent(struct text_builder *out)
{
    size_t len = 0;

    for (size_t i = 0; i < out->len; i++) {
        int high = -1;
        int low = -1;

        if (out->bytes[i] == '%' && i + 2 < out->len) {
            high = hex_value(out->bytes[i + 1]);
            low = hex_value(out->bytes[i + 2]);
        }
        if (high >= 0 && low >= 0 && high * 16 + low >= 0x20) {
            out->bytes[len++] = (char)(high * 16 + low);
            i += 2;
        } else {
            out->bytes[len++] = out->bytes[i];
        }
    }
    out->len = len;
}

static void add_text(struct parsed_event *parsed, field_id field, struct slice event,
                     struct slice text)
{
    parsed_span(parsed, field, FIELD_TEXT, UNIT_NONE, event, text);
}

/* The value of the rule that matched: a part of the bytes where it can be. */
static void add_value(const struct derive_rule *rule, const struct url_match *match, bool is_tenant,
                      field_id field, const struct format_context *context, struct slice event,
                      struct parsed_event *parsed)
{
    struct text_builder text;
    struct slice group;

    if (rule->pattern == NULL || rule->constant) {
        parsed_text(parsed, field, FIELD_TEXT, rule->set);
        return;
    }
    if (rule->group_only) {
        group = match->groups[rule->set.data[1] - '0'];
        if (!(rule->lower || is_tenant) || !has_upper_or_percent(group)) {
            add_text(parsed, field, event, group);
            return;
        }
    }
    text.len = 0;
    text.full = false;
    expand(&text, rule->set, match);
    if (is_tenant)
        decode_percent(&text);
    if (is_tenant || rule->lower)
        fold(&text);
    if (!text.full)
        parsed_text(parsed, field, FIELD_TEXT,
                    arena_copy(context->arena, slice_make(text.bytes, text.len)));
}

/* Does the rule match? Most do not, and most of those lack a pair of bytes. */
static bool rule_matches(const struct derive_rule *rule, struct slice text, uint64_t pairs,
                         struct url_scratch *scratch, struct url_match *match)
{
    if (text.data == NULL || (rule->needs & ~pairs) != 0)
        return false;
    return rule->pattern == NULL || (url_pattern_may_match(rule->pattern, pairs) &&
                                     url_pattern_find(rule->pattern, scratch, text, 0, match));
}

/* First rule that matches; `from` replaces that of the rules if it is not negative. */
static void apply_rules(const struct derive_rules *rules, enum derived_field kind, int from,
                        field_id field, const struct derive_input *input,
                        struct url_scratch *scratch, const struct format_context *context,
                        struct slice event, struct parsed_event *parsed)
{
    for (uint32_t i = 0; i < rules->counts[kind]; i++) {
        const struct derive_rule *rule = &rules->rules[kind][i];
        int source = from >= 0 ? from : (int)rule->from;
        struct url_match match;

        if (!rule_matches(rule, input->texts[source], input->pairs[source], scratch, &match))
            continue;
        add_value(rule, &match, kind == DERIVED_TENANT, field, context, event, parsed);
        return;
    }
}

/* Pairs of the bytes of `out` from the one before `start` up to the one at `end`, if there is one. */
static uint64_t pairs_around(const struct text_builder *out, size_t start, size_t end)
{
    size_t from = start == 0 ? 0 : start - 1;

    return url_pairs(slice_sub(slice_make(out->bytes, out->len), from, end + 1 - from));
}

/* Every match of one rule, left to right. False: nothing matched, or no room. To `pairs` of the text
 * those are added that only the new text has: so it stays a set of at least its pairs. */
static bool replace_all(const struct derive_rule *rule, struct url_scratch *scratch,
                        struct slice text, struct text_builder *out, uint64_t *pairs)
{
    struct url_match match;
    size_t at = 0, new_start = 0, new_end = 0;

    out->len = 0;
    out->full = false;
    for (unsigned i = 0; i < DERIVE_REPLACEMENTS_MAX; i++) {
        size_t start;

        if (at > text.len || !url_pattern_find(rule->pattern, scratch, text, at, &match))
            break;
        start = (size_t)(match.groups[0].data - text.data);
        put(out, slice_sub(text, at, start - at));
        if (i > 0)
            *pairs |= pairs_around(out, new_start, new_end);
        new_start = out->len;
        expand(out, rule->set, &match);
        new_end = out->len;
        at = start + match.groups[0].len;
        if (match.groups[0].len == 0) { /* an empty match: go on behind the next byte */
            put(out, slice_sub(text, at, 1));
            at++;
        }
    }
    if (at == 0)
        return false;
    put(out, slice_from(text, at));
    *pairs |= pairs_around(out, new_start, new_end);
    return !out->full;
}

static void apply_replacements(const struct derive_rules *rules, struct slice path, uint64_t pairs,
                               struct url_scratch *scratch, const struct format_context *context,
                               struct slice event, struct parsed_event *parsed)
{
    struct text_builder builders[2];
    struct slice text = path;
    unsigned next = 0;

    if (path.len > DERIVE_TEXT_SIZE_MAX || rules->counts[DERIVED_PATH_GROUP] == 0)
        return;
    for (uint32_t i = 0; i < rules->counts[DERIVED_PATH_GROUP]; i++) {
        const struct derive_rule *rule = &rules->rules[DERIVED_PATH_GROUP][i];

        if ((rule->needs & ~pairs) == 0 && url_pattern_may_match(rule->pattern, pairs) &&
            replace_all(rule, scratch, text, &builders[next], &pairs)) {
            text = slice_make(builders[next].bytes, builders[next].len);
            next = 1 - next;
        }
    }
    if (text.data == path.data)
        add_text(parsed, FIELD_ID_PATH_GROUP, event, path);
    else
        parsed_text(parsed, FIELD_ID_PATH_GROUP, FIELD_TEXT, arena_copy(context->arena, text));
}

/* The fields that the rules look at; `data` NULL: the event has none. */
struct derive_fields {
    struct slice path, caller, referer, user, tenant;
};

/* One pass; of fields that occur twice the last counts, as parsed_find() has it. */
static struct derive_fields find_fields(const struct parsed_event *parsed, field_id caller,
                                        struct slice event)
{
    struct derive_fields found = {0};

    for (uint32_t i = 0; i < parsed->field_count; i++) {
        const struct event_field *at = &parsed->fields[i];
        struct slice value = {at->text.data, at->text.len};

        if (value.data == NULL)
            value = slice_sub(event, at->start, at->len);
        if (at->field == FIELD_ID_PATH)
            found.path = value;
        else if (at->field == FIELD_ID_REFERER)
            found.referer = value;
        else if (at->field == FIELD_ID_USER)
            found.user = value;
        else if (at->field == FIELD_ID_TENANT)
            found.tenant = value;
        else if (at->field == caller)
            found.caller = value;
    }
    return found;
}

/* A path as the rules want it. */
static struct slice path_of(struct slice target)
{
    struct slice path = target;
    struct slice params;

    if (target.data != NULL)
        request_target_split(target, &path, &params);
    return path;
}

void derive_apply(const struct derive_rules *rules, struct url_scratch *scratch,
                  const struct format_context *context, struct slice event,
                  struct parsed_event *parsed)
{
    struct derive_fields found;
    struct derive_input input = {0};
    struct slice path;

    if (parsed->derive_from == DERIVE_NOTHING)
        return;
    found = find_fields(parsed, context->extra[EXTRA_CALLER], event);
    path = path_of(found.path);
    input.texts[DERIVE_FROM_PATH] =
        parsed->derive_from == DERIVE_CALLER ? path_of(found.caller) : path;
    input.texts[DERIVE_FROM_REFERER] = path_of(found.referer);
    input.texts[DERIVE_FROM_USER] = found.user;
    for (unsigned i = 0; i < COUNT_OF(input.texts); i++)
        input.pairs[i] = url_pairs(input.texts[i]);
    if (found.tenant.data == NULL)
        apply_rules(rules, DERIVED_TENANT, -1, FIELD_ID_TENANT, &input, scratch, context, event,
                    parsed);
    if (input.texts[DERIVE_FROM_PATH].data != NULL) {
        apply_rules(rules, DERIVED_URL_GROUP, -1, FIELD_ID_URL_GROUP, &input, scratch, context,
                    event, parsed);
        apply_rules(rules, DERIVED_ROUTE, -1, FIELD_ID_ROUTE, &input, scratch, context, event,
                    parsed);
    }
    if (rules->referer_group && input.texts[DERIVE_FROM_REFERER].data != NULL)
        apply_rules(rules, DERIVED_URL_GROUP, DERIVE_FROM_REFERER, FIELD_ID_REFERER_GROUP, &input,
                    scratch, context, event, parsed);
    if (path.data != NULL)
        apply_replacements(rules, path,
                           parsed->derive_from == DERIVE_CALLER ? url_pairs(path)
                                                                : input.pairs[DERIVE_FROM_PATH],
                           scratch, context, event, parsed);
}
