/* collector/inputs/native_private.h -- shared by the files of the native input:
 * native.c (listener, timer, answers), native_hello.c (HELLO, fence, WELCOME), native_conn.c (state
 * machine of a connection, control frames),
 * native_lane.c (frames in flight and their acks), native_send.c (what goes out).
 * Thread safety: the loop thread, except for native.done_lock and what it guards. */
#ifndef DENDRO_COLLECTOR_INPUTS_NATIVE_PRIVATE_H
#define DENDRO_COLLECTOR_INPUTS_NATIVE_PRIVATE_H

#include "collector/dedup.h"
#include "collector/inputs/lane_window.h"
#include "collector/inputs/native.h"
#include "collector/inputs/shipper_table.h"

#include <pthread.h>
#include <uv.h>

/* Frames of one lane that are accepted and not yet answered, oldest first. Results are taken in
 * the order of the lane, so an ack is cumulative and a NACK rewinds once. */
struct native_lane {
    struct lane_sequence sequence;
    struct lane_window window;
    struct pipeline_frame *frames[LANE_FRAMES_MAX]; /* ring */
    bool done[LANE_FRAMES_MAX];
    uint32_t first, count;
    bool ack_due;
    uint32_t ahead_count;
    struct wire_watermark ahead[AHEAD_WATERMARKS_MAX]; /* for the next ACK */
};

struct native_conn {
    enum { NATIVE_HELLO, NATIVE_FENCE, NATIVE_OPEN, NATIVE_CLOSING } state;
    uv_tcp_t tcp;                /* .data points back here */
    struct native *native;       /* borrowed: outlives every connection */
    struct native_conn *next, *previous;
    struct buf input;            /* received, not yet decoded */
    bool paused;                 /* reading is stopped until the queue is shorter */
    struct shipper *shipper;     /* from NATIVE_OPEN on */
    struct hello hello;          /* in NATIVE_FENCE; its texts are in hello_body */
    struct buf hello_body;
    uint64_t epoch, features;
    uint32_t body_size_max;
    struct native_lane lanes[LANE_COUNT];
    int64_t heard_ns, pinged_ns; /* monotonic */
    int64_t deadline_ns;         /* of HELLO or of the fence */
    struct native_conn *rival;   /* in NATIVE_FENCE: holds the id; NULL once it is gone */
    int64_t rival_heard_ns;      /* its heard_ns when the question was asked */
    char peer[64];
};

struct native {
    struct native_options options;
    struct pipeline *pipeline;
    uv_tcp_t listener;
    uv_timer_t timer;
    uv_async_t done_async;
    bool listening, draining, closing;
    unsigned open_handles;       /* listener, timer, async: 3, 2, 1, 0 */
    uint16_t port;
    struct native_conn *conns;
    uint32_t conn_count, paused_count;
    struct shipper_table shippers;
    struct native_stats stats;
    void (*closed)(void *user);
    void *closed_user;

    pthread_mutex_t done_lock;   /* of the list */
    struct pipeline_frame *first_done, *last_done;
};

static inline int64_t native_mono(const struct native *native)
{
    return io_mono_ns(native->options.io);
}

/* Monotonic time `delay_ms` from now. */
static inline int64_t native_after(const struct native *native, uint32_t delay_ms)
{
    return native_mono(native) + (int64_t)delay_ms * 1000000;
}

/* After the last close callback of connections and handles: ends native_close(). */
void native_free_if_closed(struct native *native);

/* ---- native_conn.c ---- */
void native_conn_accept(struct native *native);
void native_conn_close(struct native_conn *conn);
/* Look after timeouts, liveness and fences. */
void native_conn_tick(struct native_conn *conn, int64_t now_ns);
/* Go on with what is in the input buffer, and read again if reading was stopped. */
void native_conn_resume(struct native_conn *conn);

/* ---- native_hello.c ---- */
enum { BODY_SIZE_MIN = 64 << 10 }; /* the least a frame may be: a batch of a slow link */
/* The first frame of a connection: refuse it, open the connection, or ask a rival (fence). */
void native_hello_take(struct native_conn *conn, const struct frame *frame);
/* HELLO is fine: open, unless its id is held. Again when a fence has ended. */
void native_hello_enter(struct native_conn *conn);

/* ---- native_lane.c ---- */
/* A BATCH or LOSS frame; sends what has to be answered at once. */
void native_lane_take(struct native_conn *conn, const struct frame *frame);
/* A frame came back from the pipeline. */
void native_lane_done(struct native_conn *conn, struct pipeline_frame *frame);
/* Send the ACKs that are due. */
void native_lane_acks(struct native_conn *conn);
/* The connection goes: frames in flight lose their owner. */
void native_lane_abandon(struct native_conn *conn);
/* `lane` NULL: what a lane gets at its beginning. */
struct lane_credit native_credit(const struct native *native, const struct native_lane *lane);

/* ---- native_send.c: all close a connection whose output is not read ---- */
void native_send(struct native_conn *conn, enum frame_type type, struct slice body);
void native_send_nack(struct native_conn *conn, const struct nack *nack);
/* NACK in lane 0, diag, close. */
void native_refuse(struct native_conn *conn, enum nack_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void native_send_bye(struct native_conn *conn, const char *reason);

#endif
