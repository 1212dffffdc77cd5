/* query/regex.h -- PCRE2 behind limits, compiled to machine code where the processor allows.
 *
 * A match that exceeds its limits counts as no match and is counted, so that no pattern can hold
 * a thread. Bytes are bytes: patterns see UTF-8 as single bytes, `(?i)` folds ASCII.
 * Source: pcre2api(3), pcre2jit(3).
 * Thread safety: a compiled regex may match on any number of threads at once. */
#ifndef DENDRO_QUERY_REGEX_H
#define DENDRO_QUERY_REGEX_H

#include "base/arena.h"
#include "base/error.h"
#include "base/slice.h"
#include "store/predicate.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct regex;

enum regex_flags {
    REGEX_FOLD_CASE = 1,
    REGEX_ANCHORED = 2, /* must match the whole text */
    REGEX_WORD = 4,     /* match must lie between word boundaries, as grep -w */
    REGEX_LITERAL = 8,  /* the pattern is plain text, as grep -F */
};

struct regex_span {
    size_t start, end; /* bytes; start > end: the group did not take part */
};

/* Errors: INVALID (the pattern; `error_at` is the byte in it), TOO_LARGE, NO_MEMORY. */
enum status regex_new(struct slice pattern, unsigned flags, struct regex **out, size_t *error_at,
                      struct error *err) WARN_UNUSED;
void regex_free(struct regex *regex); /* NULL does nothing */

/* The query that a regex belongs to. When it is over, nothing matches any more: a pattern that reaches
 * its limits costs 20 ms per text, and a block has thousands of them. What is answered then counts for
 * nothing: the query has to end too. All members may be NULL, and are used on any thread. */
struct regex_query {
    const atomic_bool *cancel;
    bool (*is_late)(void *user); /* not asked again once it said true */
    void *user;
    atomic_ullong *over_limit;   /* texts that a match gave up on are counted here too */
};
void regex_belongs_to(struct regex *regex, const struct regex_query *query);

bool regex_match(const struct regex *regex, struct slice text);
/* First match at or after byte `from`; spans[0] is the whole, then the groups. */
bool regex_find(const struct regex *regex, struct slice text, size_t from,
                struct regex_span *spans, uint32_t span_count);
/* Numbered groups 1..count with their names ("" where there is none). */
uint32_t regex_group_count(const struct regex *regex);
struct slice regex_group_name(const struct regex *regex, uint32_t group);
/* Texts that a match gave up on since regex_new(). */
uint64_t regex_over_limit(const struct regex *regex);

/* A tree of substring tests on `field` that every matching text passes, or NULL if the pattern
 * has no literal of at least 2 bytes that it always needs. `exact` (or NULL): every text that passes
 * matches, so that the regex need not be asked (a text, or alternatives that are texts). */
const struct predicate *regex_superset(struct slice pattern, unsigned flags, field_id field,
                                       struct arena *arena, bool *exact);
/* What matches of parts of a text say of the text. Nothing, if the pattern says where in a text it stands
 * (^ $ \b), has possessive quantifiers, or is not understood. */
enum call_parts regex_parts(struct slice pattern, unsigned flags, struct arena *arena);

#endif
