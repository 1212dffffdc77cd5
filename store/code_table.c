/* store/code_table.c -- codes by hash. */
#include "store/code_table.h"

#include <stdlib.h>
#include <string.h>

enum { CAPACITY_MIN = 64 /* most columns have few strings: little to clear */ };

bool code_table_reset(struct code_table *table)
{
    if (table->capacity != CAPACITY_MIN) {
        free(table->places);
        table->places = malloc(CAPACITY_MIN * sizeof(*table->places));
        table->capacity = table->places == NULL ? 0 : (uint32_t)CAPACITY_MIN;
    }
    table->count = 0;
    if (table->places != NULL)
        memset(table->places, 0, CAPACITY_MIN * sizeof(*table->places));
    return table->places != NULL;
}

void code_table_release(struct code_table *table)
{
    free(table->places);
    *table = (struct code_table){0};
}

static bool grow(struct code_table *table)
{
    uint32_t capacity = table->capacity * 2;
    struct code_place *places = calloc(capacity, sizeof(*places)), *before = table->places;
    uint32_t count = table->capacity;

    if (places == NULL)
        return false;
    table->places = places;
    table->capacity = capacity;
    for (uint32_t i = 0; i < count; i++)
        if (before[i].code != 0)
            *code_table_find(table, before[i].hash) = before[i];
    free(before);
    return true;
}

bool code_table_put(struct code_table *table, struct code_place *place, uint64_t hash)
{
    *place = (struct code_place){hash, ++table->count};
    return table->count * 2 < table->capacity || grow(table);
}
