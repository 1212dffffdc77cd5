/* store/pattern.h -- the pattern of a line: its template written as text, and the id of that text.
 *
 * Parts of the line that vary become placeholders: a parsed field its name (<client>), other slots
 * their type: <num> <ip> <uuid> <hex> <time>, or <*> for any other token. Fields that hold prose
 * (message, msg) are written out instead, as that is where lines differ. Fields are replaced as a
 * whole, so it does not matter whether a segment took one as one slot or as many.
 *
 * The id is a hash of format and text, so it is the same in every segment, process and geo. Two things
 * can split lines that look alike: values whose type changes (8 digits are a <num>, 8 hex digits a
 * <hex>), and a position where one segment saw more than 64 words and so calls it <*> (family.h).
 *
 * Thread safety: pattern_write() is a pure function; the rest one thread at a time. */
#ifndef DENDRO_STORE_PATTERN_H
#define DENDRO_STORE_PATTERN_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/map.h"
#include "store/block.h"
#include "store/tokenizer.h"

enum {
    PATTERN_SIZE_MAX = 2048,       /* bytes of a text that are kept and shown; the id is of all */
    PATTERN_ID_SIZE = 16,          /* hex digits */
    PATTERN_TEXT_BUF_MAX = 4 << 20 /* 64 KiB of literals and 1,250 names of fields at most */
};

struct pattern {
    uint64_t id; /* never 0 */
    struct slice format, text;
};

struct pattern_field {
    struct slice name;
    uint32_t begin_gap, begin_offset, end_gap, end_offset; /* as struct shape_field */
};

/* A template as this file wants it. */
struct pattern_source {
    uint32_t slot_count, field_count;
    const struct slice *gaps;           /* slot_count + 1 */
    const struct slot_kind *kinds;
    const struct pattern_field *fields; /* spans only, by (start, longest first) */
};

/* Append the text; false: no room. Fields that do not lie in the gaps are left out. */
bool pattern_write(const struct pattern_source *source, struct buf *out);
/* Make a pattern whose text is in `scratch`, cut to PATTERN_SIZE_MAX. */
bool pattern_make(const struct pattern_source *source, struct slice format, struct buf *scratch,
                  struct pattern *out);
/* `out` gets PATTERN_ID_SIZE digits, and no NUL. */
void pattern_id_print(uint64_t id, char *out);

typedef struct slice pattern_field_name(void *user, field_id field);

/* ---- a column of patterns over the rows of a block ---- */

struct pattern_column {
    struct arena *arena; /* of the block: codes and dictionary */
    uint32_t *codes;     /* COLUMN_NO_CODE: the row has none */
    struct map index;    /* ids as bytes -> code */
    struct pattern *patterns;
    uint32_t count, capacity;
    struct line_shape *shape; /* made for the first line */
    struct buf scratch;
    pattern_field_name *field_name;
    void *user;
};

enum status pattern_column_init(struct pattern_column *column, struct arena *arena,
                                uint32_t row_count, struct error *err) WARN_UNUSED;
void pattern_column_release(struct pattern_column *column);
/* Code of a pattern. Its texts are copied unless `keep`: then they outlive the block. */
enum status pattern_column_code(struct pattern_column *column, const struct pattern *pattern,
                                bool keep, uint32_t *out, struct error *err) WARN_UNUSED;
/* Read the shape of an event that is not in columns, and set the row. */
enum status pattern_column_line(struct pattern_column *column, uint32_t row,
                                const struct event *event, struct slice format,
                                struct error *err) WARN_UNUSED;
/* `field`: FIELD_ID_TEMPLATE or FIELD_ID_PATTERN. */
enum status pattern_column_finish(struct pattern_column *column, field_id field,
                                  struct column *out, struct error *err) WARN_UNUSED;

#endif
