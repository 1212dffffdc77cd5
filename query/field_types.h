/* query/field_types.h -- what a query may assume about a field from its name alone, before any
 * row is read: enough to say "a duration needs a unit" and to know levels.
 * Thread safety: pure functions. */
#ifndef DENDRO_QUERY_FIELD_TYPES_H
#define DENDRO_QUERY_FIELD_TYPES_H

#include "base/slice.h"
#include "query/ast.h"
#include "query/problem.h"
#include "query/result.h"
#include "store/event.h"

/* VALUE_TEXT for every name that is not known to be of another type. */
enum value_type field_type_of(struct slice field);
/* A level by its name or a usual other name (warn, err, fatal), any case; LEVEL_COUNT: none. */
enum level level_of_literal(struct slice word);
/* Can `literal` be compared with values of `field`? For texts everything can. */
enum status field_type_check(struct slice field, const struct literal *literal,
                             struct query_problem *problem) WARN_UNUSED;
/* The number that `literal` is for `field`, in base units; false: it can only be a text. Levels
 * give enum level, whose larger values are less severe. */
bool field_type_number(struct slice field, const struct literal *literal, double *out);

#endif
