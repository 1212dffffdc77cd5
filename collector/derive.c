/* collector/derive.c -- rules as data: the built-in table below is what a user would write,
 * compiled by the same code. Each rule is one url_pattern; the first that matches makes the value.
 */
#include "collector/derive.h"

#include "collector/formats/request_line.h"
#include "collector/url_set.h"

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
    bool exact;      /* whether it matches is known from the set */
};

/* The rules of all fields, one behind the other, are the patterns of one set, as far as it has
 * room: a text is asked once which rules match. The few that do are then searched for groups. */
struct derive_rules {
    struct arena texts;
    struct derive_rule *rules[DERIVED_COUNT];
    uint32_t counts[DERIVED_COUNT];
    struct url_set *set;
    uint32_t first_bits[DERIVED_COUNT]; /* of a field's rules in the set, */
    uint32_t set_counts[DERIVED_COUNT]; /* and how many of them are in it: the first ones */
    uint64_t bits[DERIVED_COUNT][DERIVE_SOURCE_COUNT]; /* those that look at a source */
    bool referer_group;                                /* by the rules of url_group */
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

static enum status make_set(struct derive_rules *rules, struct error *err)
{
    const struct url_pattern *patterns[URL_SET_PATTERNS_MAX];
    uint32_t count = 0;
    enum status status;

    for (unsigned kind = 0; kind < DERIVED_COUNT; kind++) {
        rules->first_bits[kind] = count;
        for (uint32_t i = 0; i < rules->counts[kind] && count < URL_SET_PATTERNS_MAX; i++)
            patterns[count++] = rules->rules[kind][i].pattern;
        rules->set_counts[kind] = count - rules->first_bits[kind];
    }
    status = url_set_new(patterns, count, &rules->set, err);
    for (unsigned kind = 0; kind < DERIVED_COUNT && status == STATUS_OK; kind++)
        for (uint32_t i = 0; i < rules->set_counts[kind]; i++) {
            struct derive_rule *rule = &rules->rules[kind][i];
            uint64_t bit = UINT64_C(1) << (rules->first_bits[kind] + i);

            rule->exact = (url_set_exact(rules->set) & bit) != 0;
            rules->bits[kind][rule->from] |= bit;
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
    if (status == STATUS_OK)
        status = make_set(rules, err);
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
    url_set_free(rules->set);
    arena_release(&rules->texts);
    free(rules);
}

/* ---- apply ---- */

/* One event on its way through the rules. */
struct derivation {
    const struct derive_rules *rules;
    struct url_scratch *scratch;
    struct arena *arena;
    struct slice event;
    struct parsed_event *parsed;
    struct slice texts[DERIVE_SOURCE_COUNT]; /* data NULL: the event has none */
    uint64_t matches[DERIVE_SOURCE_COUNT];   /* url_set_match() of them, */
    bool asked[DERIVE_SOURCE_COUNT];         /* if it was needed yet */
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

/* No letter to fold, and no %XX. */
static bool is_folded(struct slice text)
{
    static const bool changes[256] = {
        ['%'] = true, ['A'] = true, ['B'] = true, ['C'] = true, ['D'] = true, ['E'] = true,
        ['F'] = true, ['G'] = true, ['H'] = true, ['I'] = true, ['J'] = true, ['K'] = true,
        ['L'] = true, ['M'] = true, ['N'] = true, ['O'] = true, ['P'] = true, ['Q'] = true,
        ['R'] = true, ['S'] = true, ['T'] = true, ['U'] = true, ['V'] = true, ['W'] = true,
        ['X'] = true, ['Y'] = true, ['Z'] = true,
    };

    for (size_t i = 0; i < text.len; i++)
        if (changes[(unsigned char)text.data[i]])
            return false;
    return true;
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

static void add_text(struct derivation *at, field_id field, struct slice text)
{
    parsed_span(at->parsed, field, FIELD_TEXT, UNIT_NONE, at->event, text);
}

static void add_computed(struct derivation *at, field_id field, struct slice text)
{
    parsed_text(at->parsed, field, FIELD_TEXT, text);
}

/* The value of the rule that matched: a part of the bytes where it can be. */
static void add_value(struct derivation *at, const struct derive_rule *rule,
                      const struct url_match *match, bool is_tenant, field_id field)
{
    struct text_builder text;
    struct slice group;

    if (rule->group_only) {
        group = match->groups[rule->set.data[1] - '0'];
        if (!(rule->lower || is_tenant) || is_folded(group)) {
            add_text(at, field, group);
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
        add_computed(at, field, arena_copy(at->arena, slice_make(text.bytes, text.len)));
}

static uint64_t matches_of(struct derivation *at, unsigned source)
{
    if (!at->asked[source] && at->texts[source].data != NULL)
        at->matches[source] = url_set_match(at->rules->set, at->texts[source]);
    at->asked[source] = true;
    return at->matches[source];
}

/* The first of the field's rules that may match, as its bit in the set, but none of `done`; 0:
 * none. A source is asked only if one of its rules would come first. */
static uint64_t next_bit(struct derivation *at, enum derived_field kind, int from, uint64_t done)
{
    uint64_t first = 0;

    for (unsigned source = 0; source < DERIVE_SOURCE_COUNT; source++) {
        uint64_t bits = at->rules->bits[kind][source] & ~done;

        if (first != 0)
            bits &= first - 1;
        if (bits != 0)
            bits &= matches_of(at, from >= 0 ? (unsigned)from : source);
        if (bits != 0)
            first = bits & (~bits + 1);
    }
    return first;
}

/* Add the value of one rule that may match, if it does. Nobody needs the groups of a constant. */
static bool apply_rule(struct derivation *at, const struct derive_rule *rule, struct slice text,
                       bool is_tenant, field_id field)
{
    struct url_match match;

    if (text.data == NULL)
        return false;
    if (rule->pattern == NULL || (rule->constant && rule->exact)) {
        add_computed(at, field, rule->set);
        return true;
    }
    if (!url_pattern_find(rule->pattern, at->scratch, text, 0, &match))
        return false;
    if (rule->constant)
        add_computed(at, field, rule->set);
    else
        add_value(at, rule, &match, is_tenant, field);
    return true;
}

/* First rule that matches; `from` replaces that of the rules if it is not negative. */
static void apply_rules(struct derivation *at, enum derived_field kind, int from, field_id field)
{
    const struct derive_rules *rules = at->rules;
    uint32_t behind = rules->set_counts[kind]; /* the set: these are tried one by one */
    uint64_t bit = next_bit(at, kind, from, 0);

    while (bit != 0 || behind < rules->counts[kind]) {
        const struct derive_rule *rule = &rules->rules[kind][behind];

        if (bit != 0)
            rule = &rules->rules[kind][(uint32_t)__builtin_ctzll(bit) - rules->first_bits[kind]];
        else
            behind++;
        if (apply_rule(at, rule, at->texts[from >= 0 ? (unsigned)from : rule->from],
                       kind == DERIVED_TENANT, field))
            return;
        if (bit != 0)
            bit = next_bit(at, kind, from, bit | (bit - 1));
    }
}

/* Every match of one rule, left to right. False: nothing matched, or no room. */
static bool replace_all(const struct derive_rule *rule, struct url_scratch *scratch,
                        struct slice text, struct text_builder *out)
{
    struct url_match match;
    size_t at = 0;

    out->len = 0;
    out->full = false;
    for (unsigned i = 0; i < DERIVE_REPLACEMENTS_MAX; i++) {
        size_t start;

        if (at > text.len || !url_pattern_find(rule->pattern, scratch, text, at, &match))
            break;
        start = (size_t)(match.groups[0].data - text.data);
        put(out, slice_sub(text, at, start - at));
        if (rule->constant)
            put(out, rule->set);
        else
            expand(out, rule->set, &match);
        at = start + match.groups[0].len;
        if (match.groups[0].len == 0) { /* an empty match: go on behind the next byte */
            put(out, slice_sub(text, at, 1));
            at++;
        }
    }
    if (at == 0)
        return false;
    put(out, slice_from(text, at));
    return !out->full;
}

/* `matches`: url_set_match() of the path. A rule that matched may let others match what it made. */
static void apply_replacements(struct derivation *at, struct slice path, uint64_t matches)
{
    const struct derive_rules *rules = at->rules;
    uint32_t set_count = rules->set_counts[DERIVED_PATH_GROUP];
    struct text_builder builders[2];
    struct slice text = path;
    unsigned next = 0;

    if (path.len > DERIVE_TEXT_SIZE_MAX || rules->counts[DERIVED_PATH_GROUP] == 0)
        return;
    matches >>= rules->first_bits[DERIVED_PATH_GROUP];
    for (uint32_t i = 0; i < rules->counts[DERIVED_PATH_GROUP]; i++) {
        if ((i < set_count && (matches >> i & 1) == 0) ||
            !replace_all(&rules->rules[DERIVED_PATH_GROUP][i], at->scratch, text, &builders[next]))
            continue;
        text = slice_make(builders[next].bytes, builders[next].len);
        next = 1 - next;
        if (i + 1 < set_count)
            matches = url_set_match(rules->set, text) >> rules->first_bits[DERIVED_PATH_GROUP];
    }
    if (text.data == path.data)
        add_text(at, FIELD_ID_PATH_GROUP, path);
    else
        add_computed(at, FIELD_ID_PATH_GROUP, arena_copy(at->arena, text));
}

/* The fields that the rules look at; `data` NULL: the event has none. */
struct derive_fields {
    struct slice path, caller, referer, user, tenant;
};

static struct slice value_of(const struct event_field *field, struct slice event)
{
    if (field->text.data != NULL)
        return field->text;
    return slice_make(event.data + field->start, field->len); /* a span is within the event */
}

/* One pass; of fields that occur twice the last counts, as parsed_find() has it. */
static struct derive_fields find_fields(const struct parsed_event *parsed, field_id caller,
                                        struct slice event)
{
    struct derive_fields found = {0};
    const struct event_field *end = parsed->fields + parsed->field_count;

    for (const struct event_field *at = parsed->fields; at < end; at++)
        switch (at->field) {
        case FIELD_ID_PATH:
            found.path = value_of(at, event);
            break;
        case FIELD_ID_REFERER:
            found.referer = value_of(at, event);
            break;
        case FIELD_ID_USER:
            found.user = value_of(at, event);
            break;
        case FIELD_ID_TENANT:
            found.tenant = value_of(at, event);
            break;
        default:
            if (at->field == caller)
                found.caller = value_of(at, event);
            break;
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
    struct derivation at = {.rules = rules,
                            .scratch = scratch,
                            .arena = context->arena,
                            .event = event,
                            .parsed = parsed};
    struct derive_fields found;
    struct slice path;
    bool of_caller = parsed->derive_from == DERIVE_CALLER;

    if (parsed->derive_from == DERIVE_NOTHING)
        return;
    found = find_fields(parsed, context->extra[EXTRA_CALLER], event);
    path = path_of(found.path);
    at.texts[DERIVE_FROM_PATH] = of_caller ? path_of(found.caller) : path;
    at.texts[DERIVE_FROM_REFERER] = path_of(found.referer);
    at.texts[DERIVE_FROM_USER] = found.user;
    if (found.tenant.data == NULL)
        apply_rules(&at, DERIVED_TENANT, -1, FIELD_ID_TENANT);
    if (at.texts[DERIVE_FROM_PATH].data != NULL) {
        apply_rules(&at, DERIVED_URL_GROUP, -1, FIELD_ID_URL_GROUP);
        apply_rules(&at, DERIVED_ROUTE, -1, FIELD_ID_ROUTE);
    }
    if (rules->referer_group && at.texts[DERIVE_FROM_REFERER].data != NULL)
        apply_rules(&at, DERIVED_URL_GROUP, DERIVE_FROM_REFERER, FIELD_ID_REFERER_GROUP);
    if (path.data != NULL)
        apply_replacements(&at, path,
                           of_caller ? url_set_match(rules->set, path)
                                     : matches_of(&at, DERIVE_FROM_PATH));
}
