/* tests/shipper/fake_collector.h -- a collector in the test's own process, with an oracle.
 *
 * It is a transport: what the shipper sends is decoded at once, checked (sequence, continuity of
 * positions and tail hashes, as docs/wire.md asks of a collector) and kept line by line. Answers
 * wait until fake_collector_run(). Faults are fields to set. */
#ifndef DENDRO_TESTS_SHIPPER_FAKE_COLLECTOR_H
#define DENDRO_TESTS_SHIPPER_FAKE_COLLECTOR_H

#include "base/batch_message.h"
#include "base/compress.h"
#include "shipper/transport.h"

#include <stdbool.h>
#include <stdint.h>

struct stored_line {
    struct wire_source source;
    uint64_t offset;
    uint32_t source_len;
    uint8_t flags;
    char *path;  /* owned */
    char *bytes; /* owned, NUL-terminated */
    size_t len;
};

struct stored_source {
    struct wire_source source;
    uint64_t offset, tail_hash;
    bool final;
    uint8_t first_flags; /* of its first range */
    char *path;
};

struct stored_loss {
    struct wire_source source;
    uint64_t from, to;
    uint8_t reason;
};

struct fake_lane {
    uint64_t epoch, next_seq, durable_seq;
    bool gap;
};

struct fake_collector {
    struct transport base; /* first */
    bool connecting, connected;
    struct buf input, output; /* from and to the shipper */
    struct compressor *compressor;
    struct buf scratch;

    /* What is stored. */
    struct stored_line *lines;
    size_t line_count, line_capacity;
    struct stored_source sources[4096];
    size_t source_count;
    struct stored_loss losses[4096];
    size_t loss_count;
    struct fake_lane lanes[LANE_COUNT];
    uint64_t store_incarnation;
    uint64_t sample_count, series_count;
    uint64_t bytes_received, frames_received, hellos;
    uint64_t batch_count, range_count; /* stored */
    uint8_t last_shipper[WIRE_ID_SIZE];

    /* What it does. */
    bool refuse_connections;
    bool hold_acks; /* stores, but says nothing */
    bool forgets;   /* a restart: epochs and in-memory state are gone */
    uint32_t window_size;
    uint16_t window_frames;
    const char *geo;
    unsigned nack_next; /* code for the next batch of lane 3, once */
    bool fence_next;    /* the next HELLO is of a cloned machine */
    bool nack_permanent;
    uint64_t drop_after_frames; /* cut the connection after so many frames, once; 0: not */
    uint64_t nacks_sent, gaps_found, idents_found, duplicates_trimmed;
};

struct fake_collector *fake_collector_new(void);
void fake_collector_free(struct fake_collector *fake);
/* Deliver connection events and answers to the shipper; true if there were any. */
bool fake_collector_run(struct fake_collector *fake);
/* Cut the connection; the shipper learns of it at the next run. */
void fake_collector_cut(struct fake_collector *fake);
/* Another store: what it had is gone, or goes back to how it was `sources` and `lines` ago. */
void fake_collector_lose_store(struct fake_collector *fake);

/* All lines of a path in the order they were stored, each with '\n' behind it (partial lines and
 * their continuations are put together). The caller frees it. */
char *fake_collector_text(const struct fake_collector *fake, const char *path);
size_t fake_collector_count(const struct fake_collector *fake, const char *path);
const struct stored_source *fake_collector_source(const struct fake_collector *fake,
                                                  const char *path, size_t index);

#endif
