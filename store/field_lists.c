/* store/field_lists.c -- a hash table of lists of fields. */
#include "store/field_lists.h"

#include "store/text_hash.h"

#include <stdlib.h>

enum { ARENA_SIZE_MAX = 256 << 20, PLACES_FIRST = 256 };

/* All that a list knows of a field, as one number. */
static inline uint64_t field_word(const struct event_field *field)
{
    return field->field | (uint64_t)field->type << 32 | (uint64_t)field->unit << 40 |
           (uint64_t)(field->text.data != NULL) << 48;
}

void field_lists_init(struct field_lists *lists)
{
    *lists = (struct field_lists){.arena = arena_empty(ARENA_SIZE_MAX)};
}

void field_lists_release(struct field_lists *lists)
{
    free(lists->lists);
    free(lists->places);
    arena_release(&lists->arena);
    field_lists_init(lists);
}

/* Twice the places, at most half of them used. */
static bool grow(struct field_lists *lists)
{
    uint32_t place_count = lists->place_count == 0 ? PLACES_FIRST : lists->place_count * 2;
    uint32_t *places = malloc(place_count * sizeof(*places));
    struct field_list *grown = realloc(lists->lists, place_count / 2 * sizeof(*grown));

    if (grown != NULL)
        lists->lists = grown;
    if (places == NULL || grown == NULL) {
        free(places);
        return false;
    }
    memset(places, 0xff, place_count * sizeof(*places));
    for (uint32_t i = 0; i < lists->count; i++) {
        uint32_t place = (uint32_t)lists->lists[i].hash & (place_count - 1);

        while (places[place] != FIELD_LIST_NONE)
            place = (place + 1) & (place_count - 1);
        places[place] = i;
    }
    free(lists->places);
    lists->places = places;
    lists->place_count = place_count;
    return true;
}

static bool is_list(const struct field_list *list, uint16_t format, const struct event_field *fields,
                    uint32_t count)
{
    if (list->format != format || list->count != count)
        return false;
    for (uint32_t i = 0; i < count; i++)
        if (list->fields[i] != field_word(&fields[i]))
            return false;
    return true;
}

static uint64_t *copy_words(struct arena *arena, const struct event_field *fields, uint32_t count)
{
    uint64_t *words = arena_new(arena, uint64_t, (size_t)count + 1);

    for (uint32_t i = 0; words != NULL && i < count; i++)
        words[i] = field_word(&fields[i]);
    return words;
}

uint32_t field_lists_get(struct field_lists *lists, uint16_t format,
                         const struct event_field *fields, uint32_t count)
{
    uint64_t hash = text_hash_words(format, count, 0);
    uint32_t place;

    if (count > FIELD_LIST_LENGTH_MAX || (lists->count >= lists->place_count / 2 && !grow(lists)))
        return FIELD_LIST_NONE;
    for (uint32_t i = 0; i < count; i++)
        hash = text_hash_words(hash, field_word(&fields[i]), i);
    for (place = (uint32_t)hash & (lists->place_count - 1); lists->places[place] != FIELD_LIST_NONE;
         place = (place + 1) & (lists->place_count - 1)) {
        const struct field_list *list = &lists->lists[lists->places[place]];

        if (list->hash == hash && is_list(list, format, fields, count))
            return lists->places[place];
    }
    if (lists->count == FIELD_LISTS_MAX)
        return FIELD_LIST_NONE;
    lists->lists[lists->count] = (struct field_list){
        hash, copy_words(&lists->arena, fields, count), count, format};
    if (lists->lists[lists->count].fields == NULL)
        return FIELD_LIST_NONE;
    lists->places[place] = lists->count;
    return lists->count++;
}
