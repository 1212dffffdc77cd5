/* store/segment_gather.h -- the values of one family, column by column, ready to be encoded.
 *
 * A family is taken block by block, in the order of its rows, so that columns of a block are encoded
 * while they are in the cache. Strings go to the segment's pool, ids to the pool of their kind. Codes
 * of a dictionary column are given in order of first use, so that two columns whose values go together
 * have equal codes.
 * Thread safety: one thread at a time. */
#ifndef DENDRO_STORE_SEGMENT_GATHER_H
#define DENDRO_STORE_SEGMENT_GATHER_H

#include "store/code_table.h"
#include "store/id_pool.h"
#include "store/segment_format.h"
#include "store/shaped_rows.h"

enum {
    ID_POOLS_MAX = 64,         /* kinds: UUID and HEX of 4 to 32 bytes, in two cases each */
    GATHER_MAPS = 64,          /* templates alternate: those that were met last */
    GATHER_CHUNK_ROWS = 512,   /* words that are no columns yet stay in the nearer caches */
};

struct gathered_column {
    struct slot_kind kind;
    uint8_t class;
    int64_t *numbers;     /* or mantissas, numbers of ids, codes; of the rows at hand */
    int64_t *scales;      /* CLASS_DECIMALS */
    struct slice *texts;  /* CLASS_TEXTS; borrowed bytes */
    uint32_t *list;       /* CLASS_CODES: temporary pool number by code; malloc()ed */
    uint32_t dict_count;
};

struct gathered {
    uint32_t row_count, column_count;
    struct gathered_column *columns;
};

/* Where one word of a column comes from: the values of the row, or the template itself. */
struct word_source {
    uint32_t place; /* in the values; UINT32_MAX: `fixed` for all rows */
    uint64_t fixed;
};

/* The words of all columns in one template, in the order of gathering.outputs. */
struct word_map {
    uint32_t template;
    struct word_source *sources;
};

/* A piece of memory that is used again, so that each of its pages is touched for the first time once. */
struct gather_room {
    void *memory;
    size_t size;
};

/* A family being gathered, and what is shared by all. */
struct gathering {
    const struct shaped_rows *rows;
    const struct slice *blobs; /* fields of the rows kept as text, in their order */
    struct text_pool texts;
    struct id_pool ids[ID_POOLS_MAX];
    uint32_t ids_count;

    struct gathered *out; /* the family at hand */
    const struct family *family; /* NULL: kept as text */
    const uint32_t *order;       /* its rows */
    const struct shaped_row *shaped;
    uint32_t slot_count, word_count;
    uint32_t row_words;          /* of the values of a row, about */
    uint32_t *first_words;       /* by column: its first one */
    uint64_t **outputs;          /* by word; NULL: not wanted */
    struct code_table *codes;    /* by column */
    uint32_t code_tables, column_room;
    struct word_map maps[GATHER_MAPS];
    struct gather_room columns, scratch, sources, words;
};

void gathering_init(struct gathering *gathering, const struct shaped_rows *rows);
void gathering_release(struct gathering *gathering);

/* Choose the classes of the columns of `family` (family_count: the rows kept as text). False without
 * memory. */
bool gather_begin(struct gathering *gathering, uint32_t family, struct gathered *out);
/* Its rows [first, first + count), up to BLOCK_ROWS_MAX, which follow those before: `out->columns` have
 * their values until the next call. `times` of the rows. False without memory. */
bool gather_rows(struct gathering *gathering, uint32_t first, uint32_t count, const int64_t *times);
/* There are no more rows: only classes and lists stay. */
void gather_end(struct gathering *gathering);
void gathered_release(struct gathered *gathered);

#endif
