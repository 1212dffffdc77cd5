/* shipper/follow_identify.c -- what is this file? The rules, in order:
 *
 *   1. a known generation (same inode marks) whose bytes before our position are the same goes on;
 *      with other bytes it was truncated: the next truncation begins
 *   2. a file whose first bytes and whose bytes at our position are those of an orphan goes on
 *      under the orphan's id (moved between file systems, copied and truncated, compressed)
 *   3. a young file that begins as one that is being read may be a copy of it in the making
 *      (copytruncate): it waits until that one is truncated, or both have lived on
 *   4. a copy of what was delivered whole is not read
 *   5. anything else that a pattern matches is new */
#include "shipper/follow_private.h"

#include "base/diag.h"

enum match {
    MATCH_NONE,
    MATCH_DELIVERED,
    MATCH_LIVE, /* compressed copy of one that is read */
    MATCH_HOLD,
    MATCH_ADOPT,
};

struct cut cut_of(struct follow *follow, const struct source *source, struct content *content,
                  struct slice first, uint64_t size)
{
    const struct generation *gen = &source->gen;
    uint32_t count = source->marks != NULL ? source->marks->count : 0;

    /* A short prefix would take two logs with the same banner for one. */
    if (size == 0 || gen->prefix_len < NUL_RUN_MIN || first.len < gen->prefix_len ||
        prefix_hash(slice_first(first, gen->prefix_len)) != gen->prefix_hash)
        return (struct cut){0, 0};
    while (count > 0) {
        const struct tail_mark *mark = &source->marks->marks[--count];
        char bytes[TAIL_SIZE_MAX];

        if (mark->offset <= size && mark->offset >= gen->prefix_len &&
            tail_hash(bytes_before(follow, content, mark->offset, bytes)) == mark->tail)
            return (struct cut){mark->offset, size};
    }
    return (struct cut){gen->prefix_len, size};
}

/* ---- rule 1 ---- */

static void go_on(struct follow *follow, struct source *source, const char *decision)
{
    bool open_ended = source->state == SOURCE_FINISHED;

    source->gen.finished = source->final_due = source->final_sent = false;
    if (source->read_tail == TAIL_HASH_UNKNOWN) {
        char bytes[TAIL_SIZE_MAX];

        source->read_tail =
            tail_hash(bytes_before(follow, &source->content, source->read_off, bytes));
    }
    source_enter(follow, source, source->begun && !open_ended ? SOURCE_FOLLOWED : SOURCE_ASKING,
                 decision);
}

/* A position near the beginning has few bytes before it, or none: the first bytes count, too. */
static enum reset_reason check_first(const struct generation *gen,
                                     const struct candidate *candidate)
{
    struct slice first = candidate_first(candidate);

    if (first.len < gen->prefix_len)
        return RESET_SHORTER;
    return prefix_hash(slice_first(first, gen->prefix_len)) == gen->prefix_hash ||
                   gen->prefix_len == 0
               ? RESET_NONE
               : RESET_TAIL;
}

static enum reset_reason check(struct follow *follow, const struct source *source,
                               struct candidate *candidate)
{
    char bytes[TAIL_SIZE_MAX];
    struct slice before = bytes_before(follow, &candidate->content, source->read_off, bytes);
    uint64_t size = candidate->content.gz != NULL ? UINT64_MAX : candidate->info.size;
    bool unknown = source->read_tail == TAIL_HASH_UNKNOWN && size >= source->read_off;
    enum reset_reason reason = unknown ? RESET_NONE
                                       : resume_check(&source->gen, &candidate->key, size,
                                                      source->read_off, before, source->read_tail);

    return reason == RESET_NONE ? check_first(&source->gen, candidate) : reason;
}

bool identify_known(struct follow *follow, struct candidate *candidate)
{
    struct source *source = source_table_find(&follow->sources, &candidate->key);
    struct cut cut = {0, 0};
    uint64_t size_seen;
    enum reset_reason reason;

    if (source == NULL || source->state <= SOURCE_FOLLOWED)
        return source != NULL;
    reason = check(follow, source, candidate);
    size_seen = source->gen.size_seen;
    source_attach(follow, source, candidate);
    if (reason == RESET_NONE) {
        source_learn_prefix(source, candidate_first(candidate));
        go_on(follow, source, "same file, same bytes before our position: goes on");
        return true;
    }
    source->gen.size_seen = size_seen;
    if (reason == RESET_SHORTER)
        cut = cut_of(follow, source, &source->content, candidate_first(candidate),
                     candidate->info.size);
    (void)follow_truncated(follow, source, reason, cut);
    source_close(follow, source); /* only if there was no memory for the new one */
    return true;
}

/* ---- rules 2 to 4 ---- */

static bool same_first(const struct generation *gen, const struct candidate *candidate)
{
    struct slice first = candidate_first(candidate);

    return gen->prefix_len > 0 && first.len >= gen->prefix_len &&
           prefix_hash(slice_first(first, gen->prefix_len)) == gen->prefix_hash;
}

static bool same_tail(struct follow *follow, const struct source *source,
                      struct candidate *candidate)
{
    char bytes[TAIL_SIZE_MAX];

    if (candidate->content.gz == NULL && candidate->info.size < source->read_off)
        return false;
    return tail_hash(bytes_before(follow, &candidate->content, source->read_off, bytes)) ==
           source->read_tail;
}

/* A copy counts as finished being written when it has not changed for the hold time. */
static bool is_young(struct follow *follow, const struct candidate *candidate)
{
    const struct skipped_file *skipped = skip_list_find(&follow->skipped, &candidate->info);

    return skipped == NULL || (skipped->reason != SKIP_HELD && skipped->reason != SKIP_EMPTY) ||
           skipped->size != candidate->info.size ||
           follow->now_ns - skipped->changed_ns < follow->settings->copy_hold_ns;
}

static enum match match_live(struct follow *follow, const struct source *source,
                             struct candidate *candidate)
{
    if (candidate->content.gz != NULL)
        return MATCH_LIVE;
    if (candidate->info.size >= source->read_off && !same_tail(follow, source, candidate))
        return MATCH_NONE; /* begins the same, but is another file */
    /* One that was never seen at the name of the other is a copy, however long both live on. */
    return is_young(follow, candidate) || candidate->before != NULL ? MATCH_HOLD : MATCH_NONE;
}

static enum match match_finished(struct follow *follow, const struct source *source,
                                 struct candidate *candidate)
{
    char more;
    bool there = source->absent_scans == 0 && source->directory_id != 0;

    if (candidate->content.gz == NULL && candidate->before == NULL && there)
        return MATCH_NONE; /* two files that live side by side stay two */
    if (!same_tail(follow, source, candidate))
        return is_young(follow, candidate) && candidate->content.gz != NULL ? MATCH_LIVE
                                                                            : MATCH_NONE;
    return content_read(follow->io, &candidate->content, &more, 1, source->read_off) == 1
               ? MATCH_ADOPT
               : MATCH_DELIVERED;
}

static enum match match(struct follow *follow, const struct source *source,
                        struct candidate *candidate)
{
    switch ((enum source_state)source->state) {
    case SOURCE_NEW:
    case SOURCE_ASKING:
    case SOURCE_FOLLOWED:
        return match_live(follow, source, candidate);
    case SOURCE_ORPHAN:
        if (same_tail(follow, source, candidate))
            return MATCH_ADOPT;
        return is_young(follow, candidate) ? MATCH_HOLD : MATCH_NONE;
    case SOURCE_FINISHED:
        return match_finished(follow, source, candidate);
    case SOURCE_STATE_COUNT:
        break;
    }
    return MATCH_NONE;
}

/* The first bytes of a copy that is being made may be fewer than those that we know. */
static bool may_become(struct follow *follow, const struct source *source,
                       const struct candidate *candidate)
{
    return candidate->before != NULL && source->gen.prefix_len > candidate->first_len &&
           strcmp(source->gen.path, candidate->before) == 0 && is_young(follow, candidate);
}

static enum match best_match(struct follow *follow, struct candidate *candidate,
                             struct source **found)
{
    enum match best = MATCH_NONE;

    for (uint32_t i = 0; i < follow->sources.count && best != MATCH_ADOPT; i++) {
        struct source *source = follow->sources.items[i];
        enum match now;

        if (same_first(&source->gen, candidate))
            now = match(follow, source, candidate);
        else
            now = may_become(follow, source, candidate) ? MATCH_HOLD : MATCH_NONE;
        if (now > best) {
            best = now;
            *found = source;
        }
    }
    return best;
}

static void adopt(struct follow *follow, struct source *source, struct candidate *candidate)
{
    uint64_t size_seen = source->gen.size_seen;
    bool gz = candidate->content.gz != NULL;

    follow->counters.aliases++;
    source_table_rekey(&follow->sources, source, &candidate->key);
    follow->identity_news = true;
    source_attach(follow, source, candidate);
    if (gz)
        source->gen.size_seen = size_seen;
    source_learn_prefix(source, candidate_first(candidate));
    source->rotated = true;
    go_on(follow, source, "a copy of its bytes: goes on in it");
    diag_info("%s: goes on in %s at byte %llu", source->gen.path, source_path(source),
              (unsigned long long)source->read_off);
}

/* ---- rule 5 ---- */

static bool waits_for(const struct source *source, const struct source *older)
{
    while (source != NULL && source != older)
        source = source->older;
    return source != NULL;
}

static void wait_for(struct source *source, struct source *older)
{
    if (waits_for(older, source))
        return; /* each would wait for the other */
    if (source->older != NULL)
        source->older->waiters--;
    source->older = older;
    older->waiters++;
}

/* The generation that had this name before is drained first, so that order holds. A rotated file
 * that we had missed comes before the one that has the name now. */
static void link_older(struct follow *follow, struct source *source)
{
    bool missed = source->rotated;

    for (uint32_t i = 0; i < follow->sources.count; i++) {
        struct source *other = follow->sources.items[i];

        if (other == source || strcmp(other->gen.path, source->gen.path) != 0)
            continue;
        if (missed && !other->rotated && other->state <= SOURCE_FOLLOWED) {
            source->succeeded = true;
            if (other->older == NULL)
                wait_for(other, source);
            continue;
        }
        if (!other->succeeded)
            other->since_ns = follow->now_ns; /* its writers may need a moment to leave it */
        other->succeeded = true;
        if (gen_id_given(other->gen.gen_id)) {
            memcpy(source->previous.generation, other->gen.gen_id, GEN_ID_SIZE);
            source->previous.truncations = other->gen.trunc_no;
            source->has_previous = true;
        }
        if (other->state != SOURCE_FINISHED)
            wait_for(source, other);
    }
}

static uint64_t begin_offset(struct follow *follow, const struct candidate *candidate)
{
    int start = candidate->settings->start_at;
    bool old = follow->wall_ns - candidate->info.mtime_ns > START_OLD_NS;

    if (!follow->first_start || candidate->directory->started || start == START_BEGINNING ||
        (start == START_AUTO && !old))
        return 0;
    return candidate->info.size;
}

/* The inode is known, its generation is another: the file was deleted and the number used again. */
static bool inode_was_used(struct follow *follow, const struct file_key *key)
{
    for (uint32_t i = 0; i < follow->sources.count; i++) {
        const struct file_key *other = &follow->sources.items[i]->gen.key;

        if (other->inode == key->inode && other->fsid == key->fsid && !file_key_equal(other, key))
            return true;
    }
    return false;
}

struct source *identify_begin(struct follow *follow, struct candidate *candidate)
{
    struct slice first = candidate_first(candidate), text;
    char bytes[TAIL_SIZE_MAX];
    struct generation gen = {.key = candidate->key,
                             .first_seen_ns = follow->wall_ns,
                             .last_seen_ns = follow->wall_ns,
                             .path =
                                 candidate->before != NULL ? candidate->before : candidate->path};
    bool replaced = inode_was_used(follow, &candidate->key);
    struct source *source;

    gen.begin_off = gen.acked_off = begin_offset(follow, candidate);
    gen.acked_tail = tail_hash(bytes_before(follow, &candidate->content, gen.begin_off, bytes));
    source = source_table_add(&follow->sources, &gen);
    if (source == NULL) {
        follow->counters.full++;
        if (diag_limited(&follow->alarm_told_s, 10))
            diag_warn("%s is not read: no room for another source", candidate->path);
        return NULL;
    }
    source->settings = candidate->settings;
    source->loss_reason = LOSS_DELETED;
    source_attach(follow, source, candidate);
    source_learn_prefix(source, first);
    if (replaced) {
        follow->counters.resets[RESET_REPLACED]++;
        source->last_reset = RESET_REPLACED;
    }
    link_older(follow, source);
    if (gen_id_text(first, &text)) {
        gen_id_make(follow->settings->host, &gen.key, text, source->gen.gen_id);
        source_enter(follow, source, SOURCE_ASKING, "new file");
    } else {
        source_enter(follow, source, SOURCE_NEW, "new file, its first line is not complete");
    }
    return source;
}

static void note_skip(struct follow *follow, struct candidate *candidate, enum skip_reason reason,
                      int64_t wait_ns)
{
    struct skipped_file *skipped = skip_list_put(&follow->skipped, &candidate->info, reason,
                                                 follow->now_ns, follow->now_ns + wait_ns);

    if (skipped != NULL)
        skipped->missed_since_ns = candidate->missed_since_ns;
    if (reason == SKIP_LIVE)
        candidate->directory->busy = true;
}

static void hold(struct follow *follow, struct candidate *candidate)
{
    if (is_young(follow, candidate))
        candidate->directory->busy = true;
    candidate->directory->rotated_held |= candidate->before != NULL;
    note_skip(follow, candidate, SKIP_HELD, 0);
}

static void forget_skip(struct follow *follow, const struct candidate *candidate)
{
    struct skipped_file *skipped = skip_list_find(&follow->skipped, &candidate->info);

    if (skipped != NULL)
        skip_list_remove(&follow->skipped, skipped);
}

/* Packed bytes would be sent as lines that nobody wrote. By the first ones, whatever the name is. */
static bool is_packed(const struct candidate *candidate)
{
    static const struct {
        const char *bytes;
        size_t at, len;
    } magics[] = {
        {"\x1f\x8b\x08", 0, 3},     /* gzip with deflate, RFC 1952 */
        {"\x28\xb5\x2f\xfd", 0, 4}, /* zstd, RFC 8878 */
        {"\xfd" "7zXZ", 0, 5},
        {"1AY&SY", 4, 6}, /* bzip2: pi, behind "BZh" and a digit */
    };
    struct slice first = slice_make(candidate->first, candidate->first_len);

    for (size_t i = 0; i < COUNT_OF(magics) && candidate->content.gz == NULL; i++)
        if (first.len >= magics[i].at + magics[i].len &&
            memcmp(first.data + magics[i].at, magics[i].bytes, magics[i].len) == 0 &&
            (magics[i].at == 0 || slice_starts(first, SLICE_LITERAL("BZh"))))
            return true;
    return false;
}

static enum verdict skip(struct follow *follow, struct candidate *candidate,
                         enum skip_reason reason, int64_t for_ns)
{
    note_skip(follow, candidate, reason, for_ns);
    return VERDICT_SKIPPED;
}

/* A file that is none of those that we know. */
static enum verdict judge_unknown(struct follow *follow, struct candidate *candidate)
{
    int64_t never = INT64_MAX - follow->now_ns;

    if (candidate->settings == NULL)
        return skip(follow, candidate, SKIP_STRANGER, 2 * follow->settings->scan_cold_ns);
    if (is_packed(candidate)) {
        diag_info("%s is not read: %s", candidate->path, skip_reason_text(SKIP_PACKED));
        return skip(follow, candidate, SKIP_PACKED, never);
    }
    if (candidate->before != NULL && candidate->content.gz != NULL && is_young(follow, candidate)) {
        hold(follow, candidate); /* gzip(1) dates it back when it is whole */
        return VERDICT_HELD;
    }
    if (candidate->content.gz != NULL && candidate->before == NULL &&
        !candidate->settings->backfill)
        return skip(follow, candidate, SKIP_BACKFILL, never);
    forget_skip(follow, candidate);
    return VERDICT_NEW;
}

enum verdict identify_by_content(struct follow *follow, struct candidate *candidate)
{
    struct source *source = NULL;

    switch (best_match(follow, candidate, &source)) {
    case MATCH_ADOPT:
        adopt(follow, source, candidate);
        forget_skip(follow, candidate);
        return VERDICT_ADOPTED;
    case MATCH_HOLD:
        hold(follow, candidate);
        return VERDICT_HELD;
    case MATCH_LIVE:
        return skip(follow, candidate, SKIP_LIVE, 0);
    case MATCH_DELIVERED:
        source->gen.last_seen_ns = follow->wall_ns;
        return skip(follow, candidate, SKIP_DELIVERED, INT64_MAX - follow->now_ns);
    case MATCH_NONE:
        break;
    }
    return judge_unknown(follow, candidate);
}

static void note_missed(struct follow *follow, const struct candidate *candidate)
{
    follow->counters.missed++;
    diag_info("%s is read as a rotated %s that was not seen before", candidate->path,
              candidate->before);
}

void identify_new(struct follow *follow, struct candidate *candidate)
{
    if (candidate->first_len > 0) {
        if (identify_by_content(follow, candidate) == VERDICT_NEW &&
            identify_begin(follow, candidate) != NULL && candidate->before != NULL)
            note_missed(follow, candidate);
    } else if (!vacant_hold(follow, candidate)) {
        note_skip(follow, candidate, SKIP_EMPTY, INT64_MAX - follow->now_ns);
    }
}
