/* store/source_state.h -- what the store remembers about each source: how far it is durable, its
 * newest order time, and its event that is still open.
 *
 * Thread safety: the caller's lock (the store's state lock). */
#ifndef DENDRO_STORE_SOURCE_STATE_H
#define DENDRO_STORE_SOURCE_STATE_H

#include "store/chunk.h"

struct source_state {
    struct source_id id; /* the key of the table points here */
    struct watermark watermark;
    bool has_watermark;
    uint64_t adopted_offset; /* rows below it are in segments that were taken in without manifest */
    int64_t order_ns; /* highest order time given to a row; INT64_MIN: none yet */
    struct chunk *open; /* holds the open events, one reference; NULL: none */
    uint32_t open_source; /* index of this source in `open` */
    uint32_t open_slot;   /* place in source_states.open */
};

struct source_states {
    struct arena memory;
    struct map by_id, latest; /* latest: by shipper and generation */
    struct source_state **states;
    uint32_t count, capacity;
    uint32_t *open; /* indexes of the states with an open event */
    uint32_t open_count, open_capacity;
};

void source_states_init(struct source_states *states);
void source_states_release(struct source_states *states);

/* The state of a source, making one if needed; NULL at the limit or without memory. Stays in place
 * until the release. */
struct source_state *source_states_get(struct source_states *states, const struct source_id *id);
/* NULL: never seen. */
struct source_state *source_states_find(struct source_states *states, const struct source_id *id);
/* That of the highest truncation count; NULL: never seen. */
struct source_state *source_states_latest(struct source_states *states, const uint8_t shipper[16],
                                          const uint8_t generation[16]);

/* A watermark never goes back. */
void source_state_set_watermark(struct source_state *state, const struct watermark *watermark);
/* Replace the open events of the source by those in `chunk` (a new reference) or none (NULL).
 * False: no memory, nothing changed. */
bool source_states_set_open(struct source_states *states, struct source_state *state,
                            struct chunk *chunk, uint32_t source);

#endif
