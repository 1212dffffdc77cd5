/* store/field_lists.h -- the lists of fields that rows have, numbered.
 *
 * A list is the format of a row and, field by field, its name, type and unit and whether it is computed.
 * Rows have few of them; two rows with the same number differ only in where their fields are.
 * Thread safety: one thread at a time. */
#ifndef DENDRO_STORE_FIELD_LISTS_H
#define DENDRO_STORE_FIELD_LISTS_H

#include "base/arena.h"
#include "base/map.h"
#include "store/event.h"

enum {
    FIELD_LISTS_MAX = 65536,     /* as many as templates: each template has one list */
    FIELD_LIST_LENGTH_MAX = 256, /* SHAPE_FIELDS_MAX */
};
#define FIELD_LIST_NONE MAP_NONE

struct field_lists {
    struct arena arena;
    struct map numbers; /* by the list, as words in the arena */
};

void field_lists_init(struct field_lists *lists);
void field_lists_release(struct field_lists *lists);

/* The number of the list, made if it is new. FIELD_LIST_NONE: too long, too many, or no memory. */
uint32_t field_lists_get(struct field_lists *lists, uint16_t format,
                         const struct event_field *fields, uint32_t count);

#endif
