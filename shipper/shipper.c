/* shipper/shipper.c -- one step: look at files, read, close batches, send, save. */
#include "shipper/shipper_private.h"

#include "base/diag.h"
#include "base/hash.h"

#include <stdio.h>
#include <stdlib.h>

enum { TURNS_PER_STEP = 64 }; /* 4 MiB, some 10 ms; then the loop looks at its sockets again */

static enum status lock_state(struct shipper *shipper, struct error *err)
{
    char path[STATE_PATH_SIZE];
    int locked;
    enum status status = io_make_dirs(shipper->io, shipper->settings->state, err);

    if (status != STATUS_OK)
        return status;
    (void)snprintf(path, sizeof(path), "%s/lock", shipper->settings->state);
    status = io_open(shipper->io, path, IO_WRITE | IO_CREATE, &shipper->lock_fd, err);
    if (status != STATUS_OK)
        return status;
    locked = shipper->io->file->lock(shipper->io, shipper->lock_fd);
    return locked == 0 ? STATUS_OK
                       : error_set(err, STATUS_BUSY,
                                   "another dendro-shipper runs with the state directory %s",
                                   shipper->settings->state);
}

/* A text file of one line that the kernel or the system makes; its hash is the id. */
static void id_of_file(struct shipper *shipper, const char *path, uint8_t out[WIRE_ID_SIZE])
{
    struct buf text = buf_empty(4096);
    struct hash128 id;

    if (io_read_file(shipper->io, path, &text, NULL) != STATUS_OK)
        buf_reset(&text);
    id = hash128(text.data == NULL ? "" : text.data, text.len, 0);
    memcpy(out, &id, sizeof(id));
    buf_release(&text);
}

static enum status start(struct shipper *shipper, struct transport *transport, struct error *err)
{
    struct session_options options = {.io = shipper->io,
                                      .settings = shipper->settings,
                                      .transport = transport,
                                      .handler = &shipper_session_handler,
                                      .user = shipper};
    enum status status = lock_state(shipper, err);

    if (status == STATUS_OK)
        status = follow_new(shipper->io, shipper->settings, &shipper->follow, err);
    if (status == STATUS_OK)
        status = tail_reader_init(&shipper->reader, err);
    if (status == STATUS_OK)
        status = session_init(&shipper->session, &options, err);
    if (status == STATUS_OK)
        status = shipper_restore(shipper, err);
    if (status == STATUS_OK && shipper->settings->host_metrics)
        status = host_metrics_new(shipper->io, &shipper->host_metrics, err);
    if (status != STATUS_OK)
        return status;
    memcpy(shipper->session.shipper_id, shipper->meta.shipper_id, WIRE_ID_SIZE);
    id_of_file(shipper, "/proc/sys/kernel/random/boot_id", shipper->session.boot_id);
    shipper->session.epoch = shipper_next_epoch(shipper);
    shipper->session.store_incarnation = shipper->meta.store_incarnation;
    shipper_save(shipper);
    return STATUS_OK;
}

enum status shipper_new(struct io *io, const struct shipper_settings *settings,
                        struct transport *transport, struct shipper **out, struct error *err)
{
    struct shipper *shipper = calloc(1, sizeof(*shipper));
    enum status status;

    if (shipper == NULL)
        return error_set(err, STATUS_NO_MEMORY, "no memory for a shipper");
    shipper->io = io;
    shipper->settings = settings;
    shipper->lock_fd = -1;
    shipper->session.transport = transport;
    shipper->body = buf_empty(FRAME_RAW_SIZE_MAX);
    shipper->metrics = metric_set_empty();
    batcher_init(&shipper->batcher, settings);
    shipper->now_ns = shipper->save_at_ns = shipper->metrics_at_ns = io_mono_ns(io);
    shipper->expire_at_ns = shipper->now_ns + 60 * SECOND_NS;
    status = start(shipper, transport, err);
    if (status == STATUS_OK)
        *out = shipper;
    else
        shipper_free(shipper);
    return status;
}

void shipper_free(struct shipper *shipper)
{
    if (shipper == NULL)
        return;
    if (shipper->checkpoint != NULL)
        shipper_save(shipper);
    session_release(&shipper->session);
    batcher_release(&shipper->batcher);
    tail_reader_release(&shipper->reader);
    follow_free(shipper->follow);
    host_metrics_free(shipper->host_metrics);
    metric_set_release(&shipper->metrics);
    checkpoint_free(shipper->checkpoint);
    buf_release(&shipper->body);
    io_close(shipper->io, &shipper->lock_fd);
    free(shipper);
}

/* ---- reading ---- */

/* The generation before it at this path goes first; it counts as drained a moment after its last
 * growth, or when it is finished. */
static bool is_drained(const struct shipper *shipper, const struct source *older)
{
    bool still_empty = older->vacant && older->size == 0;

    if (older->state == SOURCE_FINISHED)
        return true;
    return (older->state == SOURCE_FOLLOWED || still_empty) && !older->readable &&
           shipper->now_ns - older->grew_ns >= 2 * shipper->settings->poll_ns;
}

static bool may_read(struct shipper *shipper, struct source *source)
{
    if (source->state != SOURCE_FOLLOWED || source->settings == NULL ||
        (!source->readable && !source->final_due))
        return false;
    if (source->size == 0 && source->content.gz == NULL)
        return false; /* after a truncation: first it is looked at, and its identity saved */
    if (source->older != NULL) {
        if (!is_drained(shipper, source->older))
            return false;
        source->older->waiters--;
        source->older = NULL;
    }
    return true;
}

static void send_final(struct shipper *shipper, struct source *source)
{
    if (source->final_sent)
        return;
    if (batcher_final(&shipper->batcher, source, shipper->now_ns, NULL) != STATUS_OK) {
        shipper_close_batch(shipper);
        return; /* its turn comes again */
    }
    source->final_sent = true;
}

/* One turn; true if the source may have more at once. */
static bool read_turn(struct shipper *shipper, struct source *source)
{
    uint64_t before = shipper->reader.counters.bytes, read;
    enum tail_result result;

    if (!source->readable) {
        send_final(shipper, source);
        return false;
    }
    result = tail_read(&shipper->reader, shipper->follow, source, &shipper->batcher);
    read = shipper->reader.counters.bytes - before;
    shipper->accounts.read += read;
    shipper->accounts.pending += read;
    if (result == TAIL_FULL && batcher_is_empty(&shipper->batcher)) {
        diag_error("%s: a line does not fit into an empty batch", source->gen.path);
        source->readable = false;
        return false;
    }
    if (result == TAIL_FULL || batcher_is_full(&shipper->batcher))
        shipper_close_batch(shipper);
    return result != TAIL_IDLE;
}

/* Turns for all readable sources, round and round, until nothing is left, the window is full or
 * the step was long enough. A source keeps its turn until the batch is closed: lines of one file have
 * more in common, and the collector has one range to take up. True: there is more to do at once. */
static bool read_sources(struct shipper *shipper)
{
    struct source_table *sources = &shipper->follow->sources;
    uint32_t turns = 0, quiet = 0;

    while (quiet < sources->count && session_takes_lines(&shipper->session)) {
        struct source *source = sources->items[shipper->cursor % sources->count];
        bool more = may_read(shipper, source) && read_turn(shipper, source);

        if (!more || batcher_is_empty(&shipper->batcher))
            shipper->cursor++;
        quiet = more ? 0 : quiet + 1;
        if (more && ++turns >= TURNS_PER_STEP)
            return true;
    }
    return false;
}

/* A batch waits for its size or its age; while nothing else is under way it need not wait. */
static bool batch_is_due(const struct shipper *shipper)
{
    if (batcher_is_empty(&shipper->batcher))
        return false;
    if (batcher_is_due(&shipper->batcher, shipper->now_ns))
        return true;
    return shipper->session.lines.count == 0 &&
           shipper->now_ns - shipper->sent_at_ns >= shipper->settings->batch_age_ns;
}

static void housekeeping(struct shipper *shipper)
{
    if (shipper->now_ns >= shipper->metrics_at_ns) {
        shipper_measure(shipper);
        shipper->metrics_at_ns = shipper->now_ns + shipper->settings->metrics_ns;
    }
    if (shipper->now_ns >= shipper->save_at_ns) {
        shipper_save(shipper);
        shipper->save_at_ns = shipper->now_ns + CHECKPOINT_EVERY_NS;
    }
}

static int64_t earliest(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int64_t shipper_step(struct shipper *shipper)
{
    int64_t due;
    bool more = false;

    shipper->now_ns = io_mono_ns(shipper->io);
    due = follow_step(shipper->follow);
    if (shipper->follow->identity_news)
        /* Before anything of a new generation is sent: after a crash, a copy that was made and
         * truncated meanwhile can be told only by what was saved. */
        shipper_save(shipper);
    shipper_ask(shipper);
    shipper_send_losses(shipper);
    if (shipper->follow->loss_count == 0)
        more = read_sources(shipper);
    if (batch_is_due(shipper) && shipper->session.lines.count < WINDOW_FRAMES_MAX)
        shipper_close_batch(shipper);
    housekeeping(shipper);
    due = earliest(due, session_step(&shipper->session));
    due = earliest(due, shipper->metrics_at_ns);
    due = earliest(due, shipper->save_at_ns);
    if (!batcher_is_empty(&shipper->batcher))
        due = earliest(due, shipper->batcher.opened_ns + shipper->settings->batch_age_ns);
    return more ? shipper->now_ns : due;
}

/* ---- the rest of the interface ---- */

void shipper_hint(struct shipper *shipper, const char *path)
{
    follow_hint(shipper->follow, path);
}

void shipper_stop(struct shipper *shipper)
{
    session_stop(&shipper->session, "the shipper stops");
}

bool shipper_is_idle(const struct shipper *shipper)
{
    const struct source_table *sources = &shipper->follow->sources;

    if (!batcher_is_empty(&shipper->batcher) || shipper->session.lines.count > 0 ||
        shipper->follow->loss_count > 0)
        return false;
    for (uint32_t i = 0; i < sources->count; i++) {
        const struct source *source = sources->items[i];

        if (source->vacant && source->size == 0)
            continue;
        if (source->state <= SOURCE_FOLLOWED &&
            (source->readable || source->state < SOURCE_FOLLOWED))
            return false;
        if (source->state == SOURCE_ORPHAN)
            return false;
    }
    return true;
}

struct shipper_accounts shipper_accounts_of(const struct shipper *shipper)
{
    return shipper->accounts;
}

bool shipper_directories(struct shipper *shipper, shipper_visit_directory *visit, void *user)
{
    struct follow *follow = shipper->follow;

    if (!follow->directories_changed)
        return false;
    follow->directories_changed = false;
    for (uint32_t i = 0; i < file_set_directory_count(follow->files); i++) {
        const char *path = file_set_directory(follow->files, i)->path;

        visit(user, path[0] == '\0' ? "/" : path);
    }
    return true;
}

void shipper_note_watch_trouble(struct shipper *shipper, const char *why)
{
    if (shipper->watch_trouble == NULL)
        diag_warn("directories are polled, not watched: %s", why);
    shipper->watch_trouble = why;
}
