/* store/name_table.h -- names <-> small dense numbers, for field names and formats.
 * Names are never removed and their text stays in place until the release.
 * Thread safety: any thread, any time. */
#ifndef DENDRO_STORE_NAME_TABLE_H
#define DENDRO_STORE_NAME_TABLE_H

#include "base/arena.h"
#include "base/error.h"
#include "base/map.h"

#include <pthread.h>
#include <stdint.h>

enum {
    NAME_COUNT_MAX = 65536, /* field names of a store: JSON keys are hostile input */
    NAME_SIZE_MAX = 1024,
};
#define NAME_TABLE_NONE UINT32_MAX

struct name_table {
    pthread_rwlock_t lock;
    struct arena texts;
    struct slice *names; /* NAME_COUNT_MAX of them: readers need a place that never moves */
    struct map numbers;
    uint32_t count;
};

enum status name_table_init(struct name_table *table, struct error *err) WARN_UNUSED;
void name_table_release(struct name_table *table);

/* Number of `name`, making one if needed; NAME_TABLE_NONE at a limit or without memory. */
uint32_t name_table_get(struct name_table *table, struct slice name);
/* NAME_TABLE_NONE if nobody made it. */
uint32_t name_table_find(struct name_table *table, struct slice name);
/* Empty for a number that is not in use. */
struct slice name_table_name(struct name_table *table, uint32_t number);
uint32_t name_table_count(struct name_table *table);

#endif
