/* store/head.h -- the newest rows of one shard: the chunks of its batches, as they are in the WAL.
 *
 * A head grows only by head_add() until it is sealed; its chunks never change. Whoever lists them
 * holds the store's state lock, and then keeps them by a reference to the head.
 *
 * Thread safety: head_add() under the state lock; the rest after a reference was taken there. */
#ifndef DENDRO_STORE_HEAD_H
#define DENDRO_STORE_HEAD_H

#include "store/chunk.h"

struct head {
    atomic_uint refs;
    struct chunk **chunks;
    uint32_t count, capacity;
    uint32_t shard;
    uint64_t raw_size, memory_size; /* bytes of events; all bytes */
    uint64_t row_count, sample_count;
    uint64_t first_wal_file;  /* oldest file that holds one of its chunks */
    uint64_t last_record;     /* newest WAL record in it */
    int64_t born_ns;          /* monotonic time of the first chunk */
    unsigned failures;        /* of attempts to seal it */
    int64_t retry_ns;         /* monotonic time before which it is not tried again */
};

/* Memory of a head of `seal_size` bytes of lines: fields take 9 to 26 bytes more per 100 of lines.
 * One that takes more, of very short lines, is sealed earlier. */
static inline uint64_t head_memory_full(uint64_t seal_size)
{
    return seal_size / 4 * 5;
}

enum status head_new(uint32_t shard, struct head **out, struct error *err) WARN_UNUSED;
struct head *head_ref(struct head *head);
void head_unref(struct head *head); /* NULL does nothing */

/* Make room for `count` more chunks, so that head_add() cannot fail. */
enum status head_reserve(struct head *head, uint32_t count, struct error *err) WARN_UNUSED;
/* Takes the reference to the chunk. */
void head_add(struct head *head, struct chunk *chunk, int64_t now_ns);

#endif
