/* store/segment_gather.h -- the values of one family, column by column, ready to be encoded.
 *
 * Strings go to the segment's pool, ids to the pool of their kind. Codes of a dictionary column are
 * given in order of first use, so that two columns whose values go together have equal codes.
 * Thread safety: one thread at a time. */
#ifndef DENDRO_STORE_SEGMENT_GATHER_H
#define DENDRO_STORE_SEGMENT_GATHER_H

#include "store/row_facts.h"
#include "store/segment_format.h"
#include "store/id_pool.h"
#include "store/shaped_rows.h"

enum { ID_POOLS_MAX = 64 }; /* kinds: UUID and HEX of 4 to 32 bytes, in two cases each */

enum { RECENT_TEXTS = 1024 };

/* A string by its hash, and its code in the column of that serial; 0: nothing yet. */
struct recent_text {
    uint64_t hash;
    int64_t code;
    uint32_t serial;
};

struct gather_pools {
    struct text_pool texts;
    struct id_pool ids[ID_POOLS_MAX];
    uint32_t ids_count;
    uint32_t column_serial; /* of the column that interned last, from 1 */
    struct recent_text recent[RECENT_TEXTS];
    uint64_t *words;        /* for gather_family(), so that each page is touched for the first time once */
    size_t word_capacity;
};

struct gathered_column {
    struct slot_kind kind;
    uint8_t class;
    int64_t *numbers;     /* or mantissas, numbers of ids, codes */
    int64_t *scales;      /* CLASS_DECIMALS */
    struct slice *texts;  /* CLASS_TEXTS; borrowed bytes */
    uint32_t *list;       /* CLASS_CODES: temporary pool number by code */
    uint32_t dict_count;
};

struct gathered {
    uint32_t row_count, column_count;
    struct gathered_column *columns;
};

/* All rows of `family` (family_count: the rows kept as text, with `blobs` as the bytes of their
 * fields). `facts` by row of the segment. False without memory. */
bool gather_family(struct gathered *out, const struct shaped_rows *rows, uint32_t family,
                   const struct slice *blobs, const struct row_facts *facts,
                   struct gather_pools *pools);
void gathered_release(struct gathered *gathered);
void gather_pools_init(struct gather_pools *pools);
void gather_pools_release(struct gather_pools *pools);

#endif
