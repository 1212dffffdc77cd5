/* collector/inputs/shipper_table.h -- shippers that were seen since start: for status, and to know
 * on a reconnect what is durable in the same epoch.
 * Thread safety: the loop thread only. */
#ifndef DENDRO_COLLECTOR_INPUTS_SHIPPER_TABLE_H
#define DENDRO_COLLECTOR_INPUTS_SHIPPER_TABLE_H

#include "base/map.h"
#include "base/message.h"
#include "collector/limits.h"

#include <stdbool.h>
#include <stdint.h>

struct native_conn;

enum { BUILD_SIZE_MAX = 64 };

struct shipper {
    uint8_t id[WIRE_ID_SIZE], boot[WIRE_ID_SIZE];
    char host[NAME_SIZE_MAX + 1], build[BUILD_SIZE_MAX + 1];
    uint64_t epoch;
    uint64_t durable_seq[LANE_COUNT]; /* in that epoch */
    uint64_t backlog_size;            /* as of HELLO */
    struct native_conn *conn;         /* open connection, or NULL */
    int64_t seen_ns;                  /* wall clock of the last frame */
    uint64_t frames, received_bytes, connects;
};

struct shipper_table {
    struct map by_id;
    struct shipper **shippers;
    uint32_t count, capacity;
};

struct shipper_table shipper_table_empty(void);
void shipper_table_release(struct shipper_table *table);
/* The entry of `id`, made if needed. When the table is full, the one that was away longest makes
 * room. NULL: no memory, or all are connected. */
struct shipper *shipper_table_get(struct shipper_table *table, const uint8_t id[WIRE_ID_SIZE]);

#endif
