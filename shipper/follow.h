/* shipper/follow.h -- which files are read, and from where: discovery, identity, rotation.
 *
 * Looks at directories and files when they are due, decides what each file is, and keeps the
 * table of sources. Reads only what identity needs; the lines are read by tail.h. Makes no
 * connection and sends nothing: questions to the collector, losses and final ranges are noted in
 * the sources and in a list that the shipper drains. So all of it runs on a simulated disk.
 * Thread safety: the loop thread only. */
#ifndef DENDRO_SHIPPER_FOLLOW_H
#define DENDRO_SHIPPER_FOLLOW_H

#include "base/buf.h"
#include "base/error.h"
#include "base/io.h"
#include "base/message.h"
#include "shipper/file_set.h"
#include "shipper/settings.h"
#include "shipper/skip_list.h"
#include "shipper/source.h"

#include <stdbool.h>
#include <stdint.h>

/* Bytes that will never come; becomes a LOSS message. The source counts it as in flight. */
struct follow_loss {
    struct source *source;
    uint64_t from, to;
    uint8_t reason; /* enum loss_reason */
};

struct follow_counters {
    uint64_t resets[RESET_COUNT]; /* identity_reset{reason} */
    uint64_t aliases;             /* files that went on under the id of another */
    uint64_t truncations;         /* copytruncate and the like, all reasons */
    uint64_t unreadable;          /* failed attempts to open or read */
    uint64_t scans;
    uint64_t full;           /* files not followed: the table is full or no memory */
    uint64_t missed;         /* rotated files that had never been seen under their first name */
    uint64_t vacant_dropped; /* empty files not held open any more: there are too many */
};

struct follow {
    struct io *io;
    const struct shipper_settings *settings;
    struct file_set *files;
    struct source_table sources;
    struct skip_list skipped;
    struct follow_counters counters;
    struct follow_loss *losses;
    uint32_t loss_count, loss_capacity;
    uint32_t open_count;     /* descriptors held */
    uint32_t vacant_count;   /* of these: of empty files */
    int64_t now_ns, wall_ns; /* of this step */
    int64_t next_expand_ns, started_ns;
    int64_t known_wall_ns; /* what was there before this moment is known, or not wanted */
    uint64_t alarm_told_s; /* diag_limited() */
    bool identity_news;    /* a generation began or changed its file; the caller clears it */
    bool first_start;      /* there was no checkpoint: see start_at */
    bool wants_snapshot;   /* the checkpoint holds a record that is wrong; the caller clears it */
    bool directories_changed; /* since the caller last cleared it: the watcher must look */
};

enum status follow_new(struct io *io, const struct shipper_settings *settings, struct follow **out,
                       struct error *err) WARN_UNUSED;
void follow_free(struct follow *follow);

/* From the checkpoint, before the first step. */
void follow_restore(struct follow *follow, const struct generation *gen);
/* All records are there: put the generations of each path in order. */
void follow_restored(struct follow *follow);
void follow_forget(struct follow *follow, const uint8_t gen_id[GEN_ID_SIZE], uint32_t trunc_no);

/* Scan and look at everything that is due. Gives the monotonic time of the next due thing. */
int64_t follow_step(struct follow *follow);
/* Something happened in this directory (NULL: anywhere): scan soon. */
void follow_hint(struct follow *follow, const char *directory);

/* The collector's answer to the question about `source` (state ASKING), or its watermark from a
 * NACK: decides where reading goes on. */
void follow_answer(struct follow *follow, struct source *source,
                   const struct source_answer *answer);
/* Where a file goes on that is not what we read from. Whether we read the bytes of [same, from)
 * cannot be told: they become a LOSS. */
struct cut {
    uint64_t same; /* up to here it has the bytes that we read */
    uint64_t from; /* from here it is read */
};
/* The file is not what we read from: `source` becomes an orphan, its file begins anew as the next
 * truncation. Gives the new source or NULL (no memory). */
struct source *follow_truncated(struct follow *follow, struct source *source,
                                enum reset_reason reason, struct cut cut);
/* A new epoch: every source is asked for again. `finished_too`: the collector's store is another
 * one, so what was delivered may be needed again. */
void follow_ask_all(struct follow *follow, bool finished_too);
/* What was acked is not wanted again, whatever the collector says. */
void follow_begin_at_acked(struct follow *follow);
/* `source` goes back to `offset`, because what was read from there on is not going to be sent. */
void follow_go_back(struct follow *follow, struct source *source, uint64_t offset, uint64_t tail);
/* Forget the losses that were not taken; their sources go back to where they begin. */
void follow_drop_losses(struct follow *follow);
/* After an ack or a loss: finish what is done. */
void follow_settle(struct follow *follow, struct source *source);
/* `source` moved on to `offset` by reading, or back by a rewind. */
void source_move(struct source *source, uint64_t offset, uint64_t tail);

/* Open the file of a source if it is closed (to save descriptors); false: not now. */
bool source_reopen(struct follow *follow, struct source *source);
/* Its file cannot be read: count, alarm, try again later. */
void source_trouble(struct follow *follow, struct source *source, int errno_value);

/* Bytes of `source` that will never come: becomes a LOSS; the source counts it as in flight. */
void follow_add_loss(struct follow *follow, struct source *source, uint64_t from, uint64_t to,
                     uint8_t reason);
/* Take the oldest loss; false: none. */
bool follow_take_loss(struct follow *follow, struct follow_loss *out);

/* Remove sources that went long ago; `forgotten` is told of each that has a checkpoint record. */
void follow_expire(struct follow *follow,
                   void (*forgotten)(void *user, const struct generation *gen), void *user);

/* Is `path` read, and if not, which rule says so? Appends sentences. */
void follow_explain(struct follow *follow, const char *path, struct buf *out);

#endif
