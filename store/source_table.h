/* store/source_table.h -- sources <-> small dense numbers of this process.
 *
 * Two rows have the same source number iff identity, geo, host, role and path are all equal: a host
 * that is moved to another geo gives a new number, its old rows keep the old one.
 * Thread safety: any thread, any time. */
#ifndef DENDRO_STORE_SOURCE_TABLE_H
#define DENDRO_STORE_SOURCE_TABLE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/byteorder.h"
#include "base/error.h"
#include "base/map.h"
#include "store/event.h"

#include <pthread.h>

enum {
    SOURCE_PAGE_COUNT = 1024,
    SOURCE_PAGES_MAX = 1024,
    SOURCE_COUNT_MAX = SOURCE_PAGE_COUNT * SOURCE_PAGES_MAX, /* generations a process may meet */
    SOURCE_TEXT_SIZE_MAX = 4096, /* PATH_MAX; of geo, host, role and path each */
};
#define SOURCE_NONE UINT32_MAX

struct source_table {
    pthread_rwlock_t lock;
    struct arena texts;
    struct event_source *pages[SOURCE_PAGES_MAX]; /* in `texts`; sources never move */
    struct map numbers;                           /* by the encoded source */
    uint32_t count;
};

enum status source_table_init(struct source_table *table, struct error *err) WARN_UNUSED;
void source_table_release(struct source_table *table);

/* Number of the source, making one if needed; SOURCE_NONE at a limit or without memory. */
uint32_t source_table_get(struct source_table *table, const struct event_source *source);
/* Borrowed until the release; NULL for a number that is not in use. */
const struct event_source *source_table_source(struct source_table *table, uint32_t number);
uint32_t source_table_count(struct source_table *table);

/* A source as bytes, as the WAL, the manifest and segments keep it. source_take() eats it from the
 * front of `rest`, with texts borrowed from there; false if it is cut or over a limit. */
bool source_append(struct buf *out, const struct event_source *source);
bool source_take(struct slice *rest, struct event_source *out);

bool source_id_append(struct buf *out, const struct source_id *id);
bool source_id_take(struct slice *rest, struct source_id *out);
static inline bool source_id_equal(const struct source_id *a, const struct source_id *b)
{
    return memcmp(a->shipper, b->shipper, sizeof(a->shipper)) == 0 &&
           memcmp(a->generation, b->generation, sizeof(a->generation)) == 0 &&
           a->truncations == b->truncations;
}

#endif
