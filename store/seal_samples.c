/* store/seal_samples.c -- the samples of a head, sorted: series are numbered by their texts, and samples
 * are put apart by the numbers. */
#include "store/seal_samples.h"

#include "base/map.h"
#include "store/segment_order.h"

#include <stdlib.h>

/* Of the labels of samples. */
#define SEAL_ARENA_SIZE_MAX ((size_t)2 << 30)

struct gather {
    struct seal_samples *out;
    const uint32_t *source_index; /* process number -> index + 1 */
    struct map series;            /* encoded series -> number */
    struct slice *series_texts;
    struct sample *series_decoded; /* metric and labels, once for all samples of a series */
    uint32_t series_capacity;
    uint32_t *sample_series; /* number of each sample's series */
};

static bool decode_series(struct gather *gather, struct slice encoded, struct sample *out)
{
    struct label *labels;

    if (!series_take(&encoded, &out->metric, &out->label_count))
        return false;
    labels = arena_new(&gather->out->arena, struct label, (size_t)out->label_count + 1);
    for (uint32_t i = 0; i < out->label_count && labels != NULL; i++)
        if (!label_take(&encoded, &labels[i]))
            return false;
    out->labels = labels;
    return labels != NULL;
}

/* Number of the series over the whole head; MAP_NONE without memory. */
static uint32_t series_number(struct gather *gather, struct slice encoded)
{
    uint32_t number = map_get(&gather->series, encoded);

    if (number != MAP_NONE)
        return number;
    number = gather->series.count;
    if (number == gather->series_capacity) {
        uint32_t capacity = number == 0 ? 256 : number * 2;
        struct slice *grown = realloc(gather->series_texts, capacity * sizeof(*grown));
        struct sample *decoded;

        if (grown == NULL)
            return MAP_NONE;
        gather->series_texts = grown;
        decoded = realloc(gather->series_decoded, capacity * sizeof(*decoded));
        if (decoded == NULL)
            return MAP_NONE;
        gather->series_decoded = decoded;
        gather->series_capacity = capacity;
    }
    gather->series_decoded[number] = (struct sample){0};
    if (!decode_series(gather, encoded, &gather->series_decoded[number]) ||
        !map_put(&gather->series, encoded, number))
        return MAP_NONE;
    gather->series_texts[number] = encoded;
    return number;
}

static bool gather_samples(struct gather *gather, const struct chunk *chunk)
{
    struct seal_samples *out = gather->out;
    struct sample *samples = arena_new(&out->arena, struct sample, (size_t)chunk->sample_count + 1);
    uint32_t *numbers = calloc((size_t)chunk->series_count + 1, sizeof(*numbers));
    bool fine = samples != NULL && numbers != NULL;

    for (uint32_t i = 0; i < chunk->series_count && fine; i++) {
        numbers[i] = series_number(gather, chunk->series[i]);
        fine = numbers[i] != MAP_NONE;
    }
    for (uint32_t i = 0; i < chunk->sample_count && fine; i++) {
        const struct chunk_sample *from = &chunk->samples[i];

        samples[i] = gather->series_decoded[numbers[from->series]];
        samples[i].time_ns = from->time_ns;
        samples[i].value = from->value;
        samples[i].source = gather->source_index[chunk->source_numbers[from->source]] - 1;
        gather->sample_series[out->count] = numbers[from->series];
        out->items[out->count++] = (struct segment_sample){
            .sample = &samples[i],
            .sequence = chunk->first_sequence + chunk->row_count + i,
        };
    }
    free(numbers);
    return fine;
}

struct ranked {
    struct slice text;
    uint32_t number;
};

static int compare_ranked(const void *a, const void *b)
{
    return slice_compare(((const struct ranked *)a)->text, ((const struct ranked *)b)->text);
}

/* Place of each series in the order of their encodings. */
static bool rank_series(const struct gather *gather, uint32_t *ranks)
{
    uint32_t count = gather->series.count;
    struct ranked *order = malloc(((size_t)count + 1) * sizeof(*order));

    if (order == NULL)
        return false;
    for (uint32_t i = 0; i < count; i++)
        order[i] = (struct ranked){gather->series_texts[i], i};
    qsort(order, count, sizeof(*order), compare_ranked);
    for (uint32_t i = 0; i < count; i++)
        ranks[order[i].number] = i;
    free(order);
    return true;
}

static bool sort_samples(struct gather *gather)
{
    struct seal_samples *out = gather->out;
    struct ranked_sample *sorted = malloc((out->count + 1) * sizeof(*sorted));
    uint32_t *ranks = calloc((size_t)gather->series.count + 1, sizeof(*ranks));
    bool fine = sorted != NULL && ranks != NULL && rank_series(gather, ranks);

    for (uint64_t i = 0; i < out->count && fine; i++)
        sorted[i] = (struct ranked_sample){out->items[i], ranks[gather->sample_series[i]]};
    if (fine)
        ranked_samples_sort(sorted, out->count);
    for (uint64_t i = 0; i < out->count && fine; i++)
        out->items[i] = sorted[i].sample;
    free(sorted);
    free(ranks);
    return fine;
}

static bool gather_head(struct gather *gather, const struct head *head)
{
    struct seal_samples *out = gather->out;
    bool fine;

    gather->sample_series = calloc(head->sample_count + 1, sizeof(*gather->sample_series));
    out->items = malloc((head->sample_count + 1) * sizeof(*out->items));
    fine = gather->sample_series != NULL && out->items != NULL;
    for (uint32_t i = 0; i < head->count && fine; i++)
        fine = gather_samples(gather, head->chunks[i]);
    return fine && sort_samples(gather);
}

bool seal_samples_of(const struct head *head, const uint32_t *source_index,
                     struct seal_samples *out)
{
    struct gather gather = {
        .out = out, .source_index = source_index, .series = map_empty(UINT32_MAX - 1)};
    bool fine;

    *out = (struct seal_samples){.arena = arena_empty(SEAL_ARENA_SIZE_MAX)};
    fine = gather_head(&gather, head);
    free(gather.sample_series);
    free(gather.series_texts);
    free(gather.series_decoded);
    map_release(&gather.series);
    if (!fine)
        seal_samples_release(out);
    return fine;
}

void seal_samples_release(struct seal_samples *samples)
{
    arena_release(&samples->arena);
    free(samples->items);
    *samples = (struct seal_samples){.arena = arena_empty(0)};
}
