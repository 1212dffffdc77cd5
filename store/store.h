/* store/store.h -- the store's facade: append batches, open scans, keep a data directory.
 *
 * Promises: a batch whose on_durable() said OK survives kill -9 and power loss, whole, together
 * with its watermarks; from then on scans see its rows. A directory is owned by one process.
 * Opening always succeeds on our own data, with damage set aside and reported.
 *
 * Thread safety: every function may be called from any thread, except where it says otherwise. */
#ifndef DENDRO_STORE_STORE_H
#define DENDRO_STORE_STORE_H

#include "base/error.h"
#include "base/io.h"
#include "store/event.h"
#include "store/retention.h"
#include "store/store_filter.h"

#include <stdbool.h>
#include <stdint.h>

struct store;

struct store_options {
    const char *dir;           /* created if missing */
    struct io *io;             /* NULL: io_system() */
    uint32_t shard_count;      /* 0: one per processor, at most 16 */
    uint64_t memory_max;       /* bytes, whole process share of the store; 0: 512 MiB */
    uint64_t seal_size;        /* raw bytes of a head that start a seal; 0: 24 MiB */
    int64_t seal_age_ns;       /* age of a head that starts a seal; 0: 120 s */
    int64_t retention_ns;      /* rows older than this go; 0: keep for ever */
    uint64_t retention_bytes;  /* size of all segments; oldest go first; 0: no limit */
    uint64_t free_bytes_min;   /* refuse appends below this free space; 0: 5% or 1 GiB, the less */
    uint64_t wal_file_size;    /* 0: 64 MiB */
    uint64_t scrub_rate;       /* bytes per second that are checked in the background; 0: none */
    uint64_t reserve_size;     /* given up when the disk is full; 0: 256 MiB, at most 1% of it */
    const struct retention_rule *rules; /* before the two above; borrowed until store_close() */
    uint32_t rule_count;
    uint64_t compact_size;     /* raw bytes up to which small segments are joined; 0: never */
    store_filter_make *make_filter; /* NULL: no erasure, no rules of retention */
    void *make_filter_user;
    bool manual;               /* tests: no background threads; see store_step() */
};

/* Errors: BUSY (locked by another process, named), IO, INVALID (not a Dendro directory, or of a
 * newer version). Damage is no error: see store_report(). */
enum status store_open(const struct store_options *options, struct store **out,
                       struct error *err) WARN_UNUSED;
/* Make everything durable, stop the threads, close. Appends still queued are completed; unless manual, heads
 * are sealed, so that the next start has nothing to replay. */
void store_close(struct store *store);

/* Called once per append on the store's committer thread: OK after fdatasync and publication, or
 * the reason why nothing of the batch was kept. Must not block. */
typedef void store_durable(void *user, enum status status, const struct error *err);

/* Put one batch in the queue of `shard`; copies all that it keeps before it returns. All batches of
 * one source must go to the same shard, from one thread at a time.
 * Errors (then on_durable is not called): TOO_LARGE, NO_MEMORY, DISK_FULL, AGAIN (heads wait
 * to be sealed: try again some milliseconds later). */
enum status store_append(struct store *store, uint32_t shard, const struct batch *batch,
                         store_durable *on_durable, void *user, struct error *err) WARN_UNUSED;
/* Shard that a source belongs to; the same until the directory's shard count changes. */
uint32_t store_shard_of(const struct store *store, const struct source_id *id);

/* False, with the reason, while the store refuses appends (disk full, device error). */
bool store_ready(struct store *store, struct error *err);

/* Durable watermark of a source. NOT_FOUND: never seen. */
enum status store_watermark(struct store *store, const struct source_id *id,
                            struct watermark *out) WARN_UNUSED;
/* Highest truncation count known for (shipper, generation), or NOT_FOUND. */
enum status store_watermark_latest(struct store *store, const uint8_t shipper[16],
                                   const uint8_t generation[16],
                                   struct watermark *out) WARN_UNUSED;
/* After open: every event that was open at the last commit, so that assembly can go on.
 * `source` of the event is 0 and points to `from`. Borrowed for the call. */
typedef void store_open_event_visit(void *user, const struct event_source *from,
                                    struct slice format, const struct event *event);
void store_open_events(struct store *store, store_open_event_visit *visit, void *user);

/* The directory it was opened with. */
const char *store_path(const struct store *store);
/* Random at creation of the directory, new after a restore. */
uint64_t store_incarnation(const struct store *store);
/* Highest sequence published so far; for live tail. */
uint64_t store_sequence(const struct store *store);
/* `changed` runs on the committer thread after each publication; NULL removes it. */
void store_on_change(struct store *store, void (*changed)(void *user), void *user);

/* Index of a field name, making one if needed (never fails for well-known names; UINT32_MAX when
 * the limit of 65,536 names is reached). The text of a name lives as long as the store. */
field_id store_field(struct store *store, struct slice name);
/* As above without making one: UINT32_MAX if no row ever had it. */
field_id store_field_find(struct store *store, struct slice name);
struct slice store_field_name(struct store *store, field_id field);
/* Source by the number that blocks give. Borrowed: as long as the store. */
const struct event_source *store_source(struct store *store, uint32_t number);
uint32_t store_source_count(struct store *store);

/* Gaps whose time lies in [from, to): calls visit for each. */
typedef void store_loss_visit(void *user, const struct event_source *source,
                              const struct loss *loss);
void store_losses(struct store *store, int64_t from_ns, int64_t to_ns, store_loss_visit *visit,
                  void *user);

/* Of the check of all segments that runs in the background. */
struct scrub_stats {
    int64_t started_ns, finished_ns; /* wall clock: the pass that runs (0: none), the last one's end */
    uint64_t bytes, pages, damaged, passes; /* since the store was opened */
};

/* Numbers for /metrics and `dendro status`; a snapshot without locks held by the caller. */
struct store_stats {
    uint64_t rows, samples, segments, sources;
    uint64_t segment_bytes, wal_bytes, head_raw_bytes, raw_bytes; /* raw: bytes of all events */
    uint64_t appends, append_errors, commits, commit_ns_total, commit_ns_max;
    uint64_t seals, seal_mismatches, seal_errors;
    uint64_t rows_too_old; /* dropped by retention as soon as they were sealed; with samples */
    uint64_t compactions, compacted_segments;           /* joins, and how many files went into them */
    uint64_t compaction_bytes_in, compaction_bytes_out; /* stored bytes read and written by them */
    uint64_t quarantined; /* files or ranges set aside */
    uint64_t free_bytes, memory_bytes;
    int64_t time_min_ns, time_max_ns; /* of all rows; 0 if none */
    struct scrub_stats scrub;
};
void store_stats(struct store *store, struct store_stats *out);

/* What opening found: one line per damaged or dropped thing, visited in order. */
void store_report(struct store *store, void (*visit)(void *user, const char *line), void *user);

/* Seal all heads now and wait; then run retention once. */
enum status store_seal(struct store *store, struct error *err) WARN_UNUSED;
/* options.manual: do one piece of queued work (commit, seal, retention) on this thread; END when
 * there is none. */
enum status store_step(struct store *store, struct error *err) WARN_UNUSED;

/* Offline check of a whole directory, also of one in use (read-only): every page of every segment,
 * WAL and manifest. `visit` gets each problem; OK also with problems, their count is `problems`. */
enum status store_verify(struct io *io, const char *dir,
                         void (*visit)(void *user, const char *line), void *user,
                         uint64_t *problems, struct error *err) WARN_UNUSED;

#endif
