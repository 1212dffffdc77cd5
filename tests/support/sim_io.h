/* tests/support/sim_io.h -- a simulated file system, clock and random source behind base/io.h.
 *
 * Files are in memory; what survives a crash follows sim_disk.h. One seed decides everything
 * random, so a failing run repeats. A test that enumerates crashes looks like this:
 *
 *     for (uint64_t n = 1; ; n++) {
 *         struct sim_io *sim = sim_io_new(seed);
 *         sim_io_faults(sim)->crash_after = n;
 *         workload(sim_io_table(sim));            // fails with STATUS_IO once the crash is there
 *         bool done = !sim_io_crashed(sim);
 *         sim_io_crash(sim, mode);                // cut the power, start again
 *         check_recovered(sim_io_table(sim));
 *         sim_io_free(sim);
 *         if (done)
 *             break;
 *     }
 *
 * Paths are absolute or relative to the same root; the root exists, everything else is made by
 * make_dir. Links and ".." are not known. Thread safety: any thread, one lock inside. */
#ifndef DENDRO_TESTS_SUPPORT_SIM_IO_H
#define DENDRO_TESTS_SUPPORT_SIM_IO_H

#include "base/io.h"

struct sim_io;

enum { SIM_SECTOR_SIZE = 512, SIM_PAGE_SIZE = 4096 };
#define SIM_WALL_START_NS (1767225600LL * 1000000000LL) /* 2026-01-01T00:00:00Z */

/* Zero means: not. Calls are counted from 1. A crash clears the table, except disk_size. */
struct sim_faults {
    uint64_t crash_after;    /* changing calls; every later call answers -EIO */
    uint64_t sync_fails_at;  /* this sync answers -EIO and loses the data; later ones "succeed" */
    uint64_t write_fails_at; /* this write answers -EIO and writes nothing */
    uint64_t read_fails_at;  /* this read answers -EIO */
    const char *bad_path;    /* reads of this file that cover the byte `bad_offset` answer -EIO; */
    uint64_t bad_offset;
    unsigned bad_reads;      /* so many of them, then no more; 0: all */
    uint64_t read_stale_at;  /* this read silently gives the durable bytes: the write was lost */
    uint64_t read_misplaced_at; /* this read silently gives the bytes one page further on */
    uint64_t disk_size;      /* bytes of all files together: then short writes, then -ENOSPC */
    size_t write_size_max;   /* longer writes are short */
    size_t read_size_max;    /* longer reads are short */
    uint64_t info_size_max;  /* larger files are said to have this size: what a server said before */
    bool remote;             /* the disk is a server's */
    bool no_direct_open, no_direct_write; /* IO_DIRECT answers -EINVAL, as some file systems do */
    int64_t call_ns;         /* every call moves both clocks on by this */
};

struct sim_counts {
    uint64_t changes; /* calls that can change the disk or make it durable: a crash point each */
    uint64_t reads, writes, syncs, opens;
};

enum sim_crash {
    SIM_CRASH_ALL_LOST, /* only what was synced is there */
    SIM_CRASH_ALL_KEPT, /* everything reached the disk in time */
    /* Pending writes survive or not in pieces of 512 B or 4 KiB; a file's new size may survive
     * without its data (zeros); names survive or not one by one. */
    SIM_CRASH_RANDOM,
};

struct sim_io *sim_io_new(uint64_t seed);
void sim_io_free(struct sim_io *sim); /* NULL does nothing */
struct io *sim_io_table(struct sim_io *sim);
struct sim_faults *sim_io_faults(struct sim_io *sim); /* to set; do so while nothing runs */
struct sim_counts sim_io_counts(struct sim_io *sim);
bool sim_io_crashed(struct sim_io *sim);   /* crash_after was reached */
size_t sim_io_open_count(struct sim_io *sim); /* descriptors not closed: to find leaks */

/* Cut the power and boot: descriptors and locks are gone, the monotonic clock starts again. */
void sim_io_crash(struct sim_io *sim, enum sim_crash mode);
/* kill -9: descriptors and locks are gone, every write is still there and still pending. */
void sim_io_kill(struct sim_io *sim);

/* The server forgot all open files: reading and looking at them answers -ESTALE. */
void sim_io_stale(struct sim_io *sim);

/* Both clocks, `ns` >= 0; and the wall clock alone, anywhere. */
void sim_io_advance(struct sim_io *sim, int64_t ns);
void sim_io_set_wall(struct sim_io *sim, int64_t wall_ns);

/* Damage a file at rest, durable and cached: flip the bits of `mask` in one byte; cut it short.
 * False if there is no such file or byte. */
bool sim_io_flip(struct sim_io *sim, const char *path, uint64_t offset, uint8_t mask);
bool sim_io_cut(struct sim_io *sim, const char *path, uint64_t size);

#endif
