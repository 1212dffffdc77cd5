/* The loop runs in a thread; the test talks to it through real sockets on loopback. */
#include "tests/collector/native_fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- the input ---- */

static void on_closed(void *user)
{
    struct native_fixture *fixture = user;

    fixture->closed = true;
}

static void on_stop(uv_async_t *handle)
{
    struct native_fixture *fixture = handle->data;

    native_hang_up(fixture->native);
    pipeline_close(fixture->pipeline);
    native_close(fixture->native, on_closed, fixture);
    uv_close((uv_handle_t *)&fixture->stop, NULL);
}

static void *run_loop(void *user)
{
    struct native_fixture *fixture = user;

    (void)uv_run(&fixture->loop, UV_RUN_DEFAULT);
    return NULL;
}

void native_fixture_start(struct native_fixture *fixture, struct native_options options)
{
    struct pipeline_options pipeline = { .io = io_system(),
                                         .geo = "fr",
                                         .worker_count = FAKE_SHARDS,
                                         .done = native_done };
    struct error err = {0};

    (void)signal(SIGPIPE, SIG_IGN); /* as the program does: libuv writes to closed sockets */
    *fixture = (struct native_fixture){ .store = fake_store_new(true) };
    assert_int_equal(uv_loop_init(&fixture->loop), 0);
    assert_int_equal(uv_async_init(&fixture->loop, &fixture->stop, on_stop), 0);
    fixture->stop.data = fixture;
    assert_int_equal(derive_rules_new(NULL, &fixture->rules, &err), STATUS_OK);
    options.loop = &fixture->loop;
    options.listen = (struct address){ "127.0.0.1", 0 };
    options.geo = "fr";
    options.build = "test";
    options.io = io_system();
    options.store = fixture->store;
    assert_int_equal(native_new(&options, &fixture->native, &err), STATUS_OK);
    pipeline.store = fixture->store;
    pipeline.rules = fixture->rules;
    pipeline.user = fixture->native;
    assert_int_equal(pipeline_open(&pipeline, &fixture->pipeline, &err), STATUS_OK);
    assert_int_equal(native_start(fixture->native, fixture->pipeline, &err), STATUS_OK);
    assert_int_equal(pthread_create(&fixture->thread, NULL, run_loop, fixture), 0);
}

void native_fixture_stop(struct native_fixture *fixture)
{
    (void)uv_async_send(&fixture->stop);
    (void)pthread_join(fixture->thread, NULL);
    assert_true(fixture->closed);
    assert_int_equal(uv_loop_close(&fixture->loop), 0);
}

void native_fixture_free(struct native_fixture *fixture)
{
    derive_rules_free(fixture->rules);
    fake_store_free(fixture->store);
}

/* ---- the shipper ---- */

void fake_shipper_connect(struct fake_shipper *shipper, const struct native_fixture *fixture)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons(native_port(fixture->native)) };
    struct timeval patience = { .tv_sec = 5 };

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (shipper->epoch == 0)
        *shipper = (struct fake_shipper){ .epoch = 1, .id = { 7 }, .boot = { 1 } };
    shipper->input = buf_empty(4 * FRAME_SIZE_MAX);
    shipper->rest = (struct slice){0};
    shipper->fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(shipper->fd >= 0);
    (void)setsockopt(shipper->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    assert_int_equal(connect(shipper->fd, (struct sockaddr *)&address, sizeof(address)), 0);
}

void fake_shipper_close(struct fake_shipper *shipper)
{
    (void)close(shipper->fd);
    buf_release(&shipper->input);
}

void fake_shipper_send_bytes(struct fake_shipper *shipper, struct slice bytes)
{
    while (bytes.len > 0) {
        ssize_t sent = send(shipper->fd, bytes.data, bytes.len, MSG_NOSIGNAL);

        if (sent < 0)
            return; /* the other side has closed: the test reads why */
        bytes = slice_from(bytes, (size_t)sent);
    }
}

void fake_shipper_send(struct fake_shipper *shipper, enum frame_type type, enum frame_lane lane,
                       uint64_t seq, struct slice body)
{
    struct frame_fields fields = { .type = type, .lane = lane, .seq = seq };
    struct buf out = buf_empty(FRAME_SIZE_MAX);
    struct error err = {0};

    assert_int_equal(frame_append(&out, &fields, body, NULL, &err), STATUS_OK);
    fake_shipper_send_bytes(shipper, buf_slice(&out));
    buf_release(&out);
}

struct hello fake_shipper_hello(const struct fake_shipper *shipper)
{
    struct hello hello = { .version_min = WIRE_VERSION,
                           .version_max = WIRE_VERSION,
                           .features = FEATURE_SOURCE_QUERY,
                           .epoch = shipper->epoch,
                           .codecs = FRAME_CODECS,
                           .body_size_max = FRAME_BODY_SIZE_MAX,
                           .host = slice_of("web-1"),
                           .build = slice_of("fake"),
                           .geo = slice_of("fr") };

    memcpy(hello.shipper, shipper->id, WIRE_ID_SIZE);
    memcpy(hello.boot, shipper->boot, WIRE_ID_SIZE);
    for (size_t i = 0; i < LANE_COUNT; i++)
        hello.lanes[i] = (struct hello_lane){ 1, 1, 0 };
    return hello;
}

void fake_shipper_send_hello(struct fake_shipper *shipper, const struct hello *hello)
{
    struct buf body = buf_empty(8192);

    hello_append(&body, hello);
    fake_shipper_send(shipper, FRAME_HELLO, LANE_CONTROL, 0, buf_slice(&body));
    buf_release(&body);
}

void fake_shipper_greet(struct fake_shipper *shipper)
{
    struct hello hello = fake_shipper_hello(shipper);
    struct frame frame;
    struct error err = {0};

    fake_shipper_send_hello(shipper, &hello);
    assert_true(fake_shipper_read(shipper, &frame));
    assert_int_equal(frame.header.type, FRAME_WELCOME);
    assert_int_equal(welcome_decode(frame.body, &shipper->welcome, &err), STATUS_OK);
}

static void answer_ping(struct fake_shipper *shipper, const struct frame *frame)
{
    struct buf body = buf_empty(64);
    struct ping ping = {0};
    struct error err = {0};

    assert_int_equal(ping_decode(frame->body, &ping, &err), STATUS_OK);
    pong_append(&body, &(struct pong){ .ping_ns = ping.send_ns });
    fake_shipper_send(shipper, FRAME_PONG, LANE_CONTROL, 0, buf_slice(&body));
    buf_release(&body);
}

bool fake_shipper_read(struct fake_shipper *shipper, struct frame *out)
{
    struct error err = {0};

    for (;;) {
        enum status status = frame_read(&shipper->rest, FRAME_BODY_SIZE_MAX, out, &err);
        ssize_t got;

        if (status == STATUS_OK && out->header.type != FRAME_PING)
            return true;
        if (status == STATUS_OK) {
            answer_ping(shipper, out);
            continue;
        }
        assert_int_equal(status, STATUS_AGAIN);
        buf_consume(&shipper->input, shipper->input.len - shipper->rest.len);
        assert_true(buf_reserve(&shipper->input, 65536));
        got = recv(shipper->fd, shipper->input.data + shipper->input.len, 65536, 0);
        if (got == 0 || (got < 0 && errno == ECONNRESET))
            return false;
        assert_true(got > 0); /* else: nothing came for 5 s */
        buf_commit(&shipper->input, (size_t)got);
        shipper->rest = buf_slice(&shipper->input);
    }
}

struct ack fake_shipper_ack(struct fake_shipper *shipper)
{
    struct frame frame;
    struct ack ack;
    struct error err = {0};

    assert_true(fake_shipper_read(shipper, &frame));
    assert_int_equal(frame.header.type, FRAME_ACK);
    assert_int_equal(ack_decode(frame.body, &ack, &err), STATUS_OK);
    return ack;
}

struct nack fake_shipper_nack(struct fake_shipper *shipper)
{
    struct frame frame;
    struct nack nack;
    struct error err = {0};

    assert_true(fake_shipper_read(shipper, &frame));
    assert_int_equal(frame.header.type, FRAME_NACK);
    assert_int_equal(nack_decode(frame.body, &nack, &err), STATUS_OK);
    return nack;
}

void fake_shipper_await(struct fake_shipper *shipper, uint64_t seq)
{
    struct ack ack;

    do {
        ack = fake_shipper_ack(shipper);
        assert_int_equal(ack.lane, LANE_NORMAL);
        assert_true(ack.durable_seq <= seq);
    } while (ack.durable_seq < seq);
}

void fake_shipper_await_close(struct fake_shipper *shipper)
{
    struct frame frame;

    assert_false(fake_shipper_read(shipper, &frame));
}
