/* shipper/shipper_deliver.c -- from batches to frames, and what acks and refusals do to positions.
 *
 * The accounts are kept here: bytes become pending when read (shipper.c), and leave `pending` as
 * acked, as dropped with a reason, or by going back into the file (a rewind: not read any more). */
#include "shipper/shipper_private.h"

#include "base/diag.h"

enum { QUESTION_MAX = 256 }; /* generations in one query */

/* ---- batches ---- */

/* Positions go back; newest first, so that each source ends at its oldest range. A loss goes back,
 * too: what is lost is found out again. */
static void rewind_range(void *user, const struct sent_range *range)
{
    struct shipper *shipper = user;
    struct source *source = range->source;
    uint64_t len = range->end - range->start;

    source->in_flight--;
    shipper->accounts.pending -= len;
    shipper->accounts.read -= len;
    follow_go_back(shipper->follow, source, range->start, range->start_tail);
    source->begun = range->start > source->gen.begin_off;
}

static void drop_batch(struct shipper *shipper)
{
    struct batcher *batcher = &shipper->batcher;

    struct error err = {0};

    if (batcher_end_range(batcher, 0, &err) != STATUS_OK) /* sets the end of the last range */
        diag_debug("%s", err.message);
    for (uint32_t i = batcher->range_count; i > 0; i--)
        rewind_range(shipper, &batcher->ranges[i - 1]);
    batcher_reset(batcher);
}

static void dropping(void *user)
{
    struct shipper *shipper = user;

    follow_drop_losses(shipper->follow);
    drop_batch(shipper);
}

void shipper_close_batch(struct shipper *shipper)
{
    struct batcher *batcher = &shipper->batcher;
    struct error err = {0};
    enum status status;

    if (batcher_is_empty(batcher))
        return;
    buf_reset(&shipper->body);
    status = batcher_finish(batcher, (uint64_t)io_wall_ns(shipper->io),
                            shipper->session.clock_offset_ns, &shipper->body, &err);
    if (status == STATUS_OK)
        status = session_add(&shipper->session, &shipper->session.lines,
                             &(struct outgoing){FRAME_BATCH, buf_slice(&shipper->body),
                                                batcher->ranges, batcher->range_count},
                             &err);
    if (status != STATUS_OK) {
        if (diag_limited(&shipper->alarm_told_s, 10))
            diag_error("a batch is read again: %s", err.message);
        drop_batch(shipper);
        return;
    }
    shipper->sent_at_ns = shipper->now_ns;
    batcher_reset(batcher);
}

/* ---- losses ---- */

static void send_loss(struct shipper *shipper, const struct follow_loss *loss)
{
    struct source *source = loss->source;
    struct sent_range range = {.source = source,
                               .start = loss->from,
                               .end = loss->to,
                               .end_tail = TAIL_HASH_UNKNOWN,
                               .loss = loss->reason};
    struct loss_message message = {
        .from_offset = loss->from,
        .to_offset = loss->to,
        .end_tail = TAIL_HASH_UNKNOWN,
        .size = loss->to - loss->from,
        .line_count = (loss->to - loss->from) / 200, /* an access line, or a wild guess */
        .reason = loss->reason,
        .wall_ns = (uint64_t)io_wall_ns(shipper->io),
        .path = slice_of(source->gen.path),
        .role = slice_of(source->settings != NULL ? source->settings->role : ""),
    };
    struct error err = {0};

    memcpy(message.source.generation, source->gen.gen_id, GEN_ID_SIZE);
    message.source.truncations = source->gen.trunc_no;
    buf_reset(&shipper->body);
    loss_message_append(&shipper->body, &message);
    if (session_add(&shipper->session, &shipper->session.lines,
                    &(struct outgoing){FRAME_LOSS, buf_slice(&shipper->body), &range, 1},
                    &err) != STATUS_OK) {
        source->in_flight--;
        follow_add_loss(shipper->follow, source, loss->from, loss->to, loss->reason);
        return;
    }
    shipper->accounts.read += message.size;
    shipper->accounts.pending += message.size;
}

void shipper_send_losses(struct shipper *shipper)
{
    struct follow_loss loss;

    if (shipper->follow->loss_count > 0)
        shipper_close_batch(shipper); /* what is before the loss goes before it */
    while (session_takes_lines(&shipper->session) && follow_take_loss(shipper->follow, &loss))
        send_loss(shipper, &loss);
}

/* ---- what the session reports ---- */

static void acked(void *user, const struct sent_range *range)
{
    struct shipper *shipper = user;
    struct source *source = range->source;
    uint64_t len = range->end - range->start;

    source->in_flight--;
    shipper->accounts.pending -= len;
    if (range->loss != 0)
        shipper->accounts.dropped[range->loss] += len;
    else
        shipper->accounts.acked += len;
    if (range->end >= source->gen.acked_off) {
        source->gen.acked_off = range->end;
        source->gen.acked_tail = range->end_tail;
    }
    source->refusals = 0;
    follow_settle(shipper->follow, source);
}

/* Lines that the collector will never take: their ranges become losses, in the same place. */
static void refused(void *user, const struct sent_frame *frame, const char *why)
{
    struct shipper *shipper = user;

    (void)why;
    shipper->refused_frames++;
    for (uint32_t i = 0; i < frame->range_count; i++) {
        const struct sent_range *range = &frame->ranges[i];
        uint64_t len = range->end - range->start;

        range->source->in_flight--;
        shipper->accounts.pending -= len;
        shipper->accounts.read -= len;
        if (len > 0)
            follow_add_loss(shipper->follow, range->source, range->start, range->end,
                            range->loss != 0 ? range->loss : LOSS_QUARANTINE);
    }
}

static void disagreed(void *user, const struct wire_watermark *watermark, bool ident)
{
    struct shipper *shipper = user;
    struct source_answer answer = {.known = true, .watermark = *watermark};
    struct source *source = source_table_find_id(
        &shipper->follow->sources, watermark->source.generation, watermark->source.truncations);

    if (source == NULL || source->state != SOURCE_FOLLOWED)
        return;
    source->refusals += ident;
    source->state = SOURCE_ASKING;
    /* Offset 0 and no hash: the collector has nothing, so a new beginning is what it wants. */
    answer.known = watermark->durable_offset > 0;
    follow_answer(shipper->follow, source, &answer);
}

static void answered(void *user, const struct source_answer *answer)
{
    struct shipper *shipper = user;
    struct source_table *sources = &shipper->follow->sources;

    for (uint32_t i = 0; i < sources->count; i++) {
        struct source *source = sources->items[i];

        if (source->state == SOURCE_ASKING && source->asked &&
            memcmp(source->gen.gen_id, answer->watermark.source.generation, GEN_ID_SIZE) == 0)
            follow_answer(shipper->follow, source, answer);
    }
}

static void opened(void *user)
{
    struct shipper *shipper = user;

    for (uint32_t i = 0; i < shipper->follow->sources.count; i++)
        shipper->follow->sources.items[i]->asked = false;
}

static void store_changed(void *user, uint64_t store_incarnation)
{
    struct shipper *shipper = user;

    shipper->meta.store_incarnation = store_incarnation;
    shipper->meta_dirty = true;
    shipper->cursor = 0; /* all is read again: what was found first comes first */
    follow_ask_all(shipper->follow, true);
}

static void restarted(void *user, bool fenced)
{
    struct shipper *shipper = user;

    session_renew(&shipper->session, shipper_next_epoch(shipper));
    if (fenced) { /* the collector knows nothing of the new id: what was acked stays acked */
        shipper_new_id(shipper);
        follow_begin_at_acked(shipper->follow);
    }
    follow_ask_all(shipper->follow, false);
    shipper_save(shipper);
}

const struct session_handler shipper_session_handler = {
    .acked = acked,
    .dropping = dropping,
    .dropped = rewind_range,
    .refused = refused,
    .disagreed = disagreed,
    .answered = answered,
    .opened = opened,
    .store_changed = store_changed,
    .restarted = restarted,
};

/* ---- questions ---- */

void shipper_ask(struct shipper *shipper)
{
    uint8_t generations[QUESTION_MAX][WIRE_ID_SIZE];
    struct source *asked[QUESTION_MAX];
    struct source_query query = {.generations = (const uint8_t(*)[WIRE_ID_SIZE])generations};
    struct source_table *sources = &shipper->follow->sources;

    if (shipper->session.state != SESSION_OPEN || shipper->session.asking)
        return;
    for (uint32_t i = 0; i < sources->count && query.count < QUESTION_MAX; i++) {
        struct source *source = sources->items[i];

        if (source->state != SOURCE_ASKING || source->asked)
            continue;
        if (!shipper->session.may_ask) { /* an old collector: watermarks alone must do */
            source->begun = source->gen.acked_off > source->gen.begin_off;
            source_move(source, source->gen.acked_off, source->gen.acked_tail);
            source->state = SOURCE_FOLLOWED;
            continue;
        }
        memcpy(generations[query.count], source->gen.gen_id, WIRE_ID_SIZE);
        asked[query.count++] = source;
    }
    if (query.count > 0 && session_ask(&shipper->session, &query))
        for (uint32_t i = 0; i < query.count; i++)
            asked[i]->asked = true;
}
