/* store/source_state.c -- states of sources, by identity. */
#include "store/source_state.h"

#include "base/memory_budget.h"

#include <stdlib.h>

#define STATES_SIZE_MAX ((size_t)SOURCE_COUNT_MAX * (sizeof(struct source_state) + 64))
enum { LATEST_KEY_SIZE = 32 }; /* shipper and generation stand first in struct source_id */

static_assert(sizeof(struct source_id) == 36, "the id is used as the bytes of a key");

void source_states_init(struct source_states *states)
{
    *states = (struct source_states){
        .memory = arena_empty(STATES_SIZE_MAX),
        .by_id = map_empty(SOURCE_COUNT_MAX),
        .latest = map_empty(SOURCE_COUNT_MAX),
    };
}

void source_states_release(struct source_states *states)
{
    for (uint32_t i = 0; i < states->count; i++)
        chunk_unref(states->states[i]->open);
    arena_release(&states->memory);
    map_release(&states->by_id);
    map_release(&states->latest);
    free(states->states);
    free(states->open);
}

struct source_state *source_states_find(struct source_states *states, const struct source_id *id)
{
    uint32_t index = map_get(&states->by_id, slice_make(id, sizeof(*id)));

    return index == MAP_NONE ? NULL : states->states[index];
}

static bool index_grow(uint32_t needed, uint32_t *capacity, void **array, size_t size)
{
    uint32_t wanted = *capacity == 0 ? 256 : *capacity * 2;
    void *grown;

    if (needed <= *capacity)
        return true;
    grown = realloc(*array, wanted * size);
    if (grown == NULL)
        return false;
    *array = grown;
    *capacity = wanted;
    return true;
}

struct source_state *source_states_get(struct source_states *states, const struct source_id *id)
{
    struct source_state *state = source_states_find(states, id), *newest;
    enum memory_class before;

    if (state != NULL)
        return state;
    if (!index_grow(states->count + 1, &states->capacity, (void **)&states->states,
                    sizeof(struct source_state *)))
        return NULL;
    newest = source_states_latest(states, id->shipper, id->generation);
    before = memory_budget_enter(MEMORY_REGISTRY);
    state = arena_new(&states->memory, struct source_state, 1);
    (void)memory_budget_enter(before);
    if (state == NULL)
        return NULL;
    state->id = *id;
    state->order_ns = INT64_MIN;
    if (!map_put(&states->by_id, slice_make(&state->id, sizeof(state->id)), states->count))
        return NULL;
    states->states[states->count] = state;
    if (newest == NULL || newest->id.truncations < id->truncations)
        (void)map_put(&states->latest, slice_make(&state->id, LATEST_KEY_SIZE), states->count);
    states->count++;
    return state;
}

struct source_state *source_states_latest(struct source_states *states, const uint8_t shipper[16],
                                          const uint8_t generation[16])
{
    char key[LATEST_KEY_SIZE];
    uint32_t index;

    memcpy(key, shipper, 16);
    memcpy(key + 16, generation, 16);
    index = map_get(&states->latest, slice_make(key, sizeof(key)));
    return index == MAP_NONE ? NULL : states->states[index];
}

void source_state_set_watermark(struct source_state *state, const struct watermark *watermark)
{
    if (state->has_watermark && watermark->durable_offset < state->watermark.durable_offset)
        return;
    state->watermark = *watermark;
    state->has_watermark = true;
}

static uint32_t index_of(struct source_states *states, const struct source_state *state)
{
    return map_get(&states->by_id, slice_make(&state->id, sizeof(state->id)));
}

bool source_states_set_open(struct source_states *states, struct source_state *state,
                            struct chunk *chunk, uint32_t source)
{
    if (chunk != NULL && state->open == NULL) {
        if (!index_grow(states->open_count + 1, &states->open_capacity, (void **)&states->open,
                        sizeof(*states->open)))
            return false;
        state->open_slot = states->open_count;
        states->open[states->open_count++] = index_of(states, state);
    } else if (chunk == NULL && state->open != NULL) {
        uint32_t moved = states->open[--states->open_count];

        states->open[state->open_slot] = moved;
        states->states[moved]->open_slot = state->open_slot;
    }
    if (chunk != NULL)
        (void)chunk_ref(chunk);
    chunk_unref(state->open);
    state->open = chunk;
    state->open_source = source;
    return true;
}
