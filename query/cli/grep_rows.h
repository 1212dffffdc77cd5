/* query/cli/grep_rows.h -- rows with names or times in front, context groups, the last N: what
 * needs to know where each line is from. Rows come as columns chunks.
 * Thread safety: one thread. */
#ifndef DENDRO_QUERY_CLI_GREP_ROWS_H
#define DENDRO_QUERY_CLI_GREP_ROWS_H

#include "query/cli/columns.h"
#include "query/cli/grep.h"
#include "query/cli/line_body.h"

struct grep_rows { /* start with grep_rows_init() */
    const struct grep_settings *settings;
    const struct line_body *body;
    bool context;        /* rows may be around a match, and groups are set apart */
    uint64_t matches;    /* so far */
    uint64_t after_left; /* rows still due after the last of -m */
    bool found;
    bool printed; /* something, so that a group needs its "--" */
    struct buf name, line, id;
    char last_source[32]; /* of the row before, from its _id */
    uint64_t next_offset; /* where the row behind it would begin */
    bool keep;            /* --tail: newest first, printed at the end */
    struct kept_row *kept;
    size_t kept_count, kept_capacity;
    struct arena arena; /* texts of the kept rows */
    bool failed;        /* out of memory; reported */
};

enum { GREP_LINE_SIZE_MAX = 256 << 20 };

void grep_rows_init(struct grep_rows *rows, const struct grep_settings *settings,
                    const struct line_body *body);
void grep_rows_release(struct grep_rows *rows);
/* The columns that it needs, for the parameter `fields`. */
void grep_rows_fields(const struct grep_rows *rows, struct buf *out);
/* Print, or keep, the rows of a chunk. False: enough. */
bool grep_rows_put(struct grep_rows *rows, const struct columns *columns);
/* Print what was kept, oldest first. */
void grep_rows_finish(struct grep_rows *rows);

#endif
