/* query/ast.h -- a query as a tree: filters, then pipes. Made by grammar.h, read by plan.h.
 *
 * Texts are as the user meant them (quotes decoded) and live in the query's arena. Nothing here
 * depends on a store, a clock or a time zone: those come in when a query is run.
 * Thread safety: read-only once parsed. */
#ifndef DENDRO_QUERY_AST_H
#define DENDRO_QUERY_AST_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/slice.h"
#include "query/literal.h"
#include "store/predicate.h"

#include <stdbool.h>
#include <stdint.h>

struct query_tree;

/* ---- filters ---- */

enum filter_kind {
    FILTER_ALL,          /* * */
    FILTER_AND,          /* children, at least 2 */
    FILTER_OR,
    FILTER_NOT,          /* one child */
    FILTER_TEXT,         /* match, text, fold_case */
    FILTER_REGEX,        /* text; anchored inside { } */
    FILTER_COMPARE,      /* compare, low */
    FILTER_RANGE,        /* low, high and whether they are open */
    FILTER_IN,           /* list */
    FILTER_IN_QUERY,     /* query: values of its first column */
    FILTER_CONTAINS_ANY, /* list, as phrases */
    FILTER_CONTAINS_ALL,
    FILTER_SEQUENCE,     /* list, in this order */
    FILTER_IPV4,         /* low, high as numbers of addresses */
    FILTER_EXISTS,       /* field:* */
    FILTER_EMPTY,        /* field:"" */
    FILTER_FIELDS,       /* field, other_field, relation */
    FILTER_LENGTH,       /* low, high: bytes of the value */
    FILTER_TIME,         /* time */
    FILTER_TEMPLATE,     /* template_id */
};

enum filter_compare { COMPARE_GREATER, COMPARE_GREATER_EQUAL, COMPARE_LESS, COMPARE_LESS_EQUAL };

enum time_form {
    TIME_WITHIN,  /* _time:5m  the last 5 minutes; _time:2026-03-02  that day */
    TIME_COMPARE, /* _time:>=2026-03-02T14:05, _time:>1d  (older than a day) */
    TIME_RANGE,   /* _time:[a, b) */
};

/* Instants stay text: what they mean depends on the zone of the request. */
struct time_filter {
    enum time_form form;
    enum filter_compare compare;
    struct literal low, high; /* LITERAL_DURATION or LITERAL_TEXT/NUMBER for an instant */
    bool low_open, high_open;
    int64_t offset_ns;        /* the range lies this much earlier */
};

struct filter {
    enum filter_kind kind;
    size_t at, length;   /* place in the query */
    struct slice field;  /* "": the line (_msg) */
    enum text_match match;
    bool fold_case, quoted, anchored;
    struct slice text;
    enum filter_compare compare;
    struct literal low, high;
    bool low_open, high_open;
    const struct literal *list;
    uint32_t list_count;
    const struct query_tree *query;
    struct slice other_field;
    enum field_relation relation;
    struct time_filter time;
    uint64_t template_id;
    const struct filter *const *children;
    uint32_t child_count;
};

/* ---- pipes ---- */

struct name_list {
    const struct slice *items;
    uint32_t count;
};

enum bucket_kind { BUCKET_NONE, BUCKET_TIME, BUCKET_NUMBER, BUCKET_SUBNET };

struct group_key {
    struct slice field;
    enum bucket_kind bucket;
    struct literal step;   /* TIME: duration; NUMBER: number, size or duration */
    int64_t offset_ns;     /* TIME: buckets begin this much later */
    uint32_t prefix_bits;  /* SUBNET */
};

enum stats_kind {
    STATS_COUNT, STATS_COUNT_EMPTY, STATS_COUNT_UNIQ, STATS_SUM, STATS_AVG, STATS_MIN, STATS_MAX,
    STATS_MEDIAN, STATS_STDDEV, STATS_QUANTILE, STATS_HISTOGRAM, STATS_RATE, STATS_RATE_SUM,
    STATS_SUM_LEN, STATS_UNIQ_VALUES, STATS_VALUES, STATS_ROW_ANY, STATS_ROW_MIN, STATS_ROW_MAX,
    STATS_INCREASE, STATS_FORECAST, STATS_KIND_COUNT
};

struct stats_call {
    enum stats_kind kind;
    size_t at, length;
    struct name_list fields;      /* row_min, row_max: the first one decides */
    struct literal number;        /* QUANTILE: phi; FORECAST: how far ahead */
    const struct filter *filter;  /* if (...); NULL: all rows */
    struct slice as;
};

struct sort_key {
    struct slice field;
    bool descending;
};

enum math_kind { MATH_NUMBER, MATH_FIELD, MATH_CALL };

struct math_node {
    enum math_kind kind;
    struct literal number;
    struct slice field;
    uint32_t function;             /* index of math_functions[] */
    const struct math_node *const *children;
    uint32_t child_count;
};

struct math_term {
    const struct math_node *node;
    struct slice as;
};

enum pipe_kind {
    PIPE_FIELDS, PIPE_WHERE, PIPE_STATS, PIPE_SORT, PIPE_LIMIT, PIPE_OFFSET, PIPE_FIRST, PIPE_LAST,
    PIPE_TOP, PIPE_UNIQ, PIPE_EXTRACT, PIPE_EXTRACT_REGEXP, PIPE_FORMAT, PIPE_MATH, PIPE_RENAME,
    PIPE_COPY, PIPE_DELETE, PIPE_REPLACE, PIPE_UNPACK_JSON, PIPE_UNPACK_LOGFMT, PIPE_CONTEXT,
    PIPE_FACETS, PIPE_FIELD_NAMES, PIPE_FIELD_VALUES, PIPE_DIFF, PIPE_SAMPLE, PIPE_JOIN,
    PIPE_UNION, PIPE_PATTERNS, PIPE_REPLACE_REGEXP, PIPE_DECOLORIZE, PIPE_COLLAPSE_NUMS,
    PIPE_UNROLL, PIPE_PACK_JSON, PIPE_PACK_LOGFMT, PIPE_HASH, PIPE_LEN, PIPE_DROP_EMPTY_FIELDS,
    PIPE_UNPACK_WORDS, PIPE_UNPACK_SYSLOG, PIPE_DIFF_AGAINST, PIPE_KIND_COUNT
};

/* One pipe. Which members count is told by its row in pipe_forms[] (grammar_pipe.c). */
struct pipe {
    enum pipe_kind kind;
    bool flag; /* TOP: with other; JOIN: inner; CONTEXT: across host; UNIQ: with hits;
               UNPACK_WORDS: each once */
    uint32_t sort_key_count, key_count, call_count, term_count;
    size_t at, length;
    struct name_list fields;     /* its main names; RENAME, COPY: from */
    struct name_list others;     /* RENAME, COPY: to; SORT, FIRST, LAST: partition by */
    uint64_t count;              /* N; 0: not given */
    uint64_t offset;             /* SORT; CONTEXT: rows after */
    int64_t duration_ns;         /* DIFF offset; CONTEXT window */
    const struct time_filter *since; /* PATTERNS; NULL: not given */
    struct slice text, new_text; /* pattern; REPLACE: what and by what; UNPACK, JOIN: prefix */
    struct slice from, as;       /* source field; result field */
    const struct filter *filter; /* WHERE */
    const struct query_tree *query; /* JOIN, UNION, DIFF_AGAINST */
    const struct sort_key *sort_keys;
    const struct group_key *keys; /* STATS */
    const struct stats_call *calls;
    const struct math_term *terms; /* MATH */
};

struct query_tree {
    const struct filter *filter;
    const struct pipe *pipes;
    uint32_t pipe_count;
};

/* ---- names shared by grammar, printer and planner ---- */

struct stats_form {
    const char *name;
    uint32_t fields_min, fields_max;
    bool takes_number;  /* first argument of QUANTILE, last of FORECAST */
};
extern const struct stats_form stats_forms[STATS_KIND_COUNT];

struct math_function {
    const char *name; /* "+" ... for operators */
    uint32_t arguments_min, arguments_max;
    unsigned precedence; /* of operators, the larger binds tighter; 0: written as a call */
};
enum math_function_index {
    MATH_ADD, MATH_SUBTRACT, MATH_MULTIPLY, MATH_DIVIDE, MATH_REMAINDER, MATH_POWER, MATH_NEGATE,
    MATH_ABS, MATH_CEIL, MATH_FLOOR, MATH_ROUND, MATH_LN, MATH_EXP, MATH_MIN, MATH_MAX, MATH_NOW,
    MATH_DEFAULT, MATH_FUNCTION_COUNT
};
extern const struct math_function math_functions[MATH_FUNCTION_COUNT];

/* The first name of each pipe; "stats". */
extern const char *const pipe_names[PIPE_KIND_COUNT];

/* ---- printing: text that parses to the same tree ---- */

bool tree_print(const struct query_tree *tree, struct buf *out);
bool filter_print(const struct filter *filter, struct buf *out);
bool pipe_print(const struct pipe *pipe, struct buf *out);
/* A stats call without its name: what it is called when the user gives no name. */
bool stats_call_print(const struct stats_call *call, struct buf *out);

#endif
