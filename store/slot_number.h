/* store/slot_number.h -- the number in a slot that holds one, without its text: what value_of_text() gives
 * for the text that the slot stands for. False: only the text can say.
 * Thread safety: pure functions. */
#ifndef DENDRO_STORE_SLOT_NUMBER_H
#define DENDRO_STORE_SLOT_NUMBER_H

#include "store/slot.h"
#include "store/value.h"

#define SLOT_NUMBER_EXACT_MAX ((int64_t)1 << 53) /* whole numbers up to it are exact in a double */

static inline bool slot_number_is_scaled(unsigned type)
{
    return type == FIELD_DURATION || type == FIELD_BYTES;
}

/* As llround(), without a call: `value` is at least 0 and below 9.2e18. What is behind its point is exact
 * as a double, too, and nothing is behind the point of a large one. */
static inline int64_t slot_number_round(double value)
{
    int64_t whole = (int64_t)value;

    return whole + (value - (double)whole >= 0.5);
}

/* Of SLOT_INT. */
static inline bool slot_int_value(int64_t number, unsigned type, unsigned unit, struct value *out)
{
    int64_t whole;

    if (__builtin_mul_overflow(number, slot_number_is_scaled(type) ? unit_scale(unit) : 1, &whole))
        return false;
    *out = (struct value){.whole = whole, .fraction = (double)whole};
    return true;
}

/* Of SLOT_DECIMAL. */
static inline bool slot_decimal_value(int64_t mantissa, int64_t scale, unsigned type,
                                      unsigned unit, struct value *out)
{
    double value;

    if (mantissa < 0 || mantissa > SLOT_NUMBER_EXACT_MAX || (uint64_t)scale >= POWERS_OF_TEN_COUNT)
        return false;
    value = (double)mantissa / (double)powers_of_ten[scale];
    if (!slot_number_is_scaled(type)) {
        *out = (struct value){.is_float = true, .fraction = value};
        return true;
    }
    value *= (double)unit_scale(unit);
    if (!(value < 9.2e18))
        return false;
    *out = (struct value){.whole = slot_number_round(value)};
    out->fraction = (double)out->whole;
    return true;
}

#endif
