/* store/manifest_edit.c -- entries of manifest records as bytes. */
#include "store/manifest_edit.h"

#include "base/byteorder.h"
#include "store/chunk.h"

enum entry_kind {
    ENTRY_COUNTERS = 1,
    ENTRY_SEALED,
    ENTRY_SEGMENT,
    ENTRY_DROP,
    ENTRY_SOURCE,
    ENTRY_LOSS,
    ENTRY_FIELD,
    ENTRY_REWRITTEN,
    ENTRY_ERASURE,
    ENTRY_ERASED,
    ENTRY_UNDECIDED,
};

/* A day is the name of a folder; stamps in ns are less than so many days from 1970. */
#define DAYS_MAX (INT64_MAX / (86400LL * 1000000000LL))

static bool is_day(uint64_t word)
{
    int64_t day = (int64_t)word;

    return day >= -DAYS_MAX - 1 && day <= DAYS_MAX;
}

static bool put_words(struct buf *out, const uint64_t *words, size_t count)
{
    bool fine = true;

    for (size_t i = 0; i < count && fine; i++)
        fine = buf_append_u64(out, words[i]);
    return fine;
}

static bool take_words(struct slice *rest, uint64_t *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!take_u64(rest, &words[i]))
            return false;
    return true;
}

bool manifest_put_counters(struct buf *out, const struct manifest_counters *counters)
{
    const uint64_t words[] = {counters->incarnation, counters->next_segment,
                              counters->next_sequence, counters->low_water};

    return buf_append_byte(out, ENTRY_COUNTERS) && put_words(out, words, COUNT_OF(words));
}

bool manifest_put_sealed(struct buf *out, uint16_t shard, uint64_t record_number)
{
    return buf_append_byte(out, ENTRY_SEALED) && buf_append_u16(out, shard) &&
           buf_append_u64(out, record_number);
}

bool manifest_put_segment(struct buf *out, const struct manifest_segment *segment)
{
    const struct segment_summary *summary = &segment->summary;
    const uint64_t words[] = {
        segment->number,
        (uint64_t)segment->day,
        summary->rows,
        summary->samples,
        summary->raw_bytes,
        summary->file_bytes,
        (uint64_t)summary->time_min_ns,
        (uint64_t)summary->time_max_ns,
        (uint64_t)summary->order_min_ns,
        (uint64_t)summary->order_max_ns,
        summary->sequence_min,
        summary->sequence_max,
        summary->footer_hash.low,
        summary->footer_hash.high,
    };

    const uint64_t more[] = {segment->number, segment->level, segment->erasure};

    return buf_append_byte(out, ENTRY_SEGMENT) && put_words(out, words, COUNT_OF(words)) &&
           ((segment->level == 0 && segment->erasure == 0) ||
            (buf_append_byte(out, ENTRY_REWRITTEN) && put_words(out, more, COUNT_OF(more))));
}

bool manifest_put_drop(struct buf *out, uint64_t number)
{
    return buf_append_byte(out, ENTRY_DROP) && buf_append_u64(out, number);
}

bool manifest_put_source(struct buf *out, const struct watermark *watermark, bool has_watermark,
                         int64_t order_ns)
{
    return buf_append_byte(out, ENTRY_SOURCE) && watermark_append(out, watermark) &&
           buf_append_byte(out, has_watermark ? 1 : 0) &&
           buf_append_u64(out, (uint64_t)order_ns);
}

bool manifest_put_loss(struct buf *out, const struct event_source *source, const struct loss *loss)
{
    return buf_append_byte(out, ENTRY_LOSS) && source_append(out, source) &&
           loss_append(out, loss);
}

bool manifest_put_field(struct buf *out, struct slice name)
{
    return buf_append_byte(out, ENTRY_FIELD) && buf_append_varint(out, name.len) &&
           buf_append_slice(out, name);
}

static bool put_text(struct buf *out, struct slice text)
{
    return buf_append_varint(out, text.len) && buf_append_slice(out, text);
}

bool manifest_put_erasure(struct buf *out, const struct manifest_erasure *erasure)
{
    const uint64_t words[] = {
        erasure->number,
        (uint64_t)erasure->requested_ns,
        (uint64_t)erasure->finished_ns,
        (uint64_t)erasure->time_min_ns,
        (uint64_t)erasure->time_max_ns,
        erasure->sequence_max,
        erasure->rows,
        erasure->samples,
        erasure->segments,
    };

    return buf_append_byte(out, ENTRY_ERASURE) && put_words(out, words, COUNT_OF(words)) &&
           put_text(out, erasure->filter) && put_text(out, erasure->by);
}

bool manifest_put_erased(struct buf *out, uint64_t erasure, const struct manifest_erased *erased)
{
    const uint64_t words[] = {erasure,      erased->segment, (uint64_t)erased->day,
                              erased->made, erased->rows,    erased->samples,
                              erased->bytes_before, erased->bytes_after};

    return buf_append_byte(out, ENTRY_ERASED) && put_words(out, words, COUNT_OF(words));
}

bool manifest_put_undecided(struct buf *out, uint64_t erasure, uint64_t texts)
{
    const uint64_t words[] = {erasure, texts};

    return buf_append_byte(out, ENTRY_UNDECIDED) && put_words(out, words, COUNT_OF(words));
}

static bool visit_counters(struct slice *rest, const struct manifest_visitor *visitor)
{
    uint64_t words[4];
    struct manifest_counters counters;

    if (!take_words(rest, words, COUNT_OF(words)))
        return false;
    counters = (struct manifest_counters){words[0], words[1], words[2], words[3]};
    if (visitor->counters != NULL)
        visitor->counters(visitor->user, &counters);
    return true;
}

static bool visit_sealed(struct slice *rest, const struct manifest_visitor *visitor)
{
    uint16_t shard;
    uint64_t record;

    if (!take_u16(rest, &shard) || !take_u64(rest, &record))
        return false;
    if (visitor->sealed != NULL)
        visitor->sealed(visitor->user, shard, record);
    return true;
}

static bool visit_segment(struct slice *rest, const struct manifest_visitor *visitor)
{
    uint64_t words[14];
    struct manifest_segment segment;

    if (!take_words(rest, words, COUNT_OF(words)) || !is_day(words[1]))
        return false;
    segment = (struct manifest_segment){
        .number = words[0],
        .day = (int64_t)words[1],
        .summary = {
            .rows = words[2],
            .samples = words[3],
            .raw_bytes = words[4],
            .file_bytes = words[5],
            .time_min_ns = (int64_t)words[6],
            .time_max_ns = (int64_t)words[7],
            .order_min_ns = (int64_t)words[8],
            .order_max_ns = (int64_t)words[9],
            .sequence_min = words[10],
            .sequence_max = words[11],
            .footer_hash = {words[12], words[13]},
        },
    };
    if (visitor->segment != NULL)
        visitor->segment(visitor->user, &segment);
    return true;
}

static bool visit_drop(struct slice *rest, const struct manifest_visitor *visitor)
{
    uint64_t number;

    if (!take_u64(rest, &number))
        return false;
    if (visitor->drop != NULL)
        visitor->drop(visitor->user, number);
    return true;
}

static bool visit_source(struct slice *rest, const struct manifest_visitor *visitor)
{
    struct watermark watermark;
    uint8_t has_watermark;
    uint64_t order;

    if (!watermark_take(rest, &watermark) || !take_u8(rest, &has_watermark) ||
        !take_u64(rest, &order))
        return false;
    if (visitor->source != NULL)
        visitor->source(visitor->user, &watermark, has_watermark != 0, (int64_t)order);
    return true;
}

static bool visit_loss(struct slice *rest, const struct manifest_visitor *visitor)
{
    struct event_source source;
    struct loss loss;

    if (!source_take(rest, &source) || !loss_take(rest, &loss))
        return false;
    if (visitor->loss != NULL)
        visitor->loss(visitor->user, &source, &loss);
    return true;
}

static bool visit_field(struct slice *rest, const struct manifest_visitor *visitor)
{
    struct slice name;

    if (!take_text(rest, &name))
        return false;
    if (visitor->field != NULL)
        visitor->field(visitor->user, name);
    return true;
}

static bool visit_rewritten(struct slice *rest, const struct manifest_visitor *visitor)
{
    uint64_t words[3];

    if (!take_words(rest, words, COUNT_OF(words)))
        return false;
    if (visitor->rewritten != NULL)
        visitor->rewritten(visitor->user, words[0], words[1], words[2]);
    return true;
}

static bool visit_erasure(struct slice *rest, const struct manifest_visitor *visitor)
{
    uint64_t words[9];
    struct manifest_erasure erasure;

    if (!take_words(rest, words, COUNT_OF(words)))
        return false;
    erasure = (struct manifest_erasure){
        .number = words[0],
        .requested_ns = (int64_t)words[1],
        .finished_ns = (int64_t)words[2],
        .time_min_ns = (int64_t)words[3],
        .time_max_ns = (int64_t)words[4],
        .sequence_max = words[5],
        .rows = words[6],
        .samples = words[7],
        .segments = words[8],
    };
    if (!take_text(rest, &erasure.filter) || !take_text(rest, &erasure.by) ||
        erasure.filter.len > MANIFEST_TEXT_SIZE_MAX || erasure.by.len > MANIFEST_TEXT_SIZE_MAX)
        return false;
    if (visitor->erasure != NULL)
        visitor->erasure(visitor->user, &erasure);
    return true;
}

static bool visit_erased(struct slice *rest, const struct manifest_visitor *visitor)
{
    uint64_t words[8];
    struct manifest_erased erased;

    if (!take_words(rest, words, COUNT_OF(words)) || !is_day(words[2]))
        return false;
    erased = (struct manifest_erased){
        .segment = words[1],
        .day = (int64_t)words[2],
        .made = words[3],
        .rows = words[4],
        .samples = words[5],
        .bytes_before = words[6],
        .bytes_after = words[7],
    };
    if (visitor->erased != NULL)
        visitor->erased(visitor->user, words[0], &erased);
    return true;
}

static bool visit_undecided(struct slice *rest, const struct manifest_visitor *visitor)
{
    uint64_t words[2];

    if (!take_words(rest, words, COUNT_OF(words)))
        return false;
    if (visitor->undecided != NULL)
        visitor->undecided(visitor->user, words[0], words[1]);
    return true;
}

enum status manifest_visit(struct slice record, const struct manifest_visitor *visitor,
                           struct error *err)
{
    static bool (*const visits[])(struct slice *, const struct manifest_visitor *) = {
        [ENTRY_COUNTERS] = visit_counters, [ENTRY_SEALED] = visit_sealed,
        [ENTRY_SEGMENT] = visit_segment,   [ENTRY_DROP] = visit_drop,
        [ENTRY_SOURCE] = visit_source,     [ENTRY_LOSS] = visit_loss,
        [ENTRY_FIELD] = visit_field,       [ENTRY_REWRITTEN] = visit_rewritten,
        [ENTRY_ERASURE] = visit_erasure,   [ENTRY_ERASED] = visit_erased,
        [ENTRY_UNDECIDED] = visit_undecided,
    };
    struct slice rest = record;
    uint8_t kind;

    while (take_u8(&rest, &kind))
        if (kind >= COUNT_OF(visits) || visits[kind] == NULL || !visits[kind](&rest, visitor))
            return error_set(err, STATUS_CORRUPT, "manifest record, byte %zu: bad entry of kind %u",
                             record.len - rest.len, kind);
    return STATUS_OK;
}
