/* store/segment_list.h -- the segments that a manifest names, while it is read: an entry may be dropped or
 * changed by a later one. Each is found by its number, so that a start reads 20,000 of them in milliseconds.
 * Thread safety: one thread at a time. */
#ifndef DENDRO_STORE_SEGMENT_LIST_H
#define DENDRO_STORE_SEGMENT_LIST_H

#include "store/manifest_edit.h"

struct listed_segment {
    struct manifest_segment entry;
    bool dropped;
};

struct segment_list {
    struct listed_segment *segments; /* in the order they were added in; also those that were dropped */
    uint32_t *places;                /* index in `segments` by hash of the number; UINT32_MAX: none */
    uint32_t count, capacity;        /* twice as many places */
};

/* An empty list is all zeros. A number that is there already gets the new entry. False: no memory. */
bool segment_list_add(struct segment_list *list, const struct manifest_segment *entry);
void segment_list_drop(struct segment_list *list, uint64_t number);
/* NULL: not there, or dropped. Valid until the next add. */
struct manifest_segment *segment_list_find(const struct segment_list *list, uint64_t number);
void segment_list_release(struct segment_list *list);

#endif
