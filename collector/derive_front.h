/* collector/derive_front.h -- what the rules have said of the front of a text, to be told again.
 *
 * Most of a path is an id that never comes again; in front of it stand a tenant and a part of the
 * application that thousands of lines share. What rules find within that front does not depend on
 * what follows, so it is remembered by the bytes of the front. Nothing that a rule finds depends on
 * this memory (derive.c says why). A table of fixed size, in which a new front replaces another.
 * Thread safety: one thread at a time per memory. */
#ifndef DENDRO_COLLECTOR_DERIVE_FRONT_H
#define DENDRO_COLLECTOR_DERIVE_FRONT_H

#include "base/slice.h"
#include "collector/derive_shape.h"
#include "collector/url_set.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    FRONT_SIZE_MAX = 48,
    FRONT_REPLACEMENT_MAX = 12, /* bytes that a match in the front becomes; no longer ones */
    FRONTS_COUNT = 4096,        /* 390 KB per worker: tenants times parts of the application */
    FRONT_WAYS = 2,             /* places that a front can have */
    FRONT_FIELDS = 3,           /* of the derived ones: tenant, url_group, route */
};

/* What a rule finds. */
struct front_answer {
    uint8_t rule;       /* its place in the set + 1; 0: not known */
    uint8_t start, len; /* of its group; `len` 0: the constant of the rule */
    bool first;         /* no rule before it matches in the front, or looks elsewhere */
};

/* All texts that begin with these bytes. */
struct derive_front {
    uint64_t found; /* a walk of the set behind the front, */
    uint16_t row;
    uint8_t len; /* 0: an empty place */
    struct front_answer answers[FRONT_FIELDS];
    /* What the first rule of replacements does: its one match begins with the text. */
    uint8_t replace_rule; /* as that of a group */
    uint8_t match_len, by_len;
    uint16_t replaced_row; /* a walk behind the front with the match replaced */
    uint64_t replaced_found;
    char by[FRONT_REPLACEMENT_MAX];
    char bytes[FRONT_SIZE_MAX];
};

struct derive_memory {
    uint64_t rules; /* number of the rules that this is about; 0: none yet */
    uint64_t hits, misses; /* of fronts */
    uint64_t shape_hits;
    uint8_t last[FRONTS_COUNT / FRONT_WAYS]; /* way that was used last */
    struct derive_front fronts[FRONTS_COUNT];
    struct derive_shapes shapes; /* of whole paths; fronts are for all other texts */
};

struct derive_memory *derive_memory_new(void);         /* NULL: no memory; works without */
void derive_memory_free(struct derive_memory *memory); /* NULL does nothing */

/* From now on the memory is about the set of rules number `rules` (not 0). */
void derive_memory_use(struct derive_memory *memory, uint64_t rules);

/* The front of `text` by the set of the rules that the memory is about; NULL: it has none worth
 * keeping. New fronts know their walk and nothing else. */
struct derive_front *derive_memory_front(struct derive_memory *memory, const struct url_set *set,
                                         struct slice text);

#endif
