/* store/label_names.h -- names of labels become names of fields, so that queries find them. Series after
 * series has the same labels: only names that the one before did not have at that place are looked up.
 * Thread safety: one thread at a time. */
#ifndef DENDRO_STORE_LABEL_NAMES_H
#define DENDRO_STORE_LABEL_NAMES_H

#include "store/chunk.h"

struct label_names {
    struct name_table *fields;
    uint32_t count;
    struct slice items[SAMPLE_LABELS_MAX]; /* those met last, by their places */
};

static inline void label_names_init(struct label_names *names, struct name_table *fields)
{
    names->fields = fields;
    names->count = 0;
}

/* `name` must stay. At the limit of names a label only cannot be asked for. */
static inline void label_names_add(struct label_names *names, uint32_t place, struct slice name)
{
    if (place < names->count && slice_equal(names->items[place], name))
        return;
    (void)name_table_get(names->fields, name);
    names->items[place] = name;
    if (place == names->count)
        names->count++;
}

#endif
