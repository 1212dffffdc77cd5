/* store/segment_check.h -- read a segment that was just written and compare it with its rows.
 * Thread safety: pure functions over their arguments. */
#ifndef DENDRO_STORE_SEGMENT_CHECK_H
#define DENDRO_STORE_SEGMENT_CHECK_H

#include "store/segment.h"

/* `sorted` are the rows of the content in the order of the file. CORRUPT: a difference. */
enum status segment_check(struct io *io, const char *path, const struct segment_content *content,
                          const struct segment_row *const *sorted,
                          const struct hash128 *footer_hash, struct error *err) WARN_UNUSED;

#endif
