/* store/chunk_impl.h -- what the files that read a chunk share.
 * Thread safety: pure functions. */
#ifndef DENDRO_STORE_CHUNK_IMPL_H
#define DENDRO_STORE_CHUNK_IMPL_H

#include "store/chunk.h"

enum { CHUNK_SHAPE_SIZE = 4, CHUNK_PLACE_SIZE = 2 }; /* bytes in their sections */

/* The places of a shape. */
struct chunk_places {
    const char *at;
    uint32_t count;
};

static inline struct chunk_places chunk_places_of(const struct chunk *chunk, uint64_t shape)
{
    const char *at = chunk->shapes + shape * CHUNK_SHAPE_SIZE;
    uint32_t first = get_le32(at);

    return (struct chunk_places){chunk->places + (size_t)first * CHUNK_PLACE_SIZE,
                                 get_le32(at + CHUNK_SHAPE_SIZE) - first};
}

static inline const struct chunk_binding *chunk_binding_at(const struct chunk *chunk,
                                                           const char *place)
{
    return &chunk->bindings[get_le16(place)];
}

/* The hash of each computed text (text_hash.h), `chunk->value_count` of them. */
void chunk_hash_values(const struct chunk *chunk, uint64_t *out);
/* Where the fields of the row are that has them at `fields_at`; gives its list of bindings. `hashes` are
 * those of chunk_hash_values(): rows have few computed texts, and the same again and again. */
uint32_t chunk_event_spans(const struct chunk *chunk, uint32_t fields_at, const uint64_t *hashes,
                           struct event_spans *out);

/* Sets CORRUPT with a sentence about `what`, and returns it. */
enum status chunk_bad(struct error *err, const char *what);

/* Check all that later code reads without checks; the sections are cut and the names resolved. */
enum status chunk_check_rows(const struct chunk *chunk, struct error *err) WARN_UNUSED;

#endif
