/* collector/statement_shape.h -- statements that came before, with the values in them left open.
 *
 * A program sends few statements and many values. One that differs from a known one in plain values
 * only, strings without quotes in them and digits, has the same tokens around them and so the same
 * fingerprint: it is compared piece by piece instead of being read as SQL.
 * Thread safety: belongs to one source, used by one thread at a time. */
#ifndef DENDRO_COLLECTOR_STATEMENT_SHAPE_H
#define DENDRO_COLLECTOR_STATEMENT_SHAPE_H

#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    STATEMENT_SHAPE_SETS = 8,    /* by how statements begin, */
    STATEMENT_SHAPE_WAYS = 4,    /* each the last ones that began so */
    STATEMENT_SHAPE_SIZE = 1024, /* of the statement and of its fingerprint; longer ones are not kept */
    STATEMENT_VALUES_MAX = 16,   /* with more values it is a list that hardly comes again */
};

/* Where the plain values of a statement are; count over the maximum: too many. */
struct statement_values {
    unsigned count;
    struct {
        uint16_t start, len;
    } at[STATEMENT_VALUES_MAX];
};

struct statement_shape {
    uint64_t key;     /* of how it begins */
    uint16_t sql_len; /* 0: free */
    uint16_t fingerprint_len, hint_start, hint_len;
    struct statement_values values;
    char sql[STATEMENT_SHAPE_SIZE], fingerprint[STATEMENT_SHAPE_SIZE];
};

/* Of one source. All zero at first. */
struct statement_shapes {
    uint8_t oldest[STATEMENT_SHAPE_SETS];
    struct statement_shape shapes[STATEMENT_SHAPE_SETS][STATEMENT_SHAPE_WAYS];
};

/* Length of the plain value that `rest` begins with; 0: none, or one that takes more than a look. */
size_t statement_value_len(struct slice rest);

/* What is known of a statement like this one: its fingerprint, borrowed until the next learn, and
 * the hint, a part of `sql`. */
bool statement_shapes_find(const struct statement_shapes *shapes, struct slice sql,
                           struct slice *fingerprint, struct slice *hint);
/* `hint` is in front of all values. The fingerprint must be the same whatever these are. */
void statement_shapes_learn(struct statement_shapes *shapes, struct slice sql,
                            const struct statement_values *values, struct slice fingerprint,
                            struct slice hint);

#endif
