/* query/field_set.h -- sets of field numbers, in the order in which they were added.
 * Thread safety: one thread at a time per set. */
#ifndef DENDRO_QUERY_FIELD_SET_H
#define DENDRO_QUERY_FIELD_SET_H

#include "base/arena.h"
#include "query/ast.h"
#include "query/names.h"

/* Names that somebody looks at. */
struct field_set {
    bool all; /* every field; `fields` then holds those that were named as well */
    field_id *fields;
    uint32_t count, capacity;
};

/* False: no memory. Adding FIELD_ID_NONE or a member again does nothing. */
bool field_set_add(struct field_set *set, struct arena *arena, field_id field);
bool field_set_has(const struct field_set *set, field_id field);

/* What the pipe looks at itself, and what it needs for those behind it, who look at `behind`. */
bool pipe_needs(const struct pipe *pipe, struct names *names, struct arena *arena,
                const struct field_set *behind, struct field_set *out);
/* Columns behind the pipe, given those before it. */
bool pipe_gives(const struct pipe *pipe, struct names *names, struct arena *arena,
                const struct field_set *before, struct field_set *out);

#endif
