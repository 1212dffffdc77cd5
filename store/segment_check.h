/* store/segment_check.h -- read a segment that was just written and compare it with its rows.
 * Thread safety: pure functions over their arguments. */
#ifndef DENDRO_STORE_SEGMENT_CHECK_H
#define DENDRO_STORE_SEGMENT_CHECK_H

#include "store/segment_writer.h"

/* The file that `writer` has made, against the content that it was made of: every line, time,
 * position, level and flag is compared; so are the fields of the first row of every template and of
 * a sample of the others. CORRUPT: a difference. */
enum status segment_check(const struct segment_writer *writer, struct error *err) WARN_UNUSED;

#endif
