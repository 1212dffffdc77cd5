/* store/run_merge.c -- a tree of winners (Knuth, The Art of Computer Programming 3, 5.4.1).
 *
 * Each node has the source whose next row is the earlier one of the two below it, of equal ones the source
 * with the smaller index. When a source moves on only the nodes above it change. Sources alternate row by
 * row, and which one wins cannot be foreseen: nothing is decided by a jump, for which compilers have to be
 * given masks. */
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

/* Order time of the source's next row; RUN_MERGE_END: there is none. */
static int64_t next_ns(const struct run_merge *merge, struct source_runs *source)
{
    if (source->next == source->end) {
        const struct row_run *run;

        if (source->next_run == RUN_NONE)
            return RUN_MERGE_END;
        run = &merge->runs[source->next_run];
        source->next = run->first;
        source->end = run->end;
        source->next_run = run->next;
    }
    return merge->order_ns[source->next];
}

/* A source, and the order time of its next row. */
struct winner {
    int64_t next_ns;
    uint32_t source;
};

struct winners {
    struct winner *nodes; /* the root is 1; that of source i is leaf_count + i */
    uint32_t leaf_count;  /* a power of two */
};

/* The source goes on with a row of this time: it plays again, up to the root. */
static inline void replay(const struct winners *winners, uint32_t source, int64_t next_ns)
{
    uint32_t node = winners->leaf_count + source;
    struct winner winner = {next_ns, source};

    for (winners->nodes[node] = winner; node > 1; node /= 2) {
        const struct winner other = winners->nodes[node ^ 1];
        /* All bits if the other one wins: the left one also if they are equal. */
        int64_t wins = -(int64_t)(other.next_ns < winner.next_ns + (node & 1));

        winner.next_ns ^= (winner.next_ns ^ other.next_ns) & wins;
        winner.source ^= (winner.source ^ other.source) & (uint32_t)wins;
        winners->nodes[node / 2] = winner;
    }
}

static bool winners_init(struct winners *winners, struct run_merge *merge)
{
    uint32_t count = 1;

    while (count < merge->source_count)
        count *= 2;
    winners->leaf_count = count;
    winners->nodes = calloc((size_t)2 * count, sizeof(*winners->nodes));
    for (uint32_t i = 0; i < count && winners->nodes != NULL; i++) /* a node is right after its last leaf */
        replay(winners, i,
               i < merge->source_count ? next_ns(merge, &merge->sources[i]) : RUN_MERGE_END);
    return winners->nodes != NULL;
}

bool run_merge_finish(struct run_merge *merge, uint32_t *out)
{
    struct winners winners = {0};
    bool fine = winners_init(&winners, merge);

    for (uint32_t i = 0; i < merge->row_count && fine; i++) {
        uint32_t first = winners.nodes[1].source;
        struct source_runs *source = &merge->sources[first];

        out[i] = source->next++;
        replay(&winners, first, next_ns(merge, source));
    }
    free(winners.nodes);
    return fine;
}
