/* The frame codec: golden bytes, damage in each part, limits, and what compression may do. */
#include "base/frame.h"
#include "tests/base/wire_golden.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

/* One step on the bytes of a sound frame of 8 body bytes (golden ping: 40 bytes). */
static const struct damage_case {
    const char *name;
    size_t at;            /* byte to change; SIZE_MAX: none */
    uint8_t flip;
    size_t len;           /* of the input that is shown */
    bool reseal;          /* compute head_crc again, so that the field itself is judged */
    enum status status;
    bool intact;
} damage_cases[] = {
    { "whole", SIZE_MAX, 0, 40, false, STATUS_OK, true },
    { "header cut", SIZE_MAX, 0, 31, false, STATUS_AGAIN, false },
    { "body cut", SIZE_MAX, 0, 39, false, STATUS_AGAIN, false },
    { "nothing", SIZE_MAX, 0, 0, false, STATUS_AGAIN, false },
    { "magic", 0, 1, 40, true, STATUS_CORRUPT, false },
    { "bit in the type", 4, 1, 40, false, STATUS_CORRUPT, false },
    { "bit in the size", 8, 0x80, 40, false, STATUS_CORRUPT, false },
    { "bit in head_crc", 28, 1, 40, false, STATUS_CORRUPT, false },
    { "bit in the body", 35, 1, 40, false, STATUS_OK, false },
    { "bit in body_crc", 24, 1, 40, true, STATUS_OK, false },
    { "unknown type is the caller's", 4, 0x80, 40, true, STATUS_OK, true },
    { "unknown flag", 5, 0x10, 40, true, STATUS_INVALID, false },
    { "lane 5", 6, 5, 40, true, STATUS_INVALID, false },
    { "codec without the flag", 7, 1, 40, true, STATUS_INVALID, false },
    { "flag without the codec", 5, 1, 40, true, STATUS_INVALID, false },
    { "raw_size differs without codec", 12, 1, 40, true, STATUS_INVALID, false },
    { "body over 4 MiB", 11, 1, 40, true, STATUS_TOO_LARGE, false },     /* 2^24 + 8 */
    { "raw over 16 MiB", 15, 2, 40, true, STATUS_TOO_LARGE, false },     /* 2^25 + 8 */
};

static void test_damage(void **unused)
{
    struct buf golden;

    (void)unused;
    for (size_t i = 0; i < COUNT_OF(damage_cases); i++) {
        const struct damage_case *c = &damage_cases[i];
        struct frame frame = golden_frame("ping", FRAME_PING, &golden);
        struct error err = {0};
        struct slice rest = slice_first(buf_slice(&golden), c->len);

        print_message("  %s\n", c->name);
        if (c->at != SIZE_MAX)
            golden.data[c->at] = (char)(golden.data[c->at] ^ c->flip);
        if (c->reseal)
            frame_set_seq(golden.data, 0, 0);
        assert_int_equal(frame_read(&rest, FRAME_BODY_SIZE_MAX, &frame, &err), c->status);
        assert_int_equal(rest.len, c->status == STATUS_OK ? 0 : c->len);
        if (c->status == STATUS_OK)
            assert_int_equal(frame.body_intact, c->intact);
        buf_release(&golden);
    }
}

static void test_negotiated_limit(void **unused)
{
    struct buf golden;
    struct frame frame = golden_frame("ping", FRAME_PING, &golden);
    struct slice rest = buf_slice(&golden);
    struct error err = {0};

    (void)unused;
    assert_int_equal(frame_read(&rest, 7, &frame, &err), STATUS_TOO_LARGE);
    assert_int_equal(frame.header.type, FRAME_PING); /* the NACK can name it */
    assert_int_equal(frame_read(&rest, 8, &frame, &err), STATUS_OK);
    assert_int_equal(frame_size_hint(slice_first(buf_slice(&golden), 32)), 40);
    assert_int_equal(frame_size_hint(slice_first(buf_slice(&golden), 31)), 0);
    buf_release(&golden);
}

/* The encoder gives the golden bytes again. */
static void test_encode_golden(void **unused)
{
    static const struct { const char *name; enum frame_type type; } cases[] = {
        { "ping", FRAME_PING }, { "hello", FRAME_HELLO }, { "loss", FRAME_LOSS },
        { "batch_lines", FRAME_BATCH }, { "batch_samples", FRAME_BATCH },
    };

    (void)unused;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct buf golden, out = buf_empty(FRAME_SIZE_MAX);
        struct frame frame = golden_frame(cases[i].name, cases[i].type, &golden);
        struct frame_fields fields = { .type = frame.header.type, .lane = frame.header.lane,
                                       .flags = frame.header.flags, .seq = frame.header.seq };
        struct error err = {0};

        print_message("  %s\n", cases[i].name);
        assert_int_equal(frame_append(&out, &fields, frame.body, NULL, &err), STATUS_OK);
        assert_true(slice_equal(buf_slice(&out), buf_slice(&golden)));
        buf_release(&out);
        buf_release(&golden);
    }
}

static const struct codec_case {
    const char *name;
    enum codec codec, sent_as;
    size_t len;
    bool random; /* does not compress */
} codec_cases[] = {
    { "zstd", CODEC_ZSTD, CODEC_ZSTD, 100000, false },
    { "zlib", CODEC_ZLIB, CODEC_ZLIB, 100000, false },
    { "none", CODEC_NONE, CODEC_NONE, 100000, false },
    { "noise is sent as it is", CODEC_ZSTD, CODEC_NONE, 100000, true },
    { "empty body", CODEC_ZSTD, CODEC_NONE, 0, false },
    { "body of the size cap", CODEC_ZSTD, CODEC_ZSTD, FRAME_RAW_SIZE_MAX, false },
};

static void fill(char *data, size_t len, bool noise)
{
    uint32_t state = 12345;

    for (size_t i = 0; i < len; i++) {
        state = state * 1664525u + 1013904223u;
        data[i] = noise ? (char)(state >> 24) : "all the same "[i % 13];
    }
}

static void test_codecs(void **unused)
{
    struct compressor *compressor;
    struct error err = {0};

    (void)unused;
    assert_int_equal(compressor_new(&compressor, &err), STATUS_OK);
    for (size_t i = 0; i < COUNT_OF(codec_cases); i++) {
        const struct codec_case *c = &codec_cases[i];
        struct frame_fields fields = { .type = FRAME_BATCH, .lane = LANE_NORMAL, .seq = 9,
                                       .codec = c->codec };
        struct buf out = buf_empty(FRAME_SIZE_MAX), scratch = buf_empty(FRAME_RAW_SIZE_MAX);
        char *body = malloc(c->len + 1);
        struct frame frame;
        struct slice rest, raw;

        print_message("  %s\n", c->name);
        fill(body, c->len, c->random);
        assert_int_equal(frame_append(&out, &fields, slice_make(body, c->len), compressor, &err),
                         STATUS_OK);
        rest = buf_slice(&out);
        assert_int_equal(frame_read(&rest, FRAME_BODY_SIZE_MAX, &frame, &err), STATUS_OK);
        assert_int_equal(frame.header.codec, c->sent_as);
        assert_int_equal(frame_raw(&frame, compressor, &scratch, &raw, &err), STATUS_OK);
        assert_true(slice_equal(raw, slice_make(body, c->len)));
        free(body);
        buf_release(&scratch);
        buf_release(&out);
    }
    compressor_free(compressor);
}

/* A header that promises less or more than the body holds must not pass (NACK DECOMP). */
static void test_raw_size_lies(void **unused)
{
    static const int differences[] = { -1, 1, -99999, 1000000 };
    struct compressor *compressor;
    struct error err = {0};

    (void)unused;
    assert_int_equal(compressor_new(&compressor, &err), STATUS_OK);
    for (size_t i = 0; i < COUNT_OF(differences); i++)
        for (enum codec codec = CODEC_ZLIB; codec <= CODEC_ZSTD; codec++) {
            struct frame_fields fields = { .type = FRAME_BATCH, .lane = LANE_NORMAL,
                                           .codec = codec };
            struct buf out = buf_empty(FRAME_SIZE_MAX), scratch = buf_empty(FRAME_RAW_SIZE_MAX);
            static char body[100000];
            struct frame frame;
            struct slice rest, raw;

            fill(body, sizeof(body), false);
            assert_int_equal(frame_append(&out, &fields, slice_make(body, sizeof(body)), compressor,
                                          &err), STATUS_OK);
            rest = buf_slice(&out);
            assert_int_equal(frame_read(&rest, FRAME_BODY_SIZE_MAX, &frame, &err), STATUS_OK);
            frame.header.raw_size = (uint32_t)((int64_t)frame.header.raw_size + differences[i]);
            assert_int_equal(frame_raw(&frame, compressor, &scratch, &raw, &err), STATUS_INVALID);
            buf_release(&scratch);
            buf_release(&out);
        }
    compressor_free(compressor);
}

static void test_set_seq(void **unused)
{
    struct buf golden;
    struct frame frame = golden_frame("batch_lines", FRAME_BATCH, &golden), again;
    struct slice rest = buf_slice(&golden);
    struct error err = {0};

    (void)unused;
    frame_set_seq(golden.data, 77, FRAME_REPLAY);
    assert_int_equal(frame_read(&rest, FRAME_BODY_SIZE_MAX, &again, &err), STATUS_OK);
    assert_int_equal(again.header.seq, 77);
    assert_int_equal(again.header.flags, FRAME_REPLAY);
    assert_int_equal(again.header.body_crc, frame.header.body_crc);
    assert_true(again.body_intact);
    buf_release(&golden);
}

/* No sender compresses an empty body; the decompressor never sees one. */
static void test_compressed_nothing(void **unused)
{
    struct buf golden;
    struct frame frame = golden_frame("ping", FRAME_PING, &golden);
    struct slice rest = buf_slice(&golden);
    struct error err = {0};

    (void)unused;
    golden.data[5] = FRAME_COMPRESSED;
    golden.data[7] = CODEC_ZSTD;
    golden.data[12] = 0; /* raw_size */
    frame_set_seq(golden.data, 0, 0);
    assert_int_equal(frame_read(&rest, FRAME_BODY_SIZE_MAX, &frame, &err), STATUS_INVALID);
    buf_release(&golden);
}

/* Out of room: the buffer is as it was and can be used on. */
static void test_out_full(void **unused)
{
    struct buf out = buf_empty(100);
    struct frame_fields fields = { .type = FRAME_PING };
    struct error err = {0};
    static const char body[200];

    (void)unused;
    assert_true(buf_append_text(&out, "before"));
    assert_int_equal(frame_append(&out, &fields, slice_make(body, 200), NULL, &err),
                     STATUS_TOO_LARGE);
    assert_int_equal(out.len, 6);
    assert_int_equal(frame_append(&out, &fields, slice_make(body, 8), NULL, &err), STATUS_OK);
    assert_int_equal(out.len, 46);
    buf_release(&out);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_damage),        cmocka_unit_test(test_negotiated_limit),
        cmocka_unit_test(test_encode_golden), cmocka_unit_test(test_codecs),
        cmocka_unit_test(test_raw_size_lies), cmocka_unit_test(test_set_seq),
        cmocka_unit_test(test_compressed_nothing), cmocka_unit_test(test_out_full),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
