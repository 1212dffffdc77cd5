/* shipper/checkpoint_format.c -- encode and decode the records of a checkpoint file. */
#include "shipper/checkpoint_format.h"

#include "base/byteorder.h"
#include "base/hash.h"
#include "shipper/limits.h"

#include <assert.h>

#define RECORD_MAGIC 0x52504e44u /* "DNPR" */
static const char file_magic[8] = "DNPOS\r\n";

enum {
    FLAG_FINISHED = 1,
    CHECKSUM_OFFSET = 24, /* in both headers: the checksum is their last field */
};

void checkpoint_append_header(struct buf *out, uint64_t number)
{
    size_t start = out->len;

    buf_append(out, file_magic, sizeof(file_magic));
    buf_append_u32(out, CHECKPOINT_VERSION);
    buf_append_u32(out, 0);
    if (buf_append_u64(out, number))
        buf_append_u64(out, hash64(out->data + start, CHECKSUM_OFFSET));
}

bool checkpoint_take_header(struct slice *rest, uint64_t number)
{
    const char *at = rest->data;

    if (rest->len < CHECKPOINT_HEADER_SIZE || memcmp(at, file_magic, sizeof(file_magic)) != 0 ||
        get_le32(at + 8) != CHECKPOINT_VERSION || get_le64(at + 16) != number ||
        get_le64(at + CHECKSUM_OFFSET) != hash64(at, CHECKSUM_OFFSET))
        return false;
    *rest = slice_from(*rest, CHECKPOINT_HEADER_SIZE);
    return true;
}

static uint64_t record_checksum(const char *head, struct slice body, uint64_t number)
{
    return hash64_seed(body.data, body.len, hash64_seed(head, CHECKSUM_OFFSET, number));
}

/* Returns where the body begins. */
static size_t begin_record(struct buf *out, enum checkpoint_record type, uint64_t seq)
{
    buf_append_u32(out, RECORD_MAGIC);
    buf_append_u32(out, type);
    buf_append_u32(out, 0);
    buf_append_u32(out, 0);
    buf_append_u64(out, seq);
    buf_append_u64(out, 0);
    return out->len;
}

static void end_record(struct buf *out, size_t body_at, uint64_t number)
{
    char *head;
    struct slice body;

    if (out->failed)
        return;
    head = out->data + body_at - CHECKPOINT_RECORD_HEADER_SIZE;
    body = slice_from(buf_slice(out), body_at);
    assert(body.len <= CHECKPOINT_RECORD_SIZE_MAX);
    put_le32(head + 8, (uint32_t)body.len);
    put_le64(head + CHECKSUM_OFFSET, record_checksum(head, body, number));
}

void checkpoint_append_meta(struct buf *out, uint64_t number, uint64_t seq,
                            const struct checkpoint_meta *meta)
{
    size_t body = begin_record(out, RECORD_META, seq);

    buf_append(out, meta->shipper_id, sizeof(meta->shipper_id));
    buf_append_u64(out, meta->epoch_count);
    buf_append_u64(out, meta->store_incarnation);
    end_record(out, body, number);
}

void checkpoint_append_generation(struct buf *out, uint64_t number, uint64_t seq,
                                  const struct generation *generation)
{
    size_t body = begin_record(out, RECORD_GENERATION, seq);
    struct slice path = slice_of(generation->path);

    buf_append_u64(out, generation->key.fsid);
    buf_append_u64(out, generation->key.inode);
    buf_append_u64(out, generation->key.generation);
    buf_append_u64(out, (uint64_t)generation->key.birth_ns);
    buf_append(out, generation->gen_id, GEN_ID_SIZE);
    buf_append_u32(out, generation->trunc_no);
    buf_append_u32(out, generation->finished ? FLAG_FINISHED : 0);
    buf_append_u32(out, generation->prefix_len);
    buf_append_u64(out, generation->prefix_hash);
    buf_append_u64(out, generation->begin_off);
    buf_append_u64(out, generation->acked_off);
    buf_append_u64(out, generation->acked_tail);
    buf_append_u64(out, generation->size_seen);
    buf_append_u64(out, (uint64_t)generation->first_seen_ns);
    buf_append_u64(out, (uint64_t)generation->last_seen_ns);
    buf_append_varint(out, path.len);
    buf_append_slice(out, path);
    end_record(out, body, number);
}

void checkpoint_append_forget(struct buf *out, uint64_t number, uint64_t seq,
                              const uint8_t gen_id[GEN_ID_SIZE], uint32_t trunc_no)
{
    size_t body = begin_record(out, RECORD_FORGET, seq);

    buf_append(out, gen_id, GEN_ID_SIZE);
    buf_append_u32(out, trunc_no);
    end_record(out, body, number);
}

void checkpoint_append_end(struct buf *out, uint64_t number, uint64_t seq)
{
    end_record(out, begin_record(out, RECORD_SNAPSHOT_END, seq), number);
}

bool checkpoint_take_record(struct slice *rest, uint64_t number,
                            struct checkpoint_record_head *head, struct slice *body)
{
    const char *at = rest->data;
    uint32_t size;

    if (rest->len < CHECKPOINT_RECORD_HEADER_SIZE || get_le32(at) != RECORD_MAGIC)
        return false;
    size = get_le32(at + 8);
    if (size > CHECKPOINT_RECORD_SIZE_MAX || size > rest->len - CHECKPOINT_RECORD_HEADER_SIZE)
        return false;
    *body = slice_sub(*rest, CHECKPOINT_RECORD_HEADER_SIZE, size);
    if (get_le64(at + CHECKSUM_OFFSET) != record_checksum(at, *body, number))
        return false;
    *head = (struct checkpoint_record_head){.type = get_le32(at + 4), .seq = get_le64(at + 16)};
    *rest = slice_from(*rest, CHECKPOINT_RECORD_HEADER_SIZE + (size_t)size);
    return true;
}

static bool take_gen_id(struct slice *body, uint8_t gen_id[GEN_ID_SIZE])
{
    struct slice bytes;

    if (!take_bytes(body, GEN_ID_SIZE, &bytes))
        return false;
    memcpy(gen_id, bytes.data, GEN_ID_SIZE);
    return true;
}

static bool deliver_meta(struct slice body, const struct checkpoint_reader *reader)
{
    struct checkpoint_meta meta;

    if (!take_gen_id(&body, meta.shipper_id) || !take_u64(&body, &meta.epoch_count) ||
        !take_u64(&body, &meta.store_incarnation) || body.len != 0)
        return false;
    reader->meta(reader->user, &meta);
    return true;
}

static bool deliver_forget(struct slice body, const struct checkpoint_reader *reader)
{
    uint8_t gen_id[GEN_ID_SIZE];
    uint32_t trunc_no;

    if (!take_gen_id(&body, gen_id) || !take_u32(&body, &trunc_no) || body.len != 0)
        return false;
    reader->forget(reader->user, gen_id, trunc_no);
    return true;
}

static bool take_marks(struct slice *body, struct generation *out)
{
    uint64_t birth, first_seen, last_seen;
    uint32_t flags;
    bool whole = take_u64(body, &out->key.fsid) && take_u64(body, &out->key.inode) &&
                 take_u64(body, &out->key.generation) && take_u64(body, &birth) &&
                 take_gen_id(body, out->gen_id) && take_u32(body, &out->trunc_no) &&
                 take_u32(body, &flags) && take_u32(body, &out->prefix_len) &&
                 take_u64(body, &out->prefix_hash) && take_u64(body, &out->begin_off) &&
                 take_u64(body, &out->acked_off) && take_u64(body, &out->acked_tail) &&
                 take_u64(body, &out->size_seen) && take_u64(body, &first_seen) &&
                 take_u64(body, &last_seen);

    if (!whole || out->prefix_len > PREFIX_SIZE_MAX)
        return false;
    out->key.birth_ns = (int64_t)birth;
    out->first_seen_ns = (int64_t)first_seen;
    out->last_seen_ns = (int64_t)last_seen;
    out->finished = (flags & FLAG_FINISHED) != 0;
    return true;
}

static bool deliver_generation(struct slice body, const struct checkpoint_reader *reader)
{
    struct generation generation = {0};
    char path[GLOB_SIZE_MAX];
    struct slice text;

    if (!take_marks(&body, &generation) || !take_text(&body, &text) || body.len != 0 ||
        text.len >= sizeof(path) || slice_find_byte(text, '\0') != SIZE_MAX)
        return false;
    memcpy(path, text.data, text.len);
    path[text.len] = '\0';
    generation.path = path;
    reader->generation(reader->user, &generation);
    return true;
}

bool checkpoint_deliver(uint32_t type, struct slice body, const struct checkpoint_reader *reader)
{
    switch (type) {
    case RECORD_META:
        return deliver_meta(body, reader);
    case RECORD_GENERATION:
        return deliver_generation(body, reader);
    case RECORD_FORGET:
        return deliver_forget(body, reader);
    case RECORD_SNAPSHOT_END:
        return body.len == 0;
    default:
        return false;
    }
}
