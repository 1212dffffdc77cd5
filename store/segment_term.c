/* store/segment_term.c -- one term of a needle on one section: on codes and numbers where a table
 * has the answer, on texts where not. */
#include "store/segment_term.h"

#include "store/kernels/kernels.h"
#include "store/slot.h"

/* Last row whose text begins at or before `at`. */
static uint32_t row_at(const struct slice *texts, uint32_t count, const char *at)
{
    uint32_t low = 0, high = count;

    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;

        if (texts[middle].data <= at)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* The texts of a page stand one behind the other: they are searched as one. */
static void search_texts(const struct term_test *test, const struct slice *texts,
                         uint64_t *active, uint64_t *scratch)
{
    struct slice wanted = needle_term_text(test->needle, test->term);
    const struct slice *last = &texts[test->row_count - 1];
    struct slice all = {texts[0].data, (size_t)(last->data + last->len - texts[0].data)};
    size_t (*find)(struct slice, struct slice, size_t) =
        test->needle->fold ? kernels()->find_fold : kernels()->find;
    size_t at = all.len < wanted.len ? SIZE_MAX : find(all, wanted, 0);

    memset(scratch, 0, bit_words(test->row_count) * sizeof(*scratch));
    while (at != SIZE_MAX) {
        uint32_t row = row_at(texts, test->row_count, all.data + at);
        size_t end = (size_t)(texts[row].data + texts[row].len - all.data);

        if (bit_get(active, row) && needle_term_match(test->needle, test->term, texts[row]))
            bit_set(scratch, row);
        at = find(all, wanted, end); /* one match decides on a row */
    }
    bits_keep(active, scratch, test->row_count);
}

static enum status test_by_text(const struct term_test *test, uint64_t *active, uint64_t *scratch,
                                struct error *err)
{
    struct segment_block *block = test->block;
    const struct segment_column *column =
        &segment_family_of(block, test->section)->columns[test->term->column];
    const struct segment_values *values;
    char text[SLOT_WRITE_MAX];
    enum status status = segment_block_printable(block, test->section, test->term->column, &values,
                                                err);

    if (status == STATUS_OK && column->class == CLASS_TEXTS && test->term->len > 0) {
        search_texts(test, values->texts, active, scratch);
        return STATUS_OK;
    }
    for (uint32_t i = bits_next(active, 0, test->row_count);
         i < test->row_count && status == STATUS_OK; i = bits_next(active, i + 1, test->row_count))
        if (!needle_term_match(test->needle, test->term,
                               segment_value_text(block, column, values, i, text)))
            bit_clear(active, i);
    return status;
}

/* A term that only one number can pass, and the number; `none`: no number of the column can. */
static bool wants_one(const struct term_test *test, struct slot_kind kind, uint64_t *number,
                      bool *none)
{
    struct slice text = needle_term_text(test->needle, test->term);
    bool whole = test->term->test == TEST_EQUAL;

    if (kind.type == SLOT_IPV4) /* also a whole address between the boundaries of words */
        whole = whole || (test->term->left != EDGE_ANY && test->term->right != EDGE_ANY &&
                          slot_fits(kind, text));
    else if (kind.type != SLOT_INT)
        return false;
    *none = whole && !slot_read(kind, text, number);
    return whole;
}

/* Numbers that are surely too short, or another number, leave before the others become text. */
static enum status test_numbers(const struct term_test *test, const struct segment_column *column,
                                uint64_t *active, uint64_t *scratch, struct error *err)
{
    struct slice text = needle_term_text(test->needle, test->term);
    const struct segment_values *values = NULL;
    const uint32_t *addresses = NULL;
    uint64_t number = 0;
    bool none = false, one = wants_one(test, column->kind, &number, &none);
    enum status status;

    if (none) {
        memset(active, 0, bit_words(test->row_count) * sizeof(*active));
        return STATUS_OK;
    }
    if (one && column->kind.type == SLOT_IPV4)
        status = segment_block_addresses(test->block, test->section,
                                         test->term->column, &addresses, err);
    else
        status = segment_block_values(test->block, test->section, test->term->column,
                                      &values, err);
    if (status != STATUS_OK)
        return status;
    if (one && addresses != NULL) {
        kernels()->equal32(addresses, test->row_count, (uint32_t)number, scratch);
        bits_keep(active, scratch, test->row_count);
    } else if (one) {
        kernels()->range64(values->numbers, test->row_count, (int64_t)number, (int64_t)number,
                           scratch);
        bits_keep(active, scratch, test->row_count);
    } else if (column->kind.type == SLOT_INT && text.len > 1 && text.len <= POWERS_OF_TEN_COUNT) {
        kernels()->range64(values->numbers, test->row_count, 0,
                           (int64_t)powers_of_ten[text.len - 1] - 1, scratch);
        bits_drop(active, scratch, test->row_count);
    }
    if (one && (test->term->test == TEST_EQUAL ? column->kind.type == SLOT_INT
                                               : test->term->left == EDGE_GOOD &&
                                                     test->term->right == EDGE_GOOD))
        return STATUS_OK;
    return bits_any(active, 0, test->row_count) ? test_by_text(test, active, scratch, err)
                                                : STATUS_OK;
}

/* Rows whose number has its bit in `pass`. */
static void keep_numbers(const int64_t *numbers, const uint64_t *pass, uint64_t *active,
                         uint32_t count)
{
    for (size_t word = 0; word < bit_words(count); word++) {
        uint64_t kept = 0;

        for (uint64_t left = active[word]; left != 0; left &= left - 1) {
            int64_t number = numbers[word * 64 + (size_t)__builtin_ctzll(left)];

            kept |= bit_get(pass, (uint32_t)number) ? left & (0 - left) : 0;
        }
        active[word] = kept;
    }
}

enum status term_test_rows(const struct term_test *test, const struct term_table *table,
                           uint64_t *active, uint64_t *scratch, struct error *err)
{
    struct segment_block *block = test->block;
    const struct segment_column *column =
        &segment_family_of(block, test->section)->columns[test->term->column];
    const struct segment_values *values;
    enum status status;

    if (table->codes == NULL && table->numbers == NULL)
        return column->class == CLASS_NUMBERS ? test_numbers(test, column, active, scratch, err)
                                              : test_by_text(test, active, scratch, err);
    status = segment_block_values(block, test->section, test->term->column, &values,
                                 err);
    if (status != STATUS_OK)
        return status;
    if (table->codes != NULL) {
        kernels()->table32(values->codes, test->row_count, table->codes, scratch);
        bits_keep(active, scratch, test->row_count);
        return STATUS_OK;
    }
    keep_numbers(values->numbers, table->numbers, active, test->row_count);
    return STATUS_OK;
}
