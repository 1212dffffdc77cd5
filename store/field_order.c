/* store/field_order.c -- insertion of keys: formats find their fields nearly in order. */
#include "store/field_order.h"

#include <assert.h>

/* Those at the start (all computed texts are among them) come first in any case and need no search. */
void field_order_find(const struct event_field *fields, uint32_t count, uint8_t *places)
{
    uint64_t keys[FOUND_FIELDS_MAX];
    uint32_t first = 0, sorted;

    assert(count <= FOUND_FIELDS_MAX);
    for (uint32_t i = 0; i < count; i++)
        if (fields[i].start == 0)
            keys[first++] = i;
    sorted = first;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t key = field_order_key(fields, i);
        uint32_t at = sorted;

        if (fields[i].start == 0)
            continue;
        for (; at > first && keys[at - 1] > key; at--)
            keys[at] = keys[at - 1];
        keys[at] = key;
        sorted++;
    }
    for (uint32_t i = 0; i < count; i++)
        places[i] = (uint8_t)keys[i];
}
