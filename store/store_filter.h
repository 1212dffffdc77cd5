/* store/store_filter.h -- a filter that the store keeps: for rules of retention, and for erasure.
 *
 * The store knows no query language: it keeps the text, and whoever opens the store hands in the
 * function that makes a predicate of it. A text must mean the same for ever: no times that count
 * from now.
 *
 * Thread safety: a filter is read-only once made; any number of threads evaluate it. */
#ifndef DENDRO_STORE_STORE_FILTER_H
#define DENDRO_STORE_STORE_FILTER_H

#include "base/error.h"
#include "store/predicate.h"

struct store;

struct store_filter {
    const struct predicate *predicate;
    /* Texts that it could not decide (limits of a regex): taken as no match. NULL: decides all. */
    uint64_t (*undecided)(const struct store_filter *filter);
    void (*free)(struct store_filter *filter);
};

/* Names of fields that no row had so far are made (store_field()), so that the filter holds for rows
 * that come later. Errors: INVALID with a sentence, NO_MEMORY. */
typedef enum status store_filter_make(void *user, struct store *store, struct slice text,
                                      struct store_filter **out, struct error *err);

#endif
