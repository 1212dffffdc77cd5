/* shipper/follow_vacant.c -- empty files are held open until they have bytes.
 *
 * A name is not enough to come back for: within one second an empty log may be filled, renamed to a
 * name that no pattern matches, and replaced. The descriptor still leads to its lines. What the
 * file is can be said only when it has bytes (a copy in the making begins empty, too), so it stays
 * in the table as a vacant source until then. At most VACANT_FILES_MAX; the oldest give way. */
#include "shipper/follow_private.h"

static void let_go(struct follow *follow, struct source *source)
{
    source_close(follow, source);
    source->abandoned = true;
    source->vacant = source->readable = false;
    follow->vacant_count--;
}

/* The one that was found first is the least likely to be written to soon. It is not lost sight of:
 * a scan finds it again when it has bytes at a name that a pattern matches. */
static void make_room(struct follow *follow)
{
    for (uint32_t i = 0; i < follow->sources.count; i++) {
        struct source *source = follow->sources.items[i];
        const struct file_key *key = &source->gen.key;

        if (!source->vacant || source->size > 0)
            continue;
        (void)skip_list_put(&follow->skipped,
                            &(struct io_info){.fsid = key->fsid,
                                              .inode = key->inode,
                                              .birth_ns = key->birth_ns,
                                              .mtime_ns = source->mtime_ns},
                            SKIP_EMPTY, follow->now_ns, INT64_MAX);
        let_go(follow, source);
        follow->counters.vacant_dropped++;
        return;
    }
}

bool vacant_hold(struct follow *follow, struct candidate *candidate)
{
    struct source *source;

    if (candidate->settings == NULL || candidate->before != NULL ||
        content_name_is_gz(candidate->path) || candidate->info.size > 0)
        return false;
    if (follow->vacant_count >= VACANT_FILES_MAX)
        make_room(follow);
    if (follow->vacant_count >= VACANT_FILES_MAX)
        return false;
    source = identify_begin(follow, candidate);
    if (source == NULL)
        return false;
    source->vacant = true;
    source->readable = false;
    source->decision = "it is empty: held open until it has bytes";
    follow->vacant_count++;
    return true;
}

/* Empty, and nobody writes to it any more. */
static bool is_over(const struct follow *follow, const struct source *source)
{
    int64_t since = source->grew_ns > source->since_ns ? source->grew_ns : source->since_ns;
    int64_t quiet = follow->now_ns - since;

    return source->rotated && source->size == 0 &&
           ((source->succeeded && quiet >= follow->settings->rotated_quiet_ns) ||
            (source->deleted && quiet >= DELETED_QUIET_NS));
}

static struct candidate candidate_of(struct source *source, const struct io_info *info,
                                     struct set_directory *directory)
{
    return (struct candidate){.path = source_path(source),
                              .settings = source->settings,
                              .directory = directory,
                              .info = *info,
                              .key = source->gen.key,
                              .content = source->content,
                              .link = source->follow_link};
}

bool vacant_decide(struct follow *follow, struct source *source, const struct io_info *info)
{
    struct set_directory *directory = file_set_directory_of(follow->files, source_path(source));
    enum verdict verdict = VERDICT_NEW; /* its directory is gone: nothing to compare it with */
    struct candidate candidate;
    ssize_t got;

    if (!source_reopen(follow, source)) { /* a server forgot it, and its path leads elsewhere */
        let_go(follow, source);
        return false;
    }
    candidate = candidate_of(source, info, directory);
    got = content_read(follow->io, &candidate.content, candidate.first, sizeof(candidate.first), 0);
    candidate.first_len = got > 0 ? (size_t)got : 0;
    if (candidate.first_len == 0) {
        if (is_over(follow, source))
            let_go(follow, source);
        return false;
    }
    if (directory != NULL)
        verdict = identify_by_content(follow, &candidate);
    source->content = candidate.content; /* closed if it was taken over */
    switch (verdict) {
    case VERDICT_NEW:
        source->vacant = false;
        follow->vacant_count--;
        return true;
    case VERDICT_HELD:
        return false;
    case VERDICT_ADOPTED:
    case VERDICT_SKIPPED:
        let_go(follow, source);
        return false;
    }
    return false;
}

void vacant_look(struct follow *follow, const struct set_directory *directory)
{
    for (uint32_t i = 0; follow->vacant_count > 0 && i < follow->sources.count; i++)
        if (follow->sources.items[i]->vacant &&
            follow->sources.items[i]->directory_id == directory->id)
            poll_source(follow, follow->sources.items[i]);
}

static void remove_one(struct follow *follow, struct source *source)
{
    for (uint32_t i = 0; source->waiters > 0 && i < follow->sources.count; i++) {
        struct source *other = follow->sources.items[i];

        if (other->older != source)
            continue;
        other->older = source->older;
        if (other->older != NULL)
            other->older->waiters++;
        source->waiters--;
    }
    source_table_remove(&follow->sources, source, follow->io);
}

void vacant_drop(struct follow *follow)
{
    for (uint32_t i = follow->sources.count; i > 0; i--)
        if (follow->sources.items[i - 1]->abandoned)
            remove_one(follow, follow->sources.items[i - 1]);
}
