/* collector/limits.h -- every limit of the ingest side, with its reason.
 * Memory: INGEST_BUDGET_SIZE bounds frames as received, INFLATED_SIZE_MAX their bodies after
 * decompression; both are charged before the memory is taken. */
#ifndef DENDRO_COLLECTOR_LIMITS_H
#define DENDRO_COLLECTOR_LIMITS_H

#include <stdint.h>

enum {
    INGEST_BUDGET_SIZE = 64 << 20,    /* an eighth of the default 512 MiB of the process */
    INFLATED_SIZE_MAX = 64 << 20,     /* four frames of the hard cap, or 1,000 usual ones */

    /* One append to the store: enough to make group commit pay, small enough that two per worker
     * (one filling, one in flight) stay below 100 MiB together with their fields. */
    BATCH_FILL_SIZE = 4 << 20,
    BATCH_FILL_EVENTS = 16384,
    BATCH_ARENA_SOFT = 96 << 20,      /* above: lines go to raw, which costs no fields */
    BATCH_FIELDS_SOFT = 16 << 20,     /* encoded; above the same: a quarter of what a chunk may hold */
    BATCH_ARENA_KEPT = 6 << 20,       /* from batch to batch: a usual one under load */
    BATCH_ARENA_MAX = 160 << 20,      /* soft limit, one event's texts, 65,536 raw events */

    RESTORE_SIZE_MAX = 256 << 20,     /* open events of all sources, once at start */

    WORKERS_MAX = 16,
    WORKER_SOURCES_MAX = 16384,       /* with their parsers in memory; idle ones make room */
    SOURCE_IDLE_S = 600,              /* then a source without open event is forgotten */
    SOURCE_SWEEP_S = 60,
    NAME_SIZE_MAX = 255,              /* host and role */
    AHEAD_WATERMARKS_MAX = 16,        /* told in one ACK */

    IDLE_CHECK_MS = 250,              /* of the 2 s after which an open event ends */
    COMMIT_RETRY_MS = 250,            /* after the store refused a batch */
    COMMIT_AGAIN_MS = 4,              /* after it asked to wait for a seal */

    QUERIES_MAX = 1024,               /* threads of them, and calls that wait */
    CONNECTIONS_MAX = 8192,
    SHIPPERS_MAX = 16384,             /* remembered for status and durable_seq */
    LANE_FRAMES_MAX = 64,             /* window of a lane: 4 MiB of the smallest frames */
    LANE_WINDOW_MAX = 8 << 20,        /* 250 ms at 250 Mbit/s */
    LANE_WINDOW_MIN = 64 << 10,       /* one batch of a slow link */
    OUTPUT_SIZE_MAX = 1 << 20,        /* acks that a shipper does not read: it is cut off */

    HELLO_TIMEOUT_MS = 5000,
    PING_INTERVAL_MS = 10000,
    DEAD_AFTER_MS = 30000,
    FENCE_WAIT_MS = 3000,             /* for a sign of life of the other holder of a shipper id */
    CLOCK_TICK_MS = 500,              /* one timer looks after all connections */
};

#endif
