/* A hostile collector: frames with right checksums and any content, in any order, at a shipper's
 * session that has frames in flight. Nothing may crash, and the window must stay consistent. */
#include "base/diag.h"
#include "base/frame.h"
#include "shipper/session.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct fuzz_transport {
    struct transport base;
    bool open;
};

static enum status fuzz_connect(struct transport *transport, struct error *err)
{
    (void)err;
    ((struct fuzz_transport *)(void *)transport)->open = true;
    return STATUS_OK;
}

static enum status fuzz_send(struct transport *transport, struct slice bytes, struct error *err)
{
    (void)transport;
    (void)bytes;
    (void)err;
    return STATUS_OK;
}

static size_t fuzz_queued(const struct transport *transport)
{
    (void)transport;
    return 0;
}

static void fuzz_close(struct transport *transport)
{
    ((struct fuzz_transport *)(void *)transport)->open = false;
}

static void on_range(void *user, const struct sent_range *range)
{
    (void)user;
    (void)range;
}

static void on_dropping(void *user)
{
    (void)user;
}

static void on_refused(void *user, const struct sent_frame *frame, const char *why)
{
    (void)user;
    (void)why;
    if (frame->seq == 0)
        abort();
}

static void on_disagreed(void *user, const struct wire_watermark *watermark, bool ident)
{
    (void)user;
    (void)watermark;
    (void)ident;
}

static void on_answered(void *user, const struct source_answer *answer)
{
    (void)user;
    (void)answer;
}

static void on_opened(void *user)
{
    (void)user;
}

static void on_store_changed(void *user, uint64_t store_incarnation)
{
    (void)user;
    (void)store_incarnation;
}

static void on_restarted(void *user, bool fenced)
{
    struct session *session = user;

    (void)fenced;
    session_renew(session, session->epoch + 1);
}

static void fill(struct session *session)
{
    struct sent_range range = {.start = 1, .end = 2};
    struct outgoing lines = {FRAME_BATCH, SLICE_LITERAL("body"), &range, 1};
    struct outgoing samples = {FRAME_BATCH, SLICE_LITERAL("body"), NULL, 0};

    while (session->lines.count < 4)
        if (session_add(session, &session->lines, &lines, NULL) != STATUS_OK ||
            session_add(session, &session->metrics, &samples, NULL) != STATUS_OK)
            break;
}

static void check(const struct session *session)
{
    if (session->lines.sent > session->lines.count ||
        session->lines.next_seq < session->lines.count ||
        (session->lines.count == 0 && session->lines.size != 0))
        abort();
}

/* One frame: type, lane, length, body. */
static bool feed(struct session *session, struct slice *rest)
{
    struct buf frame = buf_empty(1 << 16);
    struct frame_fields fields = {.codec = CODEC_NONE};
    size_t len;

    if (rest->len < 3)
        return false;
    fields.type = (enum frame_type)((uint8_t)rest->data[0] % (FRAME_TYPE_END + 2));
    fields.lane = (enum frame_lane)((uint8_t)rest->data[1] % LANE_COUNT);
    len = (uint8_t)rest->data[2];
    *rest = slice_from(*rest, 3);
    if (frame_append(&frame, &fields, slice_first(*rest, len), NULL, NULL) == STATUS_OK &&
        session->state >= SESSION_GREETING)
        session->transport->events->received(session->transport->user, buf_slice(&frame));
    *rest = slice_from(*rest, len);
    buf_release(&frame);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct transport_ops ops = {fuzz_connect, fuzz_send, fuzz_queued, fuzz_close};
    static const struct session_handler handler = {on_range,   on_dropping,      on_range,
                                                   on_refused, on_disagreed,     on_answered,
                                                   on_opened,  on_store_changed, on_restarted};
    struct shipper_settings settings = {.geo = "g", .host = "h", .compression_level = 1};
    struct fuzz_transport transport = {.base = {.ops = &ops}};
    struct session session;
    struct session_options options = {io_system(), &settings, &transport.base, &handler, &session};
    struct slice rest = slice_make(data, size);

    diag_init("fuzz", DIAG_ERROR);
    settings.collector.host = "test";
    if (session_init(&session, &options, NULL) != STATUS_OK)
        return 0;
    session.epoch = 1;
    do {
        session.connect_at_ns = 0;
        fill(&session);
        (void)session_step(&session);
        if (session.state == SESSION_CONNECTING)
            transport.base.events->connected(transport.base.user);
        check(&session);
    } while (feed(&session, &rest));
    session_release(&session);
    return 0;
}
