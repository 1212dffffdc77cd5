/* collector/event_assembler.c -- three buffers that grow together; while no line had anything to
 * peel, only the bytes are kept. Most events are one line, whose end is known when the next one is
 * there: their bytes are not even copied, if they stay so long. */
#include "collector/event_assembler.h"

#include <assert.h>

enum { KEEP_SIZE_MAX = 8192 }; /* buffers above it are given back: there are thousands of sources */

struct event_assembler event_assembler_empty(void)
{
    return (struct event_assembler){
        .bytes = buf_empty(EVENT_SIZE_MAX),
        .text = buf_empty(EVENT_SIZE_MAX),
        .pieces = buf_empty(EVENT_PIECES_MAX * sizeof(struct peel_piece)),
        .plain = true,
    };
}

void event_assembler_release(struct event_assembler *assembler)
{
    buf_release(&assembler->bytes);
    buf_release(&assembler->text);
    buf_release(&assembler->pieces);
    assembler->format = NULL;
}

static inline void reset_buf(struct buf *buf)
{
    if (buf->capacity > KEEP_SIZE_MAX)
        buf_release(buf);
    else if (buf->len > 0 || buf->failed)
        buf_reset(buf);
}

void event_assembler_reset(struct event_assembler *assembler)
{
    reset_buf(&assembler->bytes);
    if (!assembler->plain) {
        reset_buf(&assembler->text);
        reset_buf(&assembler->pieces);
    }
    assembler->format = NULL;
    assembler->borrowed = (struct slice){NULL, 0};
    assembler->plain = true;
    assembler->joins = false;
    assembler->flags = 0;
    assembler->line_count = 0;
    assembler->source_len = 0;
    assembler->state = 0;
}

static bool is_plain(const struct assembler_line *line)
{
    return line->peeled->text.data == line->bytes.data &&
           line->peeled->text.len == line->bytes.len && !line->peeled->partial;
}

static bool add_piece(struct event_assembler *assembler, struct peel_piece piece)
{
    if (assembler->pieces.len + sizeof(piece) > assembler->pieces.size_max)
        return true; /* its fields become computed text */
    return buf_append(&assembler->pieces, &piece, sizeof(piece));
}

/* From here on text and bytes differ: what was so far is one piece. */
static bool start_pieces(struct event_assembler *assembler)
{
    struct slice so_far = buf_slice(&assembler->bytes);

    buf_reset(&assembler->text);
    buf_reset(&assembler->pieces);
    if (so_far.len > 0 && (!buf_append_slice(&assembler->text, so_far) ||
                           !add_piece(assembler, (struct peel_piece){0, 0, (uint32_t)so_far.len})))
        return false;
    assembler->plain = false;
    return true;
}

static bool add_text(struct event_assembler *assembler, const struct peeled *peeled,
                     size_t line_start, bool newline)
{
    size_t text_start;

    if (newline && !buf_append_byte(&assembler->text, '\n'))
        return false;
    text_start = assembler->text.len;
    if (!buf_append_slice(&assembler->text, peeled->text))
        return false;
    for (uint32_t i = 0; i < peeled->piece_count; i++) {
        struct peel_piece piece = peeled->pieces[i];

        piece.text_offset += (uint32_t)text_start;
        piece.line_offset += (uint32_t)line_start;
        if (!add_piece(assembler, piece))
            return false;
    }
    return true;
}

/* Does the line stand behind what is borrowed, with a newline between? */
static bool follows(struct slice borrowed, struct slice line)
{
    return (uintptr_t)line.data == (uintptr_t)borrowed.data + borrowed.len + 1 &&
           borrowed.data[borrowed.len] == '\n';
}

/* Take the line without a copy. False: it must be copied. */
static inline bool borrow(struct event_assembler *assembler, const struct assembler_line *line)
{
    struct slice *borrowed = &assembler->borrowed;

    if (!line->followed || !is_plain(line))
        return false;
    if (assembler->line_count == 0)
        *borrowed = line->bytes;
    else if (borrowed->data != NULL && follows(*borrowed, line->bytes))
        borrowed->len += 1 + line->bytes.len;
    else
        return false;
    assembler->line_count++;
    assembler->flags |= line->flags;
    return true;
}

static enum status no_memory(struct error *err)
{
    return error_set(err, STATUS_NO_MEMORY, "no memory for an event of several lines");
}

/* Bytes, then text. On failure the buffers are cut back to what they were. */
static enum status append(struct event_assembler *assembler, const struct assembler_line *line,
                          struct error *err)
{
    size_t bytes_len = assembler->bytes.len;
    size_t text_len = assembler->text.len;
    size_t pieces_len = assembler->pieces.len;
    bool plain = assembler->plain;
    bool first = assembler->line_count == 0;
    bool fits = true;

    if (borrow(assembler, line))
        return STATUS_OK;
    if (event_assembler_borrows(assembler)) {
        if (!buf_append_slice(&assembler->bytes, assembler->borrowed))
            return no_memory(err);
        bytes_len = assembler->bytes.len;
        assembler->borrowed = (struct slice){NULL, 0};
    }
    if (assembler->plain && !is_plain(line))
        fits = start_pieces(assembler);
    fits = fits && (first || buf_append_byte(&assembler->bytes, '\n'));
    if (fits && !assembler->plain)
        fits = add_text(assembler, line->peeled, assembler->bytes.len, !first && !assembler->joins);
    if (fits && buf_append_slice(&assembler->bytes, line->bytes)) {
        assembler->line_count++;
        assembler->joins = line->peeled->partial;
        assembler->flags |= line->flags;
        return STATUS_OK;
    }
    assembler->bytes.len = bytes_len;
    assembler->text.len = text_len;
    assembler->pieces.len = pieces_len;
    assembler->plain = plain;
    return no_memory(err);
}

enum status event_assembler_begin(struct event_assembler *assembler, const struct format *format,
                                  const struct assembler_line *line, struct error *err)
{
    uint64_t state = assembler->state; /* line_kind has set it already */
    size_t time_len = line->peeled->time.len;
    enum status status;

    assert(format != NULL && !event_assembler_is_open(assembler));
    if (assembler->bytes.len > 0 || !assembler->plain || assembler->flags != 0)
        event_assembler_reset(assembler); /* who ended the last one has mostly done that */
    assembler->borrowed = (struct slice){NULL, 0};
    assembler->line_count = 0;
    assembler->joins = false;
    if (!borrow(assembler, line)) {
        status = append(assembler, line, err);
        if (status != STATUS_OK)
            return status;
    }
    assembler->format = format;
    assembler->state = state;
    assembler->offset = line->offset;
    assembler->source_len = line->source_len;
    if (time_len > sizeof(assembler->wrapper_text))
        time_len = 0;
    if (time_len > 0)
        memcpy(assembler->wrapper_text, line->peeled->time.data, time_len);
    assembler->wrapper_time = slice_make(assembler->wrapper_text, time_len);
    return STATUS_OK;
}

enum status event_assembler_add(struct event_assembler *assembler,
                                const struct assembler_line *line, struct error *err)
{
    enum status status;

    assert(event_assembler_is_open(assembler));
    status = append(assembler, line, err);
    if (status == STATUS_OK)
        assembler->source_len = (uint32_t)(line->offset + line->source_len - assembler->offset);
    return status;
}

/* The last piece that begins at `start` or before it, or NULL. */
static const struct peel_piece *piece_at(const struct peel_piece *pieces, uint32_t count,
                                         uint32_t start)
{
    uint32_t low = 0;
    uint32_t high = count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (pieces[middle].text_offset <= start)
            low = middle + 1;
        else
            high = middle;
    }
    return low == 0 ? NULL : &pieces[low - 1];
}

void peel_map_fields(struct parsed_event *parsed, struct slice text,
                     const struct peel_piece *pieces, uint32_t piece_count, struct arena *arena)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < parsed->field_count; i++) {
        struct event_field field = parsed->fields[i];
        const struct peel_piece *piece =
            field.text.data != NULL ? NULL : piece_at(pieces, piece_count, field.start);

        if (piece != NULL && field.start - piece->text_offset + field.len <= piece->len) {
            field.start = piece->line_offset + (field.start - piece->text_offset);
        } else if (field.text.data == NULL) {
            field.text = arena_copy(arena, slice_sub(text, field.start, field.len));
            field.start = field.len = 0;
            if (field.text.data == NULL)
                continue; /* the arena is full: the caller sees that */
        }
        parsed->fields[kept++] = field;
    }
    parsed->field_count = kept;
}
