/* store/segment_pattern.h -- the patterns of a segment's templates, made from its directory when
 * somebody asks and kept while the segment is open. Rows kept as text have no template: their
 * pattern is read from the line, row by row.
 * Thread safety: segment_patterns() from any thread; a block as block.h. */
#ifndef DENDRO_STORE_SEGMENT_PATTERN_H
#define DENDRO_STORE_SEGMENT_PATTERN_H

#include "store/pattern.h"
#include "store/segment_block.h"

struct segment_patterns {
    struct arena arena;
    uint32_t count;
    const struct pattern *patterns; /* distinct */
    const uint32_t *of_template;    /* by template; UINT32_MAX: rows kept as text */
};

/* Borrowed: as long as the segment is open. Errors: NO_MEMORY. */
enum status segment_patterns(struct segment *segment, const struct segment_patterns **out,
                             struct error *err) WARN_UNUSED;
void segment_patterns_free(struct segment_patterns *patterns); /* NULL does nothing */

/* block_column() for FIELD_ID_TEMPLATE and FIELD_ID_PATTERN; rows kept as text have a value as far
 * as they are selected. */
enum status segment_pattern_column(struct segment_block *block, field_id field, struct column *out,
                                   struct error *err) WARN_UNUSED;

#endif
