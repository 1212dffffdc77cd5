/* store/run_merge.c -- a tree of winners (Knuth, The Art of Computer Programming 3, 5.4.1).
 *
 * Each node has the earlier one of the two rows below it. When a source moves on only the nodes above it
 * change. Sources alternate row by row, and which one wins cannot be foreseen: order time and source are one
 * number, so that a node is the smaller one of two, without a jump. */
#include "store/run_merge.h"

#include "base/spare.h"

#include <stdlib.h>

bool run_merge_init(struct run_merge *merge, uint64_t row_max, uint32_t source_max)
{
    *merge = (struct run_merge){.source = UINT32_MAX, .in_order = true};
    merge->order_ns = spare_take((row_max + 1) * sizeof(*merge->order_ns));
    merge->sources = malloc(((size_t)source_max + 1) * sizeof(*merge->sources));
    return merge->order_ns != NULL && merge->sources != NULL;
}

void run_merge_release(struct run_merge *merge)
{
    spare_give(merge->order_ns);
    free(merge->runs);
    free(merge->sources);
    *merge = (struct run_merge){0};
}

static bool reserve_run(struct run_merge *merge)
{
    uint32_t capacity = merge->run_capacity == 0 ? 1024 : merge->run_capacity * 2;
    struct row_run *grown;

    if (merge->run_count < merge->run_capacity)
        return true;
    grown = realloc(merge->runs, capacity * sizeof(*grown));
    if (grown == NULL)
        return false;
    merge->runs = grown;
    merge->run_capacity = capacity;
    return true;
}

bool run_merge_begin(struct run_merge *merge, uint32_t number, uint64_t sequence)
{
    struct source_runs *source = &merge->sources[number];

    if (!reserve_run(merge))
        return false;
    for (; merge->source_count <= number; merge->source_count++)
        merge->sources[merge->source_count] = (struct source_runs){
            .next_run = RUN_NONE, .last_run = RUN_NONE, .last_order_ns = INT64_MIN};
    if (source->last_run == RUN_NONE)
        source->next_run = merge->run_count;
    else
        merge->runs[source->last_run].next = merge->run_count;
    merge->in_order =
        merge->in_order && (source->last_run == RUN_NONE || sequence > source->last_sequence);
    merge->source = number;
    source->last_run = merge->run_count;
    source->last_sequence = sequence;
    merge->runs[merge->run_count++] =
        (struct row_run){merge->row_count, merge->row_count, RUN_NONE};
    return true;
}

/* The source with the smallest next row is at the root, which is node 1. */
struct winners {
    uint64_t *nodes;     /* keys of rows; that of source i is leaf_count + i */
    uint32_t leaf_count; /* a power of two */
    int64_t first_ns;    /* of all rows */
    unsigned source_bits;
};
#define KEY_NONE UINT64_MAX

/* Key of the source's next row: (order time, source). KEY_NONE: there is none. */
static inline uint64_t next_key(const struct run_merge *merge, const struct winners *winners,
                                uint32_t number)
{
    struct source_runs *source = &merge->sources[number];
    uint64_t distance;

    if (source->next == source->end) {
        const struct row_run *run;

        if (source->next_run == RUN_NONE)
            return KEY_NONE;
        run = &merge->runs[source->next_run];
        source->next = run->first;
        source->end = run->end;
        source->next_run = run->next;
    }
    distance = (uint64_t)merge->order_ns[source->next] - (uint64_t)winners->first_ns;
    return distance << winners->source_bits | number;
}

/* The source's next row is another one: it plays again, up to the root. */
static inline void replay(const struct winners *winners, uint32_t source, uint64_t key)
{
    uint32_t node = winners->leaf_count + source;

    for (winners->nodes[node] = key; node > 1; node /= 2) {
        uint64_t other = winners->nodes[node ^ 1];

        key = other < key ? other : key;
        winners->nodes[node / 2] = key;
    }
}

/* False: the rows are not in order, or their times lie too far apart for keys. */
static bool find_range(const struct run_merge *merge, struct winners *winners)
{
    int64_t last_ns = INT64_MIN;

    winners->first_ns = INT64_MAX;
    for (uint32_t i = 0; i < merge->source_count; i++) {
        const struct source_runs *source = &merge->sources[i];
        int64_t first_ns;

        if (source->next_run == RUN_NONE)
            continue;
        first_ns = merge->order_ns[merge->runs[source->next_run].first];
        winners->first_ns = first_ns < winners->first_ns ? first_ns : winners->first_ns;
        last_ns = source->last_order_ns > last_ns ? source->last_order_ns : last_ns;
    }
    while (merge->source_count >> winners->source_bits > 0)
        winners->source_bits++;
    return merge->in_order &&
           (merge->row_count == 0 || (uint64_t)last_ns - (uint64_t)winners->first_ns <
                                         KEY_NONE >> winners->source_bits);
}

static bool winners_init(struct winners *winners, const struct run_merge *merge)
{
    uint32_t count = 1;

    while (count < merge->source_count)
        count *= 2;
    winners->leaf_count = count;
    winners->nodes = malloc((size_t)2 * count * sizeof(*winners->nodes));
    if (winners->nodes == NULL)
        return false;
    for (uint32_t i = 0; i < count; i++)
        winners->nodes[count + i] =
            i < merge->source_count ? next_key(merge, winners, i) : KEY_NONE;
    for (uint32_t node = count; node-- > 1;) {
        uint64_t left = winners->nodes[2 * node], right = winners->nodes[2 * node + 1];

        winners->nodes[node] = left < right ? left : right;
    }
    return true;
}

enum status run_merge_finish(struct run_merge *merge, uint32_t *out)
{
    struct winners winners = {0};
    uint64_t mask;

    if (!find_range(merge, &winners))
        return STATUS_INVALID;
    if (!winners_init(&winners, merge))
        return STATUS_NO_MEMORY;
    mask = ((uint64_t)1 << winners.source_bits) - 1;
    for (uint32_t i = 0; i < merge->row_count; i++) {
        uint32_t first = (uint32_t)(winners.nodes[1] & mask);

        out[i] = merge->sources[first].next++;
        replay(&winners, first, next_key(merge, &winners, first));
    }
    free(winners.nodes);
    return STATUS_OK;
}
