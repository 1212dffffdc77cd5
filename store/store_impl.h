/* store/store_impl.h -- the inside of a store, for its own files only.
 *
 * Threads: any number append and scan; one committer writes the WAL; one worker seals and keeps
 * house (space, retention). With options.manual both work on the thread of store_step().
 *
 * Locks, in the order in which they may be taken:
 *   manifest_lock the manifest, and who seals or drops
 *   commit_lock   the WAL, from taking batches off the queue to their publication
 *   state_lock    shards, heads, states of sources, losses, catalog pointer, flags; held shortly
 *   queue_lock    batches that wait for the committer
 */
#ifndef DENDRO_STORE_STORE_IMPL_H
#define DENDRO_STORE_STORE_IMPL_H

#include "base/time_stamp.h"
#include "store/catalog.h"
#include "store/chunk.h"
#include "store/head.h"
#include "store/manifest.h"
#include "store/scrub.h"
#include "store/seal_pace.h"
#include "store/source_state.h"
#include "store/store.h"
#include "store/upkeep.h"
#include "store/wal.h"

#include <pthread.h>

enum {
    SHARDS_MAX = 16,
    SHARD_HEADS_MAX = 64,       /* more than two only while the WAL is replayed */
    LOSSES_MAX = 65536,         /* the oldest go */
    REPORT_LINES_MAX = 1000,
    GROUP_SIZE_MAX = 16 << 20,  /* bytes that one sync covers: bounds the latency of an ack */
    QUEUE_SIZE_MAX = 64 << 20,  /* received but not yet durable */
    SEAL_RETRY_S = 5,
    SEAL_FAILURES_MAX = 3,      /* of verification: then the head stays in its WAL files */
    SEAL_DAYS_MAX = 32,         /* segments that one head may become */
    TICK_MS = 1000,             /* of the worker: space, ages */
    RETENTION_EVERY_S = 60,
};
#define NS_PER_S 1000000000LL

struct pending {
    struct pending *next;
    struct chunk *chunk;
    store_durable *on_durable;
    void *user;
};

struct shard {
    struct head *heads[SHARD_HEADS_MAX]; /* oldest first; the last takes rows unless `full` */
    uint32_t head_count;
    bool full;            /* the last head takes no more */
    uint64_t queued_size; /* bytes in the queue */
    uint64_t sealed_record;
};

struct kept_loss {
    struct event_source source; /* texts are in `texts` */
    struct loss loss;
    char *texts;
    uint32_t shard;
    uint64_t record_number; /* of the WAL; 0: it came from the manifest */
};

struct registry;

struct store {
    struct store_options options;
    struct io *io;
    char dir[DIR_SIZE_MAX];
    int lock_fd;
    struct name_table fields, formats;
    struct source_table sources;
    struct chunk_tables tables;
    struct segment_names names;
    _Atomic(struct registry *) registry; /* NULL until somebody asks: store_templates.c */

    pthread_mutex_t commit_lock;
    struct wal wal;

    pthread_mutex_t manifest_lock;
    struct manifest manifest;
    uint64_t next_segment;
    uint32_t fields_put; /* names that were put into manifest records */

    pthread_mutex_t state_lock;
    struct shard shards[SHARDS_MAX];
    struct seal_pace pace;
    struct source_states states;
    struct catalog *catalog;
    struct kept_loss *losses; /* grows up to LOSSES_MAX, then a ring */
    uint32_t loss_first, loss_count, loss_capacity;
    uint64_t incarnation, next_sequence, published_sequence;
    uint64_t low_water; /* of the last manifest record: WAL files below it are gone or spare */
    bool read_only, disk_full;
    struct error refusal; /* why, when read_only or disk_full */
    struct store_stats counters; /* those that are counted as they happen */
    void (*changed)(void *user);
    void *changed_user;
    char **report;
    uint32_t report_count;
    bool adopt; /* the manifest was lost: unlisted segments are taken in, not swept */
    bool has_reserve;
    uint64_t reserve_size; /* worker only */

    pthread_mutex_t queue_lock;
    pthread_cond_t queue_filled, work_wanted;
    struct pending *queue_head, *queue_tail;
    uint64_t queue_size;
    bool stopping, threads_run;
    pthread_t committer, worker;
    int64_t retention_at_ns, opened_mono_ns;
    struct upkeep upkeep;
    struct scrub scrub;
};

/* commit.c */
/* Write and publish one group from the queue. END: the queue is empty. */
enum status store_commit_group(struct store *store, struct error *err) WARN_UNUSED;
/* Write the open events that are in WAL files below `low_water` again, to the current file. */
enum status store_carry_open(struct store *store, uint64_t low_water,
                             struct error *err) WARN_UNUSED;
/* Apply what a durable chunk says to states, losses and (`rows`) heads; state lock held.
 * Takes the reference. */
void store_publish(struct store *store, struct chunk *chunk, bool rows);
/* The head of the shard that takes rows, with room for `count` chunks; state lock held. */
enum status store_head_reserve(struct store *store, uint32_t shard, uint32_t count,
                               struct error *err) WARN_UNUSED;
void *store_committer_main(void *user);

/* seal.c */
/* Seal one head that is full or old, or (`all`) any that has rows. END: there is none. */
enum status store_seal_one(struct store *store, bool all, struct error *err) WARN_UNUSED;
/* Append an edit to the manifest, rolling it if it wants that; manifest lock held. */
enum status store_manifest_commit(struct store *store, struct slice edit,
                                  struct error *err) WARN_UNUSED;
enum status store_manifest_roll(struct store *store, struct error *err) WARN_UNUSED;

/* erasure.c */
/* Begin a new WAL file and remove those that hold nothing unsealed, spares too. */
enum status store_scrub_wal(struct store *store, struct error *err) WARN_UNUSED;

/* retention.c */
/* Drop what is too old or too much; mask what is past its rule. */
enum status store_retain(struct store *store, struct error *err) WARN_UNUSED;

/* upkeep.c */
/* Look at the free space. */
void store_check_space(struct store *store);
void *store_worker_main(void *user);

/* recover.c */
/* The names from number `first` on; manifest lock held. */
bool store_put_fields(struct store *store, uint32_t first, struct buf *out);
/* The store's counters, with the low water mark of the WAL that they are committed with; state lock
 * held. False: no memory, as all that put. */
bool store_put_counters(const struct store *store, uint64_t low_water, struct buf *out);
/* All that a new manifest begins with; manifest and state lock held. */
bool store_put_snapshot(struct store *store, struct buf *out);
enum status store_recover(struct store *store, struct error *err) WARN_UNUSED;

/* store.c */
/* Keep a sentence for store_report(), and print it. */
void store_note(struct store *store, const char *line);
/* `record_number` 0: from the manifest, `shard` does not matter. State lock held. */
void store_keep_loss(struct store *store, const struct event_source *source,
                     const struct loss *loss, uint32_t shard, uint64_t record_number);

#endif
