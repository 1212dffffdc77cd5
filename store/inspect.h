/* store/inspect.h -- where the bytes of segments are: offline, read-only, for people.
 * Thread safety: one thread per inspection. */
#ifndef DENDRO_STORE_INSPECT_H
#define DENDRO_STORE_INSPECT_H

#include "base/arena.h"
#include "base/error.h"
#include "base/io.h"
#include "base/map.h"
#include "base/slice.h"

#include <stdint.h>

enum inspect_group {
    INSPECT_ROWS,   /* pages that every block has: time, order, source, rank, level, flags, template */
    INSPECT_CLASS,  /* columns by how they are kept: numbers, decimals, ids, codes, texts */
    INSPECT_SHARED, /* of a segment: strings, grams, lists, ids, rollups, directory */
    INSPECT_FIELD,  /* the same columns as above, by the field that is all of the slot */
    INSPECT_FORMAT, /* the same, by format of log */
    INSPECT_GROUP_COUNT
};

struct inspect_part {
    enum inspect_group group;
    struct slice name;
    uint64_t bytes; /* stored; pages that stand in the directory are counted with it */
    uint64_t pages;
    uint64_t rows;  /* INSPECT_FORMAT */
};

struct inspection {
    uint64_t segments, damaged;
    uint64_t rows, samples, raw_bytes, file_bytes;
    uint64_t blocks, families, templates, strings, ids, series, rows_as_text;
    int64_t time_min_ns, time_max_ns;
    struct inspect_part *parts; /* by group, most bytes first */
    uint32_t part_count;
    /* private */
    uint32_t part_capacity;
    struct map index;
    struct arena arena;
};

/* "row", "class", "shared", "field", "format"; static. */
const char *inspect_group_name(enum inspect_group group);

/* `path` is a segment file or the folder of a store. A segment that cannot be opened is counted as
 * damaged. Errors: NOT_FOUND, IO, NO_MEMORY; for a file also CORRUPT and INVALID. End it with
 * inspection_release(), also after an error. */
enum status store_inspect(struct io *io, const char *path, struct inspection *out,
                          struct error *err) WARN_UNUSED;
void inspection_release(struct inspection *inspection);

#endif
