/* query/cli/matcher.h -- does a line match, where, and which line of a buffer is the next one.
 * Thread safety: a matcher may be used by any number of threads at once. */
#ifndef DENDRO_QUERY_CLI_MATCHER_H
#define DENDRO_QUERY_CLI_MATCHER_H

#include "query/cli/grep_pattern.h"
#include "query/regex.h"

struct matcher;

/* `pattern` is borrowed until the end. Errors: INVALID (PCRE2 refuses the pattern), TOO_LARGE,
 * NO_MEMORY. */
enum status matcher_new(const struct grep_pattern *pattern, struct matcher **out,
                        struct error *err) WARN_UNUSED;
void matcher_free(struct matcher *matcher); /* NULL does nothing */

/* The leftmost match at or after `from`; the longest of those (POSIX), but with -P the first one
 * that Perl finds. It may be empty. */
bool matcher_find(const struct matcher *matcher, struct slice line, size_t from,
                  struct regex_span *out);
/* The first line of `text`, whose lines end with `end`, at or after the start of a line `from`,
 * that matches: [*start, *stop) without its end. The last line may lack its end. */
bool matcher_next_line(const struct matcher *matcher, struct slice text, size_t from, char end,
                       size_t *start, size_t *stop);
/* Lines that a regex gave up on: taken as no match. */
uint64_t matcher_over_limit(const struct matcher *matcher);

#endif
