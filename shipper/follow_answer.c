/* shipper/follow_answer.c -- the collector says how far it has a source; where do we go on?
 *
 *   collector has          our file at its position    then
 *   nothing                -                           from where the generation began
 *   an older truncation    -                           the same
 *   a newer one, ours too  -                           from our position; the answer is about a
 * later life of the file, this one is in a copy the same truncation    same bytes from its
 * position, ahead or behind ours a newer truncation     same bytes                  we lost state:
 * that truncation, from there the same or a newer    other bytes, or too short   the next
 * truncation, from 0
 *
 * So content that came under old offsets can never be trimmed as a duplicate. */
#include "shipper/follow_private.h"

#include "base/diag.h"

enum { REFUSALS_MAX = 3 }; /* IDENT in spite of equal hashes: then it must be another file */

static bool same_bytes(struct follow *follow, struct source *source,
                       const struct wire_watermark *watermark)
{
    char bytes[TAIL_SIZE_MAX];
    struct slice before;

    if (!source_reopen(follow, source))
        return false;
    if (source->content.gz == NULL) {
        struct io_info info;

        if (follow->io->file->info(follow->io, source->content.fd, &info) != 0 ||
            info.size < watermark->durable_offset)
            return false;
    }
    before = bytes_before(follow, &source->content, watermark->durable_offset, bytes);
    return watermark->tail_hash == TAIL_HASH_UNKNOWN || tail_hash(before) == watermark->tail_hash;
}

static void go_on_at(struct follow *follow, struct source *source, uint64_t offset, uint64_t tail,
                     const char *decision)
{
    char bytes[TAIL_SIZE_MAX];

    if (tail == TAIL_HASH_UNKNOWN)
        tail = tail_hash(bytes_before(follow, &source->content, offset, bytes));
    source->gen.acked_off = offset;
    source->gen.acked_tail = tail;
    source_move(source, offset, tail);
    source_enter(follow, source, SOURCE_FOLLOWED, decision);
}

/* What is between our position and the beginning was in the file when it had been cut, and cannot
 * be told from what we had read (struct cut). */
static void report_gap(struct follow *follow, struct source *source)
{
    uint64_t from = source->read_off, to = source->gen.begin_off;

    diag_warn("%s: bytes %llu to %llu may be lost: it was cut in place", source->gen.path,
              (unsigned long long)from, (unsigned long long)to);
    follow_add_loss(follow, source, from, to, LOSS_TRUNCATED);
    source_move(source, to, TAIL_HASH_UNKNOWN);
}

static void begin(struct follow *follow, struct source *source)
{
    uint64_t offset = source->gen.begin_off;

    source->begun = false;
    if (source->gen.acked_off < offset) {
        source_enter(follow, source, SOURCE_FOLLOWED, "goes on behind the place where it was cut");
        report_gap(follow, source);
        return;
    }
    if (source->gen.acked_off > offset)
        diag_warn("%s: the collector does not know it: sent again from byte %llu", source->gen.path,
                  (unsigned long long)offset);
    go_on_at(follow, source, offset, TAIL_HASH_UNKNOWN,
             offset == 0 ? "the collector has nothing of it: from its beginning"
                         : "the collector has nothing of it: from where it ended when it was first "
                           "seen (start_at)");
}

/* The record under the old number must go, or the next start would look for its file. */
static void renumber(struct follow *follow, struct source *source, uint32_t trunc_no)
{
    if (source->gen.trunc_no >= trunc_no)
        return;
    follow->wants_snapshot = follow->wants_snapshot || source->checkpointed;
    source->gen.trunc_no = trunc_no;
    source->dirty = true;
}

/* The old one, with the bytes that the collector has, may go on in a copy: the file may have been
 * truncated a moment ago. */
static void refuse(struct follow *follow, struct source *source,
                   const struct wire_watermark *watermark)
{
    diag_warn(
        "%s: identity_reset{refused}: the collector has other bytes at byte %llu of truncation "
        "%u; we are at byte %llu of %u",
        source_path(source), (unsigned long long)watermark->durable_offset,
        watermark->source.truncations, (unsigned long long)source->read_off, source->gen.trunc_no);
    renumber(follow, source, watermark->source.truncations); /* the new one gets the next */
    source->gen.acked_off = watermark->durable_offset;
    source->gen.acked_tail = watermark->tail_hash;
    source_move(source, watermark->durable_offset, watermark->tail_hash);
    if (follow_truncated(follow, source, RESET_REFUSED, (struct cut){0, 0}) != NULL)
        source->gen.size_seen = watermark->durable_offset; /* beyond it we have seen nothing */
}

/* An answer tells of the newest truncation only. The collector trims by the watermark of the older
 * one itself, and refuses if the bytes are not the same. */
static bool is_later_life(struct follow *follow, const struct source *source,
                          const struct wire_watermark *watermark)
{
    return watermark->source.truncations > source->gen.trunc_no &&
           source_table_find_id(&follow->sources, source->gen.gen_id,
                                watermark->source.truncations) != NULL;
}

void follow_answer(struct follow *follow, struct source *source, const struct source_answer *answer)
{
    const struct wire_watermark *watermark = &answer->watermark;

    source->asked = false;
    if (source->state != SOURCE_ASKING || !source_reopen(follow, source))
        return;
    if (!answer->known || watermark->source.truncations < source->gen.trunc_no) {
        begin(follow, source);
        return;
    }
    if (is_later_life(follow, source, watermark)) {
        source->begun = source->gen.acked_off > source->gen.begin_off;
        go_on_at(follow, source, source->gen.acked_off, source->gen.acked_tail,
                 "an earlier life of a truncated file: goes on at its position");
        return;
    }
    if (source->refusals >= REFUSALS_MAX || !same_bytes(follow, source, watermark)) {
        refuse(follow, source, watermark);
        return;
    }
    renumber(follow, source, watermark->source.truncations);
    source->begun = true;
    go_on_at(follow, source, watermark->durable_offset, watermark->tail_hash,
             "same bytes at the collector's position: goes on there");
}
