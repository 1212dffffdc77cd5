/* store/registry.c -- two tables of numbers in memory, and the log that they come back from. */
#include "store/registry.h"

#include "base/byteorder.h"
#include "base/diag.h"
#include "base/hash.h"
#include "base/memory_budget.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Open addressing; keys are never 0. */
struct number_table {
    struct { uint64_t key; int64_t value; } *slots;
    uint32_t count, capacity; /* 0 or a power of two */
};

struct registry {
    pthread_mutex_t lock; /* of all that follows */
    struct io *io;
    char path[PATH_SIZE_MAX];
    struct number_table templates, segments;
    uint64_t refused;
    uint64_t file_size; /* good bytes; 0: the header is not there yet */
    uint64_t records;
    uint64_t generation; /* how often it has forgotten */
};

/* ---- tables ---- */

static uint32_t slot_of(const struct number_table *table, uint64_t key)
{
    uint32_t at = (uint32_t)hash64(&key, sizeof(key)) & (table->capacity - 1);

    while (table->slots[at].key != 0 && table->slots[at].key != key)
        at = (at + 1) & (table->capacity - 1);
    return at;
}

static bool table_get(const struct number_table *table, uint64_t key, int64_t *value)
{
    uint32_t at;

    if (table->capacity == 0 || key == 0)
        return false;
    at = slot_of(table, key);
    if (table->slots[at].key == 0)
        return false;
    *value = table->slots[at].value;
    return true;
}

/* Room for `extra` more without growing. */
static bool table_reserve(struct number_table *table, uint32_t extra)
{
    struct number_table grown = {.count = table->count};
    uint64_t wanted = ((uint64_t)table->count + extra) * 4 / 3 + 1, capacity = 64;

    while (capacity < wanted)
        capacity *= 2;
    if (capacity <= table->capacity)
        return true;
    if (capacity > UINT32_MAX)
        return false;
    grown.capacity = (uint32_t)capacity;
    grown.slots = calloc(capacity, sizeof(*grown.slots));
    if (grown.slots == NULL)
        return false;
    for (uint32_t i = 0; i < table->capacity; i++)
        if (table->slots[i].key != 0)
            grown.slots[slot_of(&grown, table->slots[i].key)] = table->slots[i];
    free(table->slots);
    *table = grown;
    return true;
}

/* The lesser value stays. Room was reserved. */
static void table_put(struct number_table *table, uint64_t key, int64_t value)
{
    uint32_t at;

    assert(table->slots != NULL);
    at = slot_of(table, key);
    if (table->slots[at].key == 0)
        table->count++;
    else if (table->slots[at].value <= value)
        return;
    table->slots[at].key = key;
    table->slots[at].value = value;
}

static void table_clear(struct number_table *table)
{
    free(table->slots);
    *table = (struct number_table){0};
}

/* ---- records ---- */

static uint64_t record_checksum(const char *header, struct slice entries, uint64_t place)
{
    return hash64_seed(entries.data, entries.len, hash64_seed(header, 16, place));
}

static bool put_record(struct buf *out, uint64_t segment, const struct template_seen *seen,
                       uint32_t count, uint64_t place)
{
    size_t start = out->len, entries = start + REGISTRY_RECORD_HEADER_SIZE;
    bool ok = buf_append_u32(out, count) && buf_append_u32(out, 0) &&
              buf_append_u64(out, segment) && buf_append_u64(out, 0);

    for (uint32_t i = 0; ok && i < count; i++)
        ok = buf_append_u64(out, seen[i].id) && buf_append_u64(out, (uint64_t)seen[i].first_ns);
    if (ok)
        put_le64(out->data + start + 16,
                record_checksum(out->data + start, slice_from(buf_slice(out), entries), place));
    return ok;
}

/* Segments and templates of one record that is whole. */
static bool apply(struct registry *registry, uint64_t segment, const char *entries, uint32_t count)
{
    if (!table_reserve(&registry->templates, count) || !table_reserve(&registry->segments, 1))
        return false;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t id = get_le64(entries + (size_t)i * REGISTRY_ENTRY_SIZE);
        int64_t known, first = (int64_t)get_le64(entries + (size_t)i * REGISTRY_ENTRY_SIZE + 8);

        if (id == 0)
            continue;
        if (registry->templates.count >= REGISTRY_TEMPLATES_MAX &&
            !table_get(&registry->templates, id, &known))
            registry->refused++;
        else
            table_put(&registry->templates, id, first);
    }
    if (segment != 0 && registry->segments.count < REGISTRY_SEGMENTS_MAX)
        table_put(&registry->segments, segment, 0);
    return true;
}

/* Take records until one is not whole. False: no memory. */
static bool load_records(struct registry *registry, struct slice file)
{
    size_t at = REGISTRY_HEADER_SIZE;

    if (file.len < at || memcmp(file.data, REGISTRY_MAGIC, 8) != 0 ||
        get_le32(file.data + 8) != REGISTRY_VERSION)
        return true; /* file_size stays 0: it is begun anew */
    while (file.len - at >= REGISTRY_RECORD_HEADER_SIZE) {
        const char *header = file.data + at;
        uint32_t count = get_le32(header);
        size_t size = (size_t)count * REGISTRY_ENTRY_SIZE;
        struct slice entries = {header + REGISTRY_RECORD_HEADER_SIZE, size};

        if (count > REGISTRY_RECORD_MAX || size > file.len - at - REGISTRY_RECORD_HEADER_SIZE ||
            get_le64(header + 16) != record_checksum(header, entries, registry->records))
            break;
        if (!apply(registry, get_le64(header + 8), entries.data, count))
            return false;
        registry->records++;
        at += REGISTRY_RECORD_HEADER_SIZE + size;
    }
    registry->file_size = at;
    return true;
}

enum status registry_open(struct io *io, const char *dir, struct registry **out,
                          struct error *err)
{
    enum memory_class before = memory_budget_enter(MEMORY_REGISTRY);
    struct registry *registry = calloc(1, sizeof(*registry));
    struct buf file = buf_empty(REGISTRY_FILE_SIZE_MAX);
    bool ok = registry != NULL;

    if (ok) {
        (void)pthread_mutex_init(&registry->lock, NULL);
        registry->io = io;
        path_join(registry->path, dir, "registry");
        if (io_read_file(io, registry->path, &file, NULL) == STATUS_OK)
            ok = load_records(registry, buf_slice(&file));
    }
    buf_release(&file);
    (void)memory_budget_enter(before);
    if (!ok) {
        registry_close(registry);
        return error_set(err, STATUS_NO_MEMORY, "no memory for the registry of templates");
    }
    *out = registry;
    return STATUS_OK;
}

void registry_close(struct registry *registry)
{
    if (registry == NULL)
        return;
    table_clear(&registry->templates);
    table_clear(&registry->segments);
    (void)pthread_mutex_destroy(&registry->lock);
    free(registry);
}

/* ---- the file ---- */

static bool put_header(struct buf *out)
{
    return buf_append(out, REGISTRY_MAGIC, 8) && buf_append_u32(out, REGISTRY_VERSION) &&
           buf_append_u32(out, 0);
}

/* Append, not synced: see the head of registry.h. Lock held. */
static enum status append_bytes(struct registry *registry, struct slice bytes, struct error *err)
{
    int flags = IO_WRITE | IO_CREATE | IO_NO_FOLLOW | (registry->file_size == 0 ? IO_TRUNCATE : 0);
    int fd = -1;
    enum status status = io_open(registry->io, registry->path, flags, &fd, err);

    if (status == STATUS_OK)
        status = io_write_all(registry->io, fd, bytes.data, bytes.len, registry->file_size,
                              registry->path, err);
    io_close(registry->io, &fd);
    if (status == STATUS_OK)
        registry->file_size += bytes.len;
    return status;
}

static enum status append_record(struct registry *registry, uint64_t segment,
                                 const struct template_seen *seen, uint32_t count,
                                 struct error *err)
{
    struct buf bytes = buf_empty(REGISTRY_FILE_SIZE_MAX);
    enum status status = STATUS_OK;

    if (registry->file_size > REGISTRY_FILE_SIZE_MAX / 2)
        return error_set(err, STATUS_TOO_LARGE, "the registry of templates is full");
    if ((registry->file_size == 0 && !put_header(&bytes)) ||
        !put_record(&bytes, segment, seen, count, registry->records))
        status = buf_check(&bytes, "the registry of templates", err);
    if (status == STATUS_OK)
        status = append_bytes(registry, buf_slice(&bytes), err);
    if (status == STATUS_OK)
        registry->records++;
    buf_release(&bytes);
    return status;
}

/* Only what the registry does not know already: most segments have the templates of the one before
 * them. Gives how many stay. */
static uint32_t drop_known(const struct registry *registry, struct template_seen *seen,
                           uint32_t count)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < count; i++) {
        int64_t first;

        if (!table_get(&registry->templates, seen[i].id, &first) || seen[i].first_ns < first)
            seen[kept++] = seen[i];
    }
    return kept;
}

uint64_t registry_generation(struct registry *registry)
{
    uint64_t generation;

    (void)pthread_mutex_lock(&registry->lock);
    generation = registry->generation;
    (void)pthread_mutex_unlock(&registry->lock);
    return generation;
}

enum status registry_add(struct registry *registry, uint64_t generation, uint64_t segment,
                         const struct template_seen *seen, uint32_t count, struct error *err)
{
    enum memory_class before = memory_budget_enter(MEMORY_REGISTRY);
    uint32_t taken = count < REGISTRY_RECORD_MAX ? count : REGISTRY_RECORD_MAX;
    struct template_seen *news = calloc((size_t)taken + 1, sizeof(*news));
    struct buf entries = buf_empty(REGISTRY_FILE_SIZE_MAX);
    struct error problem = {0};
    bool ok = news != NULL, forgotten;

    (void)pthread_mutex_lock(&registry->lock);
    forgotten = registry->generation != generation;
    if (ok && taken > 0)
        memcpy(news, seen, taken * sizeof(*news));
    taken = ok ? drop_known(registry, news, taken) : 0;
    ok = ok && !forgotten && put_record(&entries, segment, news, taken, 0) &&
         apply(registry, segment, entries.data + REGISTRY_RECORD_HEADER_SIZE, taken);
    if (ok && append_record(registry, segment, news, taken, &problem) != STATUS_OK)
        diag_warn("store: templates: %s", problem.message);
    (void)pthread_mutex_unlock(&registry->lock);
    buf_release(&entries);
    free(news);
    (void)memory_budget_enter(before);
    if (forgotten)
        return error_set(err, STATUS_AGAIN, "the registry of templates was begun anew");
    return ok ? STATUS_OK
              : error_set(err, STATUS_NO_MEMORY, "no memory for the registry of templates");
}

/* Everything in few records: the templates under segment 0, then each segment without any. */
static bool put_all(const struct registry *registry, const struct number_table *segments,
                    struct buf *out, uint64_t *records)
{
    const struct number_table *templates = &registry->templates;
    struct template_seen *seen = calloc((size_t)templates->count + 1, sizeof(*seen));
    uint32_t count = 0;
    bool ok = seen != NULL;

    for (uint32_t i = 0; ok && i < templates->capacity; i++)
        if (templates->slots[i].key != 0)
            seen[count++] = (struct template_seen){templates->slots[i].key,
                                                   templates->slots[i].value};
    *records = 0;
    ok = ok && put_header(out) && put_record(out, 0, seen, count, (*records)++);
    for (uint32_t i = 0; ok && i < segments->capacity; i++)
        if (segments->slots[i].key != 0)
            ok = put_record(out, segments->slots[i].key, NULL, 0, (*records)++);
    free(seen);
    return ok;
}

/* Lock held. */
static enum status write_anew(struct registry *registry, struct number_table *segments,
                              struct error *err)
{
    struct buf bytes = buf_empty(REGISTRY_FILE_SIZE_MAX);
    uint64_t records;
    enum status status = STATUS_OK;

    if (!put_all(registry, segments, &bytes, &records))
        status = error_set(err, STATUS_NO_MEMORY, "no memory for the registry of templates");
    if (status == STATUS_OK)
        status = io_replace_file(registry->io, registry->path, buf_slice(&bytes), err);
    if (status == STATUS_OK) {
        table_clear(&registry->segments);
        registry->segments = *segments;
        *segments = (struct number_table){0};
        registry->file_size = bytes.len;
        registry->records = records;
    }
    buf_release(&bytes);
    return status;
}

enum status registry_roll(struct registry *registry, const uint64_t *segments, uint32_t count,
                          struct error *err)
{
    enum memory_class before = memory_budget_enter(MEMORY_REGISTRY);
    struct number_table kept = {0};
    enum status status = STATUS_OK;

    if (!table_reserve(&kept, count))
        status = error_set(err, STATUS_NO_MEMORY, "no memory for the registry of templates");
    (void)pthread_mutex_lock(&registry->lock);
    for (uint32_t i = 0; status == STATUS_OK && i < count; i++) {
        int64_t ignored;

        if (table_get(&registry->segments, segments[i], &ignored))
            table_put(&kept, segments[i], 0);
    }
    if (status == STATUS_OK)
        status = write_anew(registry, &kept, err);
    (void)pthread_mutex_unlock(&registry->lock);
    table_clear(&kept);
    (void)memory_budget_enter(before);
    return status;
}

enum status registry_forget(struct registry *registry, struct error *err)
{
    enum status status;

    (void)pthread_mutex_lock(&registry->lock);
    status = io_remove(registry->io, registry->path, err);
    if (status == STATUS_OK) {
        table_clear(&registry->templates);
        table_clear(&registry->segments);
        registry->file_size = registry->records = registry->refused = 0;
        registry->generation++;
    }
    (void)pthread_mutex_unlock(&registry->lock);
    return status;
}

/* ---- questions ---- */

bool registry_first(struct registry *registry, uint64_t id, int64_t *first_ns)
{
    bool known;

    (void)pthread_mutex_lock(&registry->lock);
    known = table_get(&registry->templates, id, first_ns);
    (void)pthread_mutex_unlock(&registry->lock);
    return known;
}

bool registry_has_segment(struct registry *registry, uint64_t segment)
{
    int64_t ignored;
    bool known;

    (void)pthread_mutex_lock(&registry->lock);
    known = table_get(&registry->segments, segment, &ignored);
    (void)pthread_mutex_unlock(&registry->lock);
    return known;
}

void registry_stats(struct registry *registry, struct registry_stats *out)
{
    (void)pthread_mutex_lock(&registry->lock);
    *out = (struct registry_stats){.templates = registry->templates.count,
                                   .segments = registry->segments.count,
                                   .refused = registry->refused,
                                   .file_size = registry->file_size};
    (void)pthread_mutex_unlock(&registry->lock);
}
