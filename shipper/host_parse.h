/* shipper/host_parse.h -- small steps through the text files of /proc.
 * Thread safety: pure functions. */
#ifndef DENDRO_SHIPPER_HOST_PARSE_H
#define DENDRO_SHIPPER_HOST_PARSE_H

#include "base/slice.h"

#include <stdbool.h>

enum { HOST_WORDS_MAX = 24 };

/* Eat one line (without its newline); false at the end. */
static inline bool host_line(struct slice *rest, struct slice *line)
{
    if (slice_cut(rest, '\n', line))
        return true;
    *line = *rest;
    *rest = slice_from(*rest, rest->len);
    return line->len > 0;
}

/* Eat blanks and one word; false if there is none. */
static inline bool host_word(struct slice *rest, struct slice *word)
{
    size_t len = 0;

    while (rest->len > 0 && (rest->data[0] == ' ' || rest->data[0] == '\t'))
        *rest = slice_from(*rest, 1);
    while (len < rest->len && rest->data[len] != ' ' && rest->data[len] != '\t')
        len++;
    *word = slice_first(*rest, len);
    *rest = slice_from(*rest, len);
    return len > 0;
}

static inline size_t host_words(struct slice line, struct slice words[HOST_WORDS_MAX])
{
    size_t count = 0;

    while (count < HOST_WORDS_MAX && host_word(&line, &words[count]))
        count++;
    return count;
}

/* A decimal number; false for anything else. */
static inline bool host_number(struct slice word, double *out)
{
    return slice_to_double(word, out);
}

#endif
