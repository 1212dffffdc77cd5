/* store/tokenizer.c -- slots are found by scanning bitmaps, so constant words cost nothing.
 *
 * kernels()->byte_masks() marks token bytes and triggers (digits, bytes behind '=' or '@'). The
 * scan jumps from trigger to trigger and widens each to its token. */
#include "store/tokenizer.h"

#include "store/kernels/kernels.h"

/* Start of the token that `at` is in, not below `floor`. */
static uint32_t token_start(const uint64_t *token, uint32_t at, uint32_t floor)
{
    for (;;) {
        uint64_t below = ~token[at >> 6] & (((uint64_t)2 << (at & 63)) - 1);

        if (below != 0) {
            uint32_t start = (at & ~63u) + 64 - (uint32_t)__builtin_clzll(below);

            return start > floor ? start : floor;
        }
        if ((at & ~63u) <= floor)
            return floor;
        at = (at & ~63u) - 1;
    }
}

static struct slot_kind classify(const struct line_shape *shape, struct slice line, uint32_t start,
                                 uint32_t len, size_t *used, uint64_t *value)
{
    struct token_bits bits = {.digits = shape_window(shape->digit, start),
                              .hex = shape_window(shape->hex, start),
                              .readable = start + len};

    return slot_classify_bits(slice_sub(line, start, len), bits, used, value);
}

static bool add_slot(struct line_shape *shape, uint32_t start, size_t len, struct slot_kind kind,
                     uint64_t value)
{
    if (shape->slot_count == SHAPE_SLOTS_MAX)
        return false;
    shape->slots[shape->slot_count++] =
        (struct shape_slot){.start = start, .len = (uint32_t)len, .kind = kind, .value = value};
    return true;
}

/* A stamp at the token [start, end)? Most layouts start with it; "Mon D" starts before it. */
static uint8_t stamp_at(struct slice line, uint32_t floor, uint32_t *start, uint32_t end,
                        uint32_t limit, int64_t time_ns, size_t *len, int64_t *value)
{
    const char *at = line.data + *start;
    uint32_t token_len = end - *start, left = limit - *start;

    if (token_len >= 10 && at[4] == '-' && at[7] == '-')
        return stamp_read(slice_sub(line, *start, left), time_ns, len, value);
    if (token_len == 4 && left >= 19 && at[4] == '/' && at[7] == '/')
        return stamp_read(slice_sub(line, *start, left), time_ns, len, value);
    if (token_len == 2 && left >= 20 && (at[2] == '/' || at[2] == ' ') && at[6] == at[2])
        return stamp_read(slice_sub(line, *start, left), time_ns, len, value);
    if (token_len <= 2 && left >= 10 && at[token_len] == ' ' && *start >= floor + 4 &&
        at[-1] == ' ') {
        uint32_t back = token_len == 2 ? 4 : 5;
        uint8_t layout;

        if (*start < floor + back || (unsigned char)(at[-(int)back] - 'A') > 25)
            return STAMP_NONE;
        layout = stamp_read(slice_sub(line, *start - back, left + back), time_ns, len, value);
        if (layout != STAMP_NONE)
            *start -= back;
        return layout;
    }
    return STAMP_NONE;
}

/* Slots of [from, limit), where no field is one slot. */
static bool scan_region(struct line_shape *shape, const struct event *event, uint32_t from,
                        uint32_t limit)
{
    struct slice line = event->bytes;

    for (;;) {
        uint32_t at = shape_next_bit(shape->trigger, 0, from, limit), start, end;
        struct slot_kind kind;
        size_t used = 0;
        uint64_t value = 0;
        int64_t stamp;
        uint8_t layout;

        if (at == limit)
            return true;
        start = token_start(shape->token, at, from);
        end = shape_next_bit(shape->token, UINT64_MAX, at, limit);
        layout = stamp_at(line, from, &start, end, limit, event->time_ns, &used, &stamp);
        if (layout != STAMP_NONE) {
            kind = (struct slot_kind){SLOT_STAMP, layout};
            value = (uint64_t)stamp;
            end = start + (uint32_t)used;
        } else {
            uint32_t trimmed = end;

            while (trimmed > at + 1 && line.data[trimmed - 1] == '.')
                trimmed--; /* the end of a sentence is literal */
            kind = classify(shape, line, start, trimmed - start, &used, &value);
        }
        if (!add_slot(shape, start, used, kind, value))
            return false;
        from = end;
    }
}

static bool scan_leaf(struct line_shape *shape, const struct event *event, field_id field,
                      uint32_t start, uint32_t end, const struct shape_rules *rules)
{
    struct slice text = slice_sub(event->bytes, start, end - start);
    struct slot_kind kind;
    size_t used;
    uint64_t value = 0;

    if (shape_next_bit(shape->token, UINT64_MAX, start, end) == end) {
        kind = classify(shape, event->bytes, start, end - start, &used, &value);
        return add_slot(shape, start, used, kind, value);
    }
    if (field < rules->whole_count && rules->whole[field] != 0)
        return add_slot(shape, start, text.len, (struct slot_kind){SLOT_TEXT, TEXT_FREE}, 0);
    return scan_region(shape, event, start, end);
}

/* Put span `i` of the event among those before it: by start, longest first. They come in order of
 * start, so only spans that begin together may need to move. */
static void insert_span(struct line_shape *shape, const struct event_field *field, uint32_t i,
                        uint32_t at)
{
    uint32_t start = field->start, end = field->start + field->len;

    for (; at > 0 && (shape->field_start[at - 1] > start ||
                      (shape->field_start[at - 1] == start && shape->field_end[at - 1] < end));
         at--) {
        shape->fields[at] = shape->fields[at - 1];
        shape->field_start[at] = shape->field_start[at - 1];
        shape->field_end[at] = shape->field_end[at - 1];
    }
    shape->fields[at] = (struct shape_field){
        .field = field->field, .type = field->type, .unit = field->unit, .source = (uint16_t)i};
    shape->field_start[at] = start;
    shape->field_end[at] = end;
}

static bool take_fields(struct line_shape *shape, const struct event *event, uint32_t *span_count)
{
    uint32_t spans = 0, computed = 0;

    if (event->field_count > SHAPE_FIELDS_MAX)
        return false;
    for (uint32_t i = 0; i < event->field_count; i++) {
        const struct event_field *field = &event->fields[i];

        if (field->text.data != NULL) {
            computed++;
            continue;
        }
        if (field->start > event->bytes.len || field->len > event->bytes.len - field->start)
            return false;
        insert_span(shape, field, i, spans++);
    }
    *span_count = shape->field_count = spans;
    for (uint32_t i = 0; i < event->field_count && computed > 0; i++)
        if (event->fields[i].text.data != NULL) {
            computed--;
            shape->fields[shape->field_count++] =
                (struct shape_field){.field = event->fields[i].field,
                                     .type = event->fields[i].type,
                                     .unit = event->fields[i].unit,
                                     .computed = true,
                                     .source = (uint16_t)i};
        }
    return true;
}

static void add_cut(struct line_shape *shape, uint32_t at, uint32_t leaf)
{
    struct shape_cut *last = &shape->cuts[shape->cut_count - 1];

    if (last->at != at) {
        last = &shape->cuts[shape->cut_count++];
        *last = (struct shape_cut){at, SHAPE_FIELDS_MAX};
    }
    if (leaf < SHAPE_FIELDS_MAX)
        last->leaf = leaf;
}

/* Ends of all spans in ascending order, each once, with 0 and the line's end. False: a span that
 * starts inside another ends outside of it. */
static bool make_cuts(struct line_shape *shape, uint32_t span_count, uint32_t line_len)
{
    uint32_t open[SHAPE_FIELDS_MAX], depth = 0;

    shape->cuts[0] = (struct shape_cut){0, SHAPE_FIELDS_MAX};
    shape->cut_count = 1;
    for (uint32_t i = 0; i < span_count; i++) {
        uint32_t start = shape->field_start[i], end = shape->field_end[i];

        while (depth > 0 && open[depth - 1] <= start)
            add_cut(shape, open[--depth], SHAPE_FIELDS_MAX);
        if (depth > 0 && end > open[depth - 1])
            return false;
        add_cut(shape, start, end > start ? i : SHAPE_FIELDS_MAX);
        if (end > start)
            open[depth++] = end;
    }
    while (depth > 0)
        add_cut(shape, open[--depth], SHAPE_FIELDS_MAX);
    add_cut(shape, line_len, SHAPE_FIELDS_MAX);
    return true;
}

static bool scan_regions(struct line_shape *shape, const struct event *event,
                         const struct shape_rules *rules)
{
    for (uint32_t i = 0; i + 1 < shape->cut_count; i++) {
        uint32_t from = shape->cuts[i].at, to = shape->cuts[i + 1].at, leaf = shape->cuts[i].leaf;
        bool fine = leaf < SHAPE_FIELDS_MAX && shape->field_end[leaf] == to
                        ? scan_leaf(shape, event, shape->fields[leaf].field, from, to, rules)
                        : scan_region(shape, event, from, to);

        if (!fine)
            return false;
    }
    return true;
}

/* Gap and offset of position `at`, searching from gap `*gap` on. */
static uint32_t place(const struct line_shape *shape, uint32_t at, uint32_t *gap)
{
    while (*gap < shape->slot_count &&
           shape->slots[*gap].start + shape->slots[*gap].len <= at)
        ++*gap;
    return at - shape_gap_start(shape, *gap);
}

static void place_fields(struct line_shape *shape, uint32_t span_count)
{
    uint32_t gap = 0;

    for (uint32_t i = 0; i < span_count; i++) {
        struct shape_field *field = &shape->fields[i];
        uint32_t end_gap;

        field->begin_offset = place(shape, shape->field_start[i], &gap);
        field->begin_gap = (uint16_t)gap;
        end_gap = gap;
        field->end_offset = place(shape, shape->field_end[i], &end_gap);
        field->end_gap = (uint16_t)end_gap;
    }
}

bool shape_read(struct line_shape *shape, const struct event *event,
                const struct shape_rules *rules)
{
    uint32_t span_count;

    shape->slot_count = 0;
    shape->field_count = 0;
    if (event->bytes.len > SHAPE_SIZE_MAX || !take_fields(shape, event, &span_count) ||
        !make_cuts(shape, span_count, (uint32_t)event->bytes.len))
        return false;
    kernels()->byte_masks(event->bytes.data, event->bytes.len,
                          &(struct byte_masks){.token = shape->token,
                                               .trigger = shape->trigger,
                                               .digit = shape->digit,
                                               .hex = shape->hex});
    if (!scan_regions(shape, event, rules))
        return false;
    place_fields(shape, span_count);
    return true;
}
