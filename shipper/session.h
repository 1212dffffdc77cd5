/* shipper/session.h -- the conversation with a collector, as a state machine without sockets.
 *
 *   DOWN -> CONNECTING -> GREETING (HELLO sent) -> OPEN (WELCOME came) -> DOWN
 *
 * What is in flight outlives a connection: within an epoch the frames are sent again, byte by byte
 * the same, from where WELCOME says. What the collector refuses goes back to the files through the
 * handler. What each message means: docs/wire.md.
 * Thread safety: the loop thread only. */
#ifndef DENDRO_SHIPPER_SESSION_H
#define DENDRO_SHIPPER_SESSION_H

#include "base/compress.h"
#include "base/io.h"
#include "base/message.h"
#include "shipper/in_flight.h"
#include "shipper/retry.h"
#include "shipper/settings.h"
#include "shipper/transport.h"

#include <stdbool.h>
#include <stdint.h>

enum session_state { SESSION_DOWN, SESSION_CONNECTING, SESSION_GREETING, SESSION_OPEN };
const char *session_state_name(enum session_state state);

/* What the session asks of the shipper. A call may use the session's functions, not its state. */
struct session_handler {
    sent_range_visit *acked;      /* durable */
    void (*dropping)(void *user); /* lines in flight are about to be dropped: drop newer ones */
    sent_range_visit *dropped;    /* will not be sent in this form: read it again */
    /* A frame is refused for good: report its ranges as lost. The frame is freed afterwards. */
    void (*refused)(void *user, const struct sent_frame *frame, const char *why);
    /* The collector disagrees about a source: NACK GAP or IDENT, after the drop. */
    void (*disagreed)(void *user, const struct wire_watermark *watermark, bool ident);
    void (*answered)(void *user, const struct source_answer *answer);
    void (*opened)(void *user); /* a new connection: open questions are to be asked again */
    /* Before anything is sent to it: the lane of lines is empty, positions are back at what was
     * acked. The shipper drops the batch being filled and asks for every source again. */
    void (*store_changed)(void *user, uint64_t store_incarnation);
    /* Positions in flight mean nothing any more (fenced, or out of step): as above, and the
     * session goes on in a new epoch, which the shipper gives with session_renew(). */
    void (*restarted)(void *user, bool fenced);
};

struct session_counters {
    uint64_t connects, welcomes, frames_sent, bytes_sent, acks, damaged_frames;
    uint64_t nacks[NACK_CODE_END];
};

struct session {
    struct io *io;
    const struct shipper_settings *settings;
    struct transport *transport;
    const struct session_handler *handler;
    void *user;
    enum session_state state;
    uint8_t shipper_id[WIRE_ID_SIZE], boot_id[WIRE_ID_SIZE];
    uint64_t epoch, store_incarnation;
    struct in_flight metrics, lines; /* lanes 2 and 3 */
    struct buf input;                /* received, not decoded */
    struct buf output;               /* one control message being made */
    struct buf packed;               /* one frame being made */
    struct buf scratch;
    struct compressor *compressor;
    struct retry retry;
    int64_t now_ns;
    int64_t connect_at_ns; /* in DOWN */
    int64_t changed_ns, heard_ns, pinged_ns;
    int64_t hold_lines_until_ns; /* the collector asked for a pause */
    uint64_t backlog_size;       /* for HELLO; the shipper's to set */
    uint32_t body_size_max;
    enum codec codec;
    bool may_ask, asking;
    bool stopping;                   /* no new connections */
    int64_t rtt_ns, clock_offset_ns; /* of the best ping lately; rtt 0: none */
    struct session_counters counters;
};

struct session_options {
    struct io *io;
    const struct shipper_settings *settings;
    struct transport *transport;
    const struct session_handler *handler;
    void *user;
};

enum status session_init(struct session *session, const struct session_options *options,
                         struct error *err) WARN_UNUSED;
void session_release(struct session *session);

/* Everything that is due: connect, ping, give up a silent peer, send. Gives the time of the next
 * due thing. */
int64_t session_step(struct session *session);

/* May lines be read into one more batch now? */
bool session_takes_lines(const struct session *session);
/* What goes out as one frame. Borrowed: all of it may go after session_add(). */
struct outgoing {
    enum frame_type type;
    struct slice body;
    const struct sent_range *ranges; /* NULL: samples */
    uint32_t range_count;
};

/* Encode it as the next frame of a lane, to be sent in turn. */
enum status session_add(struct session *session, struct in_flight *lane,
                        const struct outgoing *outgoing, struct error *err) WARN_UNUSED;
/* Ask how far the collector has these generations; false: not now. One question at a time. */
bool session_ask(struct session *session, const struct source_query *query);
/* A new epoch: everything in flight is dropped through the handler, the connection is closed. */
void session_renew(struct session *session, uint64_t epoch);
/* Say goodbye and close. */
void session_stop(struct session *session, const char *reason);

#endif
