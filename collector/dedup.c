/* The two layers of docs/wire.md. Content is never compared, and a number alone never
 * decides: layer 1 only saves the work that layer 2 would do. */
#include "collector/dedup.h"

struct lane_sequence lane_sequence_begin(uint64_t durable_seq, uint64_t oldest_unacked_seq)
{
    uint64_t next_seq = durable_seq + 1;

    /* After a restart of the collector only the shipper knows; what it sends twice is trimmed. */
    if (oldest_unacked_seq > next_seq)
        next_seq = oldest_unacked_seq;
    return (struct lane_sequence){.next_seq = next_seq, .durable_seq = next_seq - 1};
}

enum lane_verdict lane_sequence_take(struct lane_sequence *lane, uint64_t seq)
{
    if (seq <= lane->durable_seq)
        return LANE_DURABLE;
    if (seq < lane->next_seq)
        return LANE_IN_FLIGHT;
    if (seq > lane->next_seq) {
        if (lane->gap_reported)
            return LANE_DROP;
        lane->gap_reported = true;
        return LANE_GAP;
    }
    lane->next_seq++;
    lane->gap_reported = false;
    return LANE_ACCEPT;
}

void lane_sequence_rewind(struct lane_sequence *lane, uint64_t seq)
{
    if (seq < lane->next_seq)
        lane->next_seq = seq;
    lane->gap_reported = true; /* the NACK has said it: what is under way is dropped silently */
}

static bool tails_agree(uint64_t ours, uint64_t theirs)
{
    return ours == TAIL_HASH_UNKNOWN || theirs == TAIL_HASH_UNKNOWN || ours == theirs;
}

enum dedup_verdict dedup_range(const struct source_position *position,
                               const struct batch_range *range, bool contiguous)
{
    if (!position->known) {
        bool begins = range->start_offset == 0 ||
                      (range->flags & (RANGE_BEGIN | RANGE_HANDOFF)) != 0;

        return begins || !contiguous ? DEDUP_APPEND : DEDUP_GAP;
    }
    if (range->start_offset > position->offset)
        return contiguous ? DEDUP_GAP : DEDUP_APPEND;
    if (range->start_offset == position->offset) {
        if (contiguous && !tails_agree(position->tail_hash, range->prev_tail))
            return DEDUP_IDENT;
        return DEDUP_APPEND;
    }
    return range->end_offset > position->offset ? DEDUP_TRIM : DEDUP_DUPLICATE;
}

enum dedup_verdict dedup_loss(const struct source_position *position, uint64_t from_offset,
                              uint64_t to_offset, bool contiguous)
{
    if (!position->known)
        return DEDUP_APPEND;
    if (to_offset <= position->offset)
        return DEDUP_DUPLICATE;
    if (from_offset > position->offset && contiguous)
        return DEDUP_GAP;
    return from_offset < position->offset ? DEDUP_TRIM : DEDUP_APPEND;
}

bool dedup_line(uint64_t offset, struct batch_line *line)
{
    uint64_t cut;

    if (line->offset + line->source_len <= offset)
        return false;
    if (line->offset >= offset)
        return true;
    cut = offset - line->offset;
    /* A line that a redactor changed has no exact cut; its tail then starts at most this late. */
    line->bytes = slice_from(line->bytes, cut);
    line->offset = offset;
    line->source_len -= (uint32_t)cut;
    line->flags |= WIRE_LINE_CONTINUED;
    return true;
}
