/* store/compact.c -- small segments of one day become one, when nobody is in a hurry.
 *
 * A quiet collector seals a head every two minutes: hundreds of small files a day, each with its own
 * dictionaries. Files of the same level that lie next to each other in time are joined; the result is
 * one level higher, and the highest level is left alone, so a row is written again at most
 * COMPACT_LEVEL_MAX times. Joining has no deadline: it waits while somebody reads or ingest is late,
 * rests as much as it works (base/cpu_pace.h) and then as long again: a quarter of a processor. */
#include "store/store_impl.h"

#include "base/diag.h"
#include "base/memory_budget.h"

#include <stdlib.h>

enum {
    COMPACT_LEVEL_MAX = 3,
    COMPACT_COUNT_MIN = 8,      /* fewer are only joined when their day is over */
    COMPACT_COUNT_MAX = 64,
    COMPACT_PAUSE_FACTOR = 1,   /* pause after work, in times of the work with its rests */
    COMPACT_PRESSURE = 1000,    /* small files at which readers are no reason to wait */
    COMPACT_RETRY_S = 60,
    COMPACT_MEMORY_FACTOR = 5,  /* times the lines: measured 4.5 */
    SAMPLE_WEIGHT = 12,         /* of a sample, in bytes of lines: times the factor above it takes 60,
                                   measured 53 */
    DAY_CLOSED_S = 6 * 3600,    /* late rows come within it */
};

static uint64_t weight(const struct segment_file *file)
{
    return file->entry.summary.raw_bytes + file->entry.summary.samples * SAMPLE_WEIGHT;
}

static bool is_candidate(const struct store *store, const struct segment_file *file)
{
    return file->entry.level < COMPACT_LEVEL_MAX && !atomic_load(&file->dropped) &&
           file->compact_failures == 0 && file->erase_retry_ns == 0 &&
           weight(file) < store->options.compact_size / 2;
}

/* By day, level, time: those that may be joined stand together. */
static int compare_candidates(const void *a, const void *b)
{
    const struct manifest_segment *left = &(*(struct segment_file *const *)a)->entry;
    const struct manifest_segment *right = &(*(struct segment_file *const *)b)->entry;

    if (left->day != right->day)
        return left->day < right->day ? -1 : 1;
    if (left->level != right->level)
        return left->level < right->level ? -1 : 1;
    if (left->summary.time_min_ns != right->summary.time_min_ns)
        return left->summary.time_min_ns < right->summary.time_min_ns ? -1 : 1;
    return left->number < right->number ? -1 : 1;
}

struct run {
    struct segment_file *files[COMPACT_COUNT_MAX];
    uint32_t count;
    uint64_t weight;
};

static bool is_worth_it(const struct store *store, const struct run *run)
{
    int64_t today_ns = io_wall_ns(store->io) - DAY_CLOSED_S * NS_PER_S;

    if (run->count < 2)
        return false;
    return run->count >= COMPACT_COUNT_MIN || run->weight >= store->options.compact_size / 2 ||
           (run->files[0]->entry.day + 1) * NS_PER_DAY <= today_ns;
}

/* The first run that is worth it. The candidates are sorted. */
static bool find_run(const struct store *store, struct segment_file **candidates, uint32_t count,
                     struct run *out)
{
    for (uint32_t first = 0; first < count;) {
        uint32_t at = first;

        *out = (struct run){0};
        while (at < count && out->count < COMPACT_COUNT_MAX &&
               candidates[at]->entry.day == candidates[first]->entry.day &&
               candidates[at]->entry.level == candidates[first]->entry.level &&
               (at == first ||
                out->weight + weight(candidates[at]) <= store->options.compact_size)) {
            out->weight += weight(candidates[at]);
            out->files[out->count++] = candidates[at++];
        }
        if (is_worth_it(store, out))
            return true;
        first = at;
    }
    return false;
}

/* With a reference to each file of the run. */
static bool pick_run(struct store *store, struct run *run)
{
    struct segment_file **candidates;
    uint32_t count = 0;
    bool found;

    (void)pthread_mutex_lock(&store->state_lock);
    candidates = malloc(((size_t)store->catalog->count + 1) * sizeof(struct segment_file *));
    for (uint32_t i = 0; candidates != NULL && i < store->catalog->count; i++)
        if (is_candidate(store, store->catalog->files[i]))
            candidates[count++] = store->catalog->files[i];
    if (count > 0)
        qsort(candidates, count, sizeof(struct segment_file *), compare_candidates);
    found = count > 0 && find_run(store, candidates, count, run);
    /* A reader may be a pager that stands overnight. */
    if (found && count < COMPACT_PRESSURE && atomic_load(&store->upkeep.open_scans) > 0)
        found = false;
    for (uint32_t i = 0; found && i < run->count; i++)
        (void)segment_file_ref(run->files[i]);
    (void)pthread_mutex_unlock(&store->state_lock);
    free(candidates);
    return found;
}

static bool ingest_is_late(struct store *store)
{
    bool late;

    (void)pthread_mutex_lock(&store->state_lock);
    late = store->disk_full || store->read_only || erasures_at_work(&store->upkeep);
    for (uint32_t i = 0; i < SHARDS_MAX; i++)
        late = late || store->shards[i].full || store->shards[i].head_count > 1;
    (void)pthread_mutex_unlock(&store->state_lock);
    return late;
}

static void account(struct store *store, const struct replacement *replacement)
{
    (void)pthread_mutex_lock(&store->state_lock);
    store->counters.compactions++;
    store->counters.compacted_segments += replacement->file_count;
    store->counters.compaction_bytes_in += replacement->bytes_in;
    store->counters.compaction_bytes_out += replacement->bytes_out;
    (void)pthread_mutex_unlock(&store->state_lock);
}

/* Lowest erasure that is applied to all of them. */
static uint64_t least_erasure(const struct run *run)
{
    uint64_t least = UINT64_MAX;

    for (uint32_t i = 0; i < run->count; i++)
        least = run->files[i]->entry.erasure < least ? run->files[i]->entry.erasure : least;
    return least;
}

static enum status join(struct store *store, struct run *run, struct error *err)
{
    struct mask masks[RETENTION_RULES_MAX + 1];
    struct replacement replacement = {.files = run->files,
                                      .masks = masks,
                                      .file_count = run->count,
                                      .level = run->files[0]->entry.level + 1,
                                      .erasure = least_erasure(run)};
    enum status status;

    (void)pthread_mutex_lock(&store->state_lock);
    replacement.mask_count = retention_masks(&store->upkeep, masks);
    (void)pthread_mutex_unlock(&store->state_lock);
    status = store_replace(store, &replacement, err);
    if (status == STATUS_OK) {
        account(store, &replacement);
        diag_debug("store: %u segments joined, %llu -> %llu KiB", run->count,
                   (unsigned long long)replacement.bytes_in >> 10,
                   (unsigned long long)replacement.bytes_out >> 10);
    } else if (status == STATUS_CORRUPT || status == STATUS_NOT_FOUND) {
        /* One of them is damaged; which one, a scan or a scrub says. They stay as they are. */
        for (uint32_t i = 0; i < run->count; i++)
            run->files[i]->compact_failures++;
    }
    return status == STATUS_AGAIN ? STATUS_OK : status;
}

/* All rows of the result are in memory, so a run begins only when the process has room for them; it
 * then counts as MEMORY_BACKGROUND, and queries get what is left. */
static bool has_memory(const struct run *run)
{
    return !memory_budget_over(MEMORY_OTHER, (size_t)run->weight * COMPACT_MEMORY_FACTOR);
}

enum status compact_step(struct store *store, struct error *err)
{
    int64_t start = io_mono_ns(store->io);
    struct run run;
    enum status status = STATUS_AGAIN;

    if (store->options.compact_size == 0 || start < store->upkeep.compact_at_ns ||
        ingest_is_late(store) || !pick_run(store, &run))
        return STATUS_END;
    if (has_memory(&run))
        status = join(store, &run, err);
    for (uint32_t i = 0; i < run.count; i++)
        segment_file_unref(run.files[i]);
    store->upkeep.compact_at_ns =
        io_mono_ns(store->io) + (status == STATUS_OK
                                     ? (io_mono_ns(store->io) - start) * COMPACT_PAUSE_FACTOR
                                     : COMPACT_RETRY_S * NS_PER_S);
    return status == STATUS_AGAIN ? STATUS_END : status;
}
