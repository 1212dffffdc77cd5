/* tests/support/segment_names.h -- what a segment asks for names, out of two tables, as the store answers it.
 * Thread safety: one thread. */
#ifndef DENDRO_TESTS_SUPPORT_SEGMENT_NAMES_H
#define DENDRO_TESTS_SUPPORT_SEGMENT_NAMES_H

#include "store/name_table.h"
#include "store/segment.h"
#include "store/source_table.h"

#include <stdlib.h>

struct test_names {
    struct name_table fields;
    struct source_table sources;
    struct segment_names segment; /* points to its struct */
};

static inline field_id test_names_field(void *user, struct slice name)
{
    return name_table_get(&((struct test_names *)user)->fields, name);
}

static inline struct slice test_names_field_name(void *user, field_id field)
{
    return name_table_name(&((struct test_names *)user)->fields, field);
}

static inline uint32_t test_names_source(void *user, const struct event_source *source)
{
    return source_table_get(&((struct test_names *)user)->sources, source);
}

/* With the well-known fields; ends the program without memory. */
static inline void test_names_init(struct test_names *names)
{
    struct error err;

    if (name_table_init(&names->fields, &err) != STATUS_OK ||
        source_table_init(&names->sources, &err) != STATUS_OK)
        abort();
    for (int i = 0; i < FIELD_ID_WELL_KNOWN_COUNT; i++)
        (void)name_table_get(&names->fields, slice_of(well_known_field_names[i]));
    names->segment = (struct segment_names){test_names_field, test_names_field_name,
                                            test_names_source, names};
}

static inline void test_names_release(struct test_names *names)
{
    name_table_release(&names->fields);
    source_table_release(&names->sources);
}

#endif
