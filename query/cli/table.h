/* query/cli/table.h -- rows as aligned columns for people: durations and sizes in units, cut to the
 * width of the terminal. The first rows decide how wide the columns are.
 * Thread safety: one thread. */
#ifndef DENDRO_QUERY_CLI_TABLE_H
#define DENDRO_QUERY_CLI_TABLE_H

#include "base/arena.h"
#include "query/cli/columns.h"
#include "query/cli/sink.h"

enum {
    TABLE_COLUMNS_MAX = 256,
    TABLE_ROWS_HELD = 500,       /* enough to see the widths */
    TABLE_COLUMN_WIDTH_MAX = 60, /* of all but the last column, on a terminal */
};

struct table_column {
    char *name;
    enum table_kind { TABLE_TEXT, TABLE_NUMBER, TABLE_DURATION, TABLE_BYTES } kind;
    size_t width; /* in columns of the terminal */
};

struct table { /* start with table_init() */
    struct sink *sink;
    unsigned terminal_width; /* 0: not a terminal, nothing is cut */
    struct table_column columns[TABLE_COLUMNS_MAX];
    size_t column_count;
    struct slice *cells; /* of the rows held: column_count each */
    size_t row_count;
    bool begun;         /* widths are decided, the header is printed */
    struct arena arena; /* texts of the rows held */
    bool failed;        /* out of memory */
};

void table_init(struct table *table, struct sink *sink, unsigned terminal_width);
void table_release(struct table *table);
/* Columns as the head record of an answer names them. */
void table_head(struct table *table, const json_t *head);
/* False: the sink is closed, or `failed`. */
bool table_add(struct table *table, const struct columns *rows);
bool table_finish(struct table *table);

/* 0.216 -> "216ms", 1536 -> "1.54KB": three digits that say something. */
void table_print_duration(struct buf *out, double seconds);
void table_print_bytes(struct buf *out, double bytes);

#endif
