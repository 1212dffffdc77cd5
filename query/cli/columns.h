/* query/cli/columns.h -- rows of a columns chunk (query/api/output_columns.c).
 * Thread safety: plain data. */
#ifndef DENDRO_QUERY_CLI_COLUMNS_H
#define DENDRO_QUERY_CLI_COLUMNS_H

#include "base/buf.h"

#include <jansson.h>
#include <stdbool.h>

struct columns {
    size_t row_count;
    const json_t *members; /* "c" */
};

/* False: the object is no chunk. */
bool columns_of(const json_t *object, struct columns *out);
/* Append the value of a row as text; times as RFC 3339. False: null, or there is no such column. */
bool columns_text(const struct columns *columns, const char *name, size_t row, struct buf *out);
/* The bytes of _msg, also where they are not UTF-8. */
bool columns_line(const struct columns *columns, size_t row, struct buf *out);

/* RFC 4648. False: not base64; then a part may have been appended. */
bool base64_decode(struct slice text, struct buf *out);

#endif
