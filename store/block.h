/* store/block.h -- rows that a scan found, column by column.
 *
 * A block holds rows of one table (samples or one kind of event) from one segment or the head.
 * `selected` marks the rows that passed the filter. Columns are made on demand, so a query pays
 * for what it touches; a column or rendered line stays valid until block_release().
 *
 * Order. Every row has an order time: its _time, but never below that of the rows before it in
 * the same source. Rows sorted by (order time, source, sequence) keep the order of each file
 * exactly, also where its own stamps run backwards.
 *
 * Thread safety: one thread at a time per block; different blocks are independent. */
#ifndef DENDRO_STORE_BLOCK_H
#define DENDRO_STORE_BLOCK_H

#include "base/buf.h"
#include "base/error.h"
#include "store/event.h"

#include <stdbool.h>
#include <stdint.h>

struct block;

enum column_kind {
    COLUMN_MISSING, /* no row of the block has the field */
    COLUMN_DICT,    /* codes[row] indexes dict[]; COLUMN_NO_CODE: missing. Also for constants */
    COLUMN_INT,     /* ints[row]: base units (ns, bytes, count); `present` says which rows */
    COLUMN_FLOAT,   /* floats[row] */
    COLUMN_TEXT,    /* texts[row] */
};

#define COLUMN_NO_CODE UINT32_MAX

struct column {
    enum column_kind kind;
    enum field_type type; /* of the values: FIELD_INT, FIELD_DURATION (ns), FIELD_BYTES, ... */
    const uint64_t *present; /* bit per row; NULL: all rows have it. Not for COLUMN_DICT */
    const uint32_t *codes;
    const struct slice *dict;
    uint32_t dict_count;
    const int64_t *ints;
    const double *floats;
    const struct slice *texts;
};

uint32_t block_row_count(const struct block *block);
uint32_t block_selected_count(const struct block *block);
/* Bit per row, row 0 lowest; block_row_count() bits. Never NULL. */
const uint64_t *block_selected(const struct block *block);
bool block_is_samples(const struct block *block);

/* Per row; NULL with `err` set if the pages are damaged. */
const int64_t *block_times(struct block *block, struct error *err);
const int64_t *block_order_times(struct block *block, struct error *err);
/* Number of the row's source in this process (small, dense: see store_source()) and the row's
 * arrival number, which grows along each source. */
const uint32_t *block_source_numbers(struct block *block, struct error *err);
const uint64_t *block_sequences(struct block *block, struct error *err);
/* Byte position of each row in its source. */
const uint64_t *block_offsets(struct block *block, struct error *err);
const uint8_t *block_flags(struct block *block, struct error *err); /* enum event_flags */

/* A field as it suits the block. `as_text` asks for COLUMN_DICT or COLUMN_TEXT with the rendered
 * text, also for fields that are numbers inside. */
enum status block_column(struct block *block, field_id field, bool as_text, struct column *out,
                         struct error *err) WARN_UNUSED;
/* Names of the fields that rows of this block may have; borrowed, `count` set. */
const field_id *block_fields(struct block *block, uint32_t *count);

/* Append the original bytes of `row` to `out`. */
enum status block_render(struct block *block, uint32_t row, struct buf *out,
                         struct error *err) WARN_UNUSED;

/* Read now what block_render() of the selected rows needs, so that it is not read by the one who renders
 * them. What fails will fail there again. */
void block_prepare_lines(struct block *block);
/* Lines of the selected rows, as texts that live as long as the block, if they were written by then. */
bool block_has_lines(const struct block *block, struct column *out);
/* From now on only these of the selected rows are looked at, `count` of them in any order: what is made
 * of the block may leave out the others. */
void block_narrow(struct block *block, const uint32_t *rows, uint32_t count);
/* Bytes of the columns that were made so far. */
size_t block_memory(const struct block *block);
void block_release(struct block *block); /* NULL does nothing */

static inline bool bit_get(const uint64_t *bits, uint32_t at)
{
    return (bits[at >> 6] >> (at & 63)) & 1;
}

#endif
