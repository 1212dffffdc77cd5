/* A file of fixed records, each written in place by one pwrite (64 bytes, more than a microsecond):
 * once per range, since the next one takes the place of one that was parsed well. A mapped page
 * would cost less, but a full or failing disk is then a signal. Never synced: only the death of the
 * process is guarded against. */
#include "collector/parse_guard.h"

#include "base/byteorder.h"
#include "base/hash.h"
#include "collector/limits.h"

#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum {
    GUARD_HEADER_SIZE = 16,
    GUARD_RECORDS = WORKERS_MAX + GUARD_SUSPECTS_MAX,
    GUARD_FILE_SIZE = GUARD_HEADER_SIZE + GUARD_RECORDS * (int)sizeof(struct guard_record),
};

static const char guard_magic[8] = { 'D', 'N', 'G', 'U', 'A', 'R', 'D', '1' };

struct parse_guard {
    struct io *io;
    int fd;
    pthread_mutex_t lock; /* of suspects */
    uint32_t suspect_count;
    struct guard_record suspects[GUARD_SUSPECTS_MAX];
    struct guard_record slots[WORKERS_MAX];
    bool left[WORKERS_MAX]; /* the slot in the file has a range that was parsed well */
    char path[]; /* for sentences */
};

static uint64_t checksum_of(const struct guard_record *record, size_t index)
{
    return hash64_seed(record, offsetof(struct guard_record, checksum), index + 1);
}

static void write_record(struct parse_guard *guard, size_t index, struct guard_record *record)
{
    uint64_t offset = GUARD_HEADER_SIZE + index * sizeof(*record);
    enum status ignored;

    record->checksum = checksum_of(record, index);
    ignored = io_write_all(guard->io, guard->fd, record, sizeof(*record), offset, guard->path,
                           NULL);
    (void)ignored; /* a full disk costs the guard, see the header */
}

static bool overlaps(const struct guard_record *record, const struct source_id *source,
                     uint64_t start, uint64_t end)
{
    return record->crashes > 0 && memcmp(&record->source, source, sizeof(*source)) == 0 &&
           start < record->end && record->start < end;
}

/* A slot that was in use when the process died. The suspect keeps the part that both crashes
 * share, since batch borders differ after a restart. */
static void add_suspect(struct parse_guard *guard, const struct guard_record *slot)
{
    struct guard_record *suspect;

    for (uint32_t i = 0; i < guard->suspect_count; i++) {
        suspect = &guard->suspects[i];
        if (overlaps(suspect, &slot->source, slot->start, slot->end)) {
            suspect->crashes++;
            suspect->start = slot->start > suspect->start ? slot->start : suspect->start;
            suspect->end = slot->end < suspect->end ? slot->end : suspect->end;
            return;
        }
    }
    if (guard->suspect_count == GUARD_SUSPECTS_MAX) /* the oldest goes */
        memmove(guard->suspects, guard->suspects + 1,
                --guard->suspect_count * sizeof(guard->suspects[0]));
    guard->suspects[guard->suspect_count++] = *slot;
}

static void load_records(struct parse_guard *guard, const char *bytes)
{
    struct guard_record record;

    for (size_t i = WORKERS_MAX; i < GUARD_RECORDS; i++) {
        memcpy(&record, bytes + GUARD_HEADER_SIZE + i * sizeof(record), sizeof(record));
        if (record.checksum == checksum_of(&record, i) && record.crashes > 0)
            guard->suspects[guard->suspect_count++] = record;
    }
    for (size_t i = 0; i < WORKERS_MAX; i++) {
        memcpy(&record, bytes + GUARD_HEADER_SIZE + i * sizeof(record), sizeof(record));
        if (record.checksum == checksum_of(&record, i) && record.crashes > 0)
            add_suspect(guard, &record);
    }
}

static void write_suspects(struct parse_guard *guard)
{
    struct guard_record empty = {0};

    for (uint32_t i = 0; i < GUARD_SUSPECTS_MAX; i++)
        write_record(guard, WORKERS_MAX + i,
                     i < guard->suspect_count ? &guard->suspects[i] : &empty);
}

static enum status load(struct parse_guard *guard, struct error *err)
{
    struct buf content = buf_empty(GUARD_FILE_SIZE);
    enum status status = io_read_file(guard->io, guard->path, &content, err);
    struct guard_record empty = {0};
    char header[GUARD_HEADER_SIZE];

    memcpy(header, guard_magic, sizeof(guard_magic));
    if (status == STATUS_OK && content.len == GUARD_FILE_SIZE &&
        memcmp(content.data, guard_magic, sizeof(guard_magic)) == 0)
        load_records(guard, content.data);
    buf_release(&content);
    status = io_open(guard->io, guard->path, IO_READ | IO_WRITE | IO_CREATE | IO_TRUNCATE,
                     &guard->fd, err);
    if (status != STATUS_OK)
        return status;
    put_le32(header + sizeof(guard_magic), WORKERS_MAX);
    put_le32(header + sizeof(guard_magic) + 4, GUARD_SUSPECTS_MAX);
    status = io_write_all(guard->io, guard->fd, header, sizeof(header), 0, guard->path, err);
    for (size_t i = 0; i < WORKERS_MAX; i++)
        write_record(guard, i, &empty);
    write_suspects(guard);
    return status;
}

enum status parse_guard_open(struct io *io, const char *path, struct parse_guard **out,
                             struct error *err)
{
    size_t path_size = strlen(path) + 1;
    struct parse_guard *guard = calloc(1, sizeof(*guard) + path_size);
    enum status status;

    if (guard == NULL)
        return error_set(err, STATUS_NO_MEMORY, "parse guard: no memory");
    memcpy(guard->path, path, path_size);
    guard->io = io;
    guard->fd = -1;
    (void)pthread_mutex_init(&guard->lock, NULL);
    status = load(guard, err);
    if (status != STATUS_OK) {
        parse_guard_close(guard);
        return status;
    }
    *out = guard;
    return STATUS_OK;
}

void parse_guard_rest(struct parse_guard *guard, uint32_t slot)
{
    struct guard_record empty = {0};

    if (guard->left[slot])
        write_record(guard, slot, &empty);
    guard->left[slot] = false;
}

void parse_guard_close(struct parse_guard *guard)
{
    if (guard == NULL)
        return;
    for (uint32_t i = 0; i < WORKERS_MAX; i++)
        parse_guard_rest(guard, i);
    io_close(guard->io, &guard->fd);
    (void)pthread_mutex_destroy(&guard->lock);
    free(guard);
}

bool parse_guard_enter(struct parse_guard *guard, uint32_t slot, const struct source_id *source,
                       uint64_t start, uint64_t end)
{
    struct guard_record *record = &guard->slots[slot];
    bool raw = false;

    assert(slot < WORKERS_MAX);
    (void)pthread_mutex_lock(&guard->lock);
    for (uint32_t i = 0; i < guard->suspect_count; i++)
        raw |= overlaps(&guard->suspects[i], source, start, end) &&
               guard->suspects[i].crashes >= GUARD_CRASHES_TO_RAW;
    (void)pthread_mutex_unlock(&guard->lock);
    *record = (struct guard_record){.source = *source, .crashes = 1, .start = start, .end = end};
    write_record(guard, slot, record);
    guard->left[slot] = false;
    return raw;
}

/* The range was parsed well, and all of its source before it: positions only go on. */
static bool clears(const struct guard_record *range, const struct guard_record *suspect)
{
    return suspect->crashes < GUARD_CRASHES_TO_RAW && suspect->start < range->end &&
           memcmp(&suspect->source, &range->source, sizeof(range->source)) == 0;
}

void parse_guard_leave(struct parse_guard *guard, uint32_t slot)
{
    const struct guard_record *record = &guard->slots[slot];
    uint32_t kept = 0, before;

    (void)pthread_mutex_lock(&guard->lock);
    before = guard->suspect_count;
    for (uint32_t i = 0; i < before; i++)
        if (!clears(record, &guard->suspects[i]))
            guard->suspects[kept++] = guard->suspects[i];
    guard->suspect_count = kept;
    if (kept != before)
        write_suspects(guard);
    (void)pthread_mutex_unlock(&guard->lock);
    guard->left[slot] = true;
}

uint32_t parse_guard_suspects(struct parse_guard *guard)
{
    uint32_t count;

    (void)pthread_mutex_lock(&guard->lock);
    count = guard->suspect_count;
    (void)pthread_mutex_unlock(&guard->lock);
    return count;
}
