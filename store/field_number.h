/* store/field_number.h -- the number of a field that is made of slots which hold numbers, without
 * its text: what value_of_text() gives for the text that literals and slots make.
 *
 * A field is a slot ("0.120"), a slot with its unit behind it ("0.31s", "1.5 ms") or a clock
 * ("0:00:01.5"). Which of them, if any, is the same for all rows of a family: it depends on the
 * kinds of its slots and on the literals of its templates. Thread safety: pure functions. */
#ifndef DENDRO_STORE_FIELD_NUMBER_H
#define DENDRO_STORE_FIELD_NUMBER_H

#include "store/slot_number.h"

enum field_number_form {
    FIELD_NUMBER_NONE, /* only the text can say */
    FIELD_NUMBER_SLOT,
    FIELD_NUMBER_UNIT,
    FIELD_NUMBER_CLOCK,
};

enum { FIELD_NUMBER_SLOTS_MAX = 4 };

struct field_number {
    uint8_t form;
    uint8_t type, unit;
    uint16_t first_slot, slot_count;
    int64_t scale; /* FIELD_NUMBER_UNIT: nanoseconds */
};

/* Where the field is in the lines of one template: from `begin_offset` in the gap before its first
 * slot to `end_offset` in the gap behind its last one. */
struct field_cut {
    const char *literals;
    const uint32_t *gap_ends;
    uint32_t begin_offset, end_offset;
};

/* A field of durations or sizes, from gap `begin_gap` to `end_gap`. */
struct field_number field_number_begin(uint16_t begin_gap, uint16_t end_gap, uint8_t type,
                                       uint8_t unit);
/* Look at one template; a template that says otherwise than the ones before makes the form NONE. */
void field_number_join(struct field_number *number, const struct field_cut *cut);

/* Numbers of a slot, by row. */
struct number_slot {
    const int64_t *numbers; /* or mantissas; NULL: the slot holds no number */
    const int64_t *scales;  /* of decimals; else NULL */
};

/* May a slot of this kind be a part of the form? */
static inline bool field_number_takes(const struct field_number *number, struct slot_kind kind)
{
    return kind.type == SLOT_INT || kind.type == SLOT_DECIMAL ||
           (kind.type == SLOT_PADDED && number->form == FIELD_NUMBER_CLOCK);
}

/* Do all slots have numbers, and only the last one fractions? */
bool field_number_fits(const struct field_number *number, const struct number_slot *slots);

/* Whole base units of row `row`; false: only the text can say. */
static inline bool field_number_whole(const struct field_number *number,
                                      const struct number_slot *slots, uint32_t row, int64_t *out)
{
    double seconds = 0, last;
    uint32_t i = 0;
    struct value value;

    if (number->form == FIELD_NUMBER_SLOT) {
        bool fine = slots->scales == NULL
                        ? slot_int_value(slots->numbers[row], number->type, number->unit, &value)
                        : slot_decimal_value(slots->numbers[row], slots->scales[row], number->type,
                                             number->unit, &value);

        *out = fine ? value.whole : 0;
        return fine;
    }
    for (; i + 1u < number->slot_count; i++) {
        if (slots[i].numbers[row] < 0)
            return false;
        seconds = (seconds + (double)slots[i].numbers[row]) * 60;
    }
    if (slots[i].numbers[row] < 0 || slots[i].numbers[row] > SLOT_NUMBER_EXACT_MAX)
        return false;
    last = (double)slots[i].numbers[row];
    if (slots[i].scales != NULL) {
        if ((uint64_t)slots[i].scales[row] >= POWERS_OF_TEN_COUNT)
            return false;
        last /= (double)powers_of_ten[slots[i].scales[row]];
    }
    seconds = (seconds + last) * (double)number->scale;
    if (!(seconds < 9.2e18))
        return false;
    *out = slot_number_round(seconds);
    return true;
}

#endif
