/* store/verify.c -- check a whole directory without changing it: manifest, every page of every
 * segment, every record of the WAL. Takes no lock, so a store in use may be checked too. */
#include "store/segment_list.h"
#include "store/store_impl.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct verify {
    struct io *io;
    char dir[DIR_SIZE_MAX];
    void (*visit)(void *user, const char *line);
    void *user;
    uint64_t *problems;
    struct name_table fields, formats;
    struct source_table sources;
    struct chunk_tables tables;
    struct segment_names names;
    struct segment_list segments;
    uint64_t low_water, incarnation;
    bool failed;
};

static void problem(void *user, const char *line)
{
    struct verify *verify = user;

    (*verify->problems)++;
    verify->visit(verify->user, line);
}

static void on_counters(void *user, const struct manifest_counters *counters)
{
    struct verify *verify = user;

    verify->low_water = counters->low_water;
    verify->incarnation = counters->incarnation;
}

static void on_sealed(void *user, uint16_t shard, uint64_t record_number)
{
    char line[100];

    (void)record_number;
    if (shard < SHARDS_MAX)
        return;
    (void)snprintf(line, sizeof(line), "manifest: shard %u is out of range", shard);
    problem(user, line);
}

static void on_segment(void *user, const struct manifest_segment *segment)
{
    struct verify *verify = user;

    if (!segment_list_add(&verify->segments, segment))
        verify->failed = true;
}

static void on_drop(void *user, uint64_t number)
{
    segment_list_drop(&((struct verify *)user)->segments, number);
}

static enum status read_manifest(struct verify *verify, struct error *err)
{
    struct manifest_visitor visitor = {
        .counters = on_counters,
        .sealed = on_sealed,
        .segment = on_segment,
        .drop = on_drop,
        .damage = problem,
        .user = verify,
    };
    struct manifest manifest;
    enum status status = manifest_read(&manifest, verify->io, verify->dir, &visitor, err);

    if (status == STATUS_OK && verify->failed)
        status = error_set(err, STATUS_NO_MEMORY, "no memory for the list of segments");
    return status;
}

static bool same_summary(const struct segment_summary *a, const struct segment_summary *b)
{
    return a->rows == b->rows && a->samples == b->samples && a->raw_bytes == b->raw_bytes &&
           a->file_bytes == b->file_bytes && hash128_equal(a->footer_hash, b->footer_hash);
}

static enum status verify_segment(struct verify *verify, const struct manifest_segment *entry,
                                  struct error *err)
{
    struct segment *segment;
    char path[PATH_SIZE_MAX], line[PATH_SIZE_MAX + 80];
    enum status status;

    path_segment(path, verify->dir, entry->day, entry->number);
    status = segment_open(verify->io, path, &verify->names, &segment, err);
    if (status == STATUS_NO_MEMORY)
        return status;
    if (status != STATUS_OK) {
        problem(verify, err->message);
        return STATUS_OK;
    }
    if (!same_summary(segment_summary_of(segment), &entry->summary)) {
        (void)snprintf(line, sizeof(line), "segment %s is not the one in the manifest", path);
        problem(verify, line);
    }
    status = segment_verify(segment, verify->visit, verify->user, verify->problems, err);
    segment_close(segment);
    return status;
}

static void on_record(void *user, const struct wal_record *record, struct buf *payload)
{
    struct verify *verify = user;
    struct chunk *chunk;
    struct error err = {0};
    char line[sizeof(err.message) + 60];

    if (record->type == WAL_BATCH && record->shard < SHARDS_MAX &&
        chunk_new(payload, &verify->tables, &chunk, &err) == STATUS_OK) {
        chunk_unref(chunk);
        return;
    }
    (void)snprintf(line, sizeof(line), "WAL record %" PRIu64 ": %s", record->record_number,
                   err.message);
    problem(verify, line);
}

static void on_damage(void *user, const char *path, uint64_t from, uint64_t to, const char *what)
{
    char line[PATH_SIZE_MAX + 200];

    (void)snprintf(line, sizeof(line), "WAL %s, bytes %" PRIu64 " to %" PRIu64 ": %s", path, from,
                   to, what);
    problem(user, line);
}

static enum status verify_wal(struct verify *verify, struct error *err)
{
    struct wal_replay_visitor visitor = {
        .record = on_record, .damage = on_damage, .user = verify};
    struct wal *wal = malloc(sizeof(*wal));
    char path[PATH_SIZE_MAX];
    enum status status;

    if (wal == NULL)
        return error_set(err, STATUS_NO_MEMORY, "no memory to check the WAL");
    path_join(path, verify->dir, "wal");
    status = wal_init(wal, verify->io, path, verify->incarnation, 0, err);
    if (status == STATUS_OK)
        status = wal_replay(wal, verify->low_water, false, &visitor, err);
    wal_release(wal);
    free(wal);
    return status;
}

static field_id names_field(void *user, struct slice name)
{
    return name_table_get(&((struct verify *)user)->fields, name);
}

static struct slice names_field_name(void *user, field_id field)
{
    return name_table_name(&((struct verify *)user)->fields, field);
}

static uint32_t names_source(void *user, const struct event_source *source)
{
    return source_table_get(&((struct verify *)user)->sources, source);
}

static enum status prepare(struct verify *verify, struct error *err)
{
    enum status status = name_table_init(&verify->fields, err);

    if (status == STATUS_OK)
        status = name_table_init(&verify->formats, err);
    if (status == STATUS_OK)
        status = source_table_init(&verify->sources, err);
    for (uint32_t i = 0; i < FIELD_ID_WELL_KNOWN_COUNT && status == STATUS_OK; i++)
        if (name_table_get(&verify->fields, slice_of(well_known_field_names[i])) != i)
            status = error_set(err, STATUS_NO_MEMORY, "no memory for the table of names");
    verify->tables =
        (struct chunk_tables){&verify->fields, &verify->formats, &verify->sources};
    verify->names =
        (struct segment_names){names_field, names_field_name, names_source, verify};
    return status;
}

enum status store_verify(struct io *io, const char *dir,
                         void (*visit)(void *user, const char *line), void *user,
                         uint64_t *problems, struct error *err)
{
    struct verify *verify = calloc(1, sizeof(*verify));
    struct error local = {0};
    enum status status;

    if (verify == NULL)
        return error_set(err, STATUS_NO_MEMORY, "no memory to check a store");
    verify->io = io == NULL ? io_system() : io;
    verify->visit = visit;
    verify->user = user;
    verify->problems = problems;
    *problems = 0;
    (void)snprintf(verify->dir, sizeof(verify->dir), "%s", dir);
    err = err == NULL ? &local : err;
    status = prepare(verify, err);
    if (status == STATUS_OK)
        status = read_manifest(verify, err);
    for (uint32_t i = 0; i < verify->segments.count && status == STATUS_OK; i++)
        if (!verify->segments.segments[i].dropped)
            status = verify_segment(verify, &verify->segments.segments[i].entry, err);
    if (status == STATUS_OK)
        status = verify_wal(verify, err);
    segment_list_release(&verify->segments);
    name_table_release(&verify->fields);
    name_table_release(&verify->formats);
    source_table_release(&verify->sources);
    free(verify);
    return status;
}
