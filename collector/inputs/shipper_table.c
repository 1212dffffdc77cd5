/* Shippers by id. Entries have fixed addresses, since connections point to them. */
#include "collector/inputs/shipper_table.h"

#include <stdlib.h>
#include <string.h>

enum { SHIPPERS_MIN = 16, SHIPPERS_FULL = SHIPPERS_MAX / 10 * 7 /* a map is at most 70% full */ };

struct shipper_table shipper_table_empty(void)
{
    return (struct shipper_table){.by_id = map_empty(SHIPPERS_MAX)};
}

void shipper_table_release(struct shipper_table *table)
{
    for (uint32_t i = 0; i < table->count; i++)
        free(table->shippers[i]);
    free(table->shippers);
    map_release(&table->by_id);
    *table = shipper_table_empty();
}

static struct slice key_of(const struct shipper *shipper)
{
    return slice_make(shipper->id, sizeof(shipper->id));
}

static bool grow(struct shipper_table *table)
{
    uint32_t capacity = table->capacity == 0 ? SHIPPERS_MIN : table->capacity * 2;
    struct shipper **shippers;

    if (table->count < table->capacity)
        return true;
    shippers = realloc(table->shippers, capacity * sizeof(shippers[0]));
    if (shippers == NULL)
        return false;
    table->shippers = shippers;
    table->capacity = capacity;
    return true;
}

static bool forget_oldest(struct shipper_table *table)
{
    uint32_t oldest = table->count;

    for (uint32_t i = 0; i < table->count; i++)
        if (table->shippers[i]->conn == NULL &&
            (oldest == table->count ||
             table->shippers[i]->seen_ns < table->shippers[oldest]->seen_ns))
            oldest = i;
    if (oldest == table->count)
        return false;
    free(table->shippers[oldest]);
    table->shippers[oldest] = table->shippers[--table->count];
    map_reset(&table->by_id);
    for (uint32_t i = 0; i < table->count; i++)
        if (!map_put(&table->by_id, key_of(table->shippers[i]), i))
            return false;
    return true;
}

struct shipper *shipper_table_get(struct shipper_table *table, const uint8_t id[WIRE_ID_SIZE])
{
    uint32_t index = map_get(&table->by_id, slice_make(id, WIRE_ID_SIZE));
    struct shipper *shipper;

    if (index != MAP_NONE)
        return table->shippers[index];
    if ((table->count >= SHIPPERS_FULL && !forget_oldest(table)) || !grow(table))
        return NULL;
    shipper = calloc(1, sizeof(*shipper));
    if (shipper == NULL)
        return NULL;
    memcpy(shipper->id, id, sizeof(shipper->id));
    if (!map_put(&table->by_id, key_of(shipper), table->count)) {
        free(shipper);
        return NULL;
    }
    table->shippers[table->count++] = shipper;
    return shipper;
}
