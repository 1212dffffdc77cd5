/* store/name_table.c -- names <-> numbers. The array of names has its full size from the start
 * (1 MiB of address space, touched as it fills), so that nothing moves under a reader. */
#include "store/name_table.h"

#include "base/memory_budget.h"

#include <stdlib.h>

#define TEXTS_SIZE_MAX ((size_t)NAME_COUNT_MAX * (NAME_SIZE_MAX + 16))

enum status name_table_init(struct name_table *table, struct error *err)
{
    *table = (struct name_table){
        .texts = arena_empty(TEXTS_SIZE_MAX),
        .numbers = map_empty(NAME_COUNT_MAX),
        .names = calloc(NAME_COUNT_MAX, sizeof(struct slice)),
    };
    if (table->names == NULL)
        return error_set(err, STATUS_NO_MEMORY, "no memory for a table of names");
    (void)pthread_rwlock_init(&table->lock, NULL);
    return STATUS_OK;
}

void name_table_release(struct name_table *table)
{
    if (table->names == NULL)
        return;
    (void)pthread_rwlock_destroy(&table->lock);
    arena_release(&table->texts);
    map_release(&table->numbers);
    free(table->names);
    table->names = NULL;
}

uint32_t name_table_find(struct name_table *table, struct slice name)
{
    uint32_t number;

    (void)pthread_rwlock_rdlock(&table->lock);
    number = map_get(&table->numbers, name);
    (void)pthread_rwlock_unlock(&table->lock);
    return number == MAP_NONE ? NAME_TABLE_NONE : number;
}

static uint32_t add_name(struct name_table *table, struct slice name)
{
    struct slice text;

    if (table->count == NAME_COUNT_MAX || name.len > NAME_SIZE_MAX)
        return NAME_TABLE_NONE;
    text = arena_copy(&table->texts, name);
    if (text.len != name.len || !map_put(&table->numbers, text, table->count))
        return NAME_TABLE_NONE;
    table->names[table->count] = text;
    return table->count++;
}

uint32_t name_table_get(struct name_table *table, struct slice name)
{
    uint32_t number = name_table_find(table, name);
    enum memory_class before;

    if (number != NAME_TABLE_NONE)
        return number;
    before = memory_budget_enter(MEMORY_REGISTRY);
    (void)pthread_rwlock_wrlock(&table->lock);
    number = map_get(&table->numbers, name); /* another thread may have been faster */
    if (number == MAP_NONE)
        number = add_name(table, name);
    (void)pthread_rwlock_unlock(&table->lock);
    (void)memory_budget_enter(before);
    return number;
}

struct slice name_table_name(struct name_table *table, uint32_t number)
{
    struct slice name = {NULL, 0};

    (void)pthread_rwlock_rdlock(&table->lock);
    if (number < table->count)
        name = table->names[number];
    (void)pthread_rwlock_unlock(&table->lock);
    return name;
}

uint32_t name_table_count(struct name_table *table)
{
    uint32_t count;

    (void)pthread_rwlock_rdlock(&table->lock);
    count = table->count;
    (void)pthread_rwlock_unlock(&table->lock);
    return count;
}
