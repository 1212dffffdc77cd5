/* store/chunk_encode_samples.h -- the samples of a batch as the bytes of a chunk: each series once, in
 * the tables; samples name it by its number.
 * Thread safety: one thread at a time. */
#ifndef DENDRO_STORE_CHUNK_ENCODE_SAMPLES_H
#define DENDRO_STORE_CHUNK_ENCODE_SAMPLES_H

#include "base/arena.h"
#include "base/map.h"
#include "store/chunk.h"

struct sample_encoder {
    struct map series; /* encoded -> number */
    struct arena texts;
    uint32_t *numbers; /* the series of each sample */
};

void sample_encoder_init(struct sample_encoder *encoder);
void sample_encoder_release(struct sample_encoder *encoder);

/* Append the series of the samples to `tables`. False: no memory, or too many. */
bool sample_encoder_add(struct sample_encoder *encoder, const struct batch *batch,
                        struct buf *tables) WARN_UNUSED;
uint32_t sample_encoder_series_count(const struct sample_encoder *encoder);

/* The samples of that batch to `at`; gives where they end. */
char *sample_encoder_put(const struct sample_encoder *encoder, const struct batch *batch, char *at);

#endif
