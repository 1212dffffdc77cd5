/* collector/derive_rules.c -- rules as data: the built-in table below is what a user would write,
 * compiled by the same code. */
#include "collector/derive_private.h"

#include <stdatomic.h>
#include <stdlib.h>

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
    out->runs = config->replace != NULL && out->constant && out->set.len > 0 &&
                out->set.len <= url_pattern_run_min(out->pattern);
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
    rules->exact = true;
    for (unsigned kind = 0; kind < DERIVED_COUNT && status == STATUS_OK; kind++) {
        rules->exact = rules->exact && rules->set_counts[kind] == rules->counts[kind];
        for (uint32_t i = 0; i < rules->set_counts[kind]; i++) {
            struct derive_rule *rule = &rules->rules[kind][i];
            uint64_t bit = UINT64_C(1) << (rules->first_bits[kind] + i);

            rule->exact = (url_set_exact(rules->set) & bit) != 0;
            rule->fronted =
                rule->exact && rule->pattern != NULL && url_pattern_is_single(rule->pattern);
            rule->segment = rule->fronted && url_pattern_is_segment(rule->pattern);
            rules->bits[kind][rule->from] |= bit;
            rules->all_bits[kind] |= bit;
            rules->exact = rules->exact && (rule->exact || rule->from != DERIVE_FROM_PATH);
        }
    }
    return status;
}

enum status derive_rules_new(const struct derive_config *config, struct derive_rules **out,
                             struct error *err)
{
    static _Atomic uint64_t last_number;
    struct derive_rules *rules = calloc(1, sizeof(*rules));
    enum status status;

    if (rules == NULL)
        return error_set(err, STATUS_NO_MEMORY, "no memory for derive rules");
    rules->number = atomic_fetch_add_explicit(&last_number, 1, memory_order_relaxed) + 1;
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
