/* base/http_encoding.c -- zlib and zstd behind one call. Fast levels: the reader is a browser or a
 * command line nearby, and the worker that compresses is a worker that does not scan. */
#include "base/http_encoding.h"

#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

enum {
    GZIP_LEVEL = 1,
    GZIP_WINDOW_BITS = 15 + 16, /* 16: zlib writes the gzip header */
    GZIP_MEMORY_LEVEL = 8,
    ZSTD_LEVEL = 1,
    OUTPUT_STEP = 32 * 1024, /* room made in `out` per round */
};

struct http_encoder {
    enum http_coding coding;
    z_stream gzip;
    ZSTD_CCtx *zstd;
};

enum status http_encoder_new(enum http_coding coding, struct http_encoder **out, struct error *err)
{
    struct http_encoder *encoder = calloc(1, sizeof(*encoder));
    bool ready = false;

    if (encoder != NULL) {
        encoder->coding = coding;
        if (coding == HTTP_GZIP) {
            ready = deflateInit2(&encoder->gzip, GZIP_LEVEL, Z_DEFLATED, GZIP_WINDOW_BITS,
                                 GZIP_MEMORY_LEVEL, Z_DEFAULT_STRATEGY) == Z_OK;
        } else {
            encoder->zstd = ZSTD_createCCtx();
            ready = encoder->zstd != NULL &&
                    !ZSTD_isError(
                        ZSTD_CCtx_setParameter(encoder->zstd, ZSTD_c_compressionLevel, ZSTD_LEVEL));
        }
    }
    if (!ready) {
        http_encoder_free(encoder);
        return error_set(err, STATUS_NO_MEMORY, "no memory to compress an answer");
    }
    *out = encoder;
    return STATUS_OK;
}

static enum status run_gzip(z_stream *stream, struct slice bytes, enum http_encoder_step step,
                            struct buf *out)
{
    static const int flush[] = {Z_NO_FLUSH, Z_SYNC_FLUSH, Z_FINISH};
    /* zlib reads through a pointer to non-const bytes, but does not write there. */
    union {
        const char *in;
        Bytef *out;
    } input = {.in = bytes.data};

    stream->next_in = input.out;
    stream->avail_in = (uInt)bytes.len;
    do {
        if (!buf_reserve(out, OUTPUT_STEP))
            return STATUS_TOO_LARGE;
        stream->next_out = (Bytef *)out->data + out->len;
        stream->avail_out = OUTPUT_STEP;
        if (deflate(stream, flush[step]) == Z_STREAM_ERROR)
            return STATUS_INVALID;
        buf_commit(out, OUTPUT_STEP - stream->avail_out);
    } while (stream->avail_out == 0); /* full: there may be more */
    return STATUS_OK;
}

static enum status run_zstd(ZSTD_CCtx *context, struct slice bytes, enum http_encoder_step step,
                            struct buf *out)
{
    static const ZSTD_EndDirective directive[] = {ZSTD_e_continue, ZSTD_e_flush, ZSTD_e_end};
    ZSTD_inBuffer input = {bytes.data, bytes.len, 0};
    size_t left;

    do {
        ZSTD_outBuffer output;

        if (!buf_reserve(out, OUTPUT_STEP))
            return STATUS_TOO_LARGE;
        output = (ZSTD_outBuffer){out->data + out->len, OUTPUT_STEP, 0};
        left = ZSTD_compressStream2(context, &output, &input, directive[step]);
        if (ZSTD_isError(left))
            return STATUS_NO_MEMORY;
        buf_commit(out, output.pos);
    } while (step == HTTP_ENCODE_MORE ? input.pos < input.size : left > 0);
    return STATUS_OK;
}

enum status http_encoder_run(struct http_encoder *encoder, struct slice bytes,
                             enum http_encoder_step step, struct buf *out)
{
    if (encoder->coding == HTTP_ZSTD)
        return run_zstd(encoder->zstd, bytes, step, out);
    while (bytes.len > UINT32_MAX / 2) { /* zlib counts in 32 bits */
        enum status status =
            run_gzip(&encoder->gzip, slice_first(bytes, UINT32_MAX / 2), HTTP_ENCODE_MORE, out);

        if (status != STATUS_OK)
            return status;
        bytes = slice_from(bytes, UINT32_MAX / 2);
    }
    return run_gzip(&encoder->gzip, bytes, step, out);
}

void http_encoder_free(struct http_encoder *encoder)
{
    if (encoder == NULL)
        return;
    if (encoder->coding == HTTP_GZIP)
        (void)deflateEnd(&encoder->gzip);
    ZSTD_freeCCtx(encoder->zstd);
    free(encoder);
}

const char *http_coding_name(enum http_coding coding)
{
    static const char *const names[] = {NULL, "gzip", "zstd"};

    return names[coding];
}
