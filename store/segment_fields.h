/* store/segment_fields.h -- the fields of an event as bytes, for lines that are kept as text.
 *
 *   count, each: index of the segment's fields << 1 | computed, type, unit, then start and length of
 *   the span, or the text. Varints, in the order of the event.
 *
 * Thread safety: pure functions. */
#ifndef DENDRO_STORE_SEGMENT_FIELDS_H
#define DENDRO_STORE_SEGMENT_FIELDS_H

#include "base/buf.h"
#include "base/byteorder.h"
#include "store/event.h"

/* `index` is the field's number in the segment. */
static inline bool segment_field_append(struct buf *out, const struct event_field *field,
                                       uint32_t index)
{
    bool computed = field->text.data != NULL;

    if (!buf_append_varint(out, (uint64_t)index << 1 | computed) ||
        !buf_append_byte(out, (char)field->type) || !buf_append_byte(out, (char)field->unit))
        return false;
    if (computed)
        return buf_append_varint(out, field->text.len) && buf_append_slice(out, field->text);
    return buf_append_varint(out, field->start) && buf_append_varint(out, field->len);
}

/* The next field of an event with `line_len` bytes; false if it is damaged. out->field is the
 * number in the segment, below `field_count`. */
static inline bool segment_field_take(struct slice *rest, size_t line_len, uint32_t field_count,
                                     struct event_field *out)
{
    uint64_t tag, start, len;

    *out = (struct event_field){0};
    if (!take_varint(rest, &tag) || tag >> 1 >= field_count || !take_u8(rest, &out->type) ||
        !take_u8(rest, &out->unit))
        return false;
    out->field = (field_id)(tag >> 1);
    if ((tag & 1) != 0)
        return take_text(rest, &out->text);
    if (!take_varint(rest, &start) || !take_varint(rest, &len) || start > line_len ||
        len > line_len - start)
        return false;
    out->start = (uint32_t)start;
    out->len = (uint32_t)len;
    return true;
}

#endif
