/* store/segment_list.c -- an array, and a table of numbers with linear probing. */
#include "store/segment_list.h"

#include <stdlib.h>

enum { CAPACITY_FIRST = 256, CAPACITY_MAX = 1 << 26 };

/* Numbers grow by one: any mixing spreads them. */
static uint32_t place_of(const struct segment_list *list, uint64_t number)
{
    uint32_t mask = list->capacity * 2 - 1;
    uint32_t place = (uint32_t)(number * 0x9e3779b97f4a7c15u >> 32) & mask;

    while (list->places[place] != UINT32_MAX &&
           list->segments[list->places[place]].entry.number != number)
        place = (place + 1) & mask;
    return place;
}

static bool grow(struct segment_list *list)
{
    uint32_t capacity = list->capacity == 0 ? CAPACITY_FIRST : list->capacity * 2;
    struct listed_segment *segments;
    uint32_t *places;

    if (capacity > CAPACITY_MAX)
        return false;
    segments = realloc(list->segments, capacity * sizeof(*segments));
    if (segments == NULL)
        return false;
    list->segments = segments;
    places = realloc(list->places, (size_t)capacity * 2 * sizeof(*places));
    if (places == NULL)
        return false;
    list->places = places;
    list->capacity = capacity;
    memset(places, 0xff, (size_t)capacity * 2 * sizeof(*places));
    for (uint32_t i = 0; i < list->count; i++)
        places[place_of(list, segments[i].entry.number)] = i;
    return true;
}

bool segment_list_add(struct segment_list *list, const struct manifest_segment *entry)
{
    uint32_t place;

    if (list->count == list->capacity && !grow(list))
        return false;
    place = place_of(list, entry->number);
    if (list->places[place] == UINT32_MAX)
        list->places[place] = list->count++;
    list->segments[list->places[place]] = (struct listed_segment){.entry = *entry};
    return true;
}

static struct listed_segment *find(const struct segment_list *list, uint64_t number)
{
    uint32_t place = list->count == 0 ? UINT32_MAX : list->places[place_of(list, number)];

    return place == UINT32_MAX || list->segments[place].dropped ? NULL : &list->segments[place];
}

void segment_list_drop(struct segment_list *list, uint64_t number)
{
    struct listed_segment *segment = find(list, number);

    if (segment != NULL)
        segment->dropped = true;
}

struct manifest_segment *segment_list_find(const struct segment_list *list, uint64_t number)
{
    struct listed_segment *segment = find(list, number);

    return segment == NULL ? NULL : &segment->entry;
}

void segment_list_release(struct segment_list *list)
{
    free(list->segments);
    free(list->places);
    *list = (struct segment_list){0};
}
