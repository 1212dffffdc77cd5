/* base/message.h -- bodies of the control messages (docs/wire.md); BATCH is in
 * base/batch_message.h. A body is its fixed fields in the order of the struct (integers
 * little-endian, ids as 16 bytes, counts and texts as varint-prefixed), then tagged texts (tag
 * varint, length varint, bytes) up to its end; unknown tags are skipped, so that later versions
 * may add some.
 *
 * x_append() adds a body to a buf (check the buf at the end, as for any chain of appends);
 * x_decode() reads one: texts and lists are borrowed from `body`, every count is bounded by a
 * named limit, INVALID names the byte.
 * Thread safety: functions touch only their arguments. */
#ifndef DENDRO_BASE_MESSAGE_H
#define DENDRO_BASE_MESSAGE_H

#include "base/buf.h"
#include "base/error.h"
#include "base/frame.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    WIRE_VERSION = 1,
    WIRE_ID_SIZE = 16,
    WIRE_TEXT_SIZE_MAX = 4096,  /* a path (PATH_MAX); names and labels stay below 255 by rule */
    WIRE_SOURCES_MAX = 1024,    /* ranges, questions or answers of one message */
    WIRE_DETAIL_SIZE_MAX = 512, /* a sentence */
    TAIL_SIZE_MAX = 256,        /* source bytes that a tail hash covers */
};

enum wire_feature { FEATURE_SOURCE_QUERY = 1 };

#define TAIL_HASH_UNKNOWN 0u /* of bytes that nobody can read any more; no check is made */

/* Hash of the last TAIL_SIZE_MAX (or fewer) source bytes before a position; `before` may be
 * longer, only its end counts. Never TAIL_HASH_UNKNOWN. */
uint64_t tail_hash(struct slice before);

/* One generation of a source, as the shipper names it; its own id is that of the connection. */
struct wire_source {
    uint8_t generation[WIRE_ID_SIZE];
    uint32_t truncations;
};

/* How far the collector has a source. */
struct wire_watermark {
    struct wire_source source;
    uint64_t durable_offset;
    uint64_t tail_hash;
};

struct hello_lane {
    uint64_t next_seq;           /* of the next new frame */
    uint64_t oldest_unacked_seq; /* = next_seq when nothing is in flight */
    uint64_t backlog_size;       /* bytes waiting */
};

struct hello {
    uint16_t version_min, version_max;
    uint64_t features;              /* enum wire_feature */
    uint8_t shipper[WIRE_ID_SIZE];
    uint8_t boot[WIRE_ID_SIZE];     /* of the host: tells a clone from a restart */
    uint64_t epoch;                 /* new at every process start */
    uint32_t codecs;                /* bit n: enum codec n; FRAME_CODECS */
    uint32_t body_size_max;
    uint64_t wall_ns, mono_ns;
    struct hello_lane lanes[LANE_COUNT];
    struct slice host, build, geo;  /* tagged texts 1, 2, 3 */
    struct slice token;             /* 4; empty: none */
};
void hello_append(struct buf *out, const struct hello *hello);
/* If WIRE_VERSION is not between its versions, only those are filled. */
enum status hello_decode(struct slice body, struct hello *out, struct error *err) WARN_UNUSED;

/* A window, not a count to add up: as long as it is the latest grant, at most that many bytes (of
 * frames as sent) and frames may be unacknowledged in the lane. 0 stops the lane. One frame is
 * always allowed when window_size is not 0. */
struct lane_credit {
    uint32_t window_size;
    uint16_t window_frames;
};

struct welcome_lane {
    uint64_t durable_seq; /* in the epoch of HELLO; the shipper goes on with the next one */
    struct lane_credit credit;
};

struct welcome {
    uint16_t version;
    uint64_t features;             /* those that both sides have */
    uint8_t codec;                 /* enum codec to use */
    uint32_t body_size_max;        /* the lesser of both sides */
    uint8_t node[WIRE_ID_SIZE];
    uint64_t store_incarnation;    /* changed: rewind to the watermarks */
    uint64_t receive_ns, send_ns;  /* wall clock of the collector */
    struct welcome_lane lanes[LANE_COUNT];
    uint32_t redact_policy_revision;
    struct slice geo, build;       /* tagged texts 1, 2 */
};
void welcome_append(struct buf *out, const struct welcome *welcome);
enum status welcome_decode(struct slice body, struct welcome *out, struct error *err) WARN_UNUSED;

/* ACK, and CREDIT between acks (same body, durable_seq repeated). Watermarks are listed only for
 * sources where the collector was ahead of the batch. */
struct ack {
    uint8_t lane;
    uint64_t epoch;
    uint64_t durable_seq; /* cumulative: this and all before it are durable */
    struct lane_credit credit;
    uint32_t retry_after_ms;
    uint32_t watermark_count;
    const struct wire_watermark *watermarks; /* for ack_append() */
    struct slice watermark_bytes;            /* from ack_decode(): see watermark_next() */
};
void ack_append(struct buf *out, const struct ack *ack);
enum status ack_decode(struct slice body, struct ack *out, struct error *err) WARN_UNUSED;
/* Eat one of a decoded message's watermarks; false when none is left. */
bool watermark_next(struct slice *watermark_bytes, struct wire_watermark *out);

enum nack_code {
    NACK_CRC = 1,  /* body damaged on the way: send it again */
    NACK_TOO_BIG,
    NACK_DECOMP,   /* does not decompress to raw_size */
    NACK_SCHEMA,   /* does not decode, or a type that is not known */
    NACK_GAP,      /* a seq or source bytes are missing: rewind to expected_seq / watermark */
    NACK_IDENT,    /* prev_tail differs: raise truncations or identify again */
    NACK_FENCED,   /* another host uses this shipper id */
    NACK_AUTH,
    NACK_SCOPE,
    NACK_GEO,      /* this collector is of another geo */
    NACK_QUOTA,
    NACK_DISK_FULL,
    NACK_SHUTDOWN,
    NACK_VERSION,  /* no common version */
    NACK_CODE_END,
};
const char *nack_code_name(unsigned code); /* "GAP"; "unknown" */

/* After a NACK of (lane, seq) the collector drops what it still gets of that lane until a frame
 * with expected_seq comes. `permanent`: never send that frame again; put a LOSS in its place
 * under the same seq. In lane 0 a NACK is about the connection, which closes behind it. */
struct nack {
    uint8_t lane;
    uint8_t code; /* enum nack_code */
    bool permanent;
    uint64_t seq;
    uint64_t expected_seq;
    uint32_t retry_after_ms;
    bool has_watermark;              /* GAP, IDENT: what the collector has of that source */
    struct wire_watermark watermark;
    struct slice detail;             /* a sentence */
};
void nack_append(struct buf *out, const struct nack *nack);
enum status nack_decode(struct slice body, struct nack *out, struct error *err) WARN_UNUSED;

enum loss_reason {
    LOSS_SPOOL_CAP = 1,
    LOSS_TRUNCATED,
    LOSS_DELETED,
    LOSS_TOO_LONG,
    LOSS_QUARANTINE,
    LOSS_RETENTION,
    LOSS_OPERATOR,
    LOSS_REASON_END,
};
const char *loss_reason_name(unsigned reason); /* "SPOOL_CAP"; "unknown" */

/* Bytes [from_offset, to_offset) of a source will never come. Takes a seq of its lane as a BATCH
 * does, is acked when durable, and moves the watermark when it begins at or before it. */
struct loss_message {
    struct wire_source source;
    uint64_t from_offset, to_offset;
    uint64_t end_tail;   /* tail hash at to_offset, or TAIL_HASH_UNKNOWN */
    uint64_t size;       /* bytes lost, at most the range */
    uint64_t line_count; /* an estimate */
    uint8_t reason;      /* enum loss_reason */
    uint64_t wall_ns;    /* when it was noticed */
    struct slice path, role; /* tagged texts 1, 2 */
};
void loss_message_append(struct buf *out, const struct loss_message *loss);
enum status loss_message_decode(struct slice body, struct loss_message *out,
                                struct error *err) WARN_UNUSED;

struct ping {
    uint64_t send_ns; /* wall clock of the sender */
};
struct pong {
    uint64_t ping_ns;             /* send_ns of the PING */
    uint64_t receive_ns, send_ns; /* wall clock of the answering side */
};
void ping_append(struct buf *out, const struct ping *ping);
enum status ping_decode(struct slice body, struct ping *out, struct error *err) WARN_UNUSED;
void pong_append(struct buf *out, const struct pong *pong);
enum status pong_decode(struct slice body, struct pong *out, struct error *err) WARN_UNUSED;

/* BYE: the body is the reason, a sentence (tagged text 1). */
void bye_append(struct buf *out, struct slice reason);
enum status bye_decode(struct slice body, struct slice *reason, struct error *err) WARN_UNUSED;

/* First use of a source in an epoch is a question (docs/wire.md). The query lists
 * generations; the answer, in the same order, the watermark with the highest truncation count
 * that the collector knows of each. The shipper compares tail_hash with its own file before it
 * sends, so that new content at old offsets is never trimmed as a duplicate. */
struct source_query {
    uint32_t count;
    const uint8_t (*generations)[WIRE_ID_SIZE]; /* borrowed from the body after decode */
};
void source_query_append(struct buf *out, const struct source_query *query);
enum status source_query_decode(struct slice body, struct source_query *out,
                                struct error *err) WARN_UNUSED;

struct source_answer {
    bool known;                      /* false: only watermark.source.generation is set */
    struct wire_watermark watermark;
};
/* Body: count, then that many of these. */
void source_answers_append(struct buf *out, const struct source_answer *answers, uint32_t count);
/* `rest` is then for source_answer_next(), `count` times true. */
enum status source_answers_decode(struct slice body, uint32_t *count, struct slice *rest,
                                  struct error *err) WARN_UNUSED;
bool source_answer_next(struct slice *rest, struct source_answer *out);

#endif
