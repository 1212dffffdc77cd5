/* base/compress.c -- contexts of zlib and libzstd behind one table of codecs. */
#include "base/compress.h"

#include <limits.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

enum {
    ZLIB_WINDOW_BITS = 15,      /* 32 KiB, the format's largest */
    GZIP_WINDOW_BITS = 15 + 16, /* zlib's way to ask for the gzip wrapper */
    ZLIB_MEMORY_LEVEL = 8,      /* zlib's default */
    UNPACK_CHUNK_SIZE = 65536,
};

struct compressor {
    z_stream deflaters[2]; /* zlib, gzip */
    int deflate_levels[2]; /* 0: not made yet */
    z_stream inflater;
    bool inflater_made;
    ZSTD_CCtx *zstd_out;
    ZSTD_DCtx *zstd_in;
};

struct unpacker {
    enum codec codec;
    z_stream zlib;
    ZSTD_DCtx *zstd;
    bool between;
};

const char *codec_name(enum codec codec)
{
    switch (codec) {
    case CODEC_NONE: return "none";
    case CODEC_ZLIB: return "zlib";
    case CODEC_ZSTD: return "zstd";
    case CODEC_GZIP: return "gzip";
    }
    return "unknown"; /* a number from the wire */
}

static enum status unknown_codec(enum codec codec, struct error *err)
{
    return error_set(err, STATUS_INVALID, "unknown compression %d", (int)codec);
}

static enum status no_memory(enum codec codec, struct error *err)
{
    return error_set(err, STATUS_NO_MEMORY, "no memory for a %s context", codec_name(codec));
}

enum status compressor_new(struct compressor **out, struct error *err)
{
    struct compressor *made = calloc(1, sizeof(*made));

    if (made == NULL)
        return error_set(err, STATUS_NO_MEMORY, "no memory for compression");
    *out = made;
    return STATUS_OK;
}

void compressor_free(struct compressor *compressor)
{
    if (compressor == NULL)
        return;
    for (size_t i = 0; i < COUNT_OF(compressor->deflaters); i++)
        if (compressor->deflate_levels[i] != 0)
            (void)deflateEnd(&compressor->deflaters[i]);
    if (compressor->inflater_made)
        (void)inflateEnd(&compressor->inflater);
    (void)ZSTD_freeCCtx(compressor->zstd_out);
    (void)ZSTD_freeDCtx(compressor->zstd_in);
    free(compressor);
}

/* Where the next byte goes; an empty buffer may have no memory yet. */
static char *end_of(const struct buf *out)
{
    return out->data == NULL ? NULL : out->data + out->len;
}

/* ---- compress ---- */

/* NULL: no memory. */
static z_stream *deflater_ready(struct compressor *compressor, enum codec codec, int level)
{
    size_t index = codec == CODEC_GZIP;
    z_stream *stream = &compressor->deflaters[index];

    if (compressor->deflate_levels[index] == level) {
        (void)deflateReset(stream);
    } else {
        if (compressor->deflate_levels[index] != 0)
            (void)deflateEnd(stream);
        compressor->deflate_levels[index] = 0;
        *stream = (z_stream){0};
        if (deflateInit2(stream, level, Z_DEFLATED,
                         codec == CODEC_GZIP ? GZIP_WINDOW_BITS : ZLIB_WINDOW_BITS,
                         ZLIB_MEMORY_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK)
            return NULL;
        compressor->deflate_levels[index] = level;
    }
    return stream;
}

/* Make room for `wanted` bytes, or for all that the buffer may still hold: the compressed text is
 * usually far smaller than its bound. */
static enum status reserve_bound(struct buf *out, size_t wanted, size_t *room, struct error *err)
{
    size_t left = out->size_max - out->len;

    *room = wanted < left ? wanted : left;
    if (!buf_reserve(out, *room))
        return error_set(err, STATUS_NO_MEMORY, "no memory for %zu compressed bytes", *room);
    return STATUS_OK;
}

static enum status compress_zlib(struct compressor *compressor, enum codec codec, int level,
                                 struct slice raw, struct buf *out, struct error *err)
{
    z_stream *stream = deflater_ready(compressor, codec, level);
    size_t room;
    enum status status;

    if (stream == NULL)
        return no_memory(codec, err);
    if (raw.len > INT_MAX)
        return error_set(err, STATUS_TOO_LARGE, "%zu bytes are too much for one %s piece", raw.len,
                         codec_name(codec));
    status = reserve_bound(out, deflateBound(stream, raw.len), &room, err);
    if (status != STATUS_OK)
        return status;
    stream->next_in = (Bytef *)(uintptr_t)raw.data;
    stream->avail_in = (uInt)raw.len;
    stream->next_out = (Bytef *)end_of(out);
    stream->avail_out = room > INT_MAX ? INT_MAX : (uInt)room;
    if (deflate(stream, Z_FINISH) != Z_STREAM_END)
        return error_set(err, STATUS_TOO_LARGE, "%zu bytes do not compress into %zu", raw.len,
                         room);
    buf_commit(out, stream->total_out);
    return STATUS_OK;
}

/* As the library has it for that level, but for matches of less than seven bytes at level 1: lines repeat
 * in longer pieces, and short ones cost their reader more than they save. */
static bool set_zstd_level(ZSTD_CCtx *context, int level)
{
    int match_min = level == 1 ? 7 : 0; /* 0: the library's */

    return !ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level)) &&
           !ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_minMatch, match_min));
}

static enum status compress_zstd(struct compressor *compressor, int level, struct slice raw,
                                 struct buf *out, struct error *err)
{
    size_t room;
    size_t len;
    enum status status = reserve_bound(out, ZSTD_compressBound(raw.len), &room, err);

    if (status != STATUS_OK)
        return status;
    if (compressor->zstd_out == NULL)
        compressor->zstd_out = ZSTD_createCCtx();
    if (compressor->zstd_out == NULL || !set_zstd_level(compressor->zstd_out, level))
        return no_memory(CODEC_ZSTD, err);
    len = ZSTD_compress2(compressor->zstd_out, end_of(out), room, raw.data, raw.len);
    if (ZSTD_isError(len))
        return error_set(err, STATUS_TOO_LARGE, "%zu bytes do not compress into %zu: %s", raw.len,
                         room, ZSTD_getErrorName(len));
    buf_commit(out, len);
    return STATUS_OK;
}

enum status compress_append(struct compressor *compressor, enum codec codec, int level,
                            struct slice raw, struct buf *out, struct error *err)
{
    switch (codec) {
    case CODEC_NONE:
        if (!buf_append_slice(out, raw))
            return buf_check(out, "uncompressed piece", err);
        return STATUS_OK;
    case CODEC_ZLIB:
    case CODEC_GZIP:
        return compress_zlib(compressor, codec, level, raw, out, err);
    case CODEC_ZSTD:
        return compress_zstd(compressor, level, raw, out, err);
    }
    return unknown_codec(codec, err);
}

/* ---- decompress, length known ---- */

static enum status wrong_length(enum codec codec, size_t raw_len, struct error *err)
{
    return error_set(err, STATUS_INVALID, "%s data does not hold exactly %zu bytes",
                     codec_name(codec), raw_len);
}

static enum status inflater_ready(struct compressor *compressor, enum codec codec,
                                  struct error *err)
{
    int bits = codec == CODEC_GZIP ? GZIP_WINDOW_BITS : ZLIB_WINDOW_BITS;

    if (!compressor->inflater_made && inflateInit2(&compressor->inflater, bits) != Z_OK)
        return no_memory(codec, err);
    compressor->inflater_made = true;
    if (inflateReset2(&compressor->inflater, bits) != Z_OK)
        return no_memory(codec, err);
    return STATUS_OK;
}

static enum status decompress_zlib(struct compressor *compressor, enum codec codec,
                                   struct slice packed, size_t raw_len, char *to,
                                   struct error *err)
{
    z_stream *stream = &compressor->inflater;
    enum status status = inflater_ready(compressor, codec, err);
    char none;
    int done;

    if (status != STATUS_OK)
        return status;
    if (packed.len > INT_MAX || raw_len > INT_MAX)
        return error_set(err, STATUS_TOO_LARGE, "%s piece of %zu bytes", codec_name(codec),
                         raw_len);
    stream->next_in = (Bytef *)(uintptr_t)packed.data;
    stream->avail_in = (uInt)packed.len;
    stream->next_out = (Bytef *)(raw_len == 0 ? &none : to); /* zlib refuses NULL */
    stream->avail_out = (uInt)raw_len;
    done = inflate(stream, Z_FINISH);
    if (done == Z_STREAM_END && stream->avail_in == 0 && stream->avail_out == 0)
        return STATUS_OK;
    if (done == Z_DATA_ERROR || done == Z_NEED_DICT)
        return error_set(err, STATUS_INVALID, "damaged %s data: %s", codec_name(codec),
                         stream->msg == NULL ? "needs a dictionary" : stream->msg);
    if (done == Z_MEM_ERROR)
        return no_memory(codec, err);
    return wrong_length(codec, raw_len, err);
}

static enum status decompress_zstd(struct compressor *compressor, struct slice packed,
                                   size_t raw_len, char *to, struct error *err)
{
    size_t len;
    char none;

    if (compressor->zstd_in == NULL)
        compressor->zstd_in = ZSTD_createDCtx();
    if (compressor->zstd_in == NULL)
        return no_memory(CODEC_ZSTD, err);
    /* In one call the output is the window, so a large window needs no memory of its own. */
    len = ZSTD_decompressDCtx(compressor->zstd_in, raw_len == 0 ? &none : to, raw_len, packed.data,
                              packed.len);
    if (ZSTD_isError(len))
        return error_set(err, STATUS_INVALID, "damaged zstd data for %zu bytes: %s", raw_len,
                         ZSTD_getErrorName(len));
    /* Zero bytes of input are zero frames to libzstd; a piece has at least one. */
    return len == raw_len && packed.len > 0 ? STATUS_OK : wrong_length(CODEC_ZSTD, raw_len, err);
}

enum status decompress_append(struct compressor *compressor, enum codec codec, struct slice packed,
                              size_t raw_len, struct buf *out, struct error *err)
{
    enum status status;

    if (raw_len > out->size_max - out->len)
        return error_set(err, STATUS_TOO_LARGE, "%zu decompressed bytes exceed the limit of %zu",
                         raw_len, out->size_max - out->len);
    if (!buf_reserve(out, raw_len))
        return error_set(err, STATUS_NO_MEMORY, "no memory for %zu bytes", raw_len);
    switch (codec) {
    case CODEC_NONE:
        if (packed.len != raw_len)
            return wrong_length(codec, raw_len, err);
        (void)buf_append_slice(out, packed); /* cannot fail: reserved */
        return STATUS_OK;
    case CODEC_ZLIB:
    case CODEC_GZIP:
        status = decompress_zlib(compressor, codec, packed, raw_len, end_of(out), err);
        break;
    case CODEC_ZSTD:
        status = decompress_zstd(compressor, packed, raw_len, end_of(out), err);
        break;
    default:
        return unknown_codec(codec, err);
    }
    if (status == STATUS_OK)
        buf_commit(out, raw_len);
    return status;
}

/* ---- streams ---- */

static enum status unpacker_init(struct unpacker *unpacker, struct error *err)
{
    switch (unpacker->codec) {
    case CODEC_NONE:
        return STATUS_OK;
    case CODEC_ZLIB:
    case CODEC_GZIP:
        if (inflateInit2(&unpacker->zlib, unpacker->codec == CODEC_GZIP ? GZIP_WINDOW_BITS
                                                                        : ZLIB_WINDOW_BITS) != Z_OK)
            return no_memory(unpacker->codec, err);
        return STATUS_OK;
    case CODEC_ZSTD:
        unpacker->zstd = ZSTD_createDCtx();
        if (unpacker->zstd == NULL ||
            ZSTD_isError(ZSTD_DCtx_setParameter(unpacker->zstd, ZSTD_d_windowLogMax,
                                                ZSTD_WINDOW_LOG_MAX)))
            return no_memory(unpacker->codec, err);
        return STATUS_OK;
    }
    return unknown_codec(unpacker->codec, err);
}

enum status unpacker_new(enum codec codec, struct unpacker **out, struct error *err)
{
    struct unpacker *made = calloc(1, sizeof(*made));
    enum status status;

    if (made == NULL)
        return no_memory(codec, err);
    made->codec = codec;
    made->between = true;
    status = unpacker_init(made, err);
    if (status != STATUS_OK) {
        unpacker_free(made);
        return status;
    }
    *out = made;
    return STATUS_OK;
}

void unpacker_free(struct unpacker *unpacker)
{
    if (unpacker == NULL)
        return;
    (void)inflateEnd(&unpacker->zlib); /* harmless on one that was never made */
    (void)ZSTD_freeDCtx(unpacker->zstd);
    free(unpacker);
}

static enum status step_none(struct slice *input, char *data, size_t size, size_t *len)
{
    *len = input->len < size ? input->len : size;
    if (*len > 0)
        memcpy(data, input->data, *len);
    *input = slice_from(*input, *len);
    return STATUS_OK;
}

/* Some writers pad the end of a .gz file with zeros to a block; gzip(1) skips them as well. */
static void skip_padding(struct unpacker *unpacker, struct slice *input)
{
    if (unpacker->codec == CODEC_GZIP && unpacker->between && unpacker->zlib.total_in > 0)
        while (input->len > 0 && input->data[0] == '\0')
            *input = slice_from(*input, 1);
}

static enum status step_zlib(struct unpacker *unpacker, struct slice *input, char *data,
                             size_t size, size_t *len, struct error *err)
{
    z_stream *stream = &unpacker->zlib;
    int done;

    skip_padding(unpacker, input);
    if (input->len == 0 && unpacker->between)
        return STATUS_OK;
    if (unpacker->between) {
        if (stream->total_in > 0 && unpacker->codec == CODEC_ZLIB)
            return error_set(err, STATUS_INVALID, "bytes behind the end of the zlib data");
        (void)inflateReset(stream);
        unpacker->between = false;
    }
    stream->next_in = (Bytef *)(uintptr_t)input->data;
    stream->avail_in = input->len > INT_MAX ? INT_MAX : (uInt)input->len;
    stream->next_out = (Bytef *)data;
    stream->avail_out = size > INT_MAX ? INT_MAX : (uInt)size;
    done = inflate(stream, Z_NO_FLUSH);
    *len = (size_t)(stream->next_out - (Bytef *)data);
    *input = slice_from(*input, (size_t)(stream->next_in - (const Bytef *)input->data));
    if (done == Z_STREAM_END)
        unpacker->between = true;
    else if (done == Z_MEM_ERROR)
        return no_memory(unpacker->codec, err);
    else if (done != Z_OK && done != Z_BUF_ERROR)
        return error_set(err, STATUS_INVALID, "damaged %s data: %s", codec_name(unpacker->codec),
                         stream->msg == NULL ? "needs a dictionary" : stream->msg);
    return STATUS_OK;
}

static enum status step_zstd(struct unpacker *unpacker, struct slice *input, char *data,
                             size_t size, size_t *len, struct error *err)
{
    ZSTD_inBuffer in = {.src = input->data, .size = input->len};
    ZSTD_outBuffer out = {.dst = data, .size = size};
    size_t left;

    if (input->len == 0 && unpacker->between)
        return STATUS_OK;
    left = ZSTD_decompressStream(unpacker->zstd, &out, &in);
    *len = out.pos;
    *input = slice_from(*input, in.pos);
    if (ZSTD_isError(left))
        return error_set(err, STATUS_INVALID, "damaged zstd data: %s", ZSTD_getErrorName(left));
    unpacker->between = left == 0;
    return STATUS_OK;
}

enum status unpacker_step(struct unpacker *unpacker, struct slice *input, char *data, size_t size,
                          size_t *len, struct error *err)
{
    *len = 0;
    switch (unpacker->codec) {
    case CODEC_NONE:
        return step_none(input, data, size, len);
    case CODEC_ZLIB:
    case CODEC_GZIP:
        return step_zlib(unpacker, input, data, size, len, err);
    case CODEC_ZSTD:
        break;
    }
    return step_zstd(unpacker, input, data, size, len, err);
}

bool unpacker_between(const struct unpacker *unpacker)
{
    return unpacker->between;
}

/* ---- decompress, length unknown ---- */

static enum status unpack_all(struct unpacker *unpacker, struct slice packed, size_t size_max,
                              struct buf *out, struct error *err)
{
    size_t start = out->len;

    for (;;) {
        size_t before = packed.len;
        size_t left = size_max - (out->len - start);
        size_t room = left < UNPACK_CHUNK_SIZE ? left : UNPACK_CHUNK_SIZE;
        char probe; /* one byte more would be one too many */
        size_t len;
        enum status status;

        if (!buf_reserve(out, room))
            return error_set(err, STATUS_TOO_LARGE, "no room for more than %zu bytes", out->len);
        status = unpacker_step(unpacker, &packed, room > 0 ? out->data + out->len : &probe,
                               room > 0 ? room : 1, &len, err);
        if (status != STATUS_OK)
            return status;
        if (room == 0 && len > 0)
            return error_set(err, STATUS_TOO_LARGE, "%s data expands to more than %zu bytes",
                             codec_name(unpacker->codec), size_max);
        buf_commit(out, len);
        if (len == 0 && packed.len == before)
            break;
    }
    if (!unpacker->between || packed.len > 0)
        return error_set(err, STATUS_INVALID, "%s data is cut short",
                         codec_name(unpacker->codec));
    return STATUS_OK;
}

enum status decompress_capped(enum codec codec, struct slice packed, size_t size_max,
                              struct buf *out, struct error *err)
{
    struct unpacker *unpacker = NULL;
    size_t start = out->len;
    enum status status = unpacker_new(codec, &unpacker, err);

    if (status != STATUS_OK || unpacker == NULL)
        return status;
    if (size_max > out->size_max - out->len)
        size_max = out->size_max - out->len;
    status = unpack_all(unpacker, packed, size_max, out, err);
    if (status != STATUS_OK)
        out->len = start;
    unpacker_free(unpacker);
    return status;
}
