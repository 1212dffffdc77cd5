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
#include "collector/url_set.h"

#include <stdint.h>

enum {
    FRONT_SIZE_MAX = 48,
    FRONT_REPLACEMENT_MAX = 16, /* bytes that a match in the front becomes; no longer ones */
    FRONTS_COUNT = 2048,        /* 300 KB per worker: tenants times parts of the application */
    FRONT_FIELDS = 2,           /* of the derived ones: tenant and url_group */
};

/* Where a rule found its group. */
struct front_group {
    uint64_t bit; /* of the rule in the set; 0: not known */
    uint8_t start, len;
};

/* What the first rule of replacements does: its one match begins with the text. */
struct front_replacement {
    uint64_t bit; /* of the rule; 0: not known */
    uint8_t match_len, by_len;
    char by[FRONT_REPLACEMENT_MAX];
    struct url_walk walk; /* behind the front, with the match replaced */
};

/* All texts that begin with these bytes. */
struct derive_front {
    uint8_t len; /* 0: an empty place */
    char bytes[FRONT_SIZE_MAX];
    struct url_walk walk; /* of the set, behind the front */
    struct front_group groups[FRONT_FIELDS];
    struct front_replacement replacement;
};

struct derive_memory {
    uint64_t rules; /* number of the rules that this is about; 0: none yet */
    uint64_t hits, misses;
    struct derive_front fronts[FRONTS_COUNT];
};

struct derive_memory *derive_memory_new(void);         /* NULL: no memory; works without */
void derive_memory_free(struct derive_memory *memory); /* NULL does nothing */

/* The front of `text` by the set of rules number `rules` (not 0); NULL: it has none worth keeping.
 * New fronts know their walk and nothing else. */
struct derive_front *derive_memory_front(struct derive_memory *memory, uint64_t rules,
                                         const struct url_set *set, struct slice text);

#endif
