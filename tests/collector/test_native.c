/* The wire as a shipper sees it: HELLO and its refusals, damaged frames, repeats, gaps, clones,
 * liveness, the question before first use. */
#include "base/diag.h"
#include "base/io.h"
#include "tests/collector/native_fixture.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

static const char text[] = "line one\nline two is longer\n\nline four\n"; /* 9, 28, 29, 39 */
static const struct fake_file file_a = { .source = { .generation = { 1 } },
                                         .path = "/var/log/a.log",
                                         .content = { text, sizeof(text) - 1 } };

static void send_range(struct fake_shipper *shipper, const struct fake_file *file, uint64_t start,
                       uint64_t end, uint64_t seq)
{
    struct buf frame = buf_empty(1 << 16);

    fake_file_frame(file, start, end, 0, seq, &frame);
    fake_shipper_send_bytes(shipper, buf_slice(&frame));
    buf_release(&frame);
}

static struct source_id id_of(const struct fake_file *file)
{
    struct source_id id = { .shipper = { 7 }, .truncations = file->source.truncations };

    memcpy(id.generation, file->source.generation, sizeof(id.generation));
    return id;
}

/* Stop, then look: nothing changes the store any more. */
static void stop_and_check(struct native_fixture *fixture, const struct fake_file *file,
                           uint64_t end)
{
    struct source_id id = id_of(file);
    struct buf stored = buf_empty(1 << 20);

    native_fixture_stop(fixture);
    fake_store_text(fixture->store, &id, 0, &stored);
    assert_true(slice_equal(buf_slice(&stored), slice_first(file->content, end)));
    buf_release(&stored);
    native_fixture_free(fixture);
}

/* ---- HELLO ---- */

static void hello_old(struct hello *hello)
{
    hello->version_min = hello->version_max = 0;
}
static void hello_new(struct hello *hello)
{
    hello->version_min = 2;
    hello->version_max = 7;
}
static void hello_range(struct hello *hello)
{
    hello->version_max = 7;
}
static void hello_other_geo(struct hello *hello)
{
    hello->geo = slice_of("us");
}
static void hello_no_geo(struct hello *hello)
{
    hello->geo = slice_of("");
}
static void hello_no_host(struct hello *hello)
{
    hello->host = slice_of("");
}
static void hello_forged_host(struct hello *hello)
{
    hello->host = slice_of("web-1\n2026 forged");
}

static const struct hello_case {
    const char *name;
    void (*change)(struct hello *hello);
    uint8_t nack_code; /* 0: welcome */
    const char *says;
} hello_cases[] = {
    { "range of versions that holds ours", hello_range, 0, "" },
    { "older than we speak", hello_old, NACK_VERSION, "speaks wire version 1, the shipper 0 to 0" },
    { "newer than we speak", hello_new, NACK_VERSION, "the shipper 2 to 7" },
    { "another geo", hello_other_geo, NACK_GEO, "belongs to \"us\"" },
    { "no geo", hello_no_geo, NACK_GEO, "belongs to \"\"" },
    { "no host", hello_no_host, NACK_SCHEMA, "host name" },
    { "control bytes in the host", hello_forged_host, NACK_SCHEMA, "host name" },
};

static void test_hello(void **unused)
{
    struct native_fixture fixture;

    (void)unused;
    native_fixture_start(&fixture, (struct native_options){0});
    for (size_t i = 0; i < COUNT_OF(hello_cases); i++) {
        const struct hello_case *c = &hello_cases[i];
        struct fake_shipper shipper = {0};
        struct hello hello;
        struct frame frame;
        struct nack nack;

        print_message("  %s\n", c->name);
        fake_shipper_connect(&shipper, &fixture);
        hello = fake_shipper_hello(&shipper);
        c->change(&hello);
        fake_shipper_send_hello(&shipper, &hello);
        if (c->nack_code == 0) {
            assert_true(fake_shipper_read(&shipper, &frame));
            assert_int_equal(frame.header.type, FRAME_WELCOME);
        } else {
            nack = fake_shipper_nack(&shipper);
            assert_int_equal(nack.code, c->nack_code);
            assert_int_equal(nack.lane, LANE_CONTROL);
            assert_true(slice_find(nack.detail, slice_of(c->says)) != SIZE_MAX);
            fake_shipper_await_close(&shipper);
        }
        fake_shipper_close(&shipper);
    }
    native_fixture_stop(&fixture);
    native_fixture_free(&fixture);
}

static void test_welcome(void **unused)
{
    struct native_fixture fixture;
    struct fake_shipper shipper = {0};

    (void)unused;
    native_fixture_start(&fixture, (struct native_options){0});
    fake_shipper_connect(&shipper, &fixture);
    fake_shipper_greet(&shipper);
    assert_int_equal(shipper.welcome.version, 1);
    assert_int_equal(shipper.welcome.features, FEATURE_SOURCE_QUERY);
    assert_int_equal(shipper.welcome.codec, CODEC_ZSTD);
    assert_int_equal(shipper.welcome.body_size_max, FRAME_BODY_SIZE_MAX);
    assert_int_equal(shipper.welcome.store_incarnation, 42); /* fake_store.c */
    assert_true(slice_is(shipper.welcome.geo, "fr"));
    assert_int_equal(shipper.welcome.lanes[LANE_NORMAL].credit.window_size, 8 << 20);
    fake_shipper_close(&shipper);
    native_fixture_stop(&fixture);
    native_fixture_free(&fixture);
}

/* What comes instead of HELLO, or as a broken frame. */
static const struct garbage_case {
    const char *name;
    const char *bytes;
    size_t len;
    bool greeted;
    uint8_t nack_code;
} garbage_cases[] = {
    { "HTTP", "GET / HTTP/1.1\r\nHost: localhost:7601\r\n\r\n", 40, false, NACK_CRC },
    { "NULs", "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 32, true,
      NACK_CRC },
};

static void test_garbage(void **unused)
{
    struct native_fixture fixture;

    (void)unused;
    native_fixture_start(&fixture, (struct native_options){0});
    for (size_t i = 0; i < COUNT_OF(garbage_cases); i++) {
        const struct garbage_case *c = &garbage_cases[i];
        struct fake_shipper shipper = {0};

        print_message("  %s\n", c->name);
        fake_shipper_connect(&shipper, &fixture);
        if (c->greeted)
            fake_shipper_greet(&shipper);
        fake_shipper_send_bytes(&shipper, slice_make(c->bytes, c->len));
        assert_int_equal(fake_shipper_nack(&shipper).code, c->nack_code);
        fake_shipper_await_close(&shipper);
        fake_shipper_close(&shipper);
    }
    native_fixture_stop(&fixture);
    native_fixture_free(&fixture);
}

/* Types: what a shipper must not send, what is unknown, what is optional. */
static const struct type_case {
    const char *name;
    unsigned type;
    enum frame_lane lane;
    bool refused;
} type_cases[] = {
    { "WELCOME from a shipper", FRAME_WELCOME, LANE_CONTROL, true },
    { "second HELLO", FRAME_HELLO, LANE_CONTROL, true },
    { "CONFIG is reserved", FRAME_CONFIG, LANE_CONTROL, true },
    { "type 77", 77, LANE_CONTROL, true },
    { "BATCH in the control lane", FRAME_BATCH, LANE_CONTROL, true },
    { "type 128 is skipped", 128, LANE_CONTROL, false },
    { "type 255 is skipped", 255, LANE_NORMAL, false },
};

static void test_types(void **unused)
{
    struct native_fixture fixture;

    (void)unused;
    native_fixture_start(&fixture, (struct native_options){0});
    for (size_t i = 0; i < COUNT_OF(type_cases); i++) {
        const struct type_case *c = &type_cases[i];
        struct fake_shipper shipper = {0};

        print_message("  %s\n", c->name);
        fake_shipper_connect(&shipper, &fixture);
        fake_shipper_greet(&shipper);
        fake_shipper_send(&shipper, (enum frame_type)c->type, c->lane, 0, slice_of("something"));
        if (c->refused) {
            assert_int_equal(fake_shipper_nack(&shipper).code, NACK_SCHEMA);
            fake_shipper_await_close(&shipper);
        } else {
            send_range(&shipper, &file_a, 0, 9, 1);
            fake_shipper_await(&shipper, 1);
        }
        fake_shipper_close(&shipper);
    }
    native_fixture_stop(&fixture);
    native_fixture_free(&fixture);
}

/* ---- batches ---- */

static void test_batches_in_order(void **unused)
{
    struct native_fixture fixture;
    struct fake_shipper shipper = {0};

    (void)unused;
    native_fixture_start(&fixture, (struct native_options){0});
    fake_shipper_connect(&shipper, &fixture);
    fake_shipper_greet(&shipper);
    send_range(&shipper, &file_a, 0, 9, 1);
    send_range(&shipper, &file_a, 9, 28, 2);
    send_range(&shipper, &file_a, 28, 39, 3);
    fake_shipper_await(&shipper, 3);
    send_range(&shipper, &file_a, 9, 28, 2); /* its ack was lost: acked again, stored once */
    assert_int_equal(fake_shipper_ack(&shipper).durable_seq, 3);
    fake_shipper_close(&shipper);
    stop_and_check(&fixture, &file_a, 39);
}

/* The body is damaged on the way: that seq is asked for again, what follows is dropped. */
static void test_damaged_body(void **unused)
{
    struct native_fixture fixture;
    struct fake_shipper shipper = {0};
    struct buf frame = buf_empty(1 << 16);
    struct nack nack;

    (void)unused;
    native_fixture_start(&fixture, (struct native_options){0});
    fake_shipper_connect(&shipper, &fixture);
    fake_shipper_greet(&shipper);
    fake_file_frame(&file_a, 0, 9, 0, 1, &frame);
    frame.data[FRAME_HEADER_SIZE + 50] ^= 1;
    fake_shipper_send_bytes(&shipper, buf_slice(&frame));
    send_range(&shipper, &file_a, 9, 28, 2);
    nack = fake_shipper_nack(&shipper);
    assert_int_equal(nack.code, NACK_CRC);
    assert_int_equal(nack.lane, LANE_NORMAL);
    assert_int_equal(nack.expected_seq, 1);
    assert_false(nack.permanent);
    send_range(&shipper, &file_a, 0, 9, 1);
    send_range(&shipper, &file_a, 9, 28, 2);
    fake_shipper_await(&shipper, 2);
    fake_shipper_close(&shipper);
    buf_release(&frame);
    stop_and_check(&fixture, &file_a, 28);
}

static void test_lost_frame(void **unused)
{
    struct native_fixture fixture;
    struct fake_shipper shipper = {0};
    struct nack nack;

    (void)unused;
    native_fixture_start(&fixture, (struct native_options){0});
    fake_shipper_connect(&shipper, &fixture);
    fake_shipper_greet(&shipper);
    send_range(&shipper, &file_a, 9, 28, 2);
    send_range(&shipper, &file_a, 28, 39, 3);
    nack = fake_shipper_nack(&shipper);
    assert_int_equal(nack.code, NACK_GAP);
    assert_int_equal(nack.seq, 2);
    assert_int_equal(nack.expected_seq, 1);
    assert_false(nack.has_watermark); /* frames are missing, not bytes */
    send_range(&shipper, &file_a, 0, 39, 1); /* other borders are fine: it was never taken */
    fake_shipper_await(&shipper, 1);
    fake_shipper_close(&shipper);
    stop_and_check(&fixture, &file_a, 39);
}

/* Bytes are missing: NACK with our position, and what is behind it is dropped until the rewind. */
static void test_gap_in_bytes(void **unused)
{
    struct native_fixture fixture;
    struct fake_shipper shipper = {0};
    struct nack nack;

    (void)unused;
    native_fixture_start(&fixture, (struct native_options){0});
    fake_shipper_connect(&shipper, &fixture);
    fake_shipper_greet(&shipper);
    send_range(&shipper, &file_a, 0, 9, 1);
    fake_shipper_await(&shipper, 1);
    send_range(&shipper, &file_a, 28, 29, 2);
    send_range(&shipper, &file_a, 29, 39, 3);
    nack = fake_shipper_nack(&shipper);
    assert_int_equal(nack.code, NACK_GAP);
    assert_int_equal(nack.seq, 2);
    assert_true(nack.has_watermark);
    assert_int_equal(nack.watermark.durable_offset, 9);
    assert_int_equal(nack.watermark.tail_hash, fake_file_tail(&file_a, 9));
    assert_true(slice_find(nack.detail, slice_of("/var/log/a.log")) != SIZE_MAX);
    send_range(&shipper, &file_a, 9, 39, 2);
    fake_shipper_await(&shipper, 2);
    fake_shipper_close(&shipper);
    stop_and_check(&fixture, &file_a, 39);
}

/* A batch that cannot be decoded: refused for ever, a LOSS takes its seq, the lane goes on. */
static void test_loss_takes_the_place(void **unused)
{
    struct native_fixture fixture;
    struct fake_shipper shipper = {0};
    struct loss_message loss = { .source = file_a.source, .from_offset = 9, .to_offset = 28,
                                 .size = 19, .reason = LOSS_QUARANTINE,
                                 .end_tail = fake_file_tail(&file_a, 28) };
    struct buf body = buf_empty(4096);
    const struct fake_loss *losses;
    struct nack nack;

    (void)unused;
    native_fixture_start(&fixture, (struct native_options){0});
    fake_shipper_connect(&shipper, &fixture);
    fake_shipper_greet(&shipper);
    send_range(&shipper, &file_a, 0, 9, 1);
    fake_shipper_await(&shipper, 1);
    fake_shipper_send(&shipper, FRAME_BATCH, LANE_NORMAL, 2, slice_of("\x01\x01nonsense"));
    nack = fake_shipper_nack(&shipper);
    assert_int_equal(nack.code, NACK_SCHEMA);
    assert_true(nack.permanent);
    assert_int_equal(nack.expected_seq, 2);
    loss_message_append(&body, &loss);
    fake_shipper_send(&shipper, FRAME_LOSS, LANE_NORMAL, 2, buf_slice(&body));
    send_range(&shipper, &file_a, 28, 39, 3);
    fake_shipper_await(&shipper, 3);
    fake_shipper_close(&shipper);
    native_fixture_stop(&fixture);
    assert_int_equal(fake_store_losses(fixture.store, &losses), 1);
    assert_string_equal(losses[0].reason, "QUARANTINE");
    native_fixture_free(&fixture);
    buf_release(&body);
}

/* ---- across connections ---- */

/* Same process, new connection: WELCOME says what is durable. */
static void test_reconnect_in_the_epoch(void **unused)
{
    struct native_fixture fixture;
    struct fake_shipper shipper = {0};

    (void)unused;
    native_fixture_start(&fixture, (struct native_options){0});
    fake_shipper_connect(&shipper, &fixture);
    fake_shipper_greet(&shipper);
    send_range(&shipper, &file_a, 0, 9, 1);
    send_range(&shipper, &file_a, 9, 28, 2);
    fake_shipper_await(&shipper, 2);
    fake_shipper_close(&shipper);
    fake_shipper_connect(&shipper, &fixture);
    fake_shipper_greet(&shipper);
    assert_int_equal(shipper.welcome.lanes[LANE_NORMAL].durable_seq, 2);
    send_range(&shipper, &file_a, 28, 39, 3);
    fake_shipper_await(&shipper, 3);
    fake_shipper_close(&shipper);
    stop_and_check(&fixture, &file_a, 39);
}

/* New process that has lost its positions, with other borders: everything is there once. */
static void test_new_epoch_reads_again(void **unused)
{
    struct native_fixture fixture;
    struct fake_shipper shipper = {0};
    struct ack ack;
    struct wire_watermark mark;

    (void)unused;
    native_fixture_start(&fixture, (struct native_options){0});
    fake_shipper_connect(&shipper, &fixture);
    fake_shipper_greet(&shipper);
    send_range(&shipper, &file_a, 0, 9, 1);
    send_range(&shipper, &file_a, 9, 28, 2);
    fake_shipper_await(&shipper, 2);
    fake_shipper_close(&shipper);
    shipper.epoch = 2;
    fake_shipper_connect(&shipper, &fixture);
    fake_shipper_greet(&shipper);
    assert_int_equal(shipper.welcome.lanes[LANE_NORMAL].durable_seq, 0);
    send_range(&shipper, &file_a, 0, 29, 1);
    ack = fake_shipper_ack(&shipper);
    assert_int_equal(ack.durable_seq, 1);
    assert_int_equal(ack.watermark_count, 1); /* we were ahead of it, and say how far */
    assert_true(watermark_next(&ack.watermark_bytes, &mark));
    assert_int_equal(mark.durable_offset, 28);
    send_range(&shipper, &file_a, 29, 39, 2);
    fake_shipper_await(&shipper, 2);
    fake_shipper_close(&shipper);
    stop_and_check(&fixture, &file_a, 39);
}

static void test_question(void **unused)
{
    static const uint8_t ids[2][WIRE_ID_SIZE] = { { 1 }, { 99 } };
    struct native_fixture fixture;
    struct fake_shipper shipper = {0};
    struct buf body = buf_empty(4096);
    struct frame frame;
    struct source_answer answer;
    struct slice rest;
    struct error err = {0};
    uint32_t count;

    (void)unused;
    native_fixture_start(&fixture, (struct native_options){0});
    fake_shipper_connect(&shipper, &fixture);
    fake_shipper_greet(&shipper);
    send_range(&shipper, &file_a, 0, 9, 1);
    fake_shipper_await(&shipper, 1);
    source_query_append(&body, &(struct source_query){ 2, ids });
    fake_shipper_send(&shipper, FRAME_SOURCE_QUERY, LANE_CONTROL, 0, buf_slice(&body));
    assert_true(fake_shipper_read(&shipper, &frame));
    assert_int_equal(frame.header.type, FRAME_SOURCE_ANSWER);
    assert_int_equal(source_answers_decode(frame.body, &count, &rest, &err), STATUS_OK);
    assert_int_equal(count, 2);
    assert_true(source_answer_next(&rest, &answer));
    assert_true(answer.known);
    assert_int_equal(answer.watermark.durable_offset, 9);
    assert_int_equal(answer.watermark.tail_hash, fake_file_tail(&file_a, 9));
    assert_true(source_answer_next(&rest, &answer));
    assert_false(answer.known);
    fake_shipper_close(&shipper);
    native_fixture_stop(&fixture);
    native_fixture_free(&fixture);
    buf_release(&body);
}

/* ---- clones ---- */

static const struct fence_case {
    const char *name;
    bool first_lives;  /* it answers PING */
    bool same_epoch;
    bool fenced;       /* the second one */
} fence_cases[] = {
    { "clone of a live host", true, false, true },
    { "rebooted host, its old connection is dead", false, false, false },
    { "reconnect of the same process", true, true, false },
};

static void *answer_pings(void *user)
{
    struct fake_shipper *shipper = user;
    struct frame frame;

    while (fake_shipper_read(shipper, &frame))
        continue;
    return NULL;
}

static void test_fence(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(fence_cases); i++) {
        const struct fence_case *c = &fence_cases[i];
        struct native_fixture fixture;
        struct fake_shipper first = {0}, second = {0};
        struct hello hello;
        struct frame frame;
        pthread_t thread;

        print_message("  %s\n", c->name);
        native_fixture_start(&fixture, (struct native_options){ .fence_wait_ms = 600 });
        fake_shipper_connect(&first, &fixture);
        fake_shipper_greet(&first);
        if (c->first_lives)
            assert_int_equal(pthread_create(&thread, NULL, answer_pings, &first), 0);
        fake_shipper_connect(&second, &fixture);
        second.epoch = c->same_epoch ? first.epoch : first.epoch + 1;
        second.boot[0] = 2;
        hello = fake_shipper_hello(&second);
        fake_shipper_send_hello(&second, &hello);
        if (c->fenced) {
            assert_int_equal(fake_shipper_nack(&second).code, NACK_FENCED);
            fake_shipper_await_close(&second);
        } else {
            assert_true(fake_shipper_read(&second, &frame));
            assert_int_equal(frame.header.type, FRAME_WELCOME);
            send_range(&second, &file_a, 0, 9, 1);
            fake_shipper_await(&second, 1);
        }
        native_fixture_stop(&fixture);
        native_fixture_free(&fixture);
        if (c->first_lives)
            (void)pthread_join(thread, NULL);
        fake_shipper_close(&first);
        fake_shipper_close(&second);
    }
}

/* ---- time ---- */

static void test_no_hello(void **unused)
{
    struct native_fixture fixture;
    struct fake_shipper shipper = {0};

    (void)unused;
    native_fixture_start(&fixture, (struct native_options){ .hello_timeout_ms = 300 });
    fake_shipper_connect(&shipper, &fixture);
    fake_shipper_await_close(&shipper);
    fake_shipper_close(&shipper);
    native_fixture_stop(&fixture);
    native_fixture_free(&fixture);
}

/* It is asked at least once in 700 ms, answers nothing, and is then sent away, not before. */
static void test_silent_shipper(void **unused)
{
    struct native_fixture fixture;
    struct fake_shipper shipper = {0};
    struct buf input = buf_empty(65536);
    struct slice rest;
    struct frame frame;
    unsigned pings = 0;
    int64_t begun;
    ssize_t got;

    (void)unused;
    native_fixture_start(&fixture, (struct native_options){ .dead_after_ms = 700,
                                                            .ping_interval_ms = 200 });
    fake_shipper_connect(&shipper, &fixture);
    begun = io_mono_ns(io_system());
    fake_shipper_greet(&shipper);
    do {
        assert_true(buf_reserve(&input, 4096));
        got = read(shipper.fd, input.data + input.len, 4096);
        assert_true(got >= 0 || errno == ECONNRESET); /* else: still open after 5 s of silence */
        buf_commit(&input, got > 0 ? (size_t)got : 0);
    } while (got > 0);
    assert_true(io_mono_ns(io_system()) - begun >= 700 * INT64_C(1000000));
    rest = buf_slice(&input);
    while (frame_read(&rest, FRAME_BODY_SIZE_MAX, &frame, NULL) == STATUS_OK)
        pings += frame.header.type == FRAME_PING;
    assert_true(pings >= 1);
    buf_release(&input);
    fake_shipper_close(&shipper);
    native_fixture_stop(&fixture);
    native_fixture_free(&fixture);
}

/* ---- back-pressure ---- */

/* The store refuses: new frames get NACK DISK_FULL, and all is stored once it takes them again. */
static void test_disk_full(void **unused)
{
    struct native_fixture fixture;
    struct fake_shipper shipper = {0};
    struct frame frame;
    struct nack nack;
    struct error err = {0};
    bool refused = false;

    (void)unused;
    native_fixture_start(&fixture, (struct native_options){0});
    fake_store_refuse(fixture.store, STATUS_DISK_FULL, 3, false);
    fake_shipper_connect(&shipper, &fixture);
    fake_shipper_greet(&shipper);
    send_range(&shipper, &file_a, 0, 9, 1);
    while (pipeline_ready(fixture.pipeline, NULL))
        (void)usleep(1000);
    send_range(&shipper, &file_a, 9, 28, 2);
    while (!refused) {
        assert_true(fake_shipper_read(&shipper, &frame));
        assert_int_equal(frame.header.type, FRAME_NACK);
        assert_int_equal(nack_decode(frame.body, &nack, &err), STATUS_OK);
        assert_int_equal(nack.code, NACK_DISK_FULL);
        assert_int_equal(nack.expected_seq, 2);
        assert_int_equal(nack.retry_after_ms, 1000);
        refused = true;
    }
    fake_shipper_await(&shipper, 1); /* the first was kept and is stored by itself */
    send_range(&shipper, &file_a, 9, 28, 2);
    fake_shipper_await(&shipper, 2);
    fake_shipper_close(&shipper);
    stop_and_check(&fixture, &file_a, 28);
}

/* Many frames with a tiny budget: reading stops and goes on, nothing is lost. */
static void test_small_budget(void **unused)
{
    struct native_fixture fixture;
    struct fake_shipper shipper = {0};
    struct buf content = buf_empty(1 << 20);
    struct fake_file file = file_a;
    uint64_t from = 0, seq = 0;

    (void)unused;
    for (int i = 0; i < 3000; i++)
        buf_printf(&content, "line %d of a file\n", i);
    file.content = buf_slice(&content);
    native_fixture_start(&fixture, (struct native_options){ .budget_size = 4096 });
    fake_shipper_connect(&shipper, &fixture);
    fake_shipper_greet(&shipper);
    assert_int_equal(shipper.welcome.lanes[LANE_NORMAL].credit.window_size, 64 << 10);
    while (from < content.len) {
        uint64_t end = from + 2000 > content.len ? content.len : from + 2000;

        send_range(&shipper, &file, from, end, ++seq);
        from = end;
        if (seq % 16 == 0)
            fake_shipper_await(&shipper, seq);
    }
    fake_shipper_await(&shipper, seq);
    fake_shipper_close(&shipper);
    stop_and_check(&fixture, &file, content.len);
    buf_release(&content);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hello),
        cmocka_unit_test(test_welcome),
        cmocka_unit_test(test_garbage),
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_batches_in_order),
        cmocka_unit_test(test_damaged_body),
        cmocka_unit_test(test_lost_frame),
        cmocka_unit_test(test_gap_in_bytes),
        cmocka_unit_test(test_loss_takes_the_place),
        cmocka_unit_test(test_reconnect_in_the_epoch),
        cmocka_unit_test(test_new_epoch_reads_again),
        cmocka_unit_test(test_question),
        cmocka_unit_test(test_fence),
        cmocka_unit_test(test_no_hello),
        cmocka_unit_test(test_silent_shipper),
        cmocka_unit_test(test_disk_full),
        cmocka_unit_test(test_small_budget),
    };

    diag_init("test", DIAG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
