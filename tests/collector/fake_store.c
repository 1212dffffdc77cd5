/* Lists instead of segments. Waiting appends are kept as whole copies, so that what the caller
 * frees after store_append() is not touched any more. */
#include "tests/collector/fake_store.h"

#include "store/chunk_encode_fields.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct content {
    struct fake_event *events, *open;
    struct fake_sample *samples;
    struct fake_loss *losses;
    struct watermark *marks;
    struct source_id *sources; /* of an append: whose open events are replaced */
    uint32_t event_count, open_count, sample_count, loss_count, mark_count, source_count;
};

struct waiting {
    struct content content;
    store_durable *on_durable;
    void *user;
    struct waiting *next;
};

struct store {
    pthread_mutex_t lock;
    bool automatic;
    struct content content;
    struct waiting *first, *last;
    enum status refuse_status;
    uint32_t refuse_count, appends;
    bool refuse_late;
    char *names[4096];
    uint32_t name_count;
};

static void *must(void *memory)
{
    assert_non_null(memory);
    return memory;
}

struct store *fake_store_new(bool automatic)
{
    struct store *store = must(calloc(1, sizeof(*store)));
    struct content *content = &store->content;

    (void)pthread_mutex_init(&store->lock, NULL);
    store->automatic = automatic;
    content->events = must(calloc(FAKE_ITEMS_MAX, sizeof(content->events[0])));
    content->open = must(calloc(FAKE_ITEMS_MAX, sizeof(content->open[0])));
    content->samples = must(calloc(FAKE_ITEMS_MAX, sizeof(content->samples[0])));
    content->losses = must(calloc(FAKE_ITEMS_MAX, sizeof(content->losses[0])));
    content->marks = must(calloc(FAKE_ITEMS_MAX, sizeof(content->marks[0])));
    for (; store->name_count < FIELD_ID_WELL_KNOWN_COUNT; store->name_count++)
        store->names[store->name_count] =
            must(strdup(well_known_field_names[store->name_count]));
    return store;
}

static void release_events(struct fake_event *events, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        free(events[i].bytes);
    free(events);
}

static void release_content(struct content *content)
{
    release_events(content->events, content->event_count);
    release_events(content->open, content->open_count);
    free(content->samples);
    free(content->losses);
    free(content->marks);
    free(content->sources);
}

void fake_store_crash(struct store *store)
{
    struct waiting *next;

    for (struct waiting *one = store->first; one != NULL; one = next) {
        next = one->next;
        release_content(&one->content);
        free(one);
    }
    store->first = store->last = NULL;
}

void fake_store_free(struct store *store)
{
    fake_store_crash(store);
    release_content(&store->content);
    for (uint32_t i = 0; i < store->name_count; i++)
        free(store->names[i]);
    (void)pthread_mutex_destroy(&store->lock);
    free(store);
}

void fake_store_refuse(struct store *store, enum status status, uint32_t count, bool late)
{
    (void)pthread_mutex_lock(&store->lock);
    store->refuse_status = status;
    store->refuse_count = count;
    store->refuse_late = late;
    (void)pthread_mutex_unlock(&store->lock);
}

/* ---- append ---- */

static void copy_text(char *to, size_t size, struct slice text)
{
    (void)snprintf(to, size, "%.*s", SLICE_ARG(text));
}

static struct fake_event *copy_events(const struct batch *batch, const struct event *events,
                                      uint32_t count)
{
    struct fake_event *copies = must(calloc(count + 1, sizeof(copies[0])));

    for (uint32_t i = 0; i < count; i++) {
        const struct event *from = &events[i];
        struct fake_event *to = &copies[i];

        assert_true(from->source < batch->source_count);
        assert_true(from->format < batch->format_count);
        *to = (struct fake_event){ .source = batch->sources[from->source].id,
                                   .offset = from->offset,
                                   .source_len = from->source_len,
                                   .flags = from->flags,
                                   .field_count = from->field_count,
                                   .time_ns = from->time_ns,
                                   .len = from->bytes.len };
        copy_text(to->format, sizeof(to->format), batch->formats[from->format]);
        to->bytes = must(malloc(from->bytes.len + 1));
        if (from->bytes.len > 0)
            memcpy(to->bytes, from->bytes.data, from->bytes.len);
    }
    return copies;
}

/* Each row has its fields behind those of the row before, the last one in front of the end. */
static size_t check_fields(const struct field_encoder *fields, const struct event *events,
                           uint32_t count, size_t from)
{
    for (uint32_t i = 0; i < count; i++) {
        assert_true(events[i].fields_at >= from && events[i].fields_at < fields->out.len);
        from = events[i].fields_at + 1;
    }
    return from;
}

static struct content copy_batch(const struct batch *batch)
{
    struct content content = {
        .events = copy_events(batch, batch->events, batch->event_count),
        .open = copy_events(batch, batch->open_events, batch->open_event_count),
        .samples = must(calloc(batch->sample_count + 1, sizeof(struct fake_sample))),
        .losses = must(calloc(batch->loss_count + 1, sizeof(struct fake_loss))),
        .marks = must(calloc(batch->watermark_count + 1, sizeof(struct watermark))),
        .sources = must(calloc(batch->source_count + 1, sizeof(struct source_id))),
        .event_count = batch->event_count,
        .open_count = batch->open_event_count,
        .sample_count = batch->sample_count,
        .loss_count = batch->loss_count,
        .mark_count = batch->watermark_count,
        .source_count = batch->source_count,
    };

    if (batch->fields != NULL)
        (void)check_fields(batch->fields, batch->open_events, batch->open_event_count,
                           check_fields(batch->fields, batch->events, batch->event_count, 0));
    for (uint32_t i = 0; i < batch->sample_count; i++) {
        const struct sample *from = &batch->samples[i];

        content.samples[i] = (struct fake_sample){ .source = batch->sources[from->source].id,
                                                   .time_ns = from->time_ns,
                                                   .value = from->value,
                                                   .label_count = from->label_count };
        copy_text(content.samples[i].metric, sizeof(content.samples[i].metric), from->metric);
    }
    for (uint32_t i = 0; i < batch->loss_count; i++) {
        const struct loss *from = &batch->losses[i];

        content.losses[i] = (struct fake_loss){ .source = batch->sources[from->source].id,
                                                .from = from->from_offset,
                                                .to = from->to_offset };
        copy_text(content.losses[i].reason, sizeof(content.losses[i].reason), from->reason);
    }
    for (uint32_t i = 0; i < batch->watermark_count; i++)
        content.marks[i] = batch->watermarks[i];
    for (uint32_t i = 0; i < batch->source_count; i++)
        content.sources[i] = batch->sources[i].id;
    return content;
}

static bool same(const struct source_id *a, const struct source_id *b)
{
    return memcmp(a, b, sizeof(*a)) == 0;
}

static void drop_open(struct content *all, const struct source_id *id)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < all->open_count; i++) {
        if (same(&all->open[i].source, id))
            free(all->open[i].bytes);
        else
            all->open[kept++] = all->open[i];
    }
    all->open_count = kept;
}

static void put_mark(struct content *all, const struct watermark *mark)
{
    uint32_t i = 0;

    while (i < all->mark_count && !same(&all->marks[i].id, &mark->id))
        i++;
    if (i < all->mark_count) /* a watermark never moves back */
        assert_true(mark->durable_offset >= all->marks[i].durable_offset);
    else
        all->mark_count++;
    assert_true(all->mark_count <= FAKE_ITEMS_MAX);
    all->marks[i] = *mark;
}

/* Becomes durable: moves into the lists. */
static void commit(struct store *store, struct content *from)
{
    struct content *all = &store->content;

    assert_true(all->event_count + from->event_count <= FAKE_ITEMS_MAX);
    assert_true(all->sample_count + from->sample_count <= FAKE_ITEMS_MAX);
    for (uint32_t i = 0; i < from->source_count; i++)
        drop_open(all, &from->sources[i]);
    for (uint32_t i = 0; i < from->event_count; i++)
        all->events[all->event_count++] = from->events[i];
    for (uint32_t i = 0; i < from->open_count; i++)
        all->open[all->open_count++] = from->open[i];
    for (uint32_t i = 0; i < from->sample_count; i++)
        all->samples[all->sample_count++] = from->samples[i];
    for (uint32_t i = 0; i < from->loss_count; i++)
        all->losses[all->loss_count++] = from->losses[i];
    for (uint32_t i = 0; i < from->mark_count; i++)
        put_mark(all, &from->marks[i]);
    from->event_count = from->open_count = 0; /* their bytes have moved */
    store->appends++;
}

static bool refuses(struct store *store, bool late)
{
    if (store->refuse_count == 0 || store->refuse_late != late)
        return false;
    store->refuse_count--;
    return true;
}

static bool commit_first(struct store *store)
{
    struct waiting *one;
    struct error err = {0};
    enum status status = STATUS_OK;

    (void)pthread_mutex_lock(&store->lock);
    one = store->first;
    if (one != NULL) {
        store->first = one->next;
        if (refuses(store, true))
            status = error_set(&err, store->refuse_status, "refused by the test");
        else
            commit(store, &one->content);
    }
    (void)pthread_mutex_unlock(&store->lock);
    if (one == NULL)
        return false;
    one->on_durable(one->user, status, &err);
    release_content(&one->content);
    free(one);
    return true;
}

enum status store_append(struct store *store, uint32_t shard, const struct batch *batch,
                         store_durable *on_durable, void *user, struct error *err)
{
    struct waiting *one;
    enum status status = STATUS_OK;

    for (uint32_t i = 0; i < batch->source_count; i++)
        assert_int_equal(store_shard_of(store, &batch->sources[i].id), shard);
    (void)pthread_mutex_lock(&store->lock);
    if (refuses(store, false)) {
        status = error_set(err, store->refuse_status, "refused by the test");
    } else {
        one = must(calloc(1, sizeof(*one)));
        one->content = copy_batch(batch);
        one->on_durable = on_durable;
        one->user = user;
        if (store->first == NULL)
            store->first = one;
        else
            store->last->next = one;
        store->last = one;
    }
    (void)pthread_mutex_unlock(&store->lock);
    if (status == STATUS_OK && store->automatic)
        (void)commit_first(store);
    return status;
}

enum status store_step(struct store *store, struct error *err)
{
    (void)err;
    return commit_first(store) ? STATUS_OK : STATUS_END;
}

/* ---- the rest of store.h, as far as the collector calls it ---- */

enum status store_open(const struct store_options *options, struct store **out, struct error *err)
{
    (void)options;
    (void)err;
    *out = fake_store_new(true);
    return STATUS_OK;
}

void store_close(struct store *store)
{
    fake_store_free(store);
}

uint32_t store_shard_of(const struct store *store, const struct source_id *id)
{
    (void)store;
    return id->generation[0] % FAKE_SHARDS; /* a test chooses the shard by the first byte */
}

bool store_ready(struct store *store, struct error *err)
{
    (void)store;
    (void)err;
    return true;
}

enum status store_watermark(struct store *store, const struct source_id *id, struct watermark *out)
{
    enum status status = STATUS_NOT_FOUND;

    (void)pthread_mutex_lock(&store->lock);
    for (uint32_t i = 0; i < store->content.mark_count; i++)
        if (same(&store->content.marks[i].id, id)) {
            *out = store->content.marks[i];
            status = STATUS_OK;
        }
    (void)pthread_mutex_unlock(&store->lock);
    return status;
}

enum status store_watermark_latest(struct store *store, const uint8_t shipper[16],
                                   const uint8_t generation[16], struct watermark *out)
{
    enum status status = STATUS_NOT_FOUND;

    (void)pthread_mutex_lock(&store->lock);
    for (uint32_t i = 0; i < store->content.mark_count; i++) {
        const struct watermark *mark = &store->content.marks[i];

        if (memcmp(mark->id.shipper, shipper, 16) == 0 &&
            memcmp(mark->id.generation, generation, 16) == 0 &&
            (status == STATUS_NOT_FOUND || mark->id.truncations >= out->id.truncations)) {
            *out = *mark;
            status = STATUS_OK;
        }
    }
    (void)pthread_mutex_unlock(&store->lock);
    return status;
}

void store_open_events(struct store *store, store_open_event_visit *visit, void *user)
{
    (void)pthread_mutex_lock(&store->lock); /* a visit that asks the store something hangs here */
    for (uint32_t i = 0; i < store->content.open_count; i++) {
        const struct fake_event *from = &store->content.open[i];
        struct event_source about = { .id = from->source,
                                      .geo = slice_of("fr"),
                                      .host = slice_of("web-1"),
                                      .path = slice_of("/var/log/a.log") };
        struct event event = { .time_ns = from->time_ns,
                               .bytes = { from->bytes, from->len },
                               .offset = from->offset,
                               .source_len = from->source_len,
                               .flags = from->flags };

        visit(user, &about, slice_of(from->format), &event);
    }
    (void)pthread_mutex_unlock(&store->lock);
}

uint64_t store_incarnation(const struct store *store)
{
    (void)store;
    return 42;
}

uint64_t store_sequence(const struct store *store)
{
    return store->appends;
}

field_id store_field(struct store *store, struct slice name)
{
    field_id field = 0;

    (void)pthread_mutex_lock(&store->lock);
    while (field < store->name_count && !slice_is(name, store->names[field]))
        field++;
    if (field == store->name_count && field < COUNT_OF(store->names)) {
        store->names[field] = must(strndup(name.data, name.len));
        store->name_count++;
    }
    (void)pthread_mutex_unlock(&store->lock);
    return field;
}

void store_stats(struct store *store, struct store_stats *out)
{
    *out = (struct store_stats){ .rows = store->content.event_count };
}

void store_report(struct store *store, void (*visit)(void *user, const char *line), void *user)
{
    (void)store;
    (void)visit;
    (void)user;
}

/* ---- what tests look at ---- */

uint32_t fake_store_events(struct store *store, const struct fake_event **events)
{
    *events = store->content.events;
    return store->content.event_count;
}

uint32_t fake_store_samples(struct store *store, const struct fake_sample **samples)
{
    *samples = store->content.samples;
    return store->content.sample_count;
}

uint32_t fake_store_losses(struct store *store, const struct fake_loss **losses)
{
    *losses = store->content.losses;
    return store->content.loss_count;
}

uint32_t fake_store_open_events_of(struct store *store, const struct fake_event **events)
{
    *events = store->content.open;
    return store->content.open_count;
}

uint32_t fake_store_appends(struct store *store)
{
    return store->appends;
}

static void append_events(const struct fake_event *events, uint32_t count,
                          const struct source_id *id, uint64_t *at, struct buf *out)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct fake_event *event = &events[i];

        if (!same(&event->source, id))
            continue;
        assert_int_equal(event->offset, *at);
        assert_true(buf_append(out, event->bytes, event->len));
        if (event->source_len > event->len)
            assert_true(buf_append_byte(out, '\n'));
        *at += event->source_len;
    }
}

void fake_store_text(struct store *store, const struct source_id *id, uint64_t start,
                     struct buf *out)
{
    uint64_t at = start;

    append_events(store->content.events, store->content.event_count, id, &at, out);
    append_events(store->content.open, store->content.open_count, id, &at, out);
}
