/* Control messages of the wire: fixed fields, then tagged texts. Each decoder is one chain of
 * take_*() calls that stops at the first field that is too short; reading never goes past `body`
 * and every list is bounded before it is walked (docs/wire.md). */
#include "base/message.h"

#include "base/byteorder.h"
#include "base/hash.h"

#include <assert.h>
#include <string.h>

enum {
    ANSWER_SIZE = WIRE_ID_SIZE + 1 + 4 + 8 + 8,    /* of a source_answer on the wire */
    WATERMARK_SIZE = WIRE_ID_SIZE + 4 + 8 + 8,
};

uint64_t tail_hash(struct slice before)
{
    uint64_t hash;

    if (before.len > TAIL_SIZE_MAX)
        before = slice_from(before, before.len - TAIL_SIZE_MAX);
    hash = hash64(before.data, before.len);
    return hash == TAIL_HASH_UNKNOWN ? 1 : hash;
}

static enum status bad_field(struct error *err, const char *message, struct slice body,
                             struct slice rest)
{
    return error_set(err, STATUS_INVALID, "%s: byte %zu: the field is cut short or out of range",
                     message, body.len - rest.len);
}

/* ---- fields that base/byteorder.h does not know ---- */

static bool take_id(struct slice *rest, uint8_t out[WIRE_ID_SIZE])
{
    struct slice bytes;

    if (!take_bytes(rest, WIRE_ID_SIZE, &bytes))
        return false;
    memcpy(out, bytes.data, WIRE_ID_SIZE);
    return true;
}

static bool take_flag(struct slice *rest, bool *out)
{
    uint8_t byte;

    if (rest->len == 0 || (uint8_t)rest->data[0] > 1 || !take_u8(rest, &byte))
        return false;
    *out = byte == 1;
    return true;
}

static bool take_count(struct slice *rest, uint64_t max, uint32_t *out)
{
    struct slice at = *rest;
    uint64_t value;

    if (!take_varint(&at, &value) || value > max)
        return false;
    *rest = at;
    *out = (uint32_t)value;
    return true;
}

static bool take_credit(struct slice *rest, struct lane_credit *out)
{
    return take_u32(rest, &out->window_size) && take_u16(rest, &out->window_frames);
}

static void append_credit(struct buf *out, const struct lane_credit *credit)
{
    buf_append_u32(out, credit->window_size);
    buf_append_u16(out, credit->window_frames);
}

static bool take_watermark(struct slice *rest, struct wire_watermark *out)
{
    return take_id(rest, out->source.generation) && take_u32(rest, &out->source.truncations) &&
           take_u64(rest, &out->durable_offset) && take_u64(rest, &out->tail_hash);
}

static void append_watermark(struct buf *out, const struct wire_watermark *mark)
{
    buf_append(out, mark->source.generation, WIRE_ID_SIZE);
    buf_append_u32(out, mark->source.truncations);
    buf_append_u64(out, mark->durable_offset);
    buf_append_u64(out, mark->tail_hash);
}

/* ---- tagged texts ---- */

static void append_tagged(struct buf *out, uint64_t tag, struct slice text)
{
    if (text.len == 0)
        return;
    text = slice_first(text, WIRE_TEXT_SIZE_MAX);
    buf_append_varint(out, tag);
    buf_append_varint(out, text.len);
    buf_append_slice(out, text);
}

/* Texts with tags 1..count go to `out[tag - 1]`; others are skipped, a repeated one is refused. */
static bool take_tagged(struct slice *rest, struct slice *const *out, size_t count)
{
    while (rest->len > 0) {
        struct slice at = *rest, text;
        uint64_t tag;

        if (!take_varint(&at, &tag) || !take_text(&at, &text) || text.len > WIRE_TEXT_SIZE_MAX)
            return false;
        if (tag >= 1 && tag <= count) {
            if (out[tag - 1]->len != 0)
                return false;
            *out[tag - 1] = text;
        }
        *rest = at;
    }
    return true;
}

/* ---- HELLO, WELCOME ---- */

void hello_append(struct buf *out, const struct hello *hello)
{
    buf_append_u16(out, hello->version_min);
    buf_append_u16(out, hello->version_max);
    buf_append_u64(out, hello->features);
    buf_append(out, hello->shipper, WIRE_ID_SIZE);
    buf_append(out, hello->boot, WIRE_ID_SIZE);
    buf_append_u64(out, hello->epoch);
    buf_append_u32(out, hello->codecs);
    buf_append_u32(out, hello->body_size_max);
    buf_append_u64(out, hello->wall_ns);
    buf_append_u64(out, hello->mono_ns);
    buf_append_byte(out, LANE_COUNT);
    for (size_t i = 0; i < LANE_COUNT; i++) {
        buf_append_u64(out, hello->lanes[i].next_seq);
        buf_append_u64(out, hello->lanes[i].oldest_unacked_seq);
        buf_append_u64(out, hello->lanes[i].backlog_size);
    }
    append_tagged(out, 1, hello->host);
    append_tagged(out, 2, hello->build);
    append_tagged(out, 3, hello->geo);
    append_tagged(out, 4, hello->token);
}

static bool take_hello_lanes(struct slice *rest, struct hello *out)
{
    uint8_t count;

    if (!take_u8(rest, &count) || count != LANE_COUNT)
        return false;
    for (size_t i = 0; i < LANE_COUNT; i++) {
        struct hello_lane *lane = &out->lanes[i];

        if (!take_u64(rest, &lane->next_seq) || !take_u64(rest, &lane->oldest_unacked_seq) ||
            !take_u64(rest, &lane->backlog_size) || lane->oldest_unacked_seq > lane->next_seq)
            return false;
    }
    return true;
}

enum status hello_decode(struct slice body, struct hello *out, struct error *err)
{
    struct slice rest = body;
    struct slice *const texts[] = { &out->host, &out->build, &out->geo, &out->token };

    *out = (struct hello){0};
    if (!take_u16(&rest, &out->version_min) || !take_u16(&rest, &out->version_max) ||
        out->version_min > out->version_max)
        return bad_field(err, "HELLO", body, rest);
    if (out->version_min > WIRE_VERSION || out->version_max < WIRE_VERSION)
        return STATUS_OK; /* what follows has a layout of that version */
    if (take_u64(&rest, &out->features) &&
        take_id(&rest, out->shipper) && take_id(&rest, out->boot) &&
        take_u64(&rest, &out->epoch) && take_u32(&rest, &out->codecs) &&
        take_u32(&rest, &out->body_size_max) && take_u64(&rest, &out->wall_ns) &&
        take_u64(&rest, &out->mono_ns) && take_hello_lanes(&rest, out) &&
        take_tagged(&rest, texts, COUNT_OF(texts)))
        return STATUS_OK;
    return bad_field(err, "HELLO", body, rest);
}

void welcome_append(struct buf *out, const struct welcome *welcome)
{
    buf_append_u16(out, welcome->version);
    buf_append_u64(out, welcome->features);
    buf_append_byte(out, (char)welcome->codec);
    buf_append_u32(out, welcome->body_size_max);
    buf_append(out, welcome->node, WIRE_ID_SIZE);
    buf_append_u64(out, welcome->store_incarnation);
    buf_append_u64(out, welcome->receive_ns);
    buf_append_u64(out, welcome->send_ns);
    buf_append_byte(out, LANE_COUNT);
    for (size_t i = 0; i < LANE_COUNT; i++) {
        buf_append_u64(out, welcome->lanes[i].durable_seq);
        append_credit(out, &welcome->lanes[i].credit);
    }
    buf_append_u32(out, welcome->redact_policy_revision);
    append_tagged(out, 1, welcome->geo);
    append_tagged(out, 2, welcome->build);
}

static bool take_welcome_lanes(struct slice *rest, struct welcome *out)
{
    uint8_t count;

    if (!take_u8(rest, &count) || count != LANE_COUNT)
        return false;
    for (size_t i = 0; i < LANE_COUNT; i++)
        if (!take_u64(rest, &out->lanes[i].durable_seq) ||
            !take_credit(rest, &out->lanes[i].credit))
            return false;
    return true;
}

enum status welcome_decode(struct slice body, struct welcome *out, struct error *err)
{
    struct slice rest = body;
    struct slice *const texts[] = { &out->geo, &out->build };

    *out = (struct welcome){0};
    if (take_u16(&rest, &out->version) && take_u64(&rest, &out->features) &&
        take_u8(&rest, &out->codec) && out->codec <= CODEC_ZSTD &&
        take_u32(&rest, &out->body_size_max) && take_id(&rest, out->node) &&
        take_u64(&rest, &out->store_incarnation) && take_u64(&rest, &out->receive_ns) &&
        take_u64(&rest, &out->send_ns) && take_welcome_lanes(&rest, out) &&
        take_u32(&rest, &out->redact_policy_revision) &&
        take_tagged(&rest, texts, COUNT_OF(texts)))
        return STATUS_OK;
    return bad_field(err, "WELCOME", body, rest);
}

/* ---- ACK, CREDIT, NACK ---- */

void ack_append(struct buf *out, const struct ack *ack)
{
    assert(ack->watermark_count <= WIRE_SOURCES_MAX);
    buf_append_byte(out, (char)ack->lane);
    buf_append_u64(out, ack->epoch);
    buf_append_u64(out, ack->durable_seq);
    append_credit(out, &ack->credit);
    buf_append_u32(out, ack->retry_after_ms);
    buf_append_varint(out, ack->watermark_count);
    for (uint32_t i = 0; i < ack->watermark_count; i++)
        append_watermark(out, &ack->watermarks[i]);
}

enum status ack_decode(struct slice body, struct ack *out, struct error *err)
{
    struct slice rest = body;

    *out = (struct ack){0};
    if (take_u8(&rest, &out->lane) && out->lane < LANE_COUNT && take_u64(&rest, &out->epoch) &&
        take_u64(&rest, &out->durable_seq) && take_credit(&rest, &out->credit) &&
        take_u32(&rest, &out->retry_after_ms) &&
        take_count(&rest, WIRE_SOURCES_MAX, &out->watermark_count) &&
        take_bytes(&rest, (size_t)out->watermark_count * WATERMARK_SIZE, &out->watermark_bytes))
        return STATUS_OK;
    return bad_field(err, "ACK", body, rest);
}

bool watermark_next(struct slice *watermark_bytes, struct wire_watermark *out)
{
    return take_watermark(watermark_bytes, out);
}

static const char *const nack_names[NACK_CODE_END] = {
    [NACK_CRC] = "CRC",         [NACK_TOO_BIG] = "TOO_BIG", [NACK_DECOMP] = "DECOMP",
    [NACK_SCHEMA] = "SCHEMA",   [NACK_GAP] = "GAP",         [NACK_IDENT] = "IDENT",
    [NACK_FENCED] = "FENCED",   [NACK_AUTH] = "AUTH",       [NACK_SCOPE] = "SCOPE",
    [NACK_GEO] = "GEO",         [NACK_QUOTA] = "QUOTA",     [NACK_DISK_FULL] = "DISK_FULL",
    [NACK_SHUTDOWN] = "SHUTDOWN", [NACK_VERSION] = "VERSION",
};

const char *nack_code_name(unsigned code)
{
    return code < NACK_CODE_END && nack_names[code] != NULL ? nack_names[code] : "unknown";
}

void nack_append(struct buf *out, const struct nack *nack)
{
    buf_append_byte(out, (char)nack->lane);
    buf_append_byte(out, (char)nack->code);
    buf_append_byte(out, nack->permanent);
    buf_append_u64(out, nack->seq);
    buf_append_u64(out, nack->expected_seq);
    buf_append_u32(out, nack->retry_after_ms);
    buf_append_byte(out, nack->has_watermark);
    if (nack->has_watermark)
        append_watermark(out, &nack->watermark);
    append_tagged(out, 1, slice_first(nack->detail, WIRE_DETAIL_SIZE_MAX));
}

enum status nack_decode(struct slice body, struct nack *out, struct error *err)
{
    struct slice rest = body;
    struct slice *const texts[] = { &out->detail };

    *out = (struct nack){0};
    if (take_u8(&rest, &out->lane) && out->lane < LANE_COUNT && take_u8(&rest, &out->code) &&
        take_flag(&rest, &out->permanent) && take_u64(&rest, &out->seq) &&
        take_u64(&rest, &out->expected_seq) && take_u32(&rest, &out->retry_after_ms) &&
        take_flag(&rest, &out->has_watermark) &&
        (!out->has_watermark || take_watermark(&rest, &out->watermark)) &&
        take_tagged(&rest, texts, COUNT_OF(texts)))
        return STATUS_OK;
    return bad_field(err, "NACK", body, rest);
}

/* ---- LOSS ---- */

static const char *const loss_names[LOSS_REASON_END] = {
    [LOSS_SPOOL_CAP] = "SPOOL_CAP",   [LOSS_TRUNCATED] = "TRUNCATED",
    [LOSS_DELETED] = "DELETED",       [LOSS_TOO_LONG] = "TOO_LONG",
    [LOSS_QUARANTINE] = "QUARANTINE", [LOSS_RETENTION] = "RETENTION",
    [LOSS_OPERATOR] = "OPERATOR",
};

const char *loss_reason_name(unsigned reason)
{
    return reason < LOSS_REASON_END && loss_names[reason] != NULL ? loss_names[reason] : "unknown";
}

void loss_message_append(struct buf *out, const struct loss_message *loss)
{
    buf_append(out, loss->source.generation, WIRE_ID_SIZE);
    buf_append_u32(out, loss->source.truncations);
    buf_append_u64(out, loss->from_offset);
    buf_append_u64(out, loss->to_offset);
    buf_append_u64(out, loss->end_tail);
    buf_append_u64(out, loss->size);
    buf_append_u64(out, loss->line_count);
    buf_append_byte(out, (char)loss->reason);
    buf_append_u64(out, loss->wall_ns);
    append_tagged(out, 1, loss->path);
    append_tagged(out, 2, loss->role);
}

enum status loss_message_decode(struct slice body, struct loss_message *out, struct error *err)
{
    struct slice rest = body;
    struct slice *const texts[] = { &out->path, &out->role };

    *out = (struct loss_message){0};
    if (take_id(&rest, out->source.generation) && take_u32(&rest, &out->source.truncations) &&
        take_u64(&rest, &out->from_offset) && take_u64(&rest, &out->to_offset) &&
        out->from_offset < out->to_offset && take_u64(&rest, &out->end_tail) &&
        take_u64(&rest, &out->size) && out->size <= out->to_offset - out->from_offset &&
        take_u64(&rest, &out->line_count) && take_u8(&rest, &out->reason) &&
        out->reason >= LOSS_SPOOL_CAP && out->reason < LOSS_REASON_END &&
        take_u64(&rest, &out->wall_ns) && take_tagged(&rest, texts, COUNT_OF(texts)))
        return STATUS_OK;
    return bad_field(err, "LOSS", body, rest);
}

/* ---- PING, PONG, BYE ---- */

void ping_append(struct buf *out, const struct ping *ping)
{
    buf_append_u64(out, ping->send_ns);
}

enum status ping_decode(struct slice body, struct ping *out, struct error *err)
{
    struct slice rest = body;

    if (take_u64(&rest, &out->send_ns))
        return STATUS_OK;
    return bad_field(err, "PING", body, rest);
}

void pong_append(struct buf *out, const struct pong *pong)
{
    buf_append_u64(out, pong->ping_ns);
    buf_append_u64(out, pong->receive_ns);
    buf_append_u64(out, pong->send_ns);
}

enum status pong_decode(struct slice body, struct pong *out, struct error *err)
{
    struct slice rest = body;

    if (take_u64(&rest, &out->ping_ns) && take_u64(&rest, &out->receive_ns) &&
        take_u64(&rest, &out->send_ns))
        return STATUS_OK;
    return bad_field(err, "PONG", body, rest);
}

void bye_append(struct buf *out, struct slice reason)
{
    append_tagged(out, 1, slice_first(reason, WIRE_DETAIL_SIZE_MAX));
}

enum status bye_decode(struct slice body, struct slice *reason, struct error *err)
{
    struct slice rest = body;
    struct slice *const texts[] = { reason };

    *reason = (struct slice){0};
    if (take_tagged(&rest, texts, COUNT_OF(texts)))
        return STATUS_OK;
    return bad_field(err, "BYE", body, rest);
}

/* ---- SOURCE_QUERY, SOURCE_ANSWER ---- */

void source_query_append(struct buf *out, const struct source_query *query)
{
    assert(query->count <= WIRE_SOURCES_MAX);
    buf_append_varint(out, query->count);
    buf_append(out, query->generations, (size_t)query->count * WIRE_ID_SIZE);
}

enum status source_query_decode(struct slice body, struct source_query *out, struct error *err)
{
    struct slice rest = body, ids;

    *out = (struct source_query){0};
    if (!take_count(&rest, WIRE_SOURCES_MAX, &out->count) ||
        !take_bytes(&rest, (size_t)out->count * WIRE_ID_SIZE, &ids))
        return bad_field(err, "SOURCE_QUERY", body, rest);
    out->generations = (const uint8_t(*)[WIRE_ID_SIZE])ids.data;
    return STATUS_OK;
}

void source_answers_append(struct buf *out, const struct source_answer *answers, uint32_t count)
{
    assert(count <= WIRE_SOURCES_MAX);
    buf_append_varint(out, count);
    for (uint32_t i = 0; i < count; i++) {
        buf_append_byte(out, answers[i].known);
        append_watermark(out, &answers[i].watermark);
    }
}

enum status source_answers_decode(struct slice body, uint32_t *count, struct slice *rest,
                                  struct error *err)
{
    struct slice at = body;

    if (!take_count(&at, WIRE_SOURCES_MAX, count) ||
        !take_bytes(&at, (size_t)*count * ANSWER_SIZE, rest))
        return bad_field(err, "SOURCE_ANSWER", body, at);
    for (uint32_t i = 0; i < *count; i++)
        if ((uint8_t)rest->data[(size_t)i * ANSWER_SIZE] > 1)
            return error_set(err, STATUS_INVALID, "SOURCE_ANSWER: answer %u is neither yes nor no",
                             i);
    return STATUS_OK;
}

bool source_answer_next(struct slice *rest, struct source_answer *out)
{
    return take_flag(rest, &out->known) && take_watermark(rest, &out->watermark);
}
