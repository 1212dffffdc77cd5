/* store/chunk_encode_samples.c -- the samples of a batch, and the series that they are of. */
#include "store/chunk_encode_samples.h"

#include <stdlib.h>

void sample_encoder_init(struct sample_encoder *encoder)
{
    *encoder = (struct sample_encoder){.series = map_empty(CHUNK_TABLE_COUNT_MAX),
                                       .texts = arena_empty(CHUNK_SIZE_MAX)};
}

void sample_encoder_release(struct sample_encoder *encoder)
{
    free(encoder->numbers);
    map_release(&encoder->series);
    arena_release(&encoder->texts);
}

/* Number of the sample's series in this chunk; its encoding goes to the tables when it is new. */
static uint32_t series_of(struct sample_encoder *encoder, const struct sample *sample,
                          struct buf *scratch, struct buf *tables)
{
    struct map_entry *entry;

    buf_reset(scratch);
    if (!series_append(scratch, sample))
        return MAP_NONE;
    entry = map_place(&encoder->series, buf_slice(scratch));
    if (entry == NULL || entry->value != MAP_NONE)
        return entry == NULL ? MAP_NONE : entry->value;
    entry->key = arena_copy(&encoder->texts, buf_slice(scratch));
    if (entry->key.len != scratch->len || !buf_append_varint(tables, scratch->len) ||
        !buf_append_slice(tables, entry->key))
        return MAP_NONE;
    entry->value = encoder->series.count - 1;
    return entry->value;
}

bool sample_encoder_add(struct sample_encoder *encoder, const struct batch *batch,
                        struct buf *tables)
{
    const struct sample *samples = batch->samples;
    struct buf scratch = buf_empty(1 << 20);
    bool fine = true;

    encoder->numbers = malloc(((size_t)batch->sample_count + 1) * sizeof(*encoder->numbers));
    if (encoder->numbers == NULL)
        return false;
    for (uint32_t i = 0; i < batch->sample_count && fine; i++) {
        encoder->numbers[i] = i > 0 && sample_shares_series(&samples[i - 1], &samples[i])
                                  ? encoder->numbers[i - 1]
                                  : series_of(encoder, &samples[i], &scratch, tables);
        fine = encoder->numbers[i] != MAP_NONE;
    }
    buf_release(&scratch);
    return fine;
}

uint32_t sample_encoder_series_count(const struct sample_encoder *encoder)
{
    return encoder->series.count;
}

char *sample_encoder_put(const struct sample_encoder *encoder, const struct batch *batch, char *at)
{
    for (uint32_t i = 0; i < batch->sample_count; i++, at += sizeof(struct chunk_sample)) {
        struct chunk_sample row = {
            .time_ns = batch->samples[i].time_ns,
            .value = batch->samples[i].value,
            .source = batch->samples[i].source,
            .series = encoder->numbers[i],
        };

        memcpy(at, &row, sizeof(row));
    }
    return at;
}
