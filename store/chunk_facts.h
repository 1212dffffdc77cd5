/* store/chunk_facts.h -- the complete rows of a chunk as facts.
 * Thread safety: pure function. */
#ifndef DENDRO_STORE_CHUNK_FACTS_H
#define DENDRO_STORE_CHUNK_FACTS_H

#include "store/chunk.h"
#include "store/row_facts.h"

/* Of all complete rows to `out`. Source and format are the chunk's own indexes, `place` is where the row's
 * fields begin in the chunk's; the rank is not set. */
void chunk_facts(const struct chunk *chunk, struct row_facts *out);

#endif
