/* store/segment_check.h -- read a segment that was just written and compare it with its rows.
 * Thread safety: pure functions over their arguments. */
#ifndef DENDRO_STORE_SEGMENT_CHECK_H
#define DENDRO_STORE_SEGMENT_CHECK_H

#include "store/segment_format.h"
#include "store/shaped_rows.h"

/* `rows` gives the order of the file: by family, as the writer made it. Every line, time, position,
 * level and flag is compared, and the fields of a sample of the rows. CORRUPT: a difference. */
enum status segment_check(struct io *io, const char *path, const struct segment_content *content,
                         const struct shaped_rows *rows, struct error *err) WARN_UNUSED;

#endif
