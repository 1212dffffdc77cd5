/* query/cli/framed_reader.c -- HEAD <-> ROWS | RECORD, whatever the pieces of the network are. */
#include "query/cli/framed_reader.h"

static bool corrupt(struct framed_reader *reader)
{
    reader->corrupt = true;
    return false;
}

/* "rows 8192" or "record 310" */
static bool begin_frame(struct framed_reader *reader)
{
    struct slice head = buf_slice(&reader->head), kind;

    if (!slice_cut(&head, ' ', &kind) || !slice_to_u64(head, &reader->left))
        return corrupt(reader);
    if (slice_is(kind, "rows"))
        reader->state = FRAMED_ROWS;
    else if (slice_is(kind, "record") && reader->left <= FRAMED_RECORD_SIZE_MAX)
        reader->state = FRAMED_RECORD;
    else
        return corrupt(reader);
    buf_reset(&reader->head);
    buf_reset(&reader->record);
    return true;
}

static bool feed_head(struct framed_reader *reader, struct slice *piece)
{
    struct slice part;
    bool whole = slice_cut(piece, '\n', &part);

    if (!whole) {
        part = *piece;
        *piece = slice_from(*piece, piece->len);
    }
    if (!buf_append_slice(&reader->head, part))
        return corrupt(reader);
    return !whole || begin_frame(reader);
}

static bool feed_body(struct framed_reader *reader, struct slice *piece)
{
    const struct framed_receiver *receiver = reader->receiver;
    struct slice part = *piece;

    if (part.len > reader->left)
        part.len = (size_t)reader->left;
    *piece = slice_from(*piece, part.len);
    reader->left -= part.len;
    if (reader->state == FRAMED_ROWS)
        return receiver->rows(receiver->user, part);
    if (!buf_append_slice(&reader->record, part))
        return corrupt(reader);
    return reader->left > 0 || receiver->record(receiver->user, buf_slice(&reader->record));
}

bool framed_reader_feed(struct framed_reader *reader, struct slice piece)
{
    while (piece.len > 0) {
        if (reader->state != FRAMED_HEAD && reader->left == 0)
            reader->state = FRAMED_HEAD;
        if (reader->state == FRAMED_HEAD ? !feed_head(reader, &piece) : !feed_body(reader, &piece))
            return false;
    }
    return true;
}

void framed_reader_release(struct framed_reader *reader)
{
    buf_release(&reader->head);
    buf_release(&reader->record);
}
