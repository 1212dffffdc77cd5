/* query/api/pick.h -- some rows of a chunk as a chunk of its own.
 * Thread safety: functions touch only their arguments. */
#ifndef DENDRO_QUERY_API_PICK_H
#define DENDRO_QUERY_API_PICK_H

#include "base/arena.h"
#include "query/result.h"

/* Rows `rows[0..count)` of `chunk`, in that order. Columns that have only nulls there are left out.
 * Arrays are made in `arena`, texts stay borrowed. False: no memory. */
bool result_pick(const struct result_chunk *chunk, const uint32_t *rows, uint32_t count,
                 struct arena *arena, struct result_chunk *out);
/* As result_pick(), but the texts are copied too: the copy may outlive the chunk. */
bool result_pick_copy(const struct result_chunk *chunk, const uint32_t *rows, uint32_t count,
                      struct arena *arena, struct result_chunk *out);

#define RESULT_ALL_ROWS UINT32_MAX
/* Add a column that is `true` (as JSON) in `row`, or in all. False: no memory. */
bool result_add_true(struct result_chunk *chunk, const char *name, uint32_t row,
                     struct arena *arena);

#endif
