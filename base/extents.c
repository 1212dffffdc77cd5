/* base/extents.c -- an array, moved when a part comes or goes: it has as many entries as there are
 * holes between pieces, which are few. */
#include "base/extents.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { CAPACITY_MIN = 64 };

/* Room for all that so many pieces can leave between them, so that giving back needs no memory. */
static bool reserve(struct extents *extents, size_t piece_count)
{
    size_t capacity = extents->capacity == 0 ? CAPACITY_MIN : extents->capacity * 2;
    struct extent *grown;

    if (piece_count + 1 <= extents->capacity)
        return true;
    grown = realloc(extents->free, capacity * sizeof(*grown));
    if (grown == NULL)
        return false;
    extents->free = grown;
    extents->capacity = capacity;
    return true;
}

bool extents_init(struct extents *extents, size_t size)
{
    *extents = (struct extents){0};
    if (!reserve(extents, 0))
        return false;
    extents->free[0] = (struct extent){0, size};
    extents->count = 1;
    return true;
}

void extents_release(struct extents *extents)
{
    free(extents->free);
    *extents = (struct extents){0};
}

static void remove_at(struct extents *extents, size_t index)
{
    extents->count--;
    memmove(&extents->free[index], &extents->free[index + 1],
            (extents->count - index) * sizeof(extents->free[0]));
}

/* The first `size` bytes of a part. */
static size_t cut(struct extents *extents, size_t index, size_t size)
{
    struct extent *part = &extents->free[index];
    size_t at = part->at;

    part->at += size;
    part->size -= size;
    if (part->size == 0)
        remove_at(extents, index);
    return at;
}

/* The lowest with `size` bytes, or the count. */
static size_t find_first(const struct extents *extents, size_t size)
{
    size_t index = 0;

    while (index < extents->count && extents->free[index].size < size)
        index++;
    return index;
}

/* The widest one with `size` bytes, of all but the last; or the last, or the count. */
static size_t find_widest(const struct extents *extents, size_t size)
{
    size_t best = find_first(extents, size);

    for (size_t i = best; i + 1 < extents->count; i++)
        if (extents->free[i].size > extents->free[best].size)
            best = i;
    return best;
}

static size_t take(struct extents *extents, size_t index, size_t size)
{
    if (index == extents->count || !reserve(extents, extents->piece_count + 1))
        return EXTENTS_NONE;
    extents->piece_count++;
    return cut(extents, index, size);
}

size_t extents_take(struct extents *extents, size_t size)
{
    return take(extents, find_first(extents, size), size);
}

size_t extents_take_widest(struct extents *extents, size_t size)
{
    return take(extents, find_widest(extents, size), size);
}

/* The first one at `at` or behind it, or the count. */
static size_t find_from(const struct extents *extents, size_t at)
{
    size_t index = 0;

    while (index < extents->count && extents->free[index].at < at)
        index++;
    return index;
}

bool extents_extend(struct extents *extents, size_t at, size_t size)
{
    size_t index = find_from(extents, at);

    if (index == extents->count || extents->free[index].at != at ||
        extents->free[index].size < size)
        return false;
    (void)cut(extents, index, size);
    return true;
}

void extents_give_tail(struct extents *extents, size_t at, size_t size)
{
    size_t index = find_from(extents, at);
    struct extent *next = &extents->free[index], *before = next - 1;
    bool joins_before = index > 0 && before->at + before->size == at;
    bool joins_next = index < extents->count && at + size == next->at;

    if (joins_before && joins_next) {
        before->size += size + next->size;
        remove_at(extents, index);
    } else if (joins_before) {
        before->size += size;
    } else if (joins_next) {
        next->at = at;
        next->size += size;
    } else {
        assert(extents->count < extents->capacity);
        memmove(next + 1, next, (extents->count - index) * sizeof(*next));
        *next = (struct extent){at, size};
        extents->count++;
    }
}

void extents_give(struct extents *extents, size_t at, size_t size)
{
    extents_give_tail(extents, at, size);
    extents->piece_count--;
}
