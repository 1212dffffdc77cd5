/* store/field_lists.c -- a list is found by its format and what it knows of each field, as bytes. */
#include "store/field_lists.h"

enum { ARENA_SIZE_MAX = 256 << 20 };

/* All that a list knows of a field, as one number. */
static inline uint64_t field_word(const struct event_field *field)
{
    return field->field | (uint64_t)field->type << 32 | (uint64_t)field->unit << 40 |
           (uint64_t)(field->text.data != NULL) << 48;
}

void field_lists_init(struct field_lists *lists)
{
    *lists = (struct field_lists){.arena = arena_empty(ARENA_SIZE_MAX),
                                  .numbers = map_empty(FIELD_LISTS_MAX)};
}

void field_lists_release(struct field_lists *lists)
{
    map_release(&lists->numbers);
    arena_release(&lists->arena);
    field_lists_init(lists);
}

uint32_t field_lists_get(struct field_lists *lists, uint16_t format,
                         const struct event_field *fields, uint32_t count)
{
    uint64_t words[1 + FIELD_LIST_LENGTH_MAX];
    struct slice list = {(const char *)words, (1 + (size_t)count) * sizeof(words[0])};
    uint32_t number;

    if (count > FIELD_LIST_LENGTH_MAX)
        return FIELD_LIST_NONE;
    words[0] = format;
    for (uint32_t i = 0; i < count; i++)
        words[1 + i] = field_word(&fields[i]);
    number = map_get(&lists->numbers, list);
    if (number != MAP_NONE || lists->numbers.count == FIELD_LISTS_MAX)
        return number;
    number = lists->numbers.count;
    list = arena_copy(&lists->arena, list);
    return list.data != NULL && map_put(&lists->numbers, list, number) ? number : FIELD_LIST_NONE;
}
