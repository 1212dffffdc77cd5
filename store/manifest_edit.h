/* store/manifest_edit.h -- what a manifest record says: a run of entries, each one byte of kind and
 * its values. One record is applied as a whole.
 *
 *   kind  entry       values
 *      1  counters    u64 incarnation, next_segment, next_sequence, low_water
 *      2  sealed      u16 shard, u64 record_number: its rows up to there are in segments
 *      3  segment     u64 number, u64 day, then the summary: 10 x u64, 2 x u64 of hash
 *      4  drop        u64 number of a segment
 *      5  source      watermark, u8 whether it counts, u64 order time of its newest sealed row
 *      6  loss        source, then the loss
 *      7  field       text: a name that rows of some segment have
 *      8  rewritten   u64 number of a segment, u64 level, u64 number of the last erasure that was
 *                     applied to it; segments without this entry: 0 and 0
 *      9  erasure     u64 number, requested, finished (0: not yet), time_min, time_max,
 *                     sequence_max, rows, samples, segments; text filter, text by. A later one with
 *                     the same number replaces it
 *     10  erased      u64 number of the erasure, then of the segment, day, number of the segment in
 *                     its place (0: no row stayed), rows, samples, bytes before, bytes after. Behind
 *                     the erasure's own entry; only while it is at work
 *     11  undecided   u64 number of the erasure, texts. Behind the erasure's own entry
 *
 * Kinds 8 and 9 came with version 2 of the manifest, 10 and 11 with version 3.
 *
 * Thread safety: pure functions. */
#ifndef DENDRO_STORE_MANIFEST_EDIT_H
#define DENDRO_STORE_MANIFEST_EDIT_H

#include "base/buf.h"
#include "base/error.h"
#include "store/event.h"
#include "store/segment.h"

struct manifest_counters {
    uint64_t incarnation;
    uint64_t next_segment;  /* number of the next segment */
    uint64_t next_sequence; /* at least one above every sealed sequence */
    uint64_t low_water;     /* WAL files below it are not needed */
};

struct manifest_segment {
    uint64_t number;
    int64_t day; /* since 1970-01-01: the folder it is in */
    struct segment_summary summary;
    uint64_t level;   /* how often its rows were written again by compaction */
    uint64_t erasure; /* the last one that was applied to it; 0: none */
};

enum { MANIFEST_TEXT_SIZE_MAX = 64 << 10 }; /* of a filter */

/* The order to erase rows, and what became of it. */
struct manifest_erasure {
    uint64_t number;
    int64_t requested_ns, finished_ns; /* wall clock; 0: not finished */
    int64_t time_min_ns, time_max_ns;  /* rows with time_min <= _time < time_max */
    uint64_t sequence_max;             /* rows that arrived later are not meant */
    uint64_t rows, samples, segments;  /* erased so far; segments written again or dropped */
    struct slice filter, by;
};

/* A segment that was written again, or dropped, by an erasure. */
struct manifest_erased {
    uint64_t segment;
    int64_t day;
    uint64_t made; /* the segment in its place; 0: no row stayed */
    uint64_t rows, samples, bytes_before, bytes_after;
};

bool manifest_put_counters(struct buf *out, const struct manifest_counters *counters);
bool manifest_put_sealed(struct buf *out, uint16_t shard, uint64_t record_number);
/* With its level and erasure. */
bool manifest_put_segment(struct buf *out, const struct manifest_segment *segment);
bool manifest_put_drop(struct buf *out, uint64_t number);
bool manifest_put_source(struct buf *out, const struct watermark *watermark, bool has_watermark,
                         int64_t order_ns);
bool manifest_put_loss(struct buf *out, const struct event_source *source, const struct loss *loss);

bool manifest_put_field(struct buf *out, struct slice name);
bool manifest_put_erasure(struct buf *out, const struct manifest_erasure *erasure);
bool manifest_put_erased(struct buf *out, uint64_t erasure, const struct manifest_erased *erased);
/* Texts that the filter of the erasure could not decide. */
bool manifest_put_undecided(struct buf *out, uint64_t erasure, uint64_t texts);

/* Everything is borrowed for the call. Who does not want a kind of entry leaves its function NULL
 * (but for damage, which everybody wants). */
struct manifest_visitor {
    void (*counters)(void *user, const struct manifest_counters *counters);
    void (*sealed)(void *user, uint16_t shard, uint64_t record_number);
    void (*segment)(void *user, const struct manifest_segment *segment);
    void (*drop)(void *user, uint64_t number);
    void (*source)(void *user, const struct watermark *watermark, bool has_watermark,
                   int64_t order_ns);
    void (*loss)(void *user, const struct event_source *source, const struct loss *loss);
    void (*field)(void *user, struct slice name);
    void (*rewritten)(void *user, uint64_t number, uint64_t level, uint64_t erasure);
    void (*erasure)(void *user, const struct manifest_erasure *erasure);
    void (*erased)(void *user, uint64_t erasure, const struct manifest_erased *erased);
    void (*undecided)(void *user, uint64_t erasure, uint64_t texts);
    void (*damage)(void *user, const char *line);
    void *user;
};

/* Visit the entries of one record. CORRUPT: an entry is cut, unknown or of an impossible day; those before it were
 * visited. */
enum status manifest_visit(struct slice record, const struct manifest_visitor *visitor,
                           struct error *err) WARN_UNUSED;

#endif
