/* shipper/checkpoint.h -- the positions of all sources, kept over restarts and power cuts.
 *
 * A file is a snapshot followed by changes, each a record under its own checksum. When the changes
 * outgrow the snapshot a new file takes over; the one before it is kept. Losing a file, or any
 * record of one, is harmless for delivery: the collector's watermarks trim what is sent twice.
 *
 * Layout of DIRECTORY/positions.NUMBER (10 digits), version 1; integers are little-endian:
 *   offset  size  field      notes
 *        0     8  magic      "DNPOS\r\n\0"
 *        8     4  version
 *       12     4  reserved   0
 *       16     8  number     of this file, so that a copy under another name is seen
 *       24     8  checksum   XXH3 of bytes 0..23
 *       32        records, each:
 *        0     4  magic      'DNPR'
 *        4     4  type       enum checkpoint_record
 *        8     4  body_size  at most CHECKPOINT_RECORD_SIZE_MAX
 *       12     4  reserved   0
 *       16     8  seq        1, 2, 3, ...
 *       24     8  checksum   XXH3 of bytes 0..23 and the body, seeded with `number`
 *       32        body
 * Thread safety: one thread at a time per checkpoint. */
#ifndef DENDRO_SHIPPER_CHECKPOINT_H
#define DENDRO_SHIPPER_CHECKPOINT_H

#include "base/error.h"
#include "base/io.h"
#include "shipper/identity.h"

#include <stdbool.h>
#include <stdint.h>

/* What is not about one source. */
struct checkpoint_meta {
    uint8_t shipper_id[16];
    uint64_t epoch_count;       /* one more at every start */
    uint64_t store_incarnation; /* of the collector's store, as last seen; 0 never */
};

/* Receives what was stored, in the order in which it was written: a later record of the same
 * (gen_id, trunc_no) replaces an earlier one. `generation->path` is borrowed for the call. */
struct checkpoint_reader {
    void (*meta)(void *user, const struct checkpoint_meta *meta);
    void (*generation)(void *user, const struct generation *generation);
    void (*forget)(void *user, const uint8_t gen_id[GEN_ID_SIZE], uint32_t trunc_no);
    void *user;
};

struct checkpoint_report {
    uint64_t newest;        /* number of the newest file, 0 if there is none */
    uint64_t records;       /* read and fine */
    uint64_t bytes_damaged; /* skipped; a torn end after a crash is normal */
    bool used_older;        /* the newest file's snapshot was not whole */
};

/* Read what is stored in `directory`; damage is skipped and reported, never an error.
 * Errors: IO (the directory or a file cannot be read), NO_MEMORY. */
enum status checkpoint_read(struct io *io, const char *directory,
                            const struct checkpoint_reader *reader,
                            struct checkpoint_report *report, struct error *err) WARN_UNUSED;

/* Read the records of one file's content (for tests and fuzzing). True if its snapshot is whole. */
bool checkpoint_parse(struct slice content, uint64_t number, const struct checkpoint_reader *reader,
                      struct checkpoint_report *report);

struct checkpoint;

/* Nothing is written before the first commit. `newest`: of the report. */
enum status checkpoint_new(struct io *io, const char *directory, uint64_t newest,
                           struct checkpoint **out, struct error *err) WARN_UNUSED;
void checkpoint_free(struct checkpoint *checkpoint); /* NULL does nothing; commits nothing */

/* Start the snapshot of a new file: put the meta record and every generation, then commit. */
enum status checkpoint_snapshot(struct checkpoint *checkpoint, const struct checkpoint_meta *meta,
                                struct error *err) WARN_UNUSED;
/* Add a record; it becomes durable with the next commit. */
enum status checkpoint_put(struct checkpoint *checkpoint, const struct generation *generation,
                           struct error *err) WARN_UNUSED;
enum status checkpoint_forget(struct checkpoint *checkpoint, const uint8_t gen_id[GEN_ID_SIZE],
                              uint32_t trunc_no, struct error *err) WARN_UNUSED;
/* Write and sync what was put. After a failure the file is given up for good (a second fsync would
 * lie) and the next commit must follow a new snapshot: checkpoint_wants_snapshot() is then true. */
enum status checkpoint_commit(struct checkpoint *checkpoint, struct error *err) WARN_UNUSED;
bool checkpoint_wants_snapshot(const struct checkpoint *checkpoint);

#endif
