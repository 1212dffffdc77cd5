/* store/wal_replay.c -- read the WAL back after a start, telling a torn tail from damage.
 *
 * Behind the last good record of a file every offset is tried as a record. What proves damage is a
 * valid record of a group that began after the bad one: that group was only written when the bad
 * record was already synced. Then the gap is reported and reading goes on behind it. */
#include "store/wal.h"

#include "base/spare.h"
#include "store/chunk.h"
#include "store/paths.h"
#include "store/wal_format.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { SEARCH_WINDOW_SIZE = 1 << 20 };

struct replay {
    struct wal *wal;
    const struct wal_replay_visitor *visitor;
    bool repair;
    uint64_t last_record; /* highest record number visited; 0: none yet */
    /* of the file being read */
    char path[600];
    int fd;
    uint64_t size, salt, file_number;
    uint64_t acked; /* from its header */
};

struct number_list {
    uint64_t *numbers;
    size_t count, capacity;
    bool failed;
};

static bool collect_number(void *user, const char *name)
{
    struct number_list *list = user;
    uint64_t number;
    char tail[8];

    if (strlen(name) != 20 || sscanf(name, "%16" SCNx64 "%7s", &number, tail) != 2 ||
        strcmp(tail, ".wal") != 0)
        return true;
    if (list->count == list->capacity) {
        size_t capacity = list->capacity == 0 ? 64 : list->capacity * 2;
        uint64_t *grown = realloc(list->numbers, capacity * sizeof(*grown));

        if (grown == NULL) {
            list->failed = true;
            return false;
        }
        list->numbers = grown;
        list->capacity = capacity;
    }
    list->numbers[list->count++] = number;
    return true;
}

static int compare_numbers(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

    return left < right ? -1 : left > right;
}

static void damage(struct replay *replay, uint64_t from, uint64_t to, const char *what)
{
    replay->visitor->damage(replay->visitor->user, replay->path, from, to, what);
}

/* Read and check the record at `at`. False: no valid record of this file is there. */
static bool read_record(struct replay *replay, uint64_t at, struct wal_record_header *header,
                        struct buf *payload)
{
    char bytes[WAL_RECORD_HEADER_SIZE];
    struct error err = {0};

    if (at + WAL_RECORD_HEADER_SIZE > replay->size ||
        io_read_exact(replay->wal->io, replay->fd, bytes, sizeof(bytes), at, replay->path, &err) !=
            STATUS_OK)
        return false;
    wal_record_header_get(bytes, header);
    if (header->file_number != replay->file_number || header->length > CHUNK_SIZE_MAX ||
        header->length > replay->size - at - WAL_RECORD_HEADER_SIZE)
        return false;
    *payload = buf_empty(CHUNK_SIZE_MAX);
    payload->spare = true; /* most are in segments already, and give it to the next */
    if (header->length > 0 && (payload->data = spare_take(header->length)) == NULL)
        return false;
    payload->capacity = payload->len = header->length;
    if (io_read_exact(replay->wal->io, replay->fd, payload->data, header->length,
                      at + WAL_RECORD_HEADER_SIZE, replay->path, &err) == STATUS_OK &&
        wal_record_checksum(bytes, buf_slice(payload), replay->salt) == header->checksum)
        return true;
    buf_release(payload);
    return false;
}

static void visit(struct replay *replay, const struct wal_record_header *header,
                  struct buf *payload)
{
    struct wal_record record = {
        .type = header->type,
        .shard = header->shard,
        .record_number = header->record_number,
        .file_number = header->file_number,
    };

    if (header->record_number > replay->last_record) {
        replay->last_record = header->record_number;
        record.payload = buf_slice(payload);
        replay->visitor->record(replay->visitor->user, &record, payload);
    }
    buf_release(payload);
}

/* Next offset at or after `from` whose bytes could be a record header of this file. */
static uint64_t next_candidate(struct replay *replay, uint64_t from, char *window)
{
    struct error err = {0};

    while (from + WAL_RECORD_HEADER_SIZE <= replay->size) {
        uint64_t left = replay->size - from;
        size_t len = left < SEARCH_WINDOW_SIZE ? (size_t)left : SEARCH_WINDOW_SIZE;

        if (io_read_exact(replay->wal->io, replay->fd, window, len, from, replay->path, &err) !=
            STATUS_OK)
            return replay->size;
        for (size_t i = 0; i + WAL_RECORD_HEADER_SIZE <= len; i += 8)
            if (get_le64(window + i + 8) == replay->file_number &&
                get_le64(window + i + 16) > replay->last_record)
                return from + i;
        from += (len - WAL_RECORD_HEADER_SIZE + 8) & ~(uint64_t)7;
    }
    return replay->size;
}

/* Behind a bad record at `bad_at`: the offset of the next record whose group proves that the bad
 * one had been synced, or the size of the file if there is none. */
static uint64_t find_resume(struct replay *replay, uint64_t bad_at)
{
    char *window = malloc(SEARCH_WINDOW_SIZE);
    uint64_t at = bad_at + 8, bad_record = replay->last_record + 1;

    while (window != NULL && (at = next_candidate(replay, at, window)) < replay->size) {
        struct wal_record_header header;
        struct buf payload;

        if (read_record(replay, at, &header, &payload)) {
            buf_release(&payload);
            if (header.group > bad_record)
                break;
        }
        at += 8;
    }
    free(window);
    return window == NULL ? replay->size : at;
}

static void cut_tail(struct replay *replay, uint64_t at)
{
    int done;

    if (!replay->repair || at == replay->size)
        return;
    done = replay->wal->io->file->truncate(replay->wal->io, replay->fd, at);
    if (done == 0)
        done = replay->wal->io->file->sync(replay->wal->io, replay->fd);
    if (done < 0)
        damage(replay, at, replay->size, "the tail behind the last record cannot be cut");
}

/* The record that follows, at `at` or at the page behind it, where only one that names the record
 * before it counts: that nothing is missing between is not said by its place. */
static bool read_next(struct replay *replay, uint64_t *at, uint64_t previous,
                      struct wal_record_header *header, struct buf *payload)
{
    uint64_t page = (*at + WAL_PAGE_SIZE - 1) & ~(uint64_t)(WAL_PAGE_SIZE - 1);

    if (read_record(replay, *at, header, payload))
        return true;
    if (page == *at || !read_record(replay, page, header, payload))
        return false;
    if (header->previous != previous) {
        buf_release(payload);
        return false;
    }
    *at = page;
    return true;
}

static void replay_records(struct replay *replay, uint64_t previous)
{
    uint64_t at = WAL_FILE_HEADER_SIZE;
    struct wal_record_header header;
    struct buf payload;

    if (replay->last_record > 0 && replay->acked > replay->last_record)
        damage(replay, at, at, "acknowledged records before this file are missing");
    for (;;) {
        uint64_t resume;

        if (read_next(replay, &at, previous, &header, &payload)) {
            if (header.previous != previous)
                damage(replay, at, at, "the chain of checksums is broken");
            previous = header.checksum;
            visit(replay, &header, &payload);
            at += WAL_RECORD_HEADER_SIZE + wal_padded(header.length);
            continue;
        }
        resume = find_resume(replay, at);
        if (resume >= replay->size)
            break;
        damage(replay, at, resume, "acknowledged records are damaged");
        if (!read_record(replay, resume, &header, &payload))
            break;
        previous = header.previous; /* the chain goes on behind the gap */
        replay->last_record = header.record_number - 1;
        buf_release(&payload);
        at = resume;
    }
    cut_tail(replay, at < replay->size ? at : replay->size);
}

static void replay_file(struct replay *replay, uint64_t number, bool is_last)
{
    char bytes[WAL_FILE_HEADER_SIZE];
    struct wal_file_header header = {0};
    struct io_info info;
    struct error err = {0};
    int flags = replay->repair ? IO_READ | IO_WRITE : IO_READ;
    enum status status;

    (void)snprintf(replay->path, sizeof(replay->path), "%s/%016" PRIx64 ".wal", replay->wal->dir,
                   number);
    replay->file_number = number;
    if (io_open(replay->wal->io, replay->path, flags, &replay->fd, &err) != STATUS_OK ||
        replay->wal->io->file->info(replay->wal->io, replay->fd, &info) < 0) {
        damage(replay, 0, 0, err.message);
        io_close(replay->wal->io, &replay->fd);
        return;
    }
    replay->size = info.size;
    status = info.size < sizeof(bytes)
                 ? STATUS_CORRUPT
                 : io_read_exact(replay->wal->io, replay->fd, bytes, sizeof(bytes), 0,
                                 replay->path, &err);
    if (status == STATUS_OK)
        status = wal_file_header_get(bytes, &header);
    replay->salt = header.salt;
    replay->acked = header.acked;
    if (status == STATUS_INVALID)
        damage(replay, 0, info.size, "a WAL file of a newer version");
    else if (status == STATUS_OK && header.file_number == number)
        replay_records(replay, header.checksum);
    else if (!is_last && !(status == STATUS_OK && header.file_number < number))
        /* The header of the last file may be torn: no record can be in it then. A smaller number
         * is that of a recycled file that was renamed but not begun. */
        damage(replay, 0, info.size, "the header of a WAL file is damaged");
    io_close(replay->wal->io, &replay->fd);
}

static void drop_below(struct wal *wal, struct number_list *list, uint64_t low_water, bool repair)
{
    size_t kept = 0;

    for (size_t i = 0; i < list->count; i++) {
        char path[600];

        if (list->numbers[i] >= low_water) {
            list->numbers[kept++] = list->numbers[i];
        } else if (repair) {
            (void)snprintf(path, sizeof(path), "%s/%016" PRIx64 ".wal", wal->dir,
                           list->numbers[i]);
            file_remove(wal->io, path);
        }
        if (list->numbers[i] >= wal->next_file)
            wal->next_file = list->numbers[i] + 1;
    }
    list->count = kept;
}

enum status wal_replay(struct wal *wal, uint64_t low_water, bool repair,
                       const struct wal_replay_visitor *visitor, struct error *err)
{
    struct replay replay = {.wal = wal, .visitor = visitor, .repair = repair, .fd = -1};
    struct number_list list = {0};
    enum status status = STATUS_OK;
    int done = wal->io->path->list(wal->io, wal->dir, collect_number, &list);

    if (done < 0)
        status = error_set_errno(err, -done, "cannot list %s", wal->dir);
    else if (list.failed)
        status = error_set(err, STATUS_NO_MEMORY, "no memory for the list of WAL files");
    if (status == STATUS_OK && list.count > 0) {
        qsort(list.numbers, list.count, sizeof(*list.numbers), compare_numbers);
        if (wal->next_file < low_water)
            wal->next_file = low_water;
        drop_below(wal, &list, low_water, repair);
        wal->live_count = 0;
        for (size_t i = 0; i < list.count && i < WAL_FILES_MAX; i++) {
            replay_file(&replay, list.numbers[i], i + 1 == list.count);
            wal->live_sizes[wal->live_count] = replay.size;
            wal->live[wal->live_count++] = list.numbers[i];
        }
        if (replay.last_record >= wal->next_record)
            wal->next_record = replay.last_record + 1;
        wal->acked = replay.last_record;
    }
    free(list.numbers);
    return status;
}
