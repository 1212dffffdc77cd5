/* store/store.c -- the facade: appending, steps, lookups. */
#include "store/store_impl.h"

#include "base/diag.h"
#include "base/hash.h"

#include <stdlib.h>

/* ---- appending ---- */

uint32_t store_shard_of(const struct store *store, const struct source_id *id)
{
    return (uint32_t)(hash64(id, sizeof(*id)) % store->options.shard_count);
}

static enum status refusal(struct store *store, struct error *err)
{
    if (!store->read_only && !store->disk_full)
        return STATUS_OK;
    if (err != NULL)
        *err = store->refusal;
    return store->read_only ? STATUS_IO : STATUS_DISK_FULL;
}

bool store_ready(struct store *store, struct error *err)
{
    enum status status;

    (void)pthread_mutex_lock(&store->state_lock);
    status = refusal(store, err);
    (void)pthread_mutex_unlock(&store->state_lock);
    return status == STATUS_OK;
}

static bool is_stuck(const struct head *head)
{
    return head->failures >= SEAL_FAILURES_MAX;
}

static uint64_t memory_of_heads(const struct store *store, bool stuck_too)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < SHARDS_MAX; i++) {
        sum += store->shards[i].queued_size;
        for (uint32_t k = 0; k < store->shards[i].head_count; k++)
            if (stuck_too || !is_stuck(store->shards[i].heads[k]))
                sum += store->shards[i].heads[k]->memory_size;
    }
    return sum;
}

/* One head per shard that fills, and one in all that is being sealed, each with its fields. */
static uint64_t head_memory_max(const struct store *store)
{
    uint64_t wanted = (store->options.shard_count + 1) * head_memory_full(store->options.seal_size);

    return wanted < store->options.memory_max / 2 ? wanted : store->options.memory_max / 2;
}

/* Heads that fill, and one that is sealed: its room is given out as the seal goes on (seal_pace.h),
 * to whoever comes, so that a shard with all the rows is as quick as many. A head that cannot be
 * sealed at all does not count, or one bad row would stop everybody for ever. */
static bool must_wait(const struct store *store)
{
    return memory_of_heads(store, false) + seal_pace_left(&store->pace) > head_memory_max(store) ||
           memory_of_heads(store, true) > store->options.memory_max;
}

/* When memory is short and no head is full, the largest one is sealed early. */
static void relieve(struct store *store)
{
    struct shard *largest = NULL;
    uint64_t most = 0;

    if (memory_of_heads(store, false) <= head_memory_max(store))
        return;
    for (uint32_t i = 0; i < SHARDS_MAX; i++) {
        struct shard *shard = &store->shards[i];
        uint32_t last = shard->head_count - 1;

        if (shard->head_count == 0)
            continue;
        if (shard->full || (last > 0 && !is_stuck(shard->heads[last - 1])))
            return; /* one waits already */
        if (shard->heads[last]->memory_size > most) {
            largest = shard;
            most = shard->heads[last]->memory_size;
        }
    }
    if (largest == NULL)
        return;
    largest->full = true;
    (void)pthread_mutex_lock(&store->queue_lock);
    (void)pthread_cond_signal(&store->work_wanted);
    (void)pthread_mutex_unlock(&store->queue_lock);
}

/* May the batch be taken, and which order times do its sources stand at? */
static enum status admit(struct store *store, const struct batch *batch, int64_t *orders,
                         struct error *err)
{
    enum status status;

    (void)pthread_mutex_lock(&store->state_lock);
    status = refusal(store, err);
    if (status == STATUS_OK && must_wait(store)) {
        relieve(store);
        status = error_set(err, STATUS_AGAIN, "heads wait to be sealed");
    }
    for (uint32_t i = 0; i < batch->source_count && status == STATUS_OK; i++) {
        const struct source_state *state =
            source_states_get(&store->states, &batch->sources[i].id);

        if (state == NULL)
            status = error_set(err, STATUS_TOO_LARGE, "more than %d sources", SOURCE_COUNT_MAX);
        else
            orders[i] = state->order_ns;
    }
    (void)pthread_mutex_unlock(&store->state_lock);
    return status;
}

static enum status encode(struct store *store, const struct batch *batch, int64_t *orders,
                          struct chunk **out, struct error *err)
{
    struct buf bytes;
    struct chunk_frame frame;
    enum status status = chunk_encode(batch, &store->fields, orders, &bytes, &frame, err);

    return status == STATUS_OK ? chunk_new_encoded(&bytes, &frame, &store->tables, out, err)
                               : status;
}

/* The rows are numbered as they stand in the queue, and order times count from here on. */
static enum status enqueue(struct store *store, const struct batch *batch, const int64_t *orders,
                           struct pending *pending, struct error *err)
{
    struct shard *shard = &store->shards[pending->chunk->shard];
    bool fine;

    (void)pthread_mutex_lock(&store->state_lock);
    (void)pthread_mutex_lock(&store->queue_lock);
    fine = !store->stopping &&
           (store->queue_size == 0 || store->queue_size + pending->chunk->size <= QUEUE_SIZE_MAX);
    if (fine) {
        if (store->queue_tail == NULL)
            store->queue_head = pending;
        else
            store->queue_tail->next = pending;
        store->queue_tail = pending;
        store->queue_size += pending->chunk->size;
        shard->queued_size += pending->chunk->memory_size;
        (void)pthread_cond_signal(&store->queue_filled);
    }
    (void)pthread_mutex_unlock(&store->queue_lock);
    for (uint32_t i = 0; i < batch->source_count && fine; i++)
        source_states_get(&store->states, &batch->sources[i].id)->order_ns = orders[i];
    (void)pthread_mutex_unlock(&store->state_lock);
    return fine ? STATUS_OK
                : error_set(err, STATUS_AGAIN, "too many batches wait for the disk");
}

enum status store_append(struct store *store, uint32_t shard, const struct batch *batch,
                         store_durable *on_durable, void *user, struct error *err)
{
    struct pending *pending;
    struct chunk *chunk = NULL;
    int64_t *orders;
    enum status status;

    if (shard >= store->options.shard_count)
        return error_set(err, STATUS_INVALID, "shard %u of %u", shard,
                         store->options.shard_count);
    orders = malloc(((size_t)batch->source_count + 1) * sizeof(*orders));
    if (orders == NULL)
        return error_set(err, STATUS_NO_MEMORY, "no memory for a batch");
    status = admit(store, batch, orders, err);
    if (status == STATUS_OK)
        status = encode(store, batch, orders, &chunk, err);
    pending = calloc(1, sizeof(*pending));
    if (status == STATUS_OK && pending == NULL)
        status = error_set(err, STATUS_NO_MEMORY, "no memory for a batch");
    if (status == STATUS_OK && pending != NULL && chunk != NULL) {
        chunk->shard = shard;
        *pending = (struct pending){.chunk = chunk, .on_durable = on_durable, .user = user};
        status = enqueue(store, batch, orders, pending, err);
    }
    if (status != STATUS_OK) {
        chunk_unref(chunk);
        free(pending);
    }
    free(orders);
    return status;
}

/* ---- sealing and steps ---- */

enum status store_seal(struct store *store, struct error *err)
{
    enum status status = STATUS_OK;

    while (status == STATUS_OK)
        status = store_seal_one(store, true, err);
    if (status != STATUS_END)
        return status;
    status = store_retain(store, err);
    return status == STATUS_END ? STATUS_OK : status;
}

enum status store_step(struct store *store, struct error *err)
{
    enum status status = store_commit_group(store, err);

    if (status != STATUS_END)
        return status;
    store_check_space(store);
    status = store_seal_one(store, false, err);
    if (status == STATUS_END)
        status = store_retain(store, err);
    if (status == STATUS_END)
        status = upkeep_step(store, err);
    return status == STATUS_END && store->options.scrub_rate > 0 ? scrub_step(store, err) : status;
}

/* ---- what is known of sources ---- */

enum status store_watermark(struct store *store, const struct source_id *id, struct watermark *out)
{
    const struct source_state *state;
    enum status status = STATUS_NOT_FOUND;

    (void)pthread_mutex_lock(&store->state_lock);
    state = source_states_find(&store->states, id);
    if (state != NULL && state->has_watermark) {
        *out = state->watermark;
        status = STATUS_OK;
    }
    (void)pthread_mutex_unlock(&store->state_lock);
    return status;
}

enum status store_watermark_latest(struct store *store, const uint8_t shipper[16],
                                   const uint8_t generation[16], struct watermark *out)
{
    const struct source_state *state;
    enum status status = STATUS_NOT_FOUND;

    (void)pthread_mutex_lock(&store->state_lock);
    state = source_states_latest(&store->states, shipper, generation);
    if (state != NULL) {
        *out = state->watermark;
        out->id = state->id;
        status = STATUS_OK;
    }
    (void)pthread_mutex_unlock(&store->state_lock);
    return status;
}

static void visit_open(struct store *store, const struct source_state *state,
                       store_open_event_visit *visit, void *user)
{
    const struct chunk *chunk = state->open;
    struct event_field *fields = malloc(EVENT_FIELDS_MAX * sizeof(*fields));
    const struct event_source *from =
        source_table_source(&store->sources, chunk->source_numbers[state->open_source]);

    for (uint32_t i = 0; i < chunk->open_count && fields != NULL; i++) {
        struct chunk_row row = chunk_row_at(chunk, chunk->row_count + i);
        struct event event;

        if (row.source != state->open_source)
            continue;
        chunk_event(chunk, &row, fields, &event);
        event.source = 0;
        visit(user, from, name_table_name(&store->formats, chunk->formats[row.format].number),
              &event);
    }
    free(fields);
}

void store_open_events(struct store *store, store_open_event_visit *visit, void *user)
{
    (void)pthread_mutex_lock(&store->state_lock);
    for (uint32_t i = 0; i < store->states.open_count; i++)
        visit_open(store, store->states.states[store->states.open[i]], visit, user);
    (void)pthread_mutex_unlock(&store->state_lock);
}

static bool grow_losses(struct store *store)
{
    uint32_t capacity = store->loss_capacity == 0 ? 64 : store->loss_capacity * 2;
    struct kept_loss *grown = realloc(store->losses, capacity * sizeof(*grown));

    if (grown == NULL)
        return false;
    memset(grown + store->loss_capacity, 0, (capacity - store->loss_capacity) * sizeof(*grown));
    store->losses = grown;
    store->loss_capacity = capacity;
    return true;
}

void store_keep_loss(struct store *store, const struct event_source *source,
                     const struct loss *loss, uint32_t shard, uint64_t record_number)
{
    struct kept_loss *kept;

    if (store->loss_count == LOSSES_MAX) { /* the oldest goes */
        store->loss_first = (store->loss_first + 1) % LOSSES_MAX;
        store->loss_count--;
    } else if (store->loss_count == store->loss_capacity && !grow_losses(store)) {
        diag_error("store: no memory to keep a loss");
        return;
    }
    kept = &store->losses[(store->loss_first + store->loss_count++) % LOSSES_MAX];
    free(kept->texts);
    kept->source = *source_table_source(&store->sources, source_table_get(&store->sources, source));
    kept->loss = *loss;
    kept->texts = malloc(loss->reason.len + 1);
    kept->loss.reason = (struct slice){NULL, 0};
    if (kept->texts != NULL) {
        if (loss->reason.len > 0)
            memcpy(kept->texts, loss->reason.data, loss->reason.len);
        kept->loss.reason = slice_make(kept->texts, loss->reason.len);
    }
    kept->loss.source = 0;
    kept->shard = shard;
    kept->record_number = record_number;
}

void store_losses(struct store *store, int64_t from_ns, int64_t to_ns, store_loss_visit *visit,
                  void *user)
{
    (void)pthread_mutex_lock(&store->state_lock);
    for (uint32_t i = 0; i < store->loss_count; i++) {
        const struct kept_loss *kept = &store->losses[(store->loss_first + i) % LOSSES_MAX];

        if (kept->loss.time_ns >= from_ns && kept->loss.time_ns < to_ns)
            visit(user, &kept->source, &kept->loss);
    }
    (void)pthread_mutex_unlock(&store->state_lock);
}

/* ---- numbers and names ---- */

const char *store_path(const struct store *store)
{
    return store->dir;
}

uint64_t store_incarnation(const struct store *store)
{
    return store->incarnation;
}

uint64_t store_sequence(const struct store *store)
{
    struct store *mutable_store = (struct store *)(uintptr_t)store; /* only for its lock */
    uint64_t sequence;

    (void)pthread_mutex_lock(&mutable_store->state_lock);
    sequence = store->published_sequence;
    (void)pthread_mutex_unlock(&mutable_store->state_lock);
    return sequence;
}

void store_on_change(struct store *store, void (*changed)(void *user), void *user)
{
    (void)pthread_mutex_lock(&store->state_lock);
    store->changed = changed;
    store->changed_user = user;
    (void)pthread_mutex_unlock(&store->state_lock);
}

field_id store_field(struct store *store, struct slice name)
{
    return name_table_get(&store->fields, name);
}

field_id store_field_find(struct store *store, struct slice name)
{
    return name_table_find(&store->fields, name);
}

struct slice store_field_name(struct store *store, field_id field)
{
    return name_table_name(&store->fields, field);
}

const struct event_source *store_source(struct store *store, uint32_t number)
{
    return source_table_source(&store->sources, number);
}

uint32_t store_source_count(struct store *store)
{
    return source_table_count(&store->sources);
}

static void widen(struct store_stats *stats, int64_t min, int64_t max)
{
    bool first = stats->time_min_ns == 0 && stats->time_max_ns == 0;

    if (min > max)
        return;
    if (first || min < stats->time_min_ns)
        stats->time_min_ns = min;
    if (first || max > stats->time_max_ns)
        stats->time_max_ns = max;
}

static void add_head(struct store_stats *stats, const struct head *head)
{
    stats->rows += head->row_count;
    stats->samples += head->sample_count;
    stats->head_raw_bytes += head->raw_size;
    stats->memory_bytes += head->memory_size;
    for (uint32_t i = 0; i < head->count; i++) {
        widen(stats, head->chunks[i]->time_min_ns, head->chunks[i]->time_max_ns);
        widen(stats, head->chunks[i]->sample_min_ns, head->chunks[i]->sample_max_ns);
    }
}

void store_stats(struct store *store, struct store_stats *out)
{
    (void)pthread_mutex_lock(&store->state_lock);
    *out = store->counters;
    out->memory_bytes = 0;
    for (uint32_t i = 0; i < store->catalog->count; i++) {
        const struct segment_summary *summary = &store->catalog->files[i]->entry.summary;

        out->rows += summary->rows;
        out->samples += summary->samples;
        out->segment_bytes += summary->file_bytes;
        out->raw_bytes += summary->raw_bytes;
        widen(out, summary->time_min_ns, summary->time_max_ns);
    }
    out->segments = store->catalog->count;
    for (uint32_t i = 0; i < SHARDS_MAX; i++) {
        out->memory_bytes += store->shards[i].queued_size;
        for (uint32_t k = 0; k < store->shards[i].head_count; k++)
            add_head(out, store->shards[i].heads[k]);
    }
    out->raw_bytes += out->head_raw_bytes;
    (void)pthread_mutex_unlock(&store->state_lock);
    out->sources = source_table_count(&store->sources);
    scrub_stats(store, &out->scrub);
}

void store_note(struct store *store, const char *line)
{
    char *copy = strdup(line);

    diag_warn("store: %s", line);
    if (copy == NULL || store->report_count == REPORT_LINES_MAX)
        free(copy);
    else
        store->report[store->report_count++] = copy;
}

void store_report(struct store *store, void (*visit)(void *user, const char *line), void *user)
{
    for (uint32_t i = 0; i < store->report_count; i++)
        visit(user, store->report[i]);
}
