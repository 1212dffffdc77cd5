/* shipper/shipper_save.c -- the checkpoint, from and to the sources.
 *
 * The disk of the state directory may be full or read-only: then the shipper goes on from memory
 * with an alarm; after a restart the collector's watermarks trim what is sent twice. */
#include "shipper/shipper_private.h"

#include "base/diag.h"
#include "base/hash.h"

struct restored {
    struct shipper *shipper;
    bool has_meta;
};

static void on_meta(void *user, const struct checkpoint_meta *meta)
{
    struct restored *restored = user;

    restored->has_meta = true;
    restored->shipper->meta = *meta;
}

static void on_generation(void *user, const struct generation *generation)
{
    struct restored *restored = user;

    follow_restore(restored->shipper->follow, generation);
}

static void on_forget(void *user, const uint8_t gen_id[GEN_ID_SIZE], uint32_t trunc_no)
{
    struct restored *restored = user;

    follow_forget(restored->shipper->follow, gen_id, trunc_no);
}

/* Made of what the machine is, so that a shipper that lost its state is the same shipper to the
 * collector; two on one machine differ by their state directories. */
static void derive_id(struct shipper *shipper)
{
    struct buf text = buf_empty(8192);
    struct hash128 id;

    if (io_read_file(shipper->io, "/etc/machine-id", &text, NULL) != STATUS_OK)
        buf_reset(&text);
    buf_printf(&text, "|%s|%s|%s", shipper->settings->geo, shipper->settings->host,
               shipper->settings->state);
    id = hash128(text.data == NULL ? "" : text.data, text.len, 0);
    memcpy(shipper->meta.shipper_id, &id, WIRE_ID_SIZE);
    buf_release(&text);
}

void shipper_new_id(struct shipper *shipper)
{
    io_random(shipper->io, shipper->meta.shipper_id, WIRE_ID_SIZE);
    memcpy(shipper->session.shipper_id, shipper->meta.shipper_id, WIRE_ID_SIZE);
    shipper->meta_dirty = true;
}

uint64_t shipper_next_epoch(struct shipper *shipper)
{
    uint32_t random;

    io_random(shipper->io, &random, sizeof(random));
    shipper->meta.epoch_count++;
    shipper->meta_dirty = true;
    return shipper->meta.epoch_count << 32 | random;
}

enum status shipper_restore(struct shipper *shipper, struct error *err)
{
    struct restored restored = {.shipper = shipper};
    struct checkpoint_reader reader = {on_meta, on_generation, on_forget, &restored};
    struct checkpoint_report report;
    enum status status =
        checkpoint_read(shipper->io, shipper->settings->state, &reader, &report, err);

    if (status == STATUS_NO_MEMORY)
        return status;
    if (status != STATUS_OK)
        diag_warn("positions are not known, the collector's are used: %s", err->message);
    if (report.bytes_damaged > 0)
        diag_warn("checkpoint: %llu bytes were damaged and left out",
                  (unsigned long long)report.bytes_damaged);
    follow_restored(shipper->follow);
    if (!restored.has_meta)
        derive_id(shipper);
    else
        shipper->follow->first_start = false;
    return checkpoint_new(shipper->io, shipper->settings->state, report.newest,
                          &shipper->checkpoint, err);
}

/* Sources without a gen_id have no position worth keeping. */
static enum status put_sources(struct shipper *shipper, bool all, struct error *err)
{
    struct source_table *sources = &shipper->follow->sources;
    enum status status = STATUS_OK;

    for (uint32_t i = 0; i < sources->count && status == STATUS_OK; i++) {
        struct source *source = sources->items[i];

        if (!gen_id_given(source->gen.gen_id) || (!all && !source->dirty))
            continue;
        status = checkpoint_put(shipper->checkpoint, &source->gen, err);
        source->dirty = false;
        source->checkpointed = true;
    }
    return status;
}

static void forget_one(void *user, const struct generation *gen)
{
    struct shipper *shipper = user;

    if (checkpoint_forget(shipper->checkpoint, gen->gen_id, gen->trunc_no, NULL) != STATUS_OK)
        shipper->follow->wants_snapshot = true;
}

void shipper_save(struct shipper *shipper)
{
    struct error err = {0};
    enum status status = STATUS_OK;
    bool whole = shipper->meta_dirty || shipper->follow->wants_snapshot ||
                 checkpoint_wants_snapshot(shipper->checkpoint);

    shipper->follow->identity_news = false;
    if (shipper->now_ns >= shipper->expire_at_ns) {
        shipper->expire_at_ns = shipper->now_ns + 60 * SECOND_NS;
        follow_expire(shipper->follow, forget_one, shipper);
    }
    if (whole)
        status = checkpoint_snapshot(shipper->checkpoint, &shipper->meta, &err);
    if (status == STATUS_OK)
        status = put_sources(shipper, whole, &err);
    if (status == STATUS_OK)
        status = checkpoint_commit(shipper->checkpoint, &err);
    if (status == STATUS_OK) {
        shipper->meta_dirty = shipper->follow->wants_snapshot = false;
        return;
    }
    shipper->save_failures++;
    shipper->follow->wants_snapshot = true;
    if (diag_limited(&shipper->alarm_told_s, 10))
        diag_warn("positions are not saved, going on from memory: %s", err.message);
}
