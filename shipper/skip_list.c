/* shipper/skip_list.c -- a hash by inode; entries are few and small. */
#include "shipper/skip_list.h"

#include <stdlib.h>

const char *skip_reason_text(enum skip_reason reason)
{
    static const char *const texts[SKIP_REASON_COUNT] = {
        [SKIP_EMPTY] = "it is empty; it will be read when it has bytes",
        [SKIP_HELD] = "it begins like a file that is being read, and may be a copy of it",
        [SKIP_LIVE] = "it is a compressed copy of a file that is being read",
        [SKIP_DELIVERED] = "its bytes were delivered from another file",
        [SKIP_BACKFILL] = "it is compressed and unknown, and backfill is off for its source",
        [SKIP_PACKED] = "it is packed, and only gzip under a name in .gz is unpacked",
        [SKIP_STRANGER] = "no pattern matches it",
        [SKIP_LINK] = ("a link that other users can make leads to it, out of the directory in "
                       "front of its pattern; follow_links of the source would allow it"),
        [SKIP_UNREADABLE] = "it cannot be opened",
    };

    return texts[reason];
}

static struct skipped_file **bucket_of(struct skip_list *list, uint64_t inode)
{
    return &list->buckets[(inode * 0x9E3779B97F4A7C15ULL) >> 55];
}

_Static_assert(SKIP_BUCKETS == 1 << 9, "bucket_of() takes the top 9 bits");

struct skipped_file *skip_list_find(struct skip_list *list, const struct io_info *info)
{
    struct skipped_file *at = *bucket_of(list, info->inode);

    while (at != NULL &&
           (at->inode != info->inode || at->fsid != info->fsid || at->birth_ns != info->birth_ns))
        at = at->next;
    return at;
}

struct skipped_file *skip_list_put(struct skip_list *list, const struct io_info *info,
                                   enum skip_reason reason, int64_t now_ns, int64_t next_look_ns)
{
    struct skipped_file *file = skip_list_find(list, info);

    if (file == NULL) {
        struct skipped_file **bucket = bucket_of(list, info->inode);

        file = calloc(1, sizeof(*file));
        if (file == NULL)
            return NULL;
        *file = (struct skipped_file){.fsid = info->fsid,
                                      .inode = info->inode,
                                      .birth_ns = info->birth_ns,
                                      .reason = reason,
                                      .first_ns = now_ns,
                                      .changed_ns = now_ns,
                                      .next = *bucket};
        *bucket = file;
        list->count++;
        list->by_reason[reason]++;
    }
    if (file->reason != reason) {
        list->by_reason[file->reason]--;
        list->by_reason[reason]++;
        file->reason = reason;
        file->first_ns = now_ns;
    }
    if (file->size != info->size || file->mtime_ns != info->mtime_ns)
        file->changed_ns = now_ns;
    file->size = info->size;
    file->mtime_ns = info->mtime_ns;
    file->next_look_ns = next_look_ns;
    file->seen_ns = now_ns;
    return file;
}

void skip_list_remove(struct skip_list *list, struct skipped_file *file)
{
    struct skipped_file **at = bucket_of(list, file->inode);

    while (*at != file)
        at = &(*at)->next;
    *at = file->next;
    list->count--;
    list->by_reason[file->reason]--;
    free(file);
}

void skip_list_purge(struct skip_list *list, int64_t before_ns)
{
    for (size_t i = 0; i < SKIP_BUCKETS; i++) {
        struct skipped_file *at = list->buckets[i];

        while (at != NULL) {
            struct skipped_file *next = at->next;

            if (at->seen_ns < before_ns)
                skip_list_remove(list, at);
            at = next;
        }
    }
}

void skip_list_release(struct skip_list *list)
{
    skip_list_purge(list, INT64_MAX);
}
