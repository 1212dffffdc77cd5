/* store/segment_check_fields.h -- compare the fields of one row with those of its event.
 * Thread safety: one thread at a time per block. */
#ifndef DENDRO_STORE_SEGMENT_CHECK_FIELDS_H
#define DENDRO_STORE_SEGMENT_CHECK_FIELDS_H

#include "base/buf.h"
#include "store/segment_block.h"

/* Does `row` of the block, whose `section` is loaded (segment_block_load()), give exactly the fields of
 * the event: names, types, units and texts? `fields` are those of the event; `scratch` is overwritten.
 * Errors: those of reading, and CORRUPT for fields of a damaged form. */
enum status segment_fields_equal(struct segment_block *block, uint32_t section, uint32_t row,
                                 const struct event *event, const struct event_field *fields,
                                 struct buf *scratch, bool *equal, struct error *err) WARN_UNUSED;

#endif
