/* collector/url_pattern.h -- the regular expressions of the derive rules, matched without going
 * back.
 *
 * Rules run on every line, so their cost is the cost of ingest. Those people write for URLs are
 * rows of literals and character classes in which no class can swallow what follows it; such a
 * pattern needs one pass and no machine. Anything richer is compiled by PCRE2 with its JIT instead:
 * the result is the same (fuzz_derive compares them), only slower. Thread safety: a pattern is
 * constant; a scratch serves one thread at a time. */
#ifndef DENDRO_COLLECTOR_URL_PATTERN_H
#define DENDRO_COLLECTOR_URL_PATTERN_H

#include "base/error.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { URL_GROUPS_MAX = 10 }; /* $0 to $9 */

struct url_pattern;
struct url_scratch; /* PCRE2's match data */

struct url_match {
    /* [0]: the whole match. A group that took no part is empty; what is above the highest group of
     * the pattern is not set. */
    struct slice groups[URL_GROUPS_MAX];
};

/* Errors: INVALID (PCRE2's sentence and the byte), NO_MEMORY. */
enum status url_pattern_new(struct slice text, struct url_pattern **out,
                            struct error *err) WARN_UNUSED;
/* As above, always with PCRE2: for comparison. */
enum status url_pattern_new_pcre(struct slice text, struct url_pattern **out,
                                 struct error *err) WARN_UNUSED;
void url_pattern_free(struct url_pattern *pattern); /* NULL does nothing */
/* True if the pattern needs PCRE2. */
bool url_pattern_is_pcre(const struct url_pattern *pattern);
/* True if it is simple, and without alternatives at the top. */
bool url_pattern_is_single(const struct url_pattern *pattern);
/* True if it is single and not anchored at the start, and a slash can only be the first byte of a
 * match. */
bool url_pattern_is_segment(const struct url_pattern *pattern);
/* If the pattern is a class of bytes, that many of them or more in a row; else 0. */
unsigned url_pattern_run_min(const struct url_pattern *pattern);
/* Highest group in the pattern. */
unsigned url_pattern_groups(const struct url_pattern *pattern);

struct url_scratch *url_scratch_new(void); /* NULL: no memory */
void url_scratch_free(struct url_scratch *scratch);

/* The first match that starts at `from` or later. A pattern that runs into the match limit does not
 * match. */
bool url_pattern_find(const struct url_pattern *pattern, struct url_scratch *scratch,
                      struct slice text, size_t from, struct url_match *out);
/* The same for a pattern that is a run. */
bool url_pattern_find_run(const struct url_pattern *pattern, struct slice text, size_t from,
                          struct slice *out);

#endif
