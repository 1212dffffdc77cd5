/* store/segment_column.h -- columns of one block into pages and back (encodings: segment_format.h).
 * Thread safety: pure functions over their arguments. */
#ifndef DENDRO_STORE_SEGMENT_COLUMN_H
#define DENDRO_STORE_SEGMENT_COLUMN_H

#include "base/buf.h"
#include "store/segment_format.h"

/* One value of a field in a block. */
struct field_value {
    uint32_t row;
    uint32_t start; /* in the row's text; not for computed values */
    struct slice text;
};

/* Append the raw page of `count` numbers; sets encoding and value of `column`. */
bool column_encode_numbers(const uint64_t *numbers, uint32_t count, struct segment_column *column,
                           struct buf *out);
/* Append the raw page of a field; values are in order of row, at most one per row. */
bool column_encode_field(const struct field_value *values, uint32_t count, uint32_t row_count,
                         bool computed, struct segment_column *column, struct buf *out);
/* Append a dictionary page of one text per row. */
bool column_encode_texts(const struct slice *texts, uint32_t row_count,
                         struct segment_column *column, struct buf *out);

/* Numbers of a CONST or DELTA column. CORRUPT: the page is too short or too long. */
enum status column_decode_numbers(const struct segment_column *column, struct slice page,
                                  uint32_t row_count, uint64_t *out,
                                  struct error *err) WARN_UNUSED;

/* A decoded field column: a dictionary, or a text or number per row. */
struct field_page {
    uint64_t *present;
    uint32_t *codes; /* with dict; COLUMN_NO_CODE: missing */
    struct slice *dict, *texts;
    uint32_t dict_count;
    int64_t *ints;
};
/* `lines` are the rows' texts, needed for ENCODING_SPAN only. */
enum status column_decode_field(const struct segment_column *column, struct slice page,
                                uint32_t row_count, const struct slice *lines,
                                struct arena *arena, struct field_page *out,
                                struct error *err) WARN_UNUSED;

#endif
