/* store/field_order.h -- the order in which fields are stored: by where their spans start.
 * Thread safety: pure functions. */
#ifndef DENDRO_STORE_FIELD_ORDER_H
#define DENDRO_STORE_FIELD_ORDER_H

#include "store/event.h"

enum { FOUND_FIELDS_MAX = 256 }; /* of an event whose fields are put in order: a place is a byte */

/* What fields are sorted by: the order of equal starts stays. */
static inline uint64_t field_order_key(const struct event_field *fields, uint32_t place)
{
    return (uint64_t)fields[place].start << 32 | place;
}

/* Which of the `count` fields, FOUND_FIELDS_MAX at most, comes first, second and so on. */
void field_order_find(const struct event_field *fields, uint32_t count, uint8_t *places);

#endif
