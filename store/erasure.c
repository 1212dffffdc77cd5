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

enum { EDIT_SIZE_MAX = 1 << 20, RETRY_S = 60 };

/* ---- after a start ---- */

static enum status make_filter(struct store *store, struct slice text, struct store_filter **out,
                               struct error *err)
{
    if (store->options.make_filter == NULL)
        return error_set(err, STATUS_INVALID, "this program cannot read filters");
    return store->options.make_filter(store->options.make_filter_user, store, text, out, err);
}

/* Two of them: see struct erasure. */
static enum status make_filters(struct store *store, struct erasure *erasure, struct error *err)
{
    enum status status = make_filter(store, erasure->entry.filter, &erasure->filter, err);

    if (status == STATUS_OK)
        status = make_filter(store, erasure->entry.filter, &erasure->eraser, err);
    else
        erasure->filter = NULL;
    if (status == STATUS_OK || erasure->filter == NULL)
        return status;
    erasure->filter->free(erasure->filter);
    erasure->filter = erasure->eraser = NULL;
    return status;
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
        if (make_filters(store, erasure, &err) == STATUS_OK)
            continue;
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
    active = erasures_unfinished(&store->upkeep);
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
                                uint64_t undecided, struct error *err)
{
    struct buf edit = buf_empty(EDIT_SIZE_MAX);
    enum status status;
    bool fine;

    fine = manifest_put_erasure(&edit, entry) &&
           (undecided == 0 || manifest_put_undecided(&edit, entry->number, undecided));
    status = fine ? store_manifest_commit(store, buf_slice(&edit), err)
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
    fine = erasures_append(&store->upkeep, erasure) && upkeep_remask(store);
    (void)pthread_mutex_unlock(&store->state_lock);
    status = fine ? commit_entry(store, &erasure->entry, 0, err)
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
    status = make_filters(store, erasure, err);
    if (status == STATUS_OK) {
        (void)pthread_mutex_lock(&store->manifest_lock);
        status = put_in_force(store, erasure, err);
        *number = erasure->entry.number;
        (void)pthread_mutex_unlock(&store->manifest_lock);
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
    (void)snprintf(erasure->problem, sizeof(erasure->problem), "%s", why);
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
    return file->entry.erasure < erasure->entry.number &&
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

        if (!is_meant(erasure, file) || file->erase_retry_ns != 0)
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

static struct manifest_erased erased_of(const struct replacement *replacement)
{
    return (struct manifest_erased){
        .segment = replacement->files[0]->entry.number,
        .day = replacement->files[0]->entry.day,
        .made = replacement->made,
        .rows = replacement->rows_masked,
        .samples = replacement->samples_masked,
        .bytes_before = replacement->bytes_in,
        .bytes_after = replacement->bytes_out,
    };
}

/* What of a replacement goes into its manifest record, and after that into memory. */
struct erasing {
    struct erasure *erasure;
    uint64_t undecided_before; /* texts, by its eraser */
};

static uint64_t undecided_by(const struct store_filter *filter)
{
    return filter->undecided == NULL ? 0 : filter->undecided(filter);
}

static uint64_t undecided_sum(const struct erasing *erasing)
{
    return erasing->erasure->undecided + undecided_by(erasing->erasure->eraser) -
           erasing->undecided_before;
}

static bool put_counts(void *user, struct buf *edit, const struct replacement *replacement)
{
    const struct erasing *erasing = user;
    struct manifest_erasure sum = with_counts(&erasing->erasure->entry, replacement);
    struct manifest_erased erased = erased_of(replacement);
    uint64_t undecided = undecided_sum(erasing);

    return manifest_put_erasure(edit, &sum) &&
           (undecided == 0 || manifest_put_undecided(edit, sum.number, undecided)) &&
           manifest_put_erased(edit, sum.number, &erased);
}

/* State lock held. */
static void account(struct store *store, const struct erasing *erasing,
                    const struct replacement *replacement)
{
    struct erasure *erasure = erasing->erasure;
    struct manifest_erased erased = erased_of(replacement);

    erasure->undecided = undecided_sum(erasing);
    if (replacement->unchanged) {
        replacement->files[0]->entry.erasure = erasure->entry.number;
        return;
    }
    erasure->entry = with_counts(&erasure->entry, replacement);
    erasure_note(&store->upkeep, erasure, &erased);
}

/* Errors other than DISK_FULL are of this segment: it is left for later. */
static enum status erase_from(struct store *store, struct erasure *erasure,
                              struct segment_file *file, struct error *err)
{
    struct mask mask = {erasure->eraser->predicate, erasure->entry.time_min_ns,
                        erasure->entry.time_max_ns, erasure->entry.sequence_max};
    struct erasing erasing = {erasure, undecided_by(erasure->eraser)};
    struct replacement replacement = {.files = &file,
                                      .file_count = 1,
                                      .masks = &mask,
                                      .mask_count = 1,
                                      .level = file->entry.level,
                                      .erasure = erasure->entry.number,
                                      .put = put_counts,
                                      .user = &erasing};
    enum status status;
    bool room;

    (void)pthread_mutex_lock(&store->state_lock);
    room = erasure_reserve(erasure);
    (void)pthread_mutex_unlock(&store->state_lock);
    status = room ? store_replace(store, &replacement, err)
                  : error_set(err, STATUS_NO_MEMORY, "no memory for the segments of an erasure");
    if (status == STATUS_AGAIN || status == STATUS_DISK_FULL)
        return status == STATUS_AGAIN ? STATUS_OK : status;
    (void)pthread_mutex_lock(&store->state_lock);
    if (status == STATUS_OK) {
        account(store, &erasing, &replacement);
    } else {
        file->erase_retry_ns = io_mono_ns(store->io);
        if (erasure->failure[0] == '\0')
            (void)snprintf(erasure->failure, sizeof(erasure->failure), "%s", err->message);
    }
    (void)pthread_mutex_unlock(&store->state_lock);
    return STATUS_OK;
}

/* ---- segments that failed ---- */

/* Also of an erasure that is not finished, for a backup that is restored before it is. */
static void note_order(struct store *store, struct erasure *erasure)
{
    struct erase_receipt receipt = erasure_receipt(erasure);
    struct error err = {0};

    erasure->noted = true;
    if (receipt_write(store->io, store->dir, &receipt, &err) != STATUS_OK)
        diag_warn("store: the receipt of erasure %" PRIu64 ": %s", erasure->entry.number,
                  err.message);
}

/* Of the segments that it is meant for: those that could not be written again, for it or for an earlier
 * one. */
struct failed {
    uint32_t count;
    char first[PATH_SIZE_MAX];
};

static struct failed failed_files(struct store *store, const struct erasure *erasure)
{
    struct failed failed = {0};

    (void)pthread_mutex_lock(&store->state_lock);
    for (uint32_t i = 0; i < store->catalog->count; i++) {
        const struct segment_file *file = store->catalog->files[i];

        if (file->erase_retry_ns == 0 || !is_meant(erasure, file) || !bounds_meet(erasure, file))
            continue;
        if (failed.count++ == 0)
            memcpy(failed.first, file->path, sizeof(failed.first));
    }
    (void)pthread_mutex_unlock(&store->state_lock);
    return failed;
}

/* All is done but for some segments. Later erasures go on; this one, when the round is over. */
static void leave_incomplete(struct store *store, struct erasure *erasure,
                             const struct failed *failed)
{
    struct upkeep *upkeep = &store->upkeep;
    char problem[sizeof(erasure->problem)];

    (void)snprintf(problem, sizeof(problem),
                   "%u segments keep their rows, hidden, the first is %.200s: %.200s",
                   failed->count, failed->first,
                   erasure->failure[0] == '\0'
                       ? "an erasure before this one could not write it again"
                       : erasure->failure);
    if (strcmp(problem, erasure->problem) != 0)
        diag_error("store: erasure %" PRIu64 " is incomplete: %s", erasure->entry.number, problem);
    (void)pthread_mutex_lock(&store->state_lock);
    memcpy(erasure->problem, problem, sizeof(problem));
    erasure->state = ERASE_INCOMPLETE;
    if (upkeep->erase_round_ns == 0)
        upkeep->erase_round_ns = io_mono_ns(store->io) + RETRY_S * NS_PER_S;
    (void)pthread_mutex_unlock(&store->state_lock);
    note_order(store, erasure);
}

/* Once in a while segments that failed are tried again, for all erasures in their order: a segment
 * keeps one number only, so that no later one may be applied to it first. */
static void begin_round(struct store *store)
{
    struct upkeep *upkeep = &store->upkeep;

    (void)pthread_mutex_lock(&store->state_lock);
    if (upkeep->erase_round_ns != 0 && io_mono_ns(store->io) >= upkeep->erase_round_ns) {
        upkeep->erase_round_ns = 0;
        for (uint32_t i = 0; i < store->catalog->count; i++)
            store->catalog->files[i]->erase_retry_ns = 0;
        for (uint32_t i = 0; i < upkeep->erasure_count; i++) {
            upkeep->erasures[i]->failure[0] = '\0';
            if (upkeep->erasures[i]->state == ERASE_INCOMPLETE)
                upkeep->erasures[i]->state = ERASE_RUNNING;
        }
    }
    (void)pthread_mutex_unlock(&store->state_lock);
}

/* ---- the end ---- */

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
    enum status status;
    bool fine;

    (void)pthread_mutex_lock(&store->state_lock);
    fine = store_put_counters(store, low, &edit);
    (void)pthread_mutex_unlock(&store->state_lock);
    status = fine ? store_manifest_commit(store, buf_slice(&edit), err)
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

/* The receipt first: an erasure that says "finished" has one. */
static enum status finish(struct store *store, struct erasure *erasure, struct error *err)
{
    struct erase_receipt receipt;
    struct manifest_erasure done = erasure->entry;
    enum status status = registry_rebuild(store, err);

    if (status != STATUS_OK)
        return status;
    folder_sweep(store->io, store->dir, "quarantine"); /* what no filter can read may hold it */
    done.finished_ns = io_wall_ns(store->io);
    receipt = erasure_receipt(erasure);
    receipt.state = ERASE_FINISHED;
    receipt.finished_ns = done.finished_ns;
    receipt.problem = "";
    status = receipt_write(store->io, store->dir, &receipt, err);
    (void)pthread_mutex_lock(&store->manifest_lock);
    if (status == STATUS_OK)
        status = commit_entry(store, &done, erasure->undecided, err);
    (void)pthread_mutex_unlock(&store->manifest_lock);
    if (status != STATUS_OK)
        return status;
    (void)pthread_mutex_lock(&store->state_lock);
    erasure->entry = done;
    erasure->state = ERASE_FINISHED;
    erasure->problem[0] = '\0';
    erasure_forget_segments(&store->upkeep, erasure);
    (void)upkeep_remask(store); /* without memory the mask stays: it hides nothing any more */
    (void)pthread_mutex_unlock(&store->state_lock);
    diag_info("store: erasure %" PRIu64 ": %" PRIu64 " rows and %" PRIu64 " samples are gone",
              done.number, done.rows, done.samples);
    return STATUS_OK;
}

/* The oldest that has work to do. One whose filter cannot be made keeps the later ones waiting. */
static struct erasure *oldest_at_work(struct store *store)
{
    struct erasure *found = NULL;

    (void)pthread_mutex_lock(&store->state_lock);
    for (uint32_t i = 0; i < store->upkeep.erasure_count && found == NULL; i++)
        if (store->upkeep.erasures[i]->state != ERASE_FINISHED &&
            store->upkeep.erasures[i]->state != ERASE_INCOMPLETE)
            found = store->upkeep.erasures[i];
    (void)pthread_mutex_unlock(&store->state_lock);
    return found == NULL || found->filter == NULL ? NULL : found;
}

/* What is left to do when no segment is. END: it waits. */
static enum status complete(struct store *store, struct erasure *erasure, struct error *err)
{
    struct failed failed = failed_files(store, erasure);
    enum status status = STATUS_OK;

    if (!erasure->scrubbed)
        status = store_scrub_wal(store, err);
    if (status != STATUS_OK)
        return status;
    erasure->scrubbed = true;
    if (failed.count > 0) {
        leave_incomplete(store, erasure, &failed);
        return STATUS_OK;
    }
    if (atomic_load(&store->upkeep.leaving) > 0) {
        set_state(store, erasure, ERASE_WAITING);
        return STATUS_END;
    }
    return finish(store, erasure, err);
}

enum status erasures_step(struct store *store, struct error *err)
{
    struct erasure *erasure;
    struct segment_file *file;
    enum status status;

    begin_round(store);
    erasure = oldest_at_work(store);
    if (erasure == NULL ||
        (erasure->state == ERASE_BLOCKED && io_mono_ns(store->io) < erasure->retry_ns))
        return STATUS_END;
    if (!erasure->noted)
        note_order(store, erasure);
    if (in_heads(store, erasure)) {
        status = store_seal_one(store, true, err);
        if (status == STATUS_END)
            status = error_set(err, STATUS_CORRUPT, "a head cannot be sealed");
    } else if ((file = next_file(store, erasure)) != NULL) {
        set_state(store, erasure, ERASE_RUNNING);
        status = erase_from(store, erasure, file, err);
        segment_file_unref(file);
    } else {
        status = complete(store, erasure, err);
        if (status == STATUS_END)
            return status;
    }
    if (status == STATUS_OK)
        return status;
    block(store, erasure, err->message);
    return STATUS_END;
}
