/* store/tokenizer.h -- split the bytes of an event into literals and slots.
 *
 * A shape has `slot_count` slots and slot_count + 1 gaps; gap g is the literal before slot g (it may
 * be empty), the last one ends the line. Outside of free slots (whole fields) and stamps, a slot
 * holds only token bytes (kernels.h), so that a needle splits in one way only.
 *
 * A token becomes a slot if it has a digit, follows '=' or '@', or is a field. Ends of fields are
 * always ends of tokens too: a field is a run of gaps and slots, from an offset in its first gap to
 * an offset in its last.
 *
 * Thread safety: a shape belongs to one thread; shape_read() touches nothing else. */
#ifndef DENDRO_STORE_TOKENIZER_H
#define DENDRO_STORE_TOKENIZER_H

#include "store/event.h"
#include "store/slot.h"

#include <assert.h>
#include <stddef.h>

enum {
    SHAPE_SIZE_MAX = 65536,  /* longer lines are kept as text: their templates would not repeat */
    SHAPE_SLOTS_MAX = 250,
    SHAPE_FIELDS_MAX = 256,  /* PARSED_FIELDS_MAX of the collector */
};

struct shape_slot {
    uint32_t start, len;
    struct slot_kind kind;
    uint64_t value; /* of numbers, addresses and stamps */
};

struct shape_field {
    field_id field;   /* this and the next two stand as in struct event_field */
    uint8_t type, unit;
    uint16_t source;  /* index in event.fields */
    uint32_t begin_offset, end_offset;
    uint16_t begin_gap, end_gap;
    uint8_t computed; /* 1: a text beside the line; begin and end are 0 */
    uint8_t zero[3];
};
static_assert(offsetof(struct shape_field, type) == offsetof(struct event_field, type) &&
                  offsetof(struct shape_field, unit) == offsetof(struct event_field, unit) &&
                  offsetof(struct shape_field, type) == 4 &&
                  offsetof(struct shape_field, unit) == 5,
              "what a field is called and how it reads is compared as one number");
static_assert(sizeof(struct shape_field) == 24, "shapes are compared as bytes");

struct line_shape {
    uint32_t slot_count, field_count;
    struct shape_slot slots[SHAPE_SLOTS_MAX];
    struct shape_field fields[SHAPE_FIELDS_MAX]; /* spans by (start, longest first), then computed */
    /* scratch */
    uint64_t token[SHAPE_SIZE_MAX / 64 + 2], trigger[SHAPE_SIZE_MAX / 64 + 2];
    uint64_t digit[SHAPE_SIZE_MAX / 64 + 2], hex[SHAPE_SIZE_MAX / 64 + 2];
    uint32_t field_start[SHAPE_FIELDS_MAX], field_end[SHAPE_FIELDS_MAX];
    uint32_t cut_count;
    struct shape_cut {
        uint32_t at;
        uint32_t leaf; /* innermost field that begins here; SHAPE_FIELDS_MAX: none */
    } cuts[2 * SHAPE_FIELDS_MAX + 2];
};

/* Which fields become one slot even where they hold more than token bytes: whole[field] != 0. */
struct shape_rules {
    const uint8_t *whole;
    uint32_t whole_count;
};

/* False: the event has no shape (too long, too many slots or fields, spans that cross each other
 * or leave the line) and is kept as text. */
bool shape_read(struct line_shape *shape, const struct event *event,
                const struct shape_rules *rules);

/* First bit >= from that is set (or clear, with `flip` all ones), `end` if there is none below. */
static inline uint32_t shape_next_bit(const uint64_t *bits, uint64_t flip, uint32_t from,
                                      uint32_t end)
{
    while (from < end) {
        uint64_t word = (bits[from >> 6] ^ flip) >> (from & 63);

        if (word != 0) {
            uint32_t at = from + (uint32_t)__builtin_ctzll(word);

            return at < end ? at : end;
        }
        from = (from | 63) + 1;
    }
    return end;
}

/* 64 bits from bit `from` on. */
static inline uint64_t shape_window(const uint64_t *bits, uint32_t from)
{
    uint64_t low = bits[from >> 6] >> (from & 63);

    return (from & 63) == 0 ? low : low | bits[(from >> 6) + 1] << (64 - (from & 63));
}

/* The same for those who need no more than SHORT_WINDOW_BITS; the bits above them mean nothing. */
enum { SHORT_WINDOW_BITS = 57 };

static inline uint64_t shape_short_window(const uint64_t *bits, uint32_t from)
{
    uint64_t word;

    memcpy(&word, (const char *)bits + from / 8, sizeof(word)); /* there is a word too many */
    return word >> (from & 7);
}

/* The literal of gap g: [start, end) in the event's bytes. */
static inline uint32_t shape_gap_start(const struct line_shape *shape, uint32_t gap)
{
    return gap == 0 ? 0 : shape->slots[gap - 1].start + shape->slots[gap - 1].len;
}

static inline uint32_t shape_gap_end(const struct line_shape *shape, uint32_t gap,
                                     uint32_t line_len)
{
    return gap == shape->slot_count ? line_len : shape->slots[gap].start;
}

#endif
