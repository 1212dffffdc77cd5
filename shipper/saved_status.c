/* shipper/saved_status.c -- the newest record of each generation, as text. */
#include "shipper/saved_status.h"

#include "shipper/checkpoint.h"
#include "shipper/source.h"

#include <inttypes.h>

struct saved {
    struct source_table sources; /* used as a map: no file is opened */
    struct checkpoint_meta meta;
};

static void on_meta(void *user, const struct checkpoint_meta *meta)
{
    struct saved *saved = user;

    saved->meta = *meta;
}

static void on_forget(void *user, const uint8_t gen_id[GEN_ID_SIZE], uint32_t trunc_no)
{
    struct saved *saved = user;
    struct source *source = source_table_find_id(&saved->sources, gen_id, trunc_no);

    if (source != NULL)
        source_table_remove(&saved->sources, source, io_system());
}

static void on_generation(void *user, const struct generation *generation)
{
    struct saved *saved = user;

    on_forget(user, generation->gen_id, generation->trunc_no);
    (void)source_table_add(&saved->sources, generation);
}

static void append_path(struct buf *out, const char *path)
{
    for (; *path != '\0'; path++) {
        unsigned char byte = (unsigned char)*path;

        if (byte < 0x20 || byte == 0x7f)
            buf_printf(out, "\\x%02x", byte);
        else
            buf_append_byte(out, *path);
    }
}

enum status saved_status(struct io *io, const char *state, struct buf *out, struct error *err)
{
    struct saved saved = {.meta = {{0}, 0, 0}};
    struct checkpoint_reader reader = {on_meta, on_generation, on_forget, &saved};
    struct checkpoint_report report;
    enum status status = checkpoint_read(io, state, &reader, &report, err);

    if (status == STATUS_OK)
        buf_printf(out,
                   "no shipper runs with %s; saved positions, after %" PRIu64 " starts%s\n"
                   "%-32s # %12s %12s  path\n",
                   state, saved.meta.epoch_count,
                   report.bytes_damaged > 0 ? " (a part of the file is damaged)" : "", "generation",
                   "acked", "size seen");
    for (uint32_t i = 0; i < saved.sources.count && status == STATUS_OK; i++) {
        const struct generation *gen = &saved.sources.items[i]->gen;

        for (size_t k = 0; k < GEN_ID_SIZE; k++)
            buf_printf(out, "%02x", gen->gen_id[k]);
        buf_printf(out, " %" PRIu32 " %12" PRIu64 " %12" PRIu64 "  ", gen->trunc_no, gen->acked_off,
                   gen->size_seen);
        append_path(out, gen->path);
        buf_append_text(out, gen->finished ? "  [finished]\n" : "\n");
    }
    source_table_release(&saved.sources, io);
    return status == STATUS_OK ? buf_check(out, "the status", err) : status;
}
