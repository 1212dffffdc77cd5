/* query/limits.h -- every limit of the query engine, and why that number. */
#ifndef DENDRO_QUERY_LIMITS_H
#define DENDRO_QUERY_LIMITS_H

/* Of the language (docs/query.md). */
#define QUERY_TEXT_SIZE_MAX    (64u << 10) /* a long in() list; a page of text is 4 KiB */
#define QUERY_NESTING_MAX      64          /* recursion of parser and planner stays under 64 KiB */
#define QUERY_IN_VALUES_MAX    10000u
#define QUERY_PIPES_MAX        64u
#define QUERY_NAMES_MAX        256u        /* fields, keys or functions of one pipe */
#define QUERY_TREE_SIZE_MAX    (16u << 20) /* the parsed tree of a full-size text */
#define REGEX_PATTERN_SIZE_MAX (16u << 10)

/* PCRE2 backtracking steps and heap per match: about 20 ms of work, then the row counts as no
 * match. The default of PCRE2 is ten million steps, 0.2 s for each hostile row. */
#define REGEX_MATCH_LIMIT      1000000u
#define REGEX_DEPTH_LIMIT      10000u
#define REGEX_HEAP_LIMIT_KIB   4096u
#define REGEX_JIT_STACK_MAX    (512u << 10)

/* Of a run (docs/api.md, "Limits"). */
#define QUERY_MEMORY_MAX       (32u << 20)
#define QUERY_START_SIZE       (8u << 20)  /* free for all queries together, or none is begun */
#define QUERY_ADMISSION_NS     10000000000 /* wait for it: then others are many, or long */
#define QUERY_WORKERS_MAX      8u          /* beyond that the disk decides */
#define QUERY_GROUPS_MAX       (1u << 26)  /* index range; memory is the real limit */
#define SUBQUERY_VALUES_MAX    100000u     /* values of in(query): a filter, not a table */
#define STATS_VALUES_MAX       1000u       /* values() and uniq_values() */
#define UNIQ_EXACT_MAX         65536u      /* count_uniq is exact up to here */
#define FACET_VALUES_MAX       10000u      /* distinct values followed per field */
#define CONTEXT_ROWS_MAX       1000u       /* before, and after, one match */
#define PROGRESS_INTERVAL_NS   500000000   /* at most twice a second */

#endif
