/* collector/derive_private.h -- the compiled derive rules: made by derive_rules.c, applied by
 * derive.c. */
#ifndef DENDRO_COLLECTOR_DERIVE_PRIVATE_H
#define DENDRO_COLLECTOR_DERIVE_PRIVATE_H

#include "base/arena.h"
#include "collector/derive.h"
#include "collector/url_set.h"

enum derived_field { /* the first FRONT_FIELDS are remembered by fronts of texts */
                     DERIVED_TENANT,
                     DERIVED_URL_GROUP,
                     DERIVED_ROUTE,
                     DERIVED_PATH_GROUP,
                     DERIVED_COUNT
};

struct derive_rule {
    struct url_pattern *pattern; /* NULL: always */
    struct slice set;            /* in `texts` of the rules */
    enum derive_source from;
    bool lower;
    bool group_only; /* `set` is `$n` and nothing else */
    bool constant;   /* `set` has no group in it */
    bool exact;      /* whether it matches is known from the set */
    bool fronted;    /* what it finds in a front, derive_front.h may remember */
    bool segment;    /* url_pattern_is_segment(), and `exact` */
    bool runs;       /* replaces runs of a class by a constant that is no longer */
};

/* The rules of all fields, one behind the other, are the patterns of one set, as far as it has
 * room: a text is asked once which rules match. The few that do are then searched for groups. */
struct derive_rules {
    uint64_t number; /* no other rules of this process have it */
    struct arena texts;
    struct derive_rule *rules[DERIVED_COUNT];
    uint32_t counts[DERIVED_COUNT];
    struct url_set *set;
    uint32_t first_bits[DERIVED_COUNT]; /* of a field's rules in the set, */
    uint32_t set_counts[DERIVED_COUNT]; /* and how many of them are in it: the first ones */
    uint64_t bits[DERIVED_COUNT][DERIVE_SOURCE_COUNT]; /* those that look at a source, */
    uint64_t all_bits[DERIVED_COUNT];                  /* and at any */
    bool referer_group;                                /* by the rules of url_group */
    bool exact; /* all rules for paths are in the set, which says whether they match */
};

#endif
