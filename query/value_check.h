/* query/value_check.h -- values in tests that could never match, told with what to write instead:
 * status:>=abc, duration:>5MB, bytes:>5m, status:5xx, client:10.0.0.0/99, range[9, 1].
 * Thread safety: functions touch only their arguments. */
#ifndef DENDRO_QUERY_VALUE_CHECK_H
#define DENDRO_QUERY_VALUE_CHECK_H

#include "query/ast.h"
#include "query/problem.h"

/* The bound of a comparison or a range. A number in quotes is the number, for fields of numbers. */
enum status value_check_bound(struct slice field, struct literal *bound,
                              struct query_problem *problem) WARN_UNUSED;
/* Both bounds of filter->low .. filter->high, in this order; compared as the query will. */
enum status value_check_order(const struct filter *filter,
                              struct query_problem *problem) WARN_UNUSED;
/* A whole value: units as in field_type_check(), patterns (5xx, 500-599) of numbers, addresses and
 * networks. Makes filter->kind FILTER_IPV4 where the value is an IPv4 network. */
enum status value_check_whole(struct filter *filter, const struct literal *literal,
                              struct query_problem *problem) WARN_UNUSED;
/* 10.0.0.1 or 10.0.0.0/8, exactly: the lowest and the highest address. */
bool value_network(struct slice text, uint32_t *low, uint32_t *high);

#endif
