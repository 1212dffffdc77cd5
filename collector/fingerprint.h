/* collector/fingerprint.h -- the shape of a statement, without the values in it, to group by.
 *   SELECT * FROM t1 WHERE id IN (1, 2) AND name = 'x';  ->  select * from t1 where id in (?) and
 * name = ? Thread safety: pure functions, but for the arena. */
#ifndef DENDRO_COLLECTOR_FINGERPRINT_H
#define DENDRO_COLLECTOR_FINGERPRINT_H

#include "base/arena.h"
#include "base/slice.h"

struct statement_shapes;

enum { FINGERPRINT_SIZE_MAX = 2048 }; /* bytes of text; a longer one is cut: it still groups */

/* SQL as PostgreSQL reads it. `hint` gets the task that a leading comment
 * names (`task:x`), a part of `sql`, or the empty slice. A statement may be cut anywhere.
 * `shapes` are those of the source, NULL = none, slower; what is given does not depend on them.
 * The empty slice when the arena is full. */
struct slice fingerprint_sql(struct slice sql, struct statement_shapes *shapes, struct arena *arena,
                             struct slice *hint);
/* A JSON query: its keys only. `{"query":{"term":{"domain":"x"}}}` -> `{query:{term:{domain}}}`. */
struct slice fingerprint_json(struct slice json, struct arena *arena);

#endif
