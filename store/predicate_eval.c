/* store/predicate_eval.c -- a filter tree over the columns of one block. Every node narrows a
 * bitmap of rows; AND hands it from child to child and stops when it is empty; OR gives each child
 * only the rows that no child before it took. */
#include "store/predicate_eval.h"

#include "store/pattern.h"
#include "store/value.h"

#include <math.h>

static bool any_row(const uint64_t *rows, uint32_t count)
{
    for (size_t i = 0; i < bit_words(count); i++)
        if (rows[i] != 0)
            return true;
    return false;
}

static void clear_rows(uint64_t *rows, uint32_t count)
{
    memset(rows, 0, bit_words(count) * sizeof(*rows));
}

static uint64_t *new_rows(struct block *block, struct error *err)
{
    uint64_t *rows = arena_new(&block->arena, uint64_t, bit_words(block->row_count) + 1);

    if (rows == NULL)
        (void)error_set(err, STATUS_NO_MEMORY, "a filter needs too much memory");
    return rows;
}

bool predicate_in_range(const struct predicate *predicate, double value)
{
    if (isnan(value))
        return false;
    if (predicate->low_open ? value <= predicate->low : value < predicate->low)
        return false;
    return predicate->high_open ? value < predicate->high : value <= predicate->high;
}

/* Visit the rows that are set; the body clears what fails. */
#define ROW_NONE UINT32_MAX
static uint32_t next_row(const uint64_t *rows, uint32_t count, uint32_t from)
{
    while (from < count) {
        uint64_t word = rows[from >> 6] >> (from & 63);

        if (word != 0)
            return from + (uint32_t)__builtin_ctzll(word);
        from = (from | 63) + 1;
    }
    return ROW_NONE;
}

/* A test on the text of one value; `user` is the node. */
typedef bool text_test(const struct predicate *predicate, unsigned type, struct slice text);

static bool test_text(const struct predicate *predicate, unsigned type, struct slice text)
{
    (void)type;
    return predicate_match_text(predicate, text);
}

static bool test_number(const struct predicate *predicate, unsigned type, struct slice text)
{
    struct value value;

    return value_of_text(text, type, UNIT_NONE, &value) &&
           predicate_in_range(predicate, value.fraction);
}

/* Each distinct value once, then a table lookup per row. */
static enum status eval_dict(const struct predicate *predicate, struct block *block,
                             const struct column *column, text_test *test, uint64_t *rows,
                             struct error *err)
{
    bool *pass = arena_new(&block->arena, bool, (size_t)column->dict_count + 1);

    if (pass == NULL)
        return error_set(err, STATUS_NO_MEMORY, "a filter needs too much memory");
    for (uint32_t code = 0; code < column->dict_count; code++)
        pass[code] = test(predicate, column->type, column->dict[code]);
    for (size_t at = 0; at < bit_words(block->row_count); at++) {
        const uint32_t *codes = column->codes + at * 64;
        uint64_t kept = 0;

        for (uint64_t left = rows[at]; left != 0; left &= left - 1) {
            uint32_t code = codes[__builtin_ctzll(left)];
            bool keep = code < column->dict_count && pass[code]; /* none is larger than all */

            kept |= keep ? left & (0 - left) : 0;
        }
        rows[at] = kept;
    }
    return STATUS_OK;
}

static bool is_present(const struct column *column, uint32_t row)
{
    return column->present == NULL || bit_get(column->present, row);
}

static void eval_texts(const struct predicate *predicate, const struct column *column,
                       text_test *test, uint64_t *rows, uint32_t count)
{
    for (uint32_t row = next_row(rows, count, 0); row != ROW_NONE;
         row = next_row(rows, count, row + 1))
        if (!is_present(column, row) || !test(predicate, column->type, column->texts[row]))
            bit_clear(rows, row);
}

static double number_at(const struct column *column, uint32_t row)
{
    if (!is_present(column, row))
        return (double)NAN;
    return column->kind == COLUMN_INT ? (double)column->ints[row] : column->floats[row];
}

static enum status eval_column(const struct predicate *predicate, struct block *block,
                               bool as_text, text_test *test, uint64_t *rows, struct error *err)
{
    uint32_t count = block->row_count;
    struct column column;
    enum status status = block_column(block, predicate->field, as_text, &column, err);

    if (status != STATUS_OK)
        return status;
    switch (column.kind) {
    case COLUMN_MISSING:
        clear_rows(rows, count);
        break;
    case COLUMN_DICT:
        return eval_dict(predicate, block, &column, test, rows, err);
    case COLUMN_TEXT:
        eval_texts(predicate, &column, test, rows, count);
        break;
    case COLUMN_INT:
    case COLUMN_FLOAT:
        for (uint32_t row = next_row(rows, count, 0); row != ROW_NONE;
             row = next_row(rows, count, row + 1))
            if (!predicate_in_range(predicate, number_at(&column, row)))
                bit_clear(rows, row);
        break;
    }
    return STATUS_OK;
}

static enum status eval_and(const struct predicate *predicate, struct block *block,
                            uint64_t *rows, struct error *err)
{
    enum status status = STATUS_OK;

    for (uint32_t i = 0; i < predicate->child_count && status == STATUS_OK; i++) {
        if (!any_row(rows, block->row_count))
            break;
        status = predicate_eval(predicate->children[i], block, rows, err);
    }
    return status;
}

static enum status eval_or(const struct predicate *predicate, struct block *block, uint64_t *rows,
                           struct error *err)
{
    size_t words = bit_words(block->row_count);
    uint64_t *left = new_rows(block, err), *found = new_rows(block, err);
    enum status status = STATUS_OK;

    if (left == NULL || found == NULL)
        return STATUS_NO_MEMORY;
    memcpy(left, rows, words * sizeof(*rows));
    clear_rows(rows, block->row_count);
    for (uint32_t i = 0; i < predicate->child_count && status == STATUS_OK; i++) {
        if (!any_row(left, block->row_count))
            break;
        memcpy(found, left, words * sizeof(*rows));
        status = predicate_eval(predicate->children[i], block, found, err);
        for (size_t word = 0; word < words; word++) {
            rows[word] |= found[word];
            left[word] &= ~found[word];
        }
    }
    return status;
}

static enum status eval_not(const struct predicate *predicate, struct block *block,
                            uint64_t *rows, struct error *err)
{
    size_t words = bit_words(block->row_count);
    uint64_t *found = new_rows(block, err);
    enum status status;

    if (found == NULL)
        return STATUS_NO_MEMORY;
    memcpy(found, rows, words * sizeof(*rows));
    status = predicate_eval(predicate->children[0], block, found, err);
    for (size_t word = 0; word < words; word++)
        rows[word] &= ~found[word];
    return status;
}

static bool related(enum field_relation relation, int order)
{
    switch (relation) {
    case FIELDS_EQUAL:
        return order == 0;
    case FIELDS_LESS:
        return order < 0;
    case FIELDS_LESS_EQUAL:
        return order <= 0;
    }
    return false;
}

static bool is_number_column(const struct column *column)
{
    return column->kind == COLUMN_INT || column->kind == COLUMN_FLOAT;
}

/* The text of a row of a text or dictionary column; false if it is missing. */
static bool text_at(const struct column *column, uint32_t row, struct slice *out)
{
    if (column->kind == COLUMN_DICT && column->codes[row] != COLUMN_NO_CODE)
        *out = column->dict[column->codes[row]];
    else if (column->kind == COLUMN_TEXT && is_present(column, row))
        *out = column->texts[row];
    else
        return false;
    return true;
}

static bool numbers_related(const struct predicate *predicate, const struct column *a,
                            const struct column *b, uint32_t row)
{
    double left = number_at(a, row), right = number_at(b, row);

    return !isnan(left) && !isnan(right) &&
           related(predicate->relation, left < right ? -1 : left > right);
}

static bool texts_related(const struct predicate *predicate, const struct column *a,
                          const struct column *b, uint32_t row)
{
    struct slice left, right;

    return text_at(a, row, &left) && text_at(b, row, &right) &&
           related(predicate->relation, slice_compare(left, right));
}

/* As numbers when both are, otherwise as texts. */
static enum status eval_fields(const struct predicate *predicate, struct block *block,
                               uint64_t *rows, struct error *err)
{
    struct column a, b;
    uint32_t count = block->row_count;
    bool numbers;
    enum status status = block_column(block, predicate->field, false, &a, err);

    if (status == STATUS_OK)
        status = block_column(block, predicate->other_field, false, &b, err);
    if (status != STATUS_OK)
        return status;
    numbers = is_number_column(&a) && is_number_column(&b);
    if (!numbers) {
        status = block_column(block, predicate->field, true, &a, err);
        if (status == STATUS_OK)
            status = block_column(block, predicate->other_field, true, &b, err);
    }
    if (status != STATUS_OK)
        return status;
    for (uint32_t row = next_row(rows, count, 0); row != ROW_NONE;
         row = next_row(rows, count, row + 1))
        if (!(numbers ? numbers_related(predicate, &a, &b, row)
                      : texts_related(predicate, &a, &b, row)))
            bit_clear(rows, row);
    return STATUS_OK;
}

static enum status eval_call(const struct predicate *predicate, struct block *block,
                             uint64_t *rows, struct error *err)
{
    enum status status = STATUS_OK;

    if (predicate->superset != NULL)
        status = predicate_eval(predicate->superset, block, rows, err);
    if (status != STATUS_OK || !any_row(rows, block->row_count))
        return status;
    return eval_column(predicate, block, true, test_text, rows, err);
}

static enum status eval_template(const struct predicate *predicate, struct block *block,
                                 uint64_t *rows, struct error *err)
{
    char id[PATTERN_ID_SIZE];
    struct predicate is_id = {.kind = PRED_TEXT,
                              .field = FIELD_ID_TEMPLATE,
                              .match = TEXT_EXACT,
                              .text = {id, sizeof(id)}};

    pattern_id_print(predicate->number, id);
    return eval_column(&is_id, block, true, test_text, rows, err);
}

enum status predicate_eval(const struct predicate *predicate, struct block *block, uint64_t *rows,
                           struct error *err)
{
    switch (predicate->kind) {
    case PRED_ALL:
        return STATUS_OK;
    case PRED_NONE:
        clear_rows(rows, block->row_count);
        return STATUS_OK;
    case PRED_TEMPLATE:
        return eval_template(predicate, block, rows, err);
    case PRED_AND:
        return eval_and(predicate, block, rows, err);
    case PRED_OR:
        return eval_or(predicate, block, rows, err);
    case PRED_NOT:
        return eval_not(predicate, block, rows, err);
    case PRED_CALL:
        return eval_call(predicate, block, rows, err);
    case PRED_FIELDS:
        return eval_fields(predicate, block, rows, err);
    case PRED_RANGE:
        return eval_column(predicate, block, false, test_number, rows, err);
    case PRED_TEXT:
    case PRED_IN:
    case PRED_EXISTS:
    case PRED_LENGTH:
    case PRED_SEQUENCE:
        return eval_column(predicate, block, true, test_text, rows, err);
    }
    return error_set(err, STATUS_INVALID, "unknown kind of filter %d", (int)predicate->kind);
}
