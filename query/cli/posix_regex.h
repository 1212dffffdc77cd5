/* query/cli/posix_regex.h -- basic and extended regular expressions, as grep reads them, in the
 * syntax of PCRE2. Source: POSIX.1-2017 chapter 9, and the extensions that GNU grep documents
 * (\w \W \s \S \b \B \< \> \` \' and, in basic ones, \+ \? \|).
 * Thread safety: pure functions. */
#ifndef DENDRO_QUERY_CLI_POSIX_REGEX_H
#define DENDRO_QUERY_CLI_POSIX_REGEX_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

struct posix_regex {
    bool extended;       /* ERE, else BRE */
    bool newlines_match; /* [^a] may match a newline: records that end with NUL */
    uint32_t group_base; /* groups of the patterns in front of this one */
};

struct posix_translation {
    struct buf *regex; /* in: to append the pattern to, in the syntax of PCRE2 */
    struct buf *plain; /* in: to append the text to that it stands for */
    bool is_plain;     /* it matches just that text */
    uint32_t group_count;
};

/* Errors: INVALID  the pattern; the sentence is grep's where grep has one
 *         TOO_LARGE, NO_MEMORY */
enum status posix_regex_translate(const struct posix_regex *options, struct slice pattern,
                                  struct posix_translation *out, struct error *err) WARN_UNUSED;

/* Append `text` with everything quoted that PCRE2 would read as syntax. */
void posix_regex_quote(struct buf *out, struct slice text);

#endif
