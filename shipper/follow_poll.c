/* shipper/follow_poll.c -- look at each file when it is due: growth, truncation, its end.
 *
 * Events are hints only: every file is looked at all POLL_COLD_NS, one that
 * grew lately far more often. The clock is monotonic; mtime only says that something changed. */
#include "shipper/follow_private.h"

#include "base/diag.h"
#include "shipper/line_splitter.h"

#include <errno.h>

static void note_growth(struct follow *follow, struct source *source, const struct io_info *info)
{
    struct set_directory *directory;

    source->size_before = source->size;
    source->size = info->size;
    source->mtime_ns = info->mtime_ns;
    source->grew_ns = follow->now_ns;
    source->readable = info->size > source->read_off;
    source_note_size(source, follow->now_ns);
    if (info->size > source->gen.size_seen)
        source->gen.size_seen = info->size;
    directory = file_set_directory_of(follow->files, source_path(source));
    if (directory == NULL)
        return;
    directory->hot_until_ns = follow->now_ns + HOT_FOR_NS;
    if (directory->next_scan_ns > follow->now_ns + follow->settings->scan_hot_ns)
        directory->next_scan_ns = follow->now_ns + follow->settings->scan_hot_ns;
}

static struct slice read_first(struct follow *follow, struct source *source,
                               char bytes[PREFIX_SIZE_MAX])
{
    ssize_t got = content_read(follow->io, &source->content, bytes, PREFIX_SIZE_MAX, 0);

    return slice_make(bytes, got > 0 ? (size_t)got : 0);
}

/* The prefix grows with the file; false: its first bytes are others than they were. */
static bool grow_prefix(struct follow *follow, struct source *source)
{
    char bytes[PREFIX_SIZE_MAX];
    struct slice first = read_first(follow, source, bytes);
    uint32_t known = source->gen.prefix_len;

    if (first.len < known)
        return true; /* became shorter this moment: the next look sees it */
    if (known > 0 && prefix_hash(slice_first(first, known)) != source->gen.prefix_hash)
        return false;
    follow->identity_news = follow->identity_news || known == 0;
    source_learn_prefix(source, first);
    return true;
}

static void give_id(struct follow *follow, struct source *source)
{
    char bytes[PREFIX_SIZE_MAX];
    struct slice first = read_first(follow, source, bytes);
    struct slice text;
    bool idle = follow->now_ns - source->grew_ns >= source->settings->idle_ns;

    if (!gen_id_text(first, &text)) {
        text = first;
        text.len = line_without_nuls(text); /* NULs: space that is only reserved */
        if (!idle || text.len == 0)
            return;
    }
    gen_id_make(follow->settings->host, &source->gen.key, text, source->gen.gen_id);
    source_learn_prefix(source, first);
    source_enter(follow, source, SOURCE_ASKING, "new file");
}

/* A rotated file is at its end when it was quiet for a while and another one has its name. */
static void look_for_end(struct follow *follow, struct source *source)
{
    int64_t quiet =
        follow->now_ns - (source->grew_ns > source->since_ns ? source->grew_ns : source->since_ns);
    uint64_t unread = source->size - source->read_off;

    if (source->state != SOURCE_FOLLOWED || !source->rotated || source->final_due)
        return;
    if (quiet >= follow->settings->rotated_quiet_ns && !source->readable && unread == 0 &&
        (source->succeeded || (source->deleted && quiet >= DELETED_QUIET_NS)))
        source->final_due = true;
    if (source->deleted && unread > 0 &&
        (unread > DELETED_SIZE_MAX || follow->now_ns - source->since_ns > DELETED_AGE_MAX_NS)) {
        source->loss_reason = LOSS_DELETED;
        source_give_up(follow, source);
    }
}

void source_trouble(struct follow *follow, struct source *source, int errno_value)
{
    follow->counters.unreadable++;
    source->unreadable = true;
    source->retry_wait_ns =
        source->retry_wait_ns == 0 ? RETRY_OPEN_MIN_NS : 2 * source->retry_wait_ns;
    if (source->retry_wait_ns > RETRY_OPEN_MAX_NS)
        source->retry_wait_ns = RETRY_OPEN_MAX_NS;
    source->next_poll_ns = follow->now_ns + source->retry_wait_ns;
    if (errno_value == ESTALE) { /* the server does not know the descriptor: by its path again */
        source_close(follow, source);
        source->next_poll_ns = follow->now_ns;
        source->retry_wait_ns = 0;
    }
    if (diag_limited(&follow->alarm_told_s, 10))
        diag_warn("source_unreadable: %s: %s", source_path(source), strerror(errno_value));
}

bool source_reopen(struct follow *follow, struct source *source)
{
    struct content_opened opened;
    struct file_key key;
    enum status status;

    if (content_is_open(&source->content))
        return true;
    status = content_open(follow->io, source_path(source), source->follow_link, &opened, NULL);
    if (status == STATUS_OK) {
        source->content = opened.content;
        follow->open_count++;
        key = file_key_of(&opened.info);
        if (file_key_equal(&key, &source->gen.key))
            return true;
        source_close(follow, source); /* rotated since: a scan will find it */
    }
    if (status == STATUS_OK || status == STATUS_NOT_FOUND)
        follow_hint(follow, source_path(source));
    else
        source_trouble(follow, source, opened.errno_value);
    return false;
}

/* Opening a file of a server asks it for the present size (close-to-open consistency). */
static void refresh(struct follow *follow, const struct source *source)
{
    int fd = follow->io->file->open(follow->io, source_path(source), IO_READ | IO_NO_BLOCK);

    io_close(follow->io, &fd);
}

/* Sizes from a server may be old ones: a smaller one counts when it is still there after a while.
 */
static bool is_believed(struct follow *follow, struct source *source)
{
    if (!source->remote)
        return true;
    if (source->shrunk_ns == 0)
        source->shrunk_ns = follow->now_ns;
    return follow->now_ns - source->shrunk_ns >= SHRINK_BELIEVED_NS;
}

/* What the file is like now; false: cannot be said, or it is not there. */
static bool look(struct follow *follow, struct source *source, struct io_info *info)
{
    struct io *io = follow->io;
    struct file_key key = {0};
    int failed;

    if (source->remote)
        refresh(follow, source);
    if (content_is_open(&source->content)) {
        failed = io->file->info(io, source->content.fd, info);
    } else {
        failed = io->path->info(io, source_path(source), info);
        if (failed == 0)
            key = file_key_of(info);
        if (failed == -ENOENT || (failed == 0 && !file_key_equal(&key, &source->gen.key))) {
            follow_hint(follow, source_path(source));
            return false;
        }
    }
    if (failed != 0) {
        source_trouble(follow, source, -failed);
        return false;
    }
    source->unreadable = false;
    source->retry_wait_ns = 0;
    return true;
}

static void became_shorter(struct follow *follow, struct source *source, uint64_t size)
{
    char bytes[PREFIX_SIZE_MAX];
    struct slice first = {NULL, 0};

    if (source_reopen(follow, source))
        first = read_first(follow, source, bytes);
    (void)follow_truncated(follow, source, RESET_SHORTER,
                           cut_of(follow, source, &source->content, first, size));
}

static int64_t poll_interval(const struct follow *follow, const struct source *source)
{
    if (follow->now_ns - source->grew_ns < HOT_FOR_NS)
        return follow->settings->poll_ns;
    return source->remote ? POLL_REMOTE_NS : POLL_COLD_NS;
}

/* Did the file grow or change? False: it was truncated and filled again, which has been dealt with. */
static bool compare_size(struct follow *follow, struct source *source, const struct io_info *info)
{
    if (info->size != source->size || info->mtime_ns != source->mtime_ns) {
        note_growth(follow, source, info);
        if (source->gen.prefix_len < PREFIX_SIZE_MAX && info->size > source->gen.prefix_len &&
            source->state != SOURCE_NEW && source_reopen(follow, source) &&
            !grow_prefix(follow, source)) {
            (void)follow_truncated(follow, source, RESET_TAIL, (struct cut){0, 0});
            return false;
        }
    } else if (info->size <= source->read_off) {
        source->readable = false;
    } else if (source->settings != NULL &&
               follow->now_ns - source->grew_ns >= source->settings->idle_ns) {
        source->readable = true; /* a line without an end; or reserved space, looked at again */
    }
    return true;
}

void poll_source(struct follow *follow, struct source *source)
{
    struct io_info info;

    source->next_poll_ns = follow->now_ns + poll_interval(follow, source);
    if (source->content.gz != NULL) { /* a finished file: only its end is of interest */
        source->size = source->read_off;
        source->succeeded = true;
        look_for_end(follow, source);
        return;
    }
    if (!look(follow, source, &info))
        return;
    source->deleted = info.links == 0;
    source->rotated = source->rotated || source->deleted;
    if (info.size < source->read_off || info.size < source->gen.prefix_len) {
        if (is_believed(follow, source))
            became_shorter(follow, source, info.size);
        return;
    }
    source->shrunk_ns = 0;
    if (!compare_size(follow, source, &info) ||
        (source->vacant && !vacant_decide(follow, source, &info)))
        return;
    if (source->state == SOURCE_NEW && source->settings != NULL && source_reopen(follow, source))
        give_id(follow, source);
    look_for_end(follow, source);
}

/* Descriptors of quiet files go first; never one whose path no longer leads to its file. */
static void close_idle(struct follow *follow)
{
    for (uint32_t i = 0; i < follow->sources.count && follow->open_count > OPEN_FILES_MAX; i++) {
        struct source *source = follow->sources.items[i];

        if (source->state == SOURCE_FOLLOWED && !source->rotated && !source->readable &&
            source->in_flight == 0 && source->content.gz == NULL &&
            source->read_off == source->size && follow->now_ns - source->grew_ns > HOT_FOR_NS)
            source_close(follow, source);
    }
}

void follow_poll_due(struct follow *follow)
{
    /* Truncations add sources at the end of the table; nothing is removed here. */
    for (uint32_t i = 0; i < follow->sources.count; i++) {
        struct source *source = follow->sources.items[i];

        if (source->state <= SOURCE_FOLLOWED && !source->abandoned &&
            follow->now_ns >= source->next_poll_ns)
            poll_source(follow, source);
    }
    vacant_drop(follow);
    if (follow->open_count > OPEN_FILES_MAX)
        close_idle(follow);
}
