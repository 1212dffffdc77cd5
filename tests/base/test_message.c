/* Control messages: golden bytes read and written, every cut refused, limits of counts. */
#include "base/message.h"
#include "tests/base/wire_golden.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void check_encoded(struct buf *out, struct slice expected)
{
    assert_false(out->failed);
    assert_true(slice_equal(buf_slice(out), expected));
    buf_release(out);
}

static void check_watermark(const struct wire_watermark *mark)
{
    for (unsigned i = 0; i < WIRE_ID_SIZE; i++)
        assert_int_equal(mark->source.generation[i], 0x10 + i);
    assert_int_equal(mark->source.truncations, 2);
    assert_int_equal(mark->durable_offset, 4096);
    assert_int_equal(mark->tail_hash, 0xabcdef);
}

static void test_hello(void **unused)
{
    struct buf golden, out = buf_empty(1000);
    struct frame frame = golden_frame("hello", FRAME_HELLO, &golden);
    struct hello hello;
    struct error err = {0};

    (void)unused;
    assert_int_equal(hello_decode(frame.body, &hello, &err), STATUS_OK);
    assert_int_equal(hello.version_min, 1);
    assert_int_equal(hello.features, FEATURE_SOURCE_QUERY);
    assert_memory_equal(hello.shipper, "shipper-id-16byt", 16);
    assert_memory_equal(hello.boot, "boot-id-16-bytes", 16);
    assert_int_equal(hello.epoch, 0x700000001);
    assert_int_equal(hello.codecs, FRAME_CODECS);
    assert_int_equal(hello.body_size_max, FRAME_BODY_SIZE_MAX);
    assert_int_equal(hello.lanes[LANE_BULK].next_seq, 5);
    assert_int_equal(hello.lanes[LANE_BULK].backlog_size, 4000);
    assert_true(slice_is(hello.host, "web-1"));
    assert_true(slice_is(hello.geo, "fr"));
    hello_append(&out, &hello);
    check_encoded(&out, frame.body);
    buf_release(&golden);
}

static void test_ack_and_nack(void **unused)
{
    struct buf golden, out = buf_empty(1000);
    struct frame frame = golden_frame("ack", FRAME_ACK, &golden);
    struct wire_watermark mark;
    struct ack ack;
    struct nack nack;
    struct error err = {0};

    (void)unused;
    assert_int_equal(ack_decode(frame.body, &ack, &err), STATUS_OK);
    assert_int_equal(ack.lane, LANE_NORMAL);
    assert_int_equal(ack.durable_seq, 41);
    assert_int_equal(ack.credit.window_size, 8 << 20);
    assert_int_equal(ack.credit.window_frames, 64);
    assert_true(watermark_next(&ack.watermark_bytes, &mark));
    check_watermark(&mark);
    ack.watermarks = &mark;
    ack_append(&out, &ack);
    check_encoded(&out, frame.body);
    assert_false(watermark_next(&ack.watermark_bytes, &mark));
    buf_release(&golden);

    frame = golden_frame("nack", FRAME_NACK, &golden);
    assert_int_equal(nack_decode(frame.body, &nack, &err), STATUS_OK);
    assert_int_equal(nack.code, NACK_GAP);
    assert_false(nack.permanent);
    assert_int_equal(nack.expected_seq, 42);
    assert_int_equal(nack.retry_after_ms, 250);
    assert_true(nack.has_watermark);
    check_watermark(&nack.watermark);
    assert_true(slice_is(nack.detail, "bytes 4096 to 5000 are missing"));
    nack_append(&out, &nack);
    check_encoded(&out, frame.body);
    buf_release(&golden);
}

static void test_loss(void **unused)
{
    struct buf golden, out = buf_empty(1000);
    struct frame frame = golden_frame("loss", FRAME_LOSS, &golden);
    struct loss_message loss;
    struct error err = {0};

    (void)unused;
    assert_int_equal(loss_message_decode(frame.body, &loss, &err), STATUS_OK);
    assert_int_equal(loss.from_offset, 100);
    assert_int_equal(loss.to_offset, 400);
    assert_int_equal(loss.size, 300);
    assert_int_equal(loss.line_count, 4);
    assert_string_equal(loss_reason_name(loss.reason), "DELETED");
    assert_true(slice_is(loss.path, "/var/log/a.log"));
    assert_true(slice_is(loss.role, "web"));
    loss_message_append(&out, &loss);
    check_encoded(&out, frame.body);
    loss.size = 301; /* more than the range holds */
    loss_message_append(&out, &loss);
    assert_int_equal(loss_message_decode(buf_slice(&out), &loss, &err), STATUS_INVALID);
    buf_release(&out);
    buf_release(&golden);
}

/* The number of fixed bytes of each body; shorter must fail, and longer is tagged texts only. */
static void test_cut_everywhere(void **unused)
{
    struct buf golden;
    struct error err = {0};
    struct frame hello = golden_frame("hello", FRAME_HELLO, &golden);
    struct hello hello_out;
    enum { HELLO_FIXED = 2 + 2 + 8 + 16 + 16 + 8 + 4 + 4 + 8 + 8 + 1 + 5 * 24 };

    (void)unused;
    for (size_t len = 0; len < hello.body.len; len++) {
        enum status status = hello_decode(slice_first(hello.body, len), &hello_out, &err);

        /* Whole tagged texts: host ends 7 bytes behind the fixed part, build 7 after that. */
        if (len == HELLO_FIXED || len == HELLO_FIXED + 7 || len == HELLO_FIXED + 14)
            assert_int_equal(status, STATUS_OK);
        else
            assert_int_equal(status, STATUS_INVALID);
    }
    buf_release(&golden);
}

static void test_unknown_tag_is_skipped(void **unused)
{
    struct buf golden;
    struct frame frame = golden_frame("hello", FRAME_HELLO, &golden);
    struct buf body = buf_empty(1000);
    struct hello hello;
    struct error err = {0};

    (void)unused;
    buf_append_slice(&body, frame.body);
    buf_append(&body, "\x63\x03new", 5); /* tag 99 of a later version */
    assert_int_equal(hello_decode(buf_slice(&body), &hello, &err), STATUS_OK);
    assert_true(slice_is(hello.geo, "fr"));
    buf_append(&body, "\x03\x02us", 4); /* a second geo: which one counts? */
    assert_int_equal(hello_decode(buf_slice(&body), &hello, &err), STATUS_INVALID);
    buf_release(&body);
    buf_release(&golden);
}

static void test_welcome_round_trip(void **unused)
{
    struct buf out = buf_empty(1000);
    struct welcome welcome = { .version = 1, .codec = CODEC_ZSTD, .body_size_max = 65536,
                               .store_incarnation = 7, .geo = slice_of("fr") }, got;
    struct error err = {0};

    (void)unused;
    welcome.lanes[LANE_NORMAL] = (struct welcome_lane){ 12, { 1 << 20, 16 } };
    welcome_append(&out, &welcome);
    assert_int_equal(out.len, 2 + 8 + 1 + 4 + 16 + 8 + 8 + 8 + 1 + 5 * 14 + 4 + 4);
    assert_int_equal(welcome_decode(buf_slice(&out), &got, &err), STATUS_OK);
    assert_int_equal(got.lanes[LANE_NORMAL].durable_seq, 12);
    assert_int_equal(got.lanes[LANE_NORMAL].credit.window_size, 1 << 20);
    assert_int_equal(got.store_incarnation, 7);
    assert_true(slice_is(got.geo, "fr"));
    buf_release(&out);
}

static void test_question(void **unused)
{
    static const uint8_t ids[2][WIRE_ID_SIZE] = { { 1 }, { 2 } };
    struct source_query query = { 2, ids }, got_query;
    struct source_answer answers[2] = {
        { true, { { { 1 }, 3 }, 500, 99 } },
        { false, { { { 2 }, 0 }, 0, 0 } },
    };
    struct source_answer got;
    struct buf out = buf_empty(1000);
    struct slice rest;
    uint32_t count;
    struct error err = {0};

    (void)unused;
    source_query_append(&out, &query);
    assert_int_equal(out.len, 1 + 2 * 16);
    assert_int_equal(source_query_decode(buf_slice(&out), &got_query, &err), STATUS_OK);
    assert_int_equal(got_query.count, 2);
    assert_memory_equal(got_query.generations, ids, sizeof(ids));
    out.data[0] = 3; /* promises more than there is */
    assert_int_equal(source_query_decode(buf_slice(&out), &got_query, &err), STATUS_INVALID);
    buf_reset(&out);
    source_answers_append(&out, answers, 2);
    assert_int_equal(source_answers_decode(buf_slice(&out), &count, &rest, &err), STATUS_OK);
    assert_int_equal(count, 2);
    assert_true(source_answer_next(&rest, &got));
    assert_true(got.known);
    assert_int_equal(got.watermark.source.truncations, 3);
    assert_int_equal(got.watermark.durable_offset, 500);
    assert_true(source_answer_next(&rest, &got));
    assert_false(got.known);
    assert_false(source_answer_next(&rest, &got));
    buf_release(&out);
}

static void test_ping(void **unused)
{
    struct buf golden;
    struct frame frame = golden_frame("ping", FRAME_PING, &golden);
    struct ping ping;
    struct error err = {0};

    (void)unused;
    assert_int_equal(ping_decode(frame.body, &ping, &err), STATUS_OK);
    assert_int_equal(ping.send_ns, 0x1122334455667788);
    buf_release(&golden);
}

static void test_tail_hash(void **unused)
{
    char bytes[300];

    (void)unused;
    memset(bytes, 'a', sizeof(bytes));
    bytes[0] = 'x'; /* outside of the last 256 */
    assert_true(tail_hash(slice_make(bytes, 300)) == tail_hash(slice_make(bytes + 44, 256)));
    assert_true(tail_hash(slice_make(bytes, 256)) != tail_hash(slice_make(bytes + 1, 256)));
    assert_true(tail_hash((struct slice){0}) != TAIL_HASH_UNKNOWN);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hello),
        cmocka_unit_test(test_ack_and_nack),
        cmocka_unit_test(test_loss),
        cmocka_unit_test(test_cut_everywhere),
        cmocka_unit_test(test_unknown_tag_is_skipped),
        cmocka_unit_test(test_welcome_round_trip),
        cmocka_unit_test(test_question),
        cmocka_unit_test(test_ping),
        cmocka_unit_test(test_tail_hash),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
