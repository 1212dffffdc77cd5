/* store/segment_range.c -- bounds in base units as bounds of stored numbers, and rows within them. */
#include "store/segment_range.h"

#include "store/kernels/kernels.h"
#include "store/slot_number.h"

#include <math.h>

static enum status no_memory(struct error *err)
{
    return error_set(err, STATUS_NO_MEMORY, "a filter needs too much memory");
}

/* A whole number is compared as a double; up to 2^53 that is the same as comparing it with the next
 * whole number on the inner side of the bound. */
static bool whole_bounds(const struct predicate *predicate, int64_t *low, int64_t *high)
{
    const double exact = (double)SLOT_NUMBER_EXACT_MAX;
    double from = ceil(predicate->low), to = floor(predicate->high);

    if (isnan(from) || isnan(to) || (isfinite(from) && fabs(from) >= exact) ||
        (isfinite(to) && fabs(to) >= exact))
        return false;
    if (predicate->low_open && from == predicate->low)
        from += 1;
    if (predicate->high_open && to == predicate->high)
        to -= 1;
    *low = isfinite(from) ? (int64_t)from : from < 0 ? INT64_MIN : INT64_MAX;
    *high = isfinite(to) ? (int64_t)to : to < 0 ? INT64_MIN : INT64_MAX;
    return true;
}

/* Bounds of stored numbers; what has no end keeps none. */
static int64_t divide_up(int64_t value, int64_t by)
{
    if (value == INT64_MIN || value == INT64_MAX)
        return value;
    return value / by + (value % by > 0);
}

static int64_t divide_down(int64_t value, int64_t by)
{
    if (value == INT64_MIN || value == INT64_MAX)
        return value;
    return value / by - (value % by < 0);
}

struct segment_range segment_range_of(const struct segment *segment,
                                      const struct segment_family *family,
                                      const struct predicate *predicate)
{
    struct segment_range range = {.column = RANGE_NO_COLUMN};
    int64_t low, high, scale;
    struct field_slot slot;

    if (family->as_text || !segment_field_slot(segment, family, predicate->field, &slot) ||
        family->columns[slot.column].class != CLASS_NUMBERS ||
        family->columns[slot.column].kind.type != SLOT_INT || slot.type == FIELD_TIME ||
        !field_type_is_number(slot.type) || !whole_bounds(predicate, &low, &high))
        return range;
    scale = slot_number_is_scaled(slot.type) ? unit_scale(slot.unit) : 1;
    range.column = slot.column;
    range.low = divide_up(low, scale);
    range.high = divide_down(high, scale);
    return range;
}

/* Bit i of `pass` is for row first + i; `count` of them. */
static void keep_rows(uint64_t *rows, uint32_t first, uint32_t count, const uint64_t *pass)
{
    unsigned shift = first % 64;

    for (uint32_t i = 0; i < count; i += 64) {
        uint64_t *at = rows + (first + i) / 64, fail = ~pass[i / 64];

        if (count - i < 64)
            fail &= ((uint64_t)1 << (count - i)) - 1;
        at[0] &= ~(fail << shift);
        if (shift > 0 && fail >> (64 - shift) != 0)
            at[1] &= ~(fail >> (64 - shift));
    }
}

enum status segment_range_filter(struct segment_block *block, uint32_t section,
                                 const struct segment_range *range, uint64_t *rows,
                                 struct error *err)
{
    const struct segment_section *entry = &block->entry->sections[section];
    uint64_t *pass = arena_new(&block->base.arena, uint64_t, bit_words(entry->row_count) + 1);
    const struct segment_values *values;
    enum status status;

    if (pass == NULL)
        return no_memory(err);
    status = segment_block_values(block, section, range->column, &values, err);
    if (status != STATUS_OK)
        return status;
    if (range->low <= range->high)
        kernels()->range64(values->numbers, entry->row_count, range->low, range->high, pass);
    keep_rows(rows, entry->first_row, entry->row_count, pass);
    return STATUS_OK;
}
