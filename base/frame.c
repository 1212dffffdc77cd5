/* Frame codec. The header's own checksum is checked before any of its fields is believed: a
 * length from a damaged header would lose the framing without anybody noticing. */
#include "base/frame.h"

#include "base/byteorder.h"
#include "base/hash.h"

#include <string.h>

enum {
    HEAD_CRC_SIZE = offsetof(struct frame_header, head_crc), /* bytes under head_crc */
    FLAGS_ALL = FRAME_COMPRESSED | FRAME_URGENT | FRAME_REPLAY | FRAME_LANE_END,
};

static_assert(CODEC_ZLIB == 1 && CODEC_ZSTD == 2, "the numbers of codecs are on the wire");

static int level_of_codec(const struct frame_fields *fields)
{
    if (fields->level != 0)
        return fields->level;
    return fields->codec == CODEC_ZLIB ? ZLIB_LEVEL_DEFAULT : ZSTD_LEVEL_DEFAULT;
}

static enum status out_full(struct buf *out, size_t start, struct error *err)
{
    out->len = start;
    out->failed = false;
    return error_set(err, STATUS_TOO_LARGE, "the frame does not fit into %zu bytes", out->size_max);
}

/* Compress behind the header; `codec` says what it came to. */
static enum status append_body(struct buf *out, const struct frame_fields *fields,
                               struct slice body, struct compressor *compressor,
                               enum codec *codec, struct error *err)
{
    size_t before = out->len;
    enum status status;

    *codec = fields->codec;
    if (fields->codec != CODEC_NONE) {
        status = compress_append(compressor, fields->codec, level_of_codec(fields), body, out, err);
        if (status != STATUS_OK && status != STATUS_TOO_LARGE)
            return status;
        if (status == STATUS_OK && out->len - before < body.len)
            return STATUS_OK;
        out->len = before;
        out->failed = false;
        *codec = CODEC_NONE;
    }
    if (!buf_append_slice(out, body))
        return out_full(out, before, err);
    return STATUS_OK;
}

static void seal_header(char *at, struct frame_header *header)
{
    header->head_crc = crc32c(header, HEAD_CRC_SIZE);
    memcpy(at, header, sizeof(*header));
}

enum status frame_append(struct buf *out, const struct frame_fields *fields, struct slice body,
                         struct compressor *compressor, struct error *err)
{
    size_t start = out->len, body_start = start + FRAME_HEADER_SIZE;
    struct frame_header header = {
        .magic = FRAME_MAGIC,
        .type = (uint8_t)fields->type,
        .flags = fields->flags,
        .lane = (uint8_t)fields->lane,
        .seq = fields->seq,
    };
    enum codec codec;
    enum status status;

    if (body.len > FRAME_RAW_SIZE_MAX)
        return error_set(err, STATUS_TOO_LARGE, "frame: a body of %zu bytes is over the limit of "
                         "%d", body.len, FRAME_RAW_SIZE_MAX);
    if (!buf_append(out, &header, sizeof(header)))
        return out_full(out, start, err);
    status = append_body(out, fields, body, compressor, &codec, err);
    if (status == STATUS_OK && out->len - body_start > FRAME_BODY_SIZE_MAX)
        status = error_set(err, STATUS_TOO_LARGE, "frame: a body of %zu bytes as sent is over the "
                           "limit of %d", out->len - body_start, FRAME_BODY_SIZE_MAX);
    if (status != STATUS_OK) {
        out->len = start;
        return status;
    }
    header.codec = (uint8_t)codec;
    header.flags |= codec == CODEC_NONE ? 0 : FRAME_COMPRESSED;
    header.body_size = (uint32_t)(out->len - body_start);
    header.raw_size = (uint32_t)body.len;
    header.body_crc = crc32c(out->data + body_start, header.body_size);
    seal_header(out->data + start, &header);
    return STATUS_OK;
}

static enum status check_header(const struct frame_header *header, uint32_t body_size_max,
                                struct error *err)
{
    bool compressed = (header->flags & FRAME_COMPRESSED) != 0;

    if (header->body_size > body_size_max || header->raw_size > FRAME_RAW_SIZE_MAX)
        return error_set(err, STATUS_TOO_LARGE, "frame: a body of %u bytes (%u decompressed) is "
                         "over the limit of %u (%d)", header->body_size, header->raw_size,
                         body_size_max, FRAME_RAW_SIZE_MAX);
    if (header->lane >= LANE_COUNT || (header->flags & ~FLAGS_ALL) != 0 ||
        header->codec > CODEC_ZSTD || compressed != (header->codec != CODEC_NONE))
        return error_set(err, STATUS_INVALID, "frame: lane %u, flags 0x%02x, codec %u: not all of "
                         "these are known or fit together", header->lane, header->flags,
                         header->codec);
    if (compressed && header->raw_size == 0)
        return error_set(err, STATUS_INVALID, "frame: compressed to %u bytes from nothing",
                         header->body_size);
    if (!compressed && header->raw_size != header->body_size)
        return error_set(err, STATUS_INVALID, "frame: not compressed, but %u bytes should become "
                         "%u", header->body_size, header->raw_size);
    return STATUS_OK;
}

enum status frame_read(struct slice *rest, uint32_t body_size_max, struct frame *out,
                       struct error *err)
{
    struct frame_header *header = &out->header;
    enum status status;

    /* The magic comes first, so that a peer of another protocol is told before it waits for us. */
    if (rest->len >= sizeof(header->magic) && get_le32(rest->data) != FRAME_MAGIC)
        return error_set(err, STATUS_CORRUPT, "frame: begins with 0x%08x instead of DNW1",
                         get_le32(rest->data));
    if (rest->len < FRAME_HEADER_SIZE)
        return STATUS_AGAIN;
    memcpy(header, rest->data, sizeof(*header));
    if (header->head_crc != crc32c(rest->data, HEAD_CRC_SIZE))
        return error_set(err, STATUS_CORRUPT, "frame: the header is damaged (checksum)");
    status = check_header(header, body_size_max, err);
    if (status != STATUS_OK)
        return status;
    if (rest->len - FRAME_HEADER_SIZE < header->body_size)
        return STATUS_AGAIN;
    out->body = slice_sub(*rest, FRAME_HEADER_SIZE, header->body_size);
    out->body_intact = crc32c(out->body.data, out->body.len) == header->body_crc;
    *rest = slice_from(*rest, FRAME_HEADER_SIZE + (size_t)header->body_size);
    return STATUS_OK;
}

size_t frame_size_hint(struct slice input)
{
    uint32_t body_size;

    if (input.len < FRAME_HEADER_SIZE)
        return 0;
    body_size = get_le32(input.data + offsetof(struct frame_header, body_size));
    if (body_size > FRAME_BODY_SIZE_MAX)
        return FRAME_SIZE_MAX;
    return FRAME_HEADER_SIZE + (size_t)body_size;
}

enum status frame_raw(const struct frame *frame, struct compressor *compressor,
                      struct buf *scratch, struct slice *raw, struct error *err)
{
    enum status status;

    if (frame->header.codec == CODEC_NONE) {
        *raw = frame->body;
        return STATUS_OK;
    }
    buf_reset(scratch);
    status = decompress_append(compressor, frame->header.codec, frame->body,
                               frame->header.raw_size, scratch, err);
    if (status == STATUS_OK)
        *raw = buf_slice(scratch);
    return status;
}

void frame_set_seq(void *encoded, uint64_t seq, uint8_t flags)
{
    struct frame_header header;

    memcpy(&header, encoded, sizeof(header));
    header.seq = seq;
    header.flags |= flags;
    seal_header(encoded, &header);
}

const char *frame_type_name(unsigned type)
{
    static const char *const names[FRAME_TYPE_END] = {
        [FRAME_HELLO] = "HELLO",   [FRAME_WELCOME] = "WELCOME", [FRAME_BATCH] = "BATCH",
        [FRAME_ACK] = "ACK",       [FRAME_NACK] = "NACK",       [FRAME_CREDIT] = "CREDIT",
        [FRAME_PING] = "PING",     [FRAME_PONG] = "PONG",       [FRAME_LOSS] = "LOSS",
        [FRAME_BYE] = "BYE",       [FRAME_CONFIG] = "CONFIG",
        [FRAME_SOURCE_QUERY] = "SOURCE_QUERY",
        [FRAME_SOURCE_ANSWER] = "SOURCE_ANSWER",
    };

    return type < FRAME_TYPE_END && names[type] != NULL ? names[type] : "unknown";
}
