/* collector/derive.h -- fields computed from others by rules that are data: tenant, url_group,
 * referer_group, route, path_group (docs/configuration.md; the key `derive` of collector.yaml).
 *
 *     derive:
 *       tenant:
 *         - {from: path, re: '/a/([\w.:%-]+)(?:/|$)', set: '$1'}    # percent-decoded, lower case
 *       url_group:
 *         - {re: '^/a/[^/]+/([^/]+)', set: '$1'}                    # the first match wins
 *         - {set: other}                                            # without `re`: always
 *       referer_group: {same_as: url_group, from: referer}
 *       path_group:
 *         - {replace: '[-0-9a-f]{10,}', by: '*'}                    # all of them, in order
 *
 * A key that is left out (or empty) keeps its built-in rules; the single rule {set: ''} switches a
 * field off. Patterns see paths without scheme, host and query string. Thread safety: rules are
 * constant; a scratch serves one thread at a time. */
#ifndef DENDRO_COLLECTOR_DERIVE_H
#define DENDRO_COLLECTOR_DERIVE_H

#include "base/error.h"
#include "base/option.h"
#include "collector/format.h"
#include "collector/url_pattern.h"

#include <stdint.h>

enum {
    DERIVE_RULES_MAX = 256,       /* of one field */
    DERIVE_REPLACEMENTS_MAX = 64, /* in one path; ids beyond stay */
    DERIVE_TEXT_SIZE_MAX = 4096,  /* of a computed field; longer paths have none */
};

enum derive_source {
    DERIVE_FROM_PATH,
    DERIVE_FROM_REFERER,
    DERIVE_FROM_USER,
    DERIVE_SOURCE_COUNT
};

/* One rule as the file has it. */
struct derive_rule_config {
    const char *re, *set;     /* `re` NULL: always */
    const char *replace, *by; /* path_group */
    int from;                 /* enum derive_source */
    bool lower;
    uint32_t line; /* in the file; 0: built in */
};

struct derive_same_config {
    const char *same_as; /* "url_group", or NULL */
    int from;
    uint32_t line;
};

/* `items` NULL: not in the file. */
struct derive_config {
    struct table_list tenant, url_group, route, path_group; /* of struct derive_rule_config */
    struct derive_same_config referer_group;
    uint32_t line; /* 0: the file has no such section */
};

/* For the row {.name = "derive", .type = OPTION_TABLE, .table = &derive_option_table}. */
extern const struct option_table derive_option_table;

struct derive_rules;
struct derive_memory; /* derive_front.h */

/* Compile the rules; `config` NULL: the built-in ones. The config may go afterwards.
 * Errors: INVALID (names line, key and the byte of the pattern), TOO_LARGE, NO_MEMORY. */
enum status derive_rules_new(const struct derive_config *config, struct derive_rules **out,
                             struct error *err) WARN_UNUSED;
void derive_rules_free(struct derive_rules *rules); /* NULL does nothing */

/* Add the derived fields to what a format found in `event`. Nothing is derived twice: a tenant that
 * the format knows stays. Where a value stands in the bytes it becomes a span; other texts stay as
 * long as the context's arena, the rules and the memory do. `memory` may be NULL: slower, with the
 * same results. */
void derive_apply(const struct derive_rules *rules, struct url_scratch *scratch,
                  struct derive_memory *memory, const struct format_context *context,
                  struct slice event, struct parsed_event *parsed);

#endif
