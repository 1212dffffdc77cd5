/* store/commit.c -- group commit without a timer: while one sync runs, batches queue; the next group
 * takes all of them. After the sync their rows are published, then the callers are told. */
#include "store/store_impl.h"

#include "base/diag.h"

#include <stdlib.h>

/* Take the batches of one group off the queue. */
static uint32_t take_group(struct store *store, struct pending **group)
{
    uint32_t count = 0;
    uint64_t size = 0;

    (void)pthread_mutex_lock(&store->queue_lock);
    while (store->queue_head != NULL && count < WAL_GROUP_RECORDS_MAX &&
           (count == 0 || size + store->queue_head->chunk->size <= GROUP_SIZE_MAX)) {
        struct pending *pending = store->queue_head;

        store->queue_head = pending->next;
        if (store->queue_head == NULL)
            store->queue_tail = NULL;
        size += pending->chunk->size;
        store->queue_size -= pending->chunk->size;
        group[count++] = pending;
    }
    (void)pthread_mutex_unlock(&store->queue_lock);
    return count;
}

enum status store_head_reserve(struct store *store, uint32_t shard_number, uint32_t count,
                               struct error *err)
{
    struct shard *shard = &store->shards[shard_number];
    enum status status = STATUS_OK;

    if (shard->head_count == 0 || (shard->full && shard->head_count < SHARD_HEADS_MAX)) {
        status = head_new(shard_number, &shard->heads[shard->head_count], err);
        if (status == STATUS_OK) {
            shard->head_count++;
            shard->full = false;
        }
    }
    return status == STATUS_OK ? head_reserve(shard->heads[shard->head_count - 1], count, err)
                               : status;
}

static void publish_open(struct store *store, struct chunk *chunk)
{
    for (uint32_t i = 0; i < chunk->source_count; i++) {
        const struct event_source *source =
            source_table_source(&store->sources, chunk->source_numbers[i]);
        struct source_state *state = source_states_get(&store->states, &source->id);
        bool open = false;

        for (uint32_t row = 0; row < chunk->open_count && !open; row++)
            open = chunk_row_at(chunk, chunk->row_count + row).source == i;
        if (state == NULL || (!open && state->open == NULL))
            continue;
        if (!source_states_set_open(&store->states, state, open ? chunk : NULL, i))
            diag_error("store: no memory to keep an open event");
    }
}

void store_publish(struct store *store, struct chunk *chunk, bool rows)
{
    struct shard *shard = &store->shards[chunk->shard];
    struct slice watermarks = chunk->watermarks, losses = chunk->losses;
    struct watermark watermark;
    struct loss loss;

    while (watermark_take(&watermarks, &watermark)) {
        struct source_state *state = source_states_get(&store->states, &watermark.id);

        if (state != NULL)
            source_state_set_watermark(state, &watermark);
    }
    while (rows && loss_take(&losses, &loss))
        store_keep_loss(store,
                        source_table_source(&store->sources, chunk->source_numbers[loss.source]),
                        &loss, chunk->shard, chunk->record_number);
    publish_open(store, chunk);
    if (rows) {
        struct head *head = shard->heads[shard->head_count - 1];

        head_add(head, chunk_ref(chunk), io_mono_ns(store->io));
        shard->full = head->raw_size >= store->options.seal_size ||
                      head->memory_size >= head_memory_full(store->options.seal_size);
    }
    if (chunk->first_sequence + chunk_sequence_count(chunk) > store->next_sequence)
        store->next_sequence = chunk->first_sequence + chunk_sequence_count(chunk);
    if (chunk->first_sequence + chunk_sequence_count(chunk) - 1 > store->published_sequence)
        store->published_sequence = chunk->first_sequence + chunk_sequence_count(chunk) - 1;
    chunk_unref(chunk);
}

/* Sequences in the order of the queue; room in the heads, so that publication cannot fail. */
static enum status prepare(struct store *store, struct pending *const *group, uint32_t count,
                           struct error *err)
{
    enum status status = STATUS_OK;
    uint64_t sequence;

    (void)pthread_mutex_lock(&store->state_lock);
    sequence = store->next_sequence;
    for (uint32_t i = 0; i < count && status == STATUS_OK; i++) {
        chunk_set_sequence(group[i]->chunk, sequence);
        sequence += chunk_sequence_count(group[i]->chunk);
        status = store_head_reserve(store, group[i]->chunk->shard, count, err);
    }
    store->next_sequence = sequence; /* also if the group fails: numbers are not used twice */
    (void)pthread_mutex_unlock(&store->state_lock);
    return status;
}

static void refuse(struct store *store, bool read_only, const struct error *why)
{
    (void)pthread_mutex_lock(&store->state_lock);
    if (read_only)
        store->read_only = true;
    else
        store->disk_full = true;
    store->refusal = *why;
    (void)pthread_mutex_unlock(&store->state_lock);
    diag_error("store: appends are refused: %s", why->message);
}

/* After a failed write or sync the file is left, and the group goes to a new one. A second failure
 * makes the store read-only: nobody can tell any more what the device keeps. */
static enum status write_group(struct store *store, struct wal_record *records, uint32_t count,
                               struct error *err)
{
    struct error own = {0};
    enum status status;

    if (err == NULL) /* the reason is needed below, also when the caller does not want it */
        err = &own;
    status = wal_write_group(&store->wal, records, count, err);
    if (status == STATUS_IO) {
        diag_error("store: %s; writing the batches again to a new file", err->message);
        wal_fence(&store->wal);
        status = wal_write_group(&store->wal, records, count, err);
    }
    if (status == STATUS_OK)
        return status;
    wal_give_up(&store->wal, count);
    if (status == STATUS_IO || status == STATUS_DISK_FULL)
        refuse(store, status == STATUS_IO, err);
    return status;
}

static enum status write_pending(struct store *store, struct pending *const *group,
                                 uint32_t count, struct error *err)
{
    struct wal_record records[WAL_GROUP_RECORDS_MAX];
    int64_t start = io_mono_ns(store->io), took;
    enum status status;

    for (uint32_t i = 0; i < count; i++)
        records[i] = (struct wal_record){
            .type = WAL_BATCH,
            .shard = (uint16_t)group[i]->chunk->shard,
            .payload = {group[i]->chunk->data, group[i]->chunk->size},
            .framed = group[i]->chunk->framed,
        };
    status = write_group(store, records, count, err);
    for (uint32_t i = 0; i < count && status == STATUS_OK; i++) {
        group[i]->chunk->record_number = records[i].record_number;
        group[i]->chunk->wal_file = records[i].file_number;
    }
    took = io_mono_ns(store->io) - start;
    (void)pthread_mutex_lock(&store->state_lock);
    store->counters.commits++;
    store->counters.wal_bytes = wal_bytes(&store->wal);
    store->counters.commit_ns_total += (uint64_t)took;
    if ((uint64_t)took > store->counters.commit_ns_max)
        store->counters.commit_ns_max = (uint64_t)took;
    (void)pthread_mutex_unlock(&store->state_lock);
    return status;
}

static void publish_group(struct store *store, struct pending *const *group, uint32_t count,
                          enum status status)
{
    bool wake = false;

    (void)pthread_mutex_lock(&store->state_lock);
    for (uint32_t i = 0; i < count; i++) {
        struct shard *shard = &store->shards[group[i]->chunk->shard];

        shard->queued_size -= group[i]->chunk->memory_size;
        if (status != STATUS_OK) {
            store->counters.append_errors++;
            chunk_unref(group[i]->chunk);
            continue;
        }
        store->counters.appends++;
        store_publish(store, group[i]->chunk, true);
        wake = wake || shard->full;
    }
    (void)pthread_mutex_unlock(&store->state_lock);
    if (!wake)
        return;
    (void)pthread_mutex_lock(&store->queue_lock);
    (void)pthread_cond_signal(&store->work_wanted);
    (void)pthread_mutex_unlock(&store->queue_lock);
}

static void tell(struct store *store, struct pending *const *group, uint32_t count,
                 enum status status, const struct error *err)
{
    void (*changed)(void *user);
    void *changed_user;

    for (uint32_t i = 0; i < count; i++) {
        if (group[i]->on_durable != NULL)
            group[i]->on_durable(group[i]->user, status, err);
        free(group[i]);
    }
    (void)pthread_mutex_lock(&store->state_lock);
    changed = store->changed;
    changed_user = store->changed_user;
    (void)pthread_mutex_unlock(&store->state_lock);
    if (status == STATUS_OK && changed != NULL)
        changed(changed_user);
}

enum status store_commit_group(struct store *store, struct error *err)
{
    struct pending *group[WAL_GROUP_RECORDS_MAX];
    uint32_t count;
    enum status status;

    (void)pthread_mutex_lock(&store->commit_lock);
    count = take_group(store, group);
    if (count == 0) {
        (void)pthread_mutex_unlock(&store->commit_lock);
        return STATUS_END;
    }
    if (store->read_only) {
        *err = store->refusal;
        status = STATUS_IO;
    } else {
        status = prepare(store, group, count, err);
        if (status == STATUS_OK)
            status = write_pending(store, group, count, err);
    }
    publish_group(store, group, count, status);
    (void)pthread_mutex_unlock(&store->commit_lock);
    tell(store, group, count, status, err);
    return STATUS_OK; /* the callers know the outcome */
}

/* The open events below `low_water`, as a batch of nothing but them. */
struct carry {
    struct event_source *sources;
    struct slice *formats;
    struct event *events;
    struct event_field *fields;
    uint32_t source_count, format_count, event_count;
};

static void carry_release(struct carry *carry)
{
    free(carry->sources);
    free(carry->formats);
    free(carry->events);
    free(carry->fields);
}

static bool carry_reserve(struct store *store, struct carry *carry, uint64_t low_water)
{
    size_t events = 0, fields = 0;

    for (uint32_t i = 0; i < store->states.open_count; i++) {
        const struct chunk *chunk = store->states.states[store->states.open[i]]->open;

        if (chunk->wal_file >= low_water)
            continue;
        carry->source_count++;
        events += chunk->open_count;
        for (uint32_t row = 0; row < chunk->open_count; row++) {
            struct chunk_row at = chunk_row_at(chunk, chunk->row_count + row);

            fields += chunk_event_fields(chunk, at.fields_at, NULL);
        }
    }
    carry->sources = calloc((size_t)carry->source_count + 1, sizeof(*carry->sources));
    carry->formats = calloc(events + 1, sizeof(*carry->formats));
    carry->events = calloc(events + 1, sizeof(*carry->events));
    carry->fields = calloc(fields + 1, sizeof(*carry->fields));
    return carry->sources != NULL && carry->formats != NULL && carry->events != NULL &&
           carry->fields != NULL;
}

static uint16_t carry_format(struct carry *carry, struct slice name)
{
    uint16_t index = 0;

    while (index < carry->format_count && !slice_equal(carry->formats[index], name))
        index++;
    if (index == carry->format_count)
        carry->formats[carry->format_count++] = name;
    return index;
}

static void carry_collect(struct store *store, struct carry *carry, uint64_t low_water)
{
    struct event_field *fields = carry->fields;
    uint32_t source = 0;

    for (uint32_t i = 0; i < store->states.open_count; i++) {
        const struct source_state *state = store->states.states[store->states.open[i]];
        const struct chunk *chunk = state->open;

        if (chunk->wal_file >= low_water)
            continue;
        carry->sources[source] =
            *source_table_source(&store->sources, chunk->source_numbers[state->open_source]);
        for (uint32_t k = 0; k < chunk->open_count; k++) {
            struct chunk_row row = chunk_row_at(chunk, chunk->row_count + k);
            struct event *event = &carry->events[carry->event_count];

            if (row.source != state->open_source)
                continue;
            chunk_event(chunk, &row, fields, event);
            fields += event->field_count;
            event->source = source;
            event->format = carry_format(
                carry, name_table_name(&store->formats, chunk->formats[row.format].number));
            carry->event_count++;
        }
        source++;
    }
}

/* Commit lock held: no newer open event can slip in between. */
static enum status write_carry(struct store *store, const struct carry *carry, struct error *err)
{
    struct batch batch = {
        .sources = carry->sources,
        .formats = carry->formats,
        .open_events = carry->events,
        .source_count = carry->source_count,
        .format_count = carry->format_count,
        .open_event_count = carry->event_count,
    };
    int64_t *orders = calloc((size_t)carry->source_count + 1, sizeof(*orders));
    struct buf bytes = buf_empty(0);
    struct wal_record record = {.type = WAL_BATCH};
    const struct chunk_frame none = {0};
    struct chunk *chunk;
    enum status status;

    if (orders == NULL)
        return error_set(err, STATUS_NO_MEMORY, "no memory to keep open events");
    status = chunk_encode(&batch, &store->fields, orders, &bytes, NULL, err);
    free(orders);
    if (status == STATUS_OK)
        status = chunk_new_encoded(&bytes, &none, &store->tables, &chunk, err);
    if (status != STATUS_OK)
        return status;
    (void)pthread_mutex_lock(&store->state_lock);
    chunk_set_sequence(chunk, store->next_sequence);
    (void)pthread_mutex_unlock(&store->state_lock);
    record.payload = slice_make(chunk->data, chunk->size);
    status = write_group(store, &record, 1, err);
    if (status != STATUS_OK) {
        chunk_unref(chunk);
        return status;
    }
    chunk->record_number = record.record_number;
    chunk->wal_file = record.file_number;
    (void)pthread_mutex_lock(&store->state_lock);
    store_publish(store, chunk, false);
    (void)pthread_mutex_unlock(&store->state_lock);
    return STATUS_OK;
}

enum status store_carry_open(struct store *store, uint64_t low_water, struct error *err)
{
    struct carry carry = {0};
    enum status status = STATUS_OK;
    bool fine;

    (void)pthread_mutex_lock(&store->commit_lock);
    (void)pthread_mutex_lock(&store->state_lock);
    fine = carry_reserve(store, &carry, low_water);
    if (fine)
        carry_collect(store, &carry, low_water);
    (void)pthread_mutex_unlock(&store->state_lock);
    if (!fine)
        status = error_set(err, STATUS_NO_MEMORY, "no memory to keep open events");
    else if (carry.event_count > 0)
        /* The bytes are borrowed from chunks that only this thread could replace now. */
        status = write_carry(store, &carry, err);
    (void)pthread_mutex_unlock(&store->commit_lock);
    carry_release(&carry);
    return status;
}

void *store_committer_main(void *user)
{
    struct store *store = user;
    bool stop = false;

    while (!stop) {
        struct error err = {0};

        if (store_commit_group(store, &err) != STATUS_END)
            continue;
        (void)pthread_mutex_lock(&store->queue_lock);
        while (store->queue_head == NULL && !store->stopping)
            (void)pthread_cond_wait(&store->queue_filled, &store->queue_lock);
        stop = store->queue_head == NULL && store->stopping;
        (void)pthread_mutex_unlock(&store->queue_lock);
    }
    return NULL;
}
