/* collector/url_set.h -- which of many patterns match a text, found in one pass over its bytes.
 *
 * The patterns of a set become one deterministic automaton: a step is a look-up per byte, however
 * many patterns there are, and says exactly which of them match. Only those need to be searched for
 * their groups. Patterns that need PCRE2, or too many states, are not in it: they may match.
 * Thread safety: a set is constant. */
#ifndef DENDRO_COLLECTOR_URL_SET_H
#define DENDRO_COLLECTOR_URL_SET_H

#include "base/error.h"
#include "collector/url_pattern.h"

enum { URL_SET_PATTERNS_MAX = 64 };

struct url_set;

/* `count` is at most URL_SET_PATTERNS_MAX; a pattern may be NULL, which matches always. The
 * patterns may go afterwards. Errors: NO_MEMORY. */
enum status url_set_new(const struct url_pattern *const *patterns, unsigned count,
                        struct url_set **out, struct error *err) WARN_UNUSED;
void url_set_free(struct url_set *set); /* NULL does nothing */

/* Bit i: patterns[i] matches somewhere in the text, or may do so if not in url_set_exact(). */
uint64_t url_set_match(const struct url_set *set, struct slice text);
/* The same in pieces: begin, walk over one piece after the other, end. What was found so far and
 * where the walk stands say all that matters of the text so far. */
struct url_walk {
    uint32_t row;
    uint64_t found;
};
struct url_walk url_set_begin(const struct url_set *set);
void url_set_walk(const struct url_set *set, struct url_walk *walk, struct slice text);
uint64_t url_set_end(const struct url_set *set, const struct url_walk *walk);

/* Bit i: the answer for patterns[i] is exact. */
uint64_t url_set_exact(const struct url_set *set);

#endif
