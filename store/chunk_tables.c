/* store/chunk_tables.c -- entries of the tables of a chunk: watermarks, losses, series. */
#include "store/chunk.h"

#include "base/byteorder.h"

bool watermark_append(struct buf *out, const struct watermark *watermark)
{
    return source_id_append(out, &watermark->id) &&
           buf_append_u64(out, watermark->durable_offset) &&
           buf_append_u64(out, watermark->tail_hash);
}

bool watermark_take(struct slice *rest, struct watermark *out)
{
    return source_id_take(rest, &out->id) && take_u64(rest, &out->durable_offset) &&
           take_u64(rest, &out->tail_hash);
}

bool loss_append(struct buf *out, const struct loss *loss)
{
    return buf_append_u32(out, loss->source) && buf_append_u64(out, loss->from_offset) &&
           buf_append_u64(out, loss->to_offset) && buf_append_u64(out, (uint64_t)loss->time_ns) &&
           buf_append_varint(out, loss->reason.len) && buf_append_slice(out, loss->reason);
}

bool loss_take(struct slice *rest, struct loss *out)
{
    uint64_t time;

    if (!take_u32(rest, &out->source) || !take_u64(rest, &out->from_offset) ||
        !take_u64(rest, &out->to_offset) || !take_u64(rest, &time) ||
        !take_text(rest, &out->reason) || out->reason.len > LOSS_REASON_SIZE_MAX)
        return false;
    out->time_ns = (int64_t)time;
    return true;
}

static size_t number_size(uint64_t value)
{
    size_t size = 1;

    for (; value >= 0x80; value >>= 7)
        size++;
    return size;
}

static size_t text_size(struct slice text)
{
    return number_size(text.len) + text.len;
}

static char *put_text(char *at, struct slice text)
{
    at += put_varint(at, text.len);
    if (text.len > 0)
        memcpy(at, text.data, text.len);
    return at + text.len;
}

size_t series_size(const struct sample *sample)
{
    size_t size = text_size(sample->metric) + number_size(sample->label_count);

    for (uint32_t i = 0; i < sample->label_count; i++)
        size += text_size(sample->labels[i].name) + text_size(sample->labels[i].value);
    return size;
}

void series_put(char *at, const struct sample *sample)
{
    at = put_text(at, sample->metric);
    at += put_varint(at, sample->label_count);
    for (uint32_t i = 0; i < sample->label_count; i++)
        at = put_text(put_text(at, sample->labels[i].name), sample->labels[i].value);
}

bool series_append(struct buf *out, const struct sample *sample)
{
    size_t size = series_size(sample);

    if (!buf_reserve(out, size))
        return false;
    series_put(out->data + out->len, sample);
    buf_commit(out, size);
    return true;
}

bool series_take(struct slice *rest, struct slice *metric, uint32_t *label_count)
{
    uint64_t count;

    if (!take_text(rest, metric) || !take_varint(rest, &count) || count > SAMPLE_LABELS_MAX)
        return false;
    *label_count = (uint32_t)count;
    return true;
}

bool label_take(struct slice *rest, struct label *out)
{
    return take_text(rest, &out->name) && take_text(rest, &out->value);
}
