/* store/erasure_list.c -- the erasures that a store remembers: from the manifest and into it, the segments
 * that each has written again, and what others see of them. */
#include "store/store_impl.h"

#include <stdlib.h>
#include <string.h>

const char *erase_state_name(enum erase_state state)
{
    static const char *const names[] = {[ERASE_RUNNING] = "running",
                                        [ERASE_WAITING] = "waiting",
                                        [ERASE_BLOCKED] = "blocked",
                                        [ERASE_INCOMPLETE] = "incomplete",
                                        [ERASE_FINISHED] = "finished"};

    return names[state];
}

void erasure_free(struct erasure *erasure)
{
    if (erasure == NULL)
        return;
    if (erasure->filter != NULL)
        erasure->filter->free(erasure->filter);
    if (erasure->eraser != NULL)
        erasure->eraser->free(erasure->eraser);
    free(erasure->done);
    free((char *)(uintptr_t)erasure->entry.filter.data);
    free((char *)(uintptr_t)erasure->entry.by.data);
    free(erasure);
}

void erasures_release(struct upkeep *upkeep)
{
    for (uint32_t i = 0; i < upkeep->erasure_count; i++)
        erasure_free(upkeep->erasures[i]);
    free(upkeep->erasures);
}

static bool copy_text(struct slice from, struct slice *out)
{
    char *copy = malloc(from.len + 1);

    *out = (struct slice){copy, from.len};
    if (copy != NULL && from.len > 0)
        memcpy(copy, from.data, from.len);
    return copy != NULL;
}

struct erasure *erasure_new(const struct manifest_erasure *entry)
{
    struct erasure *erasure = calloc(1, sizeof(*erasure));

    if (erasure == NULL)
        return NULL;
    erasure->entry = *entry;
    erasure->entry.by = (struct slice){NULL, 0};
    erasure->state = entry->finished_ns != 0 ? ERASE_FINISHED : ERASE_RUNNING;
    if (copy_text(entry->filter, &erasure->entry.filter) &&
        copy_text(entry->by, &erasure->entry.by))
        return erasure;
    erasure_free(erasure);
    return NULL;
}

/* The oldest finished one makes room; its receipt stays on the disk. */
static void forget_oldest(struct upkeep *upkeep)
{
    uint32_t at = 0;

    while (at < upkeep->erasure_count && upkeep->erasures[at]->state != ERASE_FINISHED)
        at++;
    if (at == upkeep->erasure_count)
        return;
    erasure_free(upkeep->erasures[at]);
    memmove(&upkeep->erasures[at], &upkeep->erasures[at + 1],
            (upkeep->erasure_count - at - 1) * sizeof(struct erasure *));
    upkeep->erasure_count--;
}

bool erasures_append(struct upkeep *upkeep, struct erasure *erasure)
{
    if (upkeep->erasure_count >= ERASURES_MAX)
        forget_oldest(upkeep);
    if (upkeep->erasure_count == upkeep->erasure_capacity) {
        uint32_t capacity = upkeep->erasure_capacity == 0 ? 16 : upkeep->erasure_capacity * 2;
        struct erasure **grown =
            realloc(upkeep->erasures, capacity * sizeof(struct erasure *));

        if (grown == NULL)
            return false;
        upkeep->erasures = grown;
        upkeep->erasure_capacity = capacity;
    }
    upkeep->erasures[upkeep->erasure_count++] = erasure;
    return true;
}

static struct erasure **find(struct upkeep *upkeep, uint64_t number)
{
    for (uint32_t i = upkeep->erasure_count; i-- > 0;)
        if (upkeep->erasures[i]->entry.number == number)
            return &upkeep->erasures[i];
    return NULL;
}

/* A later entry replaces the earlier one, and goes on with its segments. */
static void take_over(struct upkeep *upkeep, struct erasure *erasure, struct erasure *earlier)
{
    erasure->undecided = earlier->undecided;
    erasure->done = earlier->done;
    erasure->done_count = earlier->done_count;
    erasure->done_capacity = earlier->done_capacity;
    earlier->done = NULL;
    erasure_free(earlier);
    if (erasure->state == ERASE_FINISHED)
        erasure_forget_segments(upkeep, erasure);
}

bool erasures_load(struct upkeep *upkeep, const struct manifest_erasure *entry)
{
    struct erasure *erasure = erasure_new(entry);
    struct erasure **earlier = find(upkeep, entry->number);

    if (erasure == NULL)
        return false;
    if (earlier != NULL) {
        take_over(upkeep, erasure, *earlier);
        *earlier = erasure;
        return true;
    }
    if (erasures_append(upkeep, erasure))
        return true;
    erasure_free(erasure);
    return false;
}

bool erasures_load_erased(struct upkeep *upkeep, uint64_t number,
                          const struct manifest_erased *erased)
{
    struct erasure **erasure = find(upkeep, number);

    if (erasure == NULL || (*erasure)->state == ERASE_FINISHED)
        return true; /* its receipt has it */
    if (!erasure_reserve(*erasure))
        return false;
    erasure_note(upkeep, *erasure, erased);
    return true;
}

void erasures_load_undecided(struct upkeep *upkeep, uint64_t number, uint64_t texts)
{
    struct erasure **erasure = find(upkeep, number);

    if (erasure != NULL)
        (*erasure)->undecided = texts;
}

/* ---- the segments of one ---- */

bool erasure_reserve(struct erasure *erasure)
{
    uint32_t capacity = erasure->done_capacity == 0 ? 16 : erasure->done_capacity * 2;
    struct manifest_erased *grown;

    if (erasure->done_count < erasure->done_capacity || capacity > ERASED_SEGMENTS_MAX)
        return true;
    grown = realloc(erasure->done, capacity * sizeof(*grown));
    if (grown == NULL)
        return false;
    erasure->done = grown;
    erasure->done_capacity = capacity;
    return true;
}

void erasure_note(struct upkeep *upkeep, struct erasure *erasure,
                  const struct manifest_erased *erased)
{
    if (upkeep->erased_count == ERASED_SEGMENTS_MAX ||
        erasure->done_count == erasure->done_capacity)
        return;
    erasure->done[erasure->done_count++] = *erased;
    upkeep->erased_count++;
}

void erasure_forget_segments(struct upkeep *upkeep, struct erasure *erasure)
{
    upkeep->erased_count -= erasure->done_count;
    erasure->done_count = erasure->done_capacity = 0;
    free(erasure->done);
    erasure->done = NULL;
}

/* ---- all of them ---- */

static bool put(const struct erasure *erasure, struct buf *out)
{
    bool fine = manifest_put_erasure(out, &erasure->entry);

    if (erasure->undecided > 0)
        fine = fine && manifest_put_undecided(out, erasure->entry.number, erasure->undecided);
    for (uint32_t i = 0; i < erasure->done_count && fine; i++)
        fine = manifest_put_erased(out, erasure->entry.number, &erasure->done[i]);
    return fine;
}

bool erasures_put(const struct upkeep *upkeep, struct buf *out)
{
    bool fine = true;

    for (uint32_t i = 0; i < upkeep->erasure_count && fine; i++)
        fine = put(upkeep->erasures[i], out);
    return fine;
}

uint32_t erasures_unfinished(const struct upkeep *upkeep)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < upkeep->erasure_count; i++)
        count += upkeep->erasures[i]->state != ERASE_FINISHED;
    return count;
}

bool erasures_at_work(const struct upkeep *upkeep)
{
    bool any = false;

    for (uint32_t i = 0; i < upkeep->erasure_count; i++)
        any = any || (upkeep->erasures[i]->state != ERASE_FINISHED &&
                      upkeep->erasures[i]->state != ERASE_INCOMPLETE);
    return any;
}

/* ---- what others see ---- */


struct erase_receipt erasure_receipt(const struct erasure *erasure)
{
    const struct manifest_erasure *entry = &erasure->entry;

    return (struct erase_receipt){
        .number = entry->number,
        .state = erasure->state,
        .requested_ns = entry->requested_ns,
        .finished_ns = entry->finished_ns,
        .time_min_ns = entry->time_min_ns,
        .time_max_ns = entry->time_max_ns,
        .sequence_max = entry->sequence_max,
        .rows = entry->rows,
        .samples = entry->samples,
        .segments = entry->segments,
        .undecided = erasure->undecided,
        .filter = entry->filter,
        .by = entry->by,
        .problem = erasure->problem,
        .done = erasure->done,
        .done_count = erasure->done_count,
    };
}

void store_erasures(struct store *store, erase_visit *visit, void *user)
{
    bool go_on = true;

    (void)pthread_mutex_lock(&store->state_lock);
    for (uint32_t i = 0; i < store->upkeep.erasure_count && go_on; i++) {
        struct erase_receipt receipt = erasure_receipt(store->upkeep.erasures[i]);

        go_on = visit(user, &receipt);
    }
    (void)pthread_mutex_unlock(&store->state_lock);
}
