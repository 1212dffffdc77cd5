/* store/erasure.c -- erasures from the order to the receipt; the steps are in erase.h.
 *
 * One erasure at a time, in order of their numbers, so that a segment's entry needs to keep one number
 * only: all erasures up to it were applied. */
#include "store/erase.h"

#include "store/receipt.h"
#include "store/registry.h"
#include "store/store_impl.h"

#include "base/diag.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { EDIT_SIZE_MAX = 1 << 20, RETRY_S = 60 };

const char *erase_state_name(enum erase_state state)
{
    static const char *const names[] = {[ERASE_RUNNING] = "running",
                                        [ERASE_WAITING] = "waiting",
                                        [ERASE_BLOCKED] = "blocked",
                                        [ERASE_FINISHED] = "finished"};

    return names[state];
}

/* ---- the list ---- */

static void erasure_free(struct erasure *erasure)
{
    if (erasure == NULL)
        return;
    if (erasure->filter != NULL)
        erasure->filter->free(erasure->filter);
    free((char *)(uintptr_t)erasure->entry.filter.data);
    free((char *)(uintptr_t)erasure->entry.by.data);
    free(erasure);
}

void erasures_release(struct upkeep *upkeep)
{
    for (uint32_t i = 0; i < upkeep->erasure_count; i++)
        erasure_free(upkeep->erasures[i]);
    free(upkeep->erasures);
}

static bool copy_text(struct slice from, struct slice *out)
{
    char *copy = malloc(from.len + 1);

    *out = (struct slice){copy, from.len};
    if (copy != NULL && from.len > 0)
        memcpy(copy, from.data, from.len);
    return copy != NULL;
}

static struct erasure *erasure_new(const struct manifest_erasure *entry)
{
    struct erasure *erasure = calloc(1, sizeof(*erasure));

    if (erasure == NULL)
        return NULL;
    erasure->entry = *entry;
    erasure->entry.by = (struct slice){NULL, 0};
    erasure->state = entry->finished_ns != 0 ? ERASE_FINISHED : ERASE_RUNNING;
    if (copy_text(entry->filter, &erasure->entry.filter) &&
        copy_text(entry->by, &erasure->entry.by))
        return erasure;
    erasure_free(erasure);
    return NULL;
}

/* The oldest finished one makes room; its receipt stays on the disk. */
static void forget_oldest(struct upkeep *upkeep)
{
    uint32_t at = 0;

    while (at < upkeep->erasure_count && upkeep->erasures[at]->state != ERASE_FINISHED)
        at++;
    if (at == upkeep->erasure_count)
        return;
    erasure_free(upkeep->erasures[at]);
    memmove(&upkeep->erasures[at], &upkeep->erasures[at + 1],
            (upkeep->erasure_count - at - 1) * sizeof(struct erasure *));
    upkeep->erasure_count--;
}

static bool append(struct upkeep *upkeep, struct erasure *erasure)
{
    if (upkeep->erasure_count >= ERASURES_MAX)
        forget_oldest(upkeep);
    if (upkeep->erasure_count == upkeep->erasure_capacity) {
        uint32_t capacity = upkeep->erasure_capacity == 0 ? 16 : upkeep->erasure_capacity * 2;
        struct erasure **grown =
            realloc(upkeep->erasures, capacity * sizeof(struct erasure *));

        if (grown == NULL)
            return false;
        upkeep->erasures = grown;
        upkeep->erasure_capacity = capacity;
    }
    upkeep->erasures[upkeep->erasure_count++] = erasure;
    return true;
}

bool erasures_load(struct upkeep *upkeep, const struct manifest_erasure *entry)
{
    struct erasure *erasure = erasure_new(entry);

    if (erasure == NULL)
        return false;
    for (uint32_t i = 0; i < upkeep->erasure_count; i++)
        if (upkeep->erasures[i]->entry.number == entry->number) {
            erasure_free(upkeep->erasures[i]);
            upkeep->erasures[i] = erasure;
            return true;
        }
    if (append(upkeep, erasure))
        return true;
    erasure_free(erasure);
    return false;
}

bool erasures_put(const struct upkeep *upkeep, struct buf *out)
{
    bool fine = true;

    for (uint32_t i = 0; i < upkeep->erasure_count && fine; i++)
        fine = manifest_put_erasure(out, &upkeep->erasures[i]->entry);
    return fine;
}

static uint32_t active_count(const struct upkeep *upkeep)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < upkeep->erasure_count; i++)
        count += upkeep->erasures[i]->state != ERASE_FINISHED;
    return count;
}

bool erasures_active(const struct upkeep *upkeep)
{
    return active_count(upkeep) > 0;
}

/* ---- after a start ---- */

static enum status make_filter(struct store *store, struct slice text, struct store_filter **out,
                               struct error *err)
{
    if (store->options.make_filter == NULL)
        return error_set(err, STATUS_INVALID, "this program cannot read filters");
    return store->options.make_filter(store->options.make_filter_user, store, text, out, err);
}

/* What cannot be understood hides too much rather than too little, and erases nothing. */
void erasures_start(struct store *store)
{
    for (uint32_t i = 0; i < store->upkeep.erasure_count; i++) {
        struct erasure *erasure = store->upkeep.erasures[i];
        struct error err = {0};
        char line[sizeof(err.message) + 120];

        if (erasure->state == ERASE_FINISHED)
            continue;
        erasure->wal_file = store->wal.next_file;
        if (make_filter(store, erasure->entry.filter, &erasure->filter, &err) == STATUS_OK)
            continue;
        erasure->filter = NULL;
        erasure->state = ERASE_BLOCKED;
        (void)snprintf(erasure->problem, sizeof(erasure->problem), "%.190s", err.message);
        (void)snprintf(line, sizeof(line),
                       "erasure %" PRIu64 " hides all rows before it: its filter: %s",
                       erasure->entry.number, err.message);
        store_note(store, line);
    }
}

/* ---- the order ---- */

static enum status check_request(struct store *store, const struct erase_request *request,
                                 struct error *err)
{
    uint32_t active;

    if (request->filter.len > ERASE_TEXT_SIZE_MAX || request->by.len > ERASE_TEXT_SIZE_MAX)
        return error_set(err, STATUS_TOO_LARGE, "a filter of more than %d KiB",
                         ERASE_TEXT_SIZE_MAX >> 10);
    if (request->time_min_ns >= request->time_max_ns)
        return error_set(err, STATUS_INVALID, "the range of time is empty");
    (void)pthread_mutex_lock(&store->state_lock);
    active = active_count(&store->upkeep);
    (void)pthread_mutex_unlock(&store->state_lock);
    return active < ERASURES_ACTIVE_MAX
               ? STATUS_OK
               : error_set(err, STATUS_TOO_LARGE, "%d erasures are at work: wait for one of them",
                           ERASURES_ACTIVE_MAX);
}

/* What arrives from here on is not meant, and goes to another WAL file. */
static void draw_line(struct store *store, struct erasure *erasure)
{
    (void)pthread_mutex_lock(&store->commit_lock);
    wal_end_file(&store->wal);
    erasure->wal_file = store->wal.next_file;
    (void)pthread_mutex_lock(&store->state_lock);
    erasure->entry.sequence_max = store->next_sequence - 1;
    (void)pthread_mutex_unlock(&store->state_lock);
    (void)pthread_mutex_unlock(&store->commit_lock);
}

static enum status commit_entry(struct store *store, const struct manifest_erasure *entry,
                                struct error *err)
{
    struct buf edit = buf_empty(EDIT_SIZE_MAX);
    enum status status;

    status = manifest_put_erasure(&edit, entry)
                 ? store_manifest_commit(store, buf_slice(&edit), err)
                 : error_set(err, STATUS_NO_MEMORY, "no memory for a manifest record");
    buf_release(&edit);
    return status;
}

static uint64_t next_number(const struct upkeep *upkeep)
{
    return upkeep->erasure_count == 0
               ? 1
               : upkeep->erasures[upkeep->erasure_count - 1]->entry.number + 1;
}

/* Masked first, durable then: whoever got the answer finds no row, and neither does he after a power
 * cut. Manifest lock held. */
static enum status put_in_force(struct store *store, struct erasure *erasure, struct error *err)
{
    enum status status;
    bool fine;

    draw_line(store, erasure);
    (void)pthread_mutex_lock(&store->state_lock);
    erasure->entry.number = next_number(&store->upkeep);
    fine = append(&store->upkeep, erasure) && upkeep_remask(store);
    (void)pthread_mutex_unlock(&store->state_lock);
    status = fine ? commit_entry(store, &erasure->entry, err)
                  : error_set(err, STATUS_NO_MEMORY, "no memory for an erasure");
    if (status == STATUS_OK)
        return status;
    (void)pthread_mutex_lock(&store->state_lock);
    if (store->upkeep.erasure_count > 0 &&
        store->upkeep.erasures[store->upkeep.erasure_count - 1] == erasure)
        store->upkeep.erasure_count--;
    (void)upkeep_remask(store);
    (void)pthread_mutex_unlock(&store->state_lock);
    return status;
}

enum status store_erase(struct store *store, const struct erase_request *request, uint64_t *number,
                        struct error *err)
{
    struct manifest_erasure entry = {
        .requested_ns = io_wall_ns(store->io),
        .time_min_ns = request->time_min_ns,
        .time_max_ns = request->time_max_ns,
        .filter = request->filter,
        .by = request->by,
    };
    struct erasure *erasure = NULL;
    enum status status = check_request(store, request, err);

    if (status != STATUS_OK)
        return status;
    erasure = erasure_new(&entry);
    if (erasure == NULL)
        return error_set(err, STATUS_NO_MEMORY, "no memory for an erasure");
    status = make_filter(store, request->filter, &erasure->filter, err);
    if (status == STATUS_OK) {
        (void)pthread_mutex_lock(&store->manifest_lock);
        status = put_in_force(store, erasure, err);
        *number = erasure->entry.number;
        (void)pthread_mutex_unlock(&store->manifest_lock);
    } else {
        erasure->filter = NULL;
    }
    if (status != STATUS_OK) {
        erasure_free(erasure);
        return status;
    }
    diag_info("store: erasure %" PRIu64 " is in force", *number);
    upkeep_wake(store);
    return STATUS_OK;
}

/* ---- the work ---- */

static void block(struct store *store, struct erasure *erasure, const char *why)
{
    (void)pthread_mutex_lock(&store->state_lock);
    if (erasure->state != ERASE_BLOCKED || strncmp(erasure->problem, why, 100) != 0)
        diag_error("store: erasure %" PRIu64 " is blocked: %s", erasure->entry.number, why);
    erasure->state = ERASE_BLOCKED;
    if (why != erasure->problem)
        (void)snprintf(erasure->problem, sizeof(erasure->problem), "%.190s", why);
    erasure->retry_ns = io_mono_ns(store->io) + RETRY_S * NS_PER_S;
    (void)pthread_mutex_unlock(&store->state_lock);
}

static void set_state(struct store *store, struct erasure *erasure, enum erase_state state)
{
    (void)pthread_mutex_lock(&store->state_lock);
    erasure->state = state;
    (void)pthread_mutex_unlock(&store->state_lock);
}

/* Is a row from before the line still in a head? */
static bool in_heads(struct store *store, const struct erasure *erasure)
{
    bool found = false;

    (void)pthread_mutex_lock(&store->state_lock);
    for (uint32_t i = 0; i < SHARDS_MAX; i++)
        for (uint32_t k = 0; k < store->shards[i].head_count; k++)
            found = found || (store->shards[i].heads[k]->count > 0 &&
                              store->shards[i].heads[k]->first_wal_file < erasure->wal_file);
    (void)pthread_mutex_unlock(&store->state_lock);
    return found;
}

static bool is_meant(const struct erasure *erasure, const struct segment_file *file)
{
    return file->entry.erasure < erasure->entry.number && file->erase_retry_ns == 0 &&
           file->entry.summary.sequence_min <= erasure->entry.sequence_max;
}

static bool bounds_meet(const struct erasure *erasure, const struct segment_file *file)
{
    const struct segment_summary *summary = &file->entry.summary;

    return summary->time_max_ns >= erasure->entry.time_min_ns &&
           summary->time_min_ns < erasure->entry.time_max_ns;
}

/* The next segment that may hold such a row, with a reference; NULL: none. Those that cannot are
 * marked as done on the way. */
static struct segment_file *next_file(struct store *store, const struct erasure *erasure)
{
    struct segment_file *found = NULL;

    (void)pthread_mutex_lock(&store->state_lock);
    for (uint32_t i = 0; i < store->catalog->count && found == NULL; i++) {
        struct segment_file *file = store->catalog->files[i];

        if (!is_meant(erasure, file))
            continue;
        if (bounds_meet(erasure, file))
            found = segment_file_ref(file);
        else
            file->entry.erasure = erasure->entry.number;
    }
    (void)pthread_mutex_unlock(&store->state_lock);
    return found;
}

static struct manifest_erasure with_counts(const struct manifest_erasure *entry,
                                           const struct replacement *replacement)
{
    struct manifest_erasure sum = *entry;

    sum.rows += replacement->rows_masked;
    sum.samples += replacement->samples_masked;
    sum.segments++;
    return sum;
}

static bool put_counts(void *user, struct buf *edit, const struct replacement *replacement)
{
    struct manifest_erasure sum = with_counts(&((struct erasure *)user)->entry, replacement);

    return manifest_put_erasure(edit, &sum);
}

static enum status erase_from(struct store *store, struct erasure *erasure,
                              struct segment_file *file, struct error *err)
{
    struct mask mask = {erasure->filter->predicate, erasure->entry.time_min_ns,
                        erasure->entry.time_max_ns, erasure->entry.sequence_max};
    struct replacement replacement = {.files = &file,
                                      .file_count = 1,
                                      .masks = &mask,
                                      .mask_count = 1,
                                      .level = file->entry.level,
                                      .erasure = erasure->entry.number,
                                      .put = put_counts,
                                      .user = erasure};
    enum status status = store_replace(store, &replacement, err);

    if (status == STATUS_AGAIN)
        return STATUS_OK;
    (void)pthread_mutex_lock(&store->state_lock);
    if (status != STATUS_OK)
        file->erase_retry_ns = io_mono_ns(store->io) + RETRY_S * NS_PER_S;
    else if (replacement.unchanged)
        file->entry.erasure = erasure->entry.number;
    else
        erasure->entry = with_counts(&erasure->entry, &replacement);
    (void)pthread_mutex_unlock(&store->state_lock);
    return status;
}

static bool any_failed(struct store *store)
{
    bool any = false;

    (void)pthread_mutex_lock(&store->state_lock);
    for (uint32_t i = 0; i < store->catalog->count; i++)
        any = any || store->catalog->files[i]->erase_retry_ns != 0;
    (void)pthread_mutex_unlock(&store->state_lock);
    return any;
}

static void retry_failed(struct store *store, struct erasure *erasure)
{
    (void)pthread_mutex_lock(&store->state_lock);
    erasure->retry_ns = 0;
    erasure->problem[0] = '\0';
    for (uint32_t i = 0; i < store->catalog->count; i++)
        store->catalog->files[i]->erase_retry_ns = 0;
    (void)pthread_mutex_unlock(&store->state_lock);
}

/* The oldest WAL file that a head, or `opens` an open event, needs; manifest lock held. */
static uint64_t low_water(struct store *store, bool opens)
{
    uint64_t low;

    (void)pthread_mutex_lock(&store->commit_lock);
    (void)pthread_mutex_lock(&store->state_lock);
    low = wal_current_file(&store->wal);
    for (uint32_t i = 0; i < SHARDS_MAX; i++)
        for (uint32_t k = 0; k < store->shards[i].head_count; k++)
            if (store->shards[i].heads[k]->first_wal_file < low)
                low = store->shards[i].heads[k]->first_wal_file;
    for (uint32_t i = 0; opens && i < store->states.open_count; i++)
        if (store->states.states[store->states.open[i]]->open->wal_file < low)
            low = store->states.states[store->states.open[i]]->open->wal_file;
    (void)pthread_mutex_unlock(&store->state_lock);
    (void)pthread_mutex_unlock(&store->commit_lock);
    return low;
}

static enum status commit_low_water(struct store *store, uint64_t low, struct error *err)
{
    struct buf edit = buf_empty(EDIT_SIZE_MAX);
    struct manifest_counters counters;
    enum status status;

    (void)pthread_mutex_lock(&store->state_lock);
    counters = (struct manifest_counters){.incarnation = store->incarnation,
                                          .next_segment = store->next_segment,
                                          .next_sequence = store->next_sequence,
                                          .low_water = low};
    (void)pthread_mutex_unlock(&store->state_lock);
    status = manifest_put_counters(&edit, &counters)
                 ? store_manifest_commit(store, buf_slice(&edit), err)
                 : error_set(err, STATUS_NO_MEMORY, "no memory for a manifest record");
    buf_release(&edit);
    return status;
}

/* Old WAL files go, also those that were kept for reuse; live open events move to the new file. */
enum status store_scrub_wal(struct store *store, struct error *err)
{
    uint64_t low;
    enum status status;

    (void)pthread_mutex_lock(&store->manifest_lock);
    (void)pthread_mutex_lock(&store->commit_lock);
    wal_end_file(&store->wal);
    (void)pthread_mutex_unlock(&store->commit_lock);
    status = store_carry_open(store, low_water(store, false), err);
    low = low_water(store, true);
    if (status == STATUS_OK)
        status = commit_low_water(store, low, err);
    if (status == STATUS_OK) {
        (void)pthread_mutex_lock(&store->state_lock);
        store->low_water = low;
        (void)pthread_mutex_unlock(&store->state_lock);
        (void)pthread_mutex_lock(&store->commit_lock);
        wal_recycle(&store->wal, low);
        wal_drop_spares(&store->wal);
        (void)pthread_mutex_lock(&store->state_lock);
        store->counters.wal_bytes = wal_bytes(&store->wal);
        (void)pthread_mutex_unlock(&store->state_lock);
        (void)pthread_mutex_unlock(&store->commit_lock);
    }
    (void)pthread_mutex_unlock(&store->manifest_lock);
    return status;
}

static bool remove_quarantined(void *user, const char *name)
{
    struct store *store = user;
    char folder[PATH_SIZE_MAX], path[PATH_SIZE_MAX];

    path_join(folder, store->dir, "quarantine");
    path_join(path, folder, name);
    file_remove(store->io, path);
    return true;
}

/* Damaged pieces that no filter can read: they may hold what must go. */
static void empty_quarantine(struct store *store)
{
    char path[PATH_SIZE_MAX];

    path_join(path, store->dir, "quarantine");
    (void)store->io->path->list(store->io, path, remove_quarantined, store);
}

static struct erase_receipt receipt_of(const struct erasure *erasure)
{
    const struct manifest_erasure *entry = &erasure->entry;

    return (struct erase_receipt){
        .number = entry->number,
        .state = erasure->state,
        .requested_ns = entry->requested_ns,
        .finished_ns = entry->finished_ns,
        .time_min_ns = entry->time_min_ns,
        .time_max_ns = entry->time_max_ns,
        .sequence_max = entry->sequence_max,
        .rows = entry->rows,
        .samples = entry->samples,
        .segments = entry->segments,
        .filter = entry->filter,
        .by = entry->by,
        .problem = erasure->problem,
    };
}

/* The receipt first: an erasure that says "finished" has one. */
static enum status finish(struct store *store, struct erasure *erasure, struct error *err)
{
    struct erase_receipt receipt;
    struct manifest_erasure done = erasure->entry;
    enum status status = registry_rebuild(store, err);

    if (status != STATUS_OK)
        return status;
    empty_quarantine(store);
    done.finished_ns = io_wall_ns(store->io);
    receipt = receipt_of(erasure);
    receipt.state = ERASE_FINISHED;
    receipt.finished_ns = done.finished_ns;
    receipt.problem = "";
    status = receipt_write(store->io, store->dir, &receipt, err);
    (void)pthread_mutex_lock(&store->manifest_lock);
    if (status == STATUS_OK)
        status = commit_entry(store, &done, err);
    (void)pthread_mutex_unlock(&store->manifest_lock);
    if (status != STATUS_OK)
        return status;
    (void)pthread_mutex_lock(&store->state_lock);
    erasure->entry = done;
    erasure->state = ERASE_FINISHED;
    (void)upkeep_remask(store); /* without memory the mask stays: it hides nothing any more */
    (void)pthread_mutex_unlock(&store->state_lock);
    diag_info("store: erasure %" PRIu64 ": %" PRIu64 " rows and %" PRIu64 " samples are gone",
              done.number, done.rows, done.samples);
    return STATUS_OK;
}

static struct erasure *oldest_active(struct store *store)
{
    struct erasure *found = NULL;

    (void)pthread_mutex_lock(&store->state_lock);
    for (uint32_t i = 0; i < store->upkeep.erasure_count && found == NULL; i++)
        if (store->upkeep.erasures[i]->state != ERASE_FINISHED &&
            store->upkeep.erasures[i]->filter != NULL)
            found = store->upkeep.erasures[i];
    (void)pthread_mutex_unlock(&store->state_lock);
    return found;
}

/* What is left to do when no segment is. */
static enum status complete(struct store *store, struct erasure *erasure, struct error *err)
{
    enum status status = STATUS_OK;

    if (any_failed(store)) {
        block(store, erasure, erasure->problem[0] != '\0' ? erasure->problem
                                                          : "a segment cannot be written again");
        return STATUS_END;
    }
    if (!erasure->scrubbed)
        status = store_scrub_wal(store, err);
    if (status != STATUS_OK)
        return status;
    erasure->scrubbed = true;
    if (atomic_load(&store->upkeep.leaving) > 0) {
        set_state(store, erasure, ERASE_WAITING);
        return STATUS_END;
    }
    return finish(store, erasure, err);
}

enum status erasures_step(struct store *store, struct error *err)
{
    struct erasure *erasure = oldest_active(store);
    struct segment_file *file;
    enum status status;

    if (erasure == NULL || (erasure->retry_ns != 0 && io_mono_ns(store->io) < erasure->retry_ns))
        return STATUS_END;
    if (erasure->retry_ns != 0) {
        retry_failed(store, erasure);
    }
    if (in_heads(store, erasure)) {
        status = store_seal_one(store, true, err);
        if (status == STATUS_END)
            (void)error_set(err, STATUS_CORRUPT, "a head cannot be sealed");
    } else if ((file = next_file(store, erasure)) != NULL) {
        set_state(store, erasure, ERASE_RUNNING);
        status = erase_from(store, erasure, file, err);
        segment_file_unref(file);
        if (status == STATUS_CORRUPT || status == STATUS_NO_MEMORY) {
            block(store, erasure, err->message);
            erasure->retry_ns = 0; /* go on with the others */
            return STATUS_OK;
        }
    } else {
        status = complete(store, erasure, err);
        if (status == STATUS_OK || status == STATUS_END)
            return status;
    }
    if (status == STATUS_OK)
        return status;
    block(store, erasure, err->message);
    return STATUS_END;
}

void store_erasures(struct store *store, erase_visit *visit, void *user)
{
    bool go_on = true;

    (void)pthread_mutex_lock(&store->state_lock);
    for (uint32_t i = 0; i < store->upkeep.erasure_count && go_on; i++) {
        struct erase_receipt receipt = receipt_of(store->upkeep.erasures[i]);

        go_on = visit(user, &receipt);
    }
    (void)pthread_mutex_unlock(&store->state_lock);
}
