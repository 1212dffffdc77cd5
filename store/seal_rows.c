/* store/seal_rows.c -- the rows of a head, sorted. */
#include "store/seal_rows.h"

#include <stdlib.h>

/* A head of 64 MiB of very short lines: rows and fields may take ten times their text. */
#define SEAL_ARENA_SIZE_MAX ((size_t)2 << 30)

struct gather {
    const struct chunk_tables *tables;
    struct seal_rows *out;
    uint32_t *source_index, *format_index; /* process number -> index + 1 */
    struct map series;                     /* encoded series -> number */
    struct slice *series_texts;
    uint32_t series_capacity;
    uint32_t *sample_series; /* number of each sample's series */
};

struct sort_sample {
    struct segment_sample sample;
    uint32_t rank;
};

static enum status no_memory(struct error *err)
{
    return error_set(err, STATUS_NO_MEMORY, "no memory to sort the rows of a head");
}

static bool index_sources(struct gather *gather, const struct chunk *chunk)
{
    struct seal_rows *out = gather->out;

    for (uint32_t i = 0; i < chunk->source_count; i++) {
        uint32_t number = chunk->source_numbers[i];
        struct event_source *grown;

        if (gather->source_index[number] != 0)
            continue;
        if ((out->source_count & (out->source_count + 1)) == 0) { /* 0, 1, 3, 7: double */
            grown = realloc(out->sources,
                            ((size_t)out->source_count + 1) * 2 * sizeof(*out->sources));
            if (grown == NULL)
                return false;
            out->sources = grown;
        }
        out->sources[out->source_count] = *source_table_source(gather->tables->sources, number);
        gather->source_index[number] = ++out->source_count;
    }
    for (uint32_t i = 0; i < chunk->format_count; i++) {
        uint32_t number = chunk->formats[i].number;

        if (gather->format_index[number] != 0)
            continue;
        out->formats[out->format_count] = name_table_name(gather->tables->formats, number);
        gather->format_index[number] = ++out->format_count;
    }
    return true;
}

static bool gather_rows(struct gather *gather, const struct chunk *chunk)
{
    struct seal_rows *out = gather->out;

    for (uint32_t i = 0; i < chunk->row_count; i++) {
        const struct chunk_row *row = &chunk->rows[i];
        struct event *event = arena_take(&out->arena, sizeof(*event), _Alignof(struct event), 1);
        struct chunk_fields walk;
        struct event_field *fields;

        chunk_fields_begin(chunk, row, &walk);
        fields = arena_take(&out->arena, sizeof(*fields), _Alignof(struct event_field), walk.left);
        if (event == NULL || fields == NULL)
            return false;
        chunk_event(chunk, row, fields, event);
        event->source = gather->source_index[chunk->source_numbers[row->source]] - 1;
        event->format = (uint16_t)(gather->format_index[chunk->formats[row->format].number] - 1);
        out->rows[out->row_count++] = (struct segment_row){
            .event = event,
            .order_time_ns = row->order_ns,
            .sequence = chunk_row_sequence(chunk, i),
        };
    }
    return true;
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

        if (grown == NULL)
            return MAP_NONE;
        gather->series_texts = grown;
        gather->series_capacity = capacity;
    }
    if (!map_put(&gather->series, encoded, number))
        return MAP_NONE;
    gather->series_texts[number] = encoded;
    return number;
}

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

static bool gather_samples(struct gather *gather, const struct chunk *chunk)
{
    struct seal_rows *out = gather->out;
    struct sample *series = calloc((size_t)chunk->series_count + 1, sizeof(*series));
    struct sample *samples = arena_new(&out->arena, struct sample, (size_t)chunk->sample_count + 1);
    uint32_t *numbers = calloc((size_t)chunk->series_count + 1, sizeof(*numbers));
    bool fine = series != NULL && samples != NULL && numbers != NULL;

    for (uint32_t i = 0; i < chunk->series_count && fine; i++) {
        numbers[i] = series_number(gather, chunk->series[i]);
        fine = numbers[i] != MAP_NONE && decode_series(gather, chunk->series[i], &series[i]);
    }
    for (uint32_t i = 0; i < chunk->sample_count && fine; i++) {
        const struct chunk_sample *from = &chunk->samples[i];

        samples[i] = series[from->series];
        samples[i].time_ns = from->time_ns;
        samples[i].value = from->value;
        samples[i].source = gather->source_index[chunk->source_numbers[from->source]] - 1;
        gather->sample_series[out->sample_count] = numbers[from->series];
        out->samples[out->sample_count++] = (struct segment_sample){
            .sample = &samples[i],
            .sequence = chunk->first_sequence + chunk->row_count + i,
        };
    }
    free(series);
    free(numbers);
    return fine;
}

static int compare_rows(const void *a, const void *b)
{
    const struct segment_row *left = a, *right = b;

    if (left->order_time_ns != right->order_time_ns)
        return left->order_time_ns < right->order_time_ns ? -1 : 1;
    if (left->event->source != right->event->source)
        return left->event->source < right->event->source ? -1 : 1;
    return left->sequence < right->sequence ? -1 : left->sequence > right->sequence;
}

static int compare_samples(const void *a, const void *b)
{
    const struct sort_sample *left = a, *right = b;
    int64_t left_ns = left->sample.sample->time_ns, right_ns = right->sample.sample->time_ns;

    if (left->rank != right->rank)
        return left->rank < right->rank ? -1 : 1;
    if (left_ns != right_ns)
        return left_ns < right_ns ? -1 : 1;
    return left->sample.sequence < right->sample.sequence ? -1 : 1;
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
    struct seal_rows *out = gather->out;
    struct sort_sample *sorted = malloc((out->sample_count + 1) * sizeof(*sorted));
    uint32_t *ranks = calloc((size_t)gather->series.count + 1, sizeof(*ranks));
    bool fine = sorted != NULL && ranks != NULL && rank_series(gather, ranks);

    for (uint64_t i = 0; i < out->sample_count && fine; i++)
        sorted[i] = (struct sort_sample){out->samples[i], ranks[gather->sample_series[i]]};
    if (fine)
        qsort(sorted, out->sample_count, sizeof(*sorted), compare_samples);
    for (uint64_t i = 0; i < out->sample_count && fine; i++)
        out->samples[i] = sorted[i].sample;
    free(sorted);
    free(ranks);
    return fine;
}

/* A head mostly is in order already: sources that write at the same time interleave little. */
static bool rows_are_sorted(const struct seal_rows *rows)
{
    for (uint64_t i = 1; i < rows->row_count; i++)
        if (compare_rows(&rows->rows[i - 1], &rows->rows[i]) > 0)
            return false;
    return true;
}

static bool gather_head(struct gather *gather, const struct head *head)
{
    struct seal_rows *out = gather->out;
    bool fine = true;

    gather->source_index = calloc((size_t)source_table_count(gather->tables->sources) + 1,
                                  sizeof(*gather->source_index));
    gather->format_index = calloc((size_t)name_table_count(gather->tables->formats) + 1,
                                  sizeof(*gather->format_index));
    gather->sample_series = calloc(head->sample_count + 1, sizeof(*gather->sample_series));
    out->formats = calloc((size_t)name_table_count(gather->tables->formats) + 1,
                          sizeof(*out->formats));
    out->rows = calloc(head->row_count + 1, sizeof(*out->rows));
    out->samples = malloc((head->sample_count + 1) * sizeof(*out->samples));
    if (gather->source_index == NULL || gather->format_index == NULL ||
        gather->sample_series == NULL || out->formats == NULL || out->rows == NULL ||
        out->samples == NULL)
        return false;
    for (uint32_t i = 0; i < head->count && fine; i++)
        fine = index_sources(gather, head->chunks[i]) && gather_rows(gather, head->chunks[i]) &&
               gather_samples(gather, head->chunks[i]);
    if (fine && !rows_are_sorted(out))
        qsort(out->rows, out->row_count, sizeof(*out->rows), compare_rows);
    return fine && sort_samples(gather);
}

enum status seal_rows_of(const struct head *head, const struct chunk_tables *tables,
                         struct seal_rows *out, struct error *err)
{
    struct gather gather = {.tables = tables, .out = out, .series = map_empty(UINT32_MAX - 1)};
    bool fine;

    *out = (struct seal_rows){.arena = arena_empty(SEAL_ARENA_SIZE_MAX)};
    fine = gather_head(&gather, head);
    free(gather.source_index);
    free(gather.format_index);
    free(gather.sample_series);
    free(gather.series_texts);
    map_release(&gather.series);
    if (fine)
        return STATUS_OK;
    seal_rows_release(out);
    return no_memory(err);
}

void seal_rows_release(struct seal_rows *rows)
{
    arena_release(&rows->arena);
    free(rows->rows);
    free(rows->samples);
    free(rows->sources);
    free(rows->formats);
    *rows = (struct seal_rows){.arena = arena_empty(0)};
}
