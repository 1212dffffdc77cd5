/* tests/base/test_compress.c -- bounds of the codecs. Packed bytes come from gzip(1), zstd(1) and
 * pzstd(1). */
#include "base/compress.h"
#include "base/packed_reader.h"

#include "tests/support/sim_io.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define BYTES(text) {(text), sizeof(text) - 1}

#define GZIP_HELLO                                                                                 \
    "\x1f\x8b\x08\0\0\0\0\0\x02\x03\xcb\x48\xcd\xc9\xc9\xe7\x02\0\x20\x30\x3a\x36\x06\0\0\0"
#define GZIP_WORLD                                                                                 \
    "\x1f\x8b\x08\0\0\0\0\0\x02\x03\x2b\xcf\x2f\xca\x49\xe1\x02\0\xa8\x61\x38\xdd\x06\0\0\0"
#define ZLIB_HELLO "\x78\x9c\xcb\x48\xcd\xc9\xc9\xe7\x02\x00\x08\x4b\x02\x1f"
#define ZSTD_HELLO "\x28\xb5\x2f\xfd\x04\x58\x31\0\0hello\n\x53\x88\xbd\x91"
#define ZSTD_WORLD "\x28\xb5\x2f\xfd\0\x58\x31\0\0world\n"
#define ZSTD_SKIPPED "\x50\x2a\x4d\x18\x04\0\0\0\x13\0\0\0"
/* the head of 300 MB, zstd --ultra -22 --long=27 */
#define ZSTD_WIDE "\x28\xb5\x2f\xfd\x04\x88\x4c\0\0\x08\0\x01\0\xfc\xff\x39\x10\x02\x02\0\x10\0\x02\0"

static const struct unpack_case {
    const char *name;
    enum codec codec;
    struct slice packed;
    enum status status;
    const char *raw;
} unpack_cases[] = {
    {"gzip", CODEC_GZIP, BYTES(GZIP_HELLO), STATUS_OK, "hello\n"},
    {"two gzip members", CODEC_GZIP, BYTES(GZIP_HELLO GZIP_WORLD), STATUS_OK, "hello\nworld\n"},
    {"zeros behind a member", CODEC_GZIP, BYTES(GZIP_HELLO "\0\0\0"), STATUS_OK, "hello\n"},
    {"text behind a member", CODEC_GZIP, BYTES(GZIP_HELLO "text"), STATUS_INVALID, ""},
    {"member cut in its checksum", CODEC_GZIP, {GZIP_HELLO, 22}, STATUS_INVALID, ""},
    {"second member cut", CODEC_GZIP, {GZIP_HELLO GZIP_WORLD, 36}, STATUS_INVALID, ""},
    {"gzip header alone", CODEC_GZIP, {GZIP_HELLO, 10}, STATUS_INVALID, ""},
    {"no input", CODEC_GZIP, {NULL, 0}, STATUS_OK, ""},
    {"zlib", CODEC_ZLIB, BYTES(ZLIB_HELLO), STATUS_OK, "hello\n"},
    {"zlib, wrong checksum", CODEC_ZLIB, BYTES("\x78\x9c\xcb\x48\xcd\xc9\xc9\xe7\x02\x00\x08\x4b\x02\x20"),
     STATUS_INVALID, ""},
    {"bytes behind zlib", CODEC_ZLIB, BYTES(ZLIB_HELLO "x"), STATUS_INVALID, ""},
    {"zstd", CODEC_ZSTD, BYTES(ZSTD_HELLO), STATUS_OK, "hello\n"},
    {"two zstd frames", CODEC_ZSTD, BYTES(ZSTD_HELLO ZSTD_WORLD), STATUS_OK, "hello\nworld\n"},
    {"skippable frame first", CODEC_ZSTD, BYTES(ZSTD_SKIPPED ZSTD_HELLO), STATUS_OK, "hello\n"},
    {"frame cut", CODEC_ZSTD, {ZSTD_HELLO, 14}, STATUS_INVALID, ""},
    {"window of 128 MiB", CODEC_ZSTD, BYTES(ZSTD_WIDE), STATUS_INVALID, ""},
    {"gzip is no zstd", CODEC_ZSTD, BYTES(GZIP_HELLO), STATUS_INVALID, ""},
    {"none", CODEC_NONE, BYTES("hello\n"), STATUS_OK, "hello\n"},
    {"unknown codec", (enum codec)7, BYTES("x"), STATUS_INVALID, ""},
};

static void test_decompress_capped(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(unpack_cases); i++) {
        const struct unpack_case *c = &unpack_cases[i];
        struct buf out = buf_empty(100);
        struct error err = {0};

        print_message("  %s\n", c->name);
        assert_true(buf_append_text(&out, "before"));
        assert_int_equal(decompress_capped(c->codec, c->packed, 50, &out, &err), c->status);
        assert_true(slice_is(slice_from(buf_slice(&out), 6), c->raw));
        assert_true((c->status == STATUS_OK) == (err.message[0] == '\0'));
        buf_release(&out);
    }
}

/* The same bytes through a file, in steps of three bytes. */
static void test_packed_reader(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(unpack_cases); i++) {
        const struct unpack_case *c = &unpack_cases[i];
        struct sim_io *sim;
        struct io *io;
        struct packed_reader *reader;
        struct buf out = buf_empty(100);
        struct error err = {0};
        enum status status;
        size_t len;
        char data[3];

        if (c->codec == CODEC_ZLIB || c->codec == (enum codec)7 || strstr(c->name, "is no") != NULL)
            continue; /* a file of these kinds is plain to us, or of the other kind */
        sim = sim_io_new(1);
        io = sim_io_table(sim);
        print_message("  %s\n", c->name);
        assert_int_equal(io_replace_file(io, "f", c->packed, NULL), STATUS_OK);
        sim_io_faults(sim)->read_size_max = 7;
        assert_int_equal(packed_reader_open(io, "f", &reader, &err), STATUS_OK);
        while ((status = packed_reader_read(reader, data, sizeof(data), &len, &err)) == STATUS_OK)
            assert_true(buf_append(&out, data, len));
        assert_int_equal(status, c->status == STATUS_OK ? STATUS_END : c->status);
        if (status == STATUS_END)
            assert_true(slice_is(buf_slice(&out), c->raw));
        packed_reader_close(reader);
        assert_int_equal(sim_io_open_count(sim), 0);
        sim_io_free(sim);
        buf_release(&out);
    }
}

static void test_packed_reader_missing_file(void **unused)
{
    struct sim_io *sim = sim_io_new(1);
    struct packed_reader *reader;
    struct error err = {0};

    (void)unused;
    assert_int_equal(packed_reader_open(sim_io_table(sim), "f", &reader, &err), STATUS_NOT_FOUND);
    sim_io_free(sim);
}

static const struct length_case {
    const char *name;
    size_t raw_len;
    enum status status;
} length_cases[] = {
    {"exact", 6, STATUS_OK},
    {"one less", 5, STATUS_INVALID},
    {"one more", 7, STATUS_INVALID},
    {"none", 0, STATUS_INVALID},
    {"more than the buffer may hold", 65, STATUS_TOO_LARGE},
    {"absurd", SIZE_MAX, STATUS_TOO_LARGE},
};

static void test_decompress_exact_length(void **unused)
{
    static const struct { enum codec codec; struct slice packed; } inputs[] = {
        {CODEC_NONE, BYTES("hello\n")},
        {CODEC_ZLIB, BYTES(ZLIB_HELLO)},
        {CODEC_ZSTD, BYTES(ZSTD_HELLO)},
        {CODEC_GZIP, BYTES(GZIP_HELLO)},
    };
    struct compressor *compressor;

    (void)unused;
    assert_int_equal(compressor_new(&compressor, NULL), STATUS_OK);
    for (size_t i = 0; i < COUNT_OF(length_cases) * COUNT_OF(inputs); i++) {
        const struct length_case *c = &length_cases[i / COUNT_OF(inputs)];
        enum codec codec = inputs[i % COUNT_OF(inputs)].codec;
        struct buf out = buf_empty(64);
        struct error err = {0};

        print_message("  %s %s\n", codec_name(codec), c->name);
        assert_int_equal(decompress_append(compressor, codec, inputs[i % COUNT_OF(inputs)].packed,
                                           c->raw_len, &out, &err),
                         c->status);
        assert_true(slice_is(buf_slice(&out), c->status == STATUS_OK ? "hello\n" : ""));
        buf_release(&out);
    }
    compressor_free(compressor);
}

static void test_round_trip(void **unused)
{
    static const enum codec codecs[] = {CODEC_NONE, CODEC_ZLIB, CODEC_ZSTD, CODEC_GZIP};
    static char text[100000];
    struct compressor *compressor;

    (void)unused;
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = (char)('a' + i * i % 23);
    assert_int_equal(compressor_new(&compressor, NULL), STATUS_OK);
    for (size_t i = 0; i < 4 * COUNT_OF(codecs); i++) { /* contexts are used again */
        enum codec codec = codecs[i % COUNT_OF(codecs)];
        size_t len = i < 8 ? sizeof(text) : 0;
        struct buf packed = buf_empty(2 * sizeof(text));
        struct buf raw = buf_empty(sizeof(text));
        struct error err = {0};

        print_message("  %s, %zu bytes\n", codec_name(codec), len);
        assert_int_equal(compress_append(compressor, codec, 1 + (int)(i / 8), slice_make(text, len),
                                         &packed, &err), STATUS_OK);
        assert_int_equal(decompress_append(compressor, codec, buf_slice(&packed), len, &raw, &err),
                         STATUS_OK);
        assert_true(slice_equal(buf_slice(&raw), slice_make(text, len)));
        buf_release(&packed);
        buf_release(&raw);
    }
    compressor_free(compressor);
}

/* Nothing of a level is left in the context for the next one. */
static void test_levels_in_turn(void **unused)
{
    static const int levels[] = {1, 3, 1, 19, 3};
    static char text[50000];
    struct compressor *used, *fresh;

    (void)unused;
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = (char)('a' + i * i / 7 % 23);
    assert_int_equal(compressor_new(&used, NULL), STATUS_OK);
    for (size_t i = 0; i < COUNT_OF(levels); i++) {
        struct buf one = buf_empty(sizeof(text)), two = buf_empty(sizeof(text));
        struct slice raw = slice_make(text, sizeof(text));

        assert_int_equal(compressor_new(&fresh, NULL), STATUS_OK);
        assert_int_equal(compress_append(used, CODEC_ZSTD, levels[i], raw, &one, NULL), STATUS_OK);
        assert_int_equal(compress_append(fresh, CODEC_ZSTD, levels[i], raw, &two, NULL), STATUS_OK);
        assert_true(slice_equal(buf_slice(&one), buf_slice(&two)));
        buf_release(&one);
        buf_release(&two);
        compressor_free(fresh);
    }
    compressor_free(used);
}

static void test_bomb_stops_at_the_cap(void **unused)
{
    static const enum codec codecs[] = {CODEC_ZLIB, CODEC_ZSTD, CODEC_GZIP};
    static char zeros[8 << 20];
    struct compressor *compressor;

    (void)unused;
    assert_int_equal(compressor_new(&compressor, NULL), STATUS_OK);
    for (size_t i = 0; i < COUNT_OF(codecs); i++) {
        struct buf packed = buf_empty(1 << 20);
        struct buf raw = buf_empty(SIZE_MAX);
        struct error err = {0};

        assert_int_equal(compress_append(compressor, codecs[i], 9, slice_make(zeros, sizeof(zeros)),
                                         &packed, &err), STATUS_OK);
        assert_int_equal(decompress_capped(codecs[i], buf_slice(&packed), 1 << 20, &raw, &err),
                         STATUS_TOO_LARGE);
        assert_int_equal(raw.len, 0);
        assert_true(raw.capacity <= 2 << 20);
        assert_int_equal(decompress_capped(codecs[i], buf_slice(&packed), sizeof(zeros), &raw, &err),
                         STATUS_OK); /* exactly the cap is allowed */
        assert_int_equal(raw.len, sizeof(zeros));
        buf_release(&packed);
        buf_release(&raw);
    }
    compressor_free(compressor);
}

static void test_output_full(void **unused)
{
    static const enum codec codecs[] = {CODEC_NONE, CODEC_ZLIB, CODEC_ZSTD, CODEC_GZIP};
    struct compressor *compressor;

    (void)unused;
    assert_int_equal(compressor_new(&compressor, NULL), STATUS_OK);
    for (size_t i = 0; i < COUNT_OF(codecs); i++) {
        struct buf out = buf_empty(4);
        struct error err = {0};

        assert_int_equal(compress_append(compressor, codecs[i], 1, slice_of("hello world"), &out,
                                         &err), STATUS_TOO_LARGE);
        assert_int_equal(out.len, 0);
        buf_release(&out);
    }
    compressor_free(compressor);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decompress_capped),
        cmocka_unit_test(test_packed_reader),
        cmocka_unit_test(test_packed_reader_missing_file),
        cmocka_unit_test(test_decompress_exact_length),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_levels_in_turn),
        cmocka_unit_test(test_bomb_stops_at_the_cap),
        cmocka_unit_test(test_output_full),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
