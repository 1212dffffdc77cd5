/* tests/base/test_http_coding.c -- answers in gzip and zstd, as the request accepts them. */
#include "tests/base/http_app.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <zlib.h>
#include <zstd.h>

#include <cmocka.h>

static size_t gunzip(struct slice packed, char *out, size_t out_size)
{
    z_stream stream = {0};
    union {
        const char *in;
        Bytef *bytes;
    } input = {.in = packed.data};

    assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
    stream.next_in = input.bytes;
    stream.avail_in = (uInt)packed.len;
    stream.next_out = (Bytef *)out;
    stream.avail_out = (uInt)out_size;
    assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
    assert_int_equal(inflateEnd(&stream), Z_OK);
    return out_size - stream.avail_out;
}

static size_t unzstd(struct slice packed, char *out, size_t out_size)
{
    ZSTD_DCtx *context = ZSTD_createDCtx();
    ZSTD_inBuffer input = {packed.data, packed.len, 0};
    ZSTD_outBuffer output = {out, out_size, 0};

    assert_int_equal(ZSTD_decompressStream(context, &output, &input), 0);
    ZSTD_freeDCtx(context);
    return output.pos;
}

static const struct coding_case {
    const char *name, *target, *accept, *coding;
    size_t (*decode)(struct slice packed, char *out, size_t out_size);
    size_t size;
} coding_cases[] = {
    {"whole gzip", "/zeros", "gzip, deflate", "gzip", gunzip, 100000},
    {"whole zstd is preferred", "/zeros", "gzip;q=1.0, zstd;q=0.5", "zstd", unzstd, 100000},
    {"zstd refused by weight", "/zeros", "zstd;q=0, GZIP", "gzip", gunzip, 100000},
    {"nothing known", "/zeros", "br, *;q=0", NULL, NULL, 100000},
    {"too small to compress", "/hello", "gzip", NULL, NULL, 6},
    {"stream gzip", "/stream?size=1000000", "gzip", "gzip", gunzip, 1000000},
    {"stream zstd", "/stream?size=1000000", "zstd", "zstd", unzstd, 1000000},
};

static void test_codings(void **unused)
{
    struct http_fixture fixture;
    static char plain[2000000];

    (void)unused;
    http_app_start(&fixture, (struct http_server_options){0});
    for (size_t i = 0; i < COUNT_OF(coding_cases); i++) {
        const struct coding_case *c = &coding_cases[i];
        struct buf answer = buf_empty(4 * 1024 * 1024);
        char request[256], line[64];
        struct slice head, body;

        print_message("  %s\n", c->name);
        (void)snprintf(request, sizeof(request), /* 1.0: the body is not chunked */
                       "GET %s HTTP/1.0\r\nAccept-Encoding: %s\r\n\r\n", c->target, c->accept);
        http_fixture_talk(&fixture, request, &answer);
        head = slice_first(buf_slice(&answer),
                           slice_find(buf_slice(&answer), SLICE_LITERAL("\r\n\r\n")));
        body = slice_from(buf_slice(&answer), head.len + 4);
        (void)snprintf(line, sizeof(line), "Content-Encoding: %s",
                       c->coding == NULL ? "" : c->coding);
        assert_int_equal(slice_find(head, slice_of(line)) != SIZE_MAX, c->coding != NULL);
        if (c->decode == NULL)
            assert_int_equal(body.len, c->size);
        else
            assert_int_equal(c->decode(body, plain, sizeof(plain)), c->size);
        if (strstr(c->target, "stream") != NULL)
            http_app_check_pattern(slice_make(plain, c->size), c->size);
        buf_release(&answer);
    }
    http_app_stop(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_codings),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
