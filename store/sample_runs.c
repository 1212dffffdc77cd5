/* store/sample_runs.c -- series of sources by their texts. The samples themselves are put apart by whoever
 * has them: counted first, they can go straight to where they stay. */
#include "store/sample_runs.h"

#include <stdlib.h>

enum { KEY_SIZE_MAX = 64 << 20, RUNS_MIN = 256 };

void sample_runs_init(struct sample_runs *runs, size_t size_max)
{
    *runs = (struct sample_runs){.numbers = map_empty(UINT32_MAX - 1),
                                 .keys = arena_empty(size_max),
                                 .key = buf_empty(KEY_SIZE_MAX)};
}

void sample_runs_release(struct sample_runs *runs)
{
    free(runs->items);
    map_release(&runs->numbers);
    arena_release(&runs->keys);
    buf_release(&runs->key);
    *runs = (struct sample_runs){0};
}

static bool grow(struct sample_runs *runs)
{
    uint32_t capacity = runs->capacity == 0 ? RUNS_MIN : runs->capacity * 2;
    struct sample_run *grown;

    if (runs->count < runs->capacity)
        return true;
    grown = realloc(runs->items, capacity * sizeof(*grown));
    if (grown == NULL)
        return false;
    runs->items = grown;
    runs->capacity = capacity;
    return true;
}

uint32_t sample_runs_get(struct sample_runs *runs, struct slice encoded, uint32_t source)
{
    struct map_entry *entry;

    buf_reset(&runs->key);
    if (!buf_append_slice(&runs->key, encoded) || !buf_append_u32(&runs->key, source) ||
        !grow(runs))
        return MAP_NONE;
    entry = map_place(&runs->numbers, buf_slice(&runs->key));
    if (entry == NULL || entry->value != MAP_NONE)
        return entry == NULL ? MAP_NONE : entry->value;
    entry->key = arena_copy(&runs->keys, buf_slice(&runs->key));
    if (runs->keys.failed)
        return MAP_NONE;
    entry->value = runs->count++;
    runs->items[entry->value] =
        (struct sample_run){.encoded = slice_first(entry->key, encoded.len), .source = source};
    return entry->value;
}

static int compare_runs(const void *a, const void *b)
{
    const struct sample_run *left = *(const struct sample_run *const *)a;
    const struct sample_run *right = *(const struct sample_run *const *)b;
    int by_series = slice_compare(left->encoded, right->encoded);

    if (by_series != 0)
        return by_series;
    return left->source < right->source ? -1 : left->source > right->source;
}

/* Numbers mean nothing any more afterwards. */
static void take_order(struct sample_runs *runs, struct sample_run **order,
                       struct sample_run *sorted, uint64_t *places)
{
    uint64_t first = 0;

    for (uint32_t i = 0; i < runs->count; i++) {
        sorted[i] = *order[i];
        places[order[i] - runs->items] = first;
        first += sorted[i].count;
    }
    free(runs->items);
    runs->items = sorted;
    runs->capacity = runs->count;
    map_release(&runs->numbers);
}

bool sample_runs_sort(struct sample_runs *runs, uint64_t **places)
{
    struct sample_run **order = malloc(((size_t)runs->count + 1) * sizeof(struct sample_run *));
    struct sample_run *sorted = malloc(((size_t)runs->count + 1) * sizeof(*sorted));

    *places = malloc(((size_t)runs->count + 1) * sizeof(**places));
    if (order == NULL || sorted == NULL || *places == NULL) {
        free(order);
        free(sorted);
        free(*places);
        *places = NULL;
        return false;
    }
    for (uint32_t i = 0; i < runs->count; i++)
        order[i] = &runs->items[i];
    if (runs->count > 0)
        qsort(order, runs->count, sizeof(struct sample_run *), compare_runs);
    take_order(runs, order, sorted, *places);
    free(order);
    return true;
}

static int compare_times(const void *a, const void *b)
{
    const struct segment_sample *left = a, *right = b;

    if (left->time_ns != right->time_ns)
        return left->time_ns < right->time_ns ? -1 : 1;
    return left->sequence < right->sequence ? -1 : left->sequence > right->sequence;
}

void sample_runs_order(const struct sample_runs *runs, struct segment_sample *samples)
{
    for (uint32_t i = 0; i < runs->count; samples += runs->items[i++].count) {
        uint64_t count = runs->items[i].count;
        bool late = false;

        for (uint64_t k = 1; k < count && !late; k++)
            late = compare_times(&samples[k - 1], &samples[k]) > 0;
        if (late)
            qsort(samples, count, sizeof(*samples), compare_times);
    }
}
