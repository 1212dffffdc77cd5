/* How a connection begins: what HELLO must say, who may have its shipper id, what WELCOME grants
 * (docs/wire.md). Refusals are whole sentences: an operator reads them. */
#include "collector/inputs/native_private.h"

#include "base/diag.h"

#include <stdio.h>
#include <string.h>

static bool name_is_plain(struct slice name)
{
    if (name.len == 0 || name.len > NAME_SIZE_MAX)
        return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.data[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '.' || c == '_' || c == '-' || c == ':';

        if (!plain)
            return false;
    }
    return true;
}

/* The rules that need no other connection. False: refused. */
static bool check_hello(struct native_conn *conn, const struct hello *hello)
{
    const char *geo = conn->native->options.geo;

    if (hello->version_min > WIRE_VERSION || hello->version_max < WIRE_VERSION) {
        native_refuse(conn, NACK_VERSION,
                      "this collector (%s) speaks wire version %d, the shipper %u to %u: upgrade "
                      "the older of the two", conn->native->options.build, WIRE_VERSION,
                      hello->version_min, hello->version_max);
        return false;
    }
    if (!name_is_plain(hello->host)) {
        native_refuse(conn, NACK_SCHEMA, "the host name must be 1 to %d of A-Z a-z 0-9 . _ - :",
                      NAME_SIZE_MAX);
        return false;
    }
    if (!slice_is(hello->geo, geo)) {
        native_refuse(conn, NACK_GEO,
                      "this collector keeps geo \"%s\", the shipper belongs to \"%.*s\": its "
                      "lines must not be stored here", geo,
                      SLICE_ARG(slice_first(hello->geo, NAME_SIZE_MAX)));
        return false;
    }
    return true;
}

static void copy_text(char *to, size_t size, struct slice text)
{
    (void)snprintf(to, size, "%.*s", SLICE_ARG(text));
}

/* Take over what HELLO says; the lanes start where both sides agree. */
static void adopt(struct native_conn *conn, struct shipper *shipper)
{
    const struct hello *hello = &conn->hello;

    if (shipper->epoch != hello->epoch)
        memset(shipper->durable_seq, 0, sizeof(shipper->durable_seq));
    shipper->epoch = hello->epoch;
    memcpy(shipper->boot, hello->boot, sizeof(shipper->boot));
    copy_text(shipper->host, sizeof(shipper->host), hello->host);
    copy_text(shipper->build, sizeof(shipper->build), slice_first(hello->build, BUILD_SIZE_MAX));
    shipper->conn = conn;
    shipper->connects++;
    shipper->seen_ns = io_wall_ns(conn->native->options.io);
    shipper->backlog_size = 0;
    conn->shipper = shipper;
    conn->epoch = hello->epoch;
    conn->features = hello->features & FEATURE_SOURCE_QUERY;
    for (size_t i = 0; i < LANE_COUNT; i++) {
        conn->lanes[i].sequence = lane_sequence_begin(shipper->durable_seq[i],
                                                      hello->lanes[i].oldest_unacked_seq);
        conn->lanes[i].window = lane_window_start();
        shipper->durable_seq[i] = conn->lanes[i].sequence.durable_seq;
        shipper->backlog_size += hello->lanes[i].backlog_size;
    }
}

/* Large frames only while few connections could hold half-read ones. */
static uint32_t body_size_for(const struct native_conn *conn)
{
    const struct native *native = conn->native;
    size_t size = native->options.budget_size / (2 * (size_t)native->conn_count);

    if (size > FRAME_BODY_SIZE_MAX)
        size = FRAME_BODY_SIZE_MAX;
    if (size > conn->hello.body_size_max)
        size = conn->hello.body_size_max;
    return size < BODY_SIZE_MIN ? BODY_SIZE_MIN : (uint32_t)size;
}

static enum codec best_codec(uint32_t codecs)
{
    if (codecs & (1u << CODEC_ZSTD))
        return CODEC_ZSTD;
    return codecs & (1u << CODEC_ZLIB) ? CODEC_ZLIB : CODEC_NONE;
}

static void send_welcome(struct native_conn *conn, int64_t receive_ns)
{
    struct native *native = conn->native;
    struct buf body = buf_empty(4096);
    struct welcome welcome = {
        .version = WIRE_VERSION,
        .features = conn->features,
        .codec = (uint8_t)best_codec(conn->hello.codecs),
        .body_size_max = conn->body_size_max,
        .store_incarnation = store_incarnation(native->options.store),
        .receive_ns = (uint64_t)receive_ns,
        .send_ns = (uint64_t)io_wall_ns(native->options.io),
        .geo = slice_of(native->options.geo),
        .build = slice_of(native->options.build),
    };

    memcpy(welcome.node, native->options.node, sizeof(welcome.node));
    for (size_t i = 0; i < LANE_COUNT; i++) {
        welcome.lanes[i].durable_seq = conn->lanes[i].sequence.durable_seq;
        welcome.lanes[i].credit = native_credit(native, NULL);
    }
    welcome_append(&body, &welcome);
    if (!body.failed)
        native_send(conn, FRAME_WELCOME, buf_slice(&body));
    buf_release(&body);
}

static void open_conn(struct native_conn *conn, struct shipper *shipper)
{
    adopt(conn, shipper);
    conn->body_size_max = body_size_for(conn);
    conn->state = NATIVE_OPEN;
    conn->heard_ns = conn->pinged_ns = native_mono(conn->native);
    diag_info("shipper %s (%s, build %s) connected from %s", shipper->host,
              conn->native->options.geo, shipper->build, conn->peer);
    send_welcome(conn, io_wall_ns(conn->native->options.io));
}

/* Another connection has this id. In the same epoch it is the same process, whose old connection
 * is dead without our knowledge. Otherwise it may be a restart, or a clone: ask the old one for a
 * sign of life, since a rebooted host must not lose its id. */
static void meet_rival(struct native_conn *conn, struct shipper *shipper)
{
    struct native_conn *rival = shipper->conn;
    struct buf body = buf_empty(64);
    struct ping ping = {.send_ns = (uint64_t)io_wall_ns(conn->native->options.io)};

    if (shipper->epoch == conn->hello.epoch) {
        native_conn_close(rival);
        open_conn(conn, shipper);
        return;
    }
    conn->state = NATIVE_FENCE;
    conn->rival = rival;
    conn->rival_heard_ns = rival->heard_ns;
    conn->deadline_ns = native_after(conn->native, conn->native->options.fence_wait_ms);
    ping_append(&body, &ping);
    native_send(rival, FRAME_PING, buf_slice(&body));
    buf_release(&body);
}

void native_hello_enter(struct native_conn *conn)
{
    struct native *native = conn->native;
    struct shipper *shipper = shipper_table_get(&native->shippers, conn->hello.shipper);

    if (shipper == NULL)
        native_refuse(conn, NACK_QUOTA, "too many shippers are connected");
    else if (shipper->conn != NULL)
        meet_rival(conn, shipper);
    else
        open_conn(conn, shipper);
}

void native_hello_take(struct native_conn *conn, const struct frame *frame)
{
    struct error err = {0};

    if (frame->header.type != FRAME_HELLO || !frame->body_intact ||
        frame->header.codec != CODEC_NONE) {
        native_refuse(conn, NACK_SCHEMA, "a connection begins with HELLO, not with %s%s",
                      frame->body_intact ? "" : "a damaged ", frame_type_name(frame->header.type));
        return;
    }
    /* Kept, since a fence may need it later: the texts of `hello` point into it. */
    if (!buf_append_slice(&conn->hello_body, frame->body) ||
        hello_decode(buf_slice(&conn->hello_body), &conn->hello, &err) != STATUS_OK) {
        native_refuse(conn, NACK_SCHEMA, "%s", err.message);
        return;
    }
    if (check_hello(conn, &conn->hello))
        native_hello_enter(conn);
}
