/* store/field_number.c -- which fields are numbers by their slots. */
#include "store/field_number.h"

struct field_number field_number_begin(uint16_t begin_gap, uint16_t end_gap, uint8_t type,
                                       uint8_t unit)
{
    struct field_number number = {.type = type,
                                  .unit = unit,
                                  .first_slot = begin_gap,
                                  .slot_count = (uint16_t)(end_gap - begin_gap)};

    if (end_gap <= begin_gap || number.slot_count > FIELD_NUMBER_SLOTS_MAX)
        return number;
    number.form = number.slot_count == 1 ? FIELD_NUMBER_SLOT : FIELD_NUMBER_CLOCK;
    if (number.form == FIELD_NUMBER_CLOCK) {
        number.scale = 1000000000;
        if (type != FIELD_DURATION)
            number.form = FIELD_NUMBER_NONE;
    }
    return number;
}

static struct slice gap_of(const struct field_cut *cut, uint32_t gap)
{
    uint32_t start = gap == 0 ? 0 : cut->gap_ends[gap - 1];

    return slice_make(cut->literals + start, cut->gap_ends[gap] - start);
}

/* "s" behind a slot. What is a unit in one template is in all others, or the form is gone. */
static void join_unit(struct field_number *number, struct slice suffix)
{
    int64_t scale = 0;

    if (suffix.len > 0 &&
        (number->type != FIELD_DURATION || !duration_suffix_scale(suffix, &scale))) {
        number->form = FIELD_NUMBER_NONE;
        return;
    }
    if (number->scale == 0 && number->form == FIELD_NUMBER_SLOT) { /* the first template */
        number->scale = suffix.len > 0 ? scale : -1;
        number->form = suffix.len > 0 ? FIELD_NUMBER_UNIT : FIELD_NUMBER_SLOT;
    } else if (number->scale != (suffix.len > 0 ? scale : -1)) {
        number->form = FIELD_NUMBER_NONE;
    }
}

void field_number_join(struct field_number *number, const struct field_cut *cut)
{
    uint32_t first = number->first_slot, last = first + number->slot_count;

    if (number->form == FIELD_NUMBER_NONE)
        return;
    if (cut->begin_offset != gap_of(cut, first).len || cut->end_offset > gap_of(cut, last).len) {
        number->form = FIELD_NUMBER_NONE;
        return;
    }
    if (number->slot_count == 1) {
        join_unit(number, slice_first(gap_of(cut, last), cut->end_offset));
        return;
    }
    for (uint32_t gap = first + 1; gap < last; gap++)
        if (!slice_is(gap_of(cut, gap), ":"))
            number->form = FIELD_NUMBER_NONE;
    if (cut->end_offset != 0)
        number->form = FIELD_NUMBER_NONE;
}

bool field_number_fits(const struct field_number *number, const struct number_slot *slots)
{
    if (number->form == FIELD_NUMBER_NONE)
        return false;
    for (uint32_t i = 0; i < number->slot_count; i++)
        if (slots[i].numbers == NULL || (slots[i].scales != NULL && i + 1u < number->slot_count))
            return false;
    return true;
}
