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
    [PIPE_EXTRACT] = {ROW, extract_make},
    [PIPE_EXTRACT_REGEXP] = {ROW, extract_regexp_make},
    [PIPE_FORMAT] = {ROW, format_make},
    [PIPE_MATH] = {ROW, math_make},
    [PIPE_RENAME] = {ROW, rename_make},
    [PIPE_COPY] = {ROW, copy_make},
    [PIPE_DELETE] = {ROW, delete_make},
    [PIPE_REPLACE] = {ROW, replace_make},
    [PIPE_UNPACK_JSON] = {ROW, unpack_json_make},
    [PIPE_UNPACK_LOGFMT] = {ROW, unpack_logfmt_make},
    [PIPE_CONTEXT] = {OPERATOR_KEEPS_ORDER | OPERATOR_KEEPS_ROWS, context_make},
    [PIPE_FACETS] = {0, facets_make},
    [PIPE_FIELD_NAMES] = {0, field_names_make},
    [PIPE_FIELD_VALUES] = {OPERATOR_MERGES, field_values_make},
    [PIPE_DIFF] = {0, diff_make},
    [PIPE_SAMPLE] = {ROW, sample_make},
    [PIPE_JOIN] = {OPERATOR_KEEPS_ORDER | OPERATOR_KEEPS_ROWS, join_make},
    [PIPE_PATTERNS] = {OPERATOR_MERGES, patterns_make},
    [PIPE_REPLACE_REGEXP] = {ROW, replace_regexp_make},
    [PIPE_DECOLORIZE] = {ROW, decolorize_make},
    [PIPE_COLLAPSE_NUMS] = {ROW, collapse_nums_make},
    [PIPE_UNROLL] = {OPERATOR_STATELESS | OPERATOR_KEEPS_ORDER | OPERATOR_TAILS, unroll_make},
    [PIPE_UNION] = {OPERATOR_KEEPS_ORDER | OPERATOR_KEEPS_ROWS, union_make},
};
