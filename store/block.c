/* store/block.c -- what all kinds of blocks share: the cache of columns and the filter. */
#include "store/block_impl.h"

#include "store/predicate_eval.h"

#include <stdlib.h>

uint32_t block_row_count(const struct block *block)
{
    return block->row_count;
}

uint32_t block_selected_count(const struct block *block)
{
    return block->selected_count;
}

const uint64_t *block_selected(const struct block *block)
{
    return block->selected;
}

bool block_is_samples(const struct block *block)
{
    return block->samples;
}

static const void *array_of(struct block *block, enum block_array which, struct error *err)
{
    if (block->arrays[which] == NULL)
        block->arrays[which] = block->ops->array(block, which, err);
    return block->arrays[which];
}

const int64_t *block_times(struct block *block, struct error *err)
{
    return array_of(block, BLOCK_TIMES, err);
}

const int64_t *block_order_times(struct block *block, struct error *err)
{
    return array_of(block, BLOCK_ORDER_TIMES, err);
}

const uint32_t *block_source_numbers(struct block *block, struct error *err)
{
    return array_of(block, BLOCK_SOURCE_NUMBERS, err);
}

const uint64_t *block_sequences(struct block *block, struct error *err)
{
    return array_of(block, BLOCK_SEQUENCES, err);
}

const uint64_t *block_offsets(struct block *block, struct error *err)
{
    return array_of(block, BLOCK_OFFSETS, err);
}

const uint8_t *block_flags(struct block *block, struct error *err)
{
    return array_of(block, BLOCK_FLAGS, err);
}

enum status block_column(struct block *block, field_id field, bool as_text, struct column *out,
                         struct error *err)
{
    struct block_column_entry *entry = block->columns;
    enum status status;

    while (entry != NULL && (entry->field != field || entry->as_text != as_text))
        entry = entry->next;
    if (entry == NULL) {
        entry = arena_new(&block->arena, struct block_column_entry, 1);
        if (entry == NULL)
            return error_set(err, STATUS_NO_MEMORY, "a column of a block needs too much memory");
        entry->field = field;
        entry->as_text = as_text;
        status = block->ops->column(block, field, as_text, &entry->column, err);
        if (status != STATUS_OK)
            return status; /* the unused entry stays in the arena */
        entry->next = block->columns;
        block->columns = entry;
    }
    *out = entry->column;
    return STATUS_OK;
}

const field_id *block_fields(struct block *block, uint32_t *count)
{
    return block->ops->fields(block, count);
}

enum status block_render(struct block *block, uint32_t row, struct buf *out, struct error *err)
{
    return block->ops->render(block, row, out, err);
}

void block_prepare_lines(struct block *block)
{
    if (block->ops->prepare_lines != NULL)
        block->ops->prepare_lines(block);
}

bool block_has_lines(const struct block *block, struct column *out)
{
    const struct block_column_entry *entry = block->columns;

    while (entry != NULL && entry->field != FIELD_ID_MSG)
        entry = entry->next;
    if (entry == NULL || entry->column.kind != COLUMN_TEXT)
        return false;
    *out = entry->column;
    return true;
}

void block_narrow(struct block *block, const uint32_t *rows, uint32_t count)
{
    memset(block->selected, 0, bit_words(block->row_count) * sizeof(*block->selected));
    for (uint32_t i = 0; i < count; i++)
        bit_set(block->selected, rows[i]);
    block->selected_count = count;
}

size_t block_memory(const struct block *block)
{
    return block->arena.allocated;
}

void block_release(struct block *block)
{
    void (*owner_release)(void *owner);
    struct arena arena, *lender;
    void *owner;

    if (block == NULL)
        return;
    owner_release = block->owner_release;
    owner = block->owner;
    arena = block->arena;
    lender = block->lender;
    block->ops->release(block);
    if (lender != NULL) {
        arena_reset(&arena);
        *lender = arena;
    } else {
        arena_release(&arena);
    }
    if (owner_release != NULL)
        owner_release(owner);
}

void bits_fill(uint64_t *bits, uint32_t count)
{
    size_t words = bit_words(count);

    for (size_t i = 0; i < words; i++)
        bits[i] = UINT64_MAX;
    if (count % 64 != 0)
        bits[words - 1] >>= 64 - count % 64;
}

uint32_t bits_count(const uint64_t *bits, uint32_t count)
{
    size_t words = bit_words(count);
    uint32_t sum = 0;

    for (size_t i = 0; i < words; i++)
        sum += (uint32_t)__builtin_popcountll(bits[i]);
    return sum;
}

bool bits_any(const uint64_t *bits, uint32_t first, uint32_t count)
{
    for (uint32_t end = first + count; first < end; first = (first | 63) + 1) {
        uint64_t word = bits[first >> 6] >> (first & 63);

        if (end - first < 64)
            word &= ((uint64_t)1 << (end - first)) - 1;
        if (word != 0)
            return true;
    }
    return false;
}

static enum status filter_times(struct block *block, int64_t time_min_ns, int64_t time_max_ns,
                                struct error *err)
{
    const int64_t *times;

    if (block->time_min_ns >= time_min_ns && block->time_max_ns < time_max_ns)
        return STATUS_OK;
    times = block_times(block, err);
    if (times == NULL)
        return err->status;
    for (uint32_t row = 0; row < block->row_count; row++)
        if (times[row] < time_min_ns || times[row] >= time_max_ns)
            bit_clear(block->selected, row);
    return STATUS_OK;
}

enum status block_filter(struct block *block, const struct predicate *filter, int64_t time_min_ns,
                         int64_t time_max_ns, struct error *err)
{
    struct error local = {0};
    enum status status;

    if (err == NULL)
        err = &local;
    status = filter_times(block, time_min_ns, time_max_ns, err);
    if (status == STATUS_OK && filter != NULL)
        status = predicate_eval(filter, block, block->selected, err);
    if (status == STATUS_OK)
        block->selected_count = bits_count(block->selected, block->row_count);
    return status;
}
