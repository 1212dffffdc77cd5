/* query/operators/forms.c -- the table of pipes at work. A pipe that the grammar knows has its row
 * here. */
#include "query/operators/forms.h"

enum {
    ROW = OPERATOR_STATELESS | OPERATOR_KEEPS_ORDER | OPERATOR_KEEPS_ROWS | OPERATOR_TAILS,
    CUT = OPERATOR_KEEPS_ORDER | OPERATOR_NEEDS_ORDER | OPERATOR_KEEPS_ROWS,
};

const struct operator_form operator_forms[PIPE_KIND_COUNT] = {
    [PIPE_FIELDS] = {ROW, fields_make},
    [PIPE_WHERE] = {ROW, where_make},
    [PIPE_STATS] = {OPERATOR_MERGES, stats_make},
    [PIPE_SORT] = {OPERATOR_KEEPS_ROWS, sort_make},
    [PIPE_LIMIT] = {CUT, limit_make},
    [PIPE_OFFSET] = {CUT, offset_make},
    [PIPE_FIRST] = {OPERATOR_KEEPS_ROWS, first_last_make},
    [PIPE_LAST] = {OPERATOR_KEEPS_ROWS, first_last_make},
    [PIPE_TOP] = {OPERATOR_MERGES, top_make},
    [PIPE_UNIQ] = {OPERATOR_MERGES, uniq_make},
    [PIPE_EXTRACT] = {ROW, NULL},
    [PIPE_EXTRACT_REGEXP] = {ROW, NULL},
    [PIPE_FORMAT] = {ROW, NULL},
    [PIPE_MATH] = {ROW, NULL},
    [PIPE_RENAME] = {ROW, rename_make},
    [PIPE_COPY] = {ROW, copy_make},
    [PIPE_DELETE] = {ROW, delete_make},
    [PIPE_REPLACE] = {ROW, NULL},
    [PIPE_UNPACK_JSON] = {ROW, NULL},
    [PIPE_UNPACK_LOGFMT] = {ROW, NULL},
    [PIPE_CONTEXT] = {CUT, NULL},
    [PIPE_FACETS] = {0, NULL},
    [PIPE_FIELD_NAMES] = {0, NULL},
    [PIPE_FIELD_VALUES] = {OPERATOR_MERGES, field_values_make},
    [PIPE_DIFF] = {0, NULL},
    [PIPE_SAMPLE] = {ROW, sample_make},
    [PIPE_JOIN] = {OPERATOR_KEEPS_ORDER | OPERATOR_KEEPS_ROWS, NULL},
    [PIPE_UNION] = {OPERATOR_KEEPS_ORDER | OPERATOR_KEEPS_ROWS, NULL},
};
