/* query/kept_filter.h -- a filter of the language for the store to keep (store/store_filter.h): rules of
 * retention, erasures.
 *
 * It must mean the same for ever, and be decided for each row alone: no pipes, no subqueries, no
 * _time (the store has times of its own for that), no template numbers.
 * Thread safety: as store/store_filter.h. */
#ifndef DENDRO_QUERY_KEPT_FILTER_H
#define DENDRO_QUERY_KEPT_FILTER_H

#include "store/store_filter.h"

/* A store_filter_make; `user` is not used. */
enum status kept_filter_make(void *user, struct store *store, struct slice text,
                             struct store_filter **out, struct error *err) WARN_UNUSED;
/* Only look whether it could be made: without a store, for `config check`. */
enum status kept_filter_check(struct slice text, struct error *err) WARN_UNUSED;

#endif
