/* Compressed data from hostile bytes: nothing grows past the cap, in one piece and in small ones.
 * The first byte chooses the codec, the second the exact length that is asked for. */
#include "base/compress.h"

#include <stdlib.h>

enum { CAP = 1 << 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The stream in pieces of 100 bytes out; gives the status at its end. */
static enum status unpack_stream(enum codec codec, struct slice packed, struct buf *out)
{
    struct unpacker *unpacker;
    enum status status = unpacker_new(codec, &unpacker, NULL);
    char piece[100];

    while (status == STATUS_OK) {
        size_t before = packed.len;
        size_t len;

        status = unpacker_step(unpacker, &packed, piece, sizeof(piece), &len, NULL);
        if (len > sizeof(piece))
            abort();
        if (status == STATUS_OK && len == 0 && packed.len == before)
            break;
        if (status == STATUS_OK && !buf_append(out, piece, len))
            status = STATUS_TOO_LARGE;
    }
    if (status == STATUS_OK && (!unpacker_between(unpacker) || packed.len > 0))
        status = STATUS_INVALID;
    unpacker_free(unpacker);
    return status;
}

/* Data that is both over the cap and damaged behind it may be refused for either: whoever asks for more
 * at once sees the damage first. And libzstd compares the length in a frame's header with that of the
 * text when it unpacks the frame in one go; in pieces not, if the last block is empty. */
static bool same_end(enum codec codec, enum status whole, enum status stream)
{
    bool either = (whole == STATUS_INVALID && stream == STATUS_TOO_LARGE) ||
                  (whole == STATUS_TOO_LARGE && stream == STATUS_INVALID);
    bool length = codec == CODEC_ZSTD && whole == STATUS_INVALID && stream == STATUS_OK;

    return whole == stream || either || length;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum codec codecs[] = {CODEC_NONE, CODEC_ZLIB, CODEC_ZSTD, CODEC_GZIP};
    struct buf whole = buf_empty(CAP);
    struct buf stream = buf_empty(CAP);
    struct compressor *compressor;
    struct slice packed;
    enum codec codec;
    enum status status;

    if (size < 2 || compressor_new(&compressor, NULL) != STATUS_OK)
        return 0;
    codec = codecs[data[0] % COUNT_OF(codecs)];
    packed = slice_make(data + 2, size - 2);
    status = decompress_capped(codec, packed, CAP, &whole, NULL);
    if (whole.len > CAP || (status != STATUS_OK && whole.len != 0))
        abort();
    if (!same_end(codec, status, unpack_stream(codec, packed, &stream)) ||
        (status == STATUS_OK && !slice_equal(buf_slice(&whole), buf_slice(&stream))))
        abort();
    buf_reset(&stream);
    if (decompress_append(compressor, codec, packed, data[1], &stream, NULL) == STATUS_OK &&
        stream.len != data[1])
        abort();
    compressor_free(compressor);
    buf_release(&whole);
    buf_release(&stream);
    return 0;
}
