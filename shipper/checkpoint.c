/* shipper/checkpoint.c -- an append-only log of positions with compaction to a new file.
 *
 * A new file is written under a temporary name, synced and renamed, so a whole snapshot is there
 * or nothing is (Filebeat's registry was found empty after power cuts). Every start writes a new
 * file, so nothing is ever appended behind a torn end. */
#include "shipper/checkpoint.h"

#include "base/buf.h"
#include "shipper/checkpoint_format.h"
#include "shipper/limits.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define FILE_PREFIX "positions."
enum { NUMBER_DIGITS = 10, GENERATIONS_KEPT = 2, PATH_SIZE = 4096 };

struct checkpoint {
    struct io *io;
    char *directory;
    uint64_t number;        /* of the current file, or of the one being made */
    uint64_t seq;           /* of the last record */
    uint64_t offset;        /* where the next record goes */
    uint64_t snapshot_size; /* bytes of the current file's first part */
    struct buf pending;     /* put and not committed */
    int fd;
    bool snapshot_open; /* `pending` is the beginning of a new file */
};

static bool file_path(char path[PATH_SIZE], const char *directory, uint64_t number)
{
    int len =
        snprintf(path, PATH_SIZE, "%s/" FILE_PREFIX "%0*" PRIu64, directory, NUMBER_DIGITS, number);

    return len > 0 && len < PATH_SIZE;
}

/* ---- reading ---- */

struct newest_two {
    uint64_t numbers[GENERATIONS_KEPT]; /* newest first; 0 none */
};

static bool note_number(void *user, const char *name)
{
    struct newest_two *found = user;
    struct slice text = slice_of(name);
    uint64_t number;

    if (!slice_starts(text, SLICE_LITERAL(FILE_PREFIX)) ||
        !slice_to_u64(slice_from(text, sizeof(FILE_PREFIX) - 1), &number))
        return true;
    if (number > found->numbers[0]) {
        found->numbers[1] = found->numbers[0];
        found->numbers[0] = number;
    } else if (number > found->numbers[1] && number != found->numbers[0]) {
        found->numbers[1] = number;
    }
    return true;
}

bool checkpoint_parse(struct slice content, uint64_t number, const struct checkpoint_reader *reader,
                      struct checkpoint_report *report)
{
    struct slice rest = content;
    uint64_t damaged_before = report->bytes_damaged;
    bool whole = false;

    if (!checkpoint_take_header(&rest, number)) {
        report->bytes_damaged += content.len;
        return false;
    }
    while (rest.len > 0) {
        struct checkpoint_record_head head;
        struct slice body;

        if (!checkpoint_take_record(&rest, number, &head, &body)) {
            rest = slice_from(rest, 1); /* look for the next good record behind the damage */
            report->bytes_damaged++;
            continue;
        }
        if (head.type == RECORD_SNAPSHOT_END)
            whole = report->bytes_damaged == damaged_before;
        if (checkpoint_deliver(head.type, body, reader))
            report->records++;
        else
            report->bytes_damaged += body.len + CHECKPOINT_RECORD_HEADER_SIZE;
    }
    return whole;
}

static enum status read_number(struct io *io, const char *directory, uint64_t number,
                               struct buf *content, struct error *err)
{
    char path[PATH_SIZE];

    buf_reset(content);
    if (!file_path(path, directory, number))
        return error_set(err, STATUS_INVALID, "path of the state directory is too long");
    return io_read_file(io, path, content, err);
}

static void ignore_meta(void *user, const struct checkpoint_meta *meta)
{
    (void)user;
    (void)meta;
}

static void ignore_generation(void *user, const struct generation *generation)
{
    (void)user;
    (void)generation;
}

static void ignore_forget(void *user, const uint8_t gen_id[GEN_ID_SIZE], uint32_t trunc_no)
{
    (void)user;
    (void)gen_id;
    (void)trunc_no;
}

/* The older file is read first, and only if the newest one's snapshot is not whole: what it says
 * about forgotten sources must not come back otherwise. */
enum status checkpoint_read(struct io *io, const char *directory,
                            const struct checkpoint_reader *reader,
                            struct checkpoint_report *report, struct error *err)
{
    static const struct checkpoint_reader nobody = {ignore_meta, ignore_generation, ignore_forget,
                                                    NULL};
    struct newest_two found = {{0}};
    struct buf content = buf_empty(CHECKPOINT_SIZE_MAX);
    struct checkpoint_report trial = {0};
    enum status status;
    int listed = io->path->list(io, directory, note_number, &found);

    *report = (struct checkpoint_report){.newest = found.numbers[0]};
    if (listed < 0)
        return error_set_errno(err, -listed, "cannot list %s", directory);
    if (report->newest == 0)
        return STATUS_OK;
    status = read_number(io, directory, report->newest, &content, err);
    report->used_older = found.numbers[1] != 0 &&
                         (status != STATUS_OK ||
                          !checkpoint_parse(buf_slice(&content), report->newest, &nobody, &trial));
    if (report->used_older) {
        status = read_number(io, directory, found.numbers[1], &content, err);
        if (status == STATUS_OK)
            (void)checkpoint_parse(buf_slice(&content), found.numbers[1], reader, report);
        status = read_number(io, directory, report->newest, &content, err);
    }
    if (status == STATUS_OK)
        (void)checkpoint_parse(buf_slice(&content), report->newest, reader, report);
    buf_release(&content);
    return report->records > 0 ? STATUS_OK : status;
}

/* ---- writing ---- */

enum status checkpoint_new(struct io *io, const char *directory, uint64_t newest,
                           struct checkpoint **out, struct error *err)
{
    struct checkpoint *checkpoint = calloc(1, sizeof(*checkpoint));
    char *copy = strdup(directory);

    if (checkpoint == NULL || copy == NULL) {
        free(checkpoint);
        free(copy);
        return error_set(err, STATUS_NO_MEMORY, "no memory for the checkpoint");
    }
    checkpoint->io = io;
    checkpoint->directory = copy;
    checkpoint->number = newest;
    checkpoint->fd = -1;
    checkpoint->pending = buf_empty(CHECKPOINT_SIZE_MAX);
    *out = checkpoint;
    return STATUS_OK;
}

void checkpoint_free(struct checkpoint *checkpoint)
{
    if (checkpoint == NULL)
        return;
    io_close(checkpoint->io, &checkpoint->fd);
    buf_release(&checkpoint->pending);
    free(checkpoint->directory);
    free(checkpoint);
}

bool checkpoint_wants_snapshot(const struct checkpoint *checkpoint)
{
    uint64_t grown = checkpoint->offset - checkpoint->snapshot_size;

    return checkpoint->fd < 0 ||
           (grown > CHECKPOINT_GROWTH_MIN && grown > 2 * checkpoint->snapshot_size);
}

enum status checkpoint_snapshot(struct checkpoint *checkpoint, const struct checkpoint_meta *meta,
                                struct error *err)
{
    io_close(checkpoint->io, &checkpoint->fd);
    checkpoint->number += !checkpoint->snapshot_open; /* else the one before was not written */
    checkpoint->seq = 0;
    checkpoint->offset = 0;
    checkpoint->snapshot_open = true;
    buf_reset(&checkpoint->pending);
    checkpoint_append_header(&checkpoint->pending, checkpoint->number);
    checkpoint_append_meta(&checkpoint->pending, checkpoint->number, ++checkpoint->seq, meta);
    return buf_check(&checkpoint->pending, "a checkpoint", err);
}

enum status checkpoint_put(struct checkpoint *checkpoint, const struct generation *generation,
                           struct error *err)
{
    checkpoint_append_generation(&checkpoint->pending, checkpoint->number, ++checkpoint->seq,
                                 generation);
    return buf_check(&checkpoint->pending, "a checkpoint", err);
}

enum status checkpoint_forget(struct checkpoint *checkpoint, const uint8_t gen_id[GEN_ID_SIZE],
                              uint32_t trunc_no, struct error *err)
{
    checkpoint_append_forget(&checkpoint->pending, checkpoint->number, ++checkpoint->seq, gen_id,
                             trunc_no);
    return buf_check(&checkpoint->pending, "a checkpoint", err);
}

/* Only the two newest files stay. That an old one cannot be removed harms nobody. */
static void remove_older(struct checkpoint *checkpoint)
{
    char path[PATH_SIZE];

    if (checkpoint->number > GENERATIONS_KEPT &&
        file_path(path, checkpoint->directory, checkpoint->number - GENERATIONS_KEPT))
        (void)checkpoint->io->path->unlink(checkpoint->io, path);
}

/* A half-written file does not stay: on a full disk every attempt would leave one more. */
static enum status write_temporary(struct checkpoint *checkpoint, const char *path,
                                   struct error *err)
{
    const struct buf *pending = &checkpoint->pending;
    struct io *io = checkpoint->io;
    enum status status =
        io_open(io, path, IO_WRITE | IO_CREATE | IO_TRUNCATE, &checkpoint->fd, err);

    if (status != STATUS_OK)
        return status;
    status = io_write_all(io, checkpoint->fd, pending->data, pending->len, 0, path, err);
    if (status == STATUS_OK)
        status = io_sync(io, checkpoint->fd, path, err);
    if (status != STATUS_OK)
        (void)io->path->unlink(io, path);
    return status;
}

static enum status commit_snapshot(struct checkpoint *checkpoint, struct error *err)
{
    char path[PATH_SIZE], temporary[PATH_SIZE + 4];
    enum status status;

    checkpoint_append_end(&checkpoint->pending, checkpoint->number, ++checkpoint->seq);
    status = buf_check(&checkpoint->pending, "a checkpoint", err);
    if (status != STATUS_OK)
        return status;
    if (!file_path(path, checkpoint->directory, checkpoint->number))
        return error_set(err, STATUS_INVALID, "path of the state directory is too long");
    (void)snprintf(temporary, sizeof(temporary), "%s.tmp", path);
    status = write_temporary(checkpoint, temporary, err);
    if (status == STATUS_OK)
        status = io_rename(checkpoint->io, temporary, path, err);
    if (status == STATUS_OK)
        status = io_sync_dir(checkpoint->io, checkpoint->directory, err);
    if (status == STATUS_OK)
        remove_older(checkpoint);
    checkpoint->snapshot_size = checkpoint->pending.len;
    return status;
}

static enum status commit_changes(struct checkpoint *checkpoint, struct error *err)
{
    char path[PATH_SIZE];
    enum status status;

    if (checkpoint->fd < 0)
        return error_set(err, STATUS_INVALID, "the checkpoint needs a new snapshot");
    if (!file_path(path, checkpoint->directory, checkpoint->number))
        return error_set(err, STATUS_INVALID, "path of the state directory is too long");
    status = io_write_all(checkpoint->io, checkpoint->fd, checkpoint->pending.data,
                          checkpoint->pending.len, checkpoint->offset, path, err);
    return status == STATUS_OK ? io_sync(checkpoint->io, checkpoint->fd, path, err) : status;
}

enum status checkpoint_commit(struct checkpoint *checkpoint, struct error *err)
{
    bool snapshot = checkpoint->snapshot_open;
    enum status status;

    if (checkpoint->pending.len == 0)
        return STATUS_OK;
    status = snapshot ? commit_snapshot(checkpoint, err) : commit_changes(checkpoint, err);
    checkpoint->offset += checkpoint->pending.len;
    checkpoint->snapshot_open = false;
    buf_reset(&checkpoint->pending);
    if (status != STATUS_OK) {
        io_close(checkpoint->io, &checkpoint->fd);
        checkpoint->number -= snapshot; /* the next attempt makes the same file */
    }
    return status;
}
