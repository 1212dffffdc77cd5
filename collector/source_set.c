/* Sources of one worker. The map has no removal, so a sweep takes out all that it can at once and
 * builds the map again: rare, and linear. */
#include "collector/source_set.h"

#include "base/diag.h"
#include "collector/limits.h"

#include <stdlib.h>
#include <string.h>

enum status source_set_init(struct source_set *set, struct store *store,
                              const struct source_overrides *overrides, struct error *err)
{
    *set = (struct source_set){.store = store,
                                   .overrides = overrides,
                                   .by_id = map_empty(WORKER_SOURCES_MAX)};
    set->sources = calloc(WORKER_SOURCES_MAX, sizeof(set->sources[0]));
    if (set->sources == NULL)
        return error_set(err, STATUS_NO_MEMORY, "sources: no memory");
    (void)pthread_mutex_init(&set->lock, NULL);
    return STATUS_OK;
}

static void source_free(struct source *source)
{
    if (source == NULL)
        return;
    source_parser_free(source->parser);
    free(source->text);
    free(source);
}

void source_set_release(struct source_set *set)
{
    if (set->sources == NULL)
        return;
    for (uint32_t i = 0; i < set->count; i++)
        source_free(set->sources[i]);
    map_release(&set->by_id);
    free(set->sources);
    (void)pthread_mutex_destroy(&set->lock);
    *set = (struct source_set){0};
}

/* ---- making one ---- */

static struct slice keep(char **at, struct slice text)
{
    struct slice kept = slice_make(*at, text.len);

    if (text.len > 0)
        memcpy(*at, text.data, text.len);
    *at += text.len;
    return kept;
}

/* Copy all texts into one piece of memory that the source owns. */
static bool own_texts(struct source *source)
{
    struct event_source *about = &source->about;
    struct format_settings *settings = &source->settings;
    struct slice *texts[] = { &about->geo,      &about->host,           &about->role, &about->path,
                              &settings->zone,  &settings->line_prefix, &settings->log_format };
    size_t size = 1;
    char *at;

    for (size_t i = 0; i < COUNT_OF(texts); i++)
        size += texts[i]->len;
    at = source->text = malloc(size);
    if (at == NULL)
        return false;
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        *texts[i] = keep(&at, *texts[i]);
    settings->path = about->path;
    return true;
}

static void apply_settings(struct source_set *set, struct source *source,
                           const struct source_description *said)
{
    const struct source_override *override =
        source_override_find(set->overrides, said->about.path);
    struct slice labels = said->label_bytes, format = said->format;
    struct wire_label label;

    while (label_next(&labels, &label))
        source_settings_label(&source->settings, label.name, label.value);
    if (override != NULL) {
        source_settings_override(&source->settings, override);
        if (override->format.len > 0)
            format = override->format;
    }
    source->format = format.len > 0 ? format_find(format) : NULL;
    if (format.len > 0 && source->format == NULL)
        diag_warn("%.*s: no format is called \"%.*s\": it is recognised from the lines",
                  SLICE_ARG(said->about.path), (int)(format.len < 40 ? format.len : 40),
                  format.data);
}

static enum status load_position(struct source_set *set, struct source *source,
                                 struct error *err)
{
    struct watermark mark;
    enum status status = store_watermark(set->store, &source->about.id, &mark);

    if (status == STATUS_NOT_FOUND)
        return STATUS_OK;
    if (status != STATUS_OK)
        return error_set(err, status, "cannot read the watermark of a source");
    source->position.known = true;
    source->position.offset = mark.durable_offset;
    source->position.tail_hash = mark.tail_hash;
    atomic_store_explicit(&source->accepted_offset, mark.durable_offset, memory_order_relaxed);
    return STATUS_OK;
}

static enum status source_new(struct source_set *set, const struct source_description *said,
                              struct source **out, struct error *err)
{
    struct source *source = calloc(1, sizeof(*source));
    enum status status;

    if (source == NULL)
        return error_set(err, STATUS_NO_MEMORY, "source: no memory");
    source->about = said->about;
    source->batch_number = UINT64_MAX;
    apply_settings(set, source, said);
    status = own_texts(source) ? load_position(set, source, err)
                               : error_set(err, STATUS_NO_MEMORY, "source: no memory");
    if (status != STATUS_OK) {
        source_free(source);
        return status;
    }
    *out = source;
    return STATUS_OK;
}

static struct slice key_of(const struct source_id *id)
{
    static_assert(sizeof(*id) == 36, "the key must have no padding");
    return slice_make(id, sizeof(*id));
}

static enum status add(struct source_set *set, const struct source_description *said,
                       int64_t mono_ns, struct source **out, struct error *err)
{
    struct source *source = NULL;
    enum status status;

    /* The map holds at most 70% of its maximum. */
    if (set->count >= WORKER_SOURCES_MAX / 10 * 7)
        source_set_sweep(set, mono_ns);
    if (set->count >= WORKER_SOURCES_MAX / 10 * 7)
        return error_set(err, STATUS_TOO_LARGE, "too many sources are busy at once (%u)",
                         set->count);
    status = source_new(set, said, &source, err);
    if (status != STATUS_OK)
        return status;
    (void)pthread_mutex_lock(&set->lock);
    if (map_put(&set->by_id, key_of(&source->about.id), set->count))
        set->sources[set->count++] = source;
    else
        status = error_set(err, STATUS_NO_MEMORY, "sources: no memory");
    (void)pthread_mutex_unlock(&set->lock);
    if (status != STATUS_OK) {
        source_free(source);
        return status;
    }
    *out = source;
    return STATUS_OK;
}

enum status source_set_get(struct source_set *set, const struct source_description *said,
                             int64_t mono_ns, struct source **out, struct error *err)
{
    uint32_t index = map_get(&set->by_id, key_of(&said->about.id));
    enum status status = STATUS_OK;

    if (index != MAP_NONE)
        *out = set->sources[index];
    else
        status = add(set, said, mono_ns, out, err);
    if (status == STATUS_OK)
        (*out)->used_ns = mono_ns;
    return status;
}

/* ---- forgetting ---- */

static bool is_idle(const struct source *source, int64_t mono_ns)
{
    return source->open_count == 0 && source->pending == 0 &&
           (source->final || mono_ns - source->used_ns >= (int64_t)SOURCE_IDLE_S * 1000000000);
}

void source_set_sweep(struct source_set *set, int64_t mono_ns)
{
    uint32_t kept = 0;

    (void)pthread_mutex_lock(&set->lock);
    for (uint32_t i = 0; i < set->count; i++) {
        if (is_idle(set->sources[i], mono_ns))
            source_free(set->sources[i]);
        else
            set->sources[kept++] = set->sources[i];
    }
    if (kept != set->count) {
        set->count = kept;
        map_reset(&set->by_id);
        for (uint32_t i = 0; i < kept; i++) { /* cannot fail: the map had room for more */
            bool put = map_put(&set->by_id, key_of(&set->sources[i]->about.id), i);

            assert(put);
            (void)put;
        }
    }
    (void)pthread_mutex_unlock(&set->lock);
}

void source_set_visit(struct source_set *set, source_visit *visit, void *user)
{
    (void)pthread_mutex_lock(&set->lock);
    for (uint32_t i = 0; i < set->count; i++)
        visit(user, set->sources[i]);
    (void)pthread_mutex_unlock(&set->lock);
}
