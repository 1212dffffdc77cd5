/* store/seal_samples.c -- the samples of a head, sorted. They are counted by their runs first, so that each
 * goes from its chunk straight to where it stays.
 *
 * A scrape sends the same series in the same order each time: the runs of a source's last chunk are those
 * of the next one, mostly, which one comparison of their texts tells. */
#include "store/seal_samples.h"

#include "base/spare.h"

#include <stdlib.h>

/* Of the texts of series. */
#define SEAL_KEYS_SIZE_MAX ((size_t)2 << 30)

/* The last chunk whose samples began with one of this source. */
struct last_chunk {
    const struct chunk *chunk; /* NULL: none */
    uint32_t *runs;            /* by series of the chunk; MAP_NONE: not known yet */
};

struct gather {
    struct seal_samples *out;
    const uint32_t *source_index; /* process number -> index + 1 */
    struct last_chunk *last;      /* by source */
    uint32_t *runs;               /* of each sample */
};

static uint32_t source_of(const struct gather *gather, const struct chunk *chunk,
                          const struct chunk_sample *sample)
{
    return gather->source_index[chunk->source_numbers[sample->source]] - 1;
}

/* ---- counting ---- */

/* Series stand one behind the other in the bytes of a chunk. */
static struct slice series_bytes(const struct chunk *chunk)
{
    const struct slice *first = &chunk->series[0], *last = &chunk->series[chunk->series_count - 1];

    return slice_make(first->data, (size_t)(last->data - first->data) + last->len);
}

static bool has_same_series(const struct chunk *a, const struct chunk *b)
{
    return a != NULL && a->series_count == b->series_count &&
           a->series[0].len == b->series[0].len && slice_equal(series_bytes(a), series_bytes(b));
}

/* Runs of the series of a chunk in its first sample's source; NULL without memory. */
static uint32_t *runs_of_chunk(struct last_chunk *last, const struct chunk *chunk)
{
    if (!has_same_series(last->chunk, chunk)) {
        size_t size = chunk->series_count * sizeof(*last->runs);
        uint32_t *grown = realloc(last->runs, size);

        if (grown == NULL)
            return NULL;
        memset(grown, 0xff, size);
        last->runs = grown;
    }
    last->chunk = chunk;
    return last->runs;
}

static bool count_samples(struct gather *gather, const struct chunk *chunk, uint32_t *out)
{
    struct sample_runs *runs = &gather->out->runs;
    const struct chunk_sample *first = &chunk->samples[0];
    uint32_t *known = runs_of_chunk(&gather->last[source_of(gather, chunk, first)], chunk);

    for (uint32_t i = 0; i < chunk->sample_count && known != NULL; i++) {
        const struct chunk_sample *sample = &chunk->samples[i];
        bool is_first = sample->source == first->source;
        uint32_t run = is_first ? known[sample->series] : MAP_NONE;

        if (run == MAP_NONE)
            run = sample_runs_get(runs, chunk->series[sample->series],
                                  source_of(gather, chunk, sample));
        if (run == MAP_NONE)
            return false;
        if (is_first)
            known[sample->series] = run;
        runs->items[run].count++;
        out[i] = run;
    }
    return known != NULL;
}

static bool count_head(struct gather *gather, const struct head *head)
{
    uint32_t *at = gather->runs;
    bool fine = true;

    for (uint32_t i = 0; i < head->count && fine; i++) {
        const struct chunk *chunk = head->chunks[i];

        if (chunk->sample_count == 0)
            continue;
        fine = count_samples(gather, chunk, at);
        at += chunk->sample_count;
        if (chunk->sample_min_ns < gather->out->time_min_ns)
            gather->out->time_min_ns = chunk->sample_min_ns;
        if (chunk->sample_max_ns > gather->out->time_max_ns)
            gather->out->time_max_ns = chunk->sample_max_ns;
    }
    return fine;
}

/* ---- placing ---- */

static void place_samples(struct gather *gather, const struct head *head, uint64_t *places)
{
    const uint32_t *run = gather->runs;

    for (uint32_t i = 0; i < head->count; i++) {
        const struct chunk *chunk = head->chunks[i];
        uint64_t sequence = chunk->first_sequence + chunk->row_count;

        for (uint32_t k = 0; k < chunk->sample_count; k++)
            gather->out->items[places[*run++]++] =
                (struct segment_sample){.time_ns = chunk->samples[k].time_ns,
                                        .value = chunk->samples[k].value,
                                        .sequence = sequence + k};
    }
}

static bool gather_samples(struct gather *gather, const struct head *head)
{
    struct seal_samples *out = gather->out;
    uint64_t *places = NULL;
    bool fine;

    if (gather->last == NULL || gather->runs == NULL || out->items == NULL)
        return false;
    fine = count_head(gather, head) && sample_runs_sort(&out->runs, &places);
    if (fine) {
        place_samples(gather, head, places);
        sample_runs_order(&out->runs, out->items);
    }
    free(places);
    return fine;
}

bool seal_samples_of(const struct head *head, const uint32_t *source_index, uint32_t source_count,
                     struct seal_samples *out)
{
    struct gather gather = {.out = out, .source_index = source_index};
    bool fine;

    *out = (struct seal_samples){
        .count = head->sample_count, .time_min_ns = INT64_MAX, .time_max_ns = INT64_MIN};
    sample_runs_init(&out->runs, SEAL_KEYS_SIZE_MAX);
    if (head->sample_count == 0)
        return true;
    out->items = spare_take(head->sample_count * sizeof(*out->items));
    gather.runs = spare_take(head->sample_count * sizeof(*gather.runs));
    gather.last = calloc((size_t)source_count + 1, sizeof(*gather.last));
    fine = gather_samples(&gather, head);
    for (uint32_t i = 0; i < source_count && gather.last != NULL; i++)
        free(gather.last[i].runs);
    free(gather.last);
    spare_give(gather.runs);
    if (!fine)
        seal_samples_release(out);
    return fine;
}

void seal_samples_release(struct seal_samples *samples)
{
    sample_runs_release(&samples->runs);
    spare_give(samples->items);
    *samples = (struct seal_samples){0};
}

/* ---- days ---- */

int64_t seal_samples_next_day(const struct seal_samples *samples, int64_t after)
{
    int64_t day = INT64_MAX;

    if (samples->count == 0 || seal_day_of(samples->time_max_ns) <= after)
        return INT64_MAX;
    if (seal_day_of(samples->time_min_ns) > after)
        return seal_day_of(samples->time_min_ns);
    for (uint64_t i = 0; i < samples->count; i++) {
        int64_t of_sample = seal_day_of(samples->items[i].time_ns);

        if (of_sample > after && of_sample < day)
            day = of_sample;
    }
    return day;
}

void seal_samples_day_release(struct seal_samples_day *day)
{
    free(day->runs);
    spare_give(day->items);
    *day = (struct seal_samples_day){0};
}

static bool make_room(const struct seal_samples *samples, struct seal_samples_day *room)
{
    if (room->runs == NULL)
        room->runs = malloc(samples->runs.count * sizeof(*room->runs));
    if (room->items == NULL)
        room->items = spare_take(samples->count * sizeof(*room->items));
    return room->runs != NULL && room->items != NULL;
}

/* Runs that have samples of these days, and those. */
static void copy_days(const struct seal_samples *samples, int64_t after, int64_t day,
                      struct seal_samples_day *room, struct segment_content *out)
{
    const struct segment_sample *item = samples->items;

    for (uint32_t i = 0; i < samples->runs.count; i++) {
        const struct sample_run *run = &samples->runs.items[i];
        uint64_t first = out->sample_count;

        for (uint64_t k = 0; k < run->count; k++, item++) {
            int64_t of_sample = seal_day_of(item->time_ns);

            if (of_sample > after && of_sample <= day)
                room->items[out->sample_count++] = *item;
        }
        if (out->sample_count == first)
            continue;
        room->runs[out->run_count] = *run;
        room->runs[out->run_count++].count = out->sample_count - first;
    }
}

bool seal_samples_take(const struct seal_samples *samples, int64_t after, int64_t day,
                       struct seal_samples_day *room, struct segment_content *out)
{
    out->runs = samples->runs.items;
    out->samples = samples->items;
    out->run_count = samples->runs.count;
    out->sample_count = samples->count;
    if (samples->count == 0 || (seal_day_of(samples->time_min_ns) > after &&
                                seal_day_of(samples->time_max_ns) <= day))
        return true; /* all of them */
    if (!make_room(samples, room))
        return false;
    out->runs = room->runs;
    out->samples = room->items;
    out->run_count = 0;
    out->sample_count = 0;
    copy_days(samples, after, day, room, out);
    return true;
}
