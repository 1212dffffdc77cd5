/* query/literal.h -- a value as it stands in a query: number, size, duration or text.
 * Thread safety: pure functions. */
#ifndef DENDRO_QUERY_LITERAL_H
#define DENDRO_QUERY_LITERAL_H

#include "base/slice.h"

#include <stdbool.h>
#include <stddef.h>

enum literal_kind {
    LITERAL_TEXT,     /* nothing below, or quoted */
    LITERAL_NUMBER,   /* 12, -3, 0.5, 1_000_000, inf */
    LITERAL_SIZE,     /* 10KB, 1MiB, 2G: a number with a factor */
    LITERAL_DURATION, /* 5s, 1h30m; `number` is nanoseconds */
};

struct literal {
    enum literal_kind kind;
    bool quoted;
    double number;
    struct slice text; /* as written, quotes decoded */
    size_t at, length; /* place in the query */
};

/* Sort `text` into one of the kinds and read its number. */
void literal_read(struct slice text, struct literal *out);
/* A duration such as 90s, 1h30m, 1.5d, in ns; false if it is none or above 292 years. */
bool literal_duration(struct slice text, int64_t *out_ns);

#endif
