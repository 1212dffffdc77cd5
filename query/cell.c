/* query/cell.c -- single values: reading, order, text, keys, and back to columns. */
#include "query/cell.h"

#include "base/json_writer.h"
#include "base/time_stamp.h"
#include "base/units.h"
#include "store/value.h"

#include <assert.h>
#include <math.h>

static_assert((int)UNITS_TEXT_SIZE <= 64 && (int)STAMP_TEXT_SIZE <= 64, "room in cell_print()");

const char *value_type_name(enum value_type type)
{
    static const char *const names[VALUE_TYPE_COUNT] = {
        [VALUE_TEXT] = "text",   [VALUE_INT] = "int",     [VALUE_FLOAT] = "float",
        [VALUE_DURATION] = "duration", [VALUE_BYTES] = "bytes", [VALUE_IPV4] = "ipv4",
        [VALUE_TIME] = "time",   [VALUE_LEVEL] = "level", [VALUE_JSON] = "json",
    };

    return (unsigned)type < VALUE_TYPE_COUNT ? names[type] : "text";
}

struct cell cell_float(double fraction, enum value_type type)
{
    if (!isfinite(fraction))
        return cell_null();
    return (struct cell){.kind = CELL_FLOAT, .type = (uint8_t)type, .fraction = fraction};
}

struct cell cell_of(const struct column *column, uint32_t row)
{
    if (column->kind == COLUMN_MISSING)
        return cell_null();
    if (column->kind == COLUMN_DICT) {
        uint32_t code = column->codes[row];

        return code == COLUMN_NO_CODE ? cell_null()
                                      : cell_text(column->dict[code], column_type(column));
    }
    if (column->present != NULL && !bit_get(column->present, row))
        return cell_null();
    if (column->kind == COLUMN_INT)
        return cell_int(column->ints[row], column_type(column));
    if (column->kind == COLUMN_FLOAT)
        return cell_float(column->floats[row], column_type(column));
    return cell_text(column->texts[row], column_type(column));
}

bool cell_number(const struct cell *cell, double *out)
{
    struct value value;

    switch (cell->kind) {
    case CELL_INT:
        *out = (double)cell->whole;
        return true;
    case CELL_FLOAT:
        *out = cell->fraction;
        return true;
    case CELL_TEXT:
        if (cell->type == VALUE_JSON || cell->type == VALUE_LEVEL ||
            !value_of_text(cell->text, cell->type, UNIT_NONE, &value))
            return false;
        *out = value.fraction;
        return true;
    default:
        return false;
    }
}

/* ---- order ---- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The run of digits at the front without its leading zeros; `rest` continues behind it. */
static struct slice take_digits(struct slice *rest)
{
    size_t from = 0, end = 0;

    while (end < rest->len && is_digit(rest->data[end]))
        end++;
    while (from + 1 < end && rest->data[from] == '0')
        from++;
    struct slice digits = slice_sub(*rest, from, end - from);
    *rest = slice_from(*rest, end);
    return digits;
}

static int natural_compare(struct slice a, struct slice b)
{
    struct slice whole_a = a, whole_b = b;

    while (a.len > 0 && b.len > 0) {
        if (is_digit(a.data[0]) && is_digit(b.data[0])) {
            struct slice x = take_digits(&a), y = take_digits(&b);
            int order = x.len != y.len ? (x.len < y.len ? -1 : 1) : slice_compare(x, y);

            if (order != 0)
                return order;
            continue;
        }
        if (a.data[0] != b.data[0])
            return (unsigned char)a.data[0] < (unsigned char)b.data[0] ? -1 : 1;
        a = slice_from(a, 1);
        b = slice_from(b, 1);
    }
    if (a.len != b.len)
        return a.len < b.len ? -1 : 1;
    return slice_compare(whole_a, whole_b); /* 1 and 01 are told apart */
}

static int compare_levels(struct slice a, struct slice b)
{
    enum level x = level_of(a), y = level_of(b);

    if (x == LEVEL_COUNT || y == LEVEL_COUNT || x == y)
        return slice_compare(a, b);
    return x < y ? 1 : -1; /* the smaller number is the more severe */
}

static int compare_doubles(double a, double b)
{
    return a < b ? -1 : a > b;
}

static unsigned rank_of(const struct cell *cell)
{
    static const unsigned ranks[] = {
        [CELL_INT] = 0, [CELL_FLOAT] = 0, [CELL_TEXT] = 1, [CELL_NULL] = 2};

    return ranks[cell->kind];
}

int cell_compare(const struct cell *a, const struct cell *b)
{
    unsigned rank = rank_of(a);

    if (rank != rank_of(b))
        return rank < rank_of(b) ? -1 : 1;
    if (rank == 2)
        return 0;
    if (rank == 1) {
        if (a->type == VALUE_LEVEL && b->type == VALUE_LEVEL)
            return compare_levels(a->text, b->text);
        return natural_compare(a->text, b->text);
    }
    if (a->kind == CELL_INT && b->kind == CELL_INT)
        return a->whole < b->whole ? -1 : a->whole > b->whole;
    return compare_doubles(a->kind == CELL_INT ? (double)a->whole : a->fraction,
                           b->kind == CELL_INT ? (double)b->whole : b->fraction);
}

bool cell_equal(const struct cell *a, const struct cell *b)
{
    if (a->kind == CELL_TEXT && b->kind == CELL_TEXT)
        return slice_equal(a->text, b->text);
    return cell_compare(a, b) == 0;
}

/* ---- text ---- */

static bool print_double(double value, struct buf *out)
{
    char text[32];

    return buf_append(out, text, jsonw_format_double(value, text));
}

bool cell_print(const struct cell *cell, struct buf *out)
{
    char text[64];
    int64_t whole;

    if (cell->kind == CELL_NULL)
        return true;
    if (cell->kind == CELL_TEXT)
        return buf_append_slice(out, cell->text);
    if (cell->kind == CELL_FLOAT &&
        (cell->type != VALUE_DURATION || !(fabs(cell->fraction) < 9.2e18)))
        return print_double(cell->fraction, out);
    whole = cell->kind == CELL_INT ? cell->whole : llround(cell->fraction);
    if (cell->type == VALUE_DURATION)
        return buf_append(out, text, duration_print(whole, text));
    if (cell->type == VALUE_TIME)
        return buf_append(out, text, stamp_print(whole, 9, text));
    return buf_printf(out, "%lld", (long long)whole);
}

/* A number is keyed by its double, so that 1 and 1.0 are one group; whole numbers that a double
 * cannot hold keep all their bits. */
bool cell_append_key(const struct cell *cell, struct buf *out)
{
    double number = 0;

    switch (cell->kind) {
    case CELL_TEXT:
        return buf_append_byte(out, 't') && buf_append_varint(out, cell->text.len) &&
               buf_append_slice(out, cell->text);
    case CELL_INT:
        return buf_append_byte(out, 'i') && buf_append_u64(out, (uint64_t)cell->whole);
    case CELL_FLOAT:
        if (cell->fraction == floor(cell->fraction) && fabs(cell->fraction) < 9e15)
            return buf_append_byte(out, 'i') &&
                   buf_append_u64(out, (uint64_t)(int64_t)cell->fraction);
        memcpy(&number, &cell->fraction, sizeof(number));
        return buf_append_byte(out, 'f') && buf_append(out, &number, sizeof(number));
    default:
        return buf_append_byte(out, 'n');
    }
}

enum status cell_copy(const struct cell *cell, struct pool *pool, struct cell *out,
                      struct error *err)
{
    *out = *cell;
    return cell->kind == CELL_TEXT ? pool_copy(pool, cell->text, &out->text, err) : STATUS_OK;
}

/* ---- columns ---- */

/* What a column of these cells can be. */
struct cells_summary {
    bool any, any_null, mixed; /* mixed: types or kinds that only text can hold */
    bool any_int, any_float, any_text;
    uint8_t type;
};

static struct cells_summary summarize(const struct cell *cells, uint32_t count)
{
    struct cells_summary sum = {0};

    for (uint32_t i = 0; i < count; i++) {
        if (cells[i].kind == CELL_NULL) {
            sum.any_null = true;
            continue;
        }
        if (!sum.any)
            sum.type = cells[i].type;
        sum.any = true;
        sum.any_int |= cells[i].kind == CELL_INT;
        sum.any_float |= cells[i].kind == CELL_FLOAT;
        sum.any_text |= cells[i].kind == CELL_TEXT;
        if (cells[i].type != sum.type) {
            bool plain = (cells[i].type == VALUE_INT || cells[i].type == VALUE_FLOAT) &&
                         (sum.type == VALUE_INT || sum.type == VALUE_FLOAT);

            sum.mixed |= !plain;
            sum.type = VALUE_FLOAT;
        }
    }
    sum.mixed |= sum.any_text && (sum.any_int || sum.any_float);
    return sum;
}

static enum status no_memory(struct error *err)
{
    return error_set(err, STATUS_NO_MEMORY, "a column of the answer needs too much memory");
}

static enum status fill_numbers(const struct cell *cells, uint32_t count, bool floats,
                                struct arena *arena, struct column *out, struct error *err)
{
    int64_t *ints = floats ? NULL : arena_new(arena, int64_t, count);
    double *fractions = floats ? arena_new(arena, double, count) : NULL;

    if (ints == NULL && fractions == NULL)
        return no_memory(err);
    for (uint32_t i = 0; i < count; i++) {
        if (cells[i].kind == CELL_NULL)
            continue;
        if (!floats)
            ints[i] = cells[i].whole;
        else
            fractions[i] = cells[i].kind == CELL_INT ? (double)cells[i].whole : cells[i].fraction;
    }
    out->kind = floats ? COLUMN_FLOAT : COLUMN_INT;
    out->ints = ints;
    out->floats = fractions;
    return STATUS_OK;
}

static enum status fill_texts(const struct cell *cells, uint32_t count, struct arena *arena,
                              struct column *out, struct error *err)
{
    struct slice *texts = arena_new(arena, struct slice, count);
    struct buf room = buf_empty(1 << 20);
    bool ok = texts != NULL;

    for (uint32_t i = 0; ok && i < count; i++) {
        if (cells[i].kind == CELL_TEXT) {
            texts[i] = cells[i].text;
        } else if (cells[i].kind != CELL_NULL) {
            buf_reset(&room);
            ok = cell_print(&cells[i], &room);
            texts[i] = arena_copy(arena, buf_slice(&room));
            ok = ok && texts[i].data != NULL;
        }
    }
    buf_release(&room);
    out->kind = COLUMN_TEXT;
    out->texts = texts;
    return ok ? STATUS_OK : no_memory(err);
}

enum status column_of_cells(const struct cell *cells, uint32_t count, struct arena *arena,
                            struct column *out, struct error *err)
{
    struct cells_summary sum = summarize(cells, count);
    uint64_t *present = NULL;

    *out = (struct column){.kind = COLUMN_MISSING};
    if (!sum.any)
        return STATUS_OK;
    if (sum.any_null) {
        present = arena_new(arena, uint64_t, ((size_t)count + 63) / 64);
        if (present == NULL)
            return no_memory(err);
        for (uint32_t i = 0; i < count; i++)
            if (cells[i].kind != CELL_NULL)
                present[i >> 6] |= (uint64_t)1 << (i & 63);
    }
    out->present = present;
    out->type = (enum field_type)(sum.mixed ? VALUE_TEXT : sum.type);
    if (sum.mixed || sum.any_text)
        return fill_texts(cells, count, arena, out, err);
    return fill_numbers(cells, count, sum.any_float, arena, out, err);
}
