/* store/chunk_encode_samples.h -- the samples of a batch as the bytes of a chunk: each series once, in
 * the tables; samples name it by its number.
 * Thread safety: one thread at a time. */
#ifndef DENDRO_STORE_CHUNK_ENCODE_SAMPLES_H
#define DENDRO_STORE_CHUNK_ENCODE_SAMPLES_H

#include "store/chunk.h"

struct series_place { /* of an encoded series in the tables */
    uint32_t at, size;
    uint64_t hash;
};

struct sample_encoder {
    struct series_place *series; /* by number */
    uint32_t *slots;             /* number + 1, by hash; at most half of them in use */
    uint32_t *numbers;           /* the series of each sample */
    uint32_t series_count, slot_mask;
};

/* One that is zeroed is empty. */
void sample_encoder_release(struct sample_encoder *encoder);

/* Append the series of the samples to `tables`, and names of labels to `fields`. False: no memory, or too
 * many series. */
bool sample_encoder_add(struct sample_encoder *encoder, const struct batch *batch,
                        struct name_table *fields, struct buf *tables) WARN_UNUSED;

/* The samples of that batch to `at`; gives where they end. */
char *sample_encoder_put(const struct sample_encoder *encoder, const struct batch *batch, char *at);

#endif
