/* query/operators/forms.h -- how each operator is made; the table is in forms.c. */
#ifndef DENDRO_QUERY_OPERATORS_FORMS_H
#define DENDRO_QUERY_OPERATORS_FORMS_H

#include "query/operator.h"

operator_make fields_make, delete_make, rename_make, copy_make;      /* columns.c */
operator_make where_make, limit_make, offset_make, sample_make;      /* rows.c */
operator_make stats_make;                                            /* stats.c */
/* Groups and counts of rollups, for the first operator of a chain that is a stats; stats.c. */
struct rollup_item;
enum status stats_add_item(struct operator *op, const struct rollup_item *item,
                           struct error *err) WARN_UNUSED;
/* After the last item. False: rows and items cannot be added up, the rows have to be read. */
bool stats_items_fit(struct operator *op);
operator_make top_make, uniq_make, field_values_make;                /* top.c */
operator_make sort_make, first_last_make;                            /* sort.c */
operator_make extract_make, extract_regexp_make, format_make;        /* texts.c */
operator_make math_make;                                             /* math.c */
operator_make unpack_json_make, unpack_logfmt_make, unpack_syslog_make; /* unpack.c */
operator_make pack_json_make, pack_logfmt_make;                      /* pack.c */
operator_make hash_make, len_make, unpack_words_make;                /* derived.c */
operator_make drop_empty_make;                                       /* drop_empty.c */
operator_make diff_against_make;                                     /* diff_against.c */
operator_make facets_make, field_names_make;                         /* facets.c */
operator_make union_make, join_make, diff_make;                      /* union.c, join.c, diff.c */
operator_make replace_make, replace_regexp_make;                     /* rewrite_texts.c */
operator_make decolorize_make, collapse_nums_make;                   /* rewrite_texts.c */
operator_make unroll_make;                                           /* unroll.c */
operator_make patterns_make;                                         /* patterns.c */
operator_make context_make;                                          /* context.c */

#endif
