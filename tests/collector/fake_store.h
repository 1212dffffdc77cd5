/* tests/collector/fake_store.h -- the interface of store/store.h over lists in memory, for tests of
 * what stands in front of the store: it shows every append, can refuse it in each allowed way, and
 * can lose what is not committed (a crash).
 * Thread safety: any thread, one lock inside. */
#ifndef DENDRO_TESTS_COLLECTOR_FAKE_STORE_H
#define DENDRO_TESTS_COLLECTOR_FAKE_STORE_H

#include "base/buf.h"
#include "store/store.h"

struct fake_event {
    struct source_id source;
    uint64_t offset;
    uint32_t source_len;
    uint8_t flags;
    uint32_t field_count;
    int64_t time_ns;
    char format[32];
    char *bytes;
    size_t len;
};

struct fake_sample {
    struct source_id source;
    int64_t time_ns;
    double value;
    char metric[64];
    uint32_t label_count;
};

struct fake_loss {
    struct source_id source;
    uint64_t from, to;
    char reason[32];
};

enum { FAKE_SHARDS = 2, FAKE_ITEMS_MAX = 65536 };

/* `automatic`: an append is durable at once, and on_durable() runs inside store_append(). Otherwise
 * it waits for store_step(), which commits one. */
struct store *fake_store_new(bool automatic);
void fake_store_free(struct store *store);
/* Lose appends that are not committed. Their on_durable() is never called. */
void fake_store_crash(struct store *store);
/* The next `count` appends answer `status` (in store_append(), or in on_durable() if `late`). */
void fake_store_refuse(struct store *store, enum status status, uint32_t count, bool late);

/* Committed content, in the order of commits. Borrowed until the next call that changes it. */
uint32_t fake_store_events(struct store *store, const struct fake_event **events);
uint32_t fake_store_samples(struct store *store, const struct fake_sample **samples);
uint32_t fake_store_losses(struct store *store, const struct fake_loss **losses);
uint32_t fake_store_open_events_of(struct store *store, const struct fake_event **events);
uint32_t fake_store_appends(struct store *store); /* commits so far */

/* The bytes of one source as its events, open ones included, give them back: checks that they lie
 * side by side from `start` on, without gap or overlap, and fails the test otherwise. */
void fake_store_text(struct store *store, const struct source_id *id, uint64_t start,
                     struct buf *out);

#endif
