/* base/frame.h -- the unit of the Dendro wire, version 1 (docs/wire.md). The same bytes
 * lie in the shipper's spool and in Kafka. Integers are little-endian.
 *   offset  size  field      notes
 *        0     4  magic      'DNW1'
 *        4     1  type       enum frame_type
 *        5     1  flags      enum frame_flags
 *        6     1  lane       enum frame_lane
 *        7     1  codec      enum codec of the body (base/compress.h)
 *        8     4  body_size  bytes that follow the header, at most FRAME_BODY_SIZE_MAX
 *       12     4  raw_size   bytes of the body after decompression, at most FRAME_RAW_SIZE_MAX
 *       16     8  seq        dense per (epoch, lane), from 1, for BATCH and LOSS; else 0
 *       24     4  body_crc   CRC-32C of the body as sent
 *       28     4  head_crc   CRC-32C of bytes 0..27
 *       32        body
 * Thread safety: functions touch only their arguments. */
#ifndef DENDRO_BASE_FRAME_H
#define DENDRO_BASE_FRAME_H

#include "base/buf.h"
#include "base/compress.h"
#include "base/error.h"
#include "base/slice.h"

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    FRAME_HEADER_SIZE = 32,
    FRAME_BODY_SIZE_MAX = 4 << 20,   /* one frame is 34 s of a 1 Mbit/s link: more blocks it */
    FRAME_RAW_SIZE_MAX = 16 << 20,   /* what a worker may have to hold at once */
    FRAME_SIZE_MAX = FRAME_HEADER_SIZE + FRAME_BODY_SIZE_MAX,
    FRAME_TYPE_OPTIONAL = 128,       /* unknown types from here on are skipped, not refused */
};

#define FRAME_MAGIC 0x31574e44u /* "DNW1" */

enum frame_type {
    FRAME_HELLO = 1,
    FRAME_WELCOME,
    FRAME_BATCH,
    FRAME_ACK,
    FRAME_NACK,
    FRAME_CREDIT,
    FRAME_PING,
    FRAME_PONG,
    FRAME_LOSS,
    FRAME_BYE,
    FRAME_CONFIG,        /* reserved */
    FRAME_SOURCE_QUERY,  /* with FEATURE_SOURCE_QUERY only: how far is this source stored? */
    FRAME_SOURCE_ANSWER,
    FRAME_TYPE_END,      /* one past the last known type */
};

enum frame_flags {
    FRAME_COMPRESSED = 1,
    FRAME_URGENT = 2,
    FRAME_REPLAY = 4,   /* from the spool */
    FRAME_LANE_END = 8, /* nothing waits behind it in its lane */
};

enum frame_lane { LANE_CONTROL, LANE_URGENT, LANE_METRICS, LANE_NORMAL, LANE_BULK, LANE_COUNT };

enum { FRAME_CODECS = 1 << CODEC_NONE | 1 << CODEC_ZLIB | 1 << CODEC_ZSTD }; /* HELLO.codecs */

struct frame_header {
    uint32_t magic;
    uint8_t type, flags, lane, codec;
    uint32_t body_size, raw_size;
    uint64_t seq;
    uint32_t body_crc, head_crc;
};

static_assert(sizeof(struct frame_header) == FRAME_HEADER_SIZE, "padding would change the wire");
static_assert(offsetof(struct frame_header, seq) == 16, "layout of the wire");
static_assert(offsetof(struct frame_header, head_crc) == 28, "it covers what is before it");

struct frame {
    struct frame_header header;
    struct slice body; /* as sent; borrowed from the input */
    bool body_intact;  /* false: body_crc is wrong; NACK that seq, the stream goes on */
};

/* What the sender chooses of a header. */
struct frame_fields {
    enum frame_type type;
    enum frame_lane lane;
    uint8_t flags; /* without FRAME_COMPRESSED, which follows from the codec */
    uint64_t seq;
    enum codec codec; /* CODEC_NONE, CODEC_ZLIB or CODEC_ZSTD */
    int level;        /* 0: the codec's default */
};

/* Append one frame to `out`. A body that compression does not make smaller is sent as it is.
 * `compressor` may be NULL without a codec.
 * Errors: TOO_LARGE (body above a cap, or `out` is full), NO_MEMORY; `out` keeps its length. */
enum status frame_append(struct buf *out, const struct frame_fields *fields, struct slice body,
                         struct compressor *compressor, struct error *err) WARN_UNUSED;

/* Eat one whole frame from the front of `rest`; bodies up to `body_size_max` are accepted.
 * Errors: AGAIN      more bytes are needed, `rest` is as it was
 *         CORRUPT    wrong magic or head_crc: the framing is lost, close the connection
 *         TOO_LARGE  the header (in out->header) is sound but above a limit: NACK and close
 *         INVALID    the header is sound but breaks a rule (lane, codec, flags): NACK and close */
enum status frame_read(struct slice *rest, uint32_t body_size_max, struct frame *out,
                       struct error *err) WARN_UNUSED;

/* Bytes of the whole frame that begins at `input`, or 0 if its header is not complete. Only a
 * hint for the size of the next read: nothing is checked but the cap. */
size_t frame_size_hint(struct slice input);

/* The body after decompression: `raw` borrows the frame's body (no codec) or `scratch`, which is
 * reset first and must allow raw_size bytes. Never more than header.raw_size bytes are produced.
 * Errors: INVALID (does not decompress to exactly raw_size), TOO_LARGE, NO_MEMORY. */
enum status frame_raw(const struct frame *frame, struct compressor *compressor,
                      struct buf *scratch, struct slice *raw, struct error *err) WARN_UNUSED;

/* Spool replay: give a whole encoded frame another seq, and set `flags` in addition; body and
 * body_crc stay. */
void frame_set_seq(void *encoded, uint64_t seq, uint8_t flags);

/* "BATCH"; "type 77" becomes "unknown". Static text. */
const char *frame_type_name(unsigned type);

#endif
