/* store/value.h -- the text of a field as a number in base units.
 *
 * Durations are nanoseconds, sizes are bytes, levels their severity, addresses their 32 bits.
 * Thread safety: pure functions. */
#ifndef DENDRO_STORE_VALUE_H
#define DENDRO_STORE_VALUE_H

#include "store/event.h"

struct value {
    bool is_float;
    int64_t whole;   /* when not is_float */
    double fraction; /* always: the value as a double */
};

/* Does a field of this type read as a number: INT, FLOAT, DURATION, BYTES, TIME. */
static inline bool field_type_is_number(unsigned type)
{
    return type == FIELD_INT || type == FIELD_FLOAT || type == FIELD_DURATION ||
           type == FIELD_BYTES || type == FIELD_TIME;
}

/* False when `text` is no number of that type. FIELD_TEXT reads as a plain number. */
bool value_of_text(struct slice text, unsigned type, unsigned unit, struct value *out);

/* Nanoseconds or bytes per unit; 1 for UNIT_NONE. */
int64_t unit_scale(unsigned unit);

/* Nanoseconds of the unit that stands behind a duration ("s", " ms"), blanks around it aside. */
bool duration_suffix_scale(struct slice suffix, int64_t *scale);

/* Four decimal numbers up to 255 with dots between, nothing else. */
bool ipv4_of_text(struct slice text, uint32_t *out);

#endif
