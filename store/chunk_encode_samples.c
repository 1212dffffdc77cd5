/* store/chunk_encode_samples.c -- the samples of a batch, and the series that they are of. */
#include "store/chunk_encode_samples.h"

#include "base/byteorder.h"
#include "base/hash.h"
#include "store/label_names.h"

#include <stdlib.h>

#define SERIES_NONE UINT32_MAX

enum { SERIES_SIZE_MAX = 1 << 20 };

void sample_encoder_release(struct sample_encoder *encoder)
{
    free(encoder->series);
    free(encoder->slots);
    free(encoder->numbers);
}

static bool is_series(const struct series_place *known, const struct buf *tables,
                      struct slice encoded, uint64_t hash)
{
    return known->hash == hash &&
           slice_equal(slice_make(tables->data + known->at, known->size), encoded);
}

/* The slot of the series with these bytes, or a free one. */
static uint32_t *find_slot(const struct sample_encoder *encoder, const struct buf *tables,
                           struct slice encoded, uint64_t hash)
{
    for (uint32_t at = (uint32_t)hash;; at++) {
        uint32_t *slot = &encoder->slots[at & encoder->slot_mask];

        if (*slot == 0 || is_series(&encoder->series[*slot - 1], tables, encoded, hash))
            return slot;
    }
}

/* Number of the sample's series in this chunk. It is encoded where it stays if it is new: at the end of
 * the tables, which else remain as they were. */
static uint32_t series_of(struct sample_encoder *encoder, const struct sample *sample,
                          struct label_names *names, struct buf *tables)
{
    size_t size = series_size(sample), at;
    uint64_t hash;
    uint32_t *slot;

    if (size > SERIES_SIZE_MAX || !buf_reserve(tables, VARINT_SIZE_MAX + size))
        return SERIES_NONE;
    at = tables->len + put_varint(tables->data + tables->len, size);
    series_put(tables->data + at, sample);
    hash = hash64(tables->data + at, size);
    slot = find_slot(encoder, tables, slice_make(tables->data + at, size), hash);
    if (*slot != 0)
        return *slot - 1;
    if (encoder->series_count == CHUNK_TABLE_COUNT_MAX)
        return SERIES_NONE;
    for (uint32_t i = 0; i < sample->label_count; i++)
        label_names_add(names, i, sample->labels[i].name);
    buf_commit(tables, at + size - tables->len);
    encoder->series[encoder->series_count] =
        (struct series_place){(uint32_t)at, (uint32_t)size, hash};
    *slot = ++encoder->series_count;
    return *slot - 1;
}

/* No more series than samples. */
static bool make_room(struct sample_encoder *encoder, uint32_t sample_count)
{
    uint32_t most = CHUNK_TABLE_COUNT_MAX, slot_count = 1;
    uint32_t series_max = sample_count < most ? sample_count : most;

    while (slot_count < 2 * series_max)
        slot_count *= 2;
    encoder->slot_mask = slot_count - 1;
    encoder->numbers = malloc(sample_count * sizeof(*encoder->numbers));
    encoder->series = malloc(series_max * sizeof(*encoder->series));
    encoder->slots = calloc(slot_count, sizeof(*encoder->slots));
    return encoder->numbers != NULL && encoder->series != NULL && encoder->slots != NULL;
}

bool sample_encoder_add(struct sample_encoder *encoder, const struct batch *batch,
                        struct name_table *fields, struct buf *tables)
{
    const struct sample *samples = batch->samples;
    struct label_names names;
    bool fine = batch->sample_count == 0 || make_room(encoder, batch->sample_count);

    label_names_init(&names, fields);
    for (uint32_t i = 0; i < batch->sample_count && fine; i++) {
        encoder->numbers[i] = i > 0 && sample_shares_series(&samples[i - 1], &samples[i])
                                  ? encoder->numbers[i - 1]
                                  : series_of(encoder, &samples[i], &names, tables);
        fine = encoder->numbers[i] != SERIES_NONE;
    }
    return fine;
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
