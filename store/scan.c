/* store/scan.c -- a filter over a snapshot, block by block.
 *
 * Work is a heap of units ordered as the scan asks: some rows of the head, a segment that is not
 * opened yet (bounded by its manifest entry), a block of an opened segment. A segment that comes to
 * the top is opened and replaced by its blocks, so a scan for the newest rows opens few files. */
#include "store/scan.h"

#include "store/head_block.h"
#include "store/segment_plan.h"
#include "store/snapshot.h"

#include <stdlib.h>

#define SCAN_MEMORY_DEFAULT ((uint64_t)32 << 20)
enum { HEAD_UNIT_ROWS = 8192 };

enum unit_kind { UNIT_HEAD, UNIT_FILE, UNIT_BLOCK };

struct unit {
    int64_t key; /* the smallest comes first */
    enum unit_kind kind;
    uint32_t first, count; /* HEAD: parts; FILE: file; BLOCK: file and block */
};

struct scan {
    struct store *store;
    struct scan_options options;
    struct snapshot *snapshot;
    struct head_part *parts;
    uint32_t part_count;
    struct segment_plan **plans; /* by file of the snapshot */
    atomic_bool stopped;
    pthread_mutex_t lock;        /* of what follows */
    pthread_cond_t grown;
    struct unit *units; /* a binary heap */
    size_t unit_count, unit_capacity;
    unsigned expanding; /* threads that open a segment now */
    int64_t opened_ns;
    atomic_bool told_busy;
    struct scan_cost cost;
};

/* ---- the heap ---- */

static enum status push(struct scan *scan, struct unit unit, struct error *err)
{
    size_t at = scan->unit_count;

    if (scan->unit_count == scan->unit_capacity) {
        size_t capacity = scan->unit_capacity == 0 ? 64 : scan->unit_capacity * 2;
        struct unit *grown;

        if (capacity * sizeof(*grown) > scan->options.memory_max)
            return error_set(err, STATUS_TOO_LARGE,
                             "the scan needs more than %llu MiB for its list of blocks: narrow the "
                             "time range or raise the memory limit",
                             (unsigned long long)(scan->options.memory_max >> 20));
        grown = realloc(scan->units, capacity * sizeof(*grown));
        if (grown == NULL)
            return error_set(err, STATUS_NO_MEMORY, "no memory for a scan");
        scan->units = grown;
        scan->unit_capacity = capacity;
    }
    while (at > 0 && scan->units[(at - 1) / 2].key > unit.key) {
        scan->units[at] = scan->units[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    scan->units[at] = unit;
    scan->unit_count++;
    return STATUS_OK;
}

static struct unit pop(struct scan *scan)
{
    struct unit top = scan->units[0], last = scan->units[--scan->unit_count];
    size_t at = 0, child;

    while ((child = at * 2 + 1) < scan->unit_count) {
        if (child + 1 < scan->unit_count && scan->units[child + 1].key < scan->units[child].key)
            child++;
        if (scan->units[child].key >= last.key)
            break;
        scan->units[at] = scan->units[child];
        at = child;
    }
    scan->units[at] = last;
    return top;
}

static int64_t key_of(const struct scan *scan, int64_t order_min_ns, int64_t order_max_ns)
{
    switch (scan->options.order) {
    case SCAN_OLDEST:
        return order_min_ns;
    case SCAN_NEWEST: /* negation that has no overflow */
        return -1 - order_max_ns;
    case SCAN_ANY:
        break;
    }
    return 0;
}

/* ---- units of the head ---- */

struct sortable_part {
    struct head_part part;
    uint32_t kind; /* format number of the process */
    uint32_t rank; /* keeps the order of arrival */
    uint32_t rows;
    int64_t order_min_ns, order_max_ns;
};

struct part_list {
    struct sortable_part *parts;
    size_t count, capacity;
    bool failed;
};

static void add_part(struct part_list *list, struct sortable_part part)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity == 0 ? 64 : list->capacity * 2;
        struct sortable_part *grown = realloc(list->parts, capacity * sizeof(*grown));

        if (grown == NULL) {
            list->failed = true;
            return;
        }
        list->parts = grown;
        list->capacity = capacity;
    }
    part.rank = (uint32_t)list->count;
    list->parts[list->count++] = part;
}

static bool outside(const struct scan *scan, int64_t time_min_ns, int64_t time_max_ns)
{
    return time_max_ns < scan->options.time_min_ns || time_min_ns >= scan->options.time_max_ns;
}

static bool out_of_order(const struct scan *scan, int64_t order_min_ns, int64_t order_max_ns)
{
    return scan->options.order_bounded && (order_max_ns < scan->options.order_first_ns ||
                                           order_min_ns > scan->options.order_last_ns);
}

static void add_chunk(struct scan *scan, struct part_list *list, const struct chunk *chunk)
{
    bool samples = scan->options.table == SCAN_SAMPLES;

    scan->cost.rows_total += samples ? chunk->sample_count : chunk->row_count;
    if (chunk->first_sequence + chunk_sequence_count(chunk) <= scan->options.after_sequence + 1 &&
        scan->options.after_sequence > 0)
        return;
    if (samples) {
        if (chunk->sample_count > 0 && !outside(scan, chunk->sample_min_ns, chunk->sample_max_ns))
            add_part(list, (struct sortable_part){
                               .part = {.chunk = chunk, .source = PART_ALL_SOURCES},
                               .rows = chunk->sample_count,
                               .order_min_ns = chunk->sample_min_ns,
                               .order_max_ns = chunk->sample_max_ns,
                           });
        return;
    }
    for (uint32_t i = 0; i < chunk->format_count; i++) {
        const struct chunk_format *format = &chunk->formats[i];

        if (format->row_count > 0 && !outside(scan, format->time_min_ns, format->time_max_ns))
            add_part(list, (struct sortable_part){
                               .part = {chunk, i, PART_ALL_SOURCES},
                               .kind = format->number,
                               .rows = format->row_count,
                               .order_min_ns = format->order_min_ns,
                               .order_max_ns = format->order_max_ns,
                           });
    }
}

/* Open rows of one source; one part per format that they have. */
static void add_open(struct part_list *list, const struct snapshot_open *open)
{
    const struct chunk *chunk = open->chunk;

    for (uint32_t i = 0; i < chunk->open_count; i++) {
        struct chunk_row row = chunk_row_at(chunk, chunk->row_count + i);
        bool repeated = false;

        for (uint32_t k = 0; k < i && !repeated; k++) {
            struct chunk_row other = chunk_row_at(chunk, chunk->row_count + k);

            repeated = other.source == row.source && other.format == row.format;
        }
        if (row.source == open->source && !repeated)
            add_part(list, (struct sortable_part){
                               .part = {chunk, row.format, open->source},
                               .kind = chunk->formats[row.format].number,
                               .rows = chunk->open_count,
                               .order_min_ns = row.order_ns,
                               .order_max_ns = row.order_ns,
                           });
    }
}

static int compare_parts(const void *a, const void *b)
{
    const struct sortable_part *left = a, *right = b;

    if (left->kind != right->kind)
        return left->kind < right->kind ? -1 : 1;
    return left->rank < right->rank ? -1 : left->rank > right->rank;
}

/* Open rows may lie around their part's first one: their bounds are taken from all of them. */
static void widen_open(struct sortable_part *part)
{
    const struct chunk *chunk = part->part.chunk;

    if (part->part.source == PART_ALL_SOURCES)
        return;
    for (uint32_t i = chunk->row_count; i < chunk->row_count + chunk->open_count; i++) {
        int64_t order = chunk_row_at(chunk, i).order_ns;

        part->order_min_ns = order < part->order_min_ns ? order : part->order_min_ns;
        part->order_max_ns = order > part->order_max_ns ? order : part->order_max_ns;
    }
}

static enum status cut_units(struct scan *scan, struct part_list *list, struct error *err)
{
    enum status status = STATUS_OK;

    scan->parts = malloc((list->count + 1) * sizeof(*scan->parts));
    if (scan->parts == NULL)
        return error_set(err, STATUS_NO_MEMORY, "no memory for a scan");
    for (size_t first = 0; first < list->count && status == STATUS_OK;) {
        struct unit unit = {.kind = UNIT_HEAD, .first = (uint32_t)first};
        int64_t order_min = INT64_MAX, order_max = INT64_MIN;
        uint32_t rows = 0;
        size_t at = first;

        for (; at < list->count && list->parts[at].kind == list->parts[first].kind &&
               (at == first || rows + list->parts[at].rows <= HEAD_UNIT_ROWS);
             at++) {
            struct sortable_part *part = &list->parts[at];

            widen_open(part);
            scan->parts[at] = part->part;
            rows += part->rows;
            order_min = part->order_min_ns < order_min ? part->order_min_ns : order_min;
            order_max = part->order_max_ns > order_max ? part->order_max_ns : order_max;
        }
        unit.count = (uint32_t)(at - first);
        unit.key = key_of(scan, order_min, order_max);
        if (!out_of_order(scan, order_min, order_max))
            status = push(scan, unit, err);
        first = at;
    }
    return status;
}

static enum status add_head_units(struct scan *scan, struct error *err)
{
    const struct snapshot *snapshot = scan->snapshot;
    struct part_list list = {0};
    enum status status;

    for (uint32_t i = 0; i < snapshot->chunk_count; i++)
        add_chunk(scan, &list, snapshot->chunks[i]);
    for (uint32_t i = 0; i < snapshot->open_count; i++)
        if (scan->options.open_events && scan->options.table == SCAN_EVENTS)
            add_open(&list, &snapshot->open[i]);
    if (list.count > 0)
        qsort(list.parts, list.count, sizeof(*list.parts), compare_parts);
    status = list.failed ? error_set(err, STATUS_NO_MEMORY, "no memory for a scan")
                         : cut_units(scan, &list, err);
    free(list.parts);
    return status;
}

/* ---- units of segments ---- */

static enum status add_file_units(struct scan *scan, struct error *err)
{
    bool samples = scan->options.table == SCAN_SAMPLES;
    enum status status = STATUS_OK;

    for (uint32_t i = 0; i < scan->snapshot->catalog->count && status == STATUS_OK; i++) {
        const struct segment_summary *summary = &scan->snapshot->files[i].file->entry.summary;
        uint64_t rows = samples ? summary->samples : summary->rows;

        scan->cost.rows_total += rows;
        if (rows == 0 || outside(scan, summary->time_min_ns, summary->time_max_ns) ||
            out_of_order(scan, summary->order_min_ns, summary->order_max_ns) ||
            (scan->options.after_sequence > 0 &&
             summary->sequence_max <= scan->options.after_sequence))
            continue;
        status = push(scan,
                      (struct unit){
                          .kind = UNIT_FILE,
                          .first = i,
                          .key = key_of(scan, summary->order_min_ns, summary->order_max_ns),
                      },
                      err);
    }
    return status;
}

static void note_damage(struct scan *scan, const struct error *err)
{
    (void)pthread_mutex_lock(&scan->lock);
    if (scan->cost.pages_damaged++ == 0)
        memcpy(scan->cost.damage, err->message, sizeof(scan->cost.damage) - 1);
    (void)pthread_mutex_unlock(&scan->lock);
}

/* What rollups know, so that fewer blocks need to be read. Masked rows are in no rollup's mind. */
static enum status answer(struct scan *scan, uint32_t index, struct error *err)
{
    struct segment_plan *plan = scan->plans[index];
    enum status status;

    if (scan->options.wish == NULL || scan->options.after_sequence > 0 ||
        scan->snapshot->files[index].mask_count > 0)
        return STATUS_OK;
    status = rollup_answer_make(plan, scan->options.wish, err);
    if (status == STATUS_OK && plan->answer != NULL) {
        (void)pthread_mutex_lock(&scan->lock);
        scan->cost.rows_selected += plan->answer->row_count;
        (void)pthread_mutex_unlock(&scan->lock);
    }
    return status;
}

static enum status push_blocks(struct scan *scan, uint32_t file, struct error *err)
{
    const struct segment *segment = scan->snapshot->files[file].segment;
    enum status status = STATUS_OK;

    for (uint32_t i = 0; i < segment_block_count(segment) && status == STATUS_OK; i++) {
        struct segment_block_info info;

        segment_block_info(segment, i, &info);
        if (info.samples != (scan->options.table == SCAN_SAMPLES))
            continue;
        if (outside(scan, info.time_min_ns, info.time_max_ns) ||
            out_of_order(scan, info.order_min_ns, info.order_max_ns)) {
            scan->cost.blocks_skipped++;
            continue;
        }
        snapshot_file_use(&scan->snapshot->files[file], 1); /* if it fails, so does the scan */
        status = push(scan,
                      (struct unit){.kind = UNIT_BLOCK,
                                    .first = file,
                                    .count = i,
                                    .key = key_of(scan, info.order_min_ns, info.order_max_ns)},
                      err);
    }
    return status;
}

/* Which masks can meet a row of the segment: mostly none. */
static enum status plan_masks(struct scan *scan, struct snapshot_file *file, struct error *err)
{
    if (scan->snapshot->mask_count == 0)
        return STATUS_OK;
    file->masks = malloc(scan->snapshot->mask_count * sizeof(*file->masks));
    if (file->masks == NULL)
        return error_set(err, STATUS_NO_MEMORY, "no memory for a scan");
    file->mask_count = masks_of_segment(scan->snapshot->masks, scan->snapshot->mask_count,
                                        file->segment, file->masks);
    return STATUS_OK;
}

/* Open the segment and put its blocks in its place. A damaged one is counted and left out. */
static enum status expand(struct scan *scan, uint32_t index, struct error *err)
{
    struct snapshot_file *file = &scan->snapshot->files[index];
    enum status status = segment_file_pin(file->file, &file->segment, err);
    bool pinned = status == STATUS_OK;

    if (status == STATUS_OK) {
        file->pinned = true;
        snapshot_file_use(file, 1);
        status = plan_masks(scan, file, err);
    }
    if (status == STATUS_OK)
        status = segment_plan_make(file->segment, &scan->options, &scan->plans[index], err);
    if (status == STATUS_OK)
        status = answer(scan, index, err);
    if (status == STATUS_CORRUPT || status == STATUS_IO || status == STATUS_NOT_FOUND ||
        status == STATUS_INVALID) {
        note_damage(scan, err);
        status = STATUS_END;
    }
    (void)pthread_mutex_lock(&scan->lock);
    if (status == STATUS_OK)
        status = push_blocks(scan, index, err);
    scan->expanding--;
    (void)pthread_cond_broadcast(&scan->grown);
    (void)pthread_mutex_unlock(&scan->lock);
    if (pinned)
        snapshot_file_leave(file);
    return status == STATUS_END ? STATUS_OK : status;
}

/* ---- the scan ---- */

enum status scan_open(struct store *store, const struct scan_options *options, struct scan **out,
                      struct error *err)
{
    struct scan *scan = calloc(1, sizeof(*scan));
    enum status status;

    if (scan == NULL)
        return error_set(err, STATUS_NO_MEMORY, "no memory for a scan");
    scan->store = store;
    scan->options = *options;
    scan->opened_ns = io_mono_ns(io_system());
    if (scan->options.memory_max == 0)
        scan->options.memory_max = SCAN_MEMORY_DEFAULT;
    (void)pthread_mutex_init(&scan->lock, NULL);
    (void)pthread_cond_init(&scan->grown, NULL);
    status = snapshot_new(store, &scan->snapshot, err);
    if (status == STATUS_OK) {
        scan->plans = calloc((size_t)scan->snapshot->catalog->count + 1,
                             sizeof(struct segment_plan *));
        if (scan->plans == NULL)
            status = error_set(err, STATUS_NO_MEMORY, "no memory for a scan");
    }
    if (status == STATUS_OK)
        status = add_head_units(scan, err);
    if (status == STATUS_OK)
        status = add_file_units(scan, err);
    if (status == STATUS_OK)
        *out = scan;
    else
        scan_close(scan);
    return status;
}

/* END: all units are handed out. */
static enum status take_unit(struct scan *scan, struct unit *out)
{
    enum status status = STATUS_END;

    (void)pthread_mutex_lock(&scan->lock);
    while (scan->unit_count == 0 && scan->expanding > 0)
        (void)pthread_cond_wait(&scan->grown, &scan->lock);
    if (scan->unit_count > 0) {
        *out = pop(scan);
        scan->expanding += out->kind == UNIT_FILE;
        status = STATUS_OK;
    }
    (void)pthread_mutex_unlock(&scan->lock);
    return status;
}

static enum status head_unit(struct scan *scan, const struct unit *unit, struct scan_cost *cost,
                             struct block **out, struct error *err)
{
    struct head_block_options options = {
        .tables = &scan->store->tables,
        .parts = scan->parts + unit->first,
        .part_count = unit->count,
        .samples = scan->options.table == SCAN_SAMPLES,
        .after_sequence = scan->options.after_sequence,
    };
    struct block *block;
    enum status status = head_block_new(&options, &block, err);

    if (status != STATUS_OK)
        return status;
    cost->blocks_read++;
    cost->rows_scanned += block->row_count;
    status = block_filter(block, scan->options.filter, scan->options.time_min_ns,
                          scan->options.time_max_ns, err);
    if (status == STATUS_OK)
        status = masks_apply(scan->snapshot->masks, scan->snapshot->mask_count, block, err);
    if (status == STATUS_OK)
        *out = block;
    else
        block_release(block);
    return status;
}

/* A live tail whose rows were sealed in the meantime still gets each once. */
static enum status drop_seen(const struct scan *scan, struct block *block, struct error *err)
{
    const uint64_t *sequences;

    if (scan->options.after_sequence == 0)
        return STATUS_OK;
    sequences = block_sequences(block, err);
    if (sequences == NULL)
        return err->status;
    for (uint32_t row = 0; row < block->row_count; row++)
        if (sequences[row] <= scan->options.after_sequence)
            bit_clear(block->selected, row);
    block->selected_count = bits_count(block->selected, block->row_count);
    return STATUS_OK;
}

static enum status block_unit(struct scan *scan, const struct unit *unit, struct scan_cost *cost,
                              struct block **out, struct error *err)
{
    enum status status = segment_block(scan->snapshot->files[unit->first].segment,
                                       scan->plans[unit->first], unit->count, cost, out, err);

    if (status != STATUS_OK)
        return status;
    status = drop_seen(scan, *out, err);
    if (status == STATUS_OK)
        status = masks_apply(scan->snapshot->files[unit->first].masks,
                             scan->snapshot->files[unit->first].mask_count, *out, err);
    if (status != STATUS_OK)
        block_release(*out);
    return status;
}

static void add_cost(struct scan *scan, const struct scan_cost *cost)
{
    (void)pthread_mutex_lock(&scan->lock);
    scan->cost.rows_scanned += cost->rows_scanned;
    scan->cost.rows_selected += cost->rows_selected;
    scan->cost.bytes_read += cost->bytes_read;
    scan->cost.blocks_read += cost->blocks_read;
    scan->cost.blocks_skipped += cost->blocks_skipped;
    (void)pthread_mutex_unlock(&scan->lock);
}

/* One unit. OK with *out NULL: nothing in it. */
static enum status run_unit(struct scan *scan, const struct unit *unit, struct block **out,
                            struct error *err)
{
    struct scan_cost cost = {0};
    enum status status;

    *out = NULL;
    if (unit->kind == UNIT_FILE)
        return expand(scan, unit->first, err);
    status = unit->kind == UNIT_HEAD ? head_unit(scan, unit, &cost, out, err)
                                     : block_unit(scan, unit, &cost, out, err);
    if (status == STATUS_CORRUPT || status == STATUS_IO) {
        note_damage(scan, err);
        status = STATUS_END;
    }
    if (status == STATUS_OK && (*out)->selected_count == 0) {
        block_release(*out);
        status = STATUS_END;
    }
    if (status != STATUS_OK)
        *out = NULL;
    if (status != STATUS_OK && unit->kind == UNIT_BLOCK)
        snapshot_file_leave(&scan->snapshot->files[unit->first]);
    if (status == STATUS_OK)
        cost.rows_selected += (*out)->selected_count;
    add_cost(scan, &cost);
    return status == STATUS_END ? STATUS_OK : status;
}

static void tell_busy(struct scan *scan)
{
    bool more;

    if (scan->options.busy == NULL || atomic_load(&scan->told_busy) ||
        io_mono_ns(io_system()) - scan->opened_ns < SCAN_BUSY_NS)
        return;
    (void)pthread_mutex_lock(&scan->lock);
    more = scan->unit_count > 1;
    (void)pthread_mutex_unlock(&scan->lock);
    if (more && !atomic_exchange(&scan->told_busy, true))
        scan->options.busy(scan->options.busy_user);
}

enum status scan_next(struct scan *scan, struct block **out, struct error *err)
{
    struct error local = {0};
    struct unit unit;
    enum status status;

    if (err == NULL)
        err = &local;
    do {
        if (atomic_load(&scan->stopped))
            return STATUS_END;
        if (scan->options.cancel != NULL && atomic_load(scan->options.cancel))
            return error_set(err, STATUS_CANCELLED, "the scan was cancelled");
        if (scan->options.deadline_ns != 0 &&
            io_mono_ns(io_system()) >= scan->options.deadline_ns)
            return error_set(err, STATUS_CANCELLED, "the scan ran out of time");
        tell_busy(scan);
        status = take_unit(scan, &unit);
        if (status == STATUS_OK)
            status = run_unit(scan, &unit, out, err);
    } while (status == STATUS_OK && *out == NULL);
    if (status == STATUS_OK) {
        struct snapshot *snapshot = snapshot_ref(scan->snapshot);
        bool of_file = unit.kind == UNIT_BLOCK;

        (*out)->owner = of_file ? (void *)&snapshot->files[unit.first] : snapshot;
        (*out)->owner_release = of_file ? snapshot_file_release : snapshot_unref;
    }
    return status;
}

void scan_stop(struct scan *scan)
{
    atomic_store(&scan->stopped, true);
}

int64_t scan_bound(const struct scan *scan)
{
    struct scan *mutable_scan = (struct scan *)(uintptr_t)scan; /* only for its lock */
    int64_t key = INT64_MAX;

    (void)pthread_mutex_lock(&mutable_scan->lock);
    if (scan->unit_count > 0)
        key = scan->units[0].key;
    (void)pthread_mutex_unlock(&mutable_scan->lock);
    return scan->options.order == SCAN_NEWEST ? -1 - key : key;
}

bool scan_items(const struct scan *scan, uint32_t *at, const struct rollup_item **items,
                uint32_t *count)
{
    while (*at < scan->snapshot->catalog->count) {
        const struct segment_plan *plan = scan->plans[(*at)++];

        if (plan == NULL || plan->answer == NULL)
            continue;
        *items = plan->answer->items;
        *count = plan->answer->item_count;
        return true;
    }
    return false;
}

void scan_cost(const struct scan *scan, struct scan_cost *out)
{
    struct scan *mutable_scan = (struct scan *)(uintptr_t)scan; /* only for its lock */

    (void)pthread_mutex_lock(&mutable_scan->lock);
    *out = scan->cost;
    (void)pthread_mutex_unlock(&mutable_scan->lock);
}

void scan_close(struct scan *scan)
{
    if (scan == NULL)
        return;
    for (uint32_t i = 0; scan->plans != NULL && i < scan->snapshot->catalog->count; i++)
        segment_plan_free(scan->plans[i]);
    free(scan->plans);
    snapshot_unref(scan->snapshot);
    free(scan->parts);
    free(scan->units);
    (void)pthread_cond_destroy(&scan->grown);
    (void)pthread_mutex_destroy(&scan->lock);
    free(scan);
}
