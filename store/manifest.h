/* store/manifest.h -- the log of what exists: the one commit point of the store.
 *
 * `CURRENT` names the manifest that counts, in one line with a checksum. A manifest begins with a
 * snapshot and goes on with one record per change, each synced. It is rolled (new file with a new
 * snapshot, then CURRENT by rename) at every start, when it has grown, and after a failed write;
 * the one before is kept.
 *
 * File, integers little-endian:
 *   offset  size  field
 *        0     8  magic       "DNMAN\r\n\0"
 *        8     4  version
 *       12     4  reserved    0
 *       16     8  number      as in the name
 *       24     8  checksum    XXH3-64 of bytes 0..23
 *       32        records, padded with zeros to a multiple of 8:
 *        0     8  length      of the payload (manifest_edit.h)
 *        8     8  number      1, 2, ...
 *       16     8  previous    checksum of the record before it, of the header for the first
 *       24     8  checksum    XXH3-64 of the payload, seeded with XXH3-64(bytes 0..23)
 *
 * Every record is synced before the next one is written, so a valid record behind a bad one is
 * proof of damage; a bad one with nothing behind it is a torn tail and was never acknowledged.
 *
 * Thread safety: one thread at a time. */
#ifndef DENDRO_STORE_MANIFEST_H
#define DENDRO_STORE_MANIFEST_H

#include "store/manifest_edit.h"
#include "store/paths.h"

enum {
    /* Raised also when the WAL changes, so that a program that could not read it refuses the
     * directory instead of setting its files aside: 4 for WAL version 2, 5 for 3. */
    MANIFEST_VERSION = 5,
    MANIFEST_VERSION_OLDEST = 1, /* read, and written again as the newest at the start */
    MANIFEST_HEADER_SIZE = 32,
    MANIFEST_RECORD_HEADER_SIZE = 32,
    MANIFEST_ROLL_SIZE = 4 << 20,  /* a start reads at most this much history */
    MANIFEST_SIZE_MAX = 512 << 20, /* 3 million sources or segments */
};
#define MANIFEST_MAGIC "DNMAN\r\n"

struct manifest {
    struct io *io;
    char dir[DIR_SIZE_MAX];
    uint64_t number;     /* of the current file; 0: none */
    uint32_t version;    /* of the file that was read */
    uint64_t last_tried; /* highest number in use */
    int fd;
    uint64_t offset, next_record, previous;
    uint64_t snapshot_size;
    bool broken; /* a write failed: the next commit must roll */
};

/* Find and read the manifest that counts. NOT_FOUND: the directory has none, it is new.
 * INVALID: of a newer version. Damage goes to the visitor, and the rest is read. */
enum status manifest_read(struct manifest *manifest, struct io *io, const char *dir,
                          const struct manifest_visitor *visitor, struct error *err) WARN_UNUSED;

/* Begin a new file with `snapshot` and make it the current one. */
enum status manifest_roll(struct manifest *manifest, struct slice snapshot,
                          struct error *err) WARN_UNUSED;
/* Must the next change be preceded by a roll? */
bool manifest_wants_roll(const struct manifest *manifest);
/* Append one record and sync. On an error the change may or may not be durable: nothing that it
 * names may be removed until a later roll succeeded. */
enum status manifest_commit(struct manifest *manifest, struct slice record,
                            struct error *err) WARN_UNUSED;
void manifest_release(struct manifest *manifest);

#endif
