/* store/wal.h -- the write-ahead log: what is acknowledged is in here until a segment has it.
 *
 * One stream per store, cut into files `<number in 16 hex digits>.wal` of fixed, preallocated size.
 * File, integers little-endian:
 *   offset  size  field
 *        0     8  magic         "DNWAL\r\n\0"
 *        8     4  version       3; 2 has no gaps, 1 batches of chunk version 1 (chunk.h): both are read
 *       12     4  reserved      0
 *       16     8  file_number   as in the name; a recycled file that was not begun yet differs
 *       24     8  incarnation   of the store
 *       32     8  salt          random per use of the file: seeds every checksum below
 *       40     8  acked         number of the last record that was acknowledged before this file
 *       48     8  checksum      XXH3-64 of bytes 0..47
 *       56        records; a next one begins at the next multiple of 8, or at the next multiple of
 *                 4096: `previous` tells. Nothing is said of the bytes between.
 * Record:
 *        0     4  length        of the payload
 *        4     2  type          WAL_BATCH
 *        6     2  shard
 *        8     8  file_number
 *       16     8  record_number grows by 1; at the start of a file it may jump, see `acked`
 *       24     8  group         number of the first record that was synced together with this one
 *       32     8  previous      checksum of the record before it in the file (header's for the first)
 *       40     8  checksum      XXH3-64 of the payload, seeded with XXH3-64(bytes 0..39, seed salt)
 *       48        payload
 *
 * Why a group number: of a group that was never synced any part may survive a power cut. A valid
 * record behind a bad one is therefore only then proof of damage when its group began later;
 * otherwise the bad record and all behind it were never acknowledged, and are cut.
 *
 * Large records are written from where they are in memory, past the page cache, which would cost a
 * copy of each byte and the upkeep of a page for each 4096: such a record is *framed*, and
 * shares no page of the file with another. Small ones go through the page cache as they come, and so do
 * all where the file system cannot write directly.
 *
 * A failed sync is final for its file: wal_fence() leaves it, and the group is written again, with
 * the same record numbers, to a new file. Replay skips numbers that it has seen. When a group is
 * given up, its numbers are too: what of it reached the disk must not stand for a later record.
 *
 * Thread safety: one thread at a time (the committer). */
#ifndef DENDRO_STORE_WAL_H
#define DENDRO_STORE_WAL_H

#include "base/buf.h"
#include "base/error.h"
#include "base/io.h"

#include <stdint.h>

enum {
    WAL_VERSION = 3,
    WAL_VERSION_OLDEST = 1,
    WAL_FILE_HEADER_SIZE = 56,
    WAL_RECORD_HEADER_SIZE = 48,
    WAL_PAGE_SIZE = IO_DIRECT_ALIGN,
    WAL_GROUP_RECORDS_MAX = 256, /* three parts each: under IOV_MAX, 1024 */
    WAL_FILES_MAX = 4096,
    WAL_SPARES_MAX = 2,
};
#define WAL_FILE_SIZE_DEFAULT ((uint64_t)64 << 20)
/* The first file of a run is this large; each that fills up is followed by one of twice its size, up
 * to file_size. So a quiet store does not hold 64 MiB for the few lines it gets. */
#define WAL_FILE_SIZE_FIRST ((uint64_t)4 << 20)
#define WAL_MAGIC "DNWAL\r\n"

enum wal_record_type { WAL_BATCH = 1 };

struct wal_record {
    uint16_t type, shard;
    uint64_t record_number; /* set by wal_write_group() */
    uint64_t file_number;   /* as above */
    struct slice payload;
    /* The WAL_RECORD_HEADER_SIZE bytes before the payload are the WAL's to write, they begin a page
     * of memory, and zeros stand behind the payload up to the end of its last page. */
    bool framed;
};

struct wal {
    struct io *io;
    char dir[512];
    uint64_t incarnation, file_size;
    int fd; /* -1: the next group opens a file */
    int direct_fd; /* the same file for framed records; -1: they go the way of all others */
    bool direct_refused; /* by the file system */
    uint64_t file_number, offset, salt, previous;
    uint64_t next_record, next_file, acked;
    bool written; /* bytes of a group may be on the disk that was not acknowledged */
    uint64_t size_now; /* allocated for the current file */
    uint64_t size_next; /* of the next one */
    uint64_t live[WAL_FILES_MAX]; /* numbers of the files in use, ascending; the last is current */
    uint64_t live_sizes[WAL_FILES_MAX];
    uint32_t live_count;
    uint64_t spares[WAL_SPARES_MAX], spare_sizes[WAL_SPARES_MAX];
    uint32_t spare_count;
};

/* What replay finds. `payload` is the visitor's (it may take the memory). */
struct wal_replay_visitor {
    void (*record)(void *user, const struct wal_record *record, struct buf *payload);
    /* One sentence per damaged place; `from`..`to` are bytes of the file. */
    void (*damage)(void *user, const char *path, uint64_t from, uint64_t to, const char *what);
    void *user;
};

/* `dir` must exist. `file_size` 0: the default. No file is touched yet. */
enum status wal_init(struct wal *wal, struct io *io, const char *dir, uint64_t incarnation,
                     uint64_t file_size, struct error *err) WARN_UNUSED;
void wal_release(struct wal *wal);

/* Read all files from number `low_water` on, in order; files below it are removed. With `repair`
 * torn tails are cut, so that what follows is unambiguous; without it nothing is changed.
 * Afterwards the next group goes to a new file. Errors: IO (the directory cannot be listed),
 * NO_MEMORY; damage goes to the visitor. */
enum status wal_replay(struct wal *wal, uint64_t low_water, bool repair,
                       const struct wal_replay_visitor *visitor, struct error *err) WARN_UNUSED;

/* Write the records and sync. After an error: wal_fence() and the same group again, or
 * wal_give_up(). */
enum status wal_write_group(struct wal *wal, struct wal_record *records, uint32_t count,
                            struct error *err) WARN_UNUSED;
void wal_fence(struct wal *wal);
/* The group of `count` records that failed is not tried again. */
void wal_give_up(struct wal *wal, uint32_t count);

/* Remove or keep for reuse all files with numbers below `low_water`, once that is durable. */
void wal_recycle(struct wal *wal, uint64_t low_water);
/* The next group begins a new, small file: after a burst, or to leave old bytes behind. */
void wal_end_file(struct wal *wal);
/* Does it hold more space than a quiet store needs? */
bool wal_is_large(const struct wal *wal);
/* Remove the files that are kept for reuse: their bytes must not stay on the disk. */
void wal_drop_spares(struct wal *wal);
/* Number that the next file will have at the earliest or the current file has. */
uint64_t wal_current_file(const struct wal *wal);
/* Bytes of the files in use and of those kept for reuse. */
uint64_t wal_bytes(const struct wal *wal);

#endif
