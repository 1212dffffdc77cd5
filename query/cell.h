/* query/cell.h -- one value of one row, and columns made from cells.
 * Thread safety: functions touch only their arguments. */
#ifndef DENDRO_QUERY_CELL_H
#define DENDRO_QUERY_CELL_H

#include "base/arena.h"
#include "base/buf.h"
#include "query/memory.h"
#include "query/result.h"
#include "store/block.h"

#include <stdbool.h>
#include <stdint.h>

enum cell_kind { CELL_NULL, CELL_TEXT, CELL_INT, CELL_FLOAT };

struct cell {
    uint8_t kind; /* enum cell_kind */
    uint8_t type; /* enum value_type */
    union {
        struct slice text;
        int64_t whole;
        double fraction;
    };
};

static inline struct cell cell_null(void)
{
    return (struct cell){.kind = CELL_NULL};
}

static inline struct cell cell_text(struct slice text, enum value_type type)
{
    return (struct cell){.kind = CELL_TEXT, .type = (uint8_t)type, .text = text};
}

static inline struct cell cell_int(int64_t whole, enum value_type type)
{
    return (struct cell){.kind = CELL_INT, .type = (uint8_t)type, .whole = whole};
}

/* Null if the value is not finite. */
struct cell cell_float(double fraction, enum value_type type);

/* Value of a row; an empty text is a value, not null. Borrowed from the column. */
struct cell cell_of(const struct column *column, uint32_t row);
/* As a number in base units; texts are read as numbers of their type. False: it is none. */
bool cell_number(const struct cell *cell, double *out);
/* Nulls last, then numbers by value, levels by severity (error > info), texts in natural order
 * (runs of digits as numbers); of different kinds: numbers before texts. A total order. */
int cell_compare(const struct cell *a, const struct cell *b);
bool cell_equal(const struct cell *a, const struct cell *b);
/* Append the text that a user would search for. Null appends nothing. */
bool cell_print(const struct cell *cell, struct buf *out);
/* Append bytes that are equal for equal cells of one field only: a key for hashing. */
bool cell_append_key(const struct cell *cell, struct buf *out);
enum status cell_copy(const struct cell *cell, struct pool *pool, struct cell *out,
                      struct error *err) WARN_UNUSED;

/* Turn `count` cells into a column. One type and kind if all agree; whole numbers and fractions
 * become fractions; anything else becomes text. Texts are borrowed from the cells or made in
 * `arena`. COLUMN_MISSING if all are null. */
enum status column_of_cells(const struct cell *cells, uint32_t count, struct arena *arena,
                            struct column *out, struct error *err) WARN_UNUSED;

static inline enum value_type column_type(const struct column *column)
{
    return (enum value_type)column->type;
}

#endif
