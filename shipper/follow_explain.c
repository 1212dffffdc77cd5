/* shipper/follow_explain.c -- why a path is read, or not: the rules, in the order they apply. */
#include "shipper/follow_private.h"

#include <inttypes.h>
#include <sys/stat.h>

static void explain_source(const struct source *source, struct buf *out)
{
    if (source->state == SOURCE_FINISHED) {
        buf_printf(out, "was read to its end, byte %" PRIu64 ", and is delivered (%s)\n",
                   source->gen.acked_off, source->decision);
        return;
    }
    if (source->settings == NULL) {
        buf_append_text(out, "is known, but no pattern matches it any more: not read\n");
        return;
    }
    buf_printf(out,
               "is read for role \"%s\": at byte %" PRIu64 ", acked %" PRIu64 ", state %s (%s)\n",
               source->settings->role, source->read_off, source->gen.acked_off,
               source_state_name(source->state), source->decision);
    if (source->older != NULL)
        buf_printf(out, "  waits: %s is read to its end first\n", source_path(source->older));
    if (source->unreadable)
        buf_append_text(out, "  cannot be opened at the moment\n");
}

void follow_explain(struct follow *follow, const char *path, struct buf *out)
{
    const struct source_settings *settings = file_set_match(follow->files, path);
    const struct skipped_file *skipped;
    const struct source *source;
    struct io_info info;
    struct file_key key;
    int failed = follow->io->path->info(follow->io, path, &info);

    if (path[0] != '/') {
        buf_append_text(out, "give an absolute path, as the patterns are\n");
        return;
    }
    if (failed != 0) {
        buf_printf(out, "cannot be looked at: %s%s\n", strerror(-failed),
                   settings != NULL ? "; a pattern matches it, it will be read when it is there"
                                    : "; no pattern matches it either");
        return;
    }
    key = file_key_of(&info);
    source = source_table_find(&follow->sources, &key);
    skipped = skip_list_find(&follow->skipped, &info);
    if (!S_ISREG(info.mode))
        buf_append_text(out, "not read: it is not a regular file\n");
    else if (source != NULL && source->state != SOURCE_ORPHAN)
        explain_source(source, out);
    else if (skipped != NULL)
        buf_printf(out, "not read: %s\n", skip_reason_text(skipped->reason));
    else if (settings == NULL)
        buf_append_text(out, "not read: no pattern matches it\n");
    else
        buf_printf(out, "matches %s and waits for the next scan\n", settings->path);
}
