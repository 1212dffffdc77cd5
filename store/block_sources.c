/* store/block_sources.c -- sets of sources by block, made at the first read and published once. */
#include "store/block_sources.h"

#include <stdlib.h>

void block_sources_note(struct segment *segment, uint32_t index, const uint32_t *sources,
                        uint32_t count)
{
    uint64_t *expected = NULL, *set;

    if (atomic_load_explicit(&segment->block_sources[index], memory_order_relaxed) != NULL)
        return;
    set = calloc(bit_words(segment->source_count) + 1, sizeof(*set));
    if (set == NULL)
        return;
    for (uint32_t i = 0; i < count; i++)
        bit_set(set, sources[i]);
    if (!atomic_compare_exchange_strong(&segment->block_sources[index], &expected, set))
        free(set); /* another thread was faster */
}

static bool any_passes(const struct segment *segment, const struct predicate *predicate,
                       const uint64_t *set)
{
    for (uint32_t i = 0; i < segment->source_count; i++)
        if (bit_get(set, i) &&
            predicate_match_text(predicate, event_source_text(&segment->sources[i].info.source,
                                                              predicate->field)))
            return true;
    return false;
}

static bool may_pass(const struct segment *segment, const struct plan_node *node,
                     const uint64_t *set)
{
    if (node->kind == NODE_GENERIC && segment_tests_source(node->predicate))
        return any_passes(segment, node->predicate, set);
    for (uint32_t i = 0; node->kind == NODE_AND && i < node->child_count; i++)
        if (!may_pass(segment, node->children[i], set))
            return false;
    return true;
}

bool block_sources_may_pass(const struct segment *segment, const struct plan_node *node,
                            uint32_t index)
{
    const uint64_t *set =
        atomic_load_explicit(&segment->block_sources[index], memory_order_acquire);

    return node == NULL || set == NULL || may_pass(segment, node, set);
}

void block_sources_release(struct segment *segment)
{
    for (uint32_t i = 0; segment->block_sources != NULL && i < segment->block_count; i++)
        free(atomic_load(&segment->block_sources[i]));
}
