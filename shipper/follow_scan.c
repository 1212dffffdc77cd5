/* shipper/follow_scan.c -- list directories, notice renames and files that went.
 *
 * One scan: note every file that a source already has; collect the rest; match all of these to
 * known generations first and only then take what is left as new, oldest first (a chain of
 * rotations that happened while we were down). Nothing is read before. */
#include "shipper/follow_private.h"

#include "base/diag.h"

#include <errno.h>
#include <stdlib.h>

/* Listing a directory of thousands of files may take a fifth of a core at most. More rest would
 * miss files that live shorter than it (rotated and compressed within moments). */
enum { SCAN_REST_FACTOR = 4 };

struct found {
    char *path;
    char *before;            /* see struct candidate */
    int64_t missed_since_ns; /* the same */
    struct io_info info;
    const struct source_settings *settings;
};

struct scan {
    struct follow *follow;
    struct set_directory *directory;
    struct found *items;
    uint32_t count, capacity;
    int64_t started_ns;
    int64_t known_wall_ns; /* files from before this moment are known, or not wanted */
    bool births;           /* a file that began before it was known then */
    bool has_empty;
};

/* ---- names of files that are known ---- */

static bool leads_to(struct follow *follow, const char *path, const struct file_key *key)
{
    struct io_info info;
    struct file_key found;

    if (follow->io->path->info(follow->io, path, &info) != 0)
        return false;
    found = file_key_of(&info);
    return file_key_equal(&found, key);
}

/* A file may have several names (hard links, a link to it): the one it is reported under wins,
 * then the one it had, then any. */
static void note_name(struct scan *scan, struct source *source, const struct found_file *file)
{
    struct follow *follow = scan->follow;
    const char *now = source_path(source);

    source->seen = true;
    source->absent_scans = 0;
    source->gen.last_seen_ns = follow->wall_ns;
    if (strcmp(file->path, now) != 0 &&
        (strcmp(file->path, source->gen.path) == 0 || !leads_to(follow, now, &source->gen.key))) {
        if (!source_set_where(source, file->path))
            follow->counters.full++;
        source->since_ns = follow->now_ns;
        source->directory_id = scan->directory->id;
    }
    if (source->directory_id == 0)
        source->directory_id = scan->directory->id;
    source->rotated = source->where != NULL;
}

static bool is_read(const struct source *source, const struct found_file *file)
{
    if (source->state <= SOURCE_FOLLOWED)
        return true;
    return source->state == SOURCE_FINISHED &&
           (file->info.size == source->gen.acked_off || content_name_is_gz(file->path));
}

static void collect(struct scan *scan, const struct found_file *file, int64_t missed_since_ns)
{
    bool missed = missed_since_ns != 0;
    struct found *item;

    if (scan->count == scan->capacity) {
        uint32_t capacity = scan->capacity == 0 ? 16 : scan->capacity * 2;
        struct found *grown = realloc(scan->items, capacity * sizeof(*grown));

        if (grown == NULL)
            return; /* the next scan tries again */
        scan->items = grown;
        scan->capacity = capacity;
    }
    item = &scan->items[scan->count];
    *item = (struct found){.path = strdup(file->path),
                           .info = file->info,
                           .missed_since_ns = missed_since_ns,
                           .settings = missed ? file->before_settings : file->settings};
    if (missed)
        item->before = strdup(file->before);
    if (item->path != NULL && (!missed || item->before != NULL)) {
        scan->count++;
        return;
    }
    free(item->path);
    free(item->before);
}

/* A file may be filled and renamed between two scans, or while we are stopped, so that it is never
 * seen at the name that a pattern matches. It is told by its name, and by its time: what was there
 * before is known. What it is not (a copy, say) is left to identify_by_content(). */
static int64_t missed_since(const struct scan *scan, const struct found_file *file,
                            const struct skipped_file *skipped)
{
    const struct io_info *info = &file->info;
    int64_t since = scan->known_wall_ns;

    if (file->settings != NULL || file->before == NULL)
        return 0;
    if (skipped == NULL && scan->births && info->birth_ns != 0 && info->birth_ns <= since)
        return 0;
    if (skipped != NULL) {
        bool unread = skipped->reason == SKIP_EMPTY || skipped->reason == SKIP_UNREADABLE;

        /* Known at its first name, and not read: its bytes are news. */
        since = skipped->missed_since_ns == 0 && unread ? 1 : skipped->missed_since_ns;
    }
    return since != 0 && info->mtime_ns > since ? since : 0;
}

static void on_file(void *user, const struct found_file *file)
{
    struct scan *scan = user;
    struct follow *follow = scan->follow;
    struct file_key key = file_key_of(&file->info);
    struct source *source = source_table_find(&follow->sources, &key);
    struct skipped_file *skipped;
    int64_t missed;

    if (source != NULL && is_read(source, file)) {
        note_name(scan, source, file);
        return;
    }
    skipped = skip_list_find(&follow->skipped, &file->info);
    missed = source == NULL ? missed_since(scan, file, skipped) : 0;
    if (source == NULL && file->settings == NULL && missed == 0 &&
        !scan->directory->wants_siblings) {
        /* Not next time, either, when what is known has another date. */
        (void)skip_list_put(&follow->skipped, &file->info, SKIP_STRANGER, follow->now_ns,
                            follow->now_ns);
        return;
    }
    if (skipped != NULL) {
        bool same = skipped->size == file->info.size && skipped->mtime_ns == file->info.mtime_ns;

        skipped->seen_ns = follow->now_ns;
        scan->has_empty = scan->has_empty || skipped->reason == SKIP_EMPTY;
        if (follow->now_ns < skipped->next_look_ns && (same || skipped->reason == SKIP_UNREADABLE))
            return;
    }
    collect(scan, file, missed);
}

/* ---- candidates ---- */

static void skip(struct scan *scan, const struct found *item, enum skip_reason reason,
                 int64_t wait_ns)
{
    struct follow *follow = scan->follow;
    struct skipped_file *skipped = skip_list_put(&follow->skipped, &item->info, reason,
                                                 follow->now_ns, follow->now_ns + wait_ns);

    if (skipped != NULL)
        skipped->missed_since_ns = item->missed_since_ns;
}

static void refuse(struct scan *scan, const struct found *item, const struct error *err)
{
    struct follow *follow = scan->follow;
    const struct skipped_file *before = skip_list_find(&follow->skipped, &item->info);
    int64_t since =
        before != NULL && before->reason == SKIP_UNREADABLE ? follow->now_ns - before->first_ns : 0;
    int64_t wait = since < RETRY_OPEN_MIN_NS ? RETRY_OPEN_MIN_NS : since;

    follow->counters.unreadable++;
    skip(scan, item, SKIP_UNREADABLE, wait < RETRY_OPEN_MAX_NS ? wait : RETRY_OPEN_MAX_NS);
    scan->directory->busy = true;
    if (diag_limited(&follow->alarm_told_s, 10))
        diag_warn("source_unreadable: %s", err->message);
}

static bool is_gzip(struct follow *follow, struct content *content)
{
    unsigned char magic[2];

    return follow->io->file->read_at(follow->io, content->fd, magic, 2, 0) == 2 &&
           magic[0] == 0x1f && magic[1] == 0x8b; /* RFC 1952, 2.3.1 */
}

/* Links that only root and we can make are followed anywhere, others within the pattern's root. */
static enum status open_path(struct scan *scan, const char *path, bool *link,
                             struct content_opened *out, struct error *err)
{
    struct io *io = scan->follow->io;
    enum status status;

    *link = scan->directory->open_to_others;
    if (*link)
        return content_open_beneath(io, path, scan->directory->root_len, out, err);
    status = content_open(io, path, false, out, err);
    if (out->errno_value != ELOOP)
        return status;
    *link = true;
    return content_open(io, path, true, out, err);
}

static bool open_candidate(struct scan *scan, const struct found *item, struct candidate *out)
{
    struct follow *follow = scan->follow;
    struct content_opened opened;
    struct error err = {0};
    ssize_t got;
    enum status status;

    *out = (struct candidate){.path = item->path,
                              .settings = item->settings,
                              .before = item->before,
                              .missed_since_ns = item->missed_since_ns,
                              .directory = scan->directory};
    status = open_path(scan, item->path, &out->link, &opened, &err);
    out->content = opened.content;
    out->info = opened.info;
    if (opened.errno_value == EXDEV) {
        skip(scan, item, SKIP_LINK, follow->settings->scan_cold_ns);
        return false;
    }
    if (status == STATUS_NOT_FOUND)
        return false;
    if (status == STATUS_OK && content_name_is_gz(item->path) && is_gzip(follow, &out->content))
        status = content_inflate(&out->content, &err);
    if (status != STATUS_OK) {
        refuse(scan, item, &err);
        content_close(follow->io, &out->content);
        return false;
    }
    out->key = file_key_of(&out->info);
    got = content_read(follow->io, &out->content, out->first, sizeof(out->first), 0);
    out->first_len = got > 0 ? (size_t)got : 0;
    follow->open_count++;
    return true;
}

static void close_candidate(struct follow *follow, struct candidate *candidate)
{
    if (content_is_open(&candidate->content))
        follow->open_count--;
    content_close(follow->io, &candidate->content);
}

static int older_first(const void *a, const void *b)
{
    const struct found *left = a, *right = b;

    return (left->info.mtime_ns > right->info.mtime_ns) -
           (left->info.mtime_ns < right->info.mtime_ns);
}

static void identify(struct scan *scan, bool known)
{
    struct follow *follow = scan->follow;

    for (uint32_t i = 0; i < scan->count; i++) {
        struct found *item = &scan->items[i];
        struct file_key key = file_key_of(&item->info);
        struct candidate candidate;

        if (item->path == NULL || (known && source_table_find(&follow->sources, &key) == NULL) ||
            !open_candidate(scan, item, &candidate))
            continue;
        if (!known) {
            identify_new(follow, &candidate);
        } else if (identify_known(follow, &candidate)) {
            free(item->path);
            item->path = NULL; /* not for the second round */
        }
        close_candidate(follow, &candidate);
    }
}

/* ---- files that were not met ---- */

static void note_absent(struct scan *scan, struct source *source)
{
    struct follow *follow = scan->follow;

    source->absent_scans++;
    switch ((enum source_state)source->state) {
    case SOURCE_NEW:
    case SOURCE_ASKING:
    case SOURCE_FOLLOWED:
        if (!source->rotated)
            source->since_ns = follow->now_ns;
        source->rotated = true;
        if (!content_is_open(&source->content))
            source_enter(follow, source, SOURCE_ORPHAN, "its file is not at its path");
        break;
    case SOURCE_ORPHAN:
        /* Two scans without it, and no young copy that might still become it. */
        if (source->absent_scans >= 2 && !scan->directory->busy)
            source_give_up(follow, source);
        break;
    case SOURCE_FINISHED:
    case SOURCE_STATE_COUNT:
        break;
    }
}

static bool belongs(struct scan *scan, struct source *source)
{
    if (source->directory_id == 0) {
        const struct set_directory *directory =
            file_set_directory_of(scan->follow->files, source->gen.path);

        source->directory_id = directory != NULL ? directory->id : 0;
    }
    return source->directory_id == scan->directory->id;
}

static bool has_orphan(struct scan *scan)
{
    for (uint32_t i = 0; i < scan->follow->sources.count; i++) {
        struct source *source = scan->follow->sources.items[i];

        if (source->state == SOURCE_ORPHAN && belongs(scan, source))
            return true;
    }
    return false;
}

static void schedule(struct scan *scan)
{
    const struct shipper_settings *settings = scan->follow->settings;
    struct set_directory *directory = scan->directory;
    int64_t now = scan->follow->now_ns;
    int64_t wait = settings->scan_cold_ns, end;

    if (directory->busy || directory->wants_siblings || now < directory->hot_until_ns)
        wait = settings->scan_hot_ns;
    else if (scan->has_empty)
        wait = 2 * settings->scan_hot_ns;
    end = io_mono_ns(scan->follow->io);
    directory->rest_until_ns = end + SCAN_REST_FACTOR * (end - scan->started_ns);
    directory->next_scan_ns = now + wait;
    directory->started = true;
}

/* Rotated files are looked for at the first scan, when all names are looked at anyway, and when
 * names may have changed since, or one could not be told yet; and once a minute, since a program
 * that was not told of the rotation goes on writing to them. */
static void look_for_missed(struct scan *scan)
{
    struct follow *follow = scan->follow;
    struct set_directory *directory = scan->directory;
    const char *path = directory->path[0] == '\0' ? "/" : directory->path;
    struct io_info info = {.mtime_ns = directory->rotated_mtime_ns};
    int64_t age = follow->now_ns - directory->rotated_ns;
    int64_t known = directory->rotated_wall_ns - FILE_TIME_MARGIN_NS;
    bool news;

    (void)follow->io->path->info(follow->io, path, &info);
    news = directory->rotated_held || info.mtime_ns != directory->rotated_mtime_ns ||
           info.mtime_ns > known;
    directory->wants_rotated = !directory->started || directory->wants_siblings ||
                               age >= SCAN_ROTATED_NS || (news && age >= SCAN_MISSED_NS);
    scan->known_wall_ns = directory->started ? known : follow->known_wall_ns;
    scan->births = directory->started || follow->first_start;
    if (!directory->wants_rotated)
        return;
    directory->rotated_ns = follow->now_ns;
    directory->rotated_wall_ns = follow->wall_ns;
    directory->rotated_mtime_ns = info.mtime_ns;
    directory->rotated_held = false;
}

static void scan_directory(struct follow *follow, struct set_directory *directory)
{
    struct scan scan = {
        .follow = follow, .directory = directory, .started_ns = io_mono_ns(follow->io)};
    struct error err = {0};
    enum status status;

    follow->counters.scans++;
    for (uint32_t i = 0; i < follow->sources.count; i++)
        follow->sources.items[i]->seen = false;
    directory->wants_siblings = has_orphan(&scan);
    look_for_missed(&scan);
    directory->hint = directory->busy = false;
    status = file_set_scan(follow->files, directory, on_file, &scan, &err);
    if (status != STATUS_OK && status != STATUS_NOT_FOUND &&
        diag_limited(&follow->alarm_told_s, 10))
        diag_warn("%s", err.message);
    if (scan.count > 1)
        qsort(scan.items, scan.count, sizeof(*scan.items), older_first);
    identify(&scan, true);
    vacant_look(follow, directory);
    identify(&scan, false);
    for (uint32_t i = 0; i < follow->sources.count && status == STATUS_OK; i++) {
        struct source *source = follow->sources.items[i];

        if (!source->seen && belongs(&scan, source))
            note_absent(&scan, source);
    }
    directory->wants_siblings = has_orphan(&scan);
    schedule(&scan);
    for (uint32_t i = 0; i < scan.count; i++) {
        free(scan.items[i].path);
        free(scan.items[i].before);
    }
    free(scan.items);
}

void follow_scan_due(struct follow *follow)
{
    for (uint32_t i = 0; i < file_set_directory_count(follow->files); i++) {
        struct set_directory *directory = file_set_directory(follow->files, i);

        if (follow->now_ns >= directory->rest_until_ns &&
            (directory->hint || follow->now_ns >= directory->next_scan_ns))
            scan_directory(follow, directory);
    }
}
