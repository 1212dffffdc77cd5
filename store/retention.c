/* store/retention.c -- segments that are past their time go; rules mask rows and have segments written
 * again. */
#include "store/store_impl.h"

#include "base/diag.h"
#include "base/units.h"

#include <inttypes.h>
#include <stdlib.h>

enum { EDIT_SIZE_MAX = 16 << 20, SWEEP_PAUSE_FACTOR = 1, SWEEP_RETRY_S = 60 };

/* ---- the rules ---- */

void retention_release(struct upkeep *upkeep)
{
    for (uint32_t i = 0; i < RETENTION_RULES_MAX; i++)
        if (upkeep->rules[i].filter != NULL)
            upkeep->rules[i].filter->free(upkeep->rules[i].filter);
}

/* Rows that pass filter `index` and none before it; with `index` = count: none at all. */
static void make_first_match(struct upkeep *upkeep, uint32_t index)
{
    struct kept_rule *rule = &upkeep->rules[index];

    for (uint32_t i = 0; i < index; i++) {
        rule->denied[i] = (struct predicate){.kind = PRED_NOT,
                                             .children = &upkeep->rules[i].filter->predicate,
                                             .child_count = 1};
        rule->children[i] = &rule->denied[i];
    }
    rule->predicate =
        (struct predicate){.kind = PRED_AND, .children = rule->children, .child_count = index};
    if (rule->filter != NULL)
        rule->children[rule->predicate.child_count++] = rule->filter->predicate;
    rule->cutoff_ns = INT64_MIN;
}

/* The time after which no row of a segment counts any more; 0: never. */
static int64_t longest_time(const struct store_options *options)
{
    int64_t longest = options->retention_ns;

    for (uint32_t i = 0; i < options->rule_count && longest > 0; i++)
        if (options->rules[i].keep_ns == 0 || options->rules[i].keep_ns > longest)
            longest = options->rules[i].keep_ns;
    return longest;
}

enum status retention_start(struct store *store, struct error *err)
{
    const struct store_options *options = &store->options;
    struct upkeep *upkeep = &store->upkeep;

    if (options->rule_count > RETENTION_RULES_MAX)
        return error_set(err, STATUS_INVALID, "more than %d rules of retention",
                         RETENTION_RULES_MAX);
    if (options->rule_count > 0 && options->make_filter == NULL)
        return error_set(err, STATUS_INVALID, "this program cannot read filters");
    for (uint32_t i = 0; i < options->rule_count; i++) {
        enum status status =
            options->make_filter(options->make_filter_user, store,
                                 slice_of(options->rules[i].filter), &upkeep->rules[i].filter, err);

        if (status != STATUS_OK) {
            upkeep->rules[i].filter = NULL;
            error_context(err, "retention rule %u", i + 1);
            return status;
        }
        make_first_match(upkeep, i);
    }
    make_first_match(upkeep, options->rule_count); /* what no rule speaks of */
    upkeep->rule_count = options->rule_count;
    upkeep->drop_ns = longest_time(options);
    return STATUS_OK;
}

/* The store's own time as a mask is only needed where a rule keeps rows longer. */
static uint32_t masked_rules(const struct upkeep *upkeep)
{
    return upkeep->rule_count == 0 ? 0 : upkeep->rule_count + 1;
}

uint32_t retention_masks(const struct upkeep *upkeep, struct mask *out)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < masked_rules(upkeep); i++)
        if (upkeep->rules[i].cutoff_ns != INT64_MIN)
            out[count++] = (struct mask){&upkeep->rules[i].predicate, INT64_MIN,
                                         upkeep->rules[i].cutoff_ns, UINT64_MAX};
    return count;
}

/* ---- bytes by rule ---- */

/* Stored bytes of the rows of a rule in a segment: its share of the rows. */
static enum status count_share(struct store *store, struct segment_file *file, uint32_t rule,
                               uint64_t *out, struct error *err)
{
    struct scan_options options = {.time_min_ns = INT64_MIN,
                                   .time_max_ns = INT64_MAX,
                                   .filter = &store->upkeep.rules[rule].predicate};
    const struct segment_summary *summary = &file->entry.summary;
    struct scan_cost cost = {0};
    struct segment *segment;
    struct segment_plan *plan;
    uint64_t rows = 0;
    enum status status = segment_file_pin(file, &segment, err);

    *out = 0;
    if (status != STATUS_OK)
        return status;
    status = segment_plan_make(segment, &options, &plan, err);
    for (uint32_t i = 0; status == STATUS_OK && i < segment_block_count(segment); i++) {
        struct segment_block_info info;
        struct block *block;

        segment_block_info(segment, i, &info);
        if (info.samples || segment_block(segment, plan, i, &cost, &block, err) != STATUS_OK)
            continue;
        rows += block_selected_count(block);
        block_release(block);
    }
    if (status == STATUS_OK)
        segment_plan_free(plan);
    segment_file_unpin(file);
    if (status == STATUS_OK && summary->rows > 0)
        *out = (uint64_t)((double)summary->file_bytes * (double)rows / (double)summary->rows);
    return status == STATUS_END ? STATUS_OK : status;
}

/* Newest first until the bytes are used up: rows up to the end of the next segment go. `files` are
 * sorted by age, oldest first. Manifest lock held. */
static int64_t bytes_cutoff(struct store *store, uint32_t rule, struct segment_file *const *files,
                            uint32_t count)
{
    uint64_t most = store->options.rules[rule].bytes_max, sum = 0;

    for (uint32_t i = count; i-- > 0 && most > 0;) {
        struct error err = {0};

        if (files[i]->rule_bytes[rule] == 0) {
            uint64_t bytes = 0;

            if (count_share(store, files[i], rule, &bytes, &err) != STATUS_OK)
                diag_warn("store: bytes of a retention rule: %s", err.message);
            files[i]->rule_bytes[rule] = bytes + 1; /* 0: not counted yet */
        }
        sum += files[i]->rule_bytes[rule] - 1;
        if (sum > most)
            return files[i]->entry.summary.time_max_ns + 1;
    }
    return INT64_MIN;
}

static int64_t rule_keep(const struct store *store, uint32_t rule)
{
    return rule < store->upkeep.rule_count ? store->options.rules[rule].keep_ns
                                           : store->options.retention_ns;
}

static void set_cutoffs(struct store *store, struct segment_file *const *files, uint32_t count,
                        int64_t now)
{
    struct upkeep *upkeep = &store->upkeep;
    int64_t cutoffs[RETENTION_RULES_MAX + 1] = {0};

    for (uint32_t i = 0; i < masked_rules(upkeep); i++) {
        int64_t keep = rule_keep(store, i);
        int64_t by_bytes =
            i < upkeep->rule_count ? bytes_cutoff(store, i, files, count) : INT64_MIN;

        cutoffs[i] = keep > 0 ? now - keep : INT64_MIN;
        if (by_bytes > cutoffs[i])
            cutoffs[i] = by_bytes;
    }
    (void)pthread_mutex_lock(&store->state_lock);
    for (uint32_t i = 0; i < masked_rules(upkeep); i++)
        upkeep->rules[i].cutoff_ns = cutoffs[i];
    if (masked_rules(upkeep) > 0 && !upkeep_remask(store))
        diag_error("store: no memory to mask rows that are past their time");
    (void)pthread_mutex_unlock(&store->state_lock);
}

/* ---- whole segments ---- */

/* Is this segment to go? Oldest first, so `left` is what would remain with it. */
static bool is_too_old(const struct store *store, const struct segment_file *file, int64_t now)
{
    return store->upkeep.drop_ns > 0 &&
           file->entry.summary.time_max_ns < now - store->upkeep.drop_ns;
}

static int compare_age(const void *a, const void *b)
{
    const struct segment_file *left = *(struct segment_file *const *)a;
    const struct segment_file *right = *(struct segment_file *const *)b;
    int64_t left_ns = left->entry.summary.time_max_ns;
    int64_t right_ns = right->entry.summary.time_max_ns;

    if (left_ns != right_ns)
        return left_ns < right_ns ? -1 : 1;
    return left->entry.number < right->entry.number ? -1 : 1;
}

/* Rows that were past their time when they came: an import of old logs, which nobody would find again.
 * State lock held. */
static uint64_t count_too_old(const struct store *store, struct segment_file *const *files,
                              uint32_t count, int64_t now)
{
    int64_t mono = io_mono_ns(store->io);
    uint64_t rows = 0;

    for (uint32_t i = 0; i < count; i++) {
        const struct segment_summary *summary = &files[i]->entry.summary;

        if (files[i]->fresh &&
            is_too_old(store, files[i], now - (mono - files[i]->sealed_mono_ns)))
            rows += summary->rows + summary->samples;
    }
    return rows;
}

static void tell_too_old(struct store *store, struct segment_file *const *files, uint32_t count,
                         int64_t now)
{
    char keep[UNITS_TEXT_SIZE];
    uint64_t rows;

    (void)pthread_mutex_lock(&store->state_lock);
    rows = count_too_old(store, files, count, now);
    store->counters.rows_too_old += rows;
    (void)pthread_mutex_unlock(&store->state_lock);
    if (rows == 0)
        return;
    (void)duration_print(store->upkeep.drop_ns, keep);
    diag_warn("store: %" PRIu64 " rows were older than the retention of %s when they came, and are "
              "gone: to keep old logs, set a longer retention (0 keeps them for ever) and send "
              "them again", rows, keep);
}

/* The record first, then the files: they go when their last reader has left. */
static enum status drop_files(struct store *store, struct segment_file *const *files,
                              uint32_t count, struct error *err)
{
    struct buf edit = buf_empty(EDIT_SIZE_MAX);
    struct catalog *old, *fresh;
    enum status status;

    for (uint32_t i = 0; i < count; i++)
        (void)manifest_put_drop(&edit, files[i]->entry.number);
    status = buf_check(&edit, "a manifest record", err);
    if (status == STATUS_OK)
        status = store_manifest_commit(store, buf_slice(&edit), err);
    buf_release(&edit);
    if (status != STATUS_OK)
        return status;
    for (uint32_t i = 0; i < count; i++)
        atomic_store(&files[i]->dropped, true);
    (void)pthread_mutex_lock(&store->state_lock);
    old = store->catalog;
    fresh = catalog_new(old, NULL, 0);
    if (fresh != NULL)
        store->catalog = fresh;
    (void)pthread_mutex_unlock(&store->state_lock);
    for (uint32_t i = 0; fresh != NULL && i < count; i++)
        segment_file_leave(files[i], &store->upkeep.leaving); /* an erasure waits for their readers */
    if (fresh != NULL)
        catalog_unref(old); /* without memory the next catalog leaves them out */
    diag_info("store: %u segments dropped by retention", count);
    return STATUS_OK;
}

/* A wall clock that jumped ahead must not wipe the store: rows age by the clocks that stamped the
 * newest row, and from there by the monotonic clock. */
static int64_t retention_now(struct store *store, struct segment_file *const *files,
                             uint32_t count)
{
    int64_t wall = io_wall_ns(store->io);
    int64_t since_open = io_mono_ns(store->io) - store->opened_mono_ns;
    int64_t newest = INT64_MIN;

    for (uint32_t i = 0; i < count; i++)
        if (files[i]->entry.summary.time_max_ns > newest)
            newest = files[i]->entry.summary.time_max_ns;
    return newest < wall - since_open ? newest + since_open : wall;
}

static enum status retain_files(struct store *store, struct segment_file **files, uint32_t count,
                                struct error *err)
{
    int64_t now = retention_now(store, files, count);
    uint64_t total = 0;
    uint32_t drop = 0;
    enum status status;

    qsort(files, count, sizeof(struct segment_file *), compare_age);
    set_cutoffs(store, files, count, now);
    for (uint32_t i = 0; i < count; i++)
        total += files[i]->entry.summary.file_bytes;
    while (drop < count &&
           (is_too_old(store, files[drop], now) ||
            (store->options.retention_bytes > 0 && total > store->options.retention_bytes)))
        total -= files[drop++]->entry.summary.file_bytes;
    if (drop == 0)
        return STATUS_END;
    status = drop_files(store, files, drop, err);
    if (status == STATUS_OK)
        tell_too_old(store, files, drop, now);
    return status;
}

enum status store_retain(struct store *store, struct error *err)
{
    struct catalog *catalog;
    struct segment_file **files;
    enum status status;

    if (store->options.retention_ns == 0 && store->options.retention_bytes == 0 &&
        store->options.rule_count == 0)
        return STATUS_END;
    (void)pthread_mutex_lock(&store->manifest_lock);
    (void)pthread_mutex_lock(&store->state_lock);
    catalog = catalog_ref(store->catalog);
    (void)pthread_mutex_unlock(&store->state_lock);
    files = malloc(((size_t)catalog->count + 1) * sizeof(struct segment_file *));
    if (files == NULL) {
        status = error_set(err, STATUS_NO_MEMORY, "no memory for retention");
    } else {
        memcpy(files, catalog->files, catalog->count * sizeof(struct segment_file *));
        status = retain_files(store, files, catalog->count, err);
    }
    (void)pthread_mutex_unlock(&store->manifest_lock);
    free(files);
    catalog_unref(catalog);
    return status;
}

/* ---- bytes of masked rows ---- */

/* A rule that all rows of the file are past, and that was not applied to it; masked_rules(): none. */
static uint32_t due_rule(const struct upkeep *upkeep, const struct segment_file *file)
{
    uint32_t rule = 0;

    while (rule < masked_rules(upkeep) &&
           ((file->rules_applied >> rule & 1) != 0 ||
            upkeep->rules[rule].cutoff_ns <= file->entry.summary.time_max_ns))
        rule++;
    return rule;
}

/* The next file to write again, with a reference, and the masks of all rules that it is past. */
static struct segment_file *next_due(struct store *store, struct mask *masks, uint32_t *mask_count,
                                     uint64_t *applied)
{
    struct upkeep *upkeep = &store->upkeep;
    struct segment_file *found = NULL;

    *mask_count = 0;
    *applied = 0;
    (void)pthread_mutex_lock(&store->state_lock);
    for (uint32_t i = 0; i < store->catalog->count && found == NULL; i++)
        if (due_rule(upkeep, store->catalog->files[i]) < masked_rules(upkeep) &&
            store->catalog->files[i]->erase_retry_ns == 0 &&
            !atomic_load(&store->catalog->files[i]->dropped))
            found = segment_file_ref(store->catalog->files[i]);
    for (uint32_t i = 0; found != NULL && i < masked_rules(upkeep); i++) {
        if (upkeep->rules[i].cutoff_ns <= found->entry.summary.time_max_ns)
            continue;
        masks[(*mask_count)++] = (struct mask){&upkeep->rules[i].predicate, INT64_MIN,
                                               upkeep->rules[i].cutoff_ns, UINT64_MAX};
        *applied |= (uint64_t)1 << i;
    }
    if (erasures_at_work(upkeep) && found != NULL) {
        segment_file_unref(found);
        found = NULL;
    }
    (void)pthread_mutex_unlock(&store->state_lock);
    return found;
}

enum status retention_step(struct store *store, struct error *err)
{
    struct mask masks[RETENTION_RULES_MAX + 1];
    struct replacement replacement = {.masks = masks};
    struct segment_file *file;
    uint64_t applied;
    int64_t start = io_mono_ns(store->io);
    enum status status;

    if (store->upkeep.rule_count == 0 || start < store->upkeep.sweep_at_ns)
        return STATUS_END;
    file = next_due(store, masks, &replacement.mask_count, &applied);
    if (file == NULL)
        return STATUS_END;
    replacement.files = &file;
    replacement.file_count = 1;
    replacement.level = file->entry.level;
    replacement.erasure = file->entry.erasure;
    status = store_replace(store, &replacement, err);
    if (status == STATUS_OK || status == STATUS_CORRUPT) /* a damaged one stays, masked */
        file->rules_applied |= applied;
    if (status == STATUS_OK && replacement.rows_masked > 0)
        diag_info("store: %" PRIu64 " rows went by rules of retention", replacement.rows_masked);
    segment_file_unref(file);
    store->upkeep.sweep_at_ns =
        io_mono_ns(store->io) +
        (status == STATUS_OK ? (io_mono_ns(store->io) - start) * SWEEP_PAUSE_FACTOR
                             : SWEEP_RETRY_S * NS_PER_S);
    return status == STATUS_AGAIN ? STATUS_OK : status;
}
