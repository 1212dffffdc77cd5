/* store/id_pool.h -- the distinct ids of one kind (UUID, HEX of n bytes) of a segment, in order of
 * first use.
 *
 * Ids are pure entropy, but real traffic repeats each 2 to 5 times: rows keep the number of the
 * id, which grows by one from new id to new id, and so costs nothing where all are new.
 * On disk the first four bytes of all ids stand together ("heads"), so that a look-up compares
 * four bytes per id; the rest follows in pages of ID_PAGE_COUNT ids.
 * Thread safety: one thread at a time. */
#ifndef DENDRO_STORE_ID_POOL_H
#define DENDRO_STORE_ID_POOL_H

#include "store/slot.h"

enum {
    ID_HEAD_SIZE = 4,
    ID_PAGE_COUNT = 4096,
    ID_SLACK = 8, /* may be read behind the last id */
    ID_BATCH_MAX = 512,
};

struct id_pool {
    struct slot_kind kind;
    unsigned size, word_count; /* of an id: bytes, and words that they fill */
    uint8_t *bytes;            /* of all ids, and ID_SLACK more */
    uint32_t *places;          /* by hash: number + 1, above it some bits of the hash; 0: free */
    uint32_t count, capacity, place_count;
};

void id_pool_init(struct id_pool *pool, struct slot_kind kind);
void id_pool_release(struct id_pool *pool);

/* Numbers of `count` ids, up to ID_BATCH_MAX, new ones if needed. Their words are in columns:
 * words[w][i], zeros behind the bytes of the last one. The places of many are looked up at a time, since
 * each waits for memory. False without memory. */
bool id_pool_add(struct id_pool *pool, const uint64_t *const *words, uint32_t count,
                 int64_t *numbers);

#endif
