/* store/text_stamp.h -- what a page of texts says about itself in 40 bytes: which bytes occur, and how long
 * the runs of word bytes are.
 *
 *   0   32  a bit per byte value that occurs
 *   32   8  a bit per length of a run of word bytes (predicate.h); the last: that long or longer.
 *           Not in segments before version 5
 *
 * Texts that are nearly all distinct hold every hex digit, so bytes alone let each id pass. But an id like
 * 1c85beba-84e8-6ac1-1e40-f859c79f3d9a has runs of 8, 4 and 12, and names that end in 32 digits have none.
 * Thread safety: pure functions. */
#ifndef DENDRO_STORE_TEXT_STAMP_H
#define DENDRO_STORE_TEXT_STAMP_H

#include "store/needle.h"

enum { TEXT_STAMP_BYTES_SIZE = 32, TEXT_STAMP_SIZE = 40, TEXT_STAMP_RUN_MAX = 63 };

/* The stamp of `count` texts. */
void text_stamp_make(const struct slice *texts, uint32_t count, uint8_t out[TEXT_STAMP_SIZE]);
/* False: no text passes the term, which has a text. `stamp` is of either size. */
bool text_stamp_may_hold(struct slice stamp, const struct needle *needle,
                         const struct needle_term *term);

#endif
