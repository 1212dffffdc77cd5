/* store/seal.c -- a head becomes segments. The order of steps is what makes it safe:
 * segment in tmp/, sync, verify, rename, sync of the folders, open events carried
 * forward in the WAL, one manifest record, and only then the WAL files are recycled. */
#include "store/seal_rows.h"
#include "store/store_impl.h"

#include "base/diag.h"
#include "base/memory_budget.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { MANIFEST_EDIT_SIZE_MAX = 256 << 20 };

struct seal {
    struct store *store;
    struct head *head;
    struct seal_rows rows;
    struct manifest_segment made[SEAL_DAYS_MAX];
    uint32_t made_count;
};

static enum status sync_folders(struct store *store, int64_t day, struct error *err)
{
    char path[PATH_SIZE_MAX];
    enum status status;

    path_day(path, store->dir, day);
    status = io_sync_dir(store->io, path, err);
    path_join(path, store->dir, "segments");
    if (status == STATUS_OK)
        status = io_sync_dir(store->io, path, err);
    path_join(path, store->dir, "tmp");
    return status == STATUS_OK ? io_sync_dir(store->io, path, err) : status;
}

/* Write, verify, move to its place. */
static enum status make_segment(struct seal *seal, int64_t day,
                                const struct segment_content *content, struct error *err)
{
    struct store *store = seal->store;
    struct manifest_segment *made = &seal->made[seal->made_count];
    char folder[PATH_SIZE_MAX], from[PATH_SIZE_MAX], to[PATH_SIZE_MAX], name[40];
    enum status status;

    made->number = store->next_segment++;
    made->day = day;
    (void)snprintf(name, sizeof(name), "tmp/%016" PRIx64 ".seg", made->number);
    path_join(from, store->dir, name);
    path_segment(to, store->dir, day, made->number);
    path_day(folder, store->dir, day);
    status = segment_write(store->io, from, content, &made->summary, err);
    if (status == STATUS_OK)
        status = io_make_dirs(store->io, folder, err);
    if (status == STATUS_OK)
        status = io_rename(store->io, from, to, err);
    if (status == STATUS_OK)
        status = sync_folders(store, day, err);
    if (status == STATUS_OK)
        seal->made_count++;
    return status;
}

/* Rows from `first` on that are not after `day`: they are in order of time. */
static uint64_t count_of_day(const struct seal_rows *rows, uint64_t first, int64_t day, bool all)
{
    uint64_t low = first, high = rows->row_count;

    while (low < high && !all) {
        uint64_t middle = low + (high - low) / 2;

        if (seal_day_of(seal_rows_order_ns(rows, middle)) <= day)
            low = middle + 1;
        else
            high = middle;
    }
    return high - first;
}

/* The first day after `after` that has a row or sample; INT64_MAX: none. */
static int64_t next_day(const struct seal_rows *rows, uint64_t first_row, int64_t after)
{
    int64_t of_samples = seal_samples_next_day(&rows->samples, after), of_row = INT64_MAX;

    if (first_row < rows->row_count)
        of_row = seal_day_of(seal_rows_order_ns(rows, first_row));
    return of_row < of_samples ? of_row : of_samples;
}

/* One segment per UTC day; a head of more than SEAL_DAYS_MAX days puts the rest into the last. */
static enum status make_segments(struct seal *seal, struct error *err)
{
    const struct seal_rows *rows = &seal->rows;
    struct seal_samples_day room = {0};
    int64_t after = INT64_MIN, day;
    uint64_t first = 0;
    enum status status = STATUS_OK;

    while (status == STATUS_OK && (day = next_day(rows, first, after)) != INT64_MAX) {
        bool last = seal->made_count == SEAL_DAYS_MAX - 1;
        uint64_t count = count_of_day(rows, first, day, last);
        struct seal_part part;

        status = seal_part_of(rows, first, count, &part, err);
        if (status != STATUS_OK)
            break;
        part.content.names = &seal->store->names;
        if (seal_samples_take(&rows->samples, after, last ? INT64_MAX : day, &room, &part.content))
            status = make_segment(seal, day, &part.content, err);
        else
            status = error_set(err, STATUS_NO_MEMORY, "no memory to write a segment");
        seal_part_release(&part);
        first += count;
        after = last ? INT64_MAX : day;
    }
    seal_samples_day_release(&room);
    return status;
}

struct newest { /* of one source in the head */
    struct watermark watermark;
    int64_t order_ns;
    bool has_watermark, used;
};

static bool put_newest(struct buf *out, const struct source_states *states,
                       const struct newest *newest, uint32_t count)
{
    bool fine = true;

    for (uint32_t i = 0; i < count && fine; i++) {
        struct watermark watermark = newest[i].watermark;

        if (!newest[i].used)
            continue;
        watermark.id = states->states[i]->id;
        fine = manifest_put_source(out, &watermark, newest[i].has_watermark, newest[i].order_ns);
    }
    return fine;
}

static uint32_t state_index(struct source_states *states, const struct source_id *id)
{
    return map_get(&states->by_id, slice_make(id, sizeof(*id)));
}

static void collect_newest(struct store *store, const struct chunk *chunk, struct newest *newest)
{
    struct slice watermarks = chunk->watermarks;
    struct watermark watermark;

    while (watermark_take(&watermarks, &watermark)) {
        uint32_t index = state_index(&store->states, &watermark.id);

        if (index == MAP_NONE)
            continue;
        newest[index].watermark = watermark;
        newest[index].has_watermark = newest[index].used = true;
    }
    for (uint32_t i = 0; i < chunk->source_count; i++) {
        const struct event_source *source =
            source_table_source(&store->sources, chunk->source_numbers[i]);
        int64_t order = chunk->source_orders[i];
        uint32_t index = order == INT64_MIN ? MAP_NONE : state_index(&store->states, &source->id);

        if (index == MAP_NONE)
            continue;
        if (order > newest[index].order_ns)
            newest[index].order_ns = order;
        newest[index].used = true;
    }
}

/* What the head knew about its sources: watermarks belong to the rows that are sealed here. */
static enum status put_sources(struct seal *seal, struct buf *out, struct error *err)
{
    struct store *store = seal->store;
    struct newest *newest;
    uint32_t count;
    bool fine;

    (void)pthread_mutex_lock(&store->state_lock);
    count = store->states.count;
    newest = calloc((size_t)count + 1, sizeof(*newest));
    for (uint32_t i = 0; newest != NULL && i < count; i++)
        newest[i].order_ns = INT64_MIN;
    for (uint32_t i = 0; newest != NULL && i < seal->head->count; i++)
        collect_newest(store, seal->head->chunks[i], newest);
    fine = newest != NULL && put_newest(out, &store->states, newest, count);
    (void)pthread_mutex_unlock(&store->state_lock);
    free(newest);
    return fine ? STATUS_OK : error_set(err, STATUS_NO_MEMORY, "no memory for a manifest record");
}

static bool put_losses(struct seal *seal, struct buf *out)
{
    bool fine = true;

    for (uint32_t i = 0; i < seal->head->count && fine; i++) {
        const struct chunk *chunk = seal->head->chunks[i];
        struct slice rest = chunk->losses;
        struct loss loss;

        while (fine && loss_take(&rest, &loss))
            fine = manifest_put_loss(out,
                                     source_table_source(&seal->store->sources,
                                                         chunk->source_numbers[loss.source]),
                                     &loss);
    }
    return fine;
}

/* The oldest WAL file that is needed when `sealed` is in segments. */
static uint64_t low_water_without(struct store *store, const struct head *sealed, bool opens)
{
    uint64_t low = UINT64_MAX;

    for (uint32_t i = 0; i < SHARDS_MAX; i++)
        for (uint32_t k = 0; k < store->shards[i].head_count; k++)
            if (store->shards[i].heads[k] != sealed &&
                store->shards[i].heads[k]->first_wal_file < low)
                low = store->shards[i].heads[k]->first_wal_file;
    for (uint32_t i = 0; i < store->states.open_count && opens; i++) {
        const struct chunk *chunk = store->states.states[store->states.open[i]]->open;

        if (chunk->wal_file < low)
            low = chunk->wal_file;
    }
    return low;
}

static uint64_t at_most(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t find_low_water(struct store *store, const struct head *sealed, bool opens)
{
    uint64_t low;

    (void)pthread_mutex_lock(&store->commit_lock);
    (void)pthread_mutex_lock(&store->state_lock);
    low = at_most(low_water_without(store, sealed, opens), wal_current_file(&store->wal));
    (void)pthread_mutex_unlock(&store->state_lock);
    (void)pthread_mutex_unlock(&store->commit_lock);
    return low;
}

enum status store_manifest_commit(struct store *store, struct slice edit, struct error *err)
{
    enum status status = STATUS_OK;

    if (manifest_wants_roll(&store->manifest))
        status = store_manifest_roll(store, err);
    return status == STATUS_OK ? manifest_commit(&store->manifest, edit, err) : status;
}

static enum status commit_seal(struct seal *seal, uint64_t low_water, struct error *err)
{
    struct store *store = seal->store;
    struct buf edit = buf_empty(MANIFEST_EDIT_SIZE_MAX);
    enum status status;
    bool fine;

    (void)pthread_mutex_lock(&store->state_lock);
    fine = store_put_counters(store, low_water, &edit);
    (void)pthread_mutex_unlock(&store->state_lock);
    fine = fine &&
           manifest_put_sealed(&edit, (uint16_t)seal->head->shard, seal->head->last_record);
    for (uint32_t i = 0; i < seal->made_count && fine; i++)
        fine = manifest_put_segment(&edit, &seal->made[i]);
    fine = fine && put_losses(seal, &edit) && store_put_fields(store, store->fields_put, &edit);
    status = fine ? put_sources(seal, &edit, err)
                  : error_set(err, STATUS_NO_MEMORY, "no memory for a manifest record");
    if (status == STATUS_OK)
        status = store_manifest_commit(store, buf_slice(&edit), err);
    buf_release(&edit);
    return status;
}

static void remove_head(struct shard *shard, const struct head *head)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < shard->head_count; i++)
        if (shard->heads[i] != head)
            shard->heads[kept++] = shard->heads[i];
    shard->head_count = kept;
}

/* Made before the commit, so that nothing can fail behind it. */
static enum status prepare_catalog(struct seal *seal, struct catalog **out, struct error *err)
{
    struct store *store = seal->store;
    struct segment_file *files[SEAL_DAYS_MAX];
    uint32_t count = 0;
    enum status status = STATUS_OK;

    for (uint32_t i = 0; i < seal->made_count && status == STATUS_OK; i++) {
        status = segment_file_new(store->io, store->dir, &seal->made[i], &store->names,
                                  &files[count], err);
        if (status != STATUS_OK)
            break;
        files[count]->fresh = true;
        files[count++]->sealed_mono_ns = io_mono_ns(store->io);
    }
    /* The catalog is only swapped under the manifest lock, which is held. */
    *out = status == STATUS_OK ? catalog_new(store->catalog, files, count) : NULL;
    if (*out != NULL)
        return STATUS_OK;
    for (uint32_t i = 0; i < count; i++)
        segment_file_unref(files[i]);
    return error_set(err, STATUS_NO_MEMORY, "no memory for the list of segments");
}

/* Swap: a scan sees the head or its segments, never both, never neither. */
static void show_segments(struct seal *seal, struct catalog *catalog, uint64_t low_water)
{
    struct store *store = seal->store;
    struct catalog *old;

    (void)pthread_mutex_lock(&store->state_lock);
    old = store->catalog;
    store->catalog = catalog;
    store->low_water = low_water;
    store->shards[seal->head->shard].sealed_record = seal->head->last_record;
    remove_head(&store->shards[seal->head->shard], seal->head);
    store->counters.seals++;
    (void)pthread_mutex_unlock(&store->state_lock);
    catalog_unref(old);
    head_unref(seal->head); /* the shard's reference */
    (void)pthread_mutex_lock(&store->commit_lock);
    wal_recycle(&store->wal, low_water);
    (void)pthread_mutex_unlock(&store->commit_lock);
}

/* Everything is written: the commit, and what follows from it. */
static enum status finish_seal(struct seal *seal, struct error *err)
{
    struct store *store = seal->store;
    uint64_t low_water = find_low_water(store, seal->head, true);
    struct catalog *catalog;
    enum status status = prepare_catalog(seal, &catalog, err);

    if (status != STATUS_OK)
        return status;
    status = commit_seal(seal, low_water, err);
    if (status == STATUS_OK)
        show_segments(seal, catalog, low_water);
    else
        catalog_unref(catalog);
    return status;
}

/* Nothing names these files yet. After a failed commit nobody knows: then the next start sweeps. */
static void remove_made(struct seal *seal)
{
    char path[PATH_SIZE_MAX];

    for (uint32_t i = 0; i < seal->made_count; i++) {
        path_segment(path, seal->store->dir, seal->made[i].day, seal->made[i].number);
        file_remove(seal->store->io, path);
    }
}

static enum status seal_head(struct store *store, struct head *head, struct error *err)
{
    struct seal *seal = calloc(1, sizeof(*seal));
    enum status status = STATUS_OK;

    if (seal == NULL)
        return error_set(err, STATUS_NO_MEMORY, "no memory to seal a head");
    seal->store = store;
    seal->head = head;
    if (manifest_wants_roll(&store->manifest)) /* first, or failing would cost a segment each */
        status = store_manifest_roll(store, err);
    if (status == STATUS_OK)
        status = seal_rows_of(head, &store->tables, &seal->rows, err);
    if (status == STATUS_OK)
        status = make_segments(seal, err);
    if (status == STATUS_OK)
        status = store_carry_open(store, find_low_water(store, head, false), err);
    if (status == STATUS_OK)
        status = finish_seal(seal, err);
    else
        remove_made(seal);
    seal_rows_release(&seal->rows);
    free(seal);
    return status;
}

static bool wants_seal(const struct store *store, const struct shard *shard, uint32_t index,
                       bool all, int64_t now)
{
    const struct head *head = shard->heads[index];
    bool last = index + 1 == shard->head_count;

    if (head->count == 0 || head->failures >= SEAL_FAILURES_MAX ||
        (head->failures > 0 && now < head->retry_ns))
        return false;
    return !last || shard->full || all || now - head->born_ns >= store->options.seal_age_ns;
}

/* A head that still takes rows gets a successor first, with room for the group that may be on its
 * way to it; from then on it does not change. State lock held. */
static enum status detach(struct shard *shard, uint32_t number, uint32_t index, struct error *err)
{
    struct head *next;
    enum status status;

    if (index + 1 < shard->head_count)
        return STATUS_OK;
    if (shard->head_count == SHARD_HEADS_MAX)
        return error_set(err, STATUS_AGAIN, "too many heads wait to be sealed");
    status = head_new(number, &next, err);
    if (status == STATUS_OK)
        status = head_reserve(next, WAL_GROUP_RECORDS_MAX, err);
    if (status != STATUS_OK)
        return status;
    shard->heads[shard->head_count++] = next;
    shard->full = false;
    return STATUS_OK;
}

/* The next head to seal, with a reference; NULL: none. */
static struct head *pick(struct store *store, bool all)
{
    int64_t now = io_mono_ns(store->io);
    struct head *head = NULL;

    (void)pthread_mutex_lock(&store->state_lock);
    for (uint32_t i = 0; i < SHARDS_MAX && head == NULL; i++)
        for (uint32_t k = 0; k < store->shards[i].head_count && head == NULL; k++) {
            struct error err = {0};

            if (wants_seal(store, &store->shards[i], k, all, now) &&
                detach(&store->shards[i], i, k, &err) == STATUS_OK)
                head = head_ref(store->shards[i].heads[k]);
        }
    if (head != NULL)
        seal_pace_begin(&store->pace, head->memory_size);
    (void)pthread_mutex_unlock(&store->state_lock);
    return head;
}

static void note_failure(struct store *store, struct head *head, enum status status,
                         const struct error *err)
{
    (void)pthread_mutex_lock(&store->state_lock);
    if (status == STATUS_CORRUPT) {
        store->counters.seal_mismatches++;
        head->failures++;
    } else {
        store->counters.seal_errors++;
        head->failures = 1; /* the disk may come back: try for ever */
    }
    head->retry_ns = io_mono_ns(store->io) + SEAL_RETRY_S * NS_PER_S;
    (void)pthread_mutex_unlock(&store->state_lock);
    diag_error("store: cannot seal: %s; its rows stay in the WAL", err->message);
}

enum status store_seal_one(struct store *store, bool all, struct error *err)
{
    enum memory_class before;
    struct head *head;
    struct error local = {0};
    enum status status;

    if (err == NULL)
        err = &local;
    before = memory_budget_enter(MEMORY_SEALS);
    (void)pthread_mutex_lock(&store->manifest_lock);
    head = pick(store, all);
    status = head == NULL ? STATUS_END : seal_head(store, head, err);
    if (head != NULL) {
        (void)pthread_mutex_lock(&store->state_lock);
        seal_pace_end(&store->pace, status == STATUS_OK);
        (void)pthread_mutex_unlock(&store->state_lock);
    }
    if (head != NULL && status != STATUS_OK)
        note_failure(store, head, status, err);
    head_unref(head);
    (void)pthread_mutex_unlock(&store->manifest_lock);
    (void)memory_budget_enter(before);
    return status;
}
