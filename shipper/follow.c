/* shipper/follow.c -- life of the sources: restored, found, asked for, truncated, finished. */
#include "shipper/follow_private.h"

#include "base/diag.h"
#include "shipper/line_splitter.h"

#include <assert.h>
#include <stdlib.h>

enum status follow_new(struct io *io, const struct shipper_settings *settings, struct follow **out,
                       struct error *err)
{
    struct follow *follow = calloc(1, sizeof(*follow));
    enum status status;

    if (follow == NULL)
        return error_set(err, STATUS_NO_MEMORY, "no memory to follow files");
    follow->io = io;
    follow->settings = settings;
    follow->started_ns = follow->now_ns = io_mono_ns(io);
    follow->wall_ns = follow->known_wall_ns = io_wall_ns(io);
    follow->first_start = true;
    status = file_set_new(io, settings->sources, settings->source_count, &follow->files, err);
    if (status == STATUS_OK)
        *out = follow;
    else
        free(follow);
    return status;
}

void follow_free(struct follow *follow)
{
    if (follow == NULL)
        return;
    source_table_release(&follow->sources, follow->io);
    skip_list_release(&follow->skipped);
    file_set_free(follow->files);
    free(follow->losses);
    free(follow);
}

void source_enter(struct follow *follow, struct source *source, enum source_state state,
                  const char *decision)
{
    if (state == SOURCE_ASKING || state == SOURCE_ORPHAN)
        follow->identity_news = true;
    diag_debug("%s #%u: %s: %s", source_path(source), source->gen.trunc_no,
               source_state_name(state), decision);
    source->state = (uint8_t)state;
    source->since_ns = follow->now_ns;
    source->decision = decision;
    source->dirty = true;
}

void source_move(struct source *source, uint64_t offset, uint64_t tail)
{
    source->read_off = source->scan_off = offset;
    source->read_tail = tail;
    source->readable = true;
}

void source_close(struct follow *follow, struct source *source)
{
    if (content_is_open(&source->content))
        follow->open_count--;
    content_close(follow->io, &source->content);
}

struct slice bytes_before(struct follow *follow, struct content *content, uint64_t offset,
                          char bytes[TAIL_SIZE_MAX])
{
    size_t len = offset < TAIL_SIZE_MAX ? (size_t)offset : TAIL_SIZE_MAX;
    ssize_t got = len == 0 ? 0 : content_read(follow->io, content, bytes, len, offset - len);

    return slice_make(bytes, got == (ssize_t)len ? len : 0);
}

struct slice candidate_first(const struct candidate *candidate)
{
    return slice_make(candidate->first, candidate->first_len);
}

void source_learn_prefix(struct source *source, struct slice first)
{
    first = slice_first(first, PREFIX_SIZE_MAX);
    first.len = line_without_nuls(first); /* NULs may be space that is only reserved */
    source->gen.prefix_len = (uint32_t)first.len;
    source->gen.prefix_hash = prefix_hash(first);
    source->dirty = true;
}

void source_attach(struct follow *follow, struct source *source, struct candidate *candidate)
{
    source_close(follow, source);
    source->content = candidate->content;
    candidate->content = content_closed();
    source->settings = candidate->settings != NULL ? candidate->settings : source->settings;
    source->follow_link = candidate->link;
    source->remote = candidate->info.remote;
    source->shrunk_ns = 0;
    source->size = candidate->info.size;
    source->mtime_ns = candidate->info.mtime_ns;
    source->absent_scans = 0;
    source->seen = true;
    source->directory_id = candidate->directory->id;
    source->next_poll_ns = follow->now_ns;
    source->grew_ns = follow->now_ns;
    source_note_size(source, follow->now_ns);
    source->readable = true;
    source->deleted = source->unreadable = false;
    source->gen.last_seen_ns = follow->wall_ns;
    if (source->gen.size_seen < source->size && source->content.gz == NULL)
        source->gen.size_seen = source->size;
    if (!source_set_where(source, candidate->path))
        follow->counters.full++;
    source->rotated = source->where != NULL;
}

/* ---- checkpoint ---- */

/* A later record of the same generation: in place, so that the table stays in order of age. */
static bool replace_record(struct follow *follow, struct source *source,
                           const struct generation *gen)
{
    char *path = strdup(gen->path);

    if (path == NULL)
        return false;
    source_table_rekey(&follow->sources, source, &gen->key);
    free((void *)(uintptr_t)source->gen.path);
    source->gen = *gen;
    source->gen.path = path;
    source_move(source, gen->acked_off, gen->acked_tail);
    return true;
}

void follow_restore(struct follow *follow, const struct generation *gen)
{
    struct source *source = source_table_find_id(&follow->sources, gen->gen_id, gen->trunc_no);

    follow->first_start = false;
    if (source == NULL)
        source = source_table_add(&follow->sources, gen);
    else if (!replace_record(follow, source, gen))
        source = NULL;
    if (source == NULL) {
        follow->counters.full++;
        return;
    }
    source_enter(follow, source, gen->finished ? SOURCE_FINISHED : SOURCE_ORPHAN,
                 "restored from the checkpoint");
    source->settings = file_set_match(follow->files, gen->path);
    source->loss_reason = LOSS_DELETED;
    source->dirty = source->readable = false;
    source->checkpointed = true;
}

static int by_path_and_age(const void *a, const void *b)
{
    const struct source *left = *(struct source *const *)a, *right = *(struct source *const *)b;
    int order = strcmp(left->gen.path, right->gen.path);

    if (order != 0)
        return order;
    if (left->gen.first_seen_ns != right->gen.first_seen_ns)
        return left->gen.first_seen_ns < right->gen.first_seen_ns ? -1 : 1;
    return (left->gen.trunc_no > right->gen.trunc_no) - (left->gen.trunc_no < right->gen.trunc_no);
}

/* A generation is saved when it changes: the latest of them was seen before we stopped, and none
 * before we started for the first time. */
static void know_since(struct follow *follow)
{
    int64_t first = INT64_MAX, last = 0, known;

    for (uint32_t i = 0; i < follow->sources.count; i++) {
        const struct generation *gen = &follow->sources.items[i]->gen;

        first = gen->first_seen_ns < first ? gen->first_seen_ns : first;
        last = gen->last_seen_ns > last ? gen->last_seen_ns : last;
    }
    known = last - FILE_TIME_MARGIN_NS > first ? last - FILE_TIME_MARGIN_NS : first;
    if (last > 0 && known < follow->known_wall_ns)
        follow->known_wall_ns = known;
}

void follow_restored(struct follow *follow)
{
    uint32_t count = follow->sources.count;
    struct source **sorted = count > 1 ? malloc(count * sizeof(struct source *)) : NULL;
    struct source *older = NULL;

    know_since(follow);
    if (sorted == NULL)
        return; /* without the links, generations may overtake each other */
    memcpy(sorted, follow->sources.items, count * sizeof(struct source *));
    qsort(sorted, count, sizeof(struct source *), by_path_and_age);
    for (uint32_t i = 0; i < count; i++) {
        struct source *source = sorted[i];

        if (older != NULL && strcmp(older->gen.path, source->gen.path) != 0)
            older = NULL;
        if (older != NULL) {
            older->succeeded = true;
            source->older = older;
            older->waiters++;
        }
        if (source->state != SOURCE_FINISHED)
            older = source;
    }
    free(sorted);
}

void follow_forget(struct follow *follow, const uint8_t gen_id[GEN_ID_SIZE], uint32_t trunc_no)
{
    struct source *source = source_table_find_id(&follow->sources, gen_id, trunc_no);

    if (source != NULL)
        source_table_remove(&follow->sources, source, follow->io);
}

void follow_expire(struct follow *follow,
                   void (*forgotten)(void *user, const struct generation *gen), void *user)
{
    for (uint32_t i = follow->sources.count; i > 0; i--) {
        struct source *source = follow->sources.items[i - 1];
        bool done = source->state == SOURCE_FINISHED || source->state == SOURCE_ORPHAN;

        /* Both clocks must agree, or one jump of the wall clock would forget everything. */
        if (!done || source->in_flight > 0 || source->waiters > 0 || source->absent_scans < 2 ||
            follow->wall_ns - source->gen.last_seen_ns < FORGET_AFTER_NS ||
            follow->now_ns - follow->started_ns < follow->settings->scan_cold_ns * 2)
            continue;
        if (source->checkpointed)
            forgotten(user, &source->gen);
        source_table_remove(&follow->sources, source, follow->io);
    }
}

/* ---- losses and the end ---- */

void follow_add_loss(struct follow *follow, struct source *source, uint64_t from, uint64_t to,
                     uint8_t reason)
{
    if (follow->loss_count == follow->loss_capacity) {
        uint32_t capacity = follow->loss_capacity == 0 ? 16 : follow->loss_capacity * 2;
        struct follow_loss *grown = realloc(follow->losses, capacity * sizeof(*grown));

        if (grown == NULL) {
            follow->counters.full++;
            return;
        }
        follow->losses = grown;
        follow->loss_capacity = capacity;
    }
    follow->losses[follow->loss_count++] = (struct follow_loss){source, from, to, reason};
    source->in_flight++;
}

bool follow_take_loss(struct follow *follow, struct follow_loss *out)
{
    if (follow->loss_count == 0)
        return false;
    *out = follow->losses[0];
    follow->loss_count--;
    memmove(follow->losses, follow->losses + 1, follow->loss_count * sizeof(*follow->losses));
    return true;
}

static void finish(struct follow *follow, struct source *source, const char *decision)
{
    source_close(follow, source);
    source->gen.finished = true;
    source->readable = false;
    source_enter(follow, source, SOURCE_FINISHED, decision);
}

void source_give_up(struct follow *follow, struct source *source)
{
    uint64_t end = source->gen.size_seen;

    source_close(follow, source);
    if (end > source->read_off && gen_id_given(source->gen.gen_id)) {
        diag_warn("%s: bytes %llu to %llu are lost: %s", source->gen.path,
                  (unsigned long long)source->read_off, (unsigned long long)end,
                  loss_reason_name(source->loss_reason));
        follow_add_loss(follow, source, source->read_off, end, source->loss_reason);
        source_move(source, end, TAIL_HASH_UNKNOWN);
    }
    finish(follow, source, "its file is gone; what was not read is reported as lost");
}

void follow_settle(struct follow *follow, struct source *source)
{
    source->dirty = true;
    if (source->final_sent && source->state == SOURCE_FOLLOWED && source->in_flight == 0 &&
        source->gen.acked_off == source->read_off)
        finish(follow, source, "read to its end after a rotation");
}

/* Back from FINISHED: a scan looks for its file again. */
static void lose_file(struct follow *follow, struct source *source, const char *decision)
{
    source->gen.finished = source->final_sent = source->final_due = false;
    source->absent_scans = 0;
    source_enter(follow, source, SOURCE_ORPHAN, decision);
}

/* The generation behind the cut. */
static struct generation generation_after(struct follow *follow, struct source *source,
                                          struct cut cut)
{
    struct generation gen = source->gen;
    char bytes[TAIL_SIZE_MAX];

    gen.trunc_no++;
    gen.prefix_len = 0;
    gen.prefix_hash = 0;
    gen.begin_off = cut.from;
    gen.acked_off = cut.same;
    gen.acked_tail = tail_hash(bytes_before(follow, &source->content, cut.same, bytes));
    gen.size_seen = 0;
    gen.first_seen_ns = gen.last_seen_ns = follow->wall_ns;
    gen.finished = false;
    return gen;
}

/* `fresh` goes on with the file of `source`, and in front of it comes what `source` still has. */
static void take_file(struct follow *follow, struct source *fresh, struct source *source)
{
    fresh->content = source->content;
    source->content = content_closed();
    fresh->where = source->where;
    source->where = NULL;
    fresh->settings = source->settings;
    fresh->follow_link = source->follow_link;
    fresh->remote = source->remote;
    fresh->directory_id = source->directory_id;
    fresh->seen = source->seen;
    fresh->rotated = source->rotated;
    fresh->grew_ns = fresh->next_poll_ns = follow->now_ns;
    fresh->older = source;
    source->waiters++;
    memcpy(fresh->previous.generation, source->gen.gen_id, GEN_ID_SIZE);
    fresh->previous.truncations = source->gen.trunc_no;
    fresh->has_previous = gen_id_given(source->gen.gen_id);
}

/* What `source` had read and not delivered is lost, unless a copy of it is found. */
static void look_for_copy(struct follow *follow, struct source *source)
{
    source->rotated = source->succeeded = true;
    source->absent_scans = 0;
    source->asked = source->readable = false;
    source->loss_reason = LOSS_TRUNCATED;
    if (source->state != SOURCE_FINISHED)
        source_enter(follow, source, SOURCE_ORPHAN, "its file was truncated: looks for a copy");
}

struct source *follow_truncated(struct follow *follow, struct source *source,
                                enum reset_reason reason, struct cut cut)
{
    struct generation gen = generation_after(follow, source, cut);
    struct source *fresh = source_table_add(&follow->sources, &gen);

    if (fresh == NULL) {
        follow->counters.full++;
        return NULL;
    }
    diag_info("%s: identity_reset{%s} at byte %llu", source->gen.path, reset_reason_name(reason),
              (unsigned long long)source->read_off);
    follow->counters.resets[reason]++;
    follow->counters.truncations++;
    take_file(follow, fresh, source);
    fresh->last_reset = (uint8_t)reason;
    source_enter(follow, fresh, gen_id_given(gen.gen_id) ? SOURCE_ASKING : SOURCE_NEW,
                 "its file was truncated: begins anew");
    /* With other bytes at our position the last growth was already that of the new content. */
    if (reason == RESET_TAIL && source->size_before < source->gen.size_seen)
        source->gen.size_seen = source->size_before;
    look_for_copy(follow, source);
    follow_hint(follow, source->gen.path);
    return fresh;
}

void follow_ask_all(struct follow *follow, bool finished_too)
{
    for (uint32_t i = 0; i < follow->sources.count; i++) {
        struct source *source = follow->sources.items[i];

        source->asked = source->begun = false;
        if (source->state == SOURCE_FOLLOWED)
            source_enter(follow, source, SOURCE_ASKING, "asked for again, in a new epoch");
        if (finished_too && source->state == SOURCE_FINISHED && source->in_flight == 0)
            lose_file(follow, source, "the collector's store is another one");
    }
    if (finished_too)
        follow_hint(follow, NULL);
}

void follow_begin_at_acked(struct follow *follow)
{
    for (uint32_t i = 0; i < follow->sources.count; i++)
        follow->sources.items[i]->gen.begin_off = follow->sources.items[i]->gen.acked_off;
}

void follow_go_back(struct follow *follow, struct source *source, uint64_t offset, uint64_t tail)
{
    source_move(source, offset, tail);
    source->final_sent = source->final_due = false;
    if (source->state == SOURCE_FINISHED)
        lose_file(follow, source, "what it was given up for must be decided again");
}

void follow_drop_losses(struct follow *follow)
{
    while (follow->loss_count > 0) {
        const struct follow_loss *loss = &follow->losses[--follow->loss_count];

        loss->source->in_flight--;
        follow_go_back(follow, loss->source, loss->from, TAIL_HASH_UNKNOWN);
    }
}

/* ---- steps ---- */

void follow_hint(struct follow *follow, const char *path)
{
    struct set_directory *directory =
        path == NULL ? NULL : file_set_directory_of(follow->files, path);

    if (directory != NULL)
        directory->hint = true;
    for (uint32_t i = 0; path == NULL && i < file_set_directory_count(follow->files); i++)
        file_set_directory(follow->files, i)->hint = true;
}

/* What is due next: a directory, a source, or the next expansion of the patterns. */
static int64_t next_due(struct follow *follow)
{
    int64_t due = follow->next_expand_ns;

    for (uint32_t i = 0; i < file_set_directory_count(follow->files); i++) {
        const struct set_directory *directory = file_set_directory(follow->files, i);
        int64_t scan_ns = directory->hint ? follow->now_ns : directory->next_scan_ns;

        if (scan_ns < directory->rest_until_ns)
            scan_ns = directory->rest_until_ns;
        if (scan_ns < due)
            due = scan_ns;
    }
    for (uint32_t i = 0; i < follow->sources.count; i++) {
        const struct source *source = follow->sources.items[i];

        if (source->state <= SOURCE_FOLLOWED && source->next_poll_ns < due)
            due = source->next_poll_ns;
    }
    return due;
}

int64_t follow_step(struct follow *follow)
{
    follow->now_ns = io_mono_ns(follow->io);
    follow->wall_ns = io_wall_ns(follow->io);
    if (follow->now_ns >= follow->next_expand_ns) {
        file_set_expand(follow->files);
        follow->directories_changed = true;
        follow->next_expand_ns = follow->now_ns + follow->settings->scan_cold_ns;
        skip_list_purge(&follow->skipped, follow->now_ns - 10 * follow->settings->scan_cold_ns);
    }
    follow_scan_due(follow);
    follow_poll_due(follow);
    return next_due(follow);
}
