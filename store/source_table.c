/* store/source_table.c -- sources <-> numbers; the key of a source is its encoding. */
#include "store/source_table.h"

#include "base/memory_budget.h"

#define TEXTS_SIZE_MAX ((size_t)1 << 30)
enum { ENCODED_SIZE_MAX = 64 + 4 * (SOURCE_TEXT_SIZE_MAX + VARINT_SIZE_MAX) };

bool source_id_append(struct buf *out, const struct source_id *id)
{
    return buf_append(out, id->shipper, sizeof(id->shipper)) &&
           buf_append(out, id->generation, sizeof(id->generation)) &&
           buf_append_u32(out, id->truncations);
}

bool source_id_take(struct slice *rest, struct source_id *out)
{
    struct slice shipper, generation;

    if (!take_bytes(rest, sizeof(out->shipper), &shipper) ||
        !take_bytes(rest, sizeof(out->generation), &generation) ||
        !take_u32(rest, &out->truncations))
        return false;
    memcpy(out->shipper, shipper.data, sizeof(out->shipper));
    memcpy(out->generation, generation.data, sizeof(out->generation));
    return true;
}

static bool text_append(struct buf *out, struct slice text)
{
    return buf_append_varint(out, text.len) && buf_append_slice(out, text);
}

bool source_append(struct buf *out, const struct event_source *source)
{
    return source_id_append(out, &source->id) && text_append(out, source->geo) &&
           text_append(out, source->host) && text_append(out, source->role) &&
           text_append(out, source->path);
}

bool source_take(struct slice *rest, struct event_source *out)
{
    return source_id_take(rest, &out->id) && take_text(rest, &out->geo) &&
           take_text(rest, &out->host) && take_text(rest, &out->role) &&
           take_text(rest, &out->path) && out->geo.len <= SOURCE_TEXT_SIZE_MAX &&
           out->host.len <= SOURCE_TEXT_SIZE_MAX && out->role.len <= SOURCE_TEXT_SIZE_MAX &&
           out->path.len <= SOURCE_TEXT_SIZE_MAX;
}

enum status source_table_init(struct source_table *table, struct error *err)
{
    *table = (struct source_table){
        .texts = arena_empty(TEXTS_SIZE_MAX),
        .numbers = map_empty(SOURCE_COUNT_MAX),
    };
    if (pthread_rwlock_init(&table->lock, NULL) != 0)
        return error_set(err, STATUS_NO_MEMORY, "no memory for the table of sources");
    return STATUS_OK;
}

void source_table_release(struct source_table *table)
{
    (void)pthread_rwlock_destroy(&table->lock);
    arena_release(&table->texts);
    map_release(&table->numbers);
}

static uint32_t add_source(struct source_table *table, struct slice key)
{
    uint32_t page = table->count / SOURCE_PAGE_COUNT;
    struct slice text;

    if (table->count == SOURCE_COUNT_MAX)
        return SOURCE_NONE;
    if (table->pages[page] == NULL)
        table->pages[page] = arena_new(&table->texts, struct event_source, SOURCE_PAGE_COUNT);
    text = arena_copy(&table->texts, key);
    if (table->pages[page] == NULL || text.len != key.len ||
        !map_put(&table->numbers, text, table->count))
        return SOURCE_NONE;
    if (!source_take(&text, &table->pages[page][table->count % SOURCE_PAGE_COUNT]))
        return SOURCE_NONE;
    return table->count++;
}

uint32_t source_table_get(struct source_table *table, const struct event_source *source)
{
    struct buf key = buf_empty(ENCODED_SIZE_MAX);
    uint32_t number = SOURCE_NONE;

    if (!source_append(&key, source)) {
        buf_release(&key);
        return SOURCE_NONE;
    }
    (void)pthread_rwlock_rdlock(&table->lock);
    number = map_get(&table->numbers, buf_slice(&key));
    (void)pthread_rwlock_unlock(&table->lock);
    if (number == MAP_NONE) {
        enum memory_class before = memory_budget_enter(MEMORY_REGISTRY);

        (void)pthread_rwlock_wrlock(&table->lock);
        number = map_get(&table->numbers, buf_slice(&key));
        if (number == MAP_NONE)
            number = add_source(table, buf_slice(&key));
        (void)pthread_rwlock_unlock(&table->lock);
        (void)memory_budget_enter(before);
    }
    buf_release(&key);
    return number;
}

const struct event_source *source_table_source(struct source_table *table, uint32_t number)
{
    const struct event_source *source = NULL;

    (void)pthread_rwlock_rdlock(&table->lock);
    if (number < table->count)
        source = &table->pages[number / SOURCE_PAGE_COUNT][number % SOURCE_PAGE_COUNT];
    (void)pthread_rwlock_unlock(&table->lock);
    return source;
}

uint32_t source_table_count(struct source_table *table)
{
    uint32_t count;

    (void)pthread_rwlock_rdlock(&table->lock);
    count = table->count;
    (void)pthread_rwlock_unlock(&table->lock);
    return count;
}
