/* shipper/source.c -- the table of sources: a list in order of age, and a hash by inode. */
#include "shipper/source.h"

#include "shipper/limits.h"

#include <assert.h>
#include <stdlib.h>

const char *source_state_name(enum source_state state)
{
    static const char *const names[SOURCE_STATE_COUNT] = {"new", "asking", "followed", "orphan",
                                                          "finished"};

    return state < SOURCE_STATE_COUNT ? names[state] : "unknown";
}

static struct source **bucket_of(struct source_table *table, const struct file_key *key)
{
    return &table->buckets[(key->inode * 0x9E3779B97F4A7C15ULL) >> 52];
}

static_assert(SOURCE_BUCKETS == 1 << 12, "bucket_of() takes the top 12 bits");

static void chain_in(struct source_table *table, struct source *source)
{
    struct source **bucket = bucket_of(table, &source->gen.key);

    source->next = *bucket;
    *bucket = source;
}

static void chain_out(struct source_table *table, struct source *source)
{
    struct source **at = bucket_of(table, &source->gen.key);

    while (*at != source)
        at = &(*at)->next;
    *at = source->next;
    source->next = NULL;
}

static bool table_grow(struct source_table *table)
{
    uint32_t capacity = table->capacity == 0 ? 64 : table->capacity * 2;
    struct source **items;

    if (table->count < table->capacity)
        return true;
    if (table->count >= SOURCES_MAX)
        return false;
    items = realloc(table->items, capacity * sizeof(*items));
    if (items == NULL)
        return false;
    table->items = items;
    table->capacity = capacity;
    return true;
}

struct source *source_table_add(struct source_table *table, const struct generation *gen)
{
    struct source *source;
    char *path;

    if (!table_grow(table))
        return NULL;
    source = calloc(1, sizeof(*source));
    path = strdup(gen->path);
    if (source == NULL || path == NULL) {
        free(source);
        free(path);
        return NULL;
    }
    source->gen = *gen;
    source->gen.path = path;
    source->content = content_closed();
    source->read_off = source->scan_off = gen->acked_off;
    source->read_tail = gen->acked_tail;
    source->decision = "new";
    table->items[table->count++] = source;
    chain_in(table, source);
    return source;
}

static void source_free(struct source *source, struct io *io)
{
    content_close(io, &source->content);
    free((void *)(uintptr_t)source->gen.path);
    free(source->where);
    free(source->marks);
    free(source);
}

void source_table_remove(struct source_table *table, struct source *source, struct io *io)
{
    uint32_t at = 0;

    assert(source->in_flight == 0 && source->waiters == 0);
    while (table->items[at] != source)
        at++;
    memmove(&table->items[at], &table->items[at + 1],
            (table->count - at - 1) * sizeof(*table->items));
    table->count--;
    if (source->older != NULL)
        source->older->waiters--;
    chain_out(table, source);
    source_free(source, io);
}

void source_table_release(struct source_table *table, struct io *io)
{
    for (uint32_t i = 0; i < table->count; i++)
        source_free(table->items[i], io);
    free(table->items);
    *table = (struct source_table){0};
}

struct source *source_table_find(const struct source_table *table, const struct file_key *key)
{
    struct source *best = NULL;
    struct source *at = *bucket_of((struct source_table *)(uintptr_t)table, key);

    for (; at != NULL; at = at->next)
        if (file_key_equal(&at->gen.key, key) &&
            (best == NULL || at->gen.trunc_no > best->gen.trunc_no))
            best = at;
    return best;
}

struct source *source_table_find_id(const struct source_table *table, const uint8_t *gen_id,
                                    uint32_t trunc_no)
{
    for (uint32_t i = table->count; i > 0; i--) {
        struct source *source = table->items[i - 1];

        if (source->gen.trunc_no == trunc_no &&
            memcmp(source->gen.gen_id, gen_id, GEN_ID_SIZE) == 0)
            return source;
    }
    return NULL;
}

void source_table_rekey(struct source_table *table, struct source *source,
                        const struct file_key *key)
{
    chain_out(table, source);
    source->gen.key = *key;
    chain_in(table, source);
}

void source_mark(struct source *source)
{
    if (source->read_tail == TAIL_HASH_UNKNOWN)
        return;
    if (source->marks == NULL)
        source->marks = calloc(1, sizeof(*source->marks));
    if (source->marks != NULL)
        tail_marks_add(source->marks, source->read_off, source->read_tail);
}

void source_note_size(struct source *source, int64_t now_ns)
{
    if (source->lag_off > source->gen.acked_off)
        return; /* older bytes wait */
    source->lag_off = source->size;
    source->lag_ns = now_ns;
}

int64_t source_lag_ns(struct source *source, int64_t now_ns)
{
    if (source->size <= source->gen.acked_off)
        return 0;
    source_note_size(source, source->grew_ns); /* what waited when we last looked was acked since */
    return now_ns - source->lag_ns;
}

bool source_set_where(struct source *source, const char *path)
{
    char *copy = NULL;

    if (strcmp(path, source_path(source)) == 0)
        return true;
    if (strcmp(path, source->gen.path) != 0) {
        copy = strdup(path);
        if (copy == NULL)
            return false;
    }
    free(source->where);
    source->where = copy;
    return true;
}
