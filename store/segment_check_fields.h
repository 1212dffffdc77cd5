/* store/segment_check_fields.h -- compare the fields of one row with those of its event.
 * Thread safety: one thread at a time per block. */
#ifndef DENDRO_STORE_SEGMENT_CHECK_FIELDS_H
#define DENDRO_STORE_SEGMENT_CHECK_FIELDS_H

#include "store/segment_block.h"

/* Where the family at hand has the fields of its events, in their order: the same for all of its rows.
 * All zero: nothing is known yet. */
struct field_place {
    field_id name;
    bool repeated; /* it has occurred before, and that counts */
    const struct segment_field *found;
};
struct field_order {
    const struct segment_family *family;
    uint32_t count;
    struct field_place places[EVENT_FIELDS_MAX];
};

/* Does `row` of the block, whose `section` is loaded (segment_block_load()), give exactly the fields of
 * the event: names, types, units and texts? `fields` are those of the event, of which `order` remembers
 * what may be so in the next row.
 * Errors: those of reading, and CORRUPT for fields of a damaged form. */
enum status segment_fields_equal(struct segment_block *block, uint32_t section, uint32_t row,
                                 const struct event *event, const struct event_field *fields,
                                 struct field_order *order, bool *equal,
                                 struct error *err) WARN_UNUSED;

#endif
