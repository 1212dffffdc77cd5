/* store/recover.c -- what a start does: read the manifest, sweep what it does not list, replay the
 * WAL, begin a new manifest if need be. Damage is set aside and reported; it never stops a start. */
#include "store/segment_list.h"
#include "store/store_impl.h"

#include "base/diag.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { SNAPSHOT_SIZE_MAX = MANIFEST_SIZE_MAX - (1 << 20), QUARANTINE_SIZE_MAX = 64 << 20 };

/* ---- the manifest ---- */

struct loading {
    struct store *store;
    struct segment_list segments;
    struct manifest_counters counters;
    bool failed;
};

static void load_counters(void *user, const struct manifest_counters *counters)
{
    ((struct loading *)user)->counters = *counters;
}

static void load_sealed(void *user, uint16_t shard, uint64_t record_number)
{
    struct loading *loading = user;
    struct store *store = loading->store;

    if (shard >= SHARDS_MAX)
        return;
    if (record_number > store->shards[shard].sealed_record)
        store->shards[shard].sealed_record = record_number;
    if (record_number >= store->wal.next_record)
        store->wal.next_record = record_number + 1;
}

static void load_segment(void *user, const struct manifest_segment *segment)
{
    struct loading *loading = user;

    if (!segment_list_add(&loading->segments, segment))
        loading->failed = true;
}

static void load_drop(void *user, uint64_t number)
{
    segment_list_drop(&((struct loading *)user)->segments, number);
}

static void load_source(void *user, const struct watermark *watermark, bool has_watermark,
                        int64_t order_ns)
{
    struct loading *loading = user;
    struct source_state *state = source_states_get(&loading->store->states, &watermark->id);

    if (state == NULL) {
        loading->failed = true;
        return;
    }
    if (has_watermark)
        source_state_set_watermark(state, watermark);
    if (order_ns > state->order_ns)
        state->order_ns = order_ns;
}

static void load_loss(void *user, const struct event_source *source, const struct loss *loss)
{
    store_keep_loss(((struct loading *)user)->store, source, loss, 0, 0);
}

static void load_field(void *user, struct slice name)
{
    (void)name_table_get(&((struct loading *)user)->store->fields, name); /* the limit was kept */
}

static void load_rewritten(void *user, uint64_t number, uint64_t level, uint64_t erasure)
{
    struct manifest_segment *segment =
        segment_list_find(&((struct loading *)user)->segments, number);

    if (segment == NULL)
        return;
    segment->level = level;
    segment->erasure = erasure;
}

static void load_erasure(void *user, const struct manifest_erasure *erasure)
{
    struct loading *loading = user;

    if (!erasures_load(&loading->store->upkeep, erasure))
        loading->failed = true;
}

static void load_erased(void *user, uint64_t erasure, const struct manifest_erased *erased)
{
    struct loading *loading = user;

    if (!erasures_load_erased(&loading->store->upkeep, erasure, erased))
        loading->failed = true;
}

static void load_undecided(void *user, uint64_t erasure, uint64_t texts)
{
    erasures_load_undecided(&((struct loading *)user)->store->upkeep, erasure, texts);
}

static void load_damage(void *user, const char *line)
{
    struct store *store = ((struct loading *)user)->store;

    store->adopt = true;
    store->counters.quarantined++;
    store_note(store, line);
}

static enum status read_manifest(struct store *store, struct loading *loading, bool *is_new,
                                 struct error *err)
{
    struct manifest_visitor visitor = {
        .counters = load_counters,
        .sealed = load_sealed,
        .segment = load_segment,
        .drop = load_drop,
        .source = load_source,
        .loss = load_loss,
        .field = load_field,
        .rewritten = load_rewritten,
        .erasure = load_erasure,
        .erased = load_erased,
        .undecided = load_undecided,
        .damage = load_damage,
        .user = loading,
    };
    enum status status = manifest_read(&store->manifest, store->io, store->dir, &visitor, err);

    *is_new = status == STATUS_NOT_FOUND;
    if (status == STATUS_NOT_FOUND)
        status = STATUS_OK;
    if (status == STATUS_OK && loading->failed)
        status = error_set(err, STATUS_NO_MEMORY, "no memory for the manifest");
    store->incarnation = loading->counters.incarnation;
    store->next_segment = loading->counters.next_segment;
    store->next_sequence = loading->counters.next_sequence;
    return status;
}

/* ---- the segments ---- */

struct folder_walk {
    struct store *store;
    struct loading *loading;
    int64_t day;
    char folder[PATH_SIZE_MAX];
    bool found;
};

static void raise_adopted(struct store *store, const struct segment_source *source)
{
    struct source_state *state = source_states_find(&store->states, &source->source.id);

    if (state != NULL && source->to_offset > state->adopted_offset)
        state->adopted_offset = source->to_offset;
}

/* After the manifest was damaged: a whole segment tells by itself what it holds. */
static void adopt_segment(struct folder_walk *walk, const char *path, uint64_t number)
{
    struct store *store = walk->store;
    struct manifest_segment entry = {.number = number, .day = walk->day};
    struct segment *segment;
    struct error err = {0};
    char line[700];

    if (segment_open(store->io, path, &store->names, &segment, &err) != STATUS_OK) {
        store_note(store, err.message);
        return;
    }
    entry.summary = *segment_summary_of(segment);
    for (uint32_t i = 0; i < segment_source_count(segment); i++) {
        struct segment_source source;
        struct watermark watermark = {0};

        segment_source(segment, i, &source);
        watermark.id = source.source.id;
        watermark.durable_offset = source.to_offset;
        load_source(walk->loading, &watermark, source.rows > 0, entry.summary.order_max_ns);
        raise_adopted(store, &source);
    }
    segment_close(segment);
    load_segment(walk->loading, &entry);
    (void)snprintf(line, sizeof(line), "segment %s is not in the damaged manifest: taken in", path);
    store_note(store, line);
}

static bool walk_file(void *user, const char *name)
{
    struct folder_walk *walk = user;
    char path[PATH_SIZE_MAX], tail[8];
    uint64_t number;

    if (sscanf(name, "%16" SCNx64 "%7s", &number, tail) != 2 || strcmp(tail, ".seg") != 0)
        return true;
    if (number >= walk->store->next_segment)
        walk->store->next_segment = number + 1;
    if (segment_list_find(&walk->loading->segments, number) != NULL)
        return true;
    path_join(path, walk->folder, name);
    if (walk->store->adopt)
        adopt_segment(walk, path, number);
    else
        file_remove(walk->store->io, path); /* was never committed, or is dropped */
    return true;
}

static int64_t day_of_name(const char *name)
{
    int64_t year, month, day, days;

    if (strlen(name) != 8 ||
        sscanf(name, "%4" SCNd64 "%2" SCNd64 "%2" SCNd64, &year, &month, &day) != 3)
        return INT64_MIN;
    /* Days from civil: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms". */
    year -= month <= 2;
    days = year / 400 * 146097;
    year %= 400;
    return days + year * 365 + year / 4 - year / 100 +
           (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1 - 719468;
}

static bool walk_folder(void *user, const char *name)
{
    struct folder_walk *walk = user;
    char base[PATH_SIZE_MAX];

    walk->day = day_of_name(name);
    path_join(base, walk->store->dir, "segments");
    path_join(walk->folder, base, name);
    if (walk->day != INT64_MIN)
        (void)walk->store->io->path->list(walk->store->io, walk->folder, walk_file, walk);
    return true;
}

static void walk_segments(struct store *store, struct loading *loading)
{
    struct folder_walk walk = {.store = store, .loading = loading};
    char path[PATH_SIZE_MAX];

    path_join(path, store->dir, "segments");
    (void)store->io->path->list(store->io, path, walk_folder, &walk);
}

static enum status take_segments(struct store *store, struct loading *loading, struct error *err)
{
    const struct segment_list *list = &loading->segments;
    struct segment_file **files = calloc((size_t)list->count + 1, sizeof(struct segment_file *));
    uint32_t count = 0;
    enum status status = STATUS_OK;

    for (uint32_t i = 0; i < list->count && files != NULL && status == STATUS_OK; i++) {
        const struct manifest_segment *entry = &list->segments[i].entry;
        struct io_info info;
        struct error missing = {0};
        char path[PATH_SIZE_MAX], line[800];

        if (list->segments[i].dropped)
            continue;
        path_segment(path, store->dir, entry->day, entry->number);
        if (io_info_of(store->io, path, &info, &missing) != STATUS_OK ||
            info.size != entry->summary.file_bytes) {
            (void)snprintf(line, sizeof(line),
                           "segment %s is %s: %" PRIu64 " rows may be lost", path,
                           missing.status != STATUS_OK ? "missing" : "of the wrong length",
                           entry->summary.rows + entry->summary.samples);
            store_note(store, line);
            store->counters.quarantined++;
            if (missing.status == STATUS_NOT_FOUND)
                continue;
        }
        status = segment_file_new(store->io, store->dir, entry, &store->names, &files[count], err);
        count += status == STATUS_OK;
    }
    if (files != NULL && status == STATUS_OK)
        store->catalog = catalog_new(NULL, files, count);
    if (status == STATUS_OK && store->catalog == NULL)
        status = error_set(err, STATUS_NO_MEMORY, "no memory for the list of segments");
    for (uint32_t i = 0; i < count && store->catalog == NULL; i++)
        segment_file_unref(files[i]);
    free(files);
    return status;
}

/* ---- the WAL ---- */

static void keep_quarantine(struct store *store, const char *path, uint64_t from, uint64_t to)
{
    uint64_t size = to - from < QUARANTINE_SIZE_MAX ? to - from : QUARANTINE_SIZE_MAX;
    char name[PATH_SIZE_MAX], target[PATH_SIZE_MAX];
    struct error err = {0};
    const char *file = strrchr(path, '/');
    char *bytes = malloc(size + 1);
    int fd = -1;

    (void)snprintf(name, sizeof(name), "quarantine/%s-%" PRIu64,
                   file == NULL ? path : file + 1, from);
    path_join(target, store->dir, name);
    if (bytes != NULL && io_open(store->io, path, IO_READ, &fd, &err) == STATUS_OK &&
        io_read_exact(store->io, fd, bytes, size, from, path, &err) == STATUS_OK &&
        io_replace_file(store->io, target, slice_make(bytes, size), &err) == STATUS_OK)
        store_note(store, target);
    else
        store_note(store, "the damaged part could not be copied to quarantine/");
    io_close(store->io, &fd);
    free(bytes);
}

static void replay_damage(void *user, const char *path, uint64_t from, uint64_t to,
                          const char *what)
{
    struct store *store = user;
    char line[900];

    (void)snprintf(line, sizeof(line), "WAL %s, bytes %" PRIu64 " to %" PRIu64 ": %s", path, from,
                   to, what);
    store->counters.quarantined++;
    store_note(store, line);
    if (to > from)
        keep_quarantine(store, path, from, to);
}

static void raise_order_times(struct store *store, const struct chunk *chunk)
{
    const struct source_state *last = NULL;
    uint32_t last_source = UINT32_MAX;

    for (uint32_t i = 0; i < chunk->row_count; i++) {
        struct chunk_row row = chunk_row_at(chunk, i);
        struct source_state *state = (struct source_state *)(uintptr_t)last;

        if (row.source != last_source) {
            state = source_states_get(
                &store->states,
                &source_table_source(&store->sources, chunk->source_numbers[row.source])->id);
            last = state;
            last_source = row.source;
        }
        if (state != NULL && row.order_ns > state->order_ns)
            state->order_ns = row.order_ns;
    }
}

/* Without a manifest nobody knows up to which record a shard was sealed. Heads are sealed whole and
 * offsets grow along a source, so one row of a batch tells for all. */
static bool is_adopted(struct store *store, const struct chunk *chunk)
{
    const struct source_state *state;
    struct chunk_row first;

    if (!store->adopt || chunk->row_count == 0)
        return false;
    first = chunk_row_at(chunk, 0);
    state = source_states_find(
        &store->states,
        &source_table_source(&store->sources, chunk->source_numbers[first.source])->id);
    return state != NULL && first.offset < state->adopted_offset;
}

static void replay_record(void *user, const struct wal_record *record, struct buf *payload)
{
    struct store *store = user;
    struct chunk *chunk;
    struct error err = {0};
    char line[600];
    bool sealed, keeps;

    if (record->type != WAL_BATCH || record->shard >= SHARDS_MAX) {
        (void)snprintf(line, sizeof(line), "WAL record %" PRIu64 " of unknown type %u",
                       record->record_number, record->type);
        store_note(store, line);
        return;
    }
    sealed = record->record_number <= store->shards[record->shard].sealed_record;
    if (chunk_new(payload, &store->tables, &chunk, &err) != STATUS_OK ||
        (!sealed && store_head_reserve(store, record->shard, 1, &err) != STATUS_OK)) {
        (void)snprintf(line, sizeof(line), "WAL record %" PRIu64 ": %s", record->record_number,
                       err.message);
        store->counters.quarantined++;
        store_note(store, line);
        return;
    }
    chunk->shard = record->shard;
    chunk->record_number = record->record_number;
    chunk->wal_file = record->file_number;
    raise_order_times(store, chunk);
    keeps = chunk->row_count > 0 || chunk->sample_count > 0 || chunk->watermark_count > 0 ||
            chunk->loss_count > 0;
    store_publish(store, chunk, keeps && !sealed && !is_adopted(store, chunk));
}

/* ---- the new manifest ---- */

/* A query must know a name before any segment was opened. */
bool store_put_fields(struct store *store, uint32_t first, struct buf *out)
{
    uint32_t count = name_table_count(&store->fields);
    bool fine = true;

    for (uint32_t i = first; i < count && fine; i++)
        fine = manifest_put_field(out, name_table_name(&store->fields, i));
    if (fine)
        store->fields_put = count;
    return fine;
}

bool store_put_counters(const struct store *store, uint64_t low_water, struct buf *out)
{
    const struct manifest_counters counters = {
        .incarnation = store->incarnation,
        .next_segment = store->next_segment,
        .next_sequence = store->next_sequence,
        .low_water = low_water,
    };

    return manifest_put_counters(out, &counters);
}

bool store_put_snapshot(struct store *store, struct buf *out)
{
    bool fine = store_put_counters(store, store->low_water, out);

    for (uint16_t i = 0; i < SHARDS_MAX && fine; i++)
        if (store->shards[i].sealed_record > 0)
            fine = manifest_put_sealed(out, i, store->shards[i].sealed_record);
    for (uint32_t i = 0; i < store->catalog->count && fine; i++)
        if (!atomic_load(&store->catalog->files[i]->dropped))
            fine = manifest_put_segment(out, &store->catalog->files[i]->entry);
    for (uint32_t i = 0; i < store->states.count && fine; i++) {
        const struct source_state *state = store->states.states[i];
        struct watermark watermark = state->watermark;

        watermark.id = state->id;
        fine = manifest_put_source(out, &watermark, state->has_watermark, state->order_ns);
    }
    fine = fine && erasures_put(&store->upkeep, out);
    fine = fine && store_put_fields(store, FIELD_ID_WELL_KNOWN_COUNT, out);
    for (uint32_t i = 0; i < store->loss_count && fine; i++) {
        const struct kept_loss *kept = &store->losses[(store->loss_first + i) % LOSSES_MAX];

        /* What is only in the WAL comes back from there. */
        if (kept->record_number <= store->shards[kept->shard].sealed_record)
            fine = manifest_put_loss(out, &kept->source, &kept->loss);
    }
    return fine;
}

/* Watermarks of rows that are only in the WAL may be in it: those rows are durable there, and the
 * low-water mark keeps their files. */
enum status store_manifest_roll(struct store *store, struct error *err)
{
    struct buf snapshot = buf_empty(SNAPSHOT_SIZE_MAX);
    enum status status;
    bool fine;

    (void)pthread_mutex_lock(&store->state_lock);
    fine = store_put_snapshot(store, &snapshot);
    (void)pthread_mutex_unlock(&store->state_lock);
    status = fine ? manifest_roll(&store->manifest, buf_slice(&snapshot), err)
                  : error_set(err, STATUS_NO_MEMORY, "no memory for a manifest");
    buf_release(&snapshot);
    return status;
}

static enum status replay_wal(struct store *store, struct error *err)
{
    struct wal_replay_visitor visitor = {
        .record = replay_record, .damage = replay_damage, .user = store};

    return wal_replay(&store->wal, store->low_water, true, &visitor, err);
}

/* The first commit begins a new manifest in any case. A start does only when the old one does not
 * say what was found: that is four syncs less before it serves. One of an older version is replaced
 * before anything is stored that a program of that version could not read. */
static bool needs_roll(const struct store *store, bool is_new)
{
    return is_new || store->adopt || store->counters.quarantined > 0 ||
           store->manifest.version < MANIFEST_VERSION;
}

enum status store_recover(struct store *store, struct error *err)
{
    struct loading loading = {.store = store};
    bool is_new;
    enum status status;

    folder_sweep(store->io, store->dir, "tmp");
    status = read_manifest(store, &loading, &is_new, err);
    if (status == STATUS_OK) {
        store->low_water = loading.counters.low_water;
        if (is_new)
            store->adopt = true; /* nothing is listed: take in what is there, sweep nothing */
        walk_segments(store, &loading);
        status = take_segments(store, &loading, err);
    }
    segment_list_release(&loading.segments);
    if (store->incarnation == 0)
        io_random(store->io, &store->incarnation, sizeof(store->incarnation));
    if (store->next_sequence == 0)
        store->next_sequence = 1;
    if (store->next_segment == 0)
        store->next_segment = 1;
    for (uint32_t i = 0; status == STATUS_OK && i < store->catalog->count; i++) {
        uint64_t last = store->catalog->files[i]->entry.summary.sequence_max;

        if (last >= store->next_sequence && last != UINT64_MAX)
            store->next_sequence = last + 1;
    }
    store->wal.incarnation = store->incarnation;
    if (status == STATUS_OK)
        status = replay_wal(store, err);
    store->published_sequence = store->next_sequence - 1;
    if (status == STATUS_OK)
        status = upkeep_start(store, err);
    if (status != STATUS_OK || !needs_roll(store, is_new))
        return status;
    status = store_manifest_roll(store, err);
    if (status == STATUS_DISK_FULL && !is_new) {
        store_note(store, err->message); /* a start on a full disk works; the next commit rolls */
        status = STATUS_OK;
    }
    return status;
}
